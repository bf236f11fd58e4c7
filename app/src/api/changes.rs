//! Changes. The arguments of what is posted are flat, so that plain forms can send them.

#![allow(clippy::too_many_arguments, reason = "a form sends them side by side")]

use leptos::{prelude::*, server_fn::codec::GetUrl};
#[cfg(feature = "ssr")]
use model::{
    AppError,
    plan::{AskPlan, AskRollback, AskUndo},
};
use model::{
    AppResult,
    change::{ChangeDetail, ChangeList, Started, Verdict},
    gate::HoldFor,
    operation::Outcome,
    plan::PlanDetail,
};

#[cfg(feature = "ssr")]
use super::server::{actor, answer, backend, fail};

/// Carries a kept plan out, and leads to the change.
#[server(prefix = "/fn", endpoint = "start_change")]
pub async fn start_change(
    plan: String,
    #[server(default)] reason: String,
    #[server(default)] typed_environment: String,
    #[server(default)] hold: HoldFor,
    #[server(default)] confirm_unrendered: bool,
) -> AppResult<Started> {
    start(model::change::StartChange { plan, reason, typed_environment, hold, confirm_unrendered }).await
}

/// Gives an app in an environment an earlier state: makes the plan, carries it out, and leads to the change.
///
/// `plan` is the hash of the plan that was read: another one is not carried out.
#[server(prefix = "/fn", endpoint = "roll_back")]
pub async fn roll_back(
    app: String,
    environment: String,
    revision: String,
    plan: String,
    #[server(default)] whole_path: bool,
    #[server(default)] reason: String,
    #[server(default)] typed_environment: String,
    #[server(default)] hold: HoldFor,
    #[server(default)] confirm_unrendered: bool,
) -> AppResult<Started> {
    let ask = AskPlan::Rollback(AskRollback { app, environment, revision, whole_path });
    let made = answer(backend()?.make_plan(&actor().await?, ask).await)?.plan.hash;
    if made != plan {
        let why =
            "What this rollback would do changed while you read it. Look at its preview again, then confirm.";
        return Err(fail(AppError::Conflict { why: why.into() }));
    }
    start(model::change::StartChange { plan, reason, typed_environment, hold, confirm_unrendered }).await
}

#[cfg(feature = "ssr")]
async fn start(request: model::change::StartChange) -> AppResult<Started> {
    let started = answer(backend()?.start_change(&actor().await?, request).await)?;
    leptos_axum::redirect(&crate::routes::started(started.change, started.existed));
    Ok(started)
}

/// Plans to give back what stood there before a change, and leads to the plan.
#[server(prefix = "/fn", endpoint = "undo_change")]
pub async fn undo_change(change: u64) -> AppResult<PlanDetail> {
    super::plans::make(AskPlan::Undo(AskUndo { change })).await
}

/// Returns one change.
#[server(prefix = "/fn", endpoint = "get_change", input = GetUrl)]
pub async fn get_change(id: u64) -> AppResult<ChangeDetail> {
    answer(backend()?.get_change(&actor().await?, id).await)
}

/// Returns one page of changes.
#[server(prefix = "/fn", endpoint = "list_changes", input = GetUrl)]
pub async fn list_changes(#[server(default)] query: model::change::ListChanges) -> AppResult<ChangeList> {
    answer(backend()?.list_changes(&actor().await?, query).await)
}

/// Ends a change that is not committed yet, or that needs attention and is left as it is.
#[server(prefix = "/fn", endpoint = "cancel_change")]
pub async fn cancel_change(change: u64) -> AppResult<Outcome> {
    answer(backend()?.cancel_change(&actor().await?, change).await)
}

/// Approves or declines a change, or takes an approval back. `plan` is the hash of the plan that was read.
#[server(prefix = "/fn", endpoint = "decide_change")]
pub async fn decide_change(
    change: u64,
    plan: String,
    verdict: Verdict,
    #[server(default)] comment: String,
    #[server(default)] typed_environment: String,
) -> AppResult<Outcome> {
    let request = model::change::DecideChange { change, plan, verdict, comment, typed_environment };
    answer(backend()?.decide_change(&actor().await?, request).await)
}
