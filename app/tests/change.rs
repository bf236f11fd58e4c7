//! The page of a change, what can be done about it, and how it begins: from a plan and from a rollback.

use std::sync::Arc;

use model::{
    AppError,
    change::{ChangeDetail, ChangeRow, ChangeState, May, Step, Verdict},
    gate::HoldFor,
    plan::{AskPlan, PlanChange, PlanDetail, PlanKind, RowOutcome, Standing},
};

use crate::fake::{
    Fake,
    changes::{COMMIT, KnownChanges, approval, awaiting_approval, change_app, change_row, rolling_out},
    plans::{GOOD, HASH, Planned, promotion, rollback, train},
};

const PAGE: &str = "/changes/1842";

fn with(detail: ChangeDetail) -> Arc<Fake> {
    Arc::new(Fake { changes: KnownChanges { detail, ..KnownChanges::default() }, ..Fake::default() })
}

fn with_plan(detail: PlanDetail) -> Arc<Fake> {
    Arc::new(Fake { planned: Planned { detail, ..Planned::default() }, ..Fake::default() })
}

fn in_state(state: ChangeState, why: &str) -> ChangeDetail {
    let row = ChangeRow { why: why.into(), ..change_row(1842, state, 2) };
    ChangeDetail { row, rollout: Vec::new(), message: None, undo: None, ..rolling_out() }
}

#[tokio::test]
async fn a_change_tells_where_it_stands_who_did_what_and_how_far_each_application_is() {
    let page = with(rolling_out()).get(PAGE).await;
    assert_eq!(page.status, 200);
    page.reads("Promote web-app 1.4.2 to prod prod Change 1842 by Maya Lindqvist , began 30 min ago . Rolling out")
        .reads("Reason: “ Release train 48 ”")
        .reads("Open plan Roll back… Undo… Cancel… It is in Git: roll back instead")
        .reads("Planned , done 30 min ago Approved , done 12 min ago Committed , done 4 min ago Rolling out for 4 min Healthy Soaked")
        .reads("Timeline in UTC, 26 min from the click to the commit")
        .reads("Queued Priya Nair")
        .reads("3f9e2b7 on main, pushed at the second try.")
        .reads("Soaked to come 30 min after all are Healthy. Then the change is done.")
        .reads("Evidence why each gate passed, at the commit")
        .reads("Health , passed: web-app Healthy in staging-eu-1 at 14:02:11")
        .reads("Rollout 1 of 2 Applications Healthy with it")
        .reads("web-app-prod-eu-1 prod-eu-1 Healthy Healthy Healthy 3f9e2b7 1 min 12 s")
        .reads("web-app-prod-us-1 prod-us-1 waits for wave 1: Deployment/web-app, 2 pods start Syncing")
        .reads("main on https://git.example/fleet.git")
        .reads("Promote web-app 1.4.2 to prod Quarterdeck-Change: 0b1c Quarterdeck-Actor: maya@example.org")
        .has("newTag: 1.4.<ins>2")
        .reads("Approvals 2 of 2 given Priya Nair approved 12 min ago “ Smoke tests green. ”")
        .has(r#"aria-current="step""#)
        .has(&format!(r#"title="{COMMIT}""#))
        .has(&format!(r#"href="/plans/{HASH}""#))
        .has(r#"href="/apps/web-app/prod/rollback""#)
        .has("top-prod")
        .reads_not("Your decision");
    assert_eq!(page.html.matches("<h1").count(), 1);
    assert!(!page.html.contains("style="), "the policy forbids style attributes");
}

#[tokio::test]
async fn the_head_names_what_a_rollback_and_a_train_do() {
    let mut detail = rolling_out();
    detail.row.kind = PlanKind::Rollback;
    detail.row.title = "Roll back api".into();
    detail.row.apps = vec![change_app("api", "8.2.0", "8.1.9")];
    with(detail).get(PAGE).await.reads("Roll back api to 8.1.9 in prod");
    let mut detail = rolling_out();
    detail.row.title = "Promote 2 apps".into();
    let mut second = change_app("catalog", "3.7.4", "3.8.0");
    second.by = Some(1850);
    detail.row.apps.push(second);
    with(detail)
        .get(PAGE)
        .await
        .reads("Promote 2 apps to prod")
        .reads("Undo for 2 apps…")
        .reads("What moves 2 apps web-app 1.4.1 to 1.4.2 catalog 3.7.4 to 3.8.0 since then changed by change 1850")
        .has(r#"href="/changes/1850""#)
        .reads_not("Roll back…");
}

#[tokio::test]
async fn who_may_decide_reads_what_for_and_says_so_in_one_form_r12() {
    let fleet = with(awaiting_approval());
    fleet
        .get(PAGE)
        .await
        .reads("It waits for approval 0 of 2 given You may decide. Decide")
        .reads("Evidence how each gate stands now")
        .reads("Not made yet. It will change these lines.")
        .reads("Approvals 0 of 2 given Nobody decided yet. Your decision Read plan b71e 90c4 5d2a first")
        .reads("Type prod to approve")
        .reads("Approve change to prod Decline the change")
        .has(&format!(r#"type="hidden" name="plan" value="{HASH}""#))
        .has(r#"name="verdict" value="approve""#)
        .has(r#"name="verdict" value="decline""#)
        .has(r#"href="/changes/1842#approvals""#)
        .has("prod-edge");
    let form = format!("change=1842&plan={HASH}&comment=Looks+good&typed_environment=prod&verdict=approve");
    let answer = fleet.post("/fn/decide_change", &form, PAGE).await;
    assert_eq!(answer.status, 302);
    assert!(answer.location.trim_end_matches('?').ends_with(PAGE), "{}", answer.location);
    let decided = fleet.changes.decided.lock().expect("unpoisoned").pop().expect("decided");
    assert_eq!((decided.change, decided.plan.as_str(), decided.verdict), (1842, HASH, Verdict::Approve));
    assert_eq!((decided.comment.as_str(), decided.typed_environment.as_str()), ("Looks good", "prod"));
    fleet.post("/fn/decide_change", &format!("change=1842&plan={HASH}&verdict=decline"), PAGE).await;
    let decided = fleet.changes.decided.lock().expect("unpoisoned").pop().expect("decided");
    assert_eq!(decided.verdict, Verdict::Decline);
}

#[tokio::test]
async fn enter_in_a_field_sends_nothing_with_and_without_javascript() {
    let first_button_of = |html: &str, action: &str| {
        let form = html.split("<form").find(|it| it.contains(action)).expect("the form").to_owned();
        let button = form.find("<button").expect("a button");
        form[button..].split('>').next().unwrap_or_default().to_owned()
    };
    let decide = with(awaiting_approval()).get(PAGE).await;
    let confirm = with_plan(promotion()).get(&format!("/plans/{HASH}")).await;
    let back = Arc::new(Fake::default()).get("/apps/checkout/prod/rollback").await;
    for (page, action) in
        [(decide, "/fn/decide_change"), (confirm, "/fn/start_change"), (back, "/fn/roll_back")]
    {
        let button = first_button_of(&page.html, action);
        assert!(button.contains("disabled") && button.contains("hidden"), "{action}: {button}");
    }
}

#[tokio::test]
async fn an_own_approval_can_be_taken_back_and_a_void_one_says_why_r12() {
    let mut detail = awaiting_approval();
    let mut own = approval("admin", "Fine.");
    own.is_own = true;
    let mut void = approval("Jonas Weber", "");
    void.void = Some("it was taken back".into());
    detail.approvals = vec![own, void];
    detail.decide = Some(May::No { why: "you approved it already".into() });
    let fleet = with(detail);
    let page = fleet.get(PAGE).await;
    page.reads("Approvals 1 of 2 given")
        .reads("Take your approval back")
        .reads("Does not count: it was taken back")
        .reads("You cannot decide: you approved it already")
        .reads_not("Your decision");
    assert_eq!(page.text.matches("Take your approval back").count(), 1);
    fleet.post("/fn/decide_change", &format!("change=1842&plan={HASH}&verdict=take_back"), PAGE).await;
    let decided = fleet.changes.decided.lock().expect("unpoisoned").pop().expect("decided");
    assert_eq!(decided.verdict, Verdict::TakeBack);
}

#[tokio::test]
async fn a_refused_decision_is_read_on_the_page_it_came_from_r12() {
    let refusing = Some(AppError::Conflict { why: "You asked for this change yourself.".into() });
    let changes = KnownChanges { detail: awaiting_approval(), ..KnownChanges::default() };
    let fleet = Arc::new(Fake { refusing, changes, ..Fake::default() });
    let form = format!("change=1842&plan={HASH}&verdict=approve&typed_environment=prod");
    let answer = fleet.post("/fn/decide_change", &form, PAGE).await;
    let back = answer.location.trim_start_matches("http://localhost").to_owned();
    fleet.get(&back).await.reads("Your decision does not count You asked for this change yourself.");
}

#[tokio::test]
async fn cancel_asks_first_and_says_why_it_cannot() {
    let fleet = with(awaiting_approval());
    fleet
        .get(PAGE)
        .await
        .reads("Cancel… Nothing of it is in Git yet, and nothing will be.")
        .reads("Cancel change 1842")
        .has(r#"action="/fn/cancel_change""#);
    let answer = fleet.post("/fn/cancel_change", "change=1842", PAGE).await;
    assert_eq!(answer.status, 302);
    assert_eq!(*fleet.changes.cancelled.lock().expect("unpoisoned"), [1842]);
    let mut detail = awaiting_approval();
    detail.cancel = Some(May::No { why: "Needs promotions/cancel".into() });
    with(detail).get(PAGE).await.reads("Cancel… Needs promotions/cancel").reads_not("Cancel change 1842");
    with(in_state(ChangeState::Done, "")).get(PAGE).await.reads_not("Cancel…");
}

#[tokio::test]
async fn undo_makes_a_plan_that_takes_it_back() {
    let fleet = with(rolling_out());
    fleet.get(PAGE).await.has(r#"action="/fn/undo_change""#);
    let answer = fleet.post("/fn/undo_change", "change=1842", PAGE).await;
    assert_eq!((answer.status, answer.location), (302, format!("/plans/{HASH}")));
    let asked = fleet.planned.asked.lock().expect("unpoisoned").pop().expect("asked");
    let AskPlan::Undo(ask) = asked else { panic!("an undo") };
    assert_eq!(ask.change, 1842);
    let mut detail = rolling_out();
    detail.undo = Some(May::No { why: "Needs rollbacks/create".into() });
    with(detail).get(PAGE).await.reads("Undo… Needs rollbacks/create");
}

#[tokio::test]
async fn why_it_does_not_go_on_is_said_in_words_with_what_to_do_next() {
    let mut ill = in_state(ChangeState::NeedsAttention, "web-app-prod is Degraded: CrashLoopBackOff.");
    ill.cancel = Some(May::Yes);
    with(ill)
        .get(PAGE)
        .await
        .reads("It needs attention web-app-prod is Degraded: CrashLoopBackOff. Mend what is behind, and it goes on; or roll back, or leave it so. Roll back…")
        .reads("Leave it so… It ends as it is, and is not followed any more. What it wrote stays in Git. End change 1842 as it is");
    with(in_state(ChangeState::Failed, "The remote refused the push: protected branch."))
        .get(PAGE)
        .await
        .reads("It failed The remote refused the push: protected branch. It does not go on. Plan it again, and read the new plan. Plan again…")
        .reads("It was not made. It would have changed these lines.")
        .has(r#"href="/plans?apps=web-app&amp;from=staging&amp;to=prod""#);
    with(in_state(ChangeState::Waiting, "prod is frozen until Thu 18:00 UTC: quarter-end close."))
        .get(PAGE)
        .await
        .reads("It waits prod is frozen until Thu 18:00 UTC: quarter-end close. It goes on by itself");
    let mut taken = in_state(ChangeState::Superseded, "");
    taken.row.by = Some(1850);
    with(taken).get(PAGE).await.reads("Change 1850 took its place").has(r#"href="/changes/1850""#);
    let mut back = in_state(ChangeState::RolledBack, "");
    back.row.by = Some(1851);
    with(back)
        .get(PAGE)
        .await
        .reads("Rolled back by 1851")
        .reads("Change 1851 took it back")
        .has(r#"href="/changes/1851""#);
    with(rolling_out()).get(PAGE).await.reads_not("It waits");
}

#[tokio::test]
async fn what_others_wrote_is_text_on_a_change_a14() {
    let mut detail = rolling_out();
    let evil = "<script>alert(1)</script>\u{202e}gnp";
    detail.row.why = evil.into();
    detail.row.reason = evil.into();
    detail.row.state = ChangeState::NeedsAttention;
    detail.message = Some(format!("{evil}\n\n{evil}\n"));
    detail.timeline.push(Step { text: evil.into(), who: evil.into(), ..detail.timeline[0].clone() });
    detail.gates[0].why = evil.into();
    detail.rollout[0].why = evil.into();
    detail.approvals[0].comment = evil.into();
    let page = with(detail).get(PAGE).await;
    assert!(!page.html.contains("<script>alert"), "{}", page.html);
    assert!(!page.text.contains('\u{202e}'), "nothing turns the line");
}

#[tokio::test]
async fn a_change_that_is_not_there_is_not_found() {
    for path in ["/changes/7", "/changes/none"] {
        let page = Arc::new(Fake::default()).get(path).await;
        assert_eq!(page.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_plan_is_carried_out_by_one_named_button_after_what_is_asked() {
    let fleet = with_plan(promotion());
    let plan = format!("/plans/{HASH}");
    fleet
        .get(&plan)
        .await
        .reads("Gates 2 of 3 pass Health Healthy in staging: web-app Passed")
        .reads("Approval 2 asked, 0 given Waits")
        .reads("Promote to prod 4 objects in 2 clusters change. It is one commit, and one new commit takes it back.")
        .reads("It can be asked for now, and then waits: approval.")
        .reads("prod-ap-1 does not answer: it takes the commit when it returns.")
        .reads("Type prod to confirm")
        .reads("Promote web-app to prod")
        .has(r#"action="/fn/start_change""#)
        .has(&format!(r#"type="hidden" name="plan" value="{HASH}""#))
        .has("btn-prod")
        .reads_not("Hold:")
        .reads_not("changes nothing");
    let form = format!("plan={HASH}&reason=Release+train+48&typed_environment=prod");
    let answer = fleet.post("/fn/start_change", &form, &plan).await;
    assert_eq!((answer.status, answer.location.as_str()), (302, PAGE));
    let started = fleet.changes.started.lock().expect("unpoisoned").pop().expect("started");
    assert_eq!(
        (started.plan.as_str(), started.reason.as_str(), started.typed_environment.as_str()),
        (HASH, "Release train 48", "prod")
    );
    assert!(!started.confirm_unrendered);
    with_plan(train()).get(&plan).await.reads("Promote 2 apps to prod");
}

#[tokio::test]
async fn asked_for_twice_leads_to_the_one_change_and_says_so_r8() {
    let changes = KnownChanges { existed: true, ..KnownChanges::default() };
    let fleet = Arc::new(Fake { changes, ..Fake::default() });
    let answer = fleet
        .post("/fn/start_change", &format!("plan={HASH}&typed_environment=prod"), &format!("/plans/{HASH}"))
        .await;
    assert_eq!((answer.status, answer.location.as_str()), (302, "/changes/1842?existed=1"));
    fleet.get(&answer.location).await.reads("This had been asked for before There is one change of it");
    let mut detail = promotion();
    detail.change = Some(PlanChange { id: 1842, state: ChangeState::RollingOut });
    let page = with_plan(detail).get(&format!("/plans/{HASH}")).await;
    page.reads("This plan is being carried out. It is not carried out twice. Rolling out Open change 1842")
        .has(r#"href="/changes/1842""#);
    assert!(!page.html.contains("/fn/start_change"), "there is nothing to send");
}

#[tokio::test]
async fn what_could_not_be_rendered_is_named_and_ticked_r7() {
    let mut detail = promotion();
    detail.rendered[1].not_rendered = Some("There is no sandbox on this server.".into());
    let fleet = with_plan(detail);
    fleet
        .get(&format!("/plans/{HASH}"))
        .await
        .reads("Go on, although nobody can tell what web-app-prod-ap becomes")
        .has(r#"name="confirm_unrendered" value="true""#);
    let form = format!("plan={HASH}&reason=x&typed_environment=prod&confirm_unrendered=true");
    fleet.post("/fn/start_change", &form, &format!("/plans/{HASH}")).await;
    assert!(fleet.changes.started.lock().expect("unpoisoned").pop().expect("started").confirm_unrendered);
}

#[tokio::test]
async fn a_plan_that_may_not_be_carried_out_has_a_dead_button_and_the_reason() {
    let page_of = |change: fn(&mut PlanDetail)| {
        let mut detail = promotion();
        change(&mut detail);
        with_plan(detail)
    };
    let plan = format!("/plans/{HASH}");
    let denied = page_of(|it| it.denied = Some("Needs promotions/create".into())).get(&plan).await;
    denied.reads("Promote to prod Promote web-app to prod You may read this plan, and not carry it out Needs promotions/create");
    let stale =
        page_of(|it| it.standing = Standing::Stale { why: "web-app changed.".into() }).get(&plan).await;
    stale.reads("This plan is stale. Compute it again, and read the new one.");
    let empty = page_of(|it| {
        it.plan.files.clear();
        it.plan.rows[0].outcome = RowOutcome::NothingToDo;
    });
    let empty = empty.get(&plan).await;
    empty.reads("Nothing moves, so there is nothing to carry out.");
    for page in [denied, stale, empty] {
        assert!(!page.html.contains("/fn/start_change"), "there is nothing to send");
    }
}

#[tokio::test]
async fn a_plan_that_takes_back_has_the_hold_as_a_choice_r13() {
    let mut detail = rollback();
    detail.ask = AskPlan::Undo(model::plan::AskUndo { change: 1842 });
    let fleet = with_plan(detail);
    fleet
        .get(&format!("/plans/{HASH}"))
        .await
        .reads("Roll back checkout to 5.8.2 in prod")
        .reads("Hold: the next promotions skip it No hold For 1 day For 2 days For 7 days Until someone releases it")
        .has(r#"value="two_days" selected"#)
        .has(r#"action="/fn/undo_change""#);
    fleet.post("/fn/start_change", &format!("plan={HASH}&hold=one_week"), &format!("/plans/{HASH}")).await;
    let started = fleet.changes.started.lock().expect("unpoisoned").pop().expect("started");
    assert_eq!(started.hold, HoldFor::OneWeek);
}

#[tokio::test]
async fn a_rollback_is_planned_and_begun_in_one_post_r13() {
    let fleet = Arc::new(Fake::default());
    let page = format!("/apps/checkout/prod/rollback?to={GOOD}");
    let form = format!(
        "app=checkout&environment=prod&revision={GOOD}&whole_path=true&plan={HASH}&reason=Pods+crash&typed_environment=prod&hold=until_released"
    );
    let answer = fleet.post("/fn/roll_back", &form, &page).await;
    assert_eq!((answer.status, answer.location.as_str()), (302, PAGE));
    let asked = fleet.planned.asked.lock().expect("unpoisoned").pop().expect("asked");
    let AskPlan::Rollback(ask) = asked else { panic!("a rollback") };
    assert_eq!(
        (ask.app.as_str(), ask.environment.as_str(), ask.revision.as_str()),
        ("checkout", "prod", GOOD)
    );
    assert!(ask.whole_path);
    let started = fleet.changes.started.lock().expect("unpoisoned").pop().expect("started");
    assert_eq!(
        (started.plan.as_str(), started.reason.as_str(), started.hold),
        (HASH, "Pods crash", HoldFor::UntilReleased)
    );
}

#[tokio::test]
async fn a_rollback_that_would_do_something_else_than_was_read_does_not_begin() {
    let fleet = Arc::new(Fake::default());
    let page = format!("/apps/checkout/prod/rollback?to={GOOD}");
    let form =
        format!("app=checkout&environment=prod&revision={GOOD}&plan=0000&reason=x&typed_environment=prod");
    let answer = fleet.post("/fn/roll_back", &form, &page).await;
    assert!(fleet.changes.started.lock().expect("unpoisoned").is_empty());
    let back = answer.location.trim_start_matches("http://localhost").to_owned();
    fleet
        .get(&back)
        .await
        .reads("It was not rolled back What this rollback would do changed while you read it.");
}

#[tokio::test]
async fn each_page_of_an_app_leads_to_its_earlier_states_in_one_click() {
    let fleet = Arc::new(Fake::default());
    fleet.get("/applications/mgmt/argocd/checkout-prod").await.has(r#"/prod/rollback""#).reads("Roll back…");
    fleet.get("/apps/web-app").await.has(r#"href="/apps/web-app/dev/rollback""#);
    fleet.get(PAGE).await.has(r#"href="/apps/web-app/prod/rollback""#);
}

#[tokio::test]
async fn zz_dump() {
    let write =
        |name: &str, html: &str| std::fs::write(format!("/tmp/dump/{name}.html"), html).expect("written");
    std::fs::create_dir_all("/tmp/dump").expect("made");
    write("changes", &Arc::new(Fake::default()).get("/changes").await.html);
    write("change", &with(rolling_out()).get(PAGE).await.html);
    write("change-awaiting", &with(awaiting_approval()).get(PAGE).await.html);
    write(
        "change-attention",
        &with(in_state(ChangeState::NeedsAttention, "web-app-prod is Degraded: CrashLoopBackOff."))
            .get(PAGE)
            .await
            .html,
    );
    write("plan", &with_plan(promotion()).get(&format!("/plans/{HASH}")).await.html);
    write("train", &with_plan(train()).get(&format!("/plans/{HASH}")).await.html);
    write("plan-rollback", &with_plan(rollback()).get(&format!("/plans/{HASH}")).await.html);
    write("rollback", &Arc::new(Fake::default()).get("/apps/checkout/prod/rollback").await.html);
    write(
        "application",
        &Arc::new(Fake::default()).get("/applications/mgmt/argocd/checkout-prod").await.html,
    );
    write("waiting", &Arc::new(Fake::default()).get("/waiting").await.html);
}
