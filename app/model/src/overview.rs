//! The overview: counts, what needs attention, the clusters, and the latest operations.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    application::ApplicationRow,
    change::ChangeRow,
    cluster::ClusterRow,
    gate::Freeze,
    history::HistoryEntry,
    status::{ControlPlane, Health, Warning},
};

/// The first page.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Overview {
    pub now: Timestamp,
    pub apps: u32,
    pub applications: u32,
    pub counts: Counts,
    /// Worst first, at most 20.
    pub attention: Vec<Attention>,
    /// How many need attention in all.
    pub attention_total: u32,
    pub clusters: Vec<ClusterRow>,
    /// Newest first, at most 10.
    pub operations: Vec<HistoryEntry>,
    pub control_planes: Vec<ControlPlane>,
    pub warnings: Vec<Warning>,
    /// Those that are now.
    pub freezes: Vec<Freeze>,
    /// Open changes, the newest first, at most 10.
    pub changes: Vec<ChangeRow>,
}

/// Counts of Applications; each is a filter of the list.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Counts {
    /// By health, those alone whose state is live.
    pub health: Vec<(Health, u32)>,
    /// Those whose state is not live.
    pub stale: u32,
    pub out_of_sync: u32,
    /// Those of the out of sync with auto-sync off.
    pub out_of_sync_manual: u32,
    pub failed_operations: u32,
    pub running_operations: u32,
    /// Clusters that do not answer.
    pub unreachable_clusters: u32,
    /// Of the degraded, those in a protected environment.
    pub degraded_protected: u32,
}

/// Something that needs a person.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Attention {
    Application(Box<ApplicationRow>),
    Cluster(Box<ClusterRow>),
}

/// The counts in the sidebar.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Navigation {
    pub applications: u32,
    pub unreachable_clusters: u32,
    /// Open changes.
    pub changes: u32,
    /// What waits for the actor's decision.
    pub waiting: u32,
    /// Freezes that are now, and holds.
    pub gates: u32,
    /// Whether the actor may read anything of the record.
    pub may_read_record: bool,
    /// Whether the actor is the local administrator, in beside single sign-on.
    pub breaks_glass: bool,
    /// Who is signed in.
    pub actor: String,
}
