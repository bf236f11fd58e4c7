//! The page of freezes and holds, and what is seen of them elsewhere before a click.

use std::sync::Arc;

use model::{
    AppError,
    apps::{Cell, CellState, Lag},
    gate::{CreateFreeze, Freeze, FreezeTimes, GateList, Hold, HoldFor, PlaceHold},
};

use crate::fake::{
    Fake, KnownApps, app, cell,
    gates::{KnownGates, freeze, gates},
    matrix,
};

const PAGE: &str = "/freezes";
const EVIL: &str = "<script>alert(1)</script>\u{202e}gnp";

fn with(list: GateList) -> Arc<Fake> {
    Arc::new(Fake { gates: KnownGates { list, ..KnownGates::default() }, ..Fake::default() })
}

/// A cell with everything in its way.
fn stopped() -> Cell {
    Cell {
        held: Some("held at 6.2.0 by Priya Nair until Thu 26 Nov 18:00 UTC: p99 latency".into()),
        frozen: Some("prod is frozen for payments until Thu 26 Nov 18:00 UTC: quarter-end close".into()),
        change: Some(1842),
        ..cell("6.2.0", CellState::Healthy, Lag::Behind(1))
    }
}

/// Returns the markup from `from` to the next `to`.
fn part<'a>(html: &'a str, from: &str, to: &str) -> &'a str {
    let begin = html.find(from).unwrap_or_else(|| panic!("there is no {from}"));
    let rest = &html[begin..];
    &rest[..rest.find(to).unwrap_or(rest.len())]
}

#[tokio::test]
async fn a_freeze_says_what_it_stops_from_when_until_when_and_who_made_it() {
    let page = Arc::new(Fake::default()).get(PAGE).await;
    assert_eq!(page.status, 200);
    page.reads("1 freeze now, 1 planned, 2 holds. A freeze stops an environment, a hold one app in it. Times are UTC.")
        .reads("Freezes 1 now, 1 planned")
        .reads("prod payments quarter-end close")
        .reads("Now Wed 25 Nov 12:58 to Thu 26 Nov 18:00 UTC written in Europe/Berlin Jonas Weber End… the freeze of prod for project payments")
        .reads("all environments all projects Nobody is there")
        .reads("in 2 d Fri 27 Nov 22:00 to Sat 28 Nov 06:00 UTC repeats 0 22 * * 5 for 8 h, UTC")
        .reads("End… needs freezes/delete");
    assert_eq!(page.html.matches("<h1").count(), 1);
    assert!(!page.html.contains("style="), "the policy forbids style attributes");
}

#[tokio::test]
async fn a_freeze_is_ended_by_a_form_that_asks_first() {
    let fleet = Arc::new(Fake::default());
    let page = fleet.get(PAGE).await;
    let asks = part(&page.html, "<details><summary class=\"btn btn-sm\">", "</details>");
    assert!(asks.contains("End…") && asks.contains(r#"action="/fn/end_freeze""#), "{asks}");
    assert!(asks.contains(r#"name="id" value="7""#), "{asks}");
    page.reads(
        "Promotions to prod for project payments go on at once, those that wait for it too. End the freeze",
    );
    assert_eq!(page.html.matches("/fn/end_freeze").count(), 1, "what may not be ended has no form");
    let answer = fleet.post("/fn/end_freeze", "id=7", PAGE).await;
    assert_eq!((answer.status, answer.location.as_str()), (302, PAGE));
    assert_eq!(*fleet.gates.ended.lock().expect("unpoisoned"), [7]);

    let mut list = gates();
    list.freezes = vec![Freeze { next: list.freezes[0].now.take(), ..list.freezes[0].clone() }];
    with(list)
        .get(PAGE)
        .await
        .reads("The freeze of prod for project payments never begins. Call off the freeze");
}

#[tokio::test]
async fn a_hold_says_why_until_when_which_rollback_set_it_and_what_went_against_it() {
    let fleet = Arc::new(Fake::default());
    let page = fleet.get(PAGE).await;
    page.reads("Holds 2, in the order of expiry")
        .reads("search prod storefront p99 latency , set by the rollback of change 1836")
        .reads("Changed from outside all the same: 3f9e2b7 “ Bump search ” by Sam Okafor , 30 min ago")
        .reads("3.8.2 Priya Nair 21 h ago Wed 25 Nov 17:44 UTC in 3 h")
        .reads("not known Aiko Tanaka 9 d ago until released older than 7 days")
        .reads("Release… needs holds/release")
        .reads("The next promotion moves search in prod again. Release the hold")
        .has(r#"href="/changes/1836""#)
        .has(r#"href="/apps/search""#)
        .has(r#"id="holds""#);
    assert_eq!(page.html.matches("/fn/release_hold").count(), 1, "what may not be released has no form");
    let answer = fleet.post("/fn/release_hold", "id=3", PAGE).await;
    assert_eq!((answer.status, answer.location.as_str()), (302, PAGE));
    assert_eq!(*fleet.gates.released.lock().expect("unpoisoned"), [3]);
}

#[tokio::test]
async fn argo_cds_windows_are_read_and_what_cannot_be_read_is_not_known() {
    Arc::new(Fake::default())
        .get(PAGE)
        .await
        .reads("Argo CD sync windows read only, from AppProjects; changed in Git")
        .reads("storefront mgmt Allow 0 8 * * 1-5 , 10h Europe/Berlin applications *-prod; clusters prod-* allowed open now")
        .reads("fulfilment mgmt Deny")
        .reads("denied denies now")
        .reads("denied not known");
}

#[tokio::test]
async fn a_freeze_is_made_by_a_plain_form_once_or_again_and_again() {
    let fleet = Arc::new(Fake::default());
    fleet
        .get(PAGE)
        .await
        .has(r#"action="/fn/create_freeze""#)
        .has(r#"<option value="prod" selected>"#)
        .has(r#"type="datetime-local" id="freeze-from""#)
        .has(r#"name="zone" value="UTC""#)
        .reads("It repeats instead")
        .reads("Rollbacks go on, and what is committed already finishes.");
    let form = "environment=prod&project=payments&from=&until=2026-12-04T09%3A00&zone=Europe%2FBerlin\
                &schedule=&duration=&reason=+Campaign+";
    let answer = fleet.post("/fn/create_freeze", form, PAGE).await;
    assert_eq!((answer.status, answer.location.as_str()), (302, PAGE));
    let asked = fleet.gates.frozen.lock().expect("unpoisoned").pop().expect("asked");
    let wanted = CreateFreeze {
        environment: "prod".into(),
        project: "payments".into(),
        reason: "Campaign".into(),
        until: "2026-12-04T09:00".into(),
        zone: "Europe/Berlin".into(),
        ..CreateFreeze::default()
    };
    assert_eq!(asked, wanted);
}

#[tokio::test]
async fn what_is_wrong_with_a_freeze_is_read_beside_its_field() {
    let wrong = |field: &str, why: &str| {
        let refusing = Some(AppError::Invalid { field: field.into(), why: why.into() });
        Arc::new(Fake { refusing, ..Fake::default() })
    };
    let back = async |fleet: Arc<Fake>| {
        let answer = fleet.post("/fn/create_freeze", "until=2026-11-25T09%3A00&reason=x", PAGE).await;
        assert_eq!(answer.status, 302);
        fleet.get(answer.location.trim_start_matches("http://localhost")).await
    };
    let page = back(wrong("until", "it is over already")).await;
    page.reads("Until It is over already.").reads_not("The freeze was not made");
    let field = part(&page.html, r#"id="freeze-until""#, ">");
    assert!(field.contains(r#"aria-invalid="true""#), "{field}");
    assert!(field.contains(r#"aria-describedby="freeze-until-hint""#), "{field}");

    let page = back(wrong("schedule", "it has four fields")).await;
    page.reads("It has four fields.");
    page.has(r#"<details open class="group">"#);

    let forbidden = AppError::Forbidden { verb: "freeze".into(), object: "prod of payments".into() };
    back(Arc::new(Fake { refusing: Some(forbidden), ..Fake::default() }))
        .await
        .reads("The freeze was not made You may not freeze prod of payments.");
}

#[tokio::test]
async fn who_may_freeze_nothing_reads_why_and_has_no_form() {
    let page =
        with(GateList { freeze_denied: Some("needs freezes/create".into()), ..gates() }).get(PAGE).await;
    page.reads("You may not create a freeze: needs freezes/create . Who can?").reads_not("Create a freeze…");
    assert!(!page.html.contains("/fn/create_freeze"));
}

#[tokio::test]
async fn a_hold_is_placed_by_a_form_that_a_link_fills_in() {
    let fleet = Arc::new(Fake::default());
    let from = "/freezes?hold=web-app&environment=staging";
    let page = fleet.get(from).await;
    page.has(r#"action="/fn/place_hold""#)
        .has(r#"name="app" value="web-app""#)
        .has(r#"<option value="staging" selected>"#)
        .has(r#"<option value="two_days" selected>"#);
    assert!(!page.html.contains(r#"value="none""#), "a hold that does not last is none");
    let form = "app=web-app&environment=staging&lasts=until_released&reason=Load+test";
    let answer = fleet.post("/fn/place_hold", form, from).await;
    assert_eq!((answer.status, answer.location.as_str()), (302, PAGE));
    let wanted = PlaceHold {
        app: "web-app".into(),
        environment: "staging".into(),
        reason: "Load test".into(),
        lasts: HoldFor::UntilReleased,
    };
    assert_eq!(*fleet.gates.held.lock().expect("unpoisoned"), [wanted]);

    let refusing = Some(AppError::Invalid { field: "app".into(), why: "there is no app web-ap".into() });
    let fleet = Arc::new(Fake { refusing, ..Fake::default() });
    let answer = fleet.post("/fn/place_hold", "app=web-ap&reason=x", from).await;
    let page = fleet.get(answer.location.trim_start_matches("http://localhost")).await;
    page.reads("There is no app web-ap.").has(r#"name="app" value="web-app""#);
}

#[tokio::test]
async fn none_is_said_in_words() {
    let none = GateList { freezes: Vec::new(), holds: Vec::new(), windows: Vec::new(), ..gates() };
    with(none)
        .get(PAGE)
        .await
        .reads("0 freezes now, 0 planned, 0 holds.")
        .reads("Nothing is frozen No freeze is planned either.")
        .reads("Holds none Nothing is held")
        .reads("No sync window");
    let failing = Some(AppError::Unavailable { what: "The database".into(), why: "it starts".into() });
    let page = Arc::new(Fake { failing, ..Fake::default() }).get(PAGE).await;
    assert_eq!(page.status, 503);
    page.reads("The database does not answer").reads_not("Nothing is frozen");
}

#[tokio::test]
async fn what_people_wrote_about_gates_is_text_a14() {
    let mut list = gates();
    let times = FreezeTimes::Repeating { schedule: EVIL.into(), seconds: 60, zone: EVIL.into() };
    list.freezes = vec![Freeze { reason: EVIL.into(), by: EVIL.into(), times, ..freeze() }];
    let hold = list.holds[0].clone();
    list.holds = vec![Hold { reason: EVIL.into(), owner: EVIL.into(), app: EVIL.into(), ..hold }];
    list.windows[0].applies_to = EVIL.into();
    list.projects = vec![EVIL.into()];
    let page = with(list).get("/freezes?hold=%22%3E%3Cscript%3Ealert(1)").await;
    let body = part(&page.html, "<main", "</main>");
    assert!(!body.contains("<script>alert"), "{body}");
    page.reads("⟨U+202E⟩gnp");
}

#[tokio::test]
async fn the_overview_says_what_is_frozen_before_the_click_and_what_is_in_flight() {
    let fleet = Arc::new(Fake::default());
    let page = fleet.get("/").await;
    page.reads("prod is frozen for project payments until Thu 26 Nov 18:00 UTC: quarter-end close . Set by Jonas Weber . See the freeze")
        .reads("Changes in flight")
        .has(r#"href="/freezes" class="link""#)
        .has(r#"href="/changes" class="more""#)
        .has(r#"href="/changes/1842""#);
    let everything = Freeze { environment: None, project: None, ..freeze() };
    let mut list = gates();
    list.freezes = vec![everything];
    with(list)
        .get("/")
        .await
        .reads("All environments are frozen for all projects until Thu 26 Nov 18:00 UTC");
    let calm = with(GateList { freezes: Vec::new(), ..gates() }).get("/").await;
    calm.reads_not("See the freeze");
}

#[tokio::test]
async fn the_matrix_marks_what_is_held_frozen_and_in_flight_in_words() {
    let mut matrix = matrix();
    matrix.rows[0].cells[2] = Some(stopped());
    let apps = KnownApps { matrix, ..KnownApps::default() };
    let page = Arc::new(Fake { apps, ..Fake::default() }).get("/matrix").await;
    page.reads("6.2.0 1 behind Held Frozen Change 1842 is in flight")
        .reads("1 frozen 1 held")
        .has(r#"title="held at 6.2.0 by Priya Nair until Thu 26 Nov 18:00 UTC: p99 latency""#)
        .has(r#"title="1 frozen: prod is frozen for payments until Thu 26 Nov 18:00 UTC: quarter-end close""#)
        .has("i-held")
        .has("i-frozen");
    let other = part(&page.html, r#"href="/apps/billing#dev""#, "</a>");
    assert!(!other.contains("cell-marks"), "a cell that nothing is in the way of has no mark: {other}");
}

#[tokio::test]
async fn the_page_of_an_app_says_in_words_what_is_in_the_way_and_leads_there() {
    let mut app = app();
    app.environments[2].cell = Some(stopped());
    let apps = KnownApps { app, ..KnownApps::default() };
    let page = Arc::new(Fake { apps, ..Fake::default() }).get("/apps/web-app").await;
    page.reads("Held at 6.2.0 by Priya Nair until Thu 26 Nov 18:00 UTC: p99 latency")
        .reads("prod is frozen for payments until Thu 26 Nov 18:00 UTC: quarter-end close")
        .reads("Change 1842 is in flight")
        .has(r#"href="/freezes#holds""#)
        .has(r#"href="/changes/1842""#)
        .has(r#"href="/freezes?hold=web-app&amp;environment=staging#hold""#);
    assert!(!page.html.contains("environment=prod#hold"), "what is held is not held again");
}

#[tokio::test]
async fn the_sidebar_and_the_phone_count_what_is_open_what_waits_and_what_is_in_force() {
    let fleet = Arc::new(Fake::default());
    let page = fleet.get("/menu").await;
    page.reads("Changes 3 open Clusters 1 unreachable Repositories Govern Waiting for you 2 to decide Freezes and holds 3 in force Audit")
        .has(r#"class="side-count is-you""#);
    let main = part(&page.html, "<main", "</main>");
    for href in ["/changes", "/waiting", "/freezes"] {
        assert!(main.contains(&format!("href=\"{href}\"")), "the phone has no way to {href}");
    }
    let bar = part(&page.html, "class=\"tabbar\"", "</nav>");
    assert!(bar.contains("href=\"/changes\""), "{bar}");
}
