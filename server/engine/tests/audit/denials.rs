//! Denials that come again and again are counted.

use std::time::Duration;

use engine::{
    audit::{self, Denials, Entry, Intent},
    db::Db,
};
use serde_json::json;
use tokio::time::Instant;

use super::sync;
use crate::support::{admin, count, database};

const MINUTE: Duration = Duration::from_secs(60);

async fn deny(denials: &Denials, db: &Db, object: &str, now: Instant) {
    let entry = Entry::from(Intent { object: object.into(), ..sync() });
    denials.deny_at(db, &admin(), entry, "not yours".into(), now).await.expect("is denied");
}

async fn reasons(db: &Db) -> Vec<String> {
    let events = audit::list(db, 1000).await.expect("reads").into_iter();
    events.filter(|event| event.result.is_some()).map(|event| event.reason).collect()
}

#[tokio::test]
async fn the_first_denial_is_written_at_once_and_the_rest_counted() {
    let (db, denials, begin) = (database().await, Denials::default(), Instant::now());
    for _ in 0..214 {
        deny(&denials, &db, "a", begin).await;
    }
    deny(&denials, &db, "b", begin).await;
    assert_eq!(reasons(&db).await, ["not yours", "not yours"]);
    denials.flush(&db, begin + MINUTE / 2).await.expect("flushes");
    assert_eq!(reasons(&db).await.len(), 2, "the minute is not over");

    denials.flush(&db, begin + MINUTE).await.expect("flushes");
    assert_eq!(reasons(&db).await, ["213 times more in 60 s: not yours", "not yours", "not yours"]);
    assert_eq!(denials.kept(), 0);
    let counted = audit::list(&db, 2).await.expect("reads").pop().expect("an intent");
    assert_eq!(counted.details, json!({"times": 213, "seconds": 60}));
}

#[tokio::test]
async fn a_denial_after_the_minute_is_a_first_one_again() {
    let (db, denials, begin) = (database().await, Denials::default(), Instant::now());
    deny(&denials, &db, "a", begin).await;
    deny(&denials, &db, "a", begin).await;
    deny(&denials, &db, "a", begin + MINUTE).await;
    assert_eq!(reasons(&db).await, ["not yours", "1 times more in 60 s: not yours", "not yours"]);
    denials.flush_all(&db).await.expect("flushes");
    assert_eq!(reasons(&db).await.len(), 3, "nothing more was counted");
}

#[tokio::test]
async fn guessing_names_fills_neither_the_memory_nor_the_disk() {
    let (db, denials, begin) = (database().await, Denials::default(), Instant::now());
    for number in 0..500 {
        deny(&denials, &db, &format!("application {number}"), begin).await;
    }
    assert_eq!(denials.kept(), 101);
    assert_eq!(count(&db, "SELECT count(*) FROM audit_events WHERE outcome = 'denied'").await, 101);
    denials.flush_all(&db).await.expect("flushes");
    let newest = audit::list(&db, 1).await.expect("reads").remove(0);
    assert_eq!(newest.object, "further objects");
    assert!(newest.reason.starts_with("399 times more in "), "{}", newest.reason);
}
