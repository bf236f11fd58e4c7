//! What happened: operations and changes of state, kept in PostgreSQL.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    application::ApplicationId,
    status::{Health, Phase, Sync},
};

/// One line of the history of an Application.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistoryEntry {
    /// The Application; so that lists over all of them can name it.
    pub application: ApplicationId,
    pub at: Timestamp,
    pub what: HistoryEvent,
    /// Whether it was filled in from Argo CD's own history, for we were not there.
    pub backfilled: bool,
}

/// What happened.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum HistoryEvent {
    /// A sync operation.
    Operation {
        phase: Phase,
        finished_at: Option<Timestamp>,
        revision: Option<String>,
        /// The person who started it; none where Argo CD did by itself.
        started_by: Option<String>,
        message: String,
    },
    /// The health changed.
    HealthChanged { from: Option<Health>, to: Health },
    /// The sync status changed.
    SyncChanged { from: Option<Sync>, to: Sync },
}
