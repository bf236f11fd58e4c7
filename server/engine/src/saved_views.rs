//! The queries of the matrix that people keep under a name, each their own.

use model::{
    Actor, AppError,
    actor::ActorKind,
    apps::{ListApps, SavedView},
};
use sqlx::{Row as _, types::Json};

use crate::{
    Result,
    db::{Db, failed},
};

/// How many one person keeps.
const MOST: i64 = 50;
/// How long a name is, in characters.
const LONGEST: usize = 60;

/// Returns the actor's own, by name.
pub async fn of(db: &Db, actor: &Actor) -> Result<Vec<SavedView>> {
    let (kind, subject) = owner(actor);
    let rows =
        sqlx::query("SELECT name, query FROM saved_views WHERE kind = $1 AND subject = $2 ORDER BY name")
            .bind(kind)
            .bind(subject)
            .fetch_all(db.pool())
            .await
            .map_err(failed("read saved views"))?;
    let view = |row: sqlx::postgres::PgRow| {
        let query: Json<ListApps> = row.try_get("query")?;
        Ok(SavedView { name: row.try_get("name")?, query: query.0 })
    };
    rows.into_iter().map(view).collect::<std::result::Result<_, _>>().map_err(failed("read saved views"))
}

/// Keeps a query, in the place of one with that name.
///
/// # Errors
/// A name that is empty, too long or more than a line; too many of them.
pub async fn save(db: &Db, actor: &Actor, view: &SavedView) -> Result<()> {
    let name = view.name.trim();
    if name.is_empty() || name.chars().count() > LONGEST || name.chars().any(char::is_control) {
        let why = format!("a name is one line of 1 to {LONGEST} characters.");
        return Err(AppError::Invalid { field: "name".into(), why }.into());
    }
    let (kind, subject) = owner(actor);
    let query = ListApps { page: 0, ..view.query.clone() };
    let written = sqlx::query(
        "INSERT INTO saved_views (kind, subject, name, query) SELECT $1, $2, $3, $4
         WHERE (SELECT count(*) FROM saved_views WHERE kind = $1 AND subject = $2 AND name <> $3) < $5
         ON CONFLICT (kind, subject, name) DO UPDATE SET query = EXCLUDED.query, saved_at = now()",
    )
    .bind(kind)
    .bind(subject)
    .bind(name)
    .bind(Json(query))
    .bind(MOST)
    .execute(db.pool())
    .await
    .map_err(failed("keep a view"))?;
    if written.rows_affected() == 0 {
        let why = format!("You keep {MOST} views already: delete one that you no longer need.");
        return Err(AppError::Conflict { why }.into());
    }
    Ok(())
}

/// Forgets a query.
///
/// # Errors
/// There is none of that name.
pub async fn delete(db: &Db, actor: &Actor, name: &str) -> Result<()> {
    let (kind, subject) = owner(actor);
    let deleted = sqlx::query("DELETE FROM saved_views WHERE kind = $1 AND subject = $2 AND name = $3")
        .bind(kind)
        .bind(subject)
        .bind(name)
        .execute(db.pool())
        .await
        .map_err(failed("forget a view"))?;
    if deleted.rows_affected() == 0 {
        return Err(AppError::NotFound { what: format!("Your view {name:?}") }.into());
    }
    Ok(())
}

/// A token of a person is somebody else than the person: what a program keeps does not show up in their pages.
fn owner(actor: &Actor) -> (&'static str, &str) {
    let kind = match actor.kind {
        ActorKind::LocalAdmin => "local_admin",
        ActorKind::Person => "person",
        ActorKind::Token => "token",
        ActorKind::System => "system",
    };
    (kind, &actor.subject)
}
