//! Operations that others started, in the record: told once, when they are over, as seen and not as done by us.

use std::collections::HashMap;

use sqlx::{Postgres, Transaction};

use crate::{
    db::{Moment, failed},
    error::Result,
    history::Observation,
};

const RECORD: &str = "record what others did";

/// Writes an intent and an outcome for each of these operations that is over, was seen while it went on or ended, and is
/// none of ours. Whoever claims the row writes; a second writer finds it claimed.
pub(super) async fn record_foreign(
    tx: &mut Transaction<'_, Postgres>,
    uids: &[&str],
    starts: &[Moment],
    batch: &[Observation],
) -> Result<()> {
    let of_uid: HashMap<&str, &Observation> = batch.iter().map(|seen| (seen.uid.as_str(), seen)).collect();
    let of_uid = |uid: &&str| of_uid.get(*uid).copied();
    let apps: Vec<_> = uids.iter().map(|uid| of_uid(uid).map(|seen| seen.app.as_str())).collect();
    let environments: Vec<_> =
        uids.iter().map(|uid| of_uid(uid).and_then(|seen| seen.environment.as_deref())).collect();
    sqlx::query(
        "WITH given AS (
             SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[]) AS it (uid, started_at, app, environment)
         ), foreign_ones AS (
             UPDATE operations SET observed_as = gen_random_uuid() FROM given
             WHERE operations.uid = given.uid AND operations.started_at = given.started_at
                 AND operations.finished_at IS NOT NULL AND operations.audit_id IS NULL
                 AND operations.observed_as IS NULL AND NOT operations.backfilled AND NOT operations.presumed
                 -- What was over long before anybody looked is history, and no news.
                 AND operations.finished_at > now() - interval '1 hour'
             RETURNING operations.*, given.app, given.environment
         ), both_rows AS (
             SELECT *, false AS is_outcome FROM foreign_ones UNION ALL SELECT *, true FROM foreign_ones
         )
         INSERT INTO audit_events (id, actor, actor_kind, actor_groups, request_id, verb, object, environment,
             control_plane, app, observed, outcome_of, outcome, reason, details)
         SELECT CASE WHEN is_outcome THEN gen_random_uuid() ELSE observed_as END,
             coalesce(started_by, CASE WHEN automated THEN 'Argo CD' ELSE 'unknown' END),
             CASE WHEN automated THEN 'system' ELSE 'person' END, '{}', '', 'sync',
             'Application ' || control_plane || '/' || namespace || '/' || name, environment, control_plane, app, true,
             CASE WHEN is_outcome THEN observed_as END,
             CASE WHEN NOT is_outcome THEN 'requested' WHEN phase = 'Succeeded' THEN 'succeeded' ELSE 'failed' END,
             CASE WHEN is_outcome AND phase <> 'Succeeded' THEN message ELSE '' END,
             jsonb_build_object('revision', revision, 'automated', automated,
                 'started_at', started_at, 'finished_at', finished_at)
         FROM both_rows ORDER BY is_outcome",
    )
    .bind(uids)
    .bind(starts)
    .bind(apps)
    .bind(environments)
    .execute(&mut **tx)
    .await
    .map_err(failed(RECORD))?;
    Ok(())
}
