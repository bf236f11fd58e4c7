//! Nothing answers without a session but what is listed here.

use axum::http::StatusCode;
use leptos::server_fn::axum::server_fn_paths;
use leptos_axum::generate_route_list;

use crate::support::{Ask, House};

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
