//! Retention: exported, told, and verifiable from the checkpoint on; and the export as a third party verifies it.

use std::{path::PathBuf, process::Command};

use engine::{
    audit::{
        self, Extent, RecordReader, prune,
        verify::{Break, LastVerification, Range, Verification, verify},
    },
    db::Db,
};
use model::{
    Timestamp,
    record::{CanonicalEvent, ListEvents},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{acts, seal_all, sync};
use crate::support::{admin, as_owner, count, database};

pub(super) fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("audit-{}.ndjson", Uuid::now_v7()))
}

pub(super) fn soon() -> Timestamp {
    Timestamp::from(jiff::Timestamp::now()).plus_seconds(1)
}

/// Runs the verifier of `docs/audit.md`; none where there is no Python.
fn python(file: &std::path::Path) -> Option<(bool, String)> {
    let document = include_str!("../../../../docs/audit.md");
    let program =
        document.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a program");
    let output = Command::new("python3").args(["-c", program]).arg(file).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

async fn walk(db: &Db, range: Range) -> engine::Result<Verification> {
    verify(&mut db.as_owner().await.expect("connects"), range).await
}

#[tokio::test]
async fn old_events_are_exported_told_and_removed_and_the_rest_holds() {
    let (db, file) = (database().await, file());
    acts(&db, 5).await;
    seal_all(&db).await;
    let mut owner = db.as_owner().await.expect("connects");
    let pruned = prune(&mut owner, soon(), &file).await.expect("prunes").expect("there are some");
    assert_eq!((pruned.events, pruned.checkpoint.seq, pruned.held_by), (10, 10, None));

    let text = std::fs::read_to_string(&file).expect("the export");
    assert_eq!(text.lines().count(), 11);
    if let Some((holds, said)) = python(&file) {
        assert!(holds && said.contains(&pruned.checkpoint.to_string()), "{said}");
        std::fs::write(&file, text.replacen("app-3", "app-4", 1)).expect("writes");
        let (holds, said) = python(&file).expect("as before");
        assert!(!holds && said.contains("event 7"), "{said}");
    }

    acts(&db, 2).await;
    seal_all(&db).await;
    assert_eq!(count(&db, "SELECT count(*) FROM audit_events WHERE verb = 'prune'").await, 2);
    let Verification::Whole(whole) = walk(&db, Range::default()).await.expect("walks") else {
        panic!("holds")
    };
    assert_eq!((whole.events, whole.head.seq), (6, 16));
    let anchored = walk(&db, Range { anchors: vec![pruned.checkpoint], ..Range::default() }).await;
    assert!(matches!(anchored, Ok(Verification::Whole(_))));
    let gone = walk(&db, Range { from: Some(3), ..Range::default() }).await.expect_err("is gone");
    assert!(gone.to_string().contains("removed by retention"), "{gone}");

    as_owner(
        &db,
        "SET session_replication_role = replica; UPDATE audit_checkpoints SET hash = sha256('other')",
    )
    .await;
    let found = walk(&db, Range::default()).await.expect("walks");
    assert!(matches!(found, Verification::Broken(Break::Edited { seq: 11, .. })), "{found:?}");
}

#[tokio::test]
async fn an_act_without_outcome_and_what_follows_stay() {
    let (db, file) = (database().await, file());
    acts(&db, 2).await;
    let open = audit::begin(&db, &admin(), sync()).await.expect("begins");
    acts(&db, 2).await;
    seal_all(&db).await;
    let mut owner = db.as_owner().await.expect("connects");
    let pruned = prune(&mut owner, soon(), &file).await.expect("prunes").expect("there are some");
    assert_eq!((pruned.events, pruned.checkpoint.seq), (4, 4));
    assert_eq!(pruned.held_by.map(|id| id.to_string()), Some(open.to_string()));
    let nothing = prune(&mut owner, soon(), &super::prune::file()).await.expect("prunes");
    assert_eq!(nothing, None);
}

#[tokio::test]
async fn nothing_is_removed_from_a_broken_record_nor_over_a_file() {
    let (db, file) = (database().await, file());
    acts(&db, 3).await;
    seal_all(&db).await;
    let mut owner = db.as_owner().await.expect("connects");
    std::fs::write(&file, "mine").expect("writes");
    let error = prune(&mut owner, soon(), &file).await.expect_err("the file is there");
    assert!(error.to_string().contains("could not be written"), "{error}");
    as_owner(
        &db,
        "SET session_replication_role = replica;
         UPDATE audit_events SET reason = '' WHERE id = (SELECT event FROM audit_chain WHERE seq = 2)",
    )
    .await;
    let error = prune(&mut owner, soon(), &self::file()).await.expect_err("is broken");
    assert!(error.to_string().contains("nothing was removed"), "{error}");
    assert_eq!(count(&db, "SELECT count(*) FROM audit_events").await, 6);
}

#[tokio::test]
async fn a_checkpoint_lets_nothing_go_that_is_beyond_it() {
    let db = database().await;
    acts(&db, 3).await;
    seal_all(&db).await;
    let mut owner = db.as_owner().await.expect("connects");
    let error = sqlx::raw_sql(
        "BEGIN; INSERT INTO audit_checkpoints (seq, hash, removed, file) VALUES (2, sha256(''), 2, '');
         DELETE FROM audit_events",
    )
    .execute(&mut owner)
    .await
    .expect_err("is refused");
    assert!(error.to_string().contains("the record is only added to"), "{error}");
}

#[tokio::test]
async fn an_export_is_what_was_sealed_whatever_its_letters() {
    let db = database().await;
    let intent = audit::Intent {
        object: "ä \"b\"\\ \u{1}\u{7f}\u{1f600}\n".into(),
        details: json!({"number": 1.50, "list": [1e30, null], "text": "\u{2028}"}),
        ..sync()
    };
    audit::refuse(&db, &admin(), intent, audit::Outcome::refused("no")).await.expect("writes");
    acts(&db, 1).await;
    seal_all(&db).await;
    let reader = RecordReader::new(db.clone(), LastVerification::default());
    let part = reader.export(&admin(), &Extent::All, &ListEvents::default(), 0).await.expect("exports");
    assert_eq!((part.events.len(), part.next, part.after.seq), (4, None, 0));
    let filtered = ListEvents { object: "application lab/argocd/app-0".into(), ..Default::default() };
    let part_of_one = reader.export(&admin(), &Extent::All, &filtered, 0).await.expect("exports");
    assert_eq!(part_of_one.events.iter().map(|event| event.seq).collect::<Vec<_>>(), [3, 4]);

    let file = file();
    let head = json!({"format": audit::FORMAT, "after_seq": part.after.seq, "after_hash": part.after.hash});
    let lines = part.events.iter().map(|event| serde_json::to_string(event).expect("serializes"));
    let text = std::iter::once(head.to_string()).chain(lines).collect::<Vec<_>>().join("\n");
    std::fs::write(&file, &text).expect("writes");
    if let Some((holds, said)) = python(&file) {
        assert!(holds, "{said}");
    }
    let event: Value = serde_json::from_str(text.lines().nth(1).expect("a line")).expect("JSON");
    let event: CanonicalEvent = serde_json::from_value(event["event"].clone()).expect("an event");
    assert_eq!(event, part.events[0].event);
}
