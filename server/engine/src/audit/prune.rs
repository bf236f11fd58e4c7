//! Retention: the one way in which events leave the record, and it is never silent.
//!
//! The oldest part of the chain is verified and exported to a file, a checkpoint keeps the seal of the last event
//! removed, an event of its own tells of it, and only then, all in one transaction, the events go. Who does this is the
//! owner of the tables, by hand; the program's role cannot.

use std::{
    fs::{self, OpenOptions},
    io::{BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use futures::TryStreamExt as _;
use model::{Actor, Timestamp, actor::ActorKind, record::SealedEvent};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, FromRow as _, PgConnection};
use uuid::Uuid;

use super::{
    Intent, Outcome,
    chain::{self, EventRow, FIELDS, Place},
    record_in,
    verify::{Range, Verification, walk},
};
use crate::{
    db::{Moment, failed},
    error::{Error, Result},
};

/// What was removed.
#[derive(Clone, Debug, PartialEq)]
pub struct Pruned {
    pub events: u64,
    /// The last event removed: from here on the rest is verified.
    pub checkpoint: Place,
    /// Whether an act without an outcome kept later events from being removed.
    pub held_by: Option<Uuid>,
}

/// Exports the sealed events before `before` to the new file `export`, and removes them; none where there are none.
///
/// # Errors
/// A chain that is broken, a file that is there already, or a database that refuses. Nothing is removed then; a file
/// that was begun is left, unless nothing came of it.
pub async fn prune(
    connection: &mut PgConnection,
    before: Timestamp,
    export: &Path,
) -> Result<Option<Pruned>> {
    let mut tx = connection.begin().await.map_err(failed(PRUNE))?;
    chain::lock(&mut tx).await?;
    let base = chain::base(&mut tx).await?;
    let (last, held_by) = last_to_go(&mut tx, before).await?;
    let Some(last) = last.filter(|last| *last > base.seq) else { return Ok(None) };
    let checkpoint = check(&mut tx, last).await?;
    let events = write(&mut tx, base, checkpoint, export).await?;
    remove(&mut tx, base, checkpoint, export).await?;
    tell(&mut tx, before, checkpoint, events, export).await?;
    tx.commit().await.map_err(failed(PRUNE))?;
    Ok(Some(Pruned { events, checkpoint, held_by }))
}

const PRUNE: &str = "remove old events of the record";

/// Returns the last place of the prefix that is old enough, and the act without an outcome that ends it early.
async fn last_to_go(connection: &mut PgConnection, before: Timestamp) -> Result<(Option<u64>, Option<Uuid>)> {
    let stop: Option<(i64, Uuid, bool)> = sqlx::query_as(
        "SELECT c.seq, c.event, e.at < $1 FROM audit_chain AS c LEFT JOIN audit_events AS e ON e.id = c.event
         WHERE e.at IS NULL OR e.at >= $1 OR (e.outcome = 'requested'
             AND NOT EXISTS (SELECT FROM audit_events WHERE outcome_of = e.id))
         ORDER BY c.seq LIMIT 1",
    )
    .bind(Moment(before))
    .fetch_optional(&mut *connection)
    .await
    .map_err(failed(PRUNE))?;
    match stop {
        Some((seq, event, is_old)) => Ok((Some(seq.unsigned_abs() - 1), is_old.then_some(event))),
        None => Ok((Some(chain::head(connection).await?.seq), None)),
    }
}

/// Only what is whole is removed: what was broken would be broken for good.
async fn check(connection: &mut PgConnection, last: u64) -> Result<Place> {
    match walk(connection, Range { to: Some(last), ..Range::default() }).await? {
        Verification::Whole(whole) => Ok(whole.head),
        Verification::Broken(broken) => Err(Error::Setting(format!(
            "nothing was removed, for the record is not what it was: {broken}; find out why first"
        ))),
    }
}

/// Writes the prefix as an export writes it, and makes sure that it is on the disk.
async fn write(connection: &mut PgConnection, base: Place, last: Place, export: &Path) -> Result<u64> {
    let io =
        |source| Error::Io { what: format!("the file {} could not be written", export.display()), source };
    // The record names people and addresses: the file is its owner's alone.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(export).map_err(io)?;
    let mut file = BufWriter::new(file);
    let head = json!({"format": FORMAT, "after_seq": base.seq, "after_hash": base.hash.to_string()});
    writeln!(file, "{head}").map_err(io)?;
    let sql = format!(
        "SELECT c.seq, c.hash, {FIELDS} FROM audit_chain AS c JOIN audit_events AS e ON e.id = c.event
         WHERE c.seq > $1 AND c.seq <= $2 ORDER BY c.seq"
    );
    let mut rows =
        sqlx::query(AssertSqlSafe(sql)).bind(base.seq as i64).bind(last.seq as i64).fetch(connection);
    let mut events = 0;
    while let Some(row) = rows.try_next().await.map_err(failed(PRUNE))? {
        let place = Place::from_row(&row).map_err(failed(PRUNE))?;
        let EventRow(event) = EventRow::from_row(&row).map_err(failed(PRUNE))?;
        let event = SealedEvent { seq: place.seq, hash: place.hash.to_string(), event };
        let line = serde_json::to_string(&event).map_err(|error| Error::Bug(error.to_string()))?;
        writeln!(file, "{line}").map_err(io)?;
        events += 1;
    }
    file.into_inner().map_err(|error| io(error.into_error()))?.sync_all().map_err(io)?;
    Ok(events)
}

/// What an export's first line says it is.
pub const FORMAT: &str = "quarterdeck audit 1";

async fn remove(connection: &mut PgConnection, base: Place, last: Place, export: &Path) -> Result<()> {
    sqlx::query("INSERT INTO audit_checkpoints (seq, hash, removed, file) VALUES ($1, $2, $3, $4)")
        .bind(last.seq as i64)
        .bind(last.hash.bytes())
        .bind((last.seq - base.seq) as i64)
        .bind(full_path(export).display().to_string())
        .execute(&mut *connection)
        .await
        .map_err(failed(PRUNE))?;
    // The triggers let these go, for the checkpoint is of this transaction.
    let events = "DELETE FROM audit_events USING audit_chain WHERE id = event AND seq <= $1";
    for sql in [events, "DELETE FROM audit_chain WHERE seq <= $1"] {
        sqlx::query(sql).bind(last.seq as i64).execute(&mut *connection).await.map_err(failed(PRUNE))?;
    }
    Ok(())
}

async fn tell(
    connection: &mut PgConnection,
    before: Timestamp,
    last: Place,
    events: u64,
    export: &Path,
) -> Result<()> {
    let user: String =
        sqlx::query_scalar("SELECT current_user").fetch_one(&mut *connection).await.map_err(failed(PRUNE))?;
    let actor = Actor {
        name: format!("owner of the database ({user})"),
        kind: ActorKind::System,
        subject: user,
        groups: Vec::new(),
        session: None,
        scopes: Vec::new(),
        request_id: String::new(),
        address: None,
    };
    let intent = Intent {
        verb: "prune",
        object: format!("the record up to event {}", last.seq),
        environment: None,
        details: json!({
            "before": before.iso(), "events": events, "checkpoint": last.to_string(),
            "file": full_path(export).display().to_string(),
        }),
    };
    record_in(connection, &actor, intent, Outcome::succeeded()).await.map(drop)
}

fn full_path(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}
