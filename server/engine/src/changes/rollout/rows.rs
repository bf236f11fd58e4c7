//! The tables of changes, as far as following them reads and writes them.

use std::collections::BTreeMap;

use git2::Oid;
use model::{
    Actor, Timestamp,
    application::ApplicationId,
    change::{ChangeState, RolloutStage},
};
use serde_json::Value;
use sqlx::{Row as _, postgres::PgRow, types::Json};
use uuid::Uuid;

use super::git::Wrote;
use crate::{
    Error, Result,
    changes::{Reader, repository_of, store::Standing},
    db::{Db, Moment, failed},
    fleet::index::{Row, Snapshot},
    git::mirror::Repo,
    repositories as branch,
};

const READ: &str = "read the changes that roll out";
const WRITE: &str = "write down how far a change is";

/// A change whose commit is on its branch.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) standing: Standing,
    pub(super) why: String,
    /// Whether the apps were not in the environment before: Applications may come one by one.
    pub(super) introduces: bool,
    pub(super) environment: String,
    /// The branch, as Applications follow it.
    pub(super) repository: String,
    pub(super) revision: String,
    /// None where no Application of its project follows it now: then nobody's credentials open it.
    pub(super) reader: Option<Repo>,
    pub(super) commit: String,
    pub(super) actor: Actor,
    pub(super) soak_seconds: i64,
    pub(super) since: Timestamp,
    pub(super) healthy_at: Option<Timestamp>,
    pub(super) apps: Vec<App>,
    /// When all of this was read, by the database's clock.
    pub(super) now: Timestamp,
}

/// An app of a change that no other change has taken over.
#[derive(Clone, Debug)]
pub(super) struct App {
    pub(super) position: i32,
    pub(super) key: String,
    pub(super) name: String,
    pub(super) base_path: String,
    pub(super) wrote: Wrote,
    pub(super) applications: Vec<Followed>,
}

/// An Application of an app.
#[derive(Clone, Debug)]
pub(super) struct Followed {
    pub(super) id: ApplicationId,
    pub(super) cluster: String,
    pub(super) stage: RolloutStage,
    pub(super) why: String,
    pub(super) refreshed_at: Option<Timestamp>,
    /// The record's id of the sync that was asked for.
    pub(super) sync: Option<Uuid>,
    pub(super) healthy_at: Option<Timestamp>,
}

impl Followed {
    /// Makes one of which nothing is known yet.
    pub(super) fn new(id: ApplicationId, cluster: String) -> Self {
        Self {
            id,
            cluster,
            stage: RolloutStage::Committed,
            why: String::new(),
            refreshed_at: None,
            sync: None,
            healthy_at: None,
        }
    }
}

/// Reads all changes that roll out, those that were pushed first at the front. One that cannot be read is left out, and
/// told in the log.
pub(super) async fn all(db: &Db, snapshot: &Snapshot) -> Result<Vec<Change>> {
    let rows = sqlx::query(
        "SELECT id, version, kind, state, why, environment, repository, revision, reader, commit, actor, soak_seconds, since,
             healthy_at, clock_timestamp() AS now
         FROM changes WHERE ended_at IS NULL AND state IN ('pushed', 'rolling_out', 'needs_attention', 'healthy', 'soaking') ORDER BY id",
    )
    .fetch_all(db.pool())
    .await
    .map_err(failed(READ))?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = rows.iter().filter_map(|row| row.try_get("id").ok()).collect();
    let mut apps = apps_of(db, &ids).await?;
    let read = |row: PgRow| {
        let id = row.try_get("id").map_err(failed(READ)).ok()?;
        let read =
            apps.remove(&id).unwrap_or(Ok(Vec::new())).and_then(|apps| change_of(&row, apps, snapshot));
        read.inspect_err(|error| {
            tracing::error!(change = id, error = error as &dyn std::error::Error, "a change is not followed");
        })
        .ok()
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

fn change_of(row: &PgRow, apps: Vec<App>, snapshot: &Snapshot) -> Result<Change> {
    let get = || {
        let reader: Reader = row.try_get::<Json<_>, _>("reader")?.0;
        let (repository, revision): (String, String) = (row.try_get("repository")?, row.try_get("revision")?);
        let followed = branch::Followed { repository: repository.clone(), revision: revision.clone() };
        Ok(Change {
            standing: Standing {
                id: row.try_get("id")?,
                version: row.try_get("version")?,
                // The query takes these states alone.
                state: ChangeState::parse(row.try_get("state")?).unwrap_or(ChangeState::Pushed),
            },
            why: row.try_get("why")?,
            introduces: row.try_get::<&str, _>("kind")? == "introduce",
            environment: row.try_get("environment")?,
            reader: repository_of(snapshot, &reader, &followed),
            repository,
            revision,
            commit: row.try_get("commit")?,
            actor: row.try_get::<Json<_>, _>("actor")?.0,
            soak_seconds: row.try_get::<i32, _>("soak_seconds")?.into(),
            since: row.try_get::<Moment, _>("since")?.0,
            healthy_at: row.try_get::<Option<Moment>, _>("healthy_at")?.map(|it| it.0),
            apps,
            now: row.try_get::<Moment, _>("now")?.0,
        })
    };
    get().map_err(failed(READ))
}

/// The apps of each change; a change with one that cannot be read has none.
async fn apps_of(db: &Db, changes: &[i64]) -> Result<BTreeMap<i64, Result<Vec<App>>>> {
    let mut applications = applications_of(db, changes).await?;
    let before = before_of(db, changes).await?;
    let rows = sqlx::query(
        "SELECT change, position, app_key, name, base_path, expected FROM change_apps
         WHERE change = ANY($1) AND by_change IS NULL ORDER BY change, position",
    )
    .bind(changes)
    .fetch_all(db.pool())
    .await
    .map_err(failed(READ))?;
    let mut apps: BTreeMap<i64, Result<Vec<App>>> = BTreeMap::new();
    for row in rows {
        let change = row.try_get("change").map_err(failed(READ))?;
        let position = row.try_get("position").map_err(failed(READ))?;
        let applications = applications.remove(&(change, position)).unwrap_or_default();
        let app = app_of(&row, position, applications, before.get(&change));
        let of_change = apps.entry(change).or_insert(Ok(Vec::new()));
        match (of_change.as_mut(), app) {
            (Ok(apps), Ok(app)) => apps.push(app),
            (Ok(_), Err(error)) => *of_change = Err(error),
            (Err(_), _) => {}
        }
    }
    Ok(apps)
}

fn app_of(row: &PgRow, position: i32, applications: Vec<Followed>, before: Option<&Before>) -> Result<App> {
    let expected: Value = row.try_get("expected").map_err(failed(READ))?;
    let expected = serde_json::from_value(expected)
        .map_err(|error| Error::Bug(format!("what a change wrote cannot be read: {error}")))?;
    let get = || {
        Ok(App {
            position,
            key: row.try_get("app_key")?,
            name: row.try_get("name")?,
            base_path: row.try_get("base_path")?,
            wrote: Wrote::new(expected, before.unwrap_or(&Before::new())),
            applications,
        })
    };
    get().map_err(failed(READ))
}

/// By path: what a change replaced.
type Before = BTreeMap<String, Option<Oid>>;

async fn before_of(db: &Db, changes: &[i64]) -> Result<BTreeMap<i64, Before>> {
    let rows: Vec<(i64, String, Option<String>)> =
        sqlx::query_as("SELECT change, path, before FROM change_files WHERE change = ANY($1)")
            .bind(changes)
            .fetch_all(db.pool())
            .await
            .map_err(failed(READ))?;
    let mut all: BTreeMap<_, Before> = BTreeMap::new();
    for (change, path, before) in rows {
        let before = before.and_then(|it| Oid::from_str(&it).ok());
        all.entry(change).or_default().insert(path, before);
    }
    Ok(all)
}

/// By change and position of the app.
async fn applications_of(db: &Db, changes: &[i64]) -> Result<BTreeMap<(i64, i32), Vec<Followed>>> {
    let rows = sqlx::query(
        "SELECT * FROM change_applications WHERE change = ANY($1) AND NOT is_guess
         ORDER BY change, position, control_plane, namespace, name",
    )
    .bind(changes)
    .fetch_all(db.pool())
    .await
    .map_err(failed(READ))?;
    let mut applications: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in rows {
        let read = || {
            let followed = Followed {
                id: ApplicationId {
                    control_plane: row.try_get("control_plane")?,
                    namespace: row.try_get("namespace")?,
                    name: row.try_get("name")?,
                },
                cluster: row.try_get("cluster")?,
                stage: stage_of(row.try_get("stage")?),
                why: row.try_get("why")?,
                refreshed_at: row.try_get::<Option<Moment>, _>("refreshed_at")?.map(|it| it.0),
                sync: row.try_get("sync")?,
                healthy_at: row.try_get::<Option<Moment>, _>("healthy_at")?.map(|it| it.0),
            };
            Ok(((row.try_get("change")?, row.try_get("position")?), followed))
        };
        let (key, followed) = read().map_err(failed(READ))?;
        applications.entry(key).or_default().push(followed);
    }
    Ok(applications)
}

/// Adds an Application that an app of a change turns out to have, at the place of the app.
pub(super) async fn adopt(db: &Db, change: i64, position: i32, row: &Row) -> Result<()> {
    sqlx::query(
        "INSERT INTO change_applications (change, position, control_plane, namespace, name, cluster, project)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (change, control_plane, namespace, name)
             DO UPDATE SET cluster = excluded.cluster, project = excluded.project, is_guess = false",
    )
    .bind(change)
    .bind(position)
    .bind(&row.id.control_plane)
    .bind(&row.id.namespace)
    .bind(&row.id.name)
    .bind(&row.cluster.name)
    .bind(&row.project)
    .execute(db.pool())
    .await
    .map_err(failed(WRITE))?;
    Ok(())
}

/// Writes down how far an Application is.
pub(super) async fn write_stage(
    db: &Db,
    change: i64,
    followed: &Followed,
    stage: RolloutStage,
    why: &str,
    healthy_at: Option<Timestamp>,
) -> Result<()> {
    sqlx::query(
        "UPDATE change_applications SET stage = $5, why = $6, healthy_at = $7,
             since = CASE WHEN stage = $5 THEN since ELSE clock_timestamp() END
         WHERE change = $1 AND control_plane = $2 AND namespace = $3 AND name = $4",
    )
    .bind(change)
    .bind(&followed.id.control_plane)
    .bind(&followed.id.namespace)
    .bind(&followed.id.name)
    .bind(word_of(stage))
    .bind(why)
    .bind(healthy_at.map(Moment))
    .execute(db.pool())
    .await
    .map_err(failed(WRITE))?;
    Ok(())
}

/// Notes that a refresh is asked for now; returns whether nobody else did since the change was read.
pub(super) async fn claim_refresh(db: &Db, change: i64, followed: &Followed) -> Result<bool> {
    let claimed = sqlx::query(
        "UPDATE change_applications SET refreshed_at = clock_timestamp()
         WHERE change = $1 AND control_plane = $2 AND namespace = $3 AND name = $4
             AND date_trunc('milliseconds', refreshed_at) IS NOT DISTINCT FROM $5",
    )
    .bind(change)
    .bind(&followed.id.control_plane)
    .bind(&followed.id.namespace)
    .bind(&followed.id.name)
    .bind(followed.refreshed_at.map(Moment))
    .execute(db.pool())
    .await
    .map_err(failed(WRITE))?;
    Ok(claimed.rows_affected() == 1)
}

/// Puts the sync that is asked for in the place of the one that is known; returns whether that was still the one.
pub(super) async fn swap_sync(
    db: &Db,
    change: i64,
    id: &ApplicationId,
    known: Option<Uuid>,
    new: Option<Uuid>,
) -> Result<bool> {
    let swapped = sqlx::query(
        "UPDATE change_applications SET sync = $6
         WHERE change = $1 AND control_plane = $2 AND namespace = $3 AND name = $4
             AND sync IS NOT DISTINCT FROM $5",
    )
    .bind(change)
    .bind(&id.control_plane)
    .bind(&id.namespace)
    .bind(&id.name)
    .bind(known)
    .bind(new)
    .execute(db.pool())
    .await
    .map_err(failed(WRITE))?;
    Ok(swapped.rows_affected() == 1)
}

/// Writes down since when all is Healthy, as long as the change is at this step.
pub(super) async fn write_healthy_at(db: &Db, standing: Standing, at: Option<Timestamp>) -> Result<()> {
    sqlx::query("UPDATE changes SET healthy_at = $3 WHERE id = $1 AND version = $2")
        .bind(standing.id)
        .bind(standing.version)
        .bind(at.map(Moment))
        .execute(db.pool())
        .await
        .map_err(failed(WRITE))?;
    Ok(())
}

/// Writes down that the Applications of a change were Healthy for as long as is asked.
pub(super) async fn write_soaked(db: &Db, change: &Change) -> Result<()> {
    let positions: Vec<i32> = change.apps.iter().map(|app| app.position).collect();
    sqlx::query(
        "UPDATE change_applications SET stage = 'soaked', why = '', since = clock_timestamp()
         WHERE change = $1 AND position = ANY($2)",
    )
    .bind(change.standing.id)
    .bind(positions)
    .execute(db.pool())
    .await
    .map_err(failed(WRITE))?;
    Ok(())
}

/// Returns the change of ours that a commit with this token is of. Anybody may copy a token that was pushed, so the commit
/// counts as well, once it is known.
pub(super) async fn change_with(db: &Db, token: Uuid, commit: &str) -> Result<Option<i64>> {
    sqlx::query_scalar("SELECT id FROM changes WHERE token = $1 AND (commit IS NULL OR commit = $2)")
        .bind(token)
        .bind(commit)
        .fetch_optional(db.pool())
        .await
        .map_err(failed(READ))
}

/// Returns why an act on record ended as it did; none where it has not ended.
pub(super) async fn ending_of(db: &Db, act: Uuid) -> Result<Option<String>> {
    sqlx::query_scalar("SELECT reason FROM audit_events WHERE outcome_of = $1")
        .bind(act)
        .fetch_optional(db.pool())
        .await
        .map_err(failed(READ))
}

/// Returns when an id of the record was made.
pub(super) fn made_at(id: Uuid) -> Option<Timestamp> {
    let (seconds, nanoseconds) = id.get_timestamp()?.to_unix();
    let milliseconds = i64::try_from(seconds).ok()?.checked_mul(1000)?;
    Some(Timestamp(milliseconds + i64::from(nanoseconds / 1_000_000)))
}

const STAGES: [(RolloutStage, &str); 6] = [
    (RolloutStage::Committed, "committed"),
    (RolloutStage::Seen, "seen"),
    (RolloutStage::Syncing, "syncing"),
    (RolloutStage::Synced, "synced"),
    (RolloutStage::Healthy, "healthy"),
    (RolloutStage::Soaked, "soaked"),
];

fn word_of(stage: RolloutStage) -> &'static str {
    STAGES.iter().find(|(it, _)| *it == stage).map_or("committed", |(_, word)| word)
}

fn stage_of(word: &str) -> RolloutStage {
    STAGES.iter().find(|(_, it)| *it == word).map_or(RolloutStage::Committed, |(stage, _)| *stage)
}
