//! Changes in PostgreSQL. A change goes from state to state by compare-and-set: each step names the version that it
//! follows, so that of two programs, or two tries, one makes it. The step's sentence and its place in the record are
//! written in the same transaction.

use std::collections::{BTreeMap, BTreeSet};

use git2::Oid;
use model::{
    Actor, Timestamp,
    actor::ActorKind,
    application::ApplicationId,
    change::ChangeState,
    gate::{Gate, HoldFor},
    plan::{AskPlan, Plan, PlanKind},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{PgConnection, Row as _, postgres::PgRow, types::Json};
use uuid::Uuid;

use crate::{
    Error, Result,
    audit::{self, Context, Intent},
    db::{Db, Moment, failed},
    git::plan::{Expected, PlannedFile},
    plans::Reached,
    repositories::Followed,
};

const READ: &str = "read changes";
const WRITE: &str = "write a change";

/// Where a change stands: what the next step follows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Standing {
    pub id: i64,
    pub version: i64,
    pub state: ChangeState,
}

/// What is said of a step.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NewStep<'a> {
    /// What is waited for, or why it ended so: stands beside the state.
    pub why: &'a str,
    /// Who did it; empty for Quarterdeck itself.
    pub who: &'a str,
    /// What happened, with its evidence.
    pub text: &'a str,
}

/// Whose credentials open the repository: an Application of this project.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Reader {
    pub control_plane: String,
    pub project: String,
}

/// A change as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub standing: Standing,
    pub token: Uuid,
    pub kind: PlanKind,
    pub title: String,
    pub why: String,
    pub steps: u8,
    pub plan_hash: String,
    pub ask: AskPlan,
    pub plan: Plan,
    pub touched: Vec<Reached>,
    pub findings: Vec<String>,
    pub source: String,
    pub environment: String,
    pub followed: Followed,
    pub reader: Reader,
    pub base: String,
    pub commit: Option<String>,
    pub message: Option<String>,
    pub actor: Actor,
    pub reason: String,
    pub quorum: u32,
    pub soak_seconds: u32,
    pub by_change: Option<i64>,
    pub gates: Option<Vec<Gate>>,
    pub tries: u32,
    /// Whether a push began a moment ago of which the remote did not say what became: it may still come to the branch.
    pub is_unsure: bool,
    pub asked_at: Timestamp,
    pub since: Timestamp,
    pub pushed_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub apps: Vec<StoredApp>,
    pub applications: Vec<StoredApplication>,
}

/// An app of a change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct StoredApp {
    pub app_key: String,
    pub base_path: String,
    pub name: String,
    pub slug: String,
    /// By which policies know it.
    pub app: String,
    pub project: String,
    pub before: Option<String>,
    pub after: Option<String>,
    pub expected: Vec<Expected>,
    pub key: String,
    pub by_change: Option<i64>,
}

/// An Application of a change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct StoredApplication {
    /// Of the app that it belongs to.
    pub position: usize,
    pub id: ApplicationId,
    pub cluster: String,
    pub project: String,
    /// Whether it was not there when the change was asked for, so that this is only how it would be called.
    pub is_guess: bool,
}

/// A change that is about to be made.
pub(super) struct NewChange<'a> {
    pub(super) state: ChangeState,
    pub(super) why: &'a str,
    pub(super) kind: PlanKind,
    pub(super) title: &'a str,
    pub(super) ask: &'a AskPlan,
    pub(super) plan: &'a Plan,
    pub(super) touched: &'a [Reached],
    pub(super) findings: &'a [String],
    pub(super) environment: &'a str,
    pub(super) followed: &'a Followed,
    pub(super) reader: &'a Reader,
    pub(super) actor: &'a Actor,
    pub(super) reason: &'a str,
    pub(super) quorum: u32,
    pub(super) soak_seconds: u32,
    pub(super) hold_for: HoldFor,
    pub(super) undoes: Option<i64>,
    pub(super) apps: &'a [StoredApp],
    pub(super) applications: &'a [StoredApplication],
    pub(super) files: &'a [PlannedFile],
}

/// Returns Quarterdeck itself, as it acts in the background.
pub(crate) fn system() -> Actor {
    Actor {
        name: "Quarterdeck".into(),
        subject: "quarterdeck".into(),
        kind: ActorKind::System,
        groups: Vec::new(),
        session: None,
        scopes: Vec::new(),
        request_id: String::new(),
        address: None,
    }
}

/// Makes a step; none where somebody was faster.
///
/// # Errors
/// A database that does not answer.
pub(crate) async fn step(
    db: &Db,
    change: Standing,
    to: ChangeState,
    step: NewStep<'_>,
) -> Result<Option<Standing>> {
    let mut tx = db.begin().await?;
    let made = step_in(&mut tx, change, to, step).await?;
    tx.commit().await.map_err(failed(WRITE))?;
    Ok(made)
}

/// As [`step`], in a transaction of the caller's.
pub(super) async fn step_in(
    connection: &mut PgConnection,
    change: Standing,
    to: ChangeState,
    step: NewStep<'_>,
) -> Result<Option<Standing>> {
    let moved = sqlx::query(
        "UPDATE changes SET state = $3, why = $4, version = version + 1,
             since = CASE WHEN state = $3 THEN since ELSE clock_timestamp() END,
             steps = coalesce($5, steps), ended_at = CASE WHEN $6 THEN coalesce(ended_at, clock_timestamp()) END
         WHERE id = $1 AND version = $2 RETURNING version, title, environment",
    )
    .bind(change.id)
    .bind(change.version)
    .bind(to.word())
    .bind(step.why)
    .bind(to.steps_done().map(i16::from))
    .bind(!to.is_open())
    .fetch_optional(&mut *connection)
    .await
    .map_err(failed(WRITE))?;
    let Some(row) = moved else { return Ok(None) };
    let (version, title, environment) = (
        row.try_get("version").map_err(failed(WRITE))?,
        row.try_get::<String, _>("title").map_err(failed(WRITE))?,
        row.try_get::<String, _>("environment").map_err(failed(WRITE))?,
    );
    if matches!(
        to,
        ChangeState::Failed | ChangeState::Cancelled | ChangeState::Superseded | ChangeState::RolledBack
    ) {
        // What it was asked for may be asked for again.
        sqlx::query("UPDATE change_apps SET is_active = false WHERE change = $1")
            .bind(change.id)
            .execute(&mut *connection)
            .await
            .map_err(failed(WRITE))?;
    }
    tell_in(connection, change.id, to, step).await?;
    record(connection, change.id, (&title, &environment), change.state, to, step).await?;
    Ok(Some(Standing { id: change.id, version, state: to }))
}

/// Says something of a change that stays where it is.
pub(super) async fn tell_in(
    connection: &mut PgConnection,
    change: i64,
    state: ChangeState,
    step: NewStep<'_>,
) -> Result<()> {
    sqlx::query("INSERT INTO change_steps (change, state, who, text) VALUES ($1, $2, $3, $4)")
        .bind(change)
        .bind(state.word())
        .bind(step.who)
        .bind(step.text)
        .execute(connection)
        .await
        .map_err(failed(WRITE))?;
    Ok(())
}

/// Changes what is waited for without a step, where it is another thing now.
pub(super) async fn set_why(db: &Db, change: Standing, why: &str) -> Result<()> {
    sqlx::query("UPDATE changes SET why = $3 WHERE id = $1 AND version = $2 AND why <> $3")
        .bind(change.id)
        .bind(change.version)
        .bind(why)
        .execute(db.pool())
        .await
        .map_err(failed(WRITE))?;
    Ok(())
}

async fn record(
    connection: &mut PgConnection,
    id: i64,
    (title, environment): (&str, &str),
    from: ChangeState,
    to: ChangeState,
    step: NewStep<'_>,
) -> Result<()> {
    let intent = Intent {
        verb: "step",
        object: format!("change {id}"),
        environment: Some(environment.to_owned()),
        details: json!({
            "change": id, "title": title, "from": from.word(), "to": to.word(), "who": step.who, "text": step.text,
        }),
    };
    audit::record_in(connection, &system(), intent.within(Context::default()), audit::Outcome::succeeded())
        .await
        .map(drop)
}

/// Makes a change. A unique key that is taken makes this fail, see [`is_taken`].
pub(super) async fn insert(
    connection: &mut PgConnection,
    new: &NewChange<'_>,
) -> std::result::Result<Standing, sqlx::Error> {
    let (kind, text) = (kind_word(new.kind), asked_text(new));
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO changes (token, kind, state, why, steps, title, plan_hash, ask, plan, touched, findings, source,
             environment, repository, revision, reader, base, actor, actor_name, reason, quorum, soak_seconds,
             hold_for, undoes)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
             $23, $24)
         RETURNING id",
    )
    .bind(Uuid::new_v4())
    .bind(kind)
    .bind(new.state.word())
    .bind(new.why)
    .bind(i16::from(new.state.steps_done().unwrap_or(1)))
    .bind(new.title)
    .bind(&new.plan.hash)
    .bind(Json(new.ask))
    .bind(Json(new.plan))
    .bind(Json(new.touched))
    .bind(Json(new.findings))
    .bind(&new.plan.from)
    .bind(new.environment)
    .bind(&new.followed.repository)
    .bind(&new.followed.revision)
    .bind(Json(new.reader))
    .bind(&new.plan.commit)
    .bind(Json(new.actor))
    .bind(&new.actor.name)
    .bind(new.reason)
    .bind(number(new.quorum))
    .bind(number(new.soak_seconds))
    .bind(new.hold_for.word())
    .bind(new.undoes)
    .fetch_one(&mut *connection)
    .await?;
    for (position, app) in new.apps.iter().enumerate() {
        insert_app(connection, id, position, app).await?;
    }
    for application in new.applications {
        insert_application(connection, id, application).await?;
    }
    insert_files(connection, id, new.files).await?;
    sqlx::query("INSERT INTO change_steps (change, state, who, text) VALUES ($1, $2, $3, $4)")
        .bind(id)
        .bind(new.state.word())
        .bind(&new.actor.name)
        .bind(text)
        .execute(&mut *connection)
        .await?;
    Ok(Standing { id, version: 1, state: new.state })
}

/// Waits for whoever asks for the same apps in the environment at this moment: what they make is seen then.
pub(super) async fn take_turn(
    connection: &mut PgConnection,
    environment: &str,
    apps: &[StoredApp],
) -> Result<()> {
    let places: BTreeSet<_> = apps.iter().map(|app| format!("{environment} {}", app.app_key)).collect();
    for place in places {
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind(place)
            .execute(&mut *connection)
            .await
            .map_err(failed(WRITE))?;
    }
    Ok(())
}

/// Tells whether an insert failed because the same was asked for before.
pub(super) fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|it| it.constraint() == Some("change_apps_once"))
}

fn asked_text(new: &NewChange<'_>) -> String {
    let files = match new.plan.files.len() {
        1 => "1 file".to_owned(),
        many => format!("{many} files"),
    };
    let reason = if new.reason.is_empty() { String::new() } else { format!(" “{}”", new.reason) };
    let way = match new.kind {
        PlanKind::Rollback => format!("Back to {:.7} in {}", new.plan.from, new.environment),
        PlanKind::Promote | PlanKind::Introduce => format!("From {} to {}", new.plan.from, new.environment),
    };
    format!("{way}, {files}, plan {:.12}.{reason}", new.plan.hash)
}

async fn insert_app(
    connection: &mut PgConnection,
    change: i64,
    position: usize,
    app: &StoredApp,
) -> std::result::Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO change_apps (change, position, app_key, base_path, name, slug, app, project, before, after,
             expected, key)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(change)
    .bind(i32::try_from(position).unwrap_or(i32::MAX))
    .bind(&app.app_key)
    .bind(&app.base_path)
    .bind(&app.name)
    .bind(&app.slug)
    .bind(&app.app)
    .bind(&app.project)
    .bind(&app.before)
    .bind(&app.after)
    .bind(Json(&app.expected))
    .bind(&app.key)
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_application(
    connection: &mut PgConnection,
    change: i64,
    application: &StoredApplication,
) -> std::result::Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO change_applications (change, position, control_plane, namespace, name, cluster, project,
             is_guess)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
    )
    .bind(change)
    .bind(i32::try_from(application.position).unwrap_or(i32::MAX))
    .bind(&application.id.control_plane)
    .bind(&application.id.namespace)
    .bind(&application.id.name)
    .bind(&application.cluster)
    .bind(&application.project)
    .bind(application.is_guess)
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_files(
    connection: &mut PgConnection,
    change: i64,
    files: &[PlannedFile],
) -> std::result::Result<(), sqlx::Error> {
    for file in files {
        sqlx::query(
            "INSERT INTO change_files (change, path, before, after, executable) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(change)
        .bind(&file.path)
        .bind(file.before.map(|id| id.to_string()))
        .bind(&file.after)
        .bind(file.executable)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Takes a plan that was computed again in the place of a change's own: it moves the same, in files that others changed
/// meanwhile.
pub(super) async fn replan_in(
    connection: &mut PgConnection,
    change: i64,
    plan: &Plan,
    files: &[PlannedFile],
    expected: &[Vec<Expected>],
) -> Result<()> {
    let replaced = async {
        sqlx::query("UPDATE changes SET plan = $2, plan_hash = $3 WHERE id = $1")
            .bind(change)
            .bind(Json(plan))
            .bind(&plan.hash)
            .execute(&mut *connection)
            .await?;
        sqlx::query("DELETE FROM change_files WHERE change = $1")
            .bind(change)
            .execute(&mut *connection)
            .await?;
        insert_files(connection, change, files).await?;
        for (position, expected) in expected.iter().enumerate() {
            sqlx::query("UPDATE change_apps SET expected = $3 WHERE change = $1 AND position = $2")
                .bind(change)
                .bind(i32::try_from(position).unwrap_or(i32::MAX))
                .bind(Json(expected))
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    };
    replaced.await.map_err(failed(WRITE))
}

/// Returns a change; none where there is none with this number.
pub(crate) async fn read(db: &Db, id: i64) -> Result<Option<Stored>> {
    Ok(read_where(db, "id = $1", &[id]).await?.pop())
}

/// Returns changes by their numbers, in their order.
pub(super) async fn read_all(db: &Db, ids: &[i64]) -> Result<Vec<Stored>> {
    read_where(db, "id = ANY($1)", &[ids.to_vec()]).await
}

/// Returns the changes in some states, the oldest first.
pub(crate) async fn in_states(db: &Db, states: &[ChangeState]) -> Result<Vec<Stored>> {
    let words: Vec<String> = states.iter().map(|it| it.word().to_owned()).collect();
    read_where(db, "ended_at IS NULL AND state = ANY($1)", &[words]).await
}

/// Writes down that changes are about to be pushed, and how their gates stand: until the remote answers, the commits may
/// come to the branch.
pub(super) async fn begin_push(db: &Db, pushed: &[(i64, Vec<Gate>)]) -> Result<()> {
    let (ids, gates): (Vec<i64>, Vec<_>) = pushed.iter().map(|(id, gates)| (*id, Json(gates))).unzip();
    sqlx::query(
        "UPDATE changes SET push_began_at = clock_timestamp(), gates = it.gates
         FROM unnest($1::bigint[], $2::jsonb[]) AS it (id, gates) WHERE changes.id = it.id",
    )
    .bind(ids)
    .bind(gates)
    .execute(db.pool())
    .await
    .map_err(failed(WRITE))?;
    Ok(())
}

/// Counts a try. The remote said of these that it did not take them.
pub(super) async fn end_push(db: &Db, tried: &[i64], not_taken: &[i64]) -> Result<()> {
    sqlx::query(
        "UPDATE changes SET tries = tries + 1, push_began_at = CASE WHEN id = ANY($2) THEN NULL ELSE push_began_at END
         WHERE id = ANY($1)",
    )
    .bind(tried)
    .bind(not_taken)
    .execute(db.pool())
    .await
    .map_err(failed(WRITE))?;
    Ok(())
}

/// Returns the branches that changes are to be written to.
pub(super) async fn branches_to_write(db: &Db) -> Result<Vec<Followed>> {
    let rows = sqlx::query(
        "SELECT repository, revision FROM changes WHERE ended_at IS NULL AND state IN ('queued', 'committing')
         GROUP BY repository, revision ORDER BY min(id)",
    )
    .fetch_all(db.pool())
    .await
    .map_err(failed(READ))?;
    let followed = |row: &PgRow| {
        Ok(Followed { repository: row.try_get("repository")?, revision: row.try_get("revision")? })
    };
    rows.iter().map(followed).collect::<std::result::Result<_, _>>().map_err(failed(READ))
}

/// Returns what is to be written to a branch, the oldest first.
pub(super) async fn to_write(db: &Db, followed: &Followed, most: i64) -> Result<Vec<Stored>> {
    let ids: Vec<i64> = sqlx::query_scalar(
        "SELECT id FROM changes WHERE ended_at IS NULL AND state IN ('queued', 'committing')
             AND repository = $1 AND revision = $2 ORDER BY id LIMIT $3",
    )
    .bind(&followed.repository)
    .bind(&followed.revision)
    .bind(most)
    .fetch_all(db.pool())
    .await
    .map_err(failed(READ))?;
    read_all(db, &ids).await
}

/// Returns what each of these changes writes.
pub(super) async fn files_of(db: &Db, ids: &[i64]) -> Result<BTreeMap<i64, Vec<PlannedFile>>> {
    let rows = sqlx::query("SELECT * FROM change_files WHERE change = ANY($1) ORDER BY change, path")
        .bind(ids)
        .fetch_all(db.pool())
        .await
        .map_err(failed(READ))?;
    let mut all: BTreeMap<i64, Vec<PlannedFile>> = BTreeMap::new();
    for row in &rows {
        let read = || {
            let before: Option<String> = row.try_get("before")?;
            let file = PlannedFile {
                path: row.try_get("path")?,
                before: before.and_then(|it| Oid::from_str(&it).ok()),
                after: row.try_get("after")?,
                executable: row.try_get("executable")?,
            };
            Ok((row.try_get("change")?, file))
        };
        let (change, file) = read().map_err(failed(READ))?;
        all.entry(change).or_default().push(file);
    }
    Ok(all)
}

/// Returns the change that carries a plan out and is not undone, where there is one.
pub(crate) async fn of_plan(db: &Db, hash: &str) -> Result<Option<(i64, ChangeState)>> {
    let row = sqlx::query(
        "SELECT id, state FROM changes WHERE plan_hash = $1
             AND state NOT IN ('failed', 'cancelled', 'superseded', 'rolled_back') ORDER BY id DESC LIMIT 1",
    )
    .bind(hash)
    .fetch_optional(db.pool())
    .await
    .map_err(failed(READ))?;
    let read = |row: PgRow| Ok((row.try_get("id")?, state_of(&row)?));
    row.map(read).transpose().map_err(failed(READ))
}

/// Returns the active changes that have one of these keys.
pub(super) async fn of_keys(db: &Db, keys: &[String]) -> Result<Vec<i64>> {
    sqlx::query_scalar(
        "SELECT DISTINCT change FROM change_apps WHERE is_active AND key = ANY($1) ORDER BY change",
    )
    .bind(keys)
    .fetch_all(db.pool())
    .await
    .map_err(failed(READ))
}

async fn read_where<T>(db: &Db, condition: &'static str, values: &[T; 1]) -> Result<Vec<Stored>>
where
    T: Clone + Send + Sync + for<'q> sqlx::Encode<'q, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + 'static,
{
    // Longer than a push may run, and than a remote takes to let go of one. A clock may have been set back.
    let sql = format!(
        "SELECT *, (push_began_at BETWEEN clock_timestamp() - interval '3 minutes'
             AND clock_timestamp() + interval '3 minutes') IS TRUE AS is_unsure
         FROM changes WHERE {condition} ORDER BY id"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(values[0].clone())
        .fetch_all(db.pool())
        .await
        .map_err(failed(READ))?;
    let mut all: Vec<Stored> =
        rows.iter().map(stored).collect::<std::result::Result<_, _>>().map_err(failed(READ))?;
    let ids: Vec<i64> = all.iter().map(|it| it.standing.id).collect();
    let (mut apps, mut applications) = (apps_of(db, &ids).await?, applications_of(db, &ids).await?);
    for change in &mut all {
        change.apps = apps.remove(&change.standing.id).unwrap_or_default();
        change.applications = applications.remove(&change.standing.id).unwrap_or_default();
    }
    Ok(all)
}

pub(super) async fn apps_of(db: &Db, ids: &[i64]) -> Result<BTreeMap<i64, Vec<StoredApp>>> {
    let rows = sqlx::query("SELECT * FROM change_apps WHERE change = ANY($1) ORDER BY change, position")
        .bind(ids)
        .fetch_all(db.pool())
        .await
        .map_err(failed(READ))?;
    let mut all: BTreeMap<i64, Vec<StoredApp>> = BTreeMap::new();
    for row in &rows {
        let read = || {
            let app = StoredApp {
                app_key: row.try_get("app_key")?,
                base_path: row.try_get("base_path")?,
                name: row.try_get("name")?,
                slug: row.try_get("slug")?,
                app: row.try_get("app")?,
                project: row.try_get("project")?,
                before: row.try_get("before")?,
                after: row.try_get("after")?,
                expected: row.try_get::<Json<_>, _>("expected")?.0,
                key: row.try_get("key")?,
                by_change: row.try_get("by_change")?,
            };
            Ok((row.try_get("change")?, app))
        };
        let (change, app) = read().map_err(failed(READ))?;
        all.entry(change).or_default().push(app);
    }
    Ok(all)
}

pub(super) async fn applications_of(db: &Db, ids: &[i64]) -> Result<BTreeMap<i64, Vec<StoredApplication>>> {
    let rows = sqlx::query(
        "SELECT * FROM change_applications WHERE change = ANY($1) ORDER BY change, position, cluster, name",
    )
    .bind(ids)
    .fetch_all(db.pool())
    .await
    .map_err(failed(READ))?;
    let mut all: BTreeMap<i64, Vec<StoredApplication>> = BTreeMap::new();
    for row in &rows {
        let read = || {
            let application = StoredApplication {
                position: usize::try_from(row.try_get::<i32, _>("position")?).unwrap_or_default(),
                id: ApplicationId {
                    control_plane: row.try_get("control_plane")?,
                    namespace: row.try_get("namespace")?,
                    name: row.try_get("name")?,
                },
                cluster: row.try_get("cluster")?,
                project: row.try_get("project")?,
                is_guess: row.try_get("is_guess")?,
            };
            Ok((row.try_get("change")?, application))
        };
        let (change, application) = read().map_err(failed(READ))?;
        all.entry(change).or_default().push(application);
    }
    Ok(all)
}

fn stored(row: &PgRow) -> std::result::Result<Stored, sqlx::Error> {
    let moment = |name: &str| Ok::<_, sqlx::Error>(row.try_get::<Option<Moment>, _>(name)?.map(|it| it.0));
    let at = |name: &str| Ok::<_, sqlx::Error>(row.try_get::<Moment, _>(name)?.0);
    let count = |name: &str| Ok::<_, sqlx::Error>(u32::try_from(row.try_get::<i32, _>(name)?).unwrap_or(0));
    Ok(Stored {
        standing: Standing {
            id: row.try_get("id")?,
            version: row.try_get("version")?,
            state: state_of(row)?,
        },
        token: row.try_get("token")?,
        kind: kind_of(row.try_get("kind")?),
        title: row.try_get("title")?,
        why: row.try_get("why")?,
        steps: u8::try_from(row.try_get::<i16, _>("steps")?).unwrap_or_default(),
        plan_hash: row.try_get("plan_hash")?,
        ask: row.try_get::<Json<_>, _>("ask")?.0,
        plan: row.try_get::<Json<_>, _>("plan")?.0,
        touched: row.try_get::<Json<_>, _>("touched")?.0,
        findings: row.try_get::<Json<_>, _>("findings")?.0,
        source: row.try_get("source")?,
        environment: row.try_get("environment")?,
        followed: Followed { repository: row.try_get("repository")?, revision: row.try_get("revision")? },
        reader: row.try_get::<Json<_>, _>("reader")?.0,
        base: row.try_get("base")?,
        commit: row.try_get("commit")?,
        message: row.try_get("message")?,
        actor: row.try_get::<Json<_>, _>("actor")?.0,
        reason: row.try_get("reason")?,
        quorum: count("quorum")?,
        soak_seconds: count("soak_seconds")?,
        by_change: row.try_get("by_change")?,
        gates: row.try_get::<Option<Json<_>>, _>("gates")?.map(|it| it.0),
        tries: count("tries")?,
        is_unsure: row.try_get("is_unsure")?,
        asked_at: at("asked_at")?,
        since: at("since")?,
        pushed_at: moment("pushed_at")?,
        ended_at: moment("ended_at")?,
        apps: Vec::new(),
        applications: Vec::new(),
    })
}

/// Reads the state of a row; one that a newer version wrote is taken as waiting for a person.
pub(super) fn state_of(row: &PgRow) -> std::result::Result<ChangeState, sqlx::Error> {
    Ok(ChangeState::parse(row.try_get("state")?).unwrap_or(ChangeState::NeedsAttention))
}

pub(super) fn kind_word(kind: PlanKind) -> &'static str {
    match kind {
        PlanKind::Promote => "promote",
        PlanKind::Rollback => "rollback",
        PlanKind::Introduce => "introduce",
    }
}

pub(super) fn kind_of(word: &str) -> PlanKind {
    match word {
        "rollback" => PlanKind::Rollback,
        "introduce" => PlanKind::Introduce,
        _ => PlanKind::Promote,
    }
}

fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

impl Stored {
    /// Returns the details for the record: what it does, exactly.
    pub(super) fn details(&self) -> Value {
        json!({
            "change": self.standing.id, "title": self.title, "plan": self.plan_hash, "reason": self.reason,
            "files": self.plan.files,
        })
    }

    /// Returns the change's number as the contract has it.
    pub(crate) fn number(&self) -> u64 {
        self.standing.id.unsigned_abs()
    }
}

/// A number of the contract as the database has it.
pub(super) fn id_of(number: u64) -> Result<i64> {
    i64::try_from(number)
        .map_err(|_| Error::Answer(model::AppError::NotFound { what: format!("Change {number}") }))
}
