//! Reading the record: pages of acts, one act, and the export.
//!
//! A page is found by its place (time and id), never by its number: rows that come meanwhile move nothing, and a late
//! page costs what the first one does. Nothing is counted that would take a walk over the table.

use model::{
    Actor, AppError, AppResult, Timestamp,
    record::{
        ChainStatus, Difference, Event, EventDetail, EventList, EventOutcome, ExportPart, Head, ListEvents,
        MOST_PER_PAGE, PER_PAGE, Seal, SealedEvent,
    },
};
use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, FromRow, PgConnection, Postgres, QueryBuilder, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{
    Extent,
    chain::{self, EventRow, FIELDS, Place},
    verify::{LastVerification, Verification},
};
use crate::{
    db::{Db, Moment, failed},
    error::Result,
};

/// How many places of the chain one part of an export looks at.
const EXPORT_PART: i64 = 5000;
const READ: &str = "read the record";

/// What a list needs of an event.
const COLUMNS: &str = "e.id, e.at, (extract(epoch FROM e.at) * 1000000)::bigint AS micros, e.actor, e.verb, e.object, \
     e.environment, e.app, e.outcome, e.reason, e.address, e.observed";

/// Reads the record for people.
#[derive(Clone, Debug)]
pub struct RecordReader {
    db: Db,
    last: LastVerification,
}

impl RecordReader {
    /// Returns the reader of what `db` holds; `last` knows how the chain was when it was last walked.
    pub fn new(db: Db, last: LastVerification) -> Self {
        Self { db, last }
    }

    /// Returns one page of acts, newest first.
    pub async fn list(&self, actor: &Actor, extent: &Extent, query: &ListEvents) -> AppResult<EventList> {
        let cursor = Cursor::parse(&query.cursor)?;
        let page = self.page(extent, query, cursor).await.map_err(|error| error.into_answer(actor))?;
        let chain = self.chain_status().await.map_err(|error| error.into_answer(actor))?;
        let events = page.rows.into_iter().map(|row| row.event).collect();
        Ok(EventList {
            now: now(),
            events,
            next_cursor: page.next.map(|it| it.to_string()),
            previous_cursor: page.previous.map(|it| it.to_string()),
            chain,
        })
    }

    /// Returns all that the record has on one act.
    pub async fn get(&self, actor: &Actor, extent: &Extent, id: &str) -> AppResult<EventDetail> {
        let missing = || AppError::NotFound { what: format!("Event {id} of the record") };
        let uuid = id.parse::<Uuid>().map_err(|_| missing())?;
        let detail = self.detail(uuid).await.map_err(|error| error.into_answer(actor))?;
        detail.filter(|it| extent.covers(it)).ok_or_else(missing)
    }

    /// Returns a part of the sealed record, from behind `after` on.
    pub async fn export(
        &self,
        actor: &Actor,
        extent: &Extent,
        query: &ListEvents,
        after: u64,
    ) -> AppResult<ExportPart> {
        self.part(extent, query, after).await.map_err(|error| error.into_answer(actor))
    }

    async fn page(&self, extent: &Extent, query: &ListEvents, cursor: Option<Cursor>) -> Result<Page> {
        let per_page = if query.per_page == 0 { PER_PAGE } else { query.per_page.min(MOST_PER_PAGE) };
        let newer = cursor.as_ref().is_some_and(|cursor| cursor.is_newer);
        let mut rows = self.rows(extent, query, cursor.as_ref(), per_page + 1).await?;
        let more = rows.len() > per_page as usize;
        rows.truncate(per_page as usize);
        if newer && !more {
            // The page before is the first one: as full as that is.
            return Box::pin(self.page(extent, query, None)).await;
        }
        if newer {
            rows.reverse();
        }
        let place = |row: Option<&ListRow>, is_newer| row.map(|row| Cursor { is_newer, ..row.place() });
        let next = if newer || more { place(rows.last(), false) } else { None };
        let previous = if cursor.is_some() { place(rows.first(), true) } else { None };
        Ok(Page { rows, next, previous })
    }

    /// An act that ended is shown by its outcome, and not by its intent once more.
    async fn rows(
        &self,
        extent: &Extent,
        query: &ListEvents,
        cursor: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<ListRow>> {
        let mut sql =
            QueryBuilder::<Postgres>::new(format!("SELECT {COLUMNS} FROM audit_events AS e WHERE true"));
        push_filters(&mut sql, query);
        extent.push(&mut sql);
        if query.outcome.is_empty() {
            sql.push(" AND (e.outcome <> 'requested' OR NOT EXISTS (SELECT FROM audit_events WHERE outcome_of = e.id))");
        }
        let order = match cursor {
            Some(Cursor { is_newer: true, .. }) => " ORDER BY e.at, e.id LIMIT ",
            _ => " ORDER BY e.at DESC, e.id DESC LIMIT ",
        };
        if let Some(Cursor { is_newer, micros, id }) = cursor {
            let side = if *is_newer { '>' } else { '<' };
            sql.push(format!(" AND (e.at, e.id) {side} ('epoch'::timestamptz + "));
            sql.push_bind(*micros).push(" * interval '1 microsecond', ").push_bind(*id).push(')');
        }
        sql.push(order).push_bind(i64::from(limit));
        // Not prepared for good: the best index depends on the values.
        sql.build_query_as().persistent(false).fetch_all(self.db.pool()).await.map_err(failed(READ))
    }

    async fn chain_status(&self) -> Result<ChainStatus> {
        let mut connection = self.db.pool().acquire().await.map_err(failed(READ))?;
        let (base, head) = (chain::base(&mut connection).await?, chain::head(&mut connection).await?);
        drop(connection);
        let last = self.last.get();
        let broken = last.as_ref().and_then(|(_, found)| match found {
            Verification::Whole(_) => None,
            Verification::Broken(broken) => Some(broken.to_string()),
        });
        Ok(ChainStatus {
            head: (head.seq > 0).then(|| head_of(head)),
            sealed: head.seq - base.seq,
            unsealed: chain::waiting(&self.db).await?.unsigned_abs(),
            removed: base.seq,
            verified_at: last.map(|(at, _)| at),
            broken,
        })
    }

    async fn detail(&self, id: Uuid) -> Result<Option<EventDetail>> {
        let mut connection = self.db.pool().acquire().await.map_err(failed(READ))?;
        let Some(found) = full(&mut connection, "e.id", id).await? else { return Ok(None) };
        let (intent, outcome) = match found.outcome_of {
            None => (found, full(&mut connection, "e.outcome_of", id).await?),
            Some(intent) => match full(&mut connection, "e.id", intent).await? {
                Some(intent) => (intent, Some(found)),
                None => (found, None),
            },
        };
        let ids: Vec<Uuid> =
            [Some(&intent), outcome.as_ref()].into_iter().flatten().map(|it| it.id).collect();
        let seals = seals(&mut connection, &ids).await?;
        Ok(Some(EventDetail {
            now: now(),
            groups: intent.groups.clone(),
            session: intent.session.clone(),
            control_plane: intent.control_plane.clone(),
            request_id: intent.request_id.clone(),
            asked: pretty(&intent.details),
            answered: outcome.as_ref().map(|it| pretty(&it.details)).unwrap_or_default(),
            differences: differences(&intent.details, outcome.as_ref().map(|it| &it.details)),
            intent: intent.event,
            outcome: outcome.map(|it| it.event),
            seals,
        }))
    }

    async fn part(&self, extent: &Extent, query: &ListEvents, after: u64) -> Result<ExportPart> {
        let mut connection = self.db.pool().acquire().await.map_err(failed(READ))?;
        let (base, head) = (chain::base(&mut connection).await?, chain::head(&mut connection).await?);
        let after = after.max(base.seq);
        let last = (after + EXPORT_PART as u64).min(head.seq);
        let mut sql = QueryBuilder::<Postgres>::new(format!(
            "SELECT c.seq, c.hash, {FIELDS} FROM audit_chain AS c JOIN audit_events AS e ON e.id = c.event WHERE c.seq > "
        ));
        sql.push_bind(after as i64).push(" AND c.seq <= ").push_bind(last as i64);
        push_filters(&mut sql, query);
        extent.push(&mut sql);
        sql.push(" ORDER BY c.seq");
        let rows = sql.build().persistent(false).fetch_all(&mut *connection).await.map_err(failed(READ))?;
        let events = rows.iter().map(sealed).collect::<std::result::Result<_, _>>().map_err(failed(READ))?;
        Ok(ExportPart { after: head_of(base), events, next: (last < head.seq).then_some(last) })
    }
}

/// Where a page begins, and on which side of it.
#[derive(Clone, Debug, PartialEq)]
struct Cursor {
    is_newer: bool,
    /// Microseconds since the Unix epoch: what PostgreSQL tells apart.
    micros: i64,
    id: Uuid,
}

impl Cursor {
    fn parse(text: &str) -> AppResult<Option<Self>> {
        if text.is_empty() {
            return Ok(None);
        }
        let mut parts = text.splitn(3, '.');
        let parsed = (|| {
            let is_newer = match parts.next()? {
                "newer" => true,
                "older" => false,
                _ => return None,
            };
            Some(Self { is_newer, micros: parts.next()?.parse().ok()?, id: parts.next()?.parse().ok()? })
        })();
        let why = "it is not one that a page gave; go to the first page.";
        parsed.map(Some).ok_or_else(|| AppError::Invalid { field: "cursor".into(), why: why.into() })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = if self.is_newer { "newer" } else { "older" };
        write!(f, "{side}.{}.{}", self.micros, self.id)
    }
}

struct Page {
    rows: Vec<ListRow>,
    next: Option<Cursor>,
    previous: Option<Cursor>,
}

struct ListRow {
    id: Uuid,
    micros: i64,
    event: Event,
}

impl ListRow {
    fn place(&self) -> Cursor {
        Cursor { is_newer: false, micros: self.micros, id: self.id }
    }
}

/// One event with all that is known of it.
struct FullRow {
    id: Uuid,
    event: Event,
    outcome_of: Option<Uuid>,
    groups: Vec<String>,
    session: Option<String>,
    control_plane: Option<String>,
    request_id: String,
    details: Value,
}

/// Returns the event whose `column` is `id`.
async fn full(connection: &mut PgConnection, column: &'static str, id: Uuid) -> Result<Option<FullRow>> {
    let sql = format!(
        "SELECT {COLUMNS}, e.outcome_of, e.actor_groups, e.session, e.control_plane, e.request_id, e.details
         FROM audit_events AS e WHERE {column} = $1"
    );
    sqlx::query_as(AssertSqlSafe(sql)).bind(id).fetch_optional(connection).await.map_err(failed(READ))
}

async fn seals(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Seal>> {
    let rows: Vec<(i64, Vec<u8>, Option<Vec<u8>>)> = sqlx::query_as(
        "SELECT seq, hash, (SELECT before.hash FROM audit_chain AS before WHERE before.seq = audit_chain.seq - 1)
         FROM audit_chain WHERE event = ANY($1) ORDER BY seq",
    )
    .bind(ids)
    .fetch_all(connection)
    .await
    .map_err(failed(READ))?;
    let seal = |(seq, hash, before): (i64, Vec<u8>, Option<Vec<u8>>)| Seal {
        seq: seq.unsigned_abs(),
        hash: hex::encode(hash),
        before: before.map(hex::encode),
    };
    Ok(rows.into_iter().map(seal).collect())
}

fn push_filters(sql: &mut QueryBuilder<Postgres>, query: &ListEvents) {
    let equal = [
        (" AND e.actor = ", &query.who),
        (" AND e.verb = ", &query.verb),
        (" AND e.app = ", &query.app),
        (" AND e.environment = ", &query.environment),
        (" AND e.outcome = ", &query.outcome),
        (" AND e.object = ", &query.object),
    ];
    for (condition, value) in equal.into_iter().filter(|(_, value)| !value.is_empty()) {
        sql.push(condition).push_bind(value.clone());
    }
    if let Some(from) = query.from {
        sql.push(" AND e.at >= ").push_bind(Moment(from));
    }
    if let Some(to) = query.to {
        sql.push(" AND e.at < ").push_bind(Moment(to));
    }
}

fn sealed(row: &PgRow) -> std::result::Result<SealedEvent, sqlx::Error> {
    let (place, EventRow(event)) = (Place::from_row(row)?, EventRow::from_row(row)?);
    Ok(SealedEvent { seq: place.seq, hash: place.hash.to_string(), event })
}

fn head_of(place: Place) -> Head {
    Head { seq: place.seq, hash: place.hash.to_string() }
}

fn pretty(details: &Value) -> String {
    match details {
        Value::Null => String::new(),
        Value::Object(map) if map.is_empty() => String::new(),
        details => serde_json::to_string_pretty(details).unwrap_or_default(),
    }
}

/// Returns what the act changed: where the details of intent or outcome have a `before` and an `after`, all that differs.
fn differences(intent: &Value, outcome: Option<&Value>) -> Vec<Difference> {
    let mut found = Vec::new();
    for details in [Some(intent), outcome].into_iter().flatten() {
        if let (Some(before), Some(after)) = (details.get("before"), details.get("after")) {
            compare("", before, after, &mut found);
        }
    }
    found
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut Vec<Difference>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => compare_objects(path, old, new, found),
        (before, after) if before == after => {}
        (before, after) => {
            let path = if path.is_empty() { "value".to_owned() } else { path.to_owned() };
            found.push(Difference { path, before: word(before), after: word(after) });
        }
    }
}

fn compare_objects(
    path: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    found: &mut Vec<Difference>,
) {
    let added = after.keys().filter(|key| !before.contains_key(*key));
    for key in before.keys().chain(added) {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let value = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
        compare(&path, &value(before), &value(after), found);
    }
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}

fn event(row: &PgRow) -> std::result::Result<Event, sqlx::Error> {
    let outcome: String = row.try_get("outcome")?;
    let outcome = EventOutcome::parse(&outcome)
        .ok_or_else(|| sqlx::Error::Decode(format!("`{outcome}` is no outcome").into()))?;
    Ok(Event {
        id: row.try_get::<Uuid, _>("id")?.to_string(),
        at: row.try_get::<Moment, _>("at")?.0,
        actor: row.try_get("actor")?,
        verb: row.try_get("verb")?,
        object: row.try_get("object")?,
        environment: row.try_get("environment")?,
        app: row.try_get("app")?,
        outcome,
        reason: row.try_get("reason")?,
        address: row.try_get("address")?,
        observed: row.try_get("observed")?,
    })
}

impl FromRow<'_, PgRow> for ListRow {
    fn from_row(row: &PgRow) -> std::result::Result<Self, sqlx::Error> {
        Ok(Self { id: row.try_get("id")?, micros: row.try_get("micros")?, event: event(row)? })
    }
}

impl FromRow<'_, PgRow> for FullRow {
    fn from_row(row: &PgRow) -> std::result::Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            event: event(row)?,
            outcome_of: row.try_get("outcome_of")?,
            groups: row.try_get("actor_groups")?,
            session: row.try_get("session")?,
            control_plane: row.try_get("control_plane")?,
            request_id: row.try_get("request_id")?,
            details: row.try_get("details")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Cursor, differences};

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let text = "older.1795617120000001.00000000-0000-0000-0000-000000000001";
        let cursor = Cursor::parse(text).expect("parses").expect("is one");
        assert_eq!(cursor.to_string(), text);
        assert_eq!(Cursor::parse(""), Ok(None));
        for wrong in ["older", "older.1", "later.1.x", "newer.x.00000000-0000-0000-0000-000000000001"] {
            assert!(Cursor::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_changed_is_told_by_its_path() {
        let details = json!({"before": {"a": {"b": 1, "c": "x"}, "gone": true}, "after": {"a": {"b": 2, "c": "x"}, "new": [1]}});
        let found = differences(&details, None);
        let texts: Vec<_> =
            found.iter().map(|it| (it.path.as_str(), it.before.as_deref(), it.after.as_deref())).collect();
        assert_eq!(
            texts,
            [("a.b", Some("1"), Some("2")), ("gone", Some("true"), None), ("new", None, Some("[1]"))]
        );
        assert!(differences(&json!({"prune": true}), Some(&json!({}))).is_empty());
    }
}
