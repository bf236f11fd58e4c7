//! The contract of the live stream.

use std::{sync::atomic::Ordering, time::Duration};

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{Ask, Events, House};

const OVERVIEW: &str = "/events?view=%7B%22view%22%3A%22overview%22%7D";

async fn watch(house: &House) -> Events {
    let mut events = Ask::get(OVERVIEW).signed_in(house).stream_of(house).await;
    let hello = events.expect("hello").await;
    assert_eq!(hello["build"].as_str().expect("text").len(), 16);
    events
}

#[tokio::test]
async fn it_sends_what_the_page_shows_at_once_and_then_what_changed() {
    let house = House::on_loopback();
    let mut events = watch(&house).await;
    let first = events.expect("content").await;
    assert_eq!((&first["view"], &first["apps"]), (&json!("overview"), &json!(0)));
    assert_eq!(first["now"], 1, "the moment of the data travels with it");

    house.fleet.has_apps(12);
    assert_eq!(events.expect("content").await["apps"], 12);
}

#[tokio::test]
async fn a_snapshot_without_news_for_the_page_is_silent() {
    let house = House::on_loopback();
    let mut events = watch(&house).await;
    events.expect("content").await;
    house.fleet.takes_snapshot();
    assert_eq!(events.next(Duration::from_millis(600)).await, None);
    assert_eq!(house.fleet.reads.load(Ordering::SeqCst), 2, "it looked");
}

#[tokio::test]
async fn a_slow_reader_gets_the_newest_state_and_no_queue() {
    let house = House::on_loopback();
    let mut events = watch(&house).await;
    events.expect("content").await;
    for apps in 1..=50 {
        house.fleet.has_apps(apps);
        tokio::task::yield_now().await;
    }
    assert_eq!(events.expect("content").await["apps"], 50);
    assert_eq!(events.next(Duration::from_millis(600)).await, None);
    assert_eq!(house.fleet.reads.load(Ordering::SeqCst), 2, "fifty changes are one");
}

#[tokio::test]
async fn a_silent_stream_beats() {
    let house = House::on_loopback();
    let mut events = watch(&house).await;
    events.expect("content").await;
    let (name, data) = events.next(Duration::from_secs(6)).await.expect("a beat");
    assert_eq!(name, "beat");
    assert!(data["now"].as_i64().expect("a moment") > 1_700_000_000_000);
}

#[tokio::test]
async fn it_ends_with_the_session() {
    let house = House::on_loopback();
    let mut events = watch(&house).await;
    events.expect("content").await;
    house.sessions.end();
    assert_eq!(events.expect("ended").await, json!({ "why": "session" }));
    events.is_over().await;
}

#[tokio::test]
async fn it_ends_when_the_program_stops() {
    let house = House::on_loopback();
    let mut events = watch(&house).await;
    events.expect("content").await;
    house.stop.cancel();
    assert_eq!(events.expect("ended").await, json!({ "why": "stopping" }));
    events.is_over().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_said_once() {
    let house = House::on_loopback();
    let view = "/events?view=%7B%22view%22%3A%22cluster%22%2C%22control_plane%22%3A%22lab%22%2C%22name%22%3A%22x%22%7D";
    let mut events = Ask::get(view).signed_in(&house).stream_of(&house).await;
    events.expect("hello").await;
    assert_eq!(events.expect("failed").await["code"], "not_found");
    house.fleet.takes_snapshot();
    assert_eq!(events.next(Duration::from_millis(600)).await, None);
}

#[tokio::test]
async fn a_view_that_makes_no_sense_is_refused() {
    let house = House::on_loopback();
    for path in ["/events", "/events?view=%7B%22view%22%3A%22secrets%22%7D"] {
        let answer = Ask::get(path).signed_in(&house).of(&house).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
        answer.problem("invalid");
    }
}

#[tokio::test]
async fn streams_of_a_session_are_bounded_and_counted() {
    let house = House::on_loopback();
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(watch(&house).await);
    }
    let figures = Ask::get("/metrics").of(&house).await.text;
    assert!(figures.contains("quarterdeck_streams_open 20"), "{figures}");
    let refused = Ask::get(OVERVIEW).signed_in(&house).of(&house).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);

    drop(open);
    watch(&house).await;
}
