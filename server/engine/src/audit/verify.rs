//! Walks the chain, and names the first event that is not what it was when it was sealed.
//!
//! The walk reads one snapshot of the database, in batches. It finds what was edited, deleted, reordered or put in
//! behind the chain's back. Who may rewrite everything can also rewrite every seal; only an anchor, a place of the
//! chain that is kept elsewhere, finds that.

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use model::Timestamp;
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, FromRow as _, PgConnection, Postgres, Row as _,
    Transaction, postgres::PgRow,
};
use tokio::time::sleep;
use uuid::Uuid;

use super::chain::{self, EventRow, FIELDS, Hash, Place};
use crate::{
    db::{Db, failed},
    error::{Error, Result},
};

/// How many events are read at once, and how many are looked through at once for a missing seal.
const BATCH: i64 = 2000;
const SCAN: i64 = 20_000;
/// How often a program that runs walks the whole chain, and for how long it first lets everything else start.
const PERIOD: Duration = Duration::from_secs(6 * 3600);
const FIRST_PAUSE: Duration = Duration::from_secs(60);

/// What to walk.
#[derive(Clone, Debug, Default)]
pub struct Range {
    /// The first place; else the first that is at hand.
    pub from: Option<u64>,
    /// The last place; else the newest.
    pub to: Option<u64>,
    /// Places of the chain that were kept elsewhere.
    pub anchors: Vec<Place>,
}

/// What a walk found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verification {
    Whole(Whole),
    Broken(Break),
}

/// A chain, or a part of it, that is as it was sealed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Whole {
    /// The last place of the walk.
    pub head: Place,
    /// How many events were walked over.
    pub events: u64,
    /// How many wait for their seal.
    pub waiting: u64,
    pub anchors: AnchorCount,
}

/// What became of the anchors that a walk was given; equal ones count once.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AnchorCount {
    /// These the chain agrees with.
    pub agreeing: usize,
    /// These are of events that retention removed.
    pub removed: usize,
    /// These are outside of the range.
    pub outside: usize,
}

/// The first thing that is broken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Break {
    /// The event or its seal was changed.
    Edited { seq: u64, event: Uuid },
    /// The event is gone, and its seal is there.
    Deleted { seq: u64, event: Uuid },
    /// Another event belongs here.
    Reordered { seq: u64, event: Uuid, belongs: String },
    /// The seal is gone.
    SealMissing { seq: u64 },
    /// The event came in past the program: it has no seal, and does not wait for one.
    Unsealed { event: Uuid, at: String },
    /// The chain ends before the anchor.
    Truncated { anchor: Place, head: Place },
    /// The chain holds together, and is not the one that the anchor was taken from.
    Rewritten { anchor: Place, found: Hash },
}

/// What this program found when it last walked the whole chain; clones share it.
#[derive(Clone, Debug, Default)]
pub struct LastVerification(Arc<Mutex<Option<(Timestamp, Verification)>>>);

/// Walks a range of the chain.
///
/// # Errors
/// A range that is not at hand, or a database that does not answer. What is broken is no error.
pub async fn verify(connection: &mut PgConnection, range: Range) -> Result<Verification> {
    walk(&mut *snapshot(connection).await?, range).await
}

/// Walks the whole chain every few hours. A supervised task: it ends by an error alone.
pub async fn keep_verified(db: Db, last: LastVerification) -> Result<()> {
    sleep(FIRST_PAUSE).await;
    loop {
        let mut connection = db.pool().acquire().await.map_err(failed(VERIFY))?;
        let found = verify(&mut connection, Range::default()).await?;
        drop(connection);
        if let Verification::Broken(broken) = &found {
            tracing::error!("the record is not what it was: {broken}");
        }
        last.set(jiff::Timestamp::now().into(), found);
        sleep(PERIOD).await;
    }
}

const VERIFY: &str = "verify the record";

/// Compares one anchor with the chain without walking over it; returns what is broken. What retention has removed is not
/// judged.
pub(super) async fn compare(connection: &mut PgConnection, anchor: Place) -> Result<Option<Break>> {
    let mut tx = snapshot(connection).await?;
    let (base, head) = (chain::base(&mut tx).await?, chain::head(&mut tx).await?);
    if anchor.seq > head.seq {
        return Ok(Some(Break::Truncated { anchor, head }));
    }
    if anchor.seq < base.seq {
        return Ok(None);
    }
    Ok(match before(&mut tx, anchor.seq + 1, base).await? {
        Some(place) => contradicted(&[anchor], place),
        None => Some(Break::SealMissing { seq: anchor.seq }),
    })
}

/// Walks within the caller's transaction.
pub(super) async fn walk(connection: &mut PgConnection, range: Range) -> Result<Verification> {
    let (base, head) = (chain::base(connection).await?, chain::head(connection).await?);
    let (from, to) = bounds(&range, base, head)?;
    let mut anchors = range.anchors;
    anchors.sort_unstable();
    anchors.dedup();
    if let Some(anchor) = anchors.last().copied().filter(|newest| newest.seq > head.seq) {
        return Ok(Verification::Broken(Break::Truncated { anchor, head }));
    }
    let (anchors, count) = within(anchors, base, from, to)?;
    if let Some(broken) = contradicted(&anchors, base) {
        return Ok(Verification::Broken(broken));
    }
    let Some(mut place) = before(connection, from, base).await? else {
        return Ok(Verification::Broken(Break::SealMissing { seq: from - 1 }));
    };
    while place.seq < to {
        let links = read(connection, place.seq, to).await?;
        if links.is_empty() {
            return Ok(Verification::Broken(Break::SealMissing { seq: place.seq + 1 }));
        }
        match follow(place, &links, &anchors)? {
            Ok(reached) => place = reached,
            Err(broken) => return Ok(Verification::Broken(broken)),
        }
    }
    if range.to.is_none()
        && let Some(broken) = first_unsealed(connection).await?
    {
        return Ok(Verification::Broken(broken));
    }
    let waiting = count_waiting(connection).await?;
    let events = (place.seq + 1).saturating_sub(from);
    Ok(Verification::Whole(Whole { head: place, events, waiting, anchors: count }))
}

/// Begins a transaction that sees one state of the database throughout.
async fn snapshot(connection: &mut PgConnection) -> Result<Transaction<'_, Postgres>> {
    let mut tx = connection.begin().await.map_err(failed(VERIFY))?;
    tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await.map_err(failed(VERIFY))?;
    Ok(tx)
}

/// Returns the first and the last place to walk over.
fn bounds(range: &Range, base: Place, head: Place) -> Result<(u64, u64)> {
    let first = base.seq + 1;
    let (from, to) = (range.from.unwrap_or(first), range.to.unwrap_or(head.seq));
    if from < first {
        return Err(gone(from, base));
    }
    if to > head.seq {
        return Err(Error::Setting(format!("the chain ends with {}: there is no event {to} yet", head.seq)));
    }
    Ok((from, to))
}

/// Returns those of the anchors that the walk comes by, none of which is beyond the head. An anchor that was given and
/// cannot be compared must not look like one that agrees: where all are so, that is an error.
fn within(anchors: Vec<Place>, base: Place, from: u64, to: u64) -> Result<(Vec<Place>, AnchorCount)> {
    let newest = anchors.last().copied();
    let (removed, kept): (Vec<_>, Vec<_>) = anchors.into_iter().partition(|anchor| anchor.seq < base.seq);
    let (within, outside): (Vec<_>, Vec<_>) =
        kept.into_iter().partition(|anchor| (from - 1..=to).contains(&anchor.seq));
    match newest.filter(|_| within.is_empty()) {
        Some(newest) if outside.is_empty() => Err(gone(newest.seq, base)),
        Some(newest) => Err(Error::Setting(format!(
            "the anchor {} is not between {from} and {to}: widen the range",
            newest.seq
        ))),
        None => {
            let (removed, outside) = (removed.len(), outside.len());
            let count = AnchorCount { agreeing: within.len(), removed, outside };
            Ok((within, count))
        }
    }
}

fn gone(seq: u64, base: Place) -> Error {
    Error::Setting(format!(
        "event {seq} was removed by retention, which ended with {}: verify the file that it was exported to, and here \
         from {} on",
        base.seq,
        base.seq + 1
    ))
}

/// Returns the place before `from`; none where its seal is gone.
async fn before(connection: &mut PgConnection, from: u64, base: Place) -> Result<Option<Place>> {
    if from == base.seq + 1 {
        return Ok(Some(base));
    }
    sqlx::query_as("SELECT seq, hash FROM audit_chain WHERE seq = $1")
        .bind(from as i64 - 1)
        .fetch_optional(connection)
        .await
        .map_err(failed(VERIFY))
}

/// A seal, and the event that it is of, where that is still there.
struct Link {
    place: Place,
    event: Uuid,
    row: Option<EventRow>,
}

async fn read(connection: &mut PgConnection, after: u64, to: u64) -> Result<Vec<Link>> {
    let sql = format!(
        "SELECT c.seq, c.event, c.hash, {FIELDS} FROM audit_chain AS c LEFT JOIN audit_events AS e ON e.id = c.event
         WHERE c.seq > $1 AND c.seq <= $2 ORDER BY c.seq LIMIT $3"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(after as i64)
        .bind(to as i64)
        .bind(BATCH)
        .fetch_all(connection)
        .await
        .map_err(failed(VERIFY))?;
    rows.iter().map(Link::of).collect::<std::result::Result<_, _>>().map_err(failed(VERIFY))
}

impl Link {
    fn of(row: &PgRow) -> std::result::Result<Self, sqlx::Error> {
        let there: Option<String> = row.try_get("id_text")?;
        let event = if there.is_some() { Some(EventRow::from_row(row)?) } else { None };
        Ok(Self { place: Place::from_row(row)?, event: row.try_get("event")?, row: event })
    }
}

/// Follows the chain over a batch; returns how far it holds, or what is broken.
fn follow(from: Place, links: &[Link], anchors: &[Place]) -> Result<std::result::Result<Place, Break>> {
    let mut place = from;
    for link in links {
        let seq = place.seq + 1;
        if let Some(broken) = contradicted(anchors, place) {
            return Ok(Err(broken));
        }
        if link.place.seq != seq {
            return Ok(Err(Break::SealMissing { seq }));
        }
        let Some(EventRow(event)) = &link.row else {
            return Ok(Err(Break::Deleted { seq, event: link.event }));
        };
        let hash = chain::seal_of(place.hash, event)?;
        if hash != link.place.hash {
            return Ok(Err(name(place, link, links)?));
        }
        place = Place { seq, hash };
    }
    Ok(contradicted(anchors, place).map_or(Ok(place), Err))
}

/// Finds an anchor of this very place, among sorted ones, that is of another chain.
fn contradicted(anchors: &[Place], place: Place) -> Option<Break> {
    let first = anchors.partition_point(|anchor| anchor.seq < place.seq);
    let mut here = anchors[first..].iter().take_while(|anchor| anchor.seq == place.seq);
    let other = here.find(|anchor| anchor.hash != place.hash)?;
    Some(Break::Rewritten { anchor: *other, found: place.hash })
}

/// Tells an event that was changed from one in the place of another: the other one, sealed here, would give a seal
/// that stands in the chain.
fn name(before: Place, link: &Link, links: &[Link]) -> Result<Break> {
    let (seq, event) = (before.seq + 1, link.event);
    let seals: HashSet<Hash> = links.iter().map(|link| link.place.hash).collect();
    for EventRow(other) in links.iter().filter(|it| it.event != event).filter_map(|it| it.row.as_ref()) {
        if seals.contains(&chain::seal_of(before.hash, other)?) {
            return Ok(Break::Reordered { seq, event, belongs: other.id.clone() });
        }
    }
    Ok(Break::Edited { seq, event })
}

/// Looks through all events for one older than a minute that has no seal and does not wait for one.
async fn first_unsealed(connection: &mut PgConnection) -> Result<Option<Break>> {
    let mut after: Option<(i64, Uuid)> = None;
    loop {
        let events: Vec<(i64, Uuid, String)> = sqlx::query_as(
            "SELECT (extract(epoch FROM at) * 1000000)::bigint, id, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
             FROM audit_events
             WHERE at < now() - interval '1 minute'
               AND ($1::bigint IS NULL OR (at, id) > ('epoch'::timestamptz + $1 * interval '1 microsecond', $2))
             ORDER BY at, id LIMIT $3",
        )
        .bind(after.map(|(at, _)| at))
        .bind(after.map_or(Uuid::nil(), |(_, id)| id))
        .bind(SCAN)
        .fetch_all(&mut *connection)
        .await
        .map_err(failed(VERIFY))?;
        let Some((at, id, _)) = events.last() else { return Ok(None) };
        after = Some((*at, *id));
        let sealed = known(connection, &events).await?;
        if let Some((_, event, at)) = events.into_iter().find(|(_, id, _)| !sealed.contains(id)) {
            return Ok(Some(Break::Unsealed { event, at }));
        }
    }
}

/// Returns those of the events that are sealed or wait for it.
async fn known(connection: &mut PgConnection, events: &[(i64, Uuid, String)]) -> Result<HashSet<Uuid>> {
    let ids: Vec<Uuid> = events.iter().map(|(_, id, _)| *id).collect();
    let known: Vec<Uuid> = sqlx::query_scalar(
        "SELECT event FROM audit_chain WHERE event = ANY($1)
         UNION ALL SELECT event FROM audit_unsealed WHERE event = ANY($1)",
    )
    .bind(ids)
    .fetch_all(connection)
    .await
    .map_err(failed(VERIFY))?;
    Ok(known.into_iter().collect())
}

async fn count_waiting(connection: &mut PgConnection) -> Result<u64> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_unsealed")
        .fetch_one(connection)
        .await
        .map_err(failed(VERIFY))?;
    Ok(count.unsigned_abs())
}

impl LastVerification {
    /// Returns when the chain was last walked, and what was broken.
    pub fn get(&self) -> Option<(Timestamp, Verification)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps what a walk found.
    pub fn set(&self, at: Timestamp, found: Verification) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, found));
    }
}

impl Break {
    /// Returns the anchor that the chain goes against.
    pub fn anchor(&self) -> Option<Place> {
        match self {
            Self::Truncated { anchor, .. } | Self::Rewritten { anchor, .. } => Some(*anchor),
            _ => None,
        }
    }
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edited { seq, event } => {
                write!(f, "event {seq} ({event}) was edited after it was sealed, or its seal was")
            }
            Self::Deleted { seq, event } => {
                write!(f, "event {seq} ({event}) was deleted after it was sealed")
            }
            Self::Reordered { seq, event, belongs } => {
                write!(
                    f,
                    "event {seq} ({event}) stands in the place of event {belongs}: the record was reordered"
                )
            }
            Self::SealMissing { seq } => write!(f, "the seal of event {seq} is gone"),
            Self::Unsealed { event, at } => {
                write!(
                    f,
                    "event {event}, dated {at} UTC, came in past the program: it has no seal and waits for none"
                )
            }
            Self::Truncated { anchor, head } => {
                write!(
                    f,
                    "the record was truncated: it ends with event {}, before the anchor {anchor}",
                    head.seq
                )
            }
            Self::Rewritten { anchor, found } => {
                write!(
                    f,
                    "the record was rewritten: event {} has the seal {found}, not that of the anchor {anchor}",
                    anchor.seq
                )
            }
        }
    }
}
