//! What a person reads on each page, without JavaScript.

use std::sync::Arc;

use axum::{body::Body, http::Request};
use model::{
    AppError,
    application::{ApplicationRow, SortBy},
    status::{ControlPlane, Environment, Freshness, Health, Sync, Warning},
};
use tower::ServiceExt as _;

use crate::fake::{Fake, NOW, row};

#[tokio::test]
async fn the_overview_says_what_needs_a_person_and_why() {
    let page = Arc::new(Fake::default()).get("/").await;
    assert_eq!(page.status, 200);
    page.reads("3 apps, 4 Applications, 2 clusters, 1 control plane")
        .reads("2 of 6 pods crash: CrashLoopBackOff, exit 1")
        .reads("Degraded 1 1 in a protected environment")
        .reads("Last contact 11 min ago")
        .has(r#"href="/applications?health=Degraded""#)
        .has(r#"href="/applications?operation=Failed&amp;operation=Error""#)
        .has(r#"href="/applications/mgmt/argocd/checkout-prod""#)
        .has(r#"href="/clusters/mgmt/prod-ap-1""#);
}

#[tokio::test]
async fn the_sidebar_shows_what_exists_and_who_is_signed_in() {
    let page = Arc::new(Fake::default()).get("/clusters").await;
    page.reads("Quarterdeck Overview Matrix Applications 4 Changes 3 open Clusters 1 unreachable Repositories Govern Waiting for you 2 to decide Freezes and holds 3 in force Audit Permissions Settings AD admin Sign out")
        .has(r#"aria-current="page""#)
        .has(r#"action="/auth/logout""#)
        .reads_not("Doctor");
}

#[tokio::test]
async fn the_list_reads_its_whole_query_from_the_url() {
    let fleet = Arc::new(Fake::default());
    let path = "/applications?q=prod&health=Degraded&health=Missing&project=storefront&sort=changed&reverse=1&page=2";
    let page = fleet.get(path).await;
    let asked = fleet.asked.lock().expect("unpoisoned").pop().expect("asked");
    assert_eq!(asked.q, "prod");
    assert_eq!(asked.health, ["Degraded", "Missing"]);
    assert_eq!(asked.project, ["storefront"]);
    assert_eq!((asked.sort, asked.reverse, asked.page), (SortBy::Changed, true, 2));
    page.reads("Health: Missing")
        .reads("1 to 1 of 1")
        .has(r#"value="prod""#)
        .has(r#"name="sort" value="changed""#);
}

#[tokio::test]
async fn the_list_can_be_filtered_without_javascript() {
    let page = Arc::new(Fake::default()).get("/applications").await;
    page.has(r#"<form id="filters""#)
        .has(r#"method="get""#)
        .has(r#"form="filters" name="health" value="Degraded""#)
        .reads("Show");
}

#[tokio::test]
async fn what_is_not_live_is_dated_and_never_green() {
    let fleet = Arc::new(Fake::default());
    let page = fleet.get("/applications?q=search").await;
    page.reads("search-prod prod 5.9.0 the cluster does not answer Stale 11 min")
        .reads("Unknown")
        .has("repeating-linear-gradient");
    let rows = page.html.split("<tbody>").nth(1).and_then(|it| it.split("</tbody>").next()).expect("rows");
    assert!(!rows.contains("s-healthy"), "a stale row is green: {rows}");

    let page = fleet.get("/applications/mgmt/argocd/search-prod").await;
    page.reads("Stale 11 min: the cluster does not answer").reads("was Degraded");
    let main = page.html.split("<main").nth(1).expect("main");
    let facts = main.split(">Revision<").next().expect("facts");
    assert!(!facts.contains("s-healthy"), "a stale Application is green: {facts}");
}

#[tokio::test]
async fn an_empty_list_says_whether_there_is_nothing_or_it_is_hidden() {
    let fleet = Arc::new(Fake::default());
    let page = fleet.get("/applications?q=nothing-like-it&health=Missing").await;
    page.reads("No Application matches")
        .reads("4 Applications are hidden by text “nothing-like-it” and Health: Missing.")
        .reads("Clear the filters")
        .has(r#"href="/applications""#);

    let page = Arc::new(Fake { rows: Vec::new(), ..Default::default() }).get("/applications").await;
    page.reads("No Application yet").reads_not("hidden by");
}

#[tokio::test]
async fn a_control_plane_that_does_not_answer_is_named_with_the_age_of_what_is_shown() {
    let freshness =
        Freshness::Unreachable { since: NOW.plus_seconds(-180), why: "connection refused".into() };
    let plane = ControlPlane {
        name: "lab".into(),
        freshness,
        namespace: "argocd".into(),
        server: "https://127.0.0.1:7001".into(),
    };
    let warnings = vec![Warning {
        control_plane: "lab".into(),
        what: "Application argocd/broken in control plane lab".into(),
        why: "skipped: spec.destination: invalid type: string".into(),
    }];
    let fleet = Arc::new(Fake { planes: vec![plane], warnings, ..Default::default() });
    for path in ["/", "/applications", "/clusters"] {
        fleet
            .get(path)
            .await
            .reads("Control plane lab has not answered for 3 min: connection refused.")
            .reads("1 object of Argo CD is not as it should be")
            .reads("skipped: spec.destination");
    }

    let fleet = Arc::new(Fake { rows: Vec::new(), planes: fleet.planes.clone(), ..Default::default() });
    fleet.get("/applications").await.reads("No control plane answers").reads_not("No Application yet");
}

#[tokio::test]
async fn an_application_says_what_its_sync_waits_for_and_who_computed_its_health() {
    let page = Arc::new(Fake::default()).get("/applications/mgmt/argocd/checkout-prod").await;
    assert_eq!(page.status, 200);
    page.reads("checkout-prod prod")
        .reads("Wave 1 waiting here Deployment checkout")
        .reads("Degraded computed by Quarterdeck")
        .reads("Wave 2 not reached")
        .reads("The running sync waits for wave 1: Deployment/checkout to be Healthy.")
        .reads("service/checkout unchanged")
        .reads("SharedResourceWarning")
        .reads("prod, for it deploys to cluster prod-eu-1 from apps/overlays/prod.")
        .reads("2 min 58 s")
        .reads("from Argo CD")
        .reads("Terminate operation…")
        .has("top-prod")
        .has(r#"action="/fn/terminate_operation""#);
    assert_eq!(page.html.matches("<h1").count(), 1);
}

#[tokio::test]
async fn a_contradiction_is_shown_and_blocks_acts() {
    let environment = Environment::Contradictory { why: "cluster prod, but path overlays/dev".into() };
    let rows = vec![ApplicationRow { environment, ..row("odd", Health::Healthy, Sync::OutOfSync) }];
    let page = Arc::new(Fake { rows, ..Default::default() }).get("/applications/mgmt/argocd/odd").await;
    page.reads("The signs of its environment contradict each other")
        .reads("cluster prod, but path overlays/dev")
        .reads("Sync… Its environment contradicts itself");
    assert!(!page.html.contains("?sync=1"), "a sync is offered");
}

#[tokio::test]
async fn clusters_never_show_an_old_number_as_a_new_one() {
    let fleet = Arc::new(Fake::default());
    fleet
        .get("/clusters")
        .await
        .reads("prod-ap-1: Unreachable. TLS handshake timeout")
        .reads("not known")
        .reads("2 of 3")
        .reads("91 %");
    fleet
        .get("/clusters/mgmt/prod-eu-1")
        .await
        .reads("CrashLoopBackOff")
        .reads("exit 1: missing env PAYMENT_TIMEOUT_MS")
        .reads("bearer token from Secret cluster-prod")
        .reads("node pool-b-7 is NotReady");
    fleet
        .get("/clusters/mgmt/prod-ap-1")
        .await
        .reads("The cluster does not answer")
        .reads_not("All pods are ready");
}

#[tokio::test]
async fn what_is_not_there_has_its_status_and_words() {
    let fleet = Arc::new(Fake::default());
    for path in ["/applications/mgmt/argocd/none", "/clusters/mgmt/none", "/nowhere"] {
        assert_eq!(fleet.get(path).await.status, 404, "{path}");
    }
    fleet.get("/nowhere").await.reads("No such page").reads("Overview Matrix Applications 4");
    fleet
        .get("/applications/mgmt/argocd/none")
        .await
        .reads("Application none was not found.")
        .reads("Code not_found");

    let failing = Some(AppError::Internal { request_id: "r-42".into() });
    let page = Arc::new(Fake { failing, ..Default::default() }).get("/applications?q=x").await;
    assert_eq!(page.status, 500);
    page.reads("give request id r-42 to an administrator")
        .reads("Try again")
        .has(r#"href="/applications?q=x""#);
}

#[tokio::test]
async fn a_stranger_reads_nothing_but_the_sign_in() {
    let fleet = Arc::new(Fake::default());
    let request = Request::get("/").body(Body::empty()).expect("a request");
    let response = fleet.strangers_router().oneshot(request).await.expect("an answer");
    assert_eq!(response.status(), 401);

    let page = fleet.get("/login?error=unauthenticated&next=/clusters").await;
    page.reads("User or password is not right.")
        .has(r#"action="/auth/login""#)
        .has(r#"name="next" value="/clusters""#)
        .reads_not("Overview");
}

#[tokio::test]
async fn a_page_runs_no_script_and_no_style_but_its_own() {
    for path in [
        "/",
        "/applications",
        "/applications/mgmt/argocd/checkout-prod?sync=1",
        "/clusters",
        "/matrix",
        "/apps/web-app",
        "/waiting",
        "/freezes?hold=web-app",
        "/audit?event=e-1",
        "/login",
        "/menu",
    ] {
        let page = Arc::new(Fake::default()).get(path).await;
        assert!(
            page.policy.contains("default-src 'none'; script-src 'self' 'nonce-"),
            "{path}: {}",
            page.policy
        );
        assert!(!page.policy.contains("unsafe-inline"), "{path}");
        assert!(!page.html.contains(" style="), "{path} has an inline style");
        assert!(!page.html.contains("<style"), "{path} has an inline sheet");
        let nonce =
            page.policy.split("'nonce-").nth(1).and_then(|it| it.split('\'').next()).expect("a nonce");
        let scripts = page.html.matches("<script").count();
        assert_eq!(
            page.html.matches(&format!("nonce=\"{nonce}\"")).count(),
            scripts,
            "{path}: scripts without nonce"
        );
    }
}

#[tokio::test]
async fn the_theme_is_that_of_the_cookie() {
    let fleet = Arc::new(Fake::default());
    let request =
        Request::get("/").header("cookie", "a=b; theme=dark").body(Body::empty()).expect("a request");
    let response = fleet.router().oneshot(request).await.expect("an answer");
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    assert!(String::from_utf8_lossy(&body).contains(r#"data-theme="dark""#));
    assert!(!fleet.get("/").await.html.contains("data-theme="));
}

#[test]
fn every_icon_exists() {
    let symbols = include_str!("../../public/icons.svg");
    let sources = [
        include_str!("../src/pages/app.rs"),
        include_str!("../src/pages/app/acts.rs"),
        include_str!("../src/pages/app/differences.rs"),
        include_str!("../src/pages/app/environments.rs"),
        include_str!("../src/pages/app/releases.rs"),
        include_str!("../src/pages/application.rs"),
        include_str!("../src/pages/application/acts.rs"),
        include_str!("../src/pages/application/facts.rs"),
        include_str!("../src/pages/application/resources.rs"),
        include_str!("../src/pages/application/sync.rs"),
        include_str!("../src/pages/applications.rs"),
        include_str!("../src/pages/audit.rs"),
        include_str!("../src/pages/cluster.rs"),
        include_str!("../src/pages/freezes.rs"),
        include_str!("../src/pages/freezes/create.rs"),
        include_str!("../src/pages/freezes/frozen.rs"),
        include_str!("../src/pages/freezes/held.rs"),
        include_str!("../src/pages/freezes/place.rs"),
        include_str!("../src/pages/freezes/windows.rs"),
        include_str!("../src/pages/login.rs"),
        include_str!("../src/pages/matrix.rs"),
        include_str!("../src/pages/matrix/filters.rs"),
        include_str!("../src/pages/matrix/nothing.rs"),
        include_str!("../src/pages/matrix/peek.rs"),
        include_str!("../src/pages/matrix/selection.rs"),
        include_str!("../src/pages/matrix/views.rs"),
        include_str!("../src/pages/menu.rs"),
        include_str!("../src/pages/overview.rs"),
        include_str!("../src/pages/waiting.rs"),
        include_str!("../src/pages/waiting/card.rs"),
        include_str!("../src/ui/empty.rs"),
        include_str!("../src/ui/freeze.rs"),
        include_str!("../src/ui/notice.rs"),
        include_str!("../src/ui/shell.rs"),
        include_str!("../src/ui/theme.rs"),
    ];
    for source in sources {
        for marker in ["<Icon name=\"", "icon=\""] {
            for name in source.split(marker).skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(symbols.contains(&format!("id=\"i-{name}\"")), "there is no icon {name}");
            }
        }
    }
}
