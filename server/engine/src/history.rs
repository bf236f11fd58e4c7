//! What happened to Applications: every operation and every change of health and sync, each once.
//!
//! Argo CD keeps the last operation alone; the watch reports each state that it sees to [`record`], and this module
//! makes a history of it. Reporting twice, late, out of order or from several replicas makes no difference. What
//! happened while nobody watched is filled in from Argo CD's own list of deploys, and marked so.

mod observed;
mod partitions;
mod past;
mod record;

use model::{
    Timestamp,
    application::ApplicationId,
    history::{HistoryEntry, HistoryEvent},
    status::{Health, Phase, Sync},
};
use sqlx::{FromRow, Row as _, postgres::PgRow};

use crate::{
    db::{Db, Moment, failed},
    error::Result,
};

pub use partitions::{Retention, prune};
pub use past::{Past, PastHealth, PastOperation, past_of};
pub use record::record;

/// One Application as it was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    pub id: ApplicationId,
    /// The uid of the object: a deleted and recreated Application is another one.
    pub uid: String,
    pub app: String,
    pub environment: Option<String>,
    /// When it was seen like this.
    pub at: Timestamp,
    /// The object's resourceVersion: an older state never overrules a newer one, whichever replica saw it and when.
    pub version: i64,
    pub health: Health,
    pub sync: Sync,
    /// The running or last operation.
    pub operation: Option<ObservedOperation>,
    /// Argo CD's own list of deploys: given at the first sight since this program started, empty afterwards.
    pub past: Vec<PastDeploy>,
}

/// An operation as `status.operationState` shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservedOperation {
    /// With the uid, what names the operation.
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub phase: Phase,
    pub message: String,
    pub revision: Option<String>,
    /// The person who started it.
    pub started_by: Option<String>,
    /// Whether Argo CD started it by itself.
    pub automated: bool,
    /// Our own id in `operation.info`, where the operation is ours.
    pub audit_id: Option<String>,
}

/// One entry of `status.history`: a whole sync that succeeded.
#[derive(Clone, Debug, PartialEq)]
pub struct PastDeploy {
    pub revision: String,
    /// The start of the operation; entries without one name none, and are to be left out.
    pub deploy_started_at: Timestamp,
    pub deployed_at: Timestamp,
    pub started_by: Option<String>,
    pub automated: bool,
}

/// Returns the newest operations and changes of one Application, newest first.
pub async fn of_application(db: &Db, id: &ApplicationId, limit: u32) -> Result<Vec<HistoryEntry>> {
    let operations = sqlx::query_as(
        "SELECT * FROM operations WHERE control_plane = $1 AND namespace = $2 AND name = $3
         ORDER BY started_at DESC LIMIT $4",
    );
    let transitions = sqlx::query_as(
        "SELECT * FROM transitions WHERE control_plane = $1 AND namespace = $2 AND name = $3
         ORDER BY at DESC LIMIT $4",
    );
    let (operations, transitions): (Vec<OperationRow>, Vec<TransitionRow>) = tokio::try_join!(
        operations
            .bind(&id.control_plane)
            .bind(&id.namespace)
            .bind(&id.name)
            .bind(i64::from(limit))
            .fetch_all(db.pool()),
        transitions
            .bind(&id.control_plane)
            .bind(&id.namespace)
            .bind(&id.name)
            .bind(i64::from(limit))
            .fetch_all(db.pool()),
    )
    .map_err(failed("read the history of an Application"))?;

    let operations = operations.into_iter().map(|row| row.0);
    let mut entries: Vec<_> = operations.chain(transitions.into_iter().map(|row| row.0)).collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    entries.truncate(limit as usize);
    Ok(entries)
}

/// Returns the newest operations of all Applications, newest first.
pub async fn latest_operations(
    db: &Db,
    limit: u32,
    may_see: impl Fn(&ApplicationId) -> bool,
) -> Result<Vec<HistoryEntry>> {
    // Who sees little has little to find: after these, the rest is too old to be news.
    const BATCHES: u32 = 10;
    const BATCH: u32 = 200;
    let mut found: Vec<HistoryEntry> = Vec::new();
    for batch in 0..BATCHES {
        let rows: Vec<OperationRow> =
            sqlx::query_as("SELECT * FROM operations ORDER BY started_at DESC LIMIT $1 OFFSET $2")
                .bind(i64::from(if batch == 0 { limit } else { BATCH }))
                .bind(i64::from(if batch == 0 { 0 } else { limit + (batch - 1) * BATCH }))
                .fetch_all(db.pool())
                .await
                .map_err(failed("read the latest operations"))?;
        let was_last = rows.is_empty();
        found.extend(rows.into_iter().map(|row| row.0).filter(|entry| may_see(&entry.application)));
        if was_last || found.len() >= limit as usize {
            break;
        }
    }
    found.truncate(limit as usize);
    Ok(found)
}

struct OperationRow(HistoryEntry);

impl FromRow<'_, PgRow> for OperationRow {
    fn from_row(row: &PgRow) -> std::result::Result<Self, sqlx::Error> {
        let what = HistoryEvent::Operation {
            phase: Phase::parse(row.try_get("phase")?).unwrap_or(Phase::Error),
            finished_at: row.try_get::<Option<Moment>, _>("finished_at")?.map(|moment| moment.0),
            revision: row.try_get("revision")?,
            started_by: row.try_get("started_by")?,
            message: row.try_get("message")?,
        };
        let at = row.try_get::<Moment, _>("started_at")?.0;
        Ok(Self(HistoryEntry {
            application: application_of(row)?,
            at,
            what,
            backfilled: row.try_get("backfilled")?,
        }))
    }
}

struct TransitionRow(HistoryEntry);

impl FromRow<'_, PgRow> for TransitionRow {
    fn from_row(row: &PgRow) -> std::result::Result<Self, sqlx::Error> {
        let (before, after) = (row.try_get("before")?, row.try_get("after")?);
        let what = match row.try_get("aspect")? {
            "health" => {
                HistoryEvent::HealthChanged { from: Some(Health::parse(before)), to: Health::parse(after) }
            }
            _ => HistoryEvent::SyncChanged { from: Some(Sync::parse(before)), to: Sync::parse(after) },
        };
        let at = row.try_get::<Moment, _>("at")?.0;
        Ok(Self(HistoryEntry { application: application_of(row)?, at, what, backfilled: false }))
    }
}

fn application_of(row: &PgRow) -> std::result::Result<ApplicationId, sqlx::Error> {
    Ok(ApplicationId {
        control_plane: row.try_get("control_plane")?,
        namespace: row.try_get("namespace")?,
        name: row.try_get("name")?,
    })
}
