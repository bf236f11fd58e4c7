//! What a person reads and can do on the matrix, without JavaScript.

use std::sync::Arc;

use model::{
    AppError,
    apps::{AppFacets, CellState, Density, GroupBy, Lag, ListApps, Matrix, SavedView},
    status::{ControlPlane, Freshness},
};

use crate::fake::{Fake, KnownApps, NOW, cell, mark, matrix};

fn fleet(matrix: Matrix) -> Arc<Fake> {
    Arc::new(Fake { apps: KnownApps { matrix, ..Default::default() }, ..Default::default() })
}

/// Returns the markup of the cell that a link leads to.
fn cell_html<'a>(html: &'a str, href: &str) -> &'a str {
    let from = html.find(&format!("href=\"{href}\"")).unwrap_or_else(|| panic!("no link to {href}"));
    let from = html[..from].rfind("<a").expect("a link");
    let to = html[from..].find("</a>").expect("its end");
    &html[from..from + to]
}

#[tokio::test]
async fn a_cell_says_version_state_and_lag_in_words() {
    let page = Arc::new(Fake::default()).get("/matrix").await;
    assert_eq!(page.status, 200);
    page.reads("4 apps in 3 environments. What runs, not what Git asks for.")
        .reads("storefront, 3 apps")
        .reads("web-app 2 releases to prod")
        .reads("6.3.0 Degraded 2 h")
        .reads("6.2.1 ahead Sync failed")
        .reads("6.2.0 1 behind 2 of 3 healthy")
        .reads("3.9.1 Progressing")
        .reads("3.9.1 Healthy 2 h")
        .reads("3.9.1 Stale 11 min")
        .reads("1.6.2 Missing")
        .reads("2.14.1 mixed differs Healthy")
        .reads("2.14.0 2 behind Out of sync")
        .has(r#"title="2 releases behind the environment before""#)
        .has(r#"title="1 of 1 pods crash: CrashLoopBackOff""#);
    assert_eq!(page.html.matches("<h1").count(), 1);
}

#[tokio::test]
async fn every_state_has_its_word_and_its_icon() {
    for state in CellState::ALL {
        let mut matrix = matrix();
        matrix.rows.truncate(1);
        matrix.rows[0].cells[0] = Some(cell("6.3.0", state, Lag::First));
        let page = fleet(matrix).get("/matrix").await;
        let html = cell_html(&page.html, "/apps/billing#dev");
        assert!(html.contains(state.word()), "{state:?} has no word: {html}");
        assert!(html.contains("/icons.svg#i-"), "{state:?} has no icon: {html}");
    }
}

#[tokio::test]
async fn what_is_not_live_is_hatched_and_never_green() {
    let page = Arc::new(Fake::default()).get("/matrix").await;
    let stale = cell_html(&page.html, "/apps/search#prod");
    assert!(stale.contains("is-stale") && !stale.contains("s-healthy"), "{stale}");
    let partly = cell_html(&page.html, "/apps/billing#prod");
    assert!(!partly.contains("is-stale"), "what is known of two clusters is not hatched: {partly}");
    assert!(partly.contains("s-unknown"), "{partly}");
    page.reads("1 cluster does not answer: 1 of prod.");
}

#[tokio::test]
async fn clusters_are_marks_with_words_and_many_are_counted() {
    let page = Arc::new(Fake::default()).get("/matrix").await;
    let few = cell_html(&page.html, "/apps/billing#prod");
    assert!(few.contains(r#"title="prod-eu-1: Healthy, prod-us-1: Healthy, prod-ap-1: Stale""#), "{few}");
    assert_eq!(few.matches("i-healthy").count(), 2, "{few}");
    page.reads("prod-eu-1: Healthy, prod-us-1: Healthy, prod-ap-1: Stale").reads("1 of 7 unwell");
    assert!(!cell_html(&page.html, "/apps/billing#dev").contains("pips"), "one cluster needs no mark");
}

#[tokio::test]
async fn a_column_tells_its_clusters_and_how_many_are_in_which_state() {
    let page = Arc::new(Fake::default()).get("/matrix").await;
    page.reads("dev 1 cluster 1 Degraded 3 healthy")
        .reads("prod 4 clusters, 1 unreachable 1 Stale 1 Out of sync 1 healthy")
        .has(r#"title="1 Sync failed""#)
        .has(r##"href="#column-prod""##)
        .has(r#"id="column-prod" class="prod-col""#);
}

#[tokio::test]
async fn an_app_that_is_not_there_can_be_introduced_from_the_environment_before() {
    let page = Arc::new(Fake::default()).get("/matrix").await;
    page.reads("Introduce to prod…")
        .has(r#"href="/plans?apps=notifications&amp;from=staging&amp;to=prod""#)
        .reads("not in dev")
        .reads_not("Introduce to dev…");

    // With staging hidden nobody can tell whether it is there.
    let mut narrow = matrix();
    narrow.columns.remove(1);
    for row in &mut narrow.rows {
        row.cells.remove(1);
    }
    let page = fleet(narrow).get("/matrix?environment=dev&environment=prod").await;
    page.reads("not in prod").reads_not("Introduce to prod…");
}

#[tokio::test]
async fn the_matrix_reads_its_whole_query_from_the_url() {
    let fleet = Arc::new(Fake::default());
    let path = "/matrix?q=behind%3A%3E1&project=storefront&project=payments&health=Sync%20failed\
                &environment=prod&group=none&density=compact&page=2&per_page=50";
    let page = fleet.get(path).await;
    let asked = fleet.apps.asked.lock().expect("unpoisoned").pop().expect("asked");
    assert_eq!(asked.q, "behind:>1");
    assert_eq!(asked.project, ["storefront", "payments"]);
    assert_eq!(asked.health, ["Sync failed"]);
    assert_eq!(asked.environment, ["prod"]);
    assert_eq!((asked.group, asked.page, asked.per_page), (GroupBy::None, 2, 50));
    assert_eq!(asked.density, Density::Regular, "the density is no question to the server");
    page.has("is-compact")
        .has(r#"value="behind:&gt;1""#)
        .has(r#"name="density" value="compact""#)
        .reads("Health: Sync failed")
        .reads("Clear the filters")
        .reads_not("storefront, 3 apps");
}

#[tokio::test]
async fn the_matrix_can_be_filtered_without_javascript() {
    let page = Arc::new(Fake::default()).get("/matrix").await;
    page.has(r#"<form id="filters""#)
        .has(r#"action="/matrix""#)
        .has(r#"form="filters" name="health" value="Degraded""#)
        .has(r#"form="filters" name="project" value="storefront""#)
        .has(r#"form="filters" name="environment" value="prod""#)
        .has(r#"href="/matrix?group=none""#)
        .has(r#"href="/matrix?density=compact""#)
        .reads("Project: any")
        .reads("Environment: all");
}

#[tokio::test]
async fn apps_are_chosen_in_a_plain_form_that_plans() {
    let page = Arc::new(Fake::default()).get("/matrix").await;
    let form = page.html.split(r#"action="/plans""#).nth(1).and_then(|it| it.split("</form>").next());
    let form = form.expect("the form");
    assert!(page.html.contains(r#"<form method="get" action="/plans""#));
    for app in ["billing", "search", "notifications", "web-app"] {
        assert!(form.contains(&format!(r#"name="apps" value="{app}""#)), "{app} cannot be chosen");
    }
    assert!(form.contains(r#"name="from""#) && form.contains(r#"name="to""#));
    assert!(
        form.contains(r#"<option value="staging" selected>"#)
            && form.contains(r#"<option value="prod" selected>"#)
    );
    assert!(form.contains("noscript:flex"), "without JavaScript the bar is there");
    page.reads("Promote the ticked apps…");
    assert!(
        !page.html.contains("tabindex=\"-1\" id=\"at-"),
        "every link is a stop before the browser took over"
    );
}

#[tokio::test]
async fn views_are_links_and_kept_by_plain_forms() {
    let fleet = Arc::new(Fake::default());
    let page = fleet.get("/matrix?q=behind&environment=staging&environment=prod&page=2").await;
    page.has(r#"href="/matrix?q=behind&amp;environment=staging&amp;environment=prod" aria-current="true""#)
        .has(r#"action="/fn/save_view""#)
        .has(r#"action="/fn/delete_view""#)
        .reads("All apps Behind in prod");

    let query = "name=Mine&query=%7B%22q%22%3A%22web%22%2C%22project%22%3A%5B%22payments%22%5D%7D";
    let saved = fleet.post("/fn/save_view", query, "/matrix?q=web").await;
    assert_eq!((saved.status, saved.location.as_str()), (302, "/matrix?q=web&project=payments"));
    let kept = ListApps { q: "web".into(), project: vec!["payments".into()], ..Default::default() };
    let view = fleet.apps.saved.lock().expect("unpoisoned").pop();
    assert_eq!(view, Some(SavedView { name: "Mine".into(), query: kept }));

    let gone = fleet.post("/fn/delete_view", "name=Behind+in+prod", "/matrix").await;
    assert_eq!(gone.status, 302);
    assert_eq!(*fleet.apps.deleted.lock().expect("unpoisoned"), ["Behind in prod"]);
}

#[tokio::test]
async fn a_view_that_was_refused_says_why_over_the_matrix() {
    let refusing =
        Some(AppError::Invalid { field: "name".into(), why: "it has more than 60 characters".into() });
    let fleet = Arc::new(Fake { refusing, ..Default::default() });
    let page = fleet.post("/fn/save_view", "name=Mine&query=%7B%7D", "/matrix").await;
    let back = page.location.trim_start_matches("http://localhost").to_owned();
    fleet.get(&back).await.reads("The view was not saved name is not valid: it has more than 60 characters");
}

#[tokio::test]
async fn an_empty_matrix_says_whether_there_is_nothing_or_it_is_hidden() {
    let none = Matrix {
        rows: Vec::new(),
        matching: 0,
        total: 0,
        facets: AppFacets::default(),
        without_environment: 2,
        ..matrix()
    };
    let hidden = Matrix { total: 15, ..none.clone() };
    fleet(hidden)
        .get("/matrix?q=nothing&health=Missing&environment=prod&density=compact")
        .await
        .reads("No app matches")
        .reads("15 apps are hidden by text “nothing” and Health: Missing.")
        .has(r#"href="/matrix?environment=prod&amp;density=compact" class="btn""#);
    fleet(none.clone())
        .get("/matrix")
        .await
        .reads("No app yet")
        .reads("2 Applications are not shown, for their environment is not known.")
        .reads_not("hidden by")
        .reads_not("Promote the ticked apps");
    let past = Matrix { total: 15, matching: 15, ..none.clone() };
    fleet(past).get("/matrix?page=9").await.reads("Nothing on this page").has(r#"href="/matrix""#);

    let freshness =
        Freshness::Unreachable { since: NOW.plus_seconds(-180), why: "connection refused".into() };
    let plane = ControlPlane {
        name: "lab".into(),
        freshness,
        namespace: "argocd".into(),
        server: "https://127.0.0.1:7001".into(),
    };
    let apps = KnownApps { matrix: none, ..Default::default() };
    Arc::new(Fake { apps, planes: vec![plane], ..Default::default() })
        .get("/matrix")
        .await
        .reads("Control plane lab has not answered for 3 min: connection refused.")
        .reads("No control plane answers")
        .reads_not("No app yet");
}

#[tokio::test]
async fn a_long_matrix_has_pages() {
    let long = Matrix { matching: 240, total: 5000, page: 2, per_page: 4, ..matrix() };
    fleet(long)
        .get("/matrix?page=2&per_page=4&q=a")
        .await
        .reads("240 of 5000 apps in 3 environments")
        .reads("5 to 8 of 240")
        .reads("storefront, 3 apps on this page")
        .has(r#"href="/matrix?q=a&amp;per_page=4""#)
        .has(r#"href="/matrix?q=a&amp;per_page=4&amp;page=3""#)
        .has(r#"href="/matrix?q=a&amp;per_page=500""#);
}

#[tokio::test]
async fn what_could_not_be_read_says_so() {
    let failing = Some(AppError::Internal { request_id: "r-42".into() });
    let page = Arc::new(Fake { failing, ..Default::default() }).get("/matrix?q=x").await;
    assert_eq!(page.status, 500);
    page.reads("give request id r-42 to an administrator").has(r#"href="/matrix?q=x""#);
}

#[tokio::test]
async fn hostile_names_are_text() {
    let evil = "<script>alert(1)</script>\"'&";
    let mut matrix = matrix();
    matrix.rows.truncate(1);
    let row = &mut matrix.rows[0];
    (row.slug, row.name, row.project) = (evil.into(), evil.into(), evil.into());
    row.summary = evil.into();
    let mut odd = cell(evil, CellState::Healthy, Lag::First);
    odd.reason = evil.into();
    odd.marks = vec![mark(evil, evil, CellState::Healthy), mark(evil, evil, CellState::Healthy)];
    row.cells[0] = Some(odd);
    matrix.columns[0].environment = evil.into();
    matrix.views[0].name = evil.into();
    let page = fleet(matrix).get("/matrix").await;
    assert_eq!(page.status, 200);
    let body = page.html.split("<main").nth(1).and_then(|it| it.split("</main>").next()).expect("main");
    assert!(!body.contains("<script>alert"), "a name became markup");
    assert!(body.contains("href=\"/apps/%3Cscript%3Ealert%281%29%3C%2Fscript%3E%22%27%26"), "{body}");
}
