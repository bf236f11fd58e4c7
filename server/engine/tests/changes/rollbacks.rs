//! The way back (R13): a new commit, never another history; with a hold, so that the next promotion leaves it alone. And
//! nothing but Git and Argo CD's own refresh and sync is used for it (R14).

use model::{
    change::{ChangeState, StartChange},
    gate::HoldFor,
    plan::RowOutcome,
};

use super::{
    house::{AFTER, BEFORE, House, clicked, person, rollback, start},
    remote::{kustomization, overlay},
};
use crate::support::{admin, count};

const NONE: HoldFor = HoldFor::None;

#[tokio::test]
async fn r13_a_rollback_is_a_new_commit_on_top_and_sets_a_hold() {
    let house = House::new().await;
    let before = house.remote.head();
    let _write = house.replica.write();
    let change = house.promote(&["web"], "dev", "staging").await;
    house.until_pushed(change).await;
    let promoted = house.remote.head();
    let elsewhere = house.remote.commit(&[("README.md", "elsewhere")], "Elsewhere");
    let back = house.roll_back("web", "staging", before, HoldFor::TwoDays).await;
    let pushed = house.until_pushed(back).await;
    assert_eq!(house.remote.tag_of("web", "staging"), BEFORE);
    assert!(house.remote.has(promoted) && house.remote.has(elsewhere), "history is as it was");
    assert_eq!(house.remote.text_of("README.md").as_deref(), Some("elsewhere"), "what else came stays");
    assert_eq!(house.remote.commits()[0].0.to_string(), pushed.row.commit.expect("a commit"));
    let taken = house.until(change, &[ChangeState::RolledBack]).await;
    assert_eq!(taken.row.by, Some(back));
    house.replica.gates.reload().await.expect("reads");
    let book = house.replica.gates.book();
    let [hold] = book.holds() else { panic!("{:?}", book.holds()) };
    assert_eq!(
        (hold.environment.as_str(), hold.version.as_deref(), hold.change),
        ("staging", Some(BEFORE), Some(back))
    );
    let train = house.plan(&["web", "api"], "dev", "staging").await;
    let web = train.plan.rows.iter().find(|it| it.app == "web").expect("a row");
    let RowOutcome::Skipped { why } = &web.outcome else { panic!("{web:?}") };
    assert!(why.contains("held at 1.5.0") && why.contains("for the sale"), "{why}");
    house.end().await;
}

#[tokio::test]
async fn r13_undo_of_a_train_takes_back_all_its_apps_in_one_commit() {
    let house = House::new().await;
    let _write = house.replica.write();
    let train = house.promote(&["web", "api"], "dev", "staging").await;
    house.until_pushed(train).await;
    let undo = house.undo(train).await;
    house.until_pushed(undo).await;
    for app in ["web", "api"] {
        assert_eq!(house.remote.tag_of(app, "staging"), BEFORE);
    }
    let changed = house.remote.changed_by(house.remote.head());
    assert_eq!(changed, [overlay("api", "staging"), overlay("web", "staging")]);
    let taken = house.until(train, &[ChangeState::RolledBack]).await;
    assert_eq!(taken.row.by, Some(undo));
    house.has_once(&[train, undo]).await;
    house.end().await;
}

#[tokio::test]
async fn r13_undo_leaves_out_what_was_taken_back_before() {
    let house = House::new().await;
    let before = house.remote.head();
    let _write = house.replica.write();
    let train = house.promote(&["web", "api"], "dev", "staging").await;
    house.until_pushed(train).await;
    let web = house.roll_back("web", "staging", before, NONE).await;
    house.until_pushed(web).await;
    let detail = house.detail(train).await;
    assert!(detail.row.state.is_open(), "api is still its own: {:?}", detail.row);
    let by = |name: &str| detail.row.apps.iter().find(|it| it.name == name).expect("an app").by;
    assert_eq!((by("web"), by("api")), (Some(web), None));
    let rest = house.undo(train).await;
    house.until_pushed(rest).await;
    assert_eq!(house.remote.changed_by(house.remote.head()), [overlay("api", "staging")]);
    house.until(train, &[ChangeState::RolledBack]).await;
    house.end().await;
}

#[tokio::test]
async fn r13_a_rollback_can_be_rolled_back() {
    let house = House::new().await;
    let before = house.remote.head();
    let _write = house.replica.write();
    let change = house.promote(&["web"], "dev", "staging").await;
    house.until_pushed(change).await;
    let promoted = house.remote.head();
    let back = house.roll_back("web", "staging", before, HoldFor::TwoDays).await;
    house.until_pushed(back).await;
    let forth = house.roll_back("web", "staging", promoted, NONE).await;
    house.until_pushed(forth).await;
    assert_eq!(house.remote.tag_of("web", "staging"), AFTER);
    let taken = house.until(back, &[ChangeState::RolledBack]).await;
    assert_eq!(taken.row.by, Some(forth));
    house.has_once(&[change, back, forth]).await;
    house.end().await;
}

#[tokio::test]
async fn r13_undo_of_a_rollback_brings_the_promotion_back() {
    let house = House::new().await;
    let _write = house.replica.write();
    let change = house.promote(&["web"], "dev", "staging").await;
    house.until_pushed(change).await;
    let undo = house.undo(change).await;
    house.until_pushed(undo).await;
    assert_eq!(house.remote.tag_of("web", "staging"), BEFORE);
    let forth = house.undo(undo).await;
    house.until_pushed(forth).await;
    assert_eq!(house.remote.tag_of("web", "staging"), AFTER);
    house.until(undo, &[ChangeState::RolledBack]).await;
    house.end().await;
}

#[tokio::test]
async fn r13_values_of_others_in_the_same_file_stay() {
    let house = House::new().await;
    let before = house.remote.head();
    let _write = house.replica.write();
    let change = house.promote(&["web"], "dev", "staging").await;
    house.until_pushed(change).await;
    let text = house.remote.text_of(&overlay("web", "staging")).expect("is there");
    let labelled = format!("{text}commonLabels:\n  tier: front\n");
    house.remote.commit(&[(overlay("web", "staging"), &labelled)], "Label it");
    let back = house.roll_back("web", "staging", before, NONE).await;
    house.until_pushed(back).await;
    let now = house.remote.text_of(&overlay("web", "staging")).expect("is there");
    assert_eq!(now, labelled.replace(AFTER, BEFORE));
    house.end().await;
}

#[tokio::test]
async fn r13_a_hold_of_a_rollback_that_was_cancelled_is_released() {
    let house = House::new().await;
    let before = house.remote.head();
    let writes = house.replica.write();
    let change = house.promote(&["web"], "dev", "staging").await;
    house.until_pushed(change).await;
    writes.abort();
    let back = house.roll_back("web", "staging", before, HoldFor::TwoDays).await;
    assert_eq!(count(&house.db, "SELECT count(*) FROM holds WHERE released_at IS NULL").await, 1);
    house.cancel(&admin(), back).await.expect("is not committed");
    assert_eq!(count(&house.db, "SELECT count(*) FROM holds WHERE released_at IS NULL").await, 0);
    assert_eq!(house.remote.tag_of("web", "staging"), AFTER);
    house.end().await;
}

#[tokio::test]
async fn r13_two_rollbacks_at_once_are_one() {
    let house = House::new().await;
    let before = house.remote.head();
    let _write = house.replica.write();
    let change = house.promote(&["web"], "dev", "staging").await;
    house.until_pushed(change).await;
    let (one, other) = tokio::join!(
        house.roll_back("web", "staging", before, HoldFor::TwoDays),
        house.roll_back("web", "staging", before, HoldFor::TwoDays)
    );
    assert_eq!(one, other);
    house.until_pushed(one).await;
    assert_eq!(count(&house.db, "SELECT count(*) FROM holds WHERE released_at IS NULL").await, 1);
    house.has_once(&[change, one]).await;
    house.end().await;
}

#[tokio::test]
async fn r13_undo_leaves_what_another_change_wrote_since() {
    let house = House::new().await;
    let two = |web: &str, proxy: &str, environment: &str| {
        format!("{}  - name: shop/proxy\n    newTag: {proxy:?}\n", kustomization(environment, web))
    };
    house.remote.commit(&[(overlay("web", "staging"), two(BEFORE, "1.0.0", "staging"))], "A sidecar");
    house.remote.commit(&[(overlay("web", "dev"), two(AFTER, "1.0.0", "dev"))], "A sidecar");
    house.all_run(&house.replica);
    let _write = (house.replica.write(), house.replica.follow());
    let first = house.promote(&["web"], "dev", "staging").await;
    house.until_pushed(first).await;
    house.all_run(&house.replica);
    house.until(first, &[ChangeState::Done]).await;
    house.remote.commit(&[(overlay("web", "dev"), two(AFTER, "2.0.0", "dev"))], "A newer sidecar");
    house.all_run(&house.replica);
    let second = house.promote(&["web"], "dev", "staging").await;
    house.until_pushed(second).await;
    house.all_run(&house.replica);
    house.until(second, &[ChangeState::Done]).await;
    let undo = house.undo(first).await;
    house.until_pushed(undo).await;
    assert_eq!(house.remote.text_of(&overlay("web", "staging")), Some(two(BEFORE, "2.0.0", "staging")));
    assert_eq!(house.until(first, &[ChangeState::RolledBack]).await.row.by, Some(undo));
    assert_eq!(house.detail(second).await.row.state, ChangeState::Done, "its value is there still");
    house.end().await;
}

#[tokio::test]
async fn r13_a_hold_of_a_rollback_that_came_to_nothing_is_released() {
    let house = House::new().await;
    let before = house.remote.head();
    let writes = house.replica.write();
    let change = house.promote(&["web"], "dev", "staging").await;
    house.until_pushed(change).await;
    writes.abort();
    let promoted = house.remote.head();
    let holds = async || count(&house.db, "SELECT count(*) FROM holds WHERE released_at IS NULL").await;
    // A newer rollback takes its place, and sets none.
    let first = house.roll_back("web", "staging", before, HoldFor::TwoDays).await;
    assert_eq!(holds().await, 1);
    house.remote.commit(&[(overlay("web", "staging"), kustomization("staging", "1.5.9"))], "By hand");
    house.all_run(&house.replica);
    let second = house.roll_back("web", "staging", promoted, NONE).await;
    assert_eq!(house.detail(first).await.row.by, Some(second));
    assert_eq!(holds().await, 0);
    // Whoever asked may not do it any more.
    house.cancel(&admin(), second).await.expect("is not committed");
    let plan = house.plan_of(&house.replica, &rollback("web", "staging", before)).await;
    let request = StartChange { hold: HoldFor::TwoDays, ..clicked(&plan) };
    let third = start(&house.replica, &person("ana"), &request).await.expect("starts").change;
    assert_eq!(holds().await, 1);
    house.replica.fleet.set_policy("", "");
    let _write = house.replica.write();
    house
        .wait("it ended", async || {
            let state = house.ask(&format!("SELECT state FROM changes WHERE id = {third}")).await;
            state == "failed"
        })
        .await;
    assert_eq!(holds().await, 0);
    house.end().await;
}
