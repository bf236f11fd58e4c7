//! What an operator says about repositories: names of environments and apps, layouts, what travels, what may differ.
//!
//! From the program's settings; a `.quarterdeck.toml` on the branch that is followed may add to them. Rules say what is
//! understood and what a promotion carries; who may do what is never theirs.

use super::edit::Field;

/// The rules for one repository.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rules {
    /// In the order of promotions; empty for dev, staging, prod with their usual aliases.
    pub environments: Vec<EnvironmentWords>,
    pub apps: Vec<AppRule>,
    pub layouts: Vec<LayoutRule>,
    pub travels: Vec<TravelRule>,
    pub expected: Vec<ExpectedRule>,
}

/// An environment, and what else folders and files call it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EnvironmentWords {
    pub name: String,
    pub aliases: Vec<String>,
}

/// Gives what lives at a path an id of its own, by which people and policies name it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AppRule {
    pub id: String,
    /// The base path, e.g. `apps/web-app`.
    pub path: String,
}

/// A layout that is not found by itself, e.g. `deploy/{environment}/{app}` or `sites/{app}/{environment}-{region}`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LayoutRule {
    pub pattern: String,
}

/// Something that travels beyond the images of kustomizations (rules R1 and R4).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TravelRule {
    /// A glob of base paths or ids of apps; empty for all.
    pub apps: String,
    pub what: Travel,
}

/// What a promotion may carry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Travel {
    /// A field of a file, the file relative to the folder of the environment.
    Field { file: String, field: Field },
    /// A field of every Helm values file of the environment, e.g. `image.tag`.
    HelmValue { field: Field },
    /// The version of the chart in Application manifests (`spec.source(s).targetRevision` of a chart).
    ChartVersion,
    /// `targetRevision` of Git sources in Application manifests.
    TargetRevision,
    /// A whole file, by its name relative to the folder of the environment.
    File { file: String },
}

/// A difference that is expected between environments and folded away.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExpectedRule {
    /// A glob of base paths or ids of apps; empty for all.
    pub apps: String,
    /// A glob of files relative to the folder of the environment; empty for all.
    pub file: String,
    /// A glob of fields as plans write them, e.g. `replicas[*].count`; empty for the whole file.
    pub field: String,
}
