//! Acts on an Application: what is asked, and what comes back.

use serde::{Deserialize, Serialize};

use crate::application::{ApplicationId, WindowVerdict};

/// Names a resource of an Application: `group/kind/namespace/name`, the group empty for the core.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResourceRef {
    pub group: String,
    pub kind: String,
    pub namespace: String,
    pub name: String,
}

impl ResourceRef {
    /// Returns the reference as one value of a form.
    pub fn key(&self) -> String {
        format!("{}/{}/{}/{}", self.group, self.kind, self.namespace, self.name)
    }

    /// Parses a value of a form.
    pub fn parse(key: &str) -> Option<Self> {
        let mut parts = key.splitn(4, '/').map(str::to_owned);
        let (group, kind, namespace, name) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        (!kind.is_empty() && !name.is_empty()).then_some(Self { group, kind, namespace, name })
    }
}

/// What a sync would do; asked for before it is done.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SyncPreview {
    /// The environment that has to be typed, where it is protected.
    pub typed_environment: Option<String>,
    /// The cluster that it deploys to.
    pub cluster: String,
    /// Resources that differ from Git.
    pub out_of_sync: Vec<ResourceRef>,
    /// Resources that a pruning sync would delete.
    pub pruned: Vec<ResourceRef>,
    pub window: Option<WindowVerdict>,
    /// Why the sync would be refused now, where it would.
    pub refused: Option<String>,
}

/// Asks for a sync.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SyncApplication {
    pub id: ApplicationId,
    /// [`ResourceRef::key`]s; empty for the whole Application.
    pub resources: Vec<String>,
    pub prune: bool,
    pub dry_run: bool,
    /// The environment as typed; needed where it is protected.
    pub typed_environment: String,
}

/// How an Application is compared with Git again.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RefreshKind {
    /// Resolves the revision anew.
    #[default]
    Normal,
    /// Also renders the manifests anew.
    Hard,
}

/// What came of an act.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Outcome {
    /// The id of the act in the record.
    pub audit_id: String,
    /// One sentence for the toast.
    pub sentence: String,
}
