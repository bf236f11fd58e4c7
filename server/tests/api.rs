//! The API: who may come to it, what it says of itself, and that this is true.

use axum::{body::Body, http::StatusCode};

use crate::support::{API_TOKEN, Answer, Ask, House, calls};

#[tokio::test]
async fn every_call_that_is_described_is_there_and_for_nobody_without_a_session_or_token() {
    let house = House::on_loopback();
    let calls = calls(&house).await;
    assert!(calls.len() >= 38, "{calls:?}");
    for (method, path) in calls {
        let path = path.replace(['{', '}'], "");
        let ask = || Ask::new(&method, &path, Body::empty());
        let stranger = ask().of(&house).await;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        stranger.problem("unauthenticated");
        for wrong in ["Bearer qd_guessed", "Basic YTpi", "Bearer", ""] {
            let answer = ask().with("authorization", wrong).of(&house).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path} with {wrong:?}");
        }
        let known = ask().with("authorization", &format!("Bearer {API_TOKEN}")).of(&house).await;
        assert!(
            ![StatusCode::UNAUTHORIZED, StatusCode::METHOD_NOT_ALLOWED].contains(&known.status),
            "{method} {path}: {}",
            known.status
        );
    }
}

#[tokio::test]
async fn a_token_counts_on_the_api_alone() {
    let house = House::on_loopback();
    for path in [
        "/",
        "/applications",
        "/audit/export",
        "/events?view=1",
        "/fn/get_overview",
        "/api/v1",
        "/api/v12/overview",
    ] {
        let answer = Ask::get(path).with("authorization", &format!("Bearer {API_TOKEN}")).of(&house).await;
        assert_ne!(answer.status, StatusCode::OK, "{path}");
        assert!(
            [StatusCode::UNAUTHORIZED, StatusCode::SEE_OTHER].contains(&answer.status),
            "{path}: {}",
            answer.status
        );
    }
    let overview =
        Ask::get("/api/v1/overview").with("authorization", &format!("bearer {API_TOKEN}")).of(&house).await;
    assert_eq!(overview.status, StatusCode::OK);
    assert!(overview.text.contains("\"applications\":0"), "{}", overview.text);
}

#[tokio::test]
async fn a_wrong_body_is_a_problem_with_its_place() {
    let house = House::on_loopback();
    let path = "/api/v1/applications/lab/argocd/web/sync";
    for (body, says) in [("{\"prune\": 1}", "prune"), ("{\"delete\": true}", "delete"), ("{", "EOF")] {
        let answer = Ask::new("POST", path, Body::from(body))
            .with("content-type", "application/json")
            .signed_in(&house)
            .of(&house)
            .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        answer.problem("invalid");
        assert!(answer.text.contains(says), "{}", answer.text);
    }
    let form = Ask::new("POST", path, Body::from("prune=true"))
        .with("content-type", "application/x-www-form-urlencoded")
        .signed_in(&house)
        .of(&house)
        .await;
    assert_eq!(form.status, StatusCode::UNPROCESSABLE_ENTITY, "a form of another site is no JSON");
}

async fn post(house: &House, path: &str, body: &str) -> Answer {
    let ask = Ask::new("POST", path, Body::from(body.to_owned())).with("content-type", "application/json");
    ask.signed_in(house).of(house).await
}

#[tokio::test]
async fn r12_a_decision_says_what_it_is_about_and_which() {
    let house = House::on_loopback();
    let path = "/api/v1/changes/7/decision";
    for (body, says) in [
        ("{}", "plan"),
        ("{\"plan\": \"b\"}", "verdict"),
        ("{\"plan\": \"b\", \"verdict\": \"wave_through\"}", "wave_through"),
        ("{\"plan\": \"b\", \"verdict\": \"approve\", \"change\": 8}", "change"),
    ] {
        let answer = post(&house, path, body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        answer.problem("invalid");
        assert!(answer.text.contains(says), "{}", answer.text);
    }
}

#[tokio::test]
async fn what_has_a_number_is_not_found_by_anything_else() {
    let house = House::on_loopback();
    for path in ["changes/last", "changes/-1", "changes/99999999999999999999"] {
        let answer = Ask::get(&format!("/api/v1/{path}")).signed_in(&house).of(&house).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        answer.problem("not_found");
    }
    for path in ["changes/x/cancel", "holds/x/release"] {
        let answer = post(&house, &format!("/api/v1/{path}"), "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        answer.problem("not_found");
    }
}
