//! Makes history of what was seen.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use model::{
    Timestamp,
    application::ApplicationId,
    status::{Health, Phase, Sync},
};
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use crate::{
    audit::AuditId,
    db::{Db, Moment, failed},
    error::Result,
    history::{Observation, ObservedOperation, PastDeploy, observed},
};

/// An object that is older by its version than a state seen this long ago was brought back by a restore of the control
/// plane: it counts.
const RESTORED_AFTER: Duration = Duration::from_secs(600);

/// So many observations share a transaction.
const BATCH: usize = 500;
const RECORD: &str = "record the history";

/// Records what was seen: each operation once, each change of health or sync once. May be repeated after a failure.
pub async fn record(db: &Db, observations: &[Observation]) -> Result<()> {
    for batch in observations.chunks(BATCH) {
        let mut tx = db.begin().await?;
        record_operations(&mut tx, batch).await?;
        record_transitions(&mut tx, batch).await?;
        tx.commit().await.map_err(failed(RECORD))?;
    }
    Ok(())
}

/// One operation to be written, from either source.
struct Operation<'a> {
    id: &'a ApplicationId,
    phase: Phase,
    finished_at: Option<Moment>,
    message: &'a str,
    revision: Option<&'a str>,
    started_by: Option<&'a str>,
    automated: bool,
    audit_id: Option<Uuid>,
    backfilled: bool,
}

/// By what names it, uid and start; sorted, so that writers meet in one order and never wait for each other in a ring.
type OperationsByKey<'a> = BTreeMap<(&'a str, Moment), Operation<'a>>;

async fn record_operations(tx: &mut Transaction<'_, Postgres>, batch: &[Observation]) -> Result<()> {
    let operations = operations_of(batch);
    if operations.is_empty() {
        return Ok(());
    }
    let keys = || operations.keys();
    let each = || operations.values();
    let uids: Vec<_> = keys().map(|(uid, _)| *uid).collect();
    let starts: Vec<_> = keys().map(|(_, started_at)| *started_at).collect();
    // An end that was seen, or is known from Argo CD's list, stays. One that was presumed gives way to it.
    sqlx::query(
        "INSERT INTO operations (uid, started_at, control_plane, namespace, name, finished_at, phase, message,
             revision, started_by, automated, audit_id, backfilled)
         SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
             $7::text[], $8::text[], $9::text[], $10::text[], $11::boolean[], $12::uuid[], $13::boolean[])
         ON CONFLICT (uid, started_at) DO UPDATE SET
             finished_at = excluded.finished_at, phase = excluded.phase, presumed = false,
             message = coalesce(nullif(excluded.message, ''), operations.message),
             revision = coalesce(excluded.revision, operations.revision),
             started_by = coalesce(operations.started_by, excluded.started_by),
             audit_id = coalesce(operations.audit_id, excluded.audit_id)
         WHERE (operations.finished_at IS NULL OR operations.presumed AND excluded.finished_at IS NOT NULL)
             AND (operations.phase, operations.message, operations.revision, operations.finished_at)
                 IS DISTINCT FROM (excluded.phase, excluded.message, excluded.revision, excluded.finished_at)",
    )
    .bind(&uids)
    .bind(&starts)
    .bind(each().map(|operation| operation.id.control_plane.as_str()).collect::<Vec<_>>())
    .bind(each().map(|operation| operation.id.namespace.as_str()).collect::<Vec<_>>())
    .bind(each().map(|operation| operation.id.name.as_str()).collect::<Vec<_>>())
    .bind(each().map(|operation| operation.finished_at).collect::<Vec<_>>())
    .bind(each().map(|operation| operation.phase.word()).collect::<Vec<_>>())
    .bind(each().map(|operation| operation.message).collect::<Vec<_>>())
    .bind(each().map(|operation| operation.revision).collect::<Vec<_>>())
    .bind(each().map(|operation| operation.started_by).collect::<Vec<_>>())
    .bind(each().map(|operation| operation.automated).collect::<Vec<_>>())
    .bind(each().map(|operation| operation.audit_id).collect::<Vec<_>>())
    .bind(each().map(|operation| operation.backfilled).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await
    .map_err(failed(RECORD))?;
    presume_ends(tx, &uids, &starts).await?;
    observed::record_foreign(tx, &uids, &starts, batch).await
}

/// Ends what a later operation of the same Application shows to be over, though nobody saw its end.
async fn presume_ends(tx: &mut Transaction<'_, Postgres>, uids: &[&str], starts: &[Moment]) -> Result<()> {
    sqlx::query(
        "UPDATE operations SET finished_at = later.began, phase = 'Error', presumed = true,
             message = 'How it ended was not seen; a later operation took its place.'
         FROM (
             SELECT earlier.uid, earlier.started_at, min(given.started_at) AS began
             FROM unnest($1::text[], $2::timestamptz[]) AS given (uid, started_at)
             JOIN operations earlier ON earlier.uid = given.uid AND earlier.started_at < given.started_at
             WHERE earlier.finished_at IS NULL
             GROUP BY earlier.uid, earlier.started_at
         ) AS later
         WHERE operations.uid = later.uid AND operations.started_at = later.started_at
             AND operations.finished_at IS NULL",
    )
    .bind(uids)
    .bind(starts)
    .execute(&mut **tx)
    .await
    .map_err(failed(RECORD))?;
    Ok(())
}

fn operations_of(batch: &[Observation]) -> OperationsByKey<'_> {
    let mut operations = OperationsByKey::new();
    for seen in batch {
        for past in &seen.past {
            let key = (seen.uid.as_str(), Moment(past.deploy_started_at));
            operations.entry(key).or_insert_with(|| past_operation(&seen.id, past));
        }
        if let Some(observed) = &seen.operation {
            let key = (seen.uid.as_str(), Moment(observed.started_at));
            let operation = observed_operation(seen, observed);
            let known_end =
                operations.get(&key).is_some_and(|known| known.finished_at.is_some() && !known.backfilled);
            if !known_end || operation.finished_at.is_some() {
                operations.insert(key, operation);
            }
        }
    }
    operations
}

fn observed_operation<'a>(seen: &'a Observation, observed: &'a ObservedOperation) -> Operation<'a> {
    Operation {
        id: &seen.id,
        phase: observed.phase,
        finished_at: observed.phase.is_over().then(|| Moment(observed.finished_at.unwrap_or(seen.at))),
        message: &observed.message,
        revision: observed.revision.as_deref(),
        started_by: observed.started_by.as_deref(),
        automated: observed.automated,
        // Anybody can write into operation.info; what is no id of ours is none.
        audit_id: observed.audit_id.as_deref().and_then(|id| id.parse::<AuditId>().ok()).map(AuditId::uuid),
        backfilled: false,
    }
}

fn past_operation<'a>(id: &'a ApplicationId, past: &'a PastDeploy) -> Operation<'a> {
    Operation {
        id,
        phase: Phase::Succeeded,
        finished_at: Some(Moment(past.deployed_at)),
        message: "",
        revision: Some(&past.revision),
        started_by: past.started_by.as_deref(),
        automated: past.automated,
        audit_id: None,
        backfilled: true,
    }
}

/// The last state seen of an Application.
struct State {
    health: Health,
    sync: Sync,
    seen_at: Timestamp,
    version: i64,
}

/// A change of health or sync to be written.
struct Transition<'a> {
    seen: &'a Observation,
    aspect: &'static str,
    before: &'static str,
    after: &'static str,
}

async fn record_transitions(tx: &mut Transaction<'_, Postgres>, batch: &[Observation]) -> Result<()> {
    insert_first_sights(tx, batch).await?;
    // From here to the commit the rows are ours: what is compared is what is set.
    let mut states = lock_states(tx, batch).await?;
    let mut transitions = Vec::new();
    for seen in batch {
        if let Some(state) = states.get_mut(&seen.uid) {
            transitions.extend(changes(state, seen));
        }
    }
    if transitions.is_empty() {
        return Ok(());
    }
    insert_transitions(tx, &transitions).await?;
    update_states(tx, &states, &transitions).await
}

/// Moves a state on to what was seen, and returns what changed by that.
fn changes<'a>(state: &mut State, seen: &'a Observation) -> Vec<Transition<'a>> {
    let is_older = seen.version < state.version;
    let was_restored = seen.at.0 - state.seen_at.0 > RESTORED_AFTER.as_millis() as i64;
    if is_older && !was_restored {
        return Vec::new();
    }
    let health = ("health", state.health.word(), seen.health.word());
    let sync = ("sync", state.sync.word(), seen.sync.word());
    *state = State { health: seen.health, sync: seen.sync, seen_at: seen.at, version: seen.version };
    let changed = [health, sync].into_iter().filter(|(_, before, after)| before != after);
    changed.map(|(aspect, before, after)| Transition { seen, aspect, before, after }).collect()
}

async fn insert_first_sights(tx: &mut Transaction<'_, Postgres>, batch: &[Observation]) -> Result<()> {
    sqlx::query(
        "INSERT INTO application_states (uid, control_plane, namespace, name, health, sync, seen_at, version)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
             $7::timestamptz[], $8::bigint[])
             AS seen (uid, control_plane, namespace, name, health, sync, seen_at, version)
         WHERE NOT EXISTS (SELECT FROM application_states known WHERE known.uid = seen.uid)
         ORDER BY uid, version
         ON CONFLICT (uid) DO NOTHING",
    )
    .bind(batch.iter().map(|seen| seen.uid.as_str()).collect::<Vec<_>>())
    .bind(batch.iter().map(|seen| seen.id.control_plane.as_str()).collect::<Vec<_>>())
    .bind(batch.iter().map(|seen| seen.id.namespace.as_str()).collect::<Vec<_>>())
    .bind(batch.iter().map(|seen| seen.id.name.as_str()).collect::<Vec<_>>())
    .bind(batch.iter().map(|seen| seen.health.word()).collect::<Vec<_>>())
    .bind(batch.iter().map(|seen| seen.sync.word()).collect::<Vec<_>>())
    .bind(batch.iter().map(|seen| Moment(seen.at)).collect::<Vec<_>>())
    .bind(batch.iter().map(|seen| seen.version).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await
    .map_err(failed(RECORD))?;
    Ok(())
}

async fn lock_states(
    tx: &mut Transaction<'_, Postgres>,
    batch: &[Observation],
) -> Result<HashMap<String, State>> {
    let rows: Vec<(String, String, String, Moment, i64)> = sqlx::query_as(
        "SELECT uid, health, sync, seen_at, version FROM application_states WHERE uid = ANY($1) ORDER BY uid FOR UPDATE",
    )
    .bind(batch.iter().map(|seen| seen.uid.as_str()).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await
    .map_err(failed(RECORD))?;
    let state = |(uid, health, sync, seen_at, version): (String, String, String, Moment, i64)| {
        let (health, sync) = (Health::parse(&health), Sync::parse(&sync));
        (uid, State { health, sync, seen_at: seen_at.0, version })
    };
    Ok(rows.into_iter().map(state).collect())
}

async fn insert_transitions(
    tx: &mut Transaction<'_, Postgres>,
    transitions: &[Transition<'_>],
) -> Result<()> {
    let each = || transitions.iter();
    sqlx::query(
        "INSERT INTO transitions (at, uid, control_plane, namespace, name, aspect, before, after)
         SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
             $7::text[], $8::text[])",
    )
    .bind(each().map(|transition| Moment(transition.seen.at)).collect::<Vec<_>>())
    .bind(each().map(|transition| transition.seen.uid.as_str()).collect::<Vec<_>>())
    .bind(each().map(|transition| transition.seen.id.control_plane.as_str()).collect::<Vec<_>>())
    .bind(each().map(|transition| transition.seen.id.namespace.as_str()).collect::<Vec<_>>())
    .bind(each().map(|transition| transition.seen.id.name.as_str()).collect::<Vec<_>>())
    .bind(each().map(|transition| transition.aspect).collect::<Vec<_>>())
    .bind(each().map(|transition| transition.before).collect::<Vec<_>>())
    .bind(each().map(|transition| transition.after).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await
    .map_err(failed(RECORD))?;
    Ok(())
}

async fn update_states(
    tx: &mut Transaction<'_, Postgres>,
    states: &HashMap<String, State>,
    transitions: &[Transition<'_>],
) -> Result<()> {
    let changed: BTreeMap<_, _> =
        transitions.iter().filter_map(|transition| states.get_key_value(&transition.seen.uid)).collect();
    sqlx::query(
        "UPDATE application_states SET health = seen.health, sync = seen.sync, seen_at = seen.at,
             version = seen.version
         FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[])
             AS seen (uid, health, sync, at, version)
         WHERE application_states.uid = seen.uid",
    )
    .bind(changed.keys().map(|uid| uid.as_str()).collect::<Vec<_>>())
    .bind(changed.values().map(|state| state.health.word()).collect::<Vec<_>>())
    .bind(changed.values().map(|state| state.sync.word()).collect::<Vec<_>>())
    .bind(changed.values().map(|state| Moment(state.seen_at)).collect::<Vec<_>>())
    .bind(changed.values().map(|state| state.version).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await
    .map_err(failed(RECORD))?;
    Ok(())
}
