//! Freezes and holds. The arguments of what is posted are flat, so that plain forms can send them.

#![allow(clippy::too_many_arguments, reason = "a form sends them side by side")]

use leptos::{prelude::*, server_fn::codec::GetUrl};
use model::{
    AppResult,
    gate::{GateList, HoldFor},
    operation::Outcome,
};

#[cfg(feature = "ssr")]
use super::server::{actor, answer, backend};

/// Returns freezes, holds and sync windows.
#[server(prefix = "/fn", endpoint = "list_gates", input = GetUrl)]
pub async fn list_gates() -> AppResult<GateList> {
    answer(backend()?.list_gates(&actor().await?).await)
}

/// Makes a freeze, then leads to the page of freezes, away from what was typed.
#[server(prefix = "/fn", endpoint = "create_freeze")]
pub async fn create_freeze(
    #[server(default)] environment: String,
    #[server(default)] project: String,
    #[server(default)] reason: String,
    #[server(default)] from: String,
    #[server(default)] until: String,
    #[server(default)] schedule: String,
    #[server(default)] duration: String,
    #[server(default)] zone: String,
) -> AppResult<Outcome> {
    let [reason, schedule, duration, zone] =
        [reason, schedule, duration, zone].map(|it| it.trim().to_owned());
    let request =
        model::gate::CreateFreeze { environment, project, reason, from, until, schedule, duration, zone };
    let outcome = answer(backend()?.create_freeze(&actor().await?, request).await)?;
    leptos_axum::redirect(crate::routes::FREEZES);
    Ok(outcome)
}

/// Ends a freeze, or keeps it from beginning.
#[server(prefix = "/fn", endpoint = "end_freeze")]
pub async fn end_freeze(id: u64) -> AppResult<Outcome> {
    let outcome = answer(backend()?.end_freeze(&actor().await?, id).await)?;
    leptos_axum::redirect(crate::routes::FREEZES);
    Ok(outcome)
}

/// Places a hold on an app in an environment, then leads to the page of holds, away from what was typed.
#[server(prefix = "/fn", endpoint = "place_hold")]
pub async fn place_hold(
    #[server(default)] app: String,
    #[server(default)] environment: String,
    #[server(default)] reason: String,
    #[server(default)] lasts: HoldFor,
) -> AppResult<Outcome> {
    let [app, reason] = [app, reason].map(|it| it.trim().to_owned());
    let request = model::gate::PlaceHold { app, environment, reason, lasts };
    let outcome = answer(backend()?.place_hold(&actor().await?, request).await)?;
    leptos_axum::redirect(crate::routes::FREEZES);
    Ok(outcome)
}

/// Releases a hold.
#[server(prefix = "/fn", endpoint = "release_hold")]
pub async fn release_hold(id: u64) -> AppResult<Outcome> {
    let outcome = answer(backend()?.release_hold(&actor().await?, id).await)?;
    leptos_axum::redirect(crate::routes::FREEZES);
    Ok(outcome)
}
