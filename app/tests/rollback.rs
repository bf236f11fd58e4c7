//! The page that rolls back.

use std::sync::Arc;

use model::{
    AppError,
    plan::{AskPlan, PlanRow, RowOutcome},
};

use crate::fake::{
    Fake,
    plans::{GOOD, HASH, Planned, by_hand, rollback},
};

const PAGE: &str = "/apps/checkout/prod/rollback";

fn with(planned: Planned) -> Arc<Fake> {
    Arc::new(Fake { planned, ..Fake::default() })
}

#[tokio::test]
async fn the_earlier_states_say_how_each_went_and_which_was_the_last_good_one() {
    let page = Arc::new(Fake::default()).get(PAGE).await;
    assert_eq!(page.status, 200);
    page.reads("Roll back checkout in prod prod")
        .reads("1 Application in prod-eu-1.")
        .reads("1. Choose a revision 5 of 148")
        .reads("5.9.0 c41d7e2 running")
        .reads("Not Healthy, ran 38 min")
        .reads("5.8.2 09be1f4 last good")
        .reads("Healthy, ran 6 d 1 field not as now, synced by maya")
        .reads("Ran 7 d, health not known")
        .reads("Asked for 6 d, no sync is known")
        .reads("The last good one is chosen for you.")
        .reads("2. Preview 1 file, 1 field back to 09be1f4")
        .has(&format!(r#"href="{PAGE}?to={GOOD}""#))
        .has("top-prod");
    assert_eq!(page.text.matches("09be1f4 last good").count(), 1);
    assert_eq!(page.html.matches(">last good<").count(), 1);
    assert!(!page.html.contains(&format!("{PAGE}?to=c41d7e2")), "what runs is not chosen");
    assert!(!page.html.contains("style="), "the policy forbids style attributes");
}

#[tokio::test]
async fn a_chosen_state_is_previewed_and_what_it_means_is_said_r13() {
    let fleet = Arc::new(Fake::default());
    let page = fleet.get(&format!("{PAGE}?to={GOOD}")).await;
    page.reads("2. Preview 1 file, 1 field back to 09be1f4")
        .reads("5.9.0 to 5.8.2 Takes back 2 commits")
        .reads("What it takes back 2 commits")
        .has("newTag: 5.<del>9.0")
        .has("newTag: 5.<ins>8.2")
        .reads("3. What it means Auto-sync stays on")
        .reads("The database is not rolled back It concerns 1 Job: checkout-migrate.")
        .reads("1 difference stays as it is")
        .reads("A hold is placed on checkout in prod")
        .reads("4. Confirm for prod 2 objects in 1 cluster change.")
        .reads("Reason, for the record and the hold")
        .reads("Hold: the next promotions skip it")
        .reads("Type prod to confirm")
        .reads("Roll back checkout to 5.8.2 in prod")
        .reads("Keep this plan It gets a link, to show it to somebody first.")
        .has(r#"action="/fn/roll_back""#)
        .has("btn-prod")
        .has(r#"aria-current="true""#)
        .has(&format!(r#"name="revision" value="{GOOD}""#));
    let AskPlan::Rollback(ask) =
        fleet.planned.previewed.lock().expect("unpoisoned").pop().expect("previewed")
    else {
        panic!("a rollback")
    };
    assert_eq!(
        (ask.app.as_str(), ask.environment.as_str(), ask.revision.as_str()),
        ("checkout", "prod", GOOD)
    );
    assert!(!ask.whole_path);
    assert!(fleet.planned.asked.lock().expect("unpoisoned").is_empty(), "a preview is not kept");
}

#[tokio::test]
async fn the_whole_folder_is_a_choice_that_is_previewed_and_kept() {
    let fleet = Arc::new(Fake::default());
    let page = fleet.get(&format!("{PAGE}?to={GOOD}&whole=1")).await;
    page.has(r#"name="whole_path" value="true""#);
    let form = format!("app=checkout&environment=prod&revision={GOOD}&whole_path=true");
    let answer = fleet.post("/fn/plan_rollback", &form, &format!("{PAGE}?to={GOOD}&whole=1")).await;
    assert_eq!((answer.status, answer.location), (302, format!("/plans/{HASH}")));
    let AskPlan::Rollback(ask) = fleet.planned.asked.lock().expect("unpoisoned").pop().expect("asked") else {
        panic!("a rollback")
    };
    assert!(ask.whole_path);
}

#[tokio::test]
async fn a_kept_rollback_is_a_plan_like_others() {
    let fleet = with(Planned { detail: rollback(), ..Planned::default() });
    fleet
        .get(&format!("/plans/{HASH}"))
        .await
        .reads("Roll back checkout in prod to 5.8.2")
        .reads("What it takes back")
        .has(r#"action="/fn/plan_rollback""#);
}

#[tokio::test]
async fn only_what_is_known_is_said() {
    let mut preview = rollback();
    preview.rendered[0].changes.clear();
    preview.rendered[0].not_rendered = Some("There is no sandbox on this server.".into());
    let mut planned = Planned { preview: Ok(preview), ..Planned::default() };
    planned.states.applications = vec![by_hand("checkout-prod")];
    planned.states.denied = Some("Needs rollbacks/create".into());
    planned.states.note = Some("The sync history begins 3 d ago.".into());
    with(planned)
        .get(&format!("{PAGE}?to={GOOD}"))
        .await
        .reads("1 of 1 do not follow Git by themselves")
        .reads("What its objects become is not known There is no sandbox on this server.")
        .reads("You may read this plan, and not carry it out Needs rollbacks/create")
        .reads("Quarterdeck syncs checkout-prod to the commit once it is pushed.")
        .reads("The sync history begins 3 d ago.")
        .reads_not("Auto-sync stays on")
        .reads_not("The database is not rolled back");
}

#[tokio::test]
async fn a_state_that_cannot_be_restored_says_why() {
    let why = "It was not in prod then.".to_owned();
    let planned = Planned { preview: Err(AppError::Conflict { why }), ..Planned::default() };
    with(planned)
        .get(&format!("{PAGE}?to={GOOD}"))
        .await
        .reads("What it would do cannot be told It was not in prod then.")
        .reads("1. Choose a revision")
        .reads_not("4. Confirm");
    let mut preview = rollback();
    preview.plan.files.clear();
    let row = preview.plan.rows.remove(0);
    preview.plan.rows = vec![PlanRow { outcome: RowOutcome::NothingToDo, moves: Vec::new(), ..row }];
    with(Planned { preview: Ok(preview), ..Planned::default() })
        .get(&format!("{PAGE}?to={GOOD}"))
        .await
        .reads("It has now what it had then.")
        .reads("Nothing moves, so there is nothing to carry out.")
        .reads_not("Keep this plan");
}

#[tokio::test]
async fn an_app_without_earlier_states_says_so() {
    let mut planned = Planned::default();
    planned.states.states.clear();
    planned.states.total = 0;
    with(planned).get(PAGE).await.reads("No earlier state is known").reads("No revision chosen yet");
    let failing = Some(AppError::NotFound { what: "App checkout in prod".into() });
    let page = Arc::new(Fake { failing, ..Fake::default() }).get(PAGE).await;
    assert_eq!(page.status, 404);
}
