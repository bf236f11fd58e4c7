//! Plans. The arguments of what is posted are flat, so that plain forms can send them.

use leptos::{prelude::*, server_fn::codec::GetUrl};
use model::{
    AppResult,
    plan::{EarlierStates, PlanDetail},
};
#[cfg(feature = "ssr")]
use model::{
    apps::CellId,
    plan::{AskPlan, AskPromotion, AskRollback},
};

#[cfg(feature = "ssr")]
use super::server::{actor, answer, backend};

/// Plans to bring apps from one environment to another, and leads to the plan.
#[server(prefix = "/fn", endpoint = "plan_promotion")]
pub async fn plan_promotion(
    #[server(default)] apps: Vec<String>,
    from: String,
    to: String,
    #[server(default)] take_latest: Vec<String>,
    #[server(default)] overwrite: Vec<String>,
) -> AppResult<PlanDetail> {
    let ask = AskPromotion { apps, from, to, take_latest, overwrite };
    make(AskPlan::Promote(ask)).await
}

/// Plans to give an app in an environment an earlier state, and leads to the plan.
#[server(prefix = "/fn", endpoint = "plan_rollback")]
pub async fn plan_rollback(
    app: String,
    environment: String,
    revision: String,
    #[server(default)] whole_path: bool,
) -> AppResult<PlanDetail> {
    make(AskPlan::Rollback(AskRollback { app, environment, revision, whole_path })).await
}

#[cfg(feature = "ssr")]
pub(super) async fn make(ask: AskPlan) -> AppResult<PlanDetail> {
    let plan = answer(backend()?.make_plan(&actor().await?, ask).await)?;
    leptos_axum::redirect(&crate::routes::plan(&plan.plan.hash));
    Ok(plan)
}

/// Tells what a rollback would do, without keeping the plan.
#[server(prefix = "/fn", endpoint = "preview_rollback", input = GetUrl)]
pub async fn preview_rollback(
    app: String,
    environment: String,
    revision: String,
    #[server(default)] whole_path: bool,
) -> AppResult<PlanDetail> {
    let ask = AskPlan::Rollback(AskRollback { app, environment, revision, whole_path });
    answer(backend()?.preview_plan(&actor().await?, ask).await)
}

/// Returns a kept plan.
#[server(prefix = "/fn", endpoint = "get_plan", input = GetUrl)]
pub async fn get_plan(hash: String) -> AppResult<PlanDetail> {
    answer(backend()?.get_plan(&actor().await?, hash).await)
}

/// Returns the states that an app had in an environment.
#[server(prefix = "/fn", endpoint = "list_earlier_states", input = GetUrl)]
pub async fn list_earlier_states(app: String, environment: String) -> AppResult<EarlierStates> {
    answer(backend()?.list_earlier_states(&actor().await?, CellId { app, environment }).await)
}
