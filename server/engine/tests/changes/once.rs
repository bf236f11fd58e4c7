//! Asked twice is once (R8), a train is one commit (R10), and what we wrote ourselves starts nothing (R18).

use model::{AppError, change::ChangeState, gate::HoldFor, plan::RowOutcome};

use super::{
    house::{AFTER, BEFORE, House, clicked, person, promotion, start},
    remote::{kustomization, overlay},
};
use crate::support::{admin, count};

#[tokio::test]
async fn r8_a_double_click_is_one_change_and_one_commit() {
    let house = House::new().await;
    let plan = house.plan(&["web"], "dev", "staging").await;
    let ana = person("ana");
    let _writes = house.replica.write();
    let (one, other) = tokio::join!(house.start(&ana, &plan), house.start(&ana, &plan));
    let (one, other) = (one.expect("starts"), other.expect("starts"));
    assert_eq!(one.change, other.change);
    assert_ne!(one.existed, other.existed, "one of them made it");
    house.until_pushed(one.change).await;
    house.has_once(&[one.change]).await;
    assert_eq!(house.remote.tag_of("web", "staging"), AFTER);
    house.end().await;
}

#[tokio::test]
async fn r8_two_tabs_at_two_replicas_are_one_change_and_one_commit() {
    let house = House::new().await;
    let other = house.another().await;
    let plan = house.plan(&["web"], "dev", "staging").await;
    let _write = (house.replica.write(), other.write());
    let (ana, ben) = (person("ana"), person("ben"));
    let request = clicked(&plan);
    let (one, two) = tokio::join!(start(&house.replica, &ana, &request), start(&other, &ben, &request));
    let (one, two) = (one.expect("starts"), two.expect("starts"));
    assert_eq!(one.change, two.change, "whoever was second follows the first one's change");
    house.until_pushed(one.change).await;
    house.has_once(&[one.change]).await;
    other.tasks.shutdown().await;
    house.end().await;
}

#[tokio::test]
async fn r8_a_call_that_is_tried_again_later_finds_the_same_change() {
    let house = House::new().await;
    let plan = house.plan(&["web"], "dev", "staging").await;
    let _write = (house.replica.write(), house.replica.follow());
    let first = house.start(&admin(), &plan).await.expect("starts");
    house.until_pushed(first.change).await;
    let pushed = house.start(&admin(), &plan).await.expect("is known");
    assert_eq!((pushed.change, pushed.existed), (first.change, true));
    house.all_run(&house.replica);
    house.until(first.change, &[ChangeState::Done]).await;
    let head = house.remote.head();
    let done = house.start(&admin(), &plan).await.expect("is known");
    assert_eq!((done.change, done.existed), (first.change, true), "{}", done.sentence);
    assert_eq!(count(&house.db, "SELECT count(*) FROM changes").await, 1);
    assert_eq!(house.remote.head(), head, "nothing was written again");
    house.end().await;
}

#[tokio::test]
async fn r8_the_same_planned_anew_after_a_commit_elsewhere_is_the_same_change() {
    let house = House::new().await;
    let first = house.promote(&["web"], "dev", "staging").await;
    house.remote.commit(&[("README.md", "elsewhere")], "Elsewhere");
    let again = house.plan(&["web"], "dev", "staging").await;
    let again = house.start(&person("ben"), &again).await.expect("is known");
    assert_eq!((again.change, again.existed), (first, true));
    house.end().await;
}

#[tokio::test]
async fn r8_a_part_of_what_is_on_its_way_is_no_new_change_and_is_named() {
    let house = House::new().await;
    let train = house.plan(&["web", "api"], "dev", "staging").await;
    let web = house.promote(&["web"], "dev", "staging").await;
    let error = house.start(&admin(), &train).await.expect_err("is in the way");
    let AppError::Conflict { why } = error else { panic!("{error:?}") };
    assert!(why.contains(&format!("hange {web}")), "{why}");
    assert_eq!(count(&house.db, "SELECT count(*) FROM changes").await, 1);
    house.end().await;
}

#[tokio::test]
async fn r8_after_a_rollback_the_same_promotion_is_a_new_change() {
    let house = House::new().await;
    let before = house.remote.head();
    let _write = house.replica.write();
    let first = house.promote(&["web"], "dev", "staging").await;
    house.until_pushed(first).await;
    let back = house.roll_back("web", "staging", before, HoldFor::None).await;
    house.until_pushed(back).await;
    house.until(first, &[ChangeState::RolledBack]).await;
    assert_eq!(house.remote.tag_of("web", "staging"), BEFORE);
    let again = house.promote(&["web"], "dev", "staging").await;
    assert_ne!(again, first);
    house.until_pushed(again).await;
    assert_eq!(house.remote.tag_of("web", "staging"), AFTER);
    house.has_once(&[first, back, again]).await;
    house.end().await;
}

#[tokio::test]
async fn r8_trailers_that_others_wrote_are_not_taken_for_ours() {
    let house = House::new().await;
    let change = house.promote(&["web"], "dev", "staging").await;
    let forged = format!(
        "Promote web 1.6.0 to staging\n\nQuarterdeck-Change: {change}\nQuarterdeck-Token: {}\nQuarterdeck-Act: promote\n\
         Quarterdeck-App: apps/web\nQuarterdeck-From: dev\nQuarterdeck-To: staging\nPromoted-By: admin\n",
        uuid::Uuid::new_v4()
    );
    house.remote.commit(&[("README.md", "nothing")], &forged);
    let _write = house.replica.write();
    let pushed = house.until_pushed(change).await;
    assert_eq!(pushed.row.commit, Some(house.remote.head().to_string()), "it was written all the same");
    assert_eq!(house.remote.tag_of("web", "staging"), AFTER);
    house.end().await;
}

#[tokio::test]
async fn r8_a_squash_of_our_commit_that_quotes_it_is_found() {
    let house = House::new().await;
    let change = house.promote(&["web"], "dev", "staging").await;
    // A program pushed, and died before it wrote that down; then somebody gathered the branch into one commit.
    let token = house.token_of(change).await;
    let file = [(overlay("web", "staging"), kustomization("staging", AFTER))];
    let squash = house
        .remote
        .commit(&file, &format!("Squashed\n\n    Promote web\n\n    Quarterdeck-Token: {token}\n\nmore\n"));
    let _write = house.replica.write();
    let pushed = house.until_pushed(change).await;
    assert_eq!(pushed.row.commit, Some(squash.to_string()));
    assert_eq!(house.remote.head(), squash, "nothing was written again");
    house.end().await;
}

#[tokio::test]
async fn r10_a_train_is_one_commit() {
    let house = House::new().await;
    let before = house.remote.commits().len();
    let _write = house.replica.write();
    let train = house.promote(&["web", "api"], "dev", "staging").await;
    house.until_pushed(train).await;
    assert_eq!(house.remote.commits().len(), before + 1);
    let changed = house.remote.changed_by(house.remote.head());
    assert_eq!(changed, [overlay("api", "staging"), overlay("web", "staging")]);
    house.has_once(&[train]).await;
    house.end().await;
}

#[tokio::test]
async fn r10_of_a_train_that_cannot_be_written_nothing_is_written() {
    let house = House::new().await;
    let train = house.promote(&["web", "api"], "dev", "staging").await;
    let foreign = [(overlay("api", "staging"), kustomization("staging", "1.5.9"))];
    let head = house.remote.commit(&foreign, "A fix by hand");
    let _write = house.replica.write();
    let failed = house.until(train, &[ChangeState::Failed]).await;
    assert!(failed.row.why.contains("api"), "{}", failed.row.why);
    assert_eq!(house.remote.head(), head);
    assert_eq!(house.remote.tag_of("web", "staging"), BEFORE, "not even the half of it");
    house.end().await;
}

#[tokio::test]
async fn r18_our_own_commit_starts_nothing() {
    let house = House::new().await;
    let _write = (house.replica.write(), house.replica.follow());
    let change = house.promote(&["web"], "dev", "staging").await;
    house.until_pushed(change).await;
    house.all_run(&house.replica);
    house.until(change, &[ChangeState::Done]).await;
    let head = house.remote.head();
    // What is in staging now could go on to prod: that takes a person.
    let plan = house.plan(&["web"], "staging", "prod").await;
    assert_eq!(plan.plan.rows[0].outcome, RowOutcome::Moves);
    let again = house.replica.planner.preview(&admin(), promotion(&["web"], "dev", "staging")).await;
    assert_eq!(again.expect("a plan").plan.rows[0].outcome, RowOutcome::NothingToDo);
    assert_eq!(count(&house.db, "SELECT count(*) FROM changes").await, 1);
    assert_eq!(house.remote.head(), head);
    house.end().await;
}
