//! What changes wrote, from their tables: which of it is undone, and which commits are ours.

use std::collections::BTreeSet;

use git2::Oid;
use sqlx::{Row as _, types::Json};

use crate::{
    Result,
    db::{Db, failed},
    git::plan::Expected,
};

/// A change, as far as undoing it goes.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) id: u64,
    pub(super) environment: String,
    /// The branch that it was written to, as Applications follow it.
    pub(super) repository: String,
    pub(super) revision: String,
    /// None where it is not on the branch.
    pub(super) commit: Option<Oid>,
    /// Whether it has ended.
    pub(super) is_ended: bool,
    pub(super) apps: Vec<WrittenApp>,
}

/// An app of a change.
#[derive(Clone, Debug)]
pub(super) struct WrittenApp {
    /// As the fleet knows it.
    pub(super) key: String,
    pub(super) base_path: String,
    pub(super) name: String,
    /// As it was called then.
    pub(super) slug: String,
    pub(super) wrote: Vec<Expected>,
    /// The change that took it back.
    pub(super) taken_back_by: Option<i64>,
}

/// Reads a change; none where there is none.
///
/// # Errors
/// A database that does not answer.
pub(super) async fn find(db: &Db, change: u64) -> Result<Option<Written>> {
    let Ok(id) = i64::try_from(change) else { return Ok(None) };
    let found = sqlx::query(
        "SELECT environment, repository, revision, ended_at IS NOT NULL AS is_ended,
                CASE WHEN pushed_at IS NOT NULL THEN commit END AS commit
         FROM changes WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(db.pool())
    .await
    .map_err(failed("read a change"))?;
    let Some(found) = found else { return Ok(None) };
    let apps = sqlx::query(
        "SELECT app_key, base_path, name, slug, expected, by_change FROM change_apps WHERE change = $1 ORDER BY position",
    )
    .bind(id)
    .fetch_all(db.pool())
    .await
    .map_err(failed("read the apps of a change"))?;
    let app = |row: &sqlx::postgres::PgRow| {
        Ok(WrittenApp {
            key: row.try_get("app_key")?,
            base_path: row.try_get("base_path")?,
            name: row.try_get("name")?,
            slug: row.try_get("slug")?,
            wrote: row.try_get::<Json<_>, _>("expected")?.0,
            taken_back_by: row.try_get("by_change")?,
        })
    };
    let read = || {
        let commit: Option<String> = found.try_get("commit")?;
        Ok(Written {
            id: change,
            environment: found.try_get("environment")?,
            repository: found.try_get("repository")?,
            revision: found.try_get("revision")?,
            commit: commit.and_then(|it| Oid::from_str(&it).ok()),
            is_ended: found.try_get("is_ended")?,
            apps: apps.iter().map(app).collect::<sqlx::Result<_>>()?,
        })
    };
    read().map(Some).map_err(failed("read a change"))
}

/// Returns the commits that changes of these apps made: by them, and not by what stands in a message, a commit is known
/// as ours.
///
/// # Errors
/// A database that does not answer.
pub(super) async fn commits_of(db: &Db, apps: &[String]) -> Result<BTreeSet<Oid>> {
    let found: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT commit FROM changes JOIN change_apps ON change = id
         WHERE app_key = ANY($1) AND commit IS NOT NULL",
    )
    .bind(apps)
    .fetch_all(db.pool())
    .await
    .map_err(failed("read the commits of changes"))?;
    Ok(found.iter().filter_map(|it| Oid::from_str(it).ok()).collect())
}
