//! The record: intents, outcomes, that nobody rewrites them, and that the chain tells where somebody did.

mod anchor;
mod canary;
mod chain;
mod denials;
mod observed;
mod pages;
mod prune;

use engine::{
    audit::{self, AuditId, Context, Ending, Intent, Outcome},
    db::Db,
};
use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::support::{admin, count, database};

fn sync() -> Intent {
    Intent {
        verb: "sync",
        object: "application lab/argocd/web-app-prod".into(),
        environment: Some("prod".into()),
        details: json!({"prune": true}),
    }
}

#[tokio::test]
async fn an_act_is_an_intent_and_an_outcome_that_names_it() {
    let (db, actor) = (database().await, admin());
    let id = audit::begin(&db, &actor, sync()).await.expect("begins");
    let open = audit::unfinished(&db).await.expect("reads");
    assert_eq!(open.iter().map(|event| event.id).collect::<Vec<_>>(), [id]);
    assert_eq!((open[0].actor.clone(), open[0].details.clone()), (actor.clone(), json!({"prune": true})));

    audit::finish(&db, id, &actor, Outcome::failed("the controller did not pick this up"))
        .await
        .expect("finishes");
    assert!(audit::unfinished(&db).await.expect("reads").is_empty());
    let [outcome, intent] = audit::list(&db, 10).await.expect("reads").try_into().expect("two rows");
    assert_eq!((intent.id, intent.result, intent.outcome_of), (id, None, None));
    assert_eq!((outcome.result, outcome.outcome_of), (Some(Ending::Failed), Some(id)));
    assert_eq!((outcome.verb, outcome.environment), ("sync".to_owned(), Some("prod".to_owned())));
    assert_eq!(outcome.reason, "the controller did not pick this up");
    assert_eq!(id.to_string().parse::<AuditId>().expect("parses"), id);
}

#[tokio::test]
async fn an_act_ends_once_whoever_follows_it() {
    let (db, actor) = (database().await, admin());
    let id = audit::begin(&db, &actor, sync()).await.expect("begins");
    let (one, other) = tokio::join!(
        audit::finish(&db, id, &actor, Outcome::succeeded()),
        audit::finish(&db, id, &actor, Outcome::failed("late")),
    );
    one.and(other).expect("both are at peace");
    assert_eq!(count(&db, "SELECT count(*) FROM audit_events WHERE outcome_of IS NOT NULL").await, 1);
}

#[tokio::test]
async fn a_refusal_is_both_rows_or_none() {
    let (db, actor) = (database().await, admin());
    audit::refuse(&db, &actor, sync(), Outcome::refused("a window denies it")).await.expect("writes");
    let events = audit::list(&db, 10).await.expect("reads");
    assert_eq!(events.iter().map(|event| event.result).collect::<Vec<_>>(), [Some(Ending::Refused), None]);
}

#[tokio::test]
async fn the_program_cannot_rewrite_the_record() {
    let (db, actor) = (database().await, admin());
    audit::begin(&db, &actor, sync()).await.expect("begins");
    for sql in [
        "UPDATE audit_events SET actor = 'nobody'",
        "DELETE FROM audit_events",
        "TRUNCATE audit_events",
        "DROP TABLE audit_events",
        "ALTER TABLE audit_events DROP COLUMN actor",
        "SELECT * FROM audit_events FOR UPDATE",
        "UPDATE audit_chain SET seq = seq + 1",
        "DELETE FROM audit_chain",
        "TRUNCATE audit_chain",
        "INSERT INTO audit_checkpoints (seq, hash, removed, file) VALUES (1, sha256(''), 1, '')",
        "DELETE FROM audit_checkpoints",
        "ALTER TABLE audit_events DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
    ] {
        let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(db.pool()).await;
        let code =
            done.err().and_then(|error| error.as_database_error()?.code().map(|code| code.into_owned()));
        assert_eq!(code.as_deref(), Some("42501"), "{sql}");
    }
}

#[tokio::test]
async fn the_owner_is_refused_by_the_tables_themselves() {
    let (db, actor) = (database().await, admin());
    audit::begin(&db, &actor, sync()).await.expect("begins");
    seal_all(&db).await;
    let mut owner = db.as_owner().await.expect("connects");
    for sql in [
        "UPDATE audit_events SET actor = 'nobody'",
        "DELETE FROM audit_events",
        "TRUNCATE audit_events",
        "UPDATE audit_chain SET hash = sha256('')",
        "DELETE FROM audit_chain",
        "TRUNCATE audit_chain",
        "TRUNCATE audit_checkpoints",
    ] {
        let error = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut owner).await.expect_err(sql).to_string();
        assert!(error.contains("the record is only added to"), "{sql}: {error}");
    }
    assert_eq!(count(&db, "SELECT count(*) FROM audit_events JOIN audit_chain ON event = id").await, 1);
}

#[tokio::test]
async fn an_outcome_stands_in_the_context_of_its_intent() {
    let (db, actor) = (database().await, admin());
    let context = Context {
        session: Some("s-1".into()),
        control_plane: Some("lab".into()),
        app: Some("web-app".into()),
        observed: true,
    };
    audit::refuse(&db, &actor, sync().within(context), Outcome::denied("no")).await.expect("writes");
    let same = "SELECT count(*) FROM audit_events WHERE session = 's-1' AND control_plane = 'lab' AND app = 'web-app' \
                AND observed";
    assert_eq!(count(&db, same).await, 2);
}

/// Seals all that waits.
async fn seal_all(db: &Db) {
    while audit::chain::seal(db).await.expect("seals") > 0 {}
}

/// Writes this many acts, one by one, each with its outcome: twice as many events.
async fn acts(db: &Db, acts: u32) {
    for number in 0..acts {
        let intent = Intent { object: format!("application lab/argocd/app-{number}"), ..sync() };
        audit::refuse(db, &admin(), intent, Outcome::refused("a window")).await.expect("writes");
    }
}
