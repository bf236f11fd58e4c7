//! Freezes and holds: what people put in the way of changes.

use axum::{
    Extension,
    extract::{Path, State},
};
use model::{
    gate::{CreateFreeze, GateList, PlaceHold},
    operation::Outcome,
};

use super::{Answer, Body, Engine, Problem, Who, answer, body, number};

/// Freezes, holds, and Argo CD's own sync windows.
#[utoipa::path(
    get, path = "/gates", responses((status = 200, body = GateList), (status = 503, body = Problem))
)]
pub(super) async fn list_gates(State(http): Engine, Extension(actor): Who) -> Answer<GateList> {
    answer(http.services.backend.list_gates(&actor).await)
}

/// Freezes an environment: once, from a moment until a moment, or again and again.
#[utoipa::path(
    post, path = "/freezes", request_body = CreateFreeze,
    responses(
        (status = 200, body = Outcome), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem)
    )
)]
pub(super) async fn create_freeze(
    State(http): Engine,
    Extension(actor): Who,
    request: Body<CreateFreeze>,
) -> Answer<Outcome> {
    answer(http.services.backend.create_freeze(&actor, body(request)?).await)
}

/// Ends a freeze, or keeps it from beginning.
#[utoipa::path(
    delete, path = "/freezes/{id}", params(("id" = u64, Path)),
    responses(
        (status = 200, body = Outcome), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 503, body = Problem)
    )
)]
pub(super) async fn end_freeze(
    State(http): Engine,
    Extension(actor): Who,
    Path(id): Path<String>,
) -> Answer<Outcome> {
    answer(http.services.backend.end_freeze(&actor, number("Freeze", &id)?).await)
}

/// Holds an app in an environment: promotions leave it alone.
#[utoipa::path(
    post, path = "/holds", request_body = PlaceHold,
    responses(
        (status = 200, body = Outcome), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)
    )
)]
pub(super) async fn place_hold(
    State(http): Engine,
    Extension(actor): Who,
    request: Body<PlaceHold>,
) -> Answer<Outcome> {
    answer(http.services.backend.place_hold(&actor, body(request)?).await)
}

/// Releases a hold.
#[utoipa::path(
    post, path = "/holds/{id}/release", params(("id" = u64, Path)),
    responses(
        (status = 200, body = Outcome), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 503, body = Problem)
    )
)]
pub(super) async fn release_hold(
    State(http): Engine,
    Extension(actor): Who,
    Path(id): Path<String>,
) -> Answer<Outcome> {
    answer(http.services.backend.release_hold(&actor, number("Hold", &id)?).await)
}
