//! The chain: every event is sealed once, and each tampering is found and named.

use engine::{
    audit::{
        self, Outcome,
        chain::{Place, keep_sealed},
        verify::{Break, Range, Verification, Whole, verify},
    },
    db::Db,
    metrics::Metrics,
    tasks::Tasks,
};
use uuid::Uuid;

use super::{acts, seal_all, sync};
use crate::support::{admin, as_owner, count, database};

async fn walk(db: &Db, range: Range) -> Verification {
    let mut owner = db.as_owner().await.expect("connects");
    verify(&mut owner, range).await.expect("walks")
}

async fn whole(db: &Db) -> Whole {
    match walk(db, Range::default()).await {
        Verification::Whole(whole) => whole,
        Verification::Broken(broken) => panic!("{broken}"),
    }
}

async fn broken(db: &Db) -> Break {
    match walk(db, Range::default()).await {
        Verification::Broken(broken) => broken,
        Verification::Whole(whole) => panic!("{whole:?}"),
    }
}

async fn anchored(db: &Db, anchor: Place) -> Verification {
    walk(db, Range { anchors: vec![anchor], ..Range::default() }).await
}

async fn event_at(db: &Db, seq: i64) -> Uuid {
    sqlx::query_scalar("SELECT event FROM audit_chain WHERE seq = $1")
        .bind(seq)
        .fetch_one(db.pool())
        .await
        .expect("a seal")
}

/// Returns a database with five acts on record, all of it sealed: ten events.
async fn sealed() -> Db {
    let db = database().await;
    acts(&db, 5).await;
    seal_all(&db).await;
    db
}

#[tokio::test]
async fn every_event_is_sealed_once_also_by_two_at_once() {
    let db = database().await;
    let sealing = async {
        for _ in 0..40 {
            audit::chain::seal(&db).await.expect("seals");
        }
    };
    tokio::join!(acts(&db, 30), acts(&db, 30), sealing, async {
        for _ in 0..40 {
            audit::chain::seal(&db).await.expect("seals");
        }
    });
    seal_all(&db).await;
    let whole = whole(&db).await;
    assert_eq!((whole.events, whole.head.seq, whole.waiting), (120, 120, 0));
    assert_eq!(count(&db, "SELECT count(DISTINCT event) FROM audit_chain").await, 120);
    assert_eq!(count(&db, "SELECT count(*) FROM audit_unsealed").await, 0);
}

#[tokio::test]
async fn an_event_that_commits_late_is_sealed_late_and_not_passed_over() {
    let (db, actor) = (database().await, admin());
    let mut late = db.begin().await.expect("begins");
    audit::record_in(&mut late, &actor, sync(), Outcome::succeeded()).await.expect("writes");
    acts(&db, 2).await;
    seal_all(&db).await;
    assert_eq!(whole(&db).await.events, 4);
    late.commit().await.expect("commits");
    assert_eq!(whole(&db).await.waiting, 2, "what waits is told, and is nothing broken");
    seal_all(&db).await;
    assert_eq!(whole(&db).await.events, 6);
    let last: bool = sqlx::query_scalar(
        "SELECT at < (SELECT max(at) FROM audit_events) FROM audit_events JOIN audit_chain ON event = id WHERE seq = 6",
    )
    .fetch_one(db.pool())
    .await
    .expect("reads");
    assert!(last, "it is older than others that were sealed before it");
}

#[tokio::test]
async fn the_task_seals_within_a_second_and_counts_what_waits() {
    let (db, tasks, metrics) = (database().await, Tasks::default(), Metrics::default());
    acts(&db, 1).await;
    let (sealing, figures) = (db.clone(), metrics.clone());
    tasks.supervise("seal the record", move || keep_sealed(sealing.clone(), figures.clone()));
    let begin = std::time::Instant::now();
    while count(&db, "SELECT count(*) FROM audit_chain").await < 2 {
        assert!(begin.elapsed().as_secs() < 10, "{:?}", tasks.status());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(metrics.encode().contains("quarterdeck_audit_unsealed 0"), "{}", metrics.encode());
    assert_eq!(tasks.status()[0].restarts, 0, "{:?}", tasks.status());
    tasks.shutdown().await;
}

#[tokio::test]
async fn a_part_of_the_chain_can_be_walked_alone() {
    let db = sealed().await;
    let Verification::Whole(part) = walk(&db, Range { from: Some(4), to: Some(7), ..Range::default() }).await
    else {
        panic!("it holds");
    };
    assert_eq!((part.events, part.head.seq), (4, 7));
    let mut owner = db.as_owner().await.expect("connects");
    let beyond = verify(&mut owner, Range { to: Some(99), ..Range::default() }).await;
    assert!(beyond.expect_err("too far").to_string().contains("the chain ends with 10"));
}

#[tokio::test]
async fn an_edited_event_is_named() {
    let db = sealed().await;
    let fourth = event_at(&db, 4).await;
    as_owner(
        &db,
        "SET session_replication_role = replica;
         UPDATE audit_events SET reason = 'all was well' WHERE id = (SELECT event FROM audit_chain WHERE seq = 4)",
    )
    .await;
    assert_eq!(broken(&db).await, Break::Edited { seq: 4, event: fourth });
}

#[tokio::test]
async fn a_seal_that_was_edited_is_named() {
    let db = sealed().await;
    let fifth = event_at(&db, 5).await;
    as_owner(
        &db,
        "SET session_replication_role = replica; UPDATE audit_chain SET hash = sha256('x') WHERE seq = 5",
    )
    .await;
    assert_eq!(broken(&db).await, Break::Edited { seq: 5, event: fifth });
}

#[tokio::test]
async fn a_deleted_event_is_named_also_where_its_seal_went_with_it() {
    let db = sealed().await;
    let third = event_at(&db, 3).await;
    as_owner(
        &db,
        "SET session_replication_role = replica;
         DELETE FROM audit_events WHERE id = (SELECT event FROM audit_chain WHERE seq = 3)",
    )
    .await;
    assert_eq!(broken(&db).await, Break::Deleted { seq: 3, event: third });
    as_owner(&db, "SET session_replication_role = replica; DELETE FROM audit_chain WHERE seq = 3").await;
    assert_eq!(broken(&db).await, Break::SealMissing { seq: 3 });
    as_owner(
        &db,
        "SET session_replication_role = replica; UPDATE audit_chain SET seq = seq - 1000 + 999 WHERE seq > 3",
    )
    .await;
    assert!(matches!(broken(&db).await, Break::Edited { seq: 3, .. }));
}

#[tokio::test]
async fn reordered_events_are_named() {
    let db = sealed().await;
    let (second, third) = (event_at(&db, 2).await, event_at(&db, 3).await);
    as_owner(
        &db,
        "SET session_replication_role = replica;
         CREATE TEMP TABLE swapped AS SELECT * FROM audit_chain WHERE seq IN (2, 3);
         DELETE FROM audit_chain WHERE seq IN (2, 3);
         INSERT INTO audit_chain SELECT 5 - seq, event, hash FROM swapped",
    )
    .await;
    assert_eq!(broken(&db).await, Break::Reordered { seq: 2, event: third, belongs: second.to_string() });
}

#[tokio::test]
async fn an_event_put_in_past_the_program_is_named() {
    let db = sealed().await;
    as_owner(
        &db,
        "SET session_replication_role = replica;
         INSERT INTO audit_events (id, at, actor, actor_kind, actor_groups, request_id, verb, object, outcome)
         VALUES ('00000000-0000-0000-0000-000000000007', now() - interval '2 minutes', 'mallory', 'person', '{}', '',
             'approve', 'change 1842', 'requested')",
    )
    .await;
    assert!(matches!(broken(&db).await, Break::Unsealed { event, .. } if event.as_u128() == 7));
}

#[tokio::test]
async fn a_cut_end_is_found_by_an_anchor() {
    let db = sealed().await;
    let anchor = whole(&db).await.head;
    let Verification::Whole(agreeing) = anchored(&db, anchor).await else { panic!("it holds") };
    assert_eq!((agreeing.head, agreeing.anchors.agreeing), (anchor, 1));
    as_owner(
        &db,
        "SET session_replication_role = replica;
         DELETE FROM audit_events USING audit_chain WHERE event = id AND seq > 7;
         DELETE FROM audit_chain WHERE seq > 7",
    )
    .await;
    let head = whole(&db).await.head;
    assert_eq!(head.seq, 7, "without the anchor nothing is to be seen");
    assert_eq!(anchored(&db, anchor).await, Verification::Broken(Break::Truncated { anchor, head }));
}

#[tokio::test]
async fn a_chain_that_was_made_anew_is_found_by_an_anchor() {
    let db = sealed().await;
    let anchor = whole(&db).await.head;
    as_owner(
        &db,
        "SET session_replication_role = replica;
         UPDATE audit_events SET actor = 'somebody else' WHERE id = (SELECT event FROM audit_chain WHERE seq = 2);
         INSERT INTO audit_unsealed SELECT event FROM audit_chain;
         DELETE FROM audit_chain",
    )
    .await;
    seal_all(&db).await;
    acts(&db, 1).await;
    seal_all(&db).await;
    assert_eq!(whole(&db).await.events, 12, "without the anchor nothing is to be seen");
    let Verification::Broken(Break::Rewritten { anchor: named, found }) = anchored(&db, anchor).await else {
        panic!("it was made anew");
    };
    assert_eq!(named, anchor);
    assert_ne!(found, anchor.hash);
}
