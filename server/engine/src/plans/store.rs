//! Kept plans, by their hashes.

use model::{
    Actor, Timestamp,
    plan::{AskPlan, Plan, RenderedApplication},
};
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, types::Json};

use super::reach::Reached;
use crate::{
    Result,
    db::{Db, Moment, failed},
};

/// How long a plan is kept, in days: by then it is stale, or done.
const KEPT_DAYS: i32 = 30;

/// A plan as it was made, for everybody: who may see what of it is settled when it is read.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Kept {
    pub(super) ask: AskPlan,
    pub(super) plan: Plan,
    pub(super) reached: Vec<Reached>,
    pub(super) rendered: Vec<RenderedApplication>,
    pub(super) asked_by: String,
    pub(super) asked_at: Timestamp,
}

/// Keeps a plan. One that is kept already stays as it is, with who asked first; but what it reaches and what was rendered
/// of it are told anew.
pub(super) async fn keep(db: &Db, actor: &Actor, kept: &Kept) -> Result<()> {
    sqlx::query(
        "INSERT INTO plans (hash, ask, plan, touched, rendered, asked_by) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (hash) DO UPDATE SET touched = excluded.touched, rendered = excluded.rendered",
    )
    .bind(&kept.plan.hash)
    .bind(Json(&kept.ask))
    .bind(Json(&kept.plan))
    .bind(Json(&kept.reached))
    .bind(Json(&kept.rendered))
    .bind(&actor.name)
    .execute(db.pool())
    .await
    .map_err(failed("keep a plan"))?;
    Ok(())
}

/// Returns a kept plan; none where no such plan was made.
pub(super) async fn find(db: &Db, hash: &str) -> Result<Option<Kept>> {
    let row = sqlx::query("SELECT * FROM plans WHERE hash = $1")
        .bind(hash)
        .fetch_optional(db.pool())
        .await
        .map_err(failed("read a plan"))?;
    let Some(row) = row else { return Ok(None) };
    let read = || {
        Ok(Kept {
            ask: row.try_get::<Json<_>, _>("ask")?.0,
            plan: row.try_get::<Json<_>, _>("plan")?.0,
            reached: row.try_get::<Json<_>, _>("touched")?.0,
            rendered: row.try_get::<Json<_>, _>("rendered")?.0,
            asked_by: row.try_get("asked_by")?,
            asked_at: row.try_get::<Moment, _>("asked_at")?.0,
        })
    };
    read().map(Some).map_err(failed("read a plan"))
}

/// Forgets plans that are too old to be of use.
pub async fn prune(db: &Db) -> Result<()> {
    sqlx::query("DELETE FROM plans WHERE asked_at < now() - make_interval(days => $1)")
        .bind(KEPT_DAYS)
        .execute(db.pool())
        .await
        .map_err(failed("forget old plans"))?;
    Ok(())
}
