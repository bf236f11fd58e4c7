//! What an operator says about repositories: names of environments and apps, layouts, what travels, what may differ.
//!
//! From the program's settings; a `.quarterdeck.toml` on the branch that is followed may add to them (`rules/file.rs` has
//! its form). Rules say what is understood and what a promotion carries; who may do what is never theirs (A25): what a
//! repository adds takes nothing from the operator's rules, and neither names environments nor takes a known id.

mod expected;
mod file;
mod glob;

use model::repository::NotUnderstood;

use super::{
    edit::Field,
    layout::App,
    tree::{Tree, TreeError},
};

pub use self::file::RulesError;

/// The name of the file in a repository that adds rules.
pub const FILE: &str = ".quarterdeck.toml";
/// A longer one is refused.
const LARGEST: usize = 256 * 1024;

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

impl Rules {
    /// Reads the rules of a `.quarterdeck.toml`.
    ///
    /// # Errors
    /// What is no TOML, what no rule says, and what is not for a repository to say; each with its line.
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        file::parse(text)
    }

    /// Adds the rules of a repository to these, which stay as they are.
    ///
    /// # Errors
    /// Environments, and ids or paths that these rules name already.
    pub fn with_repository(&self, repository: Self) -> Result<Self, RulesError> {
        if !repository.environments.is_empty() {
            return Err(RulesError::Environments);
        }
        for added in &repository.apps {
            if let Some(known) = self.apps.iter().find(|it| it.id == added.id || it.path == added.path) {
                let (id, path) = (known.id.clone(), known.path.clone());
                return Err(RulesError::Clash { id: added.id.clone(), known: id, path });
            }
        }
        let mut rules = self.clone();
        rules.apps.extend(repository.apps);
        rules.layouts.extend(repository.layouts);
        rules.travels.extend(repository.travels);
        rules.expected.extend(repository.expected);
        Ok(rules)
    }

    /// Adds what the `.quarterdeck.toml` of a tree says. Where that cannot be, these rules stay alone, and the reason is
    /// told.
    pub fn read(&self, tree: &Tree<'_>) -> (Self, Option<NotUnderstood>) {
        let added = match tree.read(FILE) {
            Err(TreeError::Missing { .. }) => return (self.clone(), None),
            Err(error) => Err(error.to_string()),
            Ok(bytes) if bytes.len() > LARGEST => {
                Err(format!("it has {} bytes, more than the {LARGEST} that are read", bytes.len()))
            }
            Ok(bytes) => match std::str::from_utf8(&bytes) {
                Err(_) => Err("it is not UTF-8; save it as UTF-8".to_owned()),
                Ok(text) => Self::parse(text)
                    .and_then(|rules| self.with_repository(rules))
                    .map_err(|error| error.to_string()),
            },
        };
        match added {
            Ok(rules) => (rules, None),
            Err(why) => (self.clone(), Some(NotUnderstood { path: FILE.to_owned(), why })),
        }
    }

    /// Returns what else travels of an app.
    pub fn travels_of<'a>(&'a self, base_path: &'a str, name: &'a str) -> impl Iterator<Item = &'a Travel> {
        self.travels.iter().filter(move |it| is_of(&it.apps, base_path, name)).map(|it| &it.what)
    }

    /// Returns why a difference is expected, if it is: `file` relative to the folder of the environment, the field as plans
    /// write it, none for a whole file.
    pub fn is_expected(&self, app: &App, file: &str, field: Option<&str>) -> Option<&'static str> {
        let is_listed = |rule: &ExpectedRule| {
            let of_field =
                rule.field.is_empty() || field.is_some_and(|field| glob::matches(&rule.field, field, b'.'));
            of_field
                && (rule.file.is_empty() || glob::matches(&rule.file, file, b'/'))
                && is_of(&rule.apps, &app.base_path, &app.name)
        };
        if self.expected.iter().any(is_listed) {
            return Some("the rules list it as expected");
        }
        expected::built_in(file, field?)
    }
}

fn is_of(apps: &str, base_path: &str, name: &str) -> bool {
    apps.is_empty() || glob::matches(apps, base_path, b'/') || glob::matches(apps, name, b'/')
}

#[cfg(test)]
mod tests;
