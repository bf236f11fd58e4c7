//! What stands in the way: freezes, holds, windows, the health of the source; at the click, from the queue, and right
//! before the push (R15, R16). And cancelling, where that still can be.

use std::time::Duration;

use engine::fleet::index::Change;
use model::{
    AppError,
    change::{ChangeState, May},
    gate::{GateKind, HoldFor, PlaceHold},
    plan::RowOutcome,
};
use serde_json::json;

use super::{
    fleet::{CREW, Looks, PLANE, now},
    house::{AFTER, BEFORE, House, of_groups, person, promotion},
};
use crate::support::admin;

/// Has the database set a freeze the moment that a change is taken from the queue.
const FREEZES_LATE: &str = "
    CREATE FUNCTION freeze_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO freezes (environment, reason, made_by, from_at, until_at, zone)
        VALUES ('staging', 'an incident', 'jonas', now() - interval '1 minute', now() + interval '1 hour', 'UTC');
        RETURN NULL;
    END $$;
    CREATE TRIGGER freeze_late AFTER UPDATE ON changes FOR EACH ROW
        WHEN (OLD.state = 'queued' AND NEW.state = 'committing') EXECUTE FUNCTION freeze_late();";

#[tokio::test]
async fn r15_a_promotion_past_an_environment_or_against_the_order_says_so_in_the_plan() {
    let house = House::new().await;
    let past = house.plan(&["web"], "dev", "prod").await;
    assert!(past.plan.warnings.iter().any(|it| it.contains("staging")), "{:?}", past.plan.warnings);
    let back = house.plan(&["web"], "prod", "dev").await;
    assert!(back.plan.warnings.iter().any(|it| it.contains("against the order")), "{:?}", back.plan.warnings);
    house.end().await;
}

#[tokio::test]
async fn r16_a_freeze_is_seen_before_the_click_and_the_change_waits_for_its_end() {
    let house = House::new().await;
    house.freeze("staging").await;
    let _write = house.replica.write();
    let plan = house.plan(&["web"], "dev", "staging").await;
    let started = house.start(&admin(), &plan).await.expect("can be asked for");
    assert!(
        started.sentence.contains("waits") && started.sentence.contains("quarter-end close"),
        "{}",
        started.sentence
    );
    let waiting = house.until(started.change, &[ChangeState::Waiting]).await;
    assert!(waiting.row.why.contains("quarter-end close"), "{}", waiting.row.why);
    let freeze = waiting.gates.iter().find(|it| it.kind == GateKind::Freeze).expect("is asked");
    assert!(!freeze.passed);
    house.replica.changes.wake.notify_one();
    assert_eq!(house.remote.tag_of("web", "staging"), BEFORE);
    house.thaw().await;
    let pushed = house.until_pushed(started.change).await;
    assert!(pushed.gates.iter().all(|it| it.passed), "as they stood then: {:?}", pushed.gates);
    house.end().await;
}

#[tokio::test]
async fn r16_a_freeze_that_begins_while_a_change_is_queued_wins() {
    let house = House::new().await;
    let change = house.promote(&["web"], "dev", "staging").await;
    assert_eq!(house.detail(change).await.row.state, ChangeState::Queued);
    house.freeze("staging").await;
    let _write = house.replica.write();
    house.until(change, &[ChangeState::Waiting]).await;
    house.has_once(&[]).await;
    house.thaw().await;
    house.until_pushed(change).await;
    house.has_once(&[change]).await;
    house.end().await;
}

#[tokio::test]
async fn r16_a_freeze_that_begins_right_before_the_push_wins() {
    let house = House::new().await;
    let change = house.promote(&["web"], "dev", "staging").await;
    house.sql(FREEZES_LATE).await;
    let _write = house.replica.write();
    let waiting = house.until(change, &[ChangeState::Waiting]).await;
    assert!(waiting.timeline.iter().any(|it| it.state == ChangeState::Committing), "it was nearly there");
    assert!(waiting.row.why.contains("an incident"), "{}", waiting.row.why);
    house.has_once(&[]).await;
    house.sql("DROP TRIGGER freeze_late ON changes").await;
    house.thaw().await;
    house.until_pushed(change).await;
    house.has_once(&[change]).await;
    house.end().await;
}

#[tokio::test]
async fn r16_a_freeze_stops_its_own_change_and_lets_the_others_through() {
    let house = House::new().await;
    let (staging, prod) =
        (house.promote(&["web"], "dev", "staging").await, house.promote(&["api"], "staging", "prod").await);
    house.sql(FREEZES_LATE).await;
    let _write = house.replica.write();
    house.until_pushed(prod).await;
    house.until(staging, &[ChangeState::Waiting]).await;
    house.has_once(&[prod]).await;
    house.end().await;
}

#[tokio::test]
async fn r16_a_freeze_that_begins_while_people_decide_is_waited_for_after_them() {
    let house = House::with(|setup| setup.environments[1].approvals = 1).await;
    let _write = house.replica.write();
    let plan = house.plan(&["web"], "dev", "staging").await;
    let change = house.start(&person("ana"), &plan).await.expect("starts").change;
    house.until(change, &[ChangeState::AwaitingApproval]).await;
    house.freeze("staging").await;
    house.approve(&person("ben"), change).await.expect("approves");
    let waiting = house.until(change, &[ChangeState::Waiting]).await;
    assert!(waiting.row.why.contains("quarter-end close"), "{}", waiting.row.why);
    house.thaw().await;
    house.until_pushed(change).await;
    house.end().await;
}

#[tokio::test]
async fn r16_a_rollback_passes_freezes_and_the_plan_says_so() {
    let house = House::new().await;
    let before = house.remote.head();
    let _write = house.replica.write();
    let change = house.promote(&["web"], "dev", "staging").await;
    house.until_pushed(change).await;
    house.freeze("staging").await;
    let back = house.roll_back("web", "staging", before, HoldFor::None).await;
    let pushed = house.until_pushed(back).await;
    let freeze = pushed.gates.iter().find(|it| it.kind == GateKind::Freeze).expect("is shown");
    assert!(freeze.passed && freeze.why.contains("quarter-end close"), "{}", freeze.why);
    assert_eq!(house.remote.tag_of("web", "staging"), BEFORE);
    house.end().await;
}

#[tokio::test]
async fn a_hold_that_is_placed_while_a_change_waits_makes_it_wait_on() {
    let house = House::new().await;
    let _write = house.replica.write();
    house.freeze("staging").await;
    let change = house.promote(&["web"], "dev", "staging").await;
    house.until(change, &[ChangeState::Waiting]).await;
    let hold = PlaceHold {
        app: "web".into(),
        environment: "staging".into(),
        reason: "the load test runs".into(),
        lasts: HoldFor::OneDay,
    };
    house.replica.gates.place_hold(&person("priya"), &hold).await.expect("places it");
    house.thaw().await;
    house.until_why(change, "the load test runs").await;
    house.has_once(&[]).await;
    house.sql("UPDATE holds SET released_at = now()").await;
    house.until_pushed(change).await;
    house.end().await;
}

#[tokio::test]
async fn a_train_leaves_held_apps_out_by_name() {
    let house = House::new().await;
    let hold = PlaceHold {
        app: "web".into(),
        environment: "staging".into(),
        reason: "the load test runs".into(),
        lasts: HoldFor::OneDay,
    };
    house.replica.gates.place_hold(&person("priya"), &hold).await.expect("places it");
    house.replica.gates.reload().await.expect("reads");
    let train = house.plan(&["web", "api"], "dev", "staging").await;
    let of = |app: &str| train.plan.rows.iter().find(|it| it.app == app).expect("a row").outcome.clone();
    let RowOutcome::Skipped { why } = of("web") else { panic!("{:?}", of("web")) };
    assert!(why.contains("priya") && why.contains("the load test runs"), "{why}");
    assert_eq!(of("api"), RowOutcome::Moves);
    let _write = house.replica.write();
    let change = house.start(&admin(), &train).await.expect("starts").change;
    house.until_pushed(change).await;
    assert_eq!(house.remote.tag_of("web", "staging"), BEFORE);
    assert_eq!(house.remote.tag_of("api", "staging"), AFTER);
    house.end().await;
}

#[tokio::test]
async fn a_sync_window_of_argo_cd_makes_a_change_wait() {
    let house = House::new().await;
    let project = |windows: serde_json::Value| {
        let object = json!({"metadata": {"name": "shop"}, "spec": {"syncWindows": windows}});
        Change::Projects {
            plane: PLANE.into(),
            projects: vec![serde_json::from_value(object).expect("a project")],
        }
    };
    let deny =
        json!([{"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": ["*-staging"]}]);
    house.replica.fleet.tell([project(deny)]);
    let _write = house.replica.write();
    let change = house.promote(&["web"], "dev", "staging").await;
    let waiting = house.until(change, &[ChangeState::Waiting]).await;
    let window = waiting.gates.iter().find(|it| it.kind == GateKind::Window).expect("is asked");
    assert!(!window.passed, "{window:?}");
    house.replica.fleet.tell([project(json!([]))]);
    house.until_pushed(change).await;
    house.end().await;
}

#[tokio::test]
async fn r3_a_source_that_falls_ill_while_a_change_waits_holds_it_back() {
    let house = House::new().await;
    house.freeze("staging").await;
    let _write = house.replica.write();
    let change = house.promote(&["web"], "dev", "staging").await;
    house.until(change, &[ChangeState::Waiting]).await;
    house.runs("web", "dev", Looks { health: "Degraded", ..Looks::default() });
    house.thaw().await;
    house.until_why(change, "Degraded").await;
    house.has_once(&[]).await;
    house.runs("web", "dev", Looks::default());
    house.until_pushed(change).await;
    house.end().await;
}

#[tokio::test]
async fn r3_the_source_soaks_before_it_goes_on() {
    let house = House::with(|setup| setup.environments[0].soak = Duration::from_secs(3600)).await;
    house.runs("web", "dev", Looks { since: now().plus_seconds(-600), ..Looks::default() });
    let _write = house.replica.write();
    let change = house.promote(&["web"], "dev", "staging").await;
    let waiting = house.until(change, &[ChangeState::Waiting]).await;
    let soak = waiting.gates.iter().find(|it| it.kind == GateKind::Soak).expect("is asked");
    assert!(!soak.passed && soak.why.contains("10 min"), "{}", soak.why);
    house.runs("web", "dev", Looks { since: now().plus_seconds(-3700), ..Looks::default() });
    house.until_pushed(change).await;
    house.end().await;
}

#[tokio::test]
async fn r2_a_source_that_moved_on_while_a_change_waited_ends_it() {
    let house = House::new().await;
    house.freeze("staging").await;
    let _write = house.replica.write();
    let change = house.promote(&["web"], "dev", "staging").await;
    house.until(change, &[ChangeState::Waiting]).await;
    house.release("web", "1.7.0");
    house.thaw().await;
    let failed = house.until(change, &[ChangeState::Failed]).await;
    assert!(failed.row.why.contains("web") && failed.row.why.contains("Plan it again"), "{}", failed.row.why);
    assert_eq!(house.remote.tag_of("web", "staging"), BEFORE, "neither the one nor the other");
    house.end().await;
}

#[tokio::test]
async fn who_may_not_any_more_is_found_out_before_the_push() {
    let house = House::new().await;
    let change = {
        let plan = house.plan(&["web"], "dev", "staging").await;
        house.start(&person("ana"), &plan).await.expect("may").change
    };
    house.replica.fleet.set_policy("p, role:devs, applications, get, */*, allow\ng, crew, role:devs", "");
    let _write = house.replica.write();
    let failed = house.until(change, &[ChangeState::Failed]).await;
    assert!(
        failed.row.why.starts_with("ana@quarterdeck.test may not do this any more"),
        "{}",
        failed.row.why
    );
    house.has_once(&[]).await;
    house.end().await;
}

#[tokio::test]
async fn a_change_can_be_cancelled_until_it_is_committed() {
    let house = House::with(|setup| setup.environments[1].approvals = 1).await;
    let ana = person("ana");
    // Waiting for people.
    let plan = house.plan(&["web"], "dev", "staging").await;
    let change = house.start(&ana, &plan).await.expect("starts").change;
    assert_eq!(house.detail(change).await.row.state, ChangeState::AwaitingApproval);
    cancelled(&house, change).await;
    // Waiting for a freeze.
    house.freeze("staging").await;
    let writes = house.replica.write();
    let change = house.start(&ana, &plan).await.expect("starts").change;
    house.approve(&person("ben"), change).await.expect("approves");
    house.until(change, &[ChangeState::Waiting]).await;
    cancelled(&house, change).await;
    house.thaw().await;
    writes.abort();
    // Queued.
    let prod = house.plan(&["web"], "staging", "prod").await;
    let change = house.start(&ana, &prod).await.expect("starts").change;
    assert_eq!(house.detail(change).await.row.state, ChangeState::Queued);
    cancelled(&house, change).await;
    house.has_once(&[]).await;
    let again = house.cancel(&ana, change).await.expect_err("it ended");
    assert!(again.to_string().contains("cancelled"), "{again}");
    house.end().await;
}

async fn cancelled(house: &House, change: u64) {
    let detail = house.detail(change).await;
    assert_eq!(detail.cancel, Some(May::Yes));
    let sentence = house.cancel(&person("ana"), change).await.expect("can be cancelled");
    assert!(sentence.contains("Nothing was written"), "{sentence}");
    let detail = house.until(change, &[ChangeState::Cancelled]).await;
    assert_eq!(detail.cancel, None);
    assert!(detail.row.ended_at.is_some());
}

#[tokio::test]
async fn a_change_that_is_being_committed_cannot_be_cancelled() {
    let house = House::new().await;
    let change = house.promote(&["web"], "dev", "staging").await;
    let here = house.folder();
    let here = here.display();
    house.git_does(&format!("if first push slow; then until [ -e {here}/go ]; do sleep 0.02; done; fi"));
    let _write = house.replica.write();
    house.wait("it is pushed", async || house.has("was-push-slow")).await;
    let detail = house.detail(change).await;
    assert_eq!((detail.row.state, detail.cancel), (ChangeState::Committing, None));
    let error = house.cancel(&admin(), change).await.expect_err("is too late");
    assert!(matches!(&error, AppError::Conflict { why } if why.contains("committing")), "{error:?}");
    house.touch("go");
    house.until_pushed(change).await;
    let error = house.cancel(&admin(), change).await.expect_err("is too late");
    assert!(matches!(&error, AppError::Conflict { .. }), "{error:?}");
    house.has_once(&[change]).await;
    house.end().await;
}

#[tokio::test]
async fn who_may_not_cancel_the_changes_of_others_is_refused() {
    let house = House::new().await;
    house.replica.fleet.set_policy(
        &format!("g, {CREW}, role:admin\np, role:devs, applications, *, */*, allow\ng, devs, role:devs"),
        "p, role:leads, promotions, cancel, staging/*/*, allow\ng, leads, role:leads\np, role:devs, promotions, create, */*/*, allow",
    );
    house.freeze("staging").await;
    let (dora, dan) = (of_groups("dora", &["devs"]), of_groups("dan", &["devs"]));
    let lena = of_groups("lena", &["devs", "leads"]);
    let plan = house
        .replica
        .planner
        .make_and_keep(&dora, promotion(&["web"], "dev", "staging"))
        .await
        .expect("a plan");
    let change = house.start(&dora, &plan).await.expect("starts").change;
    let error = house.cancel(&dan, change).await.expect_err("is another's");
    assert!(matches!(error, AppError::Forbidden { .. }), "{error:?}");
    house.cancel(&lena, change).await.expect("has the right");
    let change = house.start(&dora, &plan).await.expect("starts").change;
    house.cancel(&dora, change).await.expect("is their own");
    house.end().await;
}
