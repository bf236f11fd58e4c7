//! Apps × environments, from Applications as Argo CD writes them.

use model::{
    apps::{ActKind, AppRow, CellState, Lag, ListApps, Matrix},
    status::Environment,
};

use super::*;
use crate::{
    fleet::{
        app,
        matrix::{self, Books, NoBook, ReleaseBook},
    },
    gates::GateBook,
};

/// Knows the order of versions: each is one release.
struct Book(&'static [&'static str]);

impl ReleaseBook for Book {
    fn lag(&self, before: &Row, here: &Row) -> Option<Lag> {
        let place = |row: &Row| self.0.iter().position(|it| Some(*it) == row.version.as_deref());
        let (before, here) = (place(before)?, place(here)?);
        Some(match before.cmp(&here) {
            std::cmp::Ordering::Less => Lag::Ahead,
            std::cmp::Ordering::Equal => Lag::Even,
            std::cmp::Ordering::Greater => Lag::Behind(u32::try_from(before - here).unwrap_or(u32::MAX)),
        })
    }
}

fn order() -> Vec<Environment> {
    Environments::default().all()
}

fn of_app(app: &str, environment: &str, version: &str) -> Value {
    let mut object = application(&format!("{app}-{environment}"), environment, "Healthy", "Synced");
    object["spec"]["source"]["path"] = json!(format!("apps/{app}/overlays/{environment}"));
    object["status"]["summary"]["images"] = json!([format!("registry.test/shop/{app}:{version}")]);
    object
}

fn draw(fleet: &Fleet, book: &dyn ReleaseBook, query: &ListApps) -> Matrix {
    let books = Books { releases: book, gates: &GateBook::default() };
    matrix::matrix(&fleet.index.load(), &order(), books, query, Vec::new(), NOW)
}

fn row<'a>(matrix: &'a Matrix, name: &str) -> &'a AppRow {
    matrix.rows.iter().find(|row| row.name == name).expect("the app is there")
}

#[test]
fn applications_of_one_app_are_one_row_with_a_cell_for_each_environment() {
    let mut fleet = Fleet::new();
    for (environment, version) in [("dev", "1.6.0"), ("staging", "1.5.0"), ("prod", "1.4.0")] {
        fleet.put(of_app("web", environment, version));
    }
    fleet.put(of_app("api", "dev", "2.0.0"));
    let book = Book(&["1.4.0", "1.4.1", "1.5.0", "1.6.0"]);
    let drawn = draw(&fleet, &book, &ListApps::default());
    assert_eq!((drawn.total, drawn.columns.len()), (2, 3));
    let web = row(&drawn, "web");
    let lags: Vec<_> = web.cells.iter().flatten().map(|cell| cell.lag).collect();
    assert_eq!(lags, [Lag::First, Lag::Behind(1), Lag::Behind(2)]);
    assert_eq!(web.summary, "3 releases to prod");
    let api = row(&drawn, "api");
    assert!(api.cells[1].is_none() && api.cells[2].is_none());
    assert_eq!(api.summary, "not in prod");
}

#[test]
fn without_a_repository_equal_versions_are_even_and_others_differ() {
    let mut fleet = Fleet::new();
    for (environment, version) in [("dev", "1.6.0"), ("staging", "1.6.0"), ("prod", "1.4.0")] {
        fleet.put(of_app("web", environment, version));
    }
    let drawn = draw(&fleet, &NoBook, &ListApps::default());
    let lags: Vec<_> = drawn.rows[0].cells.iter().flatten().map(|cell| cell.lag).collect();
    assert_eq!(lags, [Lag::First, Lag::Even, Lag::Differs]);
    assert_eq!(drawn.rows[0].summary, "versions differ");
}

#[test]
fn a_cell_shows_the_worst_of_its_clusters_and_that_their_versions_differ() {
    let mut fleet = Fleet::new();
    let registration = |name: &str| Registration {
        name: name.into(),
        server: format!("https://{name}"),
        ..Registration::in_cluster("lab", &AccessSettings::default())
    };
    let registrations = ["prod-eu", "prod-us", "prod-ap"].map(registration).to_vec();
    fleet.tell([Change::Clusters { plane: "lab".into(), registrations }]);
    for cluster in ["prod-eu", "prod-us", "prod-ap"] {
        let version = if cluster == "prod-us" { "1.5.0" } else { "1.4.0" };
        let mut object = of_app("web", "prod", version);
        object["metadata"]["name"] = json!(format!("web-{cluster}"));
        object["metadata"]["uid"] = json!(format!("uid-{cluster}"));
        object["spec"]["destination"]["name"] = json!(cluster);
        object["status"]["health"]["status"] =
            json!(if cluster == "prod-us" { "Degraded" } else { "Healthy" });
        fleet.put(object);
        let answer = Contact::Answered { version: "v1.36.3".into(), latency: Duration::from_millis(9) };
        fleet.contact(cluster, answer);
    }
    let failed = |again| Contact::Failed { why: "no answer within 3 s".into(), again };
    fleet.contact("prod-ap", failed(false));
    fleet.contact("prod-ap", failed(true));
    let drawn = draw(&fleet, &NoBook, &ListApps::default());
    let cell = drawn.rows[0].cells[2].as_ref().expect("is in prod");
    assert!(cell.mixed);
    assert_eq!(cell.state, CellState::Degraded);
    let marks: Vec<_> = cell.marks.iter().map(|mark| (mark.cluster.as_str(), mark.state)).collect();
    let expected =
        [("prod-ap", CellState::Stale), ("prod-eu", CellState::Healthy), ("prod-us", CellState::Degraded)];
    assert_eq!(marks, expected);
    let prod = &drawn.columns[2];
    assert_eq!((prod.clusters, prod.unreachable, &prod.counts[..]), (3, 1, &[(CellState::Degraded, 1)][..]));
}

#[test]
fn filters_count_and_hide_apps_and_choose_columns() {
    let mut fleet = Fleet::new();
    fleet.put(of_app("web", "dev", "1.0.0"));
    fleet.put(of_app("web", "prod", "0.9.0"));
    let mut billing = of_app("billing", "dev", "3.0.0");
    billing["spec"]["project"] = json!("payments");
    billing["status"]["health"]["status"] = json!("Degraded");
    fleet.put(billing);
    let book = Book(&["0.9.0", "1.0.0"]);
    let names = |query: &ListApps| -> Vec<String> {
        draw(&fleet, &book, query).rows.into_iter().map(|row| row.name).collect()
    };
    assert_eq!(names(&ListApps { q: "BILL".into(), ..ListApps::default() }), ["billing"]);
    assert_eq!(names(&ListApps { q: "0.9.0".into(), ..ListApps::default() }), ["web"]);
    assert_eq!(names(&ListApps { q: "behind".into(), ..ListApps::default() }), ["web"]);
    assert_eq!(names(&ListApps { q: "behind:>1".into(), ..ListApps::default() }), Vec::<String>::new());
    assert_eq!(names(&ListApps { health: vec!["Degraded".into()], ..ListApps::default() }), ["billing"]);
    let query =
        ListApps { project: vec!["shop".into()], environment: vec!["prod".into()], ..ListApps::default() };
    let drawn = draw(&fleet, &book, &query);
    assert_eq!((drawn.matching, drawn.total), (1, 2));
    assert_eq!(drawn.columns.iter().map(|it| it.environment.as_str()).collect::<Vec<_>>(), ["prod"]);
    assert_eq!(drawn.rows[0].cells.len(), 1);
    let projects: Vec<_> = drawn.facets.project.iter().map(|it| (it.value.as_str(), it.count)).collect();
    assert_eq!(projects, [("payments", 1), ("shop", 1)], "a facet counts after the other filters");
}

#[test]
fn an_application_without_an_environment_is_counted_and_not_guessed() {
    let mut fleet = Fleet::new();
    let mut object = of_app("web", "dev", "1.0.0");
    object["spec"]["destination"]["name"] = json!("prod");
    fleet.put(object);
    let drawn = draw(&fleet, &NoBook, &ListApps::default());
    assert_eq!((drawn.total, drawn.without_environment), (0, 1));
}

#[test]
fn what_may_be_done_is_offered_and_what_may_not_says_which_right_is_missing() {
    let mut fleet = Fleet::new();
    fleet.put(of_app("web", "dev", "1.0.0"));
    fleet.put(of_app("web", "staging", "0.9.0"));
    let csv = "p, role:devs, applications, *, shop/*, allow\ng, devs, role:devs\n";
    let own = "p, role:devs, promotions, create, staging/*/*, allow\np, role:ops, rollbacks, create, */*/*, allow\n";
    let data = |text: &str| [("policy.csv".to_owned(), text.to_owned())].into_iter().collect();
    fleet.tell([
        Change::ArgoCdPolicy { plane: "lab".into(), data: data(csv) },
        Change::OwnPolicy { plane: "lab".into(), data: data(own) },
    ]);
    let actor = Actor {
        name: "erin".into(),
        subject: "erin".into(),
        kind: ActorKind::Person,
        groups: vec!["devs".into()],
        session: None,
        scopes: Vec::new(),
        request_id: "r".into(),
        address: None,
    };
    let snapshot = fleet.index.load();
    let order = order();
    let web = matrix::find(&snapshot, &order, "web").expect("is found by its slug");
    let acts = app::acts(&snapshot, &actor, &order, &web, 0);
    let told: Vec<_> = acts.iter().map(|act| (act.kind, act.to.as_deref(), act.denied.as_deref())).collect();
    let expected = [
        (ActKind::Promote, Some("staging"), None),
        (ActKind::RollBack, None, Some("needs rollbacks/create")),
        (ActKind::Sync, None, None),
        (ActKind::Refresh, None, None),
    ];
    assert_eq!(told, expected);
    let onward = app::acts(&snapshot, &actor, &order, &web, 1);
    assert_eq!(onward[0].kind, ActKind::Introduce, "the app is not in prod yet");
    assert_eq!(onward[0].denied.as_deref(), Some("needs promotions/create"));
}
