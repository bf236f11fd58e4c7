//! The chain: each event of the record is sealed by a hash over itself and the seal before it.
//!
//! `hash(n) = SHA-256(hash(n-1) || canonical(event n))`, where `hash(0)` is the SHA-256 of [`BEGINNING`] and the canonical
//! form is the compact JSON of a [`CanonicalEvent`]. The place of an event is the order of sealing, not of time: a
//! transaction that commits late is sealed late, and none is passed over, for each event waits in `audit_unsealed` from
//! its own transaction on until the one that seals it.

use std::{fmt, str::FromStr, time::Duration};

use model::record::CanonicalEvent;
use sha2::{Digest as _, Sha256};
use sqlx::{FromRow, PgConnection, Row as _, postgres::PgRow};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::{
    db::{Db, failed, take_lease},
    error::{Error, Result},
    metrics::Metrics,
};

/// What the chain begins with.
pub const BEGINNING: &str = "quarterdeck audit record 1";

/// An event is sealed within a second: this, and the time of a batch.
const PERIOD: Duration = Duration::from_millis(400);
const LEASE: Duration = Duration::from_secs(6);
const RENEWAL: Duration = Duration::from_secs(2);
const BATCH: i64 = 1000;
/// The count of what waits stops here.
const MOST_COUNTED: i64 = 10_000;
/// The key of the advisory lock that the chain grows and is cut under: "qseal" in ASCII.
const LOCK: i64 = 0x71_73_65_61_6c;

/// The columns of a [`SealedRow`]'s event, of `audit_events AS e`.
pub(super) const FIELDS: &str = "e.actor, e.actor_groups, e.actor_kind, e.address, e.app, \
     to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS moment, e.control_plane, \
     e.details::text AS details_text, e.environment, e.id::text AS id_text, e.object, e.observed, e.outcome, \
     e.outcome_of::text AS outcome_of_text, e.reason, e.request_id, e.session, e.verb";

/// A SHA-256.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Hash([u8; 32]);

/// A place in the chain: what an anchor holds, written `SEQ:HEX`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// From 1; 0 is the beginning.
    pub seq: u64,
    pub hash: Hash,
}

/// An event in the form that is hashed.
pub(super) struct EventRow(pub(super) CanonicalEvent);

/// Returns the seal of an event that follows the seal `before`.
pub fn seal_of(before: Hash, event: &CanonicalEvent) -> Result<Hash> {
    let canonical = serde_json::to_vec(event).map_err(|error| Error::Bug(error.to_string()))?;
    Ok(Hash(Sha256::new().chain_update(before.0).chain_update(canonical).finalize().into()))
}

/// Seals what waits, in batches, in whichever replica has the lease; counts what waits in each. A supervised task: it
/// ends by an error alone.
pub async fn keep_sealed(db: Db, metrics: Metrics) -> Result<()> {
    let holder = Uuid::now_v7().to_string();
    let mut renew = Instant::now();
    let mut is_ours = false;
    loop {
        if Instant::now() >= renew {
            is_ours = take_lease(&db, "seal the record", &holder, LEASE).await?;
            renew = Instant::now() + RENEWAL;
        }
        // A lease saves work and is no proof; the lock within is.
        while is_ours && seal(&db).await? > 0 && Instant::now() < renew {}
        metrics.audit_unsealed.set(waiting(&db).await?);
        sleep(PERIOD).await;
    }
}

/// Seals one batch of what waits; returns how many events that were.
pub async fn seal(db: &Db) -> Result<usize> {
    let mut tx = db.begin().await?;
    let waiting: Vec<Uuid> = sqlx::query_scalar("SELECT event FROM audit_unsealed ORDER BY event LIMIT $1")
        .bind(BATCH)
        .fetch_all(&mut *tx)
        .await
        .map_err(failed(SEAL))?;
    if waiting.is_empty() {
        return Ok(0);
    }
    lock(&mut tx).await?;
    let events = unsealed(&mut tx, &waiting).await?;
    append(&mut tx, &events).await?;
    let done = sqlx::query("DELETE FROM audit_unsealed WHERE event = ANY($1)")
        .bind(&waiting)
        .execute(&mut *tx)
        .await
        .map_err(failed(SEAL))?;
    tx.commit().await.map_err(failed(SEAL))?;
    let vanished = done.rows_affected().saturating_sub(events.len() as u64);
    if vanished > 0 {
        // Where another program was faster, this finds nothing to delete: so these events are gone from the record.
        tracing::error!(vanished, "events of the record vanished before they were sealed");
    }
    Ok(waiting.len())
}

/// Returns how many events wait for their seal, at most 10,000.
pub async fn waiting(db: &Db) -> Result<i64> {
    sqlx::query_scalar("SELECT count(*) FROM (SELECT FROM audit_unsealed LIMIT $1) AS waiting")
        .bind(MOST_COUNTED)
        .fetch_one(db.pool())
        .await
        .map_err(failed("count what waits for its seal"))
}

/// Returns where the chain that is at hand begins: behind the newest checkpoint, or at the very beginning.
pub(super) async fn base(connection: &mut PgConnection) -> Result<Place> {
    let checkpoint = sqlx::query_as("SELECT seq, hash FROM audit_checkpoints ORDER BY seq DESC LIMIT 1")
        .fetch_optional(connection)
        .await
        .map_err(failed(READ))?;
    Ok(checkpoint.unwrap_or_else(Place::beginning))
}

/// Returns the newest seal, or where the chain begins.
pub(super) async fn head(connection: &mut PgConnection) -> Result<Place> {
    let base = base(connection).await?;
    let newest: Option<Place> = sqlx::query_as("SELECT seq, hash FROM audit_chain ORDER BY seq DESC LIMIT 1")
        .fetch_optional(connection)
        .await
        .map_err(failed(READ))?;
    Ok(newest.filter(|newest| newest.seq > base.seq).unwrap_or(base))
}

/// Keeps everybody else from the end and the beginning of the chain until the transaction ends.
pub(super) async fn lock(connection: &mut PgConnection) -> Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(connection)
        .await
        .map_err(failed("lock the chain of the record"))?;
    Ok(())
}

const SEAL: &str = "seal the record";
const READ: &str = "read the chain of the record";

/// Returns those of `waiting` that have no seal yet, in the order of their time.
async fn unsealed(connection: &mut PgConnection, waiting: &[Uuid]) -> Result<Vec<EventRow>> {
    let sql = format!(
        "SELECT {FIELDS} FROM audit_events AS e WHERE e.id = ANY($1)
         AND NOT EXISTS (SELECT FROM audit_chain WHERE event = e.id) ORDER BY e.at, e.id"
    );
    sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(waiting).fetch_all(connection).await.map_err(failed(SEAL))
}

async fn append(connection: &mut PgConnection, events: &[EventRow]) -> Result<()> {
    let mut place = head(connection).await?;
    let (mut seqs, mut ids, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    for EventRow(event) in events {
        place = Place { seq: place.seq + 1, hash: seal_of(place.hash, event)? };
        seqs.push(place.seq as i64);
        ids.push(event.id.as_str());
        hashes.push(place.hash.0.to_vec());
    }
    sqlx::query(
        "INSERT INTO audit_chain (seq, event, hash)
         SELECT * FROM unnest($1::bigint[], $2::text[]::uuid[], $3::bytea[])",
    )
    .bind(seqs)
    .bind(ids)
    .bind(hashes)
    .execute(connection)
    .await
    .map_err(failed(SEAL))?;
    Ok(())
}

impl Hash {
    /// Takes what a column holds.
    pub(super) fn of_bytes(bytes: &[u8]) -> Result<Self> {
        let bytes =
            bytes.try_into().map_err(|_| Error::Bug("a hash of the chain has not 32 bytes".into()))?;
        Ok(Self(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Place {
    /// Returns the place before the first event of all.
    pub fn beginning() -> Self {
        Self { seq: 0, hash: Hash(Sha256::digest(BEGINNING).into()) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is not SEQ:HEX, as `quarterdeck audit verify` prints it");
        let (seq, hash) = text.trim().split_once(':').ok_or_else(wrong)?;
        let bytes = hex::decode(hash).map_err(|_| wrong())?;
        let hash = Hash(bytes.try_into().map_err(|_| wrong())?);
        Ok(Self { seq: seq.parse().map_err(|_| wrong())?, hash })
    }
}

impl FromRow<'_, PgRow> for Place {
    fn from_row(row: &PgRow) -> std::result::Result<Self, sqlx::Error> {
        let hash: &[u8] = row.try_get("hash")?;
        let hash = Hash::of_bytes(hash).map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok(Self { seq: row.try_get::<i64, _>("seq")?.unsigned_abs(), hash })
    }
}

impl FromRow<'_, PgRow> for EventRow {
    fn from_row(row: &PgRow) -> std::result::Result<Self, sqlx::Error> {
        Ok(Self(CanonicalEvent {
            actor: row.try_get("actor")?,
            actor_groups: row.try_get("actor_groups")?,
            actor_kind: row.try_get("actor_kind")?,
            address: row.try_get("address")?,
            app: row.try_get("app")?,
            at: row.try_get("moment")?,
            control_plane: row.try_get("control_plane")?,
            details: row.try_get("details_text")?,
            environment: row.try_get("environment")?,
            id: row.try_get("id_text")?,
            object: row.try_get("object")?,
            observed: row.try_get("observed")?,
            outcome: row.try_get("outcome")?,
            outcome_of: row.try_get("outcome_of_text")?,
            reason: row.try_get("reason")?,
            request_id: row.try_get("request_id")?,
            session: row.try_get("session")?,
            verb: row.try_get("verb")?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use model::record::CanonicalEvent;

    use super::{Place, seal_of};

    fn event() -> CanonicalEvent {
        CanonicalEvent {
            actor: "ä \"b\"".into(),
            actor_groups: vec!["ops".into()],
            actor_kind: "person".into(),
            address: None,
            app: Some("web".into()),
            at: "2026-11-24T14:20:03.123456Z".into(),
            control_plane: None,
            details: "{\"a\": 1.50}".into(),
            environment: Some("prod".into()),
            id: "00000000-0000-0000-0000-000000000001".into(),
            object: "application lab/argocd/web".into(),
            observed: false,
            outcome: "requested".into(),
            outcome_of: None,
            reason: "a\nb\u{1}".into(),
            request_id: "r".into(),
            session: None,
            verb: "sync".into(),
        }
    }

    #[test]
    fn the_canonical_form_is_that_of_the_document() {
        let canonical = serde_json::to_string(&event()).expect("serializes");
        assert_eq!(
            canonical,
            r#"{"actor":"ä \"b\"","actor_groups":["ops"],"actor_kind":"person","address":null,"app":"web","at":"2026-11-24T14:20:03.123456Z","control_plane":null,"details":"{\"a\": 1.50}","environment":"prod","id":"00000000-0000-0000-0000-000000000001","object":"application lab/argocd/web","observed":false,"outcome":"requested","outcome_of":null,"reason":"a\nb\u0001","request_id":"r","session":null,"verb":"sync"}"#
        );
        let sorted: serde_json::Value = serde_json::from_str(&canonical).expect("parses");
        let names: Vec<_> = sorted.as_object().expect("an object").keys().cloned().collect();
        assert!(names.is_sorted(), "{names:?}");
    }

    #[test]
    fn a_seal_depends_on_the_event_and_on_all_before_it() {
        let beginning = Place::beginning();
        assert_eq!(
            beginning.to_string(),
            "0:b37fb943124beba1b95d6017719e7e4d428eed68aaf4bce9396c314df6755bec"
        );
        let first = seal_of(beginning.hash, &event()).expect("seals");
        let other = seal_of(beginning.hash, &CanonicalEvent { verb: "refresh".into(), ..event() });
        assert_ne!(first, other.expect("seals"));
        assert_ne!(first, seal_of(first, &event()).expect("seals"));
    }

    #[test]
    fn an_anchor_is_read_as_it_is_written() {
        let place = Place { seq: 48_213, ..Place::beginning() };
        assert_eq!(place.to_string().parse(), Ok(place));
        for wrong in ["", "1", "1:", "x:00", "1:abcd"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }
}
