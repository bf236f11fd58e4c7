//! What probes and scrapers see.

use axum::http::StatusCode;

use crate::support::{Ask, House};

#[tokio::test]
async fn it_is_alive_without_a_session() {
    let answer = Ask::get("/healthz").of(&House::on_loopback()).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, "ok\n"));
}

#[tokio::test]
async fn it_says_why_it_is_not_ready() {
    let house = House::on_loopback();
    assert_eq!(Ask::get("/readyz").of(&house).await.status, StatusCode::OK);

    *house.readiness.why_not.lock().expect("unpoisoned") =
        Some("the Applications of lab are not listed yet".into());
    let answer = Ask::get("/readyz").of(&house).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.text, "not ready: the Applications of lab are not listed yet\n");
}

#[tokio::test]
async fn it_is_not_ready_while_it_stops() {
    let house = House::on_loopback();
    house.stop.cancel();
    let answer = Ask::get("/readyz").of(&house).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "not ready: stopping\n")
    );
}

#[tokio::test]
async fn requests_are_counted_by_route() {
    let house = House::on_loopback();
    Ask::get("/healthz").of(&house).await;
    let figures = Ask::get("/metrics").of(&house).await.text;
    let expected = r#"http_request_duration_seconds_count{method="GET",route="/healthz",status="200"} 1"#;
    assert!(figures.contains(expected), "{figures}");
    assert!(figures.contains("quarterdeck_streams_open 0"), "the engine's figures are there, too: {figures}");
    assert_eq!(figures.matches("# EOF").count(), 1);
    assert!(figures.ends_with("# EOF\n"));
}
