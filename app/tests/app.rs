//! What a person reads and can do on the page of an app, without JavaScript.

use std::sync::Arc;

use model::apps::{ActKind, AppDetail, AppEnvironment, Comparison, Station};

use crate::fake::{Fake, KnownApps, app, app_act, release};

fn fleet(app: AppDetail) -> Arc<Fake> {
    Arc::new(Fake { apps: KnownApps { app, ..Default::default() }, ..Default::default() })
}

#[tokio::test]
async fn an_app_says_what_runs_where_and_why_it_is_one_app() {
    let page = Arc::new(Fake::default()).get("/apps/web-app").await;
    assert_eq!(page.status, 200);
    page.reads("App of project storefront, 5 Applications in 3 environments.")
        .reads("Why they are one app: they deploy from apps/web-app of https://git.example.com/fleet.git.")
        .reads("dev 1 cluster Healthy 2.15.0 2 h web-app-dev Healthy")
        .reads("staging 1 cluster Sync failed 2.14.1 1 behind")
        .reads("hook migrate failed: exit 1")
        .reads("prod 3 clusters, 1 unreachable 1 of 3 healthy 2.14.0 1 behind")
        .reads("web-app-prod-us-1 Out of sync")
        .reads("web-app-prod-ap-1 Stale 11 min")
        .has(r#"href="https://git.example.com/fleet.git" rel="external noreferrer""#)
        .has(r#"href="/matrix?project=storefront""#)
        .has(r#"href="/applications/mgmt/argocd/web-app-prod-eu-1""#);
    for environment in ["dev", "staging", "prod"] {
        assert!(page.html.contains(&format!(r#"<section id="{environment}""#)), "{environment} has no place");
    }
    let prod = page.html.split(r#"<section id="prod""#).nth(1).expect("prod");
    assert!(prod.split('>').next().is_some_and(|tag| tag.contains("prod-frame")), "prod has its frame");
    assert_eq!(page.html.matches("<h1").count(), 1);
}

#[tokio::test]
async fn the_next_acts_are_links_and_a_denied_one_says_why() {
    let page = Arc::new(Fake::default()).get("/apps/web-app").await;
    page.reads("Promote to staging… Roll back… Sync… Refresh")
        .has(r#"href="/plans?apps=web-app&amp;from=dev&amp;to=staging" class="btn btn-primary""#)
        .has(r#"href="/apps/web-app/dev/rollback""#)
        .has(r#"href="/applications/mgmt/argocd/web-app-dev?sync=1""#)
        .has(r#"action="/fn/refresh_application""#)
        .reads("Promote to prod… needs promotions/create Roll back… needs rollbacks/create");
    assert!(!page.html.contains("from=staging&amp;to=prod\""), "a denied act is offered");
    assert!(!page.html.contains("/apps/web-app/staging/rollback"), "a denied act is offered");
    assert_eq!(page.html.matches("btn-primary").count(), 1, "one button is the next one");
    // Of several Applications one is chosen.
    page.reads("Sync web-app-prod-us-1…").reads("Refresh web-app-prod-us-1");
}

#[tokio::test]
async fn an_app_that_is_not_in_an_environment_can_be_introduced() {
    let mut app = app();
    app.environments[1].acts = vec![app_act(ActKind::Introduce, Some("prod"), None)];
    app.environments[2] = AppEnvironment {
        cell: None,
        applications: Vec::new(),
        acts: Vec::new(),
        ..app.environments[2].clone()
    };
    fleet(app)
        .get("/apps/web-app")
        .await
        .reads("web-app is not in prod.")
        .reads("Introduce to prod…")
        .has(r#"href="/plans?apps=web-app&amp;from=staging&amp;to=prod""#);
}

#[tokio::test]
async fn where_is_my_commit_is_told_in_words_for_each_environment() {
    let page = Arc::new(Fake::default()).get("/apps/web-app").await;
    page.reads("2.15.0 a41f09c Facet counts by availability, Aiko Tanaka")
        .reads("Live 3 h On the way Degraded, asked for 1 h ago Not in prod")
        .reads("Was live for 1 d 20 h Skipped 2.15.0 came first Not in prod")
        .reads("Was live for 13 h Rolled back after 40 min Live 2 d");
    assert!(page.html.matches(r#"scope="row""#).count() >= 3, "each release heads its row");
}

#[tokio::test]
async fn a_commit_is_found_by_a_plain_form() {
    let fleet = Arc::new(Fake::default());
    let page = fleet.get("/apps/web-app?commit=5E0C").await;
    page.reads("Fix price rounding in CHF")
        .reads_not("Facet counts by availability")
        .has(r#"name="commit""#)
        .has(r#"value="5E0C""#);
    let whole = format!("/apps/web-app?commit={:0<40}", "d19aa34");
    fleet.get(&whole).await.reads("Cache of the category tree").reads_not("Fix price rounding");
    fleet.get("/apps/web-app?commit=tanaka").await.reads("Fix price rounding").reads("Cache of the category");
    fleet
        .get("/apps/web-app?commit=%3Cb%3E")
        .await
        .reads("No release matches")
        .reads("None of the 3 releases that are listed has “&lt;b&gt;” in its version")
        .has(r#"href="/apps/web-app" class="btn""#);
}

#[tokio::test]
async fn releases_that_are_not_known_say_why() {
    let note = Some("The mirror of the repository is not fetched yet.".to_owned());
    let unknown = AppDetail { releases: Vec::new(), releases_note: note.clone(), ..app() };
    fleet(unknown)
        .get("/apps/web-app")
        .await
        .reads("No release is known The mirror of the repository is not fetched yet.");
    fleet(AppDetail { releases_note: note, ..app() })
        .get("/apps/web-app")
        .await
        .reads("The mirror of the repository is not fetched yet.")
        .reads("Fix price rounding in CHF");
}

#[tokio::test]
async fn the_first_two_environments_are_compared_field_by_field() {
    let fleet = Arc::new(Fake::default());
    let page = fleet.get("/apps/web-app").await;
    assert_eq!(*fleet.apps.compared.lock().expect("unpoisoned"), [("dev".to_owned(), "staging".to_owned())]);
    page.reads("A promotion from dev to staging would bring 1")
        .reads("images[0].newTag kustomization.yaml 2.15.0 2.14.1")
        .reads("Differs, and nobody listed it as expected: a promotion leaves it 1")
        .reads("the whole file patch.yaml no rule names this file kind: Deployment absent")
        .reads("1 difference is expected")
        .reads("Read at commit c41d7e2")
        .has("i-warn")
        .has(r#"<option value="dev" selected>"#);
    let travels = page.html.find("would bring").expect("what travels");
    let folded = page.html.find("difference is expected").expect("what is expected");
    assert!(travels < folded, "what travels comes first");
    let details = page.html[..folded].rfind("<details").expect("a fold");
    assert!(page.html[details..folded].starts_with("<details class="), "it is folded away");
    assert!(page.html[folded..].contains("namespaces differ"));
}

#[tokio::test]
async fn two_environments_are_chosen_by_a_plain_form() {
    let fleet = Arc::new(Fake::default());
    fleet
        .get("/apps/web-app?from=staging&to=prod")
        .await
        .reads("A promotion from staging to prod would bring")
        .reads("In staging In prod")
        .has(r##"action="/apps/web-app#differences""##);
    fleet.get("/apps/web-app?from=prod&to=prod").await.reads("An environment does not differ from itself.");
    fleet.get("/apps/web-app?from=prod").await;
    let compared = fleet.apps.compared.lock().expect("unpoisoned").clone();
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    assert_eq!(compared, [pair("staging", "prod"), pair("prod", "staging")]);
}

#[tokio::test]
async fn what_cannot_be_compared_says_why_and_the_rest_of_the_page_stays() {
    let apps = KnownApps { comparison: None, ..Default::default() };
    Arc::new(Fake { apps, ..Default::default() })
        .get("/apps/web-app")
        .await
        .reads("The environments could not be compared")
        .reads("its host key is not known")
        .reads("Where is my commit?");
    let even = Comparison {
        slug: "web-app".into(),
        name: "web-app".into(),
        from: String::new(),
        to: String::new(),
        commit: "c41d7e2".into(),
        travels: Vec::new(),
        unlisted: Vec::new(),
        expected: Vec::new(),
    };
    let apps = KnownApps { comparison: Some(even), ..Default::default() };
    Arc::new(Fake { apps, ..Default::default() }).get("/apps/web-app").await.reads(
        "A promotion from dev to staging would bring nothing, and nothing differs that is not expected.",
    );
}

#[tokio::test]
async fn an_app_that_is_not_there_is_not_found() {
    let page = Arc::new(Fake::default()).get("/apps/nobody").await;
    assert_eq!(page.status, 404);
    page.reads("App nobody was not found.").reads("Matrix");
}

#[tokio::test]
async fn hostile_subjects_and_repositories_are_text() {
    let mut app = app();
    let evil = "<img src=x onerror=alert(1)>\u{202e}\"";
    app.name = evil.into();
    app.why = evil.into();
    app.repository = Some("javascript:alert(1)//https://".into());
    app.environments[0].acts = vec![app_act(ActKind::Promote, Some(evil), Some(evil))];
    app.releases = vec![release(evil, evil, evil, [Station::None, Station::None, Station::None])];
    let page = fleet(app).get("/apps/web-app").await;
    assert_eq!(page.status, 200);
    let body = page.html.split("<main").nth(1).and_then(|it| it.split("</main>").next()).expect("main");
    assert!(!body.contains("<img"), "a name became markup");
    assert!(!body.contains("href=\"javascript:"), "a repository became a script");
}
