//! The page of a plan, of one app and of a train, and the form that asks for one.

use std::sync::Arc;

use model::{
    AppError,
    plan::{
        AskPlan, AskPromotion, CommitRef, FileChange, Move, PlanDetail, PlanRow, RowOutcome, Standing,
        Verified,
    },
};

use crate::fake::{
    Fake, KnownApps,
    plans::{HASH, Planned, commit, matrix, promotion, train},
};

fn with(detail: PlanDetail) -> Arc<Fake> {
    Arc::new(Fake { planned: Planned { detail, ..Planned::default() }, ..Fake::default() })
}

/// The four apps of the form whose names contain `q`.
fn with_apps(q: &str) -> Arc<Fake> {
    Arc::new(Fake { apps: KnownApps { matrix: matrix(q), ..KnownApps::default() }, ..Fake::default() })
}

fn page() -> String {
    format!("/plans/{HASH}")
}

fn asked(fleet: &Fake) -> AskPlan {
    fleet.planned.asked.lock().expect("unpoisoned").pop().expect("asked")
}

#[tokio::test]
async fn a_plan_says_what_moves_who_asked_and_whether_it_holds() {
    let page = with(promotion()).get(&page()).await;
    assert_eq!(page.status, 200);
    page.reads("Promote web-app from staging to prod prod Asked by Tomás Rivera 9 min ago")
        .reads("Plan hash b71e 90c4 5d2a")
        .has(&format!(r#"title="{HASH}""#))
        .reads("Still holds: computed again now, it is the same")
        .reads(
            "What moves 1 field, 1 file 1.4.1 to 1.4.2 Brings 2 commits In staging at 8d2f6a1 : Healthy 6 h",
        )
        .reads("images[0].newTag")
        .reads("3f9e2b7 Release web-app 1.4.2 erin , 5 h")
        .has("top-prod");
    assert_eq!(page.html.matches("<h1").count(), 1);
    assert!(!page.html.contains("style="), "the policy forbids style attributes");
}

#[tokio::test]
async fn what_is_not_listed_stays_and_is_shown_first_r4() {
    let page = with(promotion()).get(&page()).await;
    page.reads("What stays as it is, on purpose 2 differences between staging and prod")
        .reads("1 difference that nobody has listed as expected. It stays.")
        .reads("LOG_LEVEL=info LOG_LEVEL=debug not listed as what travels")
        .reads("1 more are expected");
    let (unlisted, expected) = (page.text.find("LOG_LEVEL"), page.text.find("replicas[0].count"));
    assert!(unlisted < expected, "what nobody listed comes first");
}

#[tokio::test]
async fn the_source_difference_marks_the_word_that_changed() {
    let page = with(promotion()).get(&page()).await;
    page.reads("Source difference 1 file, +1 −1")
        .has("newTag: 1.4.<del>1")
        .has("newTag: 1.4.<ins>2")
        .reads("Raw patch For git apply")
        .has(r#"aria-label="Source difference of apps/web-app/overlays/prod/kustomization.yaml""#);
}

#[tokio::test]
async fn objects_are_counted_without_noise_which_can_be_shown() {
    let fleet = with(promotion());
    let quiet = fleet.get(&page()).await;
    quiet
        .reads("Rendered difference 4 of 24 objects of 2 Applications change")
        .reads("12 objects: 1 changed, 1 removed")
        .reads("CronJob shop/web-app-report removed")
        .reads("1 object changes in noise alone")
        .has(&format!(r#"href="/plans/{HASH}?noise=1#rendered""#))
        .reads_not("web-app-config-7f8");
    let loud = fleet.get(&format!("{}?noise=1", page())).await;
    loud.reads("ConfigMap shop/web-app-config-7f8 added noise").reads_not("in noise alone");
}

#[tokio::test]
async fn not_rendered_says_why_and_counts_nothing_r7() {
    let mut detail = promotion();
    detail.rendered.truncate(1);
    detail.rendered[0].not_rendered = Some("kustomize is not installed on this server.".into());
    detail.rendered[0].changes.clear();
    with(detail)
        .get(&page())
        .await
        .reads("Rendered difference not known: 1 is not rendered")
        .reads("kustomize is not installed on this server.")
        .reads("objects change not known added not known removed not known")
        .reads("1 Application is not rendered: its objects are not counted.")
        .reads_not("0 objects");
    let mut detail = promotion();
    detail.rendered[0].findings = vec!["It deletes a PersistentVolumeClaim.".into()];
    with(detail).get(&page()).await.reads("It deletes a PersistentVolumeClaim.");
}

#[tokio::test]
async fn the_blast_radius_names_who_is_touched_unasked_and_who_does_not_answer() {
    let mut detail = promotion();
    let shared = "apps/web-app/components/tls/kustomization.yaml";
    let mut other = detail.touched.applications[0].clone();
    other.id = crate::fake::id("gateway-prod");
    other.shares = Some(shared.into());
    detail.touched.applications.push(other);
    detail.touched.hidden = 2;
    with(detail).get(&page()).await
        .reads("Blast radius")
        .reads("Applications 5 clusters 2 namespaces 2 objects change 2 added 0 removed 2")
        .reads("prod-ap-1 Unreachable")
        .reads("1 other Application is touched that nobody asked for gateway-prod prod prod-eu-1 shares apps/web-app/components/tls/kustomization.yaml")
        .reads("Among them 2 Applications that you may not see.");
}

#[tokio::test]
async fn a_stale_plan_says_why_and_computes_again_what_was_asked() {
    let mut detail = promotion();
    detail.standing = Standing::Stale { why: "images of web-app changed in 3f9e2b7.".into() };
    let fleet = with(detail);
    let stale = fleet.get(&page()).await;
    stale
        .reads("This plan is stale images of web-app changed in 3f9e2b7. Compute again")
        .has(r#"name="apps[]" value="web-app""#)
        .reads_not("Still holds");
    assert_eq!(stale.html.matches("Compute again").count(), 1);
    let answer = fleet.post("/fn/plan_promotion", "from=staging&to=prod&apps%5B%5D=web-app", &page()).await;
    assert_eq!((answer.status, answer.location), (302, page()));
    let AskPlan::Promote(ask) = asked(&fleet) else { panic!("a promotion") };
    assert_eq!(
        (ask.apps, ask.from.as_str(), ask.to.as_str()),
        (vec!["web-app".to_owned()], "staging", "prod")
    );
}

#[tokio::test]
async fn what_cannot_be_told_is_not_said_to_hold() {
    let mut detail = promotion();
    detail.standing = Standing::NotKnown { why: "The repository does not answer.".into() };
    detail.denied = Some("Needs promotions/create".into());
    with(detail)
        .get(&page())
        .await
        .reads("Whether this plan still holds is not known The repository does not answer.")
        .reads("You may read this plan, and not carry it out Needs promotions/create. Who can?")
        .reads_not("Still holds");
}

#[tokio::test]
async fn a_later_commit_is_offered_and_not_taken_r3() {
    let mut detail = promotion();
    let row = &mut detail.plan.rows[0];
    row.later = Some(commit("abcdef1", "Release web-app 1.5.0", "erin", 1));
    row.verified = Verified::Not { why: "Progressing in staging".into() };
    let fleet = with(detail);
    fleet
        .get(&page())
        .await
        .reads("Not verified: Progressing in staging")
        .reads("Later commits in staging, not taken")
        .reads("Plan web-app with abcdef1")
        .has(r#"name="take_latest[]" value="web-app""#);
    let form = "from=staging&to=prod&apps%5B%5D=web-app&take_latest%5B%5D=web-app";
    fleet.post("/fn/plan_promotion", form, &page()).await;
    let AskPlan::Promote(ask) = asked(&fleet) else { panic!("a promotion") };
    assert_eq!(ask.take_latest, ["web-app"]);
}

#[tokio::test]
async fn foreign_edits_show_three_values_their_authors_and_the_choice_r5() {
    let mut untold = promotion();
    untold.plan.rows[0].last_touched = Some(commit("cc33dd4", "Hotfix by hand", "Sam Okafor", 20));
    with(untold)
        .get(&page())
        .await
        .reads("Last changed in prod: cc33dd4 “ Hotfix by hand ” by Sam Okafor , 20 h ago");
    with(train())
        .get(&page())
        .await
        .reads("Changed by others in prod 1 field since the last promotion")
        .reads("The last promotion left 2.10.2")
        .reads("by Maya Lindqvist , 3 d ago")
        .reads("prod has now 2.10.4-hotfix")
        .reads("Hotfix by hand ” by Sam Okafor , 20 h ago")
        .reads("staging would bring 2.11.0 by whom is not known")
        .reads("Plan to overwrite search in prod")
        .has(r#"name="overwrite[]" value="search""#);
    let mut detail = train();
    detail.ask =
        AskPlan::Promote(AskPromotion { overwrite: vec!["search".into()], ..AskPromotion::default() });
    with(detail)
        .get(&page())
        .await
        .reads("They are overwritten, as you asked.")
        .reads_not("Plan to overwrite");
}

#[tokio::test]
async fn a_train_groups_its_apps_and_each_that_does_not_move_has_its_cause() {
    let page = with(train()).get(&page()).await;
    page.reads("Promote 2 apps from staging to prod")
        .reads("move 2 stops for your decision 1 is skipped 1 are even 2")
        .reads("Apps 2 of 6 apps move")
        .reads("Moves, 2 web-app")
        .reads("Stops for your decision, 1 search")
        .reads("Others changed images[0].newTag since. Decide")
        .reads("It is not verified: Degraded in staging.")
        .reads("Even, 2 auth, gateway")
        .reads("Source difference 2 files, +2 −2")
        .reads("What it brings 4 commits");
    assert_eq!(page.html.matches("<h1").count(), 1);
}

#[tokio::test]
async fn nothing_to_do_and_left_out_are_said_in_words() {
    let alone = |outcome| {
        let mut detail = promotion();
        detail.plan.files.clear();
        detail.rendered.clear();
        let row = detail.plan.rows.remove(0);
        detail.plan.rows = vec![PlanRow { outcome, moves: Vec::new(), ..row }];
        with(detail)
    };
    alone(RowOutcome::NothingToDo)
        .get(&page())
        .await
        .reads("Nothing to do What moves of web-app is the same in staging and prod.")
        .reads_not("Source difference");
    let why = "An override in spec.source pins another tag.".to_owned();
    alone(RowOutcome::Skipped { why })
        .get(&page())
        .await
        .reads("It is left out An override in spec.source pins another tag.");
}

#[tokio::test]
async fn what_others_wrote_is_text_and_cannot_turn_the_line_a14() {
    let mut detail = promotion();
    let evil = "<script>alert(1)</script>\u{202e}gnp";
    let row = &mut detail.plan.rows[0];
    row.commits =
        vec![CommitRef { subject: evil.into(), author: "<b>x</b>".into(), ..row.commits[0].clone() }];
    row.moves = vec![Move { field: evil.into(), after: Some(evil.into()), ..row.moves[0].clone() }];
    detail.plan.files = vec![FileChange { path: evil.into(), patch: format!("@@ -1 +1 @@\n-a\n+{evil}\n") }];
    let page = with(detail).get(&page()).await;
    assert!(!page.html.contains("<script>alert") && !page.html.contains("<b>x</b>"), "{}", page.html);
    page.reads("⟨U+202E⟩gnp");
}

#[tokio::test]
async fn a_long_difference_is_folded() {
    let mut detail = promotion();
    let lines: String = (0..450).map(|line| format!("+line {line}\n")).collect();
    detail.plan.files[0].patch = format!("--- /dev/null\n+++ b/x\n@@ -0,0 +1,450 @@\n{lines}");
    with(detail).get(&page()).await.reads("Show 51 more lines").reads("line 449");
}

#[tokio::test]
async fn a_plan_that_is_not_there_is_not_found() {
    let page = with(promotion()).get("/plans/0000").await;
    assert_eq!(page.status, 404);
    page.reads("Plan 0000 was not found.");
}

#[tokio::test]
async fn a_link_opens_the_form_ready_to_send() {
    let fleet = with_apps("");
    let page = fleet.get("/plans?apps=web-app&from=dev&to=staging").await;
    assert_eq!(page.status, 200);
    page.reads("Plan a promotion")
        .reads("web-app 2 releases behind 1.4.2 to 1.5.0")
        .reads("Even, 1 auth")
        .reads("not there yet: it would be introduced")
        .has(r#"action="/fn/plan_promotion""#)
        .has(r#"name="from" value="dev""#)
        .has(r#"name="to" value="staging""#);
    let box_of = |slug: &str| {
        let at = page.html.find(&format!(r#"name="apps[]" value="{slug}""#)).expect("a box");
        page.html[at..].split('>').next().unwrap_or_default().to_owned()
    };
    assert!(box_of("web-app").contains("checked") && !box_of("api").contains("checked"));

    let form = "from=dev&to=staging&apps%5B%5D=web-app&apps%5B%5D=api";
    let answer = fleet.post("/fn/plan_promotion", form, "/plans?from=dev&to=staging").await;
    assert_eq!((answer.status, answer.location), (302, format!("/plans/{HASH}")));
    let AskPlan::Promote(ask) = asked(&fleet) else { panic!("a promotion") };
    assert_eq!(ask.apps, ["web-app", "api"]);
}

#[tokio::test]
async fn the_form_finds_the_next_environment_and_keeps_what_the_list_does_not_show() {
    let fleet = with_apps("");
    fleet.get("/plans").await.has(r#"name="from" value="dev""#).has(r#"name="to" value="staging""#);
    fleet.get("/plans?from=staging").await.has(r#"name="to" value="prod""#);
    fleet.get("/plans?from=dev&to=dev").await.reads("An environment to itself is no promotion.");
    let asked = fleet.apps.asked.lock().expect("unpoisoned").pop().expect("asked");
    assert_eq!((asked.per_page, asked.q.as_str()), (500, ""));
    fleet.get("/plans?from=dev&to=moon").await.reads("There is no environment moon");
    with_apps("api")
        .get("/plans?from=dev&to=staging&apps=web-app&q=api")
        .await
        .reads("Asked for, and not in this list: web-app")
        .has(r#"name="apps[]" value="web-app""#);
    with_apps("zzz").get("/plans?from=dev&to=staging&q=zzz").await.reads("No app matches");
}

#[tokio::test]
async fn a_plan_that_was_refused_is_read_on_the_form_it_came_from() {
    let refusing = Some(AppError::Forbidden { verb: "plan".into(), object: "promotions to prod".into() });
    let fleet = Arc::new(Fake {
        refusing,
        apps: KnownApps { matrix: matrix(""), ..KnownApps::default() },
        ..Fake::default()
    });
    let from = "/plans?from=staging&to=prod";
    let answer = fleet.post("/fn/plan_promotion", "from=staging&to=prod", from).await;
    assert_eq!(answer.status, 302);
    let back = answer.location.trim_start_matches("http://localhost").to_owned();
    fleet
        .get(&back)
        .await
        .reads("The plan was not made You may not plan promotions to prod.")
        .reads("Apps in staging");
}
