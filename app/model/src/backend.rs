//! The contract between the halves: one object-safe trait per noun; [`Backend`] is their sum.
//!
//! Every method takes the [`Actor`] first, and passes through the engine's one `authorize`; what the actor may not
//! know of is [`AppError::NotFound`](crate::AppError::NotFound).

use std::pin::Pin;

use tokio::sync::watch;

use crate::{
    Actor, AppResult,
    access::{AskPermission, CreateToken, CreatedToken, Permissions, SessionList, SignInOptions, TokenList},
    application::{ApplicationDetail, ApplicationId, ApplicationList, ListApplications},
    apps::{AppDetail, CellDetail, CellId, Comparison, ListApps, Matrix, SavedView},
    change::{ChangeDetail, ChangeList, DecideChange, ListChanges, StartChange, Started, WaitingList},
    cluster::{ClusterDetail, ClusterId, ClusterList},
    gate::{CreateFreeze, GateList, PlaceHold},
    operation::{Outcome, RefreshKind, SyncApplication, SyncPreview},
    overview::{Navigation, Overview},
    plan::{AskPlan, EarlierStates, PlanDetail},
    record::{EventDetail, EventList, ExportPart, ListEvents},
    repository::RepositoryList,
};

/// The answer of a backend call: a future that can be sent between threads.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = AppResult<T>> + Send + 'a>>;

/// Everything that the engine does for the face.
pub trait Backend:
    Access + Apps + Changes + Fleet + Gates + Operations + Plans + Record + Send + Sync + 'static
{
}

impl<T: Access + Apps + Changes + Fleet + Gates + Operations + Plans + Record + Send + Sync + 'static> Backend
    for T
{
}

/// Reads the fleet.
pub trait Fleet {
    /// Returns the first page.
    fn get_overview<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Overview>;
    /// Returns the counts in the sidebar.
    fn get_navigation<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Navigation>;
    /// Returns one page of Applications, filtered, sorted and counted.
    fn list_applications<'a>(
        &'a self,
        actor: &'a Actor,
        query: ListApplications,
    ) -> Answer<'a, ApplicationList>;
    /// Returns one Application with its resources, last operation and history.
    fn get_application<'a>(&'a self, actor: &'a Actor, id: ApplicationId) -> Answer<'a, ApplicationDetail>;
    /// Returns all clusters.
    fn list_clusters<'a>(&'a self, actor: &'a Actor) -> Answer<'a, ClusterList>;
    /// Returns one cluster with its nodes, its pods that are not ready, and its Applications.
    fn get_cluster<'a>(&'a self, actor: &'a Actor, id: ClusterId) -> Answer<'a, ClusterDetail>;
    /// Returns a receiver that changes with each new snapshot of the index.
    fn snapshots(&self) -> watch::Receiver<u64>;
}

/// Reads apps over their environments, and the repositories that they come from.
pub trait Apps {
    /// Returns one page of the matrix, filtered, sorted and counted.
    fn get_matrix<'a>(&'a self, actor: &'a Actor, query: ListApps) -> Answer<'a, Matrix>;
    /// Returns one app over its environments, with its releases.
    fn get_app<'a>(&'a self, actor: &'a Actor, slug: String) -> Answer<'a, AppDetail>;
    /// Returns an app in one environment, and what may be done there.
    fn get_cell<'a>(&'a self, actor: &'a Actor, id: CellId) -> Answer<'a, CellDetail>;
    /// Tells what differs between two environments of an app.
    fn compare_environments<'a>(
        &'a self,
        actor: &'a Actor,
        slug: String,
        from: String,
        to: String,
    ) -> Answer<'a, Comparison>;
    /// Keeps a query of the matrix under a name, in the place of one with that name.
    fn save_view<'a>(&'a self, actor: &'a Actor, view: SavedView) -> Answer<'a, Outcome>;
    /// Forgets a kept query.
    fn delete_view<'a>(&'a self, actor: &'a Actor, name: String) -> Answer<'a, Outcome>;
    /// Returns the repositories with what was found in them.
    fn list_repositories<'a>(&'a self, actor: &'a Actor) -> Answer<'a, RepositoryList>;
    /// Fetches a repository, by its id; returns once that is done, or its error.
    fn fetch_repository<'a>(&'a self, actor: &'a Actor, id: String) -> Answer<'a, Outcome>;
}

/// Plans promotions and rollbacks; nothing here changes a repository or a cluster.
pub trait Plans {
    /// Computes a plan without keeping it.
    fn preview_plan<'a>(&'a self, actor: &'a Actor, ask: AskPlan) -> Answer<'a, PlanDetail>;
    /// Computes a plan and keeps it under its hash; asked for again, it is the same one.
    fn make_plan<'a>(&'a self, actor: &'a Actor, ask: AskPlan) -> Answer<'a, PlanDetail>;
    /// Returns a kept plan by its hash, and whether it still holds.
    fn get_plan<'a>(&'a self, actor: &'a Actor, hash: String) -> Answer<'a, PlanDetail>;
    /// Returns the states that an app had in an environment.
    fn list_earlier_states<'a>(&'a self, actor: &'a Actor, id: CellId) -> Answer<'a, EarlierStates>;
}

/// Carries plans out, through Git, and follows them.
pub trait Changes {
    /// Makes a change of a kept plan; asked twice, it is one change.
    fn start_change<'a>(&'a self, actor: &'a Actor, request: StartChange) -> Answer<'a, Started>;
    /// Returns one change with its timeline.
    fn get_change<'a>(&'a self, actor: &'a Actor, id: u64) -> Answer<'a, ChangeDetail>;
    /// Returns one page of changes, filtered and counted.
    fn list_changes<'a>(&'a self, actor: &'a Actor, query: ListChanges) -> Answer<'a, ChangeList>;
    /// Ends a change that is not committed yet.
    fn cancel_change<'a>(&'a self, actor: &'a Actor, id: u64) -> Answer<'a, Outcome>;
    /// Approves or declines a change, or takes an approval back; for people alone.
    fn decide_change<'a>(&'a self, actor: &'a Actor, request: DecideChange) -> Answer<'a, Outcome>;
    /// Returns what waits for the actor.
    fn list_waiting<'a>(&'a self, actor: &'a Actor) -> Answer<'a, WaitingList>;
}

/// Freezes and holds: what people put in the way of changes.
pub trait Gates {
    /// Returns all freezes, holds and sync windows that the actor may see.
    fn list_gates<'a>(&'a self, actor: &'a Actor) -> Answer<'a, GateList>;
    /// Makes a freeze.
    fn create_freeze<'a>(&'a self, actor: &'a Actor, request: CreateFreeze) -> Answer<'a, Outcome>;
    /// Ends a freeze, or keeps it from beginning.
    fn end_freeze<'a>(&'a self, actor: &'a Actor, id: u64) -> Answer<'a, Outcome>;
    /// Places a hold on an app in an environment.
    fn place_hold<'a>(&'a self, actor: &'a Actor, request: PlaceHold) -> Answer<'a, Outcome>;
    /// Releases a hold.
    fn release_hold<'a>(&'a self, actor: &'a Actor, id: u64) -> Answer<'a, Outcome>;
}

/// Sessions, tokens and rights.
pub trait Access {
    /// Returns how one may sign in; for everybody.
    fn sign_in_options(&self) -> SignInOptions;
    /// Returns the sessions that live: one's own, or everybody's.
    fn list_sessions<'a>(&'a self, actor: &'a Actor, of_all: bool) -> Answer<'a, SessionList>;
    /// Ends a session by its public id.
    fn end_session<'a>(&'a self, actor: &'a Actor, id: String) -> Answer<'a, Outcome>;
    /// Returns API tokens: one's own, or everybody's.
    fn list_tokens<'a>(&'a self, actor: &'a Actor, of_all: bool) -> Answer<'a, TokenList>;
    /// Makes an API token; its secret is in the answer and nowhere else.
    fn create_token<'a>(&'a self, actor: &'a Actor, request: CreateToken) -> Answer<'a, CreatedToken>;
    /// Ends an API token.
    fn revoke_token<'a>(&'a self, actor: &'a Actor, id: String) -> Answer<'a, Outcome>;
    /// Tells what the actor can do, who can do what is asked, and what is wrong with the policies.
    fn get_permissions<'a>(&'a self, actor: &'a Actor, ask: AskPermission) -> Answer<'a, Permissions>;
}

/// Acts on Applications through Argo CD.
pub trait Operations {
    /// Tells what a sync would do, without doing it.
    fn preview_sync<'a>(&'a self, actor: &'a Actor, id: ApplicationId) -> Answer<'a, SyncPreview>;
    /// Asks Argo CD to sync; returns once the operation is written.
    fn sync_application<'a>(&'a self, actor: &'a Actor, request: SyncApplication) -> Answer<'a, Outcome>;
    /// Asks Argo CD to compare with Git again; returns once that is done, or after 30 s.
    fn refresh_application<'a>(
        &'a self,
        actor: &'a Actor,
        id: ApplicationId,
        kind: RefreshKind,
    ) -> Answer<'a, Outcome>;
    /// Asks Argo CD to end the running operation.
    fn terminate_operation<'a>(&'a self, actor: &'a Actor, id: ApplicationId) -> Answer<'a, Outcome>;
}

/// Reads the record.
pub trait Record {
    /// Returns one page of acts, newest first, and where the chain stands.
    fn list_events<'a>(&'a self, actor: &'a Actor, query: ListEvents) -> Answer<'a, EventList>;
    /// Returns all that the record has on one act, by the id of its intent or of its outcome.
    fn get_event<'a>(&'a self, actor: &'a Actor, id: String) -> Answer<'a, EventDetail>;
    /// Returns a part of the sealed record in its order, from behind place `after` on (0 for the beginning).
    fn export_events<'a>(&'a self, actor: &'a Actor, query: ListEvents, after: u64)
    -> Answer<'a, ExportPart>;
}
