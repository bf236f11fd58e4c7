//! Applications: the row of a list, the page of one, and the query of a list.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    history::HistoryEntry,
    status::{ControlPlane, Environment, Freshness, Health, Phase, Sync, Warning},
};

/// What names an Application in the fleet.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApplicationId {
    pub control_plane: String,
    pub namespace: String,
    pub name: String,
}

/// One line of a list of Applications.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApplicationRow {
    pub id: ApplicationId,
    pub project: String,
    /// The app that it belongs to.
    pub app: String,
    pub environment: Environment,
    /// The name of the destination cluster, as people know it.
    pub cluster: String,
    /// The namespace that it deploys to.
    pub namespace: String,
    /// How fresh our knowledge is: the worse of control plane and cluster. Never show green where it is not live.
    pub freshness: Freshness,
    /// As Argo CD says.
    pub health: Health,
    pub sync: Sync,
    /// The operation that runs or ran last.
    pub operation: Option<OperationState>,
    /// The version that runs: the tag of the first image.
    pub version: Option<String>,
    /// The commit (or chart version) that Argo CD compared with.
    pub revision: Option<String>,
    /// Why it is not well, in words; empty when it is.
    pub reason: String,
    pub auto_sync: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// When health, sync or operation changed last.
    pub changed_at: Option<Timestamp>,
}

/// Where the last operation stands.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OperationState {
    pub phase: Phase,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}

/// What a list of Applications asks for; all of it is in the URL. Empty filters take all.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ListApplications {
    /// Free text: matches name, app, cluster, project, namespace, version and revision, without case.
    pub q: String,
    /// Health words, and `Stale` for what is not live.
    pub health: Vec<String>,
    pub sync: Vec<String>,
    pub operation: Vec<String>,
    pub project: Vec<String>,
    pub cluster: Vec<String>,
    pub environment: Vec<String>,
    pub sort: SortBy,
    /// Whether the sort is turned round.
    pub reverse: bool,
    /// From 1.
    pub page: u32,
    /// 10 to 200; 0 is the default of 50.
    pub per_page: u32,
    /// For machines: the rows that follow this place, in the order of their ids; `start` for the first. Sort and page
    /// then do not count, and what comes or goes meanwhile moves no row to another page.
    pub cursor: String,
}

impl ListApplications {
    /// Returns whether any filter is set.
    pub fn is_filtered(&self) -> bool {
        let lists =
            [&self.health, &self.sync, &self.operation, &self.project, &self.cluster, &self.environment];
        !self.q.trim().is_empty() || lists.into_iter().any(|list| !list.is_empty())
    }
}

/// The columns that a list of Applications can be sorted by.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SortBy {
    /// Worst first: what needs a person before what does not, prod before others.
    #[default]
    Worst,
    Name,
    Health,
    Sync,
    Environment,
    Cluster,
    Project,
    /// Newest change first.
    Changed,
}

/// One page of a list of Applications.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApplicationList {
    /// The moment that the ages count against.
    pub now: Timestamp,
    pub rows: Vec<ApplicationRow>,
    /// How many match the filters.
    pub matching: u32,
    /// How many there are that the actor may see.
    pub total: u32,
    /// The page that this is, from 1, and how many rows a page has.
    pub page: u32,
    pub per_page: u32,
    /// The place that the next rows follow, where a cursor was given and more come.
    pub next_cursor: Option<String>,
    pub facets: Facets,
    /// The control planes, also those that do not answer.
    pub control_planes: Vec<ControlPlane>,
    pub warnings: Vec<Warning>,
}

/// The values of each filter with their counts, after the other filters.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Facets {
    pub health: Vec<FacetValue>,
    pub sync: Vec<FacetValue>,
    pub operation: Vec<FacetValue>,
    pub environment: Vec<FacetValue>,
    pub project: Vec<FacetValue>,
    pub cluster: Vec<FacetValue>,
}

/// One value of a filter.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FacetValue {
    /// The value as it stands in the URL.
    pub value: String,
    pub count: u32,
}

/// The page of one Application.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApplicationDetail {
    pub now: Timestamp,
    pub row: ApplicationRow,
    pub sources: Vec<Source>,
    /// The URL of the destination's API server, where known.
    pub server: Option<String>,
    pub policy: SyncPolicy,
    /// Whether sync windows let a person sync now, in words; none where no window concerns it.
    pub window: Option<WindowVerdict>,
    /// Names its app in URLs.
    pub slug: String,
    pub health_since: Option<Timestamp>,
    pub compared_at: Option<Timestamp>,
    /// Why the actor may not sync it, where they may not: the right that is missing, and who has it.
    pub sync_denied: Option<String>,
    /// Since when a refresh is asked for and not done.
    pub refresh_requested: Option<String>,
    pub conditions: Vec<Condition>,
    pub resources: Vec<Resource>,
    /// Why the resources' health could not be told, where it could not.
    pub resources_note: Option<String>,
    pub operation: Option<OperationDetail>,
    /// Newest first, at most 50.
    pub history: Vec<HistoryEntry>,
}

/// A source of manifests.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Source {
    pub repo_url: String,
    /// The path in the repository, or the chart's name.
    pub path: String,
    pub is_chart: bool,
    pub target_revision: String,
    /// The revision compared with.
    pub revision: Option<String>,
}

/// How the Application follows Git.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SyncPolicy {
    pub auto_sync: bool,
    pub prune: bool,
    pub self_heal: bool,
    pub options: Vec<String>,
    /// The number of retries of a failed sync; none where no retry is set.
    pub retry_limit: Option<i64>,
}

/// What the sync windows say to a person who would sync now.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WindowVerdict {
    pub allowed: bool,
    /// E.g. "a deny window (0 22 * * *, 8h, Europe/Berlin) of project payments is open".
    pub why: String,
}

/// A condition that Argo CD reports.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Condition {
    pub kind: String,
    pub message: String,
    pub at: Option<Timestamp>,
}

/// A resource of an Application.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Resource {
    pub group: String,
    pub version: String,
    pub kind: String,
    pub namespace: String,
    pub name: String,
    /// None where the kind has no health, or nobody could tell.
    pub health: Option<Health>,
    pub health_source: HealthSource,
    /// Why it is not well, in words; empty when it is.
    pub reason: String,
    pub sync: Option<Sync>,
    pub wave: i64,
    /// The phase of the hook (`PreSync`, …), where it is one.
    pub hook: Option<String>,
    /// Whether it is live but no longer in Git.
    pub requires_pruning: bool,
    pub created_at: Option<Timestamp>,
}

/// Who says what the health of a resource is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HealthSource {
    /// The Application carries it.
    ArgoCd,
    /// Computed by Quarterdeck from the live object, by Argo CD's rules.
    Quarterdeck,
    /// It is not known.
    None,
}

/// The operation that runs or ran last, in full.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OperationDetail {
    pub phase: Phase,
    pub message: String,
    /// The person who started it; none where Argo CD did by itself.
    pub started_by: Option<String>,
    pub automated: bool,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub revision: Option<String>,
    pub retry_count: i64,
    pub dry_run: bool,
    pub prune: bool,
    /// What a running sync waits for, e.g. "wave 1: Deployment/checkout to be Healthy".
    pub waits_for: Option<String>,
    /// The wave that a running sync waits in.
    pub waits_in_wave: Option<i64>,
    pub results: Vec<ResourceResult>,
}

/// What an operation did to one resource.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResourceResult {
    pub kind: String,
    pub namespace: String,
    pub name: String,
    /// `Synced`, `SyncFailed`, `Pruned`, `PruneSkipped`, or empty.
    pub status: String,
    pub message: String,
    /// `PreSync`, `Sync`, `PostSync` or `SyncFail`; empty where unknown.
    pub phase: String,
    pub hook: bool,
}
