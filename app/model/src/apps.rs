//! Apps over their environments: the matrix, the page of one app, and what differs between two environments.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    application::{ApplicationId, ApplicationRow, FacetValue},
    status::{ControlPlane, Environment},
};

/// What the matrix asks for; all of it is in the URL. Empty filters take all.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ListApps {
    /// Free text: matches the app, its project, versions and clusters, without case. `behind` alone, or `behind:>N`, takes
    /// apps that are behind in some environment, by more than N.
    pub q: String,
    pub project: Vec<String>,
    /// [`CellState::word`]s; an app is taken when one of its cells has one.
    pub health: Vec<String>,
    /// The columns that are shown.
    pub environment: Vec<String>,
    pub group: GroupBy,
    pub density: Density,
    /// From 1.
    pub page: u32,
    /// 10 to 500; 0 is the default of 100.
    pub per_page: u32,
}

impl ListApps {
    /// Returns whether any filter is set that hides apps.
    pub fn is_filtered(&self) -> bool {
        !self.q.trim().is_empty() || !self.project.is_empty() || !self.health.is_empty()
    }
}

/// How the rows of the matrix are gathered.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    #[default]
    Project,
    /// One list, by name.
    None,
}

/// How much room a row takes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Density {
    #[default]
    Regular,
    Compact,
}

/// Apps × environments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Matrix {
    /// The moment that the ages count against.
    pub now: Timestamp,
    /// The columns that are shown, in the order of promotions.
    pub columns: Vec<Column>,
    /// In the order of their groups, then of their names.
    pub rows: Vec<AppRow>,
    /// How many match the filters.
    pub matching: u32,
    /// How many there are that the actor may see.
    pub total: u32,
    /// The page that this is, from 1, and how many rows a page has.
    pub page: u32,
    pub per_page: u32,
    pub facets: AppFacets,
    /// The actor's own, by name.
    pub views: Vec<SavedView>,
    pub control_planes: Vec<ControlPlane>,
    /// Applications that are no part of the matrix, for their environment is not known: how many.
    pub without_environment: u32,
}

/// An environment as a column.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Column {
    pub environment: String,
    /// Decides the colour of the tag; see [`Environment::Known`].
    pub rank: u8,
    pub protected: bool,
    /// How many clusters its Applications deploy to, and how many of them do not answer.
    pub clusters: u32,
    pub unreachable: u32,
    /// How many cells of the matching apps are in each state, worst first; states without one are left out.
    pub counts: Vec<(CellState, u32)>,
}

/// An app as a row.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AppRow {
    /// Names it in URLs.
    pub slug: String,
    pub name: String,
    /// The project of its Applications; several are joined by a comma.
    pub project: String,
    /// One for each column; none where the app is not in that environment.
    pub cells: Vec<Option<Cell>>,
    /// For each column whether the app could be brought there: it is in the environment before, and not in this one.
    pub introducible: Vec<bool>,
    /// In words how far it is: `2 releases to prod`, `even everywhere`, `not in prod`.
    pub summary: String,
}

/// An app in an environment.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cell {
    /// The version that runs: the tag of the image, else the revision; none where nothing is known. Where clusters differ,
    /// the oldest to have changed.
    pub version: Option<String>,
    /// Whether several versions run: on different clusters, or while one takes the place of another.
    pub mixed: bool,
    /// The worst of all its Applications.
    pub state: CellState,
    /// Why it is not well, in words; empty when it is.
    pub reason: String,
    /// When it changed last.
    pub since: Option<Timestamp>,
    /// Of a cell that is not live: since when what is shown was true; the oldest moment of its Applications.
    pub stale_since: Option<Timestamp>,
    pub lag: Lag,
    /// One for each Application, in the order of their clusters.
    pub marks: Vec<Mark>,
    /// What is in the way of a promotion to it: a hold on the app here, or a freeze; a sentence says who, why and until
    /// when.
    pub held: Option<String>,
    pub frozen: Option<String>,
    /// The open change of the app here.
    pub change: Option<u64>,
}

/// The state of an Application in one word: the worst of health, operation and sync.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CellState {
    Healthy,
    Suspended,
    OutOfSync,
    Progressing,
    Unknown,
    Missing,
    /// What is shown was true once: its cluster or control plane does not answer.
    Stale,
    SyncFailed,
    Degraded,
}

impl CellState {
    /// All states, worst first.
    pub const ALL: [Self; 9] = [
        Self::Degraded,
        Self::SyncFailed,
        Self::Stale,
        Self::Missing,
        Self::Unknown,
        Self::Progressing,
        Self::OutOfSync,
        Self::Suspended,
        Self::Healthy,
    ];

    /// Returns the word for people; it is also the value in URLs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Suspended => "Suspended",
            Self::OutOfSync => "Out of sync",
            Self::Progressing => "Progressing",
            Self::Unknown => "Unknown",
            Self::Missing => "Missing",
            Self::Stale => "Stale",
            Self::SyncFailed => "Sync failed",
            Self::Degraded => "Degraded",
        }
    }
}

/// How far an environment is behind the one before it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", content = "count", rename_all = "snake_case")]
pub enum Lag {
    /// There is none before it.
    First,
    Even,
    /// This many releases that the environment before has run and this one has not, without those rolled back or skipped.
    Behind(u32),
    /// It runs what the environment before does not have yet.
    Ahead,
    /// They differ, and the repository does not tell by how much.
    Differs,
}

/// An Application of a cell.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Mark {
    pub application: ApplicationId,
    pub cluster: String,
    pub state: CellState,
}

/// The values of each filter with their counts, after the other filters.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AppFacets {
    pub project: Vec<FacetValue>,
    pub health: Vec<FacetValue>,
    /// All environments, whether shown or not; counts apps.
    pub environment: Vec<FacetValue>,
}

/// A query of the matrix that somebody keeps.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SavedView {
    /// One line of 1 to 60 characters.
    pub name: String,
    pub query: ListApps,
}

/// Names an app in an environment.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CellId {
    /// The slug.
    pub app: String,
    pub environment: String,
}

/// What the popover of a cell tells.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CellDetail {
    pub now: Timestamp,
    pub id: CellId,
    pub name: String,
    pub environment: Environment,
    pub cell: Cell,
    /// The release that brought the version, where the repository tells.
    pub release: Option<ReleaseRef>,
    pub acts: Vec<Act>,
    pub applications: Vec<ApplicationRow>,
}

/// What may be done with an app in an environment.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Act {
    pub kind: ActKind,
    /// The environment that a promotion goes to.
    pub to: Option<String>,
    /// Why it cannot be done now: the missing right or condition, short, e.g. `needs promotions/create`.
    pub denied: Option<String>,
}

/// The acts on an app in an environment.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ActKind {
    /// To the next environment.
    Promote,
    /// The app is not in the next environment yet.
    Introduce,
    RollBack,
    Sync,
    Refresh,
}

/// A version, and the commit that asked for it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReleaseRef {
    pub version: String,
    pub commit: String,
    /// One line each, as anybody may have written them.
    pub subject: String,
    pub author: String,
    pub at: Timestamp,
}

/// The page of one app.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AppDetail {
    pub now: Timestamp,
    pub slug: String,
    pub name: String,
    pub project: String,
    /// Why these Applications are one app, e.g. "Its Applications deploy from apps/web-app of …".
    pub why: String,
    /// Without credentials; none where the app is told from names alone.
    pub repository: Option<String>,
    pub base_path: Option<String>,
    /// All environments of the order, those that the app is not in too.
    pub environments: Vec<AppEnvironment>,
    /// Newest first, at most 50.
    pub releases: Vec<Release>,
    /// Why releases are not told, or not all, where that is so.
    pub releases_note: Option<String>,
    pub control_planes: Vec<ControlPlane>,
}

/// An app in one environment, on its own page.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AppEnvironment {
    pub environment: String,
    pub rank: u8,
    pub protected: bool,
    /// None where the app is not in it.
    pub cell: Option<Cell>,
    pub applications: Vec<ApplicationRow>,
    /// The next acts, the first one first.
    pub acts: Vec<Act>,
}

/// A release over the environments: where is my commit?
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Release {
    pub release: ReleaseRef,
    /// One for each environment of the order.
    pub stations: Vec<Station>,
}

/// What became of a release in an environment.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Station {
    /// It has not come there.
    None,
    /// Git asks for it since then, and it runs.
    Live { since: Timestamp },
    /// Git asks for it, and it does not run (everywhere) yet, or not well.
    OnTheWay { since: Timestamp, state: CellState },
    /// It was asked for from then until then.
    WasLive { from: Timestamp, to: Timestamp },
    /// It was taken back after a while.
    RolledBack { from: Timestamp, to: Timestamp },
    /// The environment went past it, to this version.
    Skipped { version: String },
}

/// What differs between two environments of an app.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Comparison {
    pub slug: String,
    pub name: String,
    pub from: String,
    pub to: String,
    /// The commit that was read.
    pub commit: String,
    /// What a promotion would bring.
    pub travels: Vec<FieldDifference>,
    /// What nobody has listed as expected.
    pub unlisted: Vec<FieldDifference>,
    /// What is expected to differ: namespaces, replicas, hosts, and what the rules name.
    pub expected: Vec<FieldDifference>,
}

/// A field or a file that differs between two environments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldDifference {
    /// Relative to the folder of the environment.
    pub file: String,
    /// None where it is the whole file.
    pub field: Option<String>,
    /// What each has; none where it is absent.
    pub from: Option<String>,
    pub to: Option<String>,
    /// Why it stays, or why it is expected; empty for what travels.
    pub why: String,
}
