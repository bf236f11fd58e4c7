//! What an operator's machines ask: is it alive, is it ready, how does it do.
//!
//! All three answer without a session, for probes and scrapers have none. `/metrics` names control planes and clusters
//! but neither Applications nor people; a proxy in front of Quarterdeck should keep it from the public.

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::HttpState;

/// `GET /healthz`: the program answers.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: pages can be served; otherwise 503 and why not.
pub(super) async fn readyz(State(http): State<HttpState>) -> Response {
    if http.stop.is_cancelled() {
        return not_ready("stopping");
    }
    match http.services.readiness.readiness().await {
        Ok(()) => "ready\n".into_response(),
        Err(why) => not_ready(&why),
    }
}

/// `GET /metrics`: everything that is counted, in Prometheus' text format.
pub(super) async fn metrics(State(http): State<HttpState>) -> Response {
    let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], join(&http.metrics.encode(), &http.services.metrics.encode()))
        .into_response()
}

fn not_ready(why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")).into_response()
}

/// Joins two expositions; only the last one may end with the mark of the end.
fn join(first: &str, second: &str) -> String {
    format!("{}{second}", first.trim_end().trim_end_matches("# EOF"))
}
