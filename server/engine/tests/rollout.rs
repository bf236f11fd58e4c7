//! What happens to a change after its push, with PostgreSQL, a real repository and mirror, and an API server that takes
//! Argo CD's objects. R20: the result is verified.

mod house;

use engine::{
    argo::types::AppProject,
    fleet::{index::Change, probe::Contact},
};
use serde_json::json;
use uuid::Uuid;

use self::house::{House, in_seconds, state};
use crate::support::count;

#[tokio::test]
async fn r20_from_the_push_to_done_where_auto_sync_is_on() {
    let mut house = House::new().await;
    let change = house.pushed("1.5.0").await;
    house.look_until("a refresh", async || house.is_asked_to_refresh()).await;
    let stands = house.stands(&change).await;
    assert_eq!((stands.state.as_str(), stands.stage.as_str()), ("rolling_out", "committed"), "{stands:?}");

    house.argo_compares(change.commit, "OutOfSync");
    house.look().await;
    assert_eq!(house.stands(&change).await.stage, "seen");

    let message = "waiting for healthy state of apps/Deployment/web";
    let running = state(change.commit, "Running", message);
    house.argo_writes("web-prod", json!({"status": {"operationState": running}}));
    house.look().await;
    let stands = house.stands(&change).await;
    assert_eq!(stands.stage, "syncing");
    assert!(stands.application_why.contains(message), "{stands:?}");
    assert!(stands.why.contains("web-prod"), "{stands:?}");

    house.argo_ends(change.commit, "Succeeded", "Progressing");
    house.look().await;
    let stands = house.stands(&change).await;
    assert_eq!((stands.state.as_str(), stands.stage.as_str()), ("rolling_out", "synced"), "{stands:?}");

    house.argo_ends(change.commit, "Succeeded", "Healthy");
    house.look().await;
    let stands = house.stands(&change).await;
    assert_eq!((stands.state.as_str(), stands.stage.as_str()), ("done", "soaked"), "{stands:?}");
    assert_eq!(house.states(&change).await, ["rolling_out", "healthy", "done"]);
    assert_eq!(house.record("step").await.len(), 6, "each step, with its outcome");
    let refreshes = house.record("refresh").await;
    assert_eq!(refreshes[0].1["change"], change.id);
    assert!(house.object("web-prod")["operation"].is_null(), "never an operation");
    assert!(house.record("sync").await.is_empty());
}

#[tokio::test]
async fn r20_where_auto_sync_is_off_it_is_synced_once_to_the_pushed_commit() {
    let mut house = House::new().await;
    house.argo_writes("web-prod", json!({"spec": {"syncPolicy": {"automated": null}}}));
    let change = house.pushed("1.5.0").await;
    house.look_until("a refresh", async || house.is_asked_to_refresh()).await;
    assert!(house.object("web-prod")["operation"].is_null(), "not before Argo CD has seen the commit");

    // Others push, too: the sync goes to our commit all the same.
    let later = house.commit("1.5.0", "Elsewhere");
    house.argo_compares(later, "OutOfSync");
    house.look_until("a sync", async || !house.object("web-prod")["operation"].is_null()).await;
    let operation = house.object("web-prod")["operation"].clone();
    assert_eq!(operation["sync"]["revision"], change.commit.to_string());
    assert_eq!(operation["sync"]["syncOptions"], json!(["CreateNamespace=true"]));
    assert_eq!(operation["retry"], json!({"limit": 2}));
    assert_eq!(operation["initiatedBy"]["username"], "admin");
    assert_eq!(operation["info"][1]["value"], change.id.to_string());
    for _ in 0..5 {
        house.look().await;
    }
    let intents = house.record("sync").await;
    assert_eq!(intents.len(), 1, "{intents:?}");
    assert_eq!(
        (&intents[0].1["change"], &intents[0].1["patch"][0]["path"]),
        (&json!(change.id), &json!("/operation"))
    );
    assert_eq!(house.stands(&change).await.stage, "syncing");

    let mut over = state(change.commit, "Succeeded", "successfully synced");
    over["operation"] = operation;
    house.argo_writes(
        "web-prod",
        json!({"operation": null, "status": {"operationState": over, "sync": {"status": "Synced"}, "reconciledAt": in_seconds(1)}}),
    );
    house.look_until("the end", async || house.stands(&change).await.state == "done").await;
    house.look_until("the outcome", async || house.record("sync").await.len() == 2).await;
    assert_eq!(house.record("sync").await[1].0, "succeeded");
}

#[tokio::test]
async fn r20_a_sync_that_cannot_be_written_is_said_and_no_claim_stays() {
    let mut house = House::new().await;
    house.argo_writes("web-prod", json!({"spec": {"syncPolicy": {"automated": null}}}));
    let change = house.pushed("1.5.0").await;
    house.look().await;
    house.argo_compares(change.commit, "OutOfSync");
    // Somebody is faster than the watch.
    house.write_unseen("web-prod", json!({"operation": {"initiatedBy": {"username": "bob"}, "sync": {}}}));
    let said = async || house.stands(&change).await.application_why.contains("started by bob");
    house.look_until("the reason", said).await;
    let stands = house.stands(&change).await;
    assert!(!stands.has_sync, "it may be asked for again: {stands:?}");
    assert_eq!(stands.state, "rolling_out");
    assert_eq!(house.record("sync").await[1].0, "refused");
}

#[tokio::test]
async fn r20_a_window_that_denies_keeps_the_sync_from_being_written() {
    let mut house = House::new().await;
    house.argo_writes("web-prod", json!({"spec": {"syncPolicy": {"automated": null}}}));
    let project: AppProject = serde_json::from_value(json!({
        "metadata": {"name": "shop"},
        "spec": {"syncWindows": [{"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": ["*"]}]}
    }))
    .expect("a project");
    house.tell(Change::Projects { plane: "lab".into(), projects: vec![project] });
    let change = house.pushed("1.5.0").await;
    house.argo_compares(change.commit, "OutOfSync");
    house.look().await;
    house.look().await;
    let stands = house.stands(&change).await;
    assert_eq!((stands.state.as_str(), stands.stage.as_str()), ("rolling_out", "seen"));
    assert!(stands.application_why.contains("A sync window denies it"), "{stands:?}");
    assert!(!stands.has_sync);
    assert!(house.object("web-prod")["operation"].is_null());
}

#[tokio::test]
async fn r20_what_takes_too_long_needs_attention_and_names_what_is_waited_for() {
    let mut house = House::new().await;
    let change = house.pushed("1.5.0").await;
    house.look().await;
    assert_eq!(house.stands(&change).await.state, "rolling_out");
    house.was_earlier(&change, 601).await;
    house.look().await;
    let stands = house.stands(&change).await;
    assert_eq!(stands.state, "needs_attention");
    assert!(stands.why.starts_with("It takes longer than 10 min. web-prod: Argo CD"), "{stands:?}");

    house.argo_brings(change.commit);
    house.look().await;
    assert_eq!(house.stands(&change).await.state, "done", "it mends by itself");
    let states = house.states(&change).await;
    assert_eq!(states, ["rolling_out", "needs_attention", "rolling_out", "healthy", "done"]);
}

#[tokio::test]
async fn r20_a_failed_operation_needs_attention_with_its_cause() {
    let mut house = House::new().await;
    let change = house.pushed("1.5.0").await;
    house.look().await;
    let mut failed = state(change.commit, "Failed", "one or more objects failed to apply");
    failed["syncResult"]["resources"] =
        json!([{"kind": "Deployment", "name": "web", "status": "SyncFailed", "message": "quota exceeded"}]);
    house.argo_compares(change.commit, "OutOfSync");
    house.argo_writes("web-prod", json!({"status": {"operationState": failed}}));
    house.look().await;
    let stands = house.stands(&change).await;
    assert_eq!(stands.state, "needs_attention");
    assert!(stands.why.contains("web-prod") && stands.why.contains("quota exceeded"), "{stands:?}");
}

#[tokio::test]
async fn r20_the_soak_begins_again_where_it_gets_worse() {
    let mut house = House::new().await;
    let change = house.pushed_with("1.5.0", "promote", 60, true).await;
    house.argo_brings(change.commit);
    house.look().await;
    assert_eq!(house.stands(&change).await.state, "soaking");
    house.was_earlier(&change, 30).await;
    house.look().await;
    assert_eq!(house.stands(&change).await.state, "soaking");

    house.argo_ends(change.commit, "Succeeded", "Degraded");
    house.look().await;
    let stands = house.stands(&change).await;
    assert_eq!((stands.state.as_str(), stands.stage.as_str()), ("needs_attention", "synced"));
    assert!(stands.why.contains("Degraded"), "{stands:?}");

    house.argo_ends(change.commit, "Succeeded", "Healthy");
    house.look().await;
    assert_eq!(house.stands(&change).await.state, "soaking");
    house.was_earlier(&change, 30).await;
    house.look().await;
    assert_eq!(house.stands(&change).await.state, "soaking", "from the beginning");
    house.was_earlier(&change, 31).await;
    house.look().await;
    assert_eq!(house.stands(&change).await.state, "done");
    let states = house.states(&change).await;
    let expected =
        ["rolling_out", "healthy", "soaking", "needs_attention", "rolling_out", "healthy", "soaking", "done"];
    assert_eq!(states, expected);
}

#[tokio::test]
async fn r20_a_break_of_health_between_two_looks_is_seen() {
    let mut house = House::new().await;
    let change = house.pushed_with("1.5.0", "promote", 60, true).await;
    house.argo_brings(change.commit);
    house.look().await;
    house.was_earlier(&change, 50).await;
    let health = json!({"status": {"health": {"status": "Healthy", "lastTransitionTime": in_seconds(-10)}}});
    house.argo_writes("web-prod", health);
    house.look().await;
    let states = house.states(&change).await;
    let expected = ["rolling_out", "healthy", "soaking", "rolling_out", "healthy", "soaking"];
    assert_eq!(states, expected, "{:?}", house.steps(&change).await);
    for _ in 0..3 {
        house.look().await;
    }
    assert_eq!(house.states(&change).await.len(), 6, "and only once");
}

#[tokio::test]
async fn r20_a_commit_that_changes_no_object_is_success_without_an_operation() {
    let mut house = House::new().await;
    house.argo_writes("web-prod", json!({"spec": {"syncPolicy": {"automated": null}}}));
    let change = house.pushed("1.5.0").await;
    house.look().await;
    assert_eq!(house.stands(&change).await.state, "rolling_out", "green at the commit before");
    house.argo_compares(change.commit, "Synced");
    house.look().await;
    assert_eq!(house.stands(&change).await.state, "done");
    assert!(house.record("sync").await.is_empty());
}

#[tokio::test]
async fn r20_a_descendant_that_reverts_us_ends_the_change_as_failed_and_is_named() {
    let mut house = House::new().await;
    let change = house.pushed("1.5.0").await;
    house.look().await;
    let reverted = house.commit("1.4.0", "Revert the promotion");
    house.argo_brings(reverted);
    house.look_until("the end", async || house.stands(&change).await.state == "failed").await;
    let why = house.stands(&change).await.why;
    let commit = &reverted.to_string()[..7];
    assert!(why.contains(commit) && why.contains("erin (Revert the promotion)"), "{why}");
    assert_eq!(count(&house.db, "SELECT count(*) FROM change_apps WHERE is_active").await, 0);
}

#[tokio::test]
async fn r20_what_a_newer_change_of_ours_wrote_takes_nothing_back() {
    let mut house = House::new().await;
    let older = house.pushed("1.5.0").await;
    house.look().await;
    let newer = house.pushed("1.6.0").await;
    house.argo_brings(newer.commit);
    house.look_until("the newer one", async || house.stands(&newer).await.state == "done").await;
    // Both are looked at together, and one of them fetches the commit.
    let by_newer = format!("Change {}", newer.id);
    let names_it = async || house.stands(&older).await.application_why.contains(&by_newer);
    house.look_until("the older one names the newer", names_it).await;
    let stands = house.stands(&older).await;
    assert_eq!(stands.state, "rolling_out", "the push of the newer one settles it: {stands:?}");

    let taken = "UPDATE change_apps SET by_change = $2 WHERE change = $1";
    sqlx::query(taken).bind(older.id).bind(newer.id).execute(house.db.pool()).await.expect("writes");
    house.was_earlier(&older, 601).await;
    house.look().await;
    assert_eq!(house.stands(&older).await.state, "rolling_out", "it is not waited for any more");
}

#[tokio::test]
async fn r20_trailers_that_others_copied_make_no_commit_ours() {
    let mut house = House::new().await;
    let older = house.pushed("1.5.0").await;
    let change = house.pushed("1.6.0").await;
    let copied = house.commit_as_if("1.4.0", &older);
    house.argo_brings(copied);
    house.look_until("the end", async || house.stands(&change).await.state == "failed").await;
}

#[tokio::test]
async fn r20_a_squash_of_our_commit_counts_by_its_values() {
    let mut house = House::new().await;
    let before = house.head();
    let change = house.pushed("1.5.0").await;
    house.look().await;
    let squashed = house.commit_on(Some(before), "1.5.0", "Squashed");
    house.argo_brings(squashed);
    house.look_until("the end", async || house.stands(&change).await.state == "done").await;
}

#[tokio::test]
async fn r20_a_branch_that_was_set_back_has_lost_the_change() {
    let mut house = House::new().await;
    let before = house.head();
    let change = house.pushed("1.5.0").await;
    let other = house.commit_on(Some(before), "1.4.0", "Without the promotion");
    house.argo_brings(other);
    house.look_until("the end", async || house.stands(&change).await.state == "failed").await;
    let why = house.stands(&change).await.why;
    assert!(why.contains("does not hold any more"), "{why}");
}

#[tokio::test]
async fn r20_a_cluster_that_does_not_answer_is_waited_for() {
    let mut house = House::new().await;
    let change = house.pushed_with("1.5.0", "promote", 60, true).await;
    for again in [false, true] {
        house.contact("prod", Contact::Failed { why: "connection refused".into(), again });
    }
    house.argo_brings(change.commit);
    house.look().await;
    let stands = house.stands(&change).await;
    assert_eq!((stands.state.as_str(), stands.stage.as_str()), ("rolling_out", "synced"));
    assert!(stands.why.contains("it takes the commit when it returns"), "{stands:?}");
    assert!(house.record("refresh").await.is_empty(), "nothing is asked of it");
    house.register("prod");
    house.look().await;
    assert_eq!(house.stands(&change).await.state, "soaking");
}

#[tokio::test]
async fn r20_an_application_that_was_deleted_needs_a_person() {
    let mut house = House::new().await;
    let change = house.pushed("1.5.0").await;
    house.look().await;
    house.argo_removes("web-prod");
    house.look().await;
    let stands = house.stands(&change).await;
    assert_eq!(stands.state, "needs_attention");
    assert!(stands.why.contains("it was deleted"), "{stands:?}");
}

#[tokio::test]
async fn an_introduction_follows_the_application_that_comes() {
    let mut house = House::new().await;
    house.argo_removes("web-prod");
    let seed = house.head();
    house.argo_makes("other-staging", "staging", seed);
    let change = house.pushed_with("1.5.0", "introduce", 0, false).await;
    // It was thought to be called as this one is, which follows the same branch and is well.
    house.guess_application(&change, "other-staging").await;
    house.look().await;
    let stands = house.stands(&change).await;
    assert_eq!(stands.state, "rolling_out");
    assert!(stands.why.starts_with("No Application deploys web to prod yet"), "{stands:?}");
    house.argo_makes("web-prod", "prod", change.commit);
    house.look().await;
    let stands = house.stands(&change).await;
    assert_eq!((stands.state.as_str(), stands.stage.as_str()), ("done", "soaked"), "{stands:?}");
}

#[tokio::test]
async fn r20_what_somebody_synced_since_is_not_set_back() {
    let mut house = House::new().await;
    house.argo_writes("web-prod", json!({"spec": {"syncPolicy": {"automated": null}}}));
    let change = house.pushed("1.5.0").await;
    let later = house.commit("1.5.0", "Elsewhere");
    // Synced by hand to a later commit that holds the same; something is left to be pruned.
    house.argo_ends(later, "Succeeded", "Healthy");
    house.argo_compares(later, "OutOfSync");
    house.look().await;
    house.look_until("a sync", async || !house.object("web-prod")["operation"].is_null()).await;
    assert_eq!(house.object("web-prod")["operation"]["sync"]["revision"], json!(later.to_string()));
    assert_ne!(later, change.commit);
}

#[tokio::test]
async fn several_programs_make_each_step_and_each_act_once() {
    let mut house = House::new().await;
    house.argo_writes("web-prod", json!({"spec": {"syncPolicy": {"automated": null}}}));
    let change = house.pushed("1.5.0").await;
    let followers: Vec<_> = (0..3).map(|_| house.another_follower()).collect();
    let look_together = async || {
        let looks = followers.iter().map(|follower| follower.look());
        futures::future::try_join_all(looks).await.expect("looks");
    };
    look_together().await;
    house.look_until("a refresh", async || house.is_asked_to_refresh()).await;
    house.argo_compares(change.commit, "OutOfSync");
    look_together().await;
    house.look_until("a sync", async || !house.object("web-prod")["operation"].is_null()).await;
    look_together().await;
    assert_eq!(house.record("sync").await.len(), 1, "one intent");
    assert_eq!(house.record("refresh").await.len(), 2, "one refresh, with its outcome");
    let mut over = state(change.commit, "Succeeded", "successfully synced");
    over["operation"] = house.object("web-prod")["operation"].clone();
    house.argo_writes(
        "web-prod",
        json!({"operation": null, "status": {"operationState": over, "sync": {"status": "Synced"}, "reconciledAt": in_seconds(1)}}),
    );
    for _ in 0..3 {
        look_together().await;
    }
    assert_eq!(house.states(&change).await, ["rolling_out", "healthy", "done"]);
}

#[tokio::test]
async fn a_sync_whose_program_died_before_it_was_written_is_asked_for_again() {
    let mut house = House::new().await;
    house.argo_writes("web-prod", json!({"spec": {"syncPolicy": {"automated": null}}}));
    let change = house.pushed("1.5.0").await;
    house.argo_compares(change.commit, "OutOfSync");
    house.claim_sync(&change, Uuid::now_v7()).await;
    for _ in 0..5 {
        house.look().await;
    }
    assert_eq!(house.stands(&change).await.stage, "syncing", "whoever asked may still be at it");
    assert!(house.record("sync").await.is_empty());
    let long_ago = "0198c0de-0000-7000-8000-000000000000".parse().expect("an id");
    house.claim_sync(&change, long_ago).await;
    house.look_until("a sync", async || !house.object("web-prod")["operation"].is_null()).await;
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was_and_keeps_the_soak() {
    let mut house = House::new().await;
    let change = house.pushed_with("1.5.0", "promote", 60, true).await;
    house.argo_brings(change.commit);
    house.look().await;
    assert_eq!(house.stands(&change).await.state, "soaking");
    let fresh = house.fresh_follower();
    house.was_earlier(&change, 61).await;
    for _ in 0..3 {
        fresh.look().await.expect("looks");
    }
    let stands = house.stands(&change).await;
    assert_eq!(
        (stands.state.as_str(), stands.stage.as_str()),
        ("soaking", "healthy"),
        "nothing is told unseen"
    );
    house.another_follower().look().await.expect("looks");
    assert_eq!(house.stands(&change).await.state, "done");
}
