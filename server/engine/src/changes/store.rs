//! Where changes stand, in PostgreSQL. Each step is a compare-and-set: of two that follow the same one, one counts.

use model::{Actor, actor::ActorKind, change::ChangeState};
use serde_json::json;
use sqlx::Row as _;

use crate::{
    Result,
    audit::{self, Intent, Outcome},
    db::{Db, failed},
};

const STEP: &str = "write down a step of a change";

/// A change at a step of its life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Standing {
    pub(super) id: i64,
    pub(super) version: i64,
    pub(super) state: ChangeState,
}

/// What is told of a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewStep<'a> {
    /// What is waited for, what is wrong, or why it ended so; empty where the state says it all.
    pub(super) why: &'a str,
    /// Who did it; empty for Quarterdeck itself.
    pub(super) who: &'a str,
    /// What happened, in a sentence.
    pub(super) text: &'a str,
}

/// Takes a change to its next state; none where somebody else was faster, and nothing was written.
pub(super) async fn step(
    db: &Db,
    change: Standing,
    to: ChangeState,
    step: NewStep<'_>,
) -> Result<Option<Standing>> {
    let mut tx = db.begin().await?;
    let stepped = sqlx::query(
        "UPDATE changes SET state = $3, version = version + 1, why = $4, steps = COALESCE($5, steps),
             since = clock_timestamp(), ended_at = CASE WHEN $6 THEN NULL ELSE clock_timestamp() END
         WHERE id = $1 AND version = $2 RETURNING version, environment",
    )
    .bind(change.id)
    .bind(change.version)
    .bind(to.word())
    .bind(step.why)
    .bind(to.steps_done().map(i16::from))
    .bind(to.is_open())
    .fetch_optional(&mut *tx)
    .await
    .map_err(failed(STEP))?;
    let Some(row) = stepped else { return Ok(None) };
    if matches!(
        to,
        ChangeState::Failed | ChangeState::Cancelled | ChangeState::Superseded | ChangeState::RolledBack
    ) {
        // Asked for again, it is a new change.
        sqlx::query("UPDATE change_apps SET is_active = false WHERE change = $1")
            .bind(change.id)
            .execute(&mut *tx)
            .await
            .map_err(failed(STEP))?;
    }
    sqlx::query("INSERT INTO change_steps (change, state, who, text) VALUES ($1, $2, $3, $4)")
        .bind(change.id)
        .bind(to.word())
        .bind(step.who)
        .bind(step.text)
        .execute(&mut *tx)
        .await
        .map_err(failed(STEP))?;
    let intent = Intent {
        verb: "step",
        object: format!("change {}", change.id),
        environment: Some(row.try_get("environment").map_err(failed(STEP))?),
        details: json!({"from": change.state, "to": to, "why": step.why, "text": step.text}),
    };
    audit::record_in(&mut tx, &itself(), intent, Outcome::succeeded()).await?;
    let version = row.try_get("version").map_err(failed(STEP))?;
    tx.commit().await.map_err(failed(STEP))?;
    Ok(Some(Standing { version, state: to, ..change }))
}

/// Quarterdeck, where nobody clicked.
fn itself() -> Actor {
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
