//! Changes: plans that are carried out, and what people decide about them.

use axum::{
    Extension,
    extract::{Path, Query, State},
};
use model::{
    change::{
        ChangeDetail, ChangeList, DecideChange, ListChanges, StartChange, Started, Verdict, WaitingList,
    },
    operation::Outcome,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{Answer, Body, Engine, Problem, Who, answer, body, number, parts};

/// Which changes; lists are parted by commas.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct WantedChanges {
    /// Words that app, version, person, commit or number have.
    q: String,
    environment: String,
    /// `in_flight`, `for_person`, `done`, `failed`, `rolled_back`, `superseded`.
    state: String,
    /// `promote`, `rollback`, `introduce`.
    kind: String,
    who: String,
    /// 10 to 200.
    limit: u32,
    /// From 1.
    page: u32,
}

impl From<WantedChanges> for ListChanges {
    fn from(wanted: WantedChanges) -> Self {
        Self {
            q: wanted.q,
            environment: parts(&wanted.environment),
            state: parts(&wanted.state),
            kind: parts(&wanted.kind),
            who: parts(&wanted.who),
            page: wanted.page,
            per_page: wanted.limit,
        }
    }
}

/// What a person says to a change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    /// The hash of the plan that was looked at.
    plan: String,
    verdict: Verdict,
    #[serde(default)]
    comment: String,
    /// The environment, where it is protected.
    #[serde(default)]
    typed_environment: String,
}

/// Changes: those that are open first, then the newest.
#[utoipa::path(
    get, path = "/changes", params(WantedChanges),
    responses((status = 200, body = ChangeList), (status = 503, body = Problem))
)]
pub(super) async fn list_changes(
    State(http): Engine,
    Extension(actor): Who,
    Query(wanted): Query<WantedChanges>,
) -> Answer<ChangeList> {
    answer(http.services.backend.list_changes(&actor, wanted.into()).await)
}

/// Carries a kept plan out. Asked for twice, it is one change: the answer says so.
#[utoipa::path(
    post, path = "/changes", request_body = StartChange,
    responses(
        (status = 200, body = Started), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)
    )
)]
pub(super) async fn start_change(
    State(http): Engine,
    Extension(actor): Who,
    request: Body<StartChange>,
) -> Answer<Started> {
    answer(http.services.backend.start_change(&actor, body(request)?).await)
}

/// One change: its timeline, its gates, and how far each Application is.
#[utoipa::path(
    get, path = "/changes/{id}", params(("id" = u64, Path)),
    responses((status = 200, body = ChangeDetail), (status = 404, body = Problem), (status = 503, body = Problem))
)]
pub(super) async fn get_change(
    State(http): Engine,
    Extension(actor): Who,
    Path(id): Path<String>,
) -> Answer<ChangeDetail> {
    answer(http.services.backend.get_change(&actor, number("Change", &id)?).await)
}

/// Ends a change that is not committed yet, or that needs attention and is left as it is.
#[utoipa::path(
    post, path = "/changes/{id}/cancel", params(("id" = u64, Path)),
    responses(
        (status = 200, body = Outcome), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 503, body = Problem)
    )
)]
pub(super) async fn cancel_change(
    State(http): Engine,
    Extension(actor): Who,
    Path(id): Path<String>,
) -> Answer<Outcome> {
    answer(http.services.backend.cancel_change(&actor, number("Change", &id)?).await)
}

/// Approves or declines a change, or takes an approval back; sessions alone may, and not that of who asked for it.
#[utoipa::path(
    post, path = "/changes/{id}/decision", params(("id" = u64, Path)), request_body = Decision,
    responses(
        (status = 200, body = Outcome), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)
    )
)]
pub(super) async fn decide_change(
    State(http): Engine,
    Extension(actor): Who,
    Path(id): Path<String>,
    decision: Body<Decision>,
) -> Answer<Outcome> {
    let change = number("Change", &id)?;
    let Decision { plan, verdict, comment, typed_environment } = body(decision)?;
    let request = DecideChange { change, plan, verdict, comment, typed_environment };
    answer(http.services.backend.decide_change(&actor, request).await)
}

/// What waits for the caller, and what the caller waits for.
#[utoipa::path(
    get, path = "/waiting", responses((status = 200, body = WaitingList), (status = 503, body = Problem))
)]
pub(super) async fn list_waiting(State(http): Engine, Extension(actor): Who) -> Answer<WaitingList> {
    answer(http.services.backend.list_waiting(&actor).await)
}
