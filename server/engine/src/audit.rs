//! The record: who did what, on what, from where, and what came of it.
//!
//! An act is two rows: its intent, written before the act, and its outcome, which names the intent. No row is ever
//! changed; the program's role could not. Where the intent cannot be written, the act must not happen: [`begin`] fails.
//!
//! Each row is sealed into a chain of hashes ([`chain`]), which [`verify`](mod@verify) walks; `docs/audit.md` tells
//! third parties how to. Heads of the chain are kept elsewhere, too ([`anchor`]).

pub mod anchor;
pub mod chain;
mod denials;
mod extent;
mod observed;
mod owned;
mod prune;
mod read;
pub mod verify;

use std::{fmt, str::FromStr};

use model::{Actor, Timestamp, actor::ActorKind};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::{FromRow, PgConnection, Row as _, postgres::PgRow};
use uuid::Uuid;

use crate::{
    db::{Db, Moment, failed},
    error::Result,
};

pub use anchor::{AnchorSetting, Anchoring, keep_anchored};
pub use denials::{Denials, keep_flushed};
pub use extent::Extent;
pub use observed::watch_policies;
pub use owned::OwnedRecord;
pub use prune::{FORMAT, Pruned, prune};
pub use read::RecordReader;

/// Names an intent in the record; it is sorted by time.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AuditId(Uuid);

/// What is about to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// E.g. `sync`.
    pub verb: &'static str,
    /// On what, e.g. "application lab/argocd/web-app-prod".
    pub object: String,
    /// In which environment, where there is one.
    pub environment: Option<String>,
    /// What else matters: options, the patch, the names of resources. Never a secret.
    pub details: Value,
}

/// Returns what somebody asked for, as details of what was refused: each text cut and without control characters, for
/// anybody may send anything, and nothing of the record is ever deleted.
pub fn asked(request: &impl Serialize) -> Value {
    /// In characters.
    const LONGEST: usize = 300;
    fn cut(value: &mut Value) {
        match value {
            Value::String(text) => *text = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect(),
            Value::Array(list) => list.iter_mut().for_each(cut),
            Value::Object(map) => map.values_mut().for_each(cut),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut asked = serde_json::to_value(request).unwrap_or_default();
    cut(&mut asked);
    json!({"asked": asked})
}

/// What an act belongs to, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    /// The id of the session or token that the actor came with; never its secret.
    pub session: Option<String>,
    pub control_plane: Option<String>,
    pub app: Option<String>,
    /// Whether it was seen in a cluster, and not done by Quarterdeck.
    pub observed: bool,
}

/// An intent in its context; an [`Intent`] alone is one without.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub intent: Intent,
    pub context: Context,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub result: Ending,
    /// In words; empty where there is nothing to say.
    pub reason: String,
    pub details: Value,
}

/// The ways that an act ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    Succeeded,
    /// It was tried and did not work.
    Failed,
    /// The state of things forbade it: a window, another operation, a wrong word typed.
    Refused,
    /// The actor may not.
    Denied,
}

/// One row of the record.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEvent {
    pub id: AuditId,
    pub at: Timestamp,
    pub actor: Actor,
    pub verb: String,
    pub object: String,
    pub environment: Option<String>,
    /// The intent that this is the outcome of.
    pub outcome_of: Option<AuditId>,
    /// None in an intent.
    pub result: Option<Ending>,
    pub reason: String,
    pub details: Value,
}

/// Writes down what is about to be done. Only then may it be done.
pub async fn begin(db: &Db, actor: &Actor, intent: impl Into<Entry>) -> Result<AuditId> {
    let id = AuditId::fresh();
    begin_as(db, id, actor, intent).await?;
    Ok(id)
}

/// As [`begin`], under an id that the act itself carries.
pub async fn begin_as(db: &Db, id: AuditId, actor: &Actor, intent: impl Into<Entry>) -> Result<()> {
    let mut connection = db.pool().acquire().await.map_err(failed(WRITE))?;
    begin_in(&mut connection, id, actor, intent.into()).await
}

/// Writes down what came of it. The first outcome of an intent counts; later ones are not written.
pub async fn finish(db: &Db, id: AuditId, actor: &Actor, outcome: Outcome) -> Result<()> {
    let mut connection = db.pool().acquire().await.map_err(failed(WRITE))?;
    finish_in(&mut connection, id, actor, outcome).await
}

/// Writes down an act together with its outcome, for one that ends before it begins: a refusal or a denial.
pub async fn refuse(db: &Db, actor: &Actor, intent: impl Into<Entry>, outcome: Outcome) -> Result<AuditId> {
    let mut tx = db.begin().await?;
    let id = record_in(&mut tx, actor, intent, outcome).await?;
    tx.commit().await.map_err(failed(WRITE))?;
    Ok(id)
}

/// Writes both rows within a transaction of the caller's, which does the act in the same one.
pub async fn record_in(
    connection: &mut PgConnection,
    actor: &Actor,
    intent: impl Into<Entry>,
    outcome: Outcome,
) -> Result<AuditId> {
    let id = AuditId::fresh();
    begin_in(connection, id, actor, intent.into()).await?;
    finish_in(connection, id, actor, outcome).await?;
    Ok(id)
}

/// Returns the intents that have no outcome yet, oldest first: after a crash, they are followed to their end.
pub async fn unfinished(db: &Db) -> Result<Vec<AuditEvent>> {
    sqlx::query_as(
        "SELECT * FROM audit_events AS intent WHERE outcome_of IS NULL AND NOT observed
         AND NOT EXISTS (SELECT FROM audit_events WHERE outcome_of = intent.id) ORDER BY at, id",
    )
    .fetch_all(db.pool())
    .await
    .map_err(failed("read the record"))
}

/// Returns the newest rows, newest first.
pub async fn list(db: &Db, limit: u32) -> Result<Vec<AuditEvent>> {
    sqlx::query_as("SELECT * FROM audit_events ORDER BY at DESC, id DESC LIMIT $1")
        .bind(i64::from(limit))
        .fetch_all(db.pool())
        .await
        .map_err(failed("read the record"))
}

const WRITE: &str = "write the record";

async fn begin_in(connection: &mut PgConnection, id: AuditId, actor: &Actor, entry: Entry) -> Result<()> {
    let Entry { intent, context } = entry;
    sqlx::query(
        "INSERT INTO audit_events (id, actor, actor_kind, actor_groups, request_id, address, verb, object,
             environment, outcome, details, session, control_plane, app, observed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'requested', $10, $11, $12, $13, $14)",
    )
    .bind(id.0)
    .bind(&actor.name)
    .bind(kind_word(actor.kind))
    .bind(&actor.groups)
    .bind(&actor.request_id)
    .bind(&actor.address)
    .bind(intent.verb)
    .bind(intent.object)
    .bind(intent.environment)
    .bind(intent.details)
    .bind(context.session.or_else(|| actor.session.clone()))
    .bind(context.control_plane)
    .bind(context.app)
    .bind(context.observed)
    .execute(connection)
    .await
    .map_err(failed(WRITE))?;
    Ok(())
}

async fn finish_in(
    connection: &mut PgConnection,
    id: AuditId,
    actor: &Actor,
    outcome: Outcome,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO audit_events (id, actor, actor_kind, actor_groups, request_id, address, verb, object,
             environment, session, control_plane, app, observed, outcome_of, outcome, reason, details)
         SELECT $1, $2, $3, $4, $5, $6, verb, object, environment, session, control_plane, app, observed, id, $7, $8,
             $9
         FROM audit_events WHERE id = $10 AND outcome_of IS NULL
         ON CONFLICT (outcome_of) DO NOTHING",
    )
    .bind(Uuid::now_v7())
    .bind(&actor.name)
    .bind(kind_word(actor.kind))
    .bind(&actor.groups)
    .bind(&actor.request_id)
    .bind(&actor.address)
    .bind(outcome.result.word())
    .bind(outcome.reason)
    .bind(outcome.details)
    .bind(id.0)
    .execute(connection)
    .await
    .map_err(failed(WRITE))?;
    Ok(())
}

impl Intent {
    /// Puts the intent into its context.
    pub fn within(self, context: Context) -> Entry {
        Entry { intent: self, context }
    }
}

impl From<Intent> for Entry {
    fn from(intent: Intent) -> Self {
        intent.within(Context::default())
    }
}

impl Outcome {
    /// Returns the outcome of an act that worked.
    pub fn succeeded() -> Self {
        Self::new(Ending::Succeeded, "")
    }

    /// Returns the outcome of an act that was tried and did not work.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::new(Ending::Failed, reason)
    }

    /// Returns the outcome of an act that the state of things forbade.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::new(Ending::Refused, reason)
    }

    /// Returns the outcome of an act that the actor may not do.
    pub fn denied(reason: impl Into<String>) -> Self {
        Self::new(Ending::Denied, reason)
    }

    fn new(result: Ending, reason: impl Into<String>) -> Self {
        Self { result, reason: reason.into(), details: Value::Object(serde_json::Map::new()) }
    }
}

impl Ending {
    /// Returns the word in the record.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Denied => "denied",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Succeeded, Self::Failed, Self::Refused, Self::Denied]
            .into_iter()
            .find(|ending| ending.word() == word)
    }
}

impl AuditId {
    pub(crate) fn uuid(self) -> Uuid {
        self.0
    }
}

impl AuditId {
    /// Returns an id that no event has, later than those before.
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for AuditId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for AuditId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl FromRow<'_, PgRow> for AuditEvent {
    fn from_row(row: &PgRow) -> std::result::Result<Self, sqlx::Error> {
        Ok(Self {
            id: AuditId(row.try_get("id")?),
            at: row.try_get::<Moment, _>("at")?.0,
            actor: Actor {
                name: row.try_get("actor")?,
                kind: parse_kind(row.try_get("actor_kind")?),
                groups: row.try_get("actor_groups")?,
                subject: row.try_get("actor")?,
                session: None,
                scopes: Vec::new(),
                request_id: row.try_get("request_id")?,
                address: row.try_get("address")?,
            },
            verb: row.try_get("verb")?,
            object: row.try_get("object")?,
            environment: row.try_get("environment")?,
            outcome_of: row.try_get::<Option<Uuid>, _>("outcome_of")?.map(AuditId),
            result: Ending::parse(row.try_get("outcome")?),
            reason: row.try_get("reason")?,
            details: row.try_get("details")?,
        })
    }
}

fn kind_word(kind: ActorKind) -> &'static str {
    match kind {
        ActorKind::LocalAdmin => "local_admin",
        ActorKind::Person => "person",
        ActorKind::Token => "token",
        ActorKind::System => "system",
    }
}

fn parse_kind(word: &str) -> ActorKind {
    match word {
        "local_admin" => ActorKind::LocalAdmin,
        "system" => ActorKind::System,
        "token" => ActorKind::Token,
        // The least that an actor can be.
        _ => ActorKind::Person,
    }
}
