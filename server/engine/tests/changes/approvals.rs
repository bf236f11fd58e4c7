//! People decide (R12): a quorum, by others than who asked, of this plan, for a while, and for this change alone.

use engine::fleet::{environment::EnvironmentSetting, index::Change};
use model::{
    Actor, AppError,
    change::{ChangeState, DecideChange, Verdict},
    gate::HoldFor,
};

use super::{
    fleet::{CREW, Looks, PLANE},
    house::{AFTER, BEFORE, House, of_groups, person, token},
    remote::{kustomization, overlay},
    replica::Setup,
};
use crate::support::admin;

const WAITS: [ChangeState; 1] = [ChangeState::AwaitingApproval];

/// Staging asks for so many.
fn asks_for(approvals: u32) -> impl Fn(&mut Setup) + 'static {
    move |setup| setup.environments[1] = EnvironmentSetting { approvals, ..setup.environments[1].clone() }
}

/// A change of Ana's that waits for people.
async fn asked(approvals: u32) -> (House, u64) {
    let house = House::with(asks_for(approvals)).await;
    let plan = house.plan(&["web"], "dev", "staging").await;
    let started = house.start(&person("ana"), &plan).await.expect("starts");
    assert!(started.sentence.contains("waits"), "{}", started.sentence);
    house.until(started.change, &WAITS).await;
    (house, started.change)
}

fn conflict(error: AppError) -> String {
    let AppError::Conflict { why } = error else { panic!("{error:?}") };
    why
}

#[tokio::test]
async fn r12_a_quorum_is_as_many_people_as_the_environment_asks_for() {
    let (house, change) = asked(2).await;
    let _write = house.replica.write();
    house.approve(&person("ben"), change).await.expect("approves");
    let detail = house.until_why(change, "1").await;
    assert_eq!((detail.row.state, detail.quorum, detail.approvals.len()), (WAITS[0], 2, 1));
    let twice = house.approve(&person("ben"), change).await.expect_err("one voice");
    assert!(conflict(twice).contains("already"));
    house.approve(&person("cleo"), change).await.expect("approves");
    house.until_pushed(change).await;
    assert_eq!(house.remote.tag_of("web", "staging"), AFTER);
    house.end().await;
}

#[tokio::test]
async fn r12_neither_who_asked_nor_another_login_of_theirs_nor_a_token_approves() {
    let (house, change) = asked(1).await;
    let ana = person("ana");
    let other_login =
        Actor { subject: "other-provider|ana".into(), name: "Ana@quarterdeck.test".into(), ..person("ana") };
    let of_ben = token(&person("ben"));
    for (actor, says) in
        [(&ana, "asks for a change"), (&other_login, "asks for a change"), (&of_ben, "token")]
    {
        let error = house.approve(actor, change).await.expect_err("is refused");
        assert!(error.to_string().contains(says), "{}: {error}", actor.name);
    }
    assert_eq!(house.ask("SELECT count(*)::text FROM approvals").await, "0");
    assert_eq!(house.detail(change).await.row.state, WAITS[0]);
    // What was refused is on record.
    house.replica.changes.denials.flush_all(&house.db).await.expect("writes");
    let denied = house.ask("SELECT count(*)::text FROM audit_events WHERE verb = 'approve'").await;
    assert_ne!(denied, "0");
    house.end().await;
}

#[tokio::test]
async fn r12_two_logins_of_one_approver_are_one_voice() {
    let (house, change) = asked(2).await;
    let _write = house.replica.write();
    house.approve(&person("ben"), change).await.expect("approves");
    let other_login = Actor { subject: "other-provider|ben".into(), ..person("ben") };
    let _second = house.approve(&other_login, change).await;
    house.replica.changes.wake.notify_one();
    house.until_why(change, "1").await;
    assert_eq!(house.detail(change).await.row.state, WAITS[0]);
    house.approve(&person("cleo"), change).await.expect("approves");
    house.until_pushed(change).await;
    house.end().await;
}

#[tokio::test]
async fn r12_what_was_not_looked_at_is_not_approved() {
    let (house, change) = asked(1).await;
    let request = DecideChange {
        change,
        plan: "0".repeat(64),
        verdict: Verdict::Approve,
        typed_environment: "staging".into(),
        ..DecideChange::default()
    };
    let decided = house.replica.changes.decide(&person("ben"), &request).await;
    let error = decided.expect_err("is refused").into_answer(&admin());
    assert!(conflict(error).contains("plan changed"));
    assert_eq!(house.detail(change).await.row.state, WAITS[0]);
    house.end().await;
}

#[tokio::test]
async fn r12_approvals_are_void_when_the_plan_has_another_difference() {
    let (house, change) = asked(1).await;
    let seen = house.detail(change).await.plan;
    let labelled = |tag: &str| format!("{}commonLabels:\n  tier: front\n", kustomization("staging", tag));
    house.remote.commit(&[(overlay("web", "staging"), labelled(BEFORE))], "Label it");
    house.approve(&person("ben"), change).await.expect("approves what it was");
    let _write = house.replica.write();
    let mut detail = house.detail(change).await;
    house
        .wait("the approval is void", async || {
            detail = house.detail(change).await;
            detail.approvals.iter().any(|it| it.void.is_some())
        })
        .await;
    let detail = house.until(change, &WAITS).await;
    assert_ne!(detail.plan, seen);
    assert_eq!(house.remote.tag_of("web", "staging"), BEFORE, "nothing is written without them");
    assert!(detail.approvals[0].void.as_deref().is_some_and(|why| why.contains("plan changed")));
    house.approve(&person("ben"), change).await.expect("approves what it is");
    house.until_pushed(change).await;
    assert_eq!(house.remote.text_of(&overlay("web", "staging")), Some(labelled(AFTER)));
    house.has_once(&[change]).await;
    house.end().await;
}

#[tokio::test]
async fn r12_a_commit_elsewhere_leaves_approvals_as_they_are() {
    let (house, change) = asked(1).await;
    house.approve(&person("ben"), change).await.expect("approves");
    house.remote.commit(&[("README.md", "elsewhere")], "Elsewhere");
    let _write = house.replica.write();
    let pushed = house.until_pushed(change).await;
    assert!(pushed.message.is_some_and(|it| it.contains("Approved-By: ben@quarterdeck.test")));
    house.end().await;
}

#[tokio::test]
async fn r12_an_approval_expires_and_can_be_given_again() {
    let (house, change) = asked(1).await;
    house.freeze("staging").await;
    house.approve(&person("ben"), change).await.expect("approves");
    let _write = house.replica.write();
    house.until(change, &[ChangeState::Waiting]).await;
    house.sql("UPDATE approvals SET expires_at = now() - interval '1 minute'").await;
    house.thaw().await;
    let detail = house.until(change, &WAITS).await;
    assert_eq!(detail.approvals[0].void.as_deref(), Some("it expired"));
    assert_eq!(house.remote.tag_of("web", "staging"), BEFORE);
    house.approve(&person("ben"), change).await.expect("approves again");
    house.until_pushed(change).await;
    house.end().await;
}

#[tokio::test]
async fn r12_the_same_plan_asked_again_needs_new_approvals() {
    let (house, first) = asked(2).await;
    house.approve(&person("ben"), first).await.expect("approves");
    house.cancel(&person("ana"), first).await.expect("is Ana's own");
    let plan = house.plan(&["web"], "dev", "staging").await;
    assert_eq!(plan.plan.hash, house.detail(first).await.plan, "the same plan");
    let second = house.start(&person("ana"), &plan).await.expect("starts").change;
    assert_ne!(second, first);
    let _write = house.replica.write();
    house.approve(&person("cleo"), second).await.expect("approves");
    house.until_why(second, "1").await;
    assert_eq!(house.detail(second).await.row.state, WAITS[0], "Ben's was of the change before");
    house.approve(&person("ben"), second).await.expect("approves");
    house.until_pushed(second).await;
    house.has_once(&[second]).await;
    house.end().await;
}

#[tokio::test]
async fn r12_who_lost_the_right_does_not_count_any_more() {
    let (house, change) = asked(1).await;
    house.freeze("staging").await;
    let ben = of_groups("ben", &["managers"]);
    let crew = format!("g, {CREW}, role:admin");
    let sees = "p, role:managers, applications, get, */*, allow\ng, managers, role:managers";
    let may = "p, role:managers, approvals, create, staging/*/*, allow";
    house.replica.fleet.set_policy(&format!("{crew}\n{sees}"), may);
    house.approve(&ben, change).await.expect("may");
    let _write = house.replica.write();
    house.until(change, &[ChangeState::Waiting]).await;
    house
        .replica
        .fleet
        .set_policy(&format!("{crew}\n{sees}"), "p, role:managers, approvals, create, prod/*/*, allow");
    house.thaw().await;
    let detail = house.until(change, &WAITS).await;
    assert!(
        detail.approvals[0].void.as_deref().is_some_and(|it| it.contains("may not approve")),
        "{detail:?}"
    );
    assert_eq!(house.remote.tag_of("web", "staging"), BEFORE);
    house.approve(&person("cleo"), change).await.expect("may");
    house.until_pushed(change).await;
    house.end().await;
}

#[tokio::test]
async fn r12_who_may_not_approve_there_is_refused_and_who_may_not_see_it_learns_nothing() {
    let (house, change) = asked(1).await;
    house.replica.fleet.set_policy(
        &format!("g, {CREW}, role:admin\np, role:devs, applications, *, */*, allow\ng, devs, role:devs"),
        "p, role:devs, approvals, create, dev/*/*, allow",
    );
    let dev = house.approve(&of_groups("dora", &["devs"]), change).await;
    assert!(matches!(dev, Err(AppError::Forbidden { .. })), "{dev:?}");
    let nobody = of_groups("nemo", &["nobody"]);
    let request = DecideChange { change, ..DecideChange::default() };
    let hidden =
        house.replica.changes.decide(&nobody, &request).await.expect_err("is hidden").into_answer(&nobody);
    assert!(
        matches!(&hidden, AppError::NotFound { what } if *what == format!("Change {change}")),
        "{hidden:?}"
    );
    house.end().await;
}

#[tokio::test]
async fn r12_an_approval_can_be_taken_back_while_it_waits() {
    let (house, change) = asked(2).await;
    let ben = person("ben");
    house.approve(&ben, change).await.expect("approves");
    house.decide(&ben, change, Verdict::TakeBack).await.expect("takes it back");
    let again = house.decide(&ben, change, Verdict::TakeBack).await.expect_err("there is none");
    assert!(conflict(again).contains("no approval"));
    let _write = house.replica.write();
    house.approve(&person("cleo"), change).await.expect("approves");
    house.until_why(change, "1").await;
    house.approve(&ben, change).await.expect("approves again");
    house.until_pushed(change).await;
    house.end().await;
}

#[tokio::test]
async fn r12_a_decline_ends_it_with_its_reason() {
    let (house, change) = asked(1).await;
    let detail = house.detail(change).await;
    let request =
        DecideChange { change, plan: detail.plan, verdict: Verdict::Decline, ..DecideChange::default() };
    let silent = house.replica.changes.decide(&person("ben"), &request).await;
    assert!(matches!(silent.expect_err("asks why").into_answer(&admin()), AppError::Invalid { .. }));
    let request = DecideChange { comment: "not on a\nFriday".into(), ..request };
    house.replica.changes.decide(&person("ben"), &request).await.expect("declines");
    let ended = house.until(change, &[ChangeState::Cancelled]).await;
    assert!(ended.row.why.contains("not on a Friday") && ended.row.why.contains("ben"), "{}", ended.row.why);
    let _write = house.replica.write();
    let late = house.approve(&person("cleo"), change).await.expect_err("it ended");
    assert!(conflict(late).contains("cancelled"));
    assert_eq!(house.remote.tag_of("web", "staging"), BEFORE);
    house.end().await;
}

#[tokio::test]
async fn r12_a_rollback_waits_for_nobody() {
    let (house, change) = asked(1).await;
    let before = house.remote.head();
    let _write = house.replica.write();
    house.approve(&person("ben"), change).await.expect("approves");
    house.until_pushed(change).await;
    let back = house.roll_back("web", "staging", before, HoldFor::None).await;
    house.until_pushed(back).await;
    assert_eq!(house.remote.tag_of("web", "staging"), BEFORE);
    house.end().await;
}

#[tokio::test]
async fn r12_in_a_protected_environment_the_approver_types_its_name() {
    let house = House::with(|setup| setup.environments[2].approvals = 1).await;
    let plan = house.plan(&["web"], "staging", "prod").await;
    let change = house.start(&person("ana"), &plan).await.expect("starts").change;
    let detail = house.until(change, &WAITS).await;
    let request = DecideChange {
        change,
        plan: detail.plan,
        typed_environment: "staging".into(),
        ..DecideChange::default()
    };
    let error = house.replica.changes.decide(&person("ben"), &request).await.expect_err("is asked for");
    assert!(error.into_answer(&admin()).to_string().contains("type prod"));
    let request = DecideChange { typed_environment: "prod".into(), ..request };
    house.replica.changes.decide(&person("ben"), &request).await.expect("approves");
    house.end().await;
}

#[tokio::test]
async fn what_waits_for_a_person_is_on_their_list_with_enough_to_decide() {
    let (house, change) = asked(1).await;
    let waiting = house.replica.changes.waiting(&person("ben")).await.expect("reads");
    let [one] = waiting.to_decide.as_slice() else { panic!("{waiting:?}") };
    assert_eq!((one.row.id, one.quorum, one.moving.len()), (change, 1, 1));
    assert_eq!(one.moving[0].after.as_deref(), Some(AFTER));
    assert_eq!(one.touched.applications.len(), 1);
    let own = house.replica.changes.waiting(&person("ana")).await.expect("reads");
    assert!(own.to_decide.is_empty(), "not their own");
    assert_eq!(own.asked.iter().map(|it| it.id).collect::<Vec<_>>(), [change]);
    house.approve(&person("ben"), change).await.expect("approves");
    let after = house.replica.changes.waiting(&person("ben")).await.expect("reads");
    assert!(after.to_decide.is_empty());
    assert_eq!(after.decided[0].change, change);
    house.end().await;
}

#[tokio::test]
async fn r12_no_token_takes_a_word_back_or_a_change_of_its_owner() {
    let (house, change) = asked(2).await;
    let (ana, ben) = (person("ana"), person("ben"));
    house.approve(&ben, change).await.expect("approves");
    let narrow = |owner: &Actor| Actor { scopes: vec!["applications, get, */*".into()], ..token(owner) };
    let error = house.decide(&narrow(&ben), change, Verdict::TakeBack).await.expect_err("is Ben's own word");
    assert!(conflict(error).contains("token"));
    let error = house.cancel(&narrow(&ana), change).await.expect_err("was not made for it");
    assert!(matches!(error, AppError::Forbidden { .. }), "{error:?}");
    // Nor does a name that anybody may have chosen.
    let namesake = Actor { subject: "other-provider|ana".into(), ..of_groups("ana", &["nobody"]) };
    assert!(house.cancel(&namesake, change).await.is_err());
    house.cancel(&ana, change).await.expect("is her own");
    house.end().await;
}

#[tokio::test]
async fn r12_what_asks_for_no_approval_is_not_declined() {
    let house = House::new().await;
    house.freeze("staging").await;
    let plan = house.plan(&["web"], "dev", "staging").await;
    let change = house.start(&person("ana"), &plan).await.expect("starts").change;
    let error = house.decide(&person("ben"), change, Verdict::Decline).await.expect_err("nobody asks");
    assert!(conflict(error).contains("cancel it instead"));
    assert_eq!(house.detail(change).await.row.state, ChangeState::Waiting);
    house.end().await;
}

#[tokio::test]
async fn a_change_is_of_all_applications_of_the_app_whoever_sees_them() {
    let house = House::new().await;
    house.replica.fleet.set_policy(
        &format!("g, {CREW}, role:admin\np, role:eu, applications, *, shop/*, allow\ng, eu, role:eu"),
        "",
    );
    let eve = of_groups("eve", &["eu"]);
    let ask = super::house::promotion(&["web"], "dev", "staging");
    let alone = house.replica.planner.make_and_keep(&eve, ask.clone()).await.expect("a plan");
    // The same files are what another project's Application follows.
    let fleet = &house.replica.fleet;
    let mut object = fleet.object("web", "staging", house.remote.head(), Looks::default());
    for (field, value) in
        [("/metadata/name", "web-staging-us"), ("/metadata/uid", "us"), ("/spec/project", "us")]
    {
        *object.pointer_mut(field).expect("is there") = value.into();
    }
    let application = Box::new(serde_json::from_value(object).expect("an Application"));
    fleet.tell([Change::Application { plane: PLANE.into(), application }]);
    let error = house.start(&eve, &alone).await.expect_err("is not hers alone");
    let AppError::Forbidden { object, .. } = &error else { panic!("{error:?}") };
    assert!(object.contains("every Application of web in staging") && !object.contains("us"), "{object}");
    let plan = house.plan_of(&house.replica, &ask).await;
    let change = house.start(&admin(), &plan).await.expect("starts").change;
    assert_eq!(
        house.ask("SELECT string_agg(project, ' ' ORDER BY project) FROM change_applications").await,
        "shop us"
    );
    let seen = house.replica.changes.get(&eve, change).await;
    assert!(seen.is_err(), "nor is it shown to her");
    house.end().await;
}
