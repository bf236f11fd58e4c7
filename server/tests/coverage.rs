//! Nothing answers without a session but what is listed here, and every surface is in the table of who gets what where.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use leptos::server_fn::axum::server_fn_paths;
use leptos_axum::generate_route_list;
use model::{
    application::{ApplicationId, ListApplications},
    apps::ListApps,
    change::ListChanges,
    cluster::ClusterId,
    view::View,
};

use crate::support::{Ask, House, calls};

/// What the sign-in page asks before anybody is signed in.
const OPEN: [&str; 1] = ["/fn/get_sign_in"];

#[tokio::test]
async fn no_server_function_answers_without_a_session() {
    let house = House::on_loopback();
    let functions: Vec<_> = server_fn_paths().collect();
    assert!(functions.len() >= 10, "{functions:?}");
    for (path, method) in functions.into_iter().filter(|(path, _)| !OPEN.contains(path)) {
        let ask = || Ask::new(method.as_str(), path, axum::body::Body::empty());
        let answer = ask().of(&house).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        answer.problem("unauthenticated");
        ask().for_a_person().of(&house).await.leads_to("/login");
        let forged = ask().with("cookie", "quarterdeck=guessed; __Host-quarterdeck=guessed").of(&house).await;
        assert_eq!(forged.status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
}

#[tokio::test]
async fn no_page_is_drawn_without_a_session_but_the_login() {
    let house = House::on_loopback();
    let pages = generate_route_list(app::App);
    assert!(pages.len() > 3);
    for page in pages {
        let path = page.path().replace(['{', '}'], "");
        let answer = Ask::get(&path).for_a_person().of(&house).await;
        let expected = if path == "/login" { StatusCode::OK } else { StatusCode::SEE_OTHER };
        assert_eq!(answer.status, expected, "{path}");
    }
}

/// The browser suite asks each line of the table as each role. A surface that is not in it has no such test.
#[tokio::test]
async fn every_surface_is_in_the_table_of_roles() {
    let house = House::on_loopback();
    let pages = generate_route_list(app::App);
    let page = |path: &str| format!("PAGE {}", path.replace('{', ":").replace('}', ""));
    let mut surfaces: BTreeSet<String> = pages.iter().map(|it| page(it.path())).collect();
    surfaces.extend(server_fn_paths().map(|(path, method)| format!("FN {method} {}", &path["/fn/".len()..])));
    surfaces.extend(calls(&house).await.into_iter().map(|(method, path)| format!("API {method} {path}")));
    surfaces.extend(routes().map(str::to_owned));
    surfaces.extend(streams().map(|it| format!("STREAM {it}")));

    let table = include_str!("../../end2end/surfaces.tsv");
    let rows = table.lines().filter(|line| !line.starts_with('#')).skip(1);
    let listed: BTreeSet<String> = rows.filter_map(|row| row.split('\t').next()).map(str::to_owned).collect();
    let missing: Vec<_> = surfaces.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&surfaces).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "not in end2end/surfaces.tsv: {missing:?}; no more: {gone:?}"
    );
}

/// The routes that are neither pages nor server functions nor calls of the API, read from where they are listed: a
/// router does not tell its routes.
fn routes() -> impl Iterator<Item = &'static str> {
    const LISTED: [(&str, &str); 13] = [
        ("/events", ""), // by its views
        ("/audit/export", "ROUTE GET /audit/export"),
        ("/healthz", "ROUTE GET /healthz"),
        ("/readyz", "ROUTE GET /readyz"),
        ("/metrics", "ROUTE GET /metrics"),
        ("/fn/{*name}", "ROUTE ANY /fn/{*name}"),
        ("/webhooks/{forge}", "ROUTE POST /webhooks/{forge}"),
        ("/auth/login", "ROUTE POST /auth/login"),
        ("/auth/{provider}/login", "ROUTE GET /auth/{provider}/login"),
        ("/auth/{provider}/callback", "ROUTE GET /auth/{provider}/callback"),
        ("/auth/logout", "ROUTE POST /auth/logout"),
        ("/auth/theme", "ROUTE POST /auth/theme"),
        ("/api/v1/openapi.json", "ROUTE GET /api/v1/openapi.json"),
    ];
    let sources = [include_str!("../src/http.rs"), include_str!("../src/http/api.rs")].concat();
    for call in sources.split(".route(").skip(1) {
        let path = call.split('"').nth(1).unwrap_or_default();
        assert!(LISTED.iter().any(|(listed, _)| *listed == path), "the route {path} is not listed here");
    }
    LISTED.into_iter().map(|(_, surface)| surface).filter(|surface| !surface.is_empty())
}

/// A view of each kind; a new kind does not compile before it has a name here.
fn streams() -> [&'static str; 11] {
    let application =
        ApplicationId { control_plane: String::new(), namespace: String::new(), name: String::new() };
    let cluster = ClusterId { control_plane: String::new(), name: String::new() };
    let views = [
        View::Overview,
        View::Applications(ListApplications::default()),
        View::Application(application),
        View::Clusters,
        View::Cluster(cluster),
        View::Matrix(ListApps::default()),
        View::App { slug: String::new() },
        View::Changes(ListChanges::default()),
        View::Change { id: 0 },
        View::Waiting,
        View::Gates,
    ];
    views.map(|view| match view {
        View::Overview => "overview",
        View::Applications(_) => "applications",
        View::Application(_) => "application",
        View::Clusters => "clusters",
        View::Cluster(_) => "cluster",
        View::Matrix(_) => "matrix",
        View::App { .. } => "app",
        View::Changes(_) => "changes",
        View::Change { .. } => "change",
        View::Waiting => "waiting",
        View::Gates => "gates",
    })
}
