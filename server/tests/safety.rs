//! What keeps strangers out, and what people see when something fails.

use axum::{body::Body, http::StatusCode};

use crate::support::{Ask, House};

#[tokio::test]
async fn another_site_cannot_act() {
    let house = House::at("https://quarterdeck.example.com");
    let act =
        |name, value| Ask::post("/auth/theme", "theme=dark").with("sec-fetch-site", "").with(name, value);
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "null")]
    {
        let answer = act(name, value).of(&house).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}: {value}");
        answer.problem("forbidden");
        assert_eq!(answer.header("set-cookie"), "");
    }
    let answer = act("sec-fetch-site", "same-origin").of(&house).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn the_public_url_may_act_also_through_a_proxy_that_changes_the_host() {
    let house = House::at("https://quarterdeck.example.com");
    let act = |origin| Ask::new("POST", "/auth/theme", Body::from("theme=dark")).with("origin", origin);
    let form = "application/x-www-form-urlencoded";
    let ours = act("https://quarterdeck.example.com").with("content-type", form).of(&house).await;
    assert_eq!(ours.status, StatusCode::NO_CONTENT);
    let other =
        act("https://quarterdeck.example.com.evil.example").with("content-type", form).of(&house).await;
    assert_eq!(other.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_bind_the_browser() {
    let house = House::on_loopback();
    for path in
        ["/", "/login", "/clusters/lab/nowhere", "/nowhere", "/healthz", "/fn/get_overview", "/pkg/gone.js"]
    {
        let answer = Ask::get(path).signed_in(&house).for_a_person().of(&house).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(policy.contains("base-uri 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("strict-transport-security"), "", "{path}: not over http");
    }
}

#[tokio::test]
async fn scripts_of_a_page_run_by_a_nonce_of_its_own() {
    let house = House::on_loopback();
    let mut nonces = Vec::new();
    for _ in 0..2 {
        let page = Ask::get("/").signed_in(&house).for_a_person().of(&house).await;
        assert_eq!(page.status, StatusCode::OK);
        let policy = page.header("content-security-policy");
        let (_, rest) = policy.split_once("'nonce-").expect("a nonce");
        let nonce = rest.split('\'').next().expect("a nonce").to_owned();
        let scripts = page.text.matches("<script").count();
        assert!(scripts > 0);
        assert_eq!(page.text.matches(&format!("nonce=\"{nonce}\"")).count(), scripts, "{}", page.text);
        assert!(!page.text.contains(" style="), "{}", page.text);
        nonces.push(nonce);
    }
    assert_ne!(nonces[0], nonces[1]);
}

#[tokio::test]
async fn what_does_not_exist_is_a_page_with_its_status() {
    let house = House::on_loopback();
    let answer = Ask::get("/nowhere").signed_in(&house).for_a_person().of(&house).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.header("content-type").starts_with("text/html"));
    let answer = Ask::get("/nowhere").for_a_person().of(&house).await;
    answer.leads_to("/login?next=/nowhere");
}

#[tokio::test]
async fn a_function_of_an_older_build_asks_for_a_reload() {
    let house = House::on_loopback();
    let answer = Ask::post("/fn/get_of_an_older_build", "").signed_in(&house).of(&house).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let problem = answer.problem("not_found");
    assert!(problem["detail"].as_str().expect("text").contains("Reload the page"), "{problem}");
}

#[tokio::test]
async fn a_panic_is_an_error_with_the_id_of_its_request() {
    let house = House::on_loopback();
    let ask = || Ask::get("/fn/list_clusters").signed_in(&house);
    let answer = ask().of(&house).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    answer.problem("internal");

    let page = ask().for_a_person().of(&house).await;
    assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.text.contains(page.header("x-request-id")), "{}", page.text);
    assert!(
        page.text.contains(r#"data-theme="dark""#),
        "in the colours that the person chose: {}",
        page.text
    );
    assert!(!page.text.contains("the fake has no clusters"), "the story is for the log: {}", page.text);
}

#[tokio::test]
async fn the_id_of_a_request_is_ours() {
    let house = House::on_loopback();
    let answer = Ask::get("/healthz").with("x-request-id", "chosen").of(&house).await;
    assert_eq!(answer.header("x-request-id").len(), 36);
}

#[tokio::test]
async fn a_wrong_method_and_a_huge_body_are_problems() {
    let house = House::on_loopback();
    let wrong = Ask::get("/auth/login").of(&house).await;
    assert_eq!((wrong.status, wrong.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
    wrong.problem("invalid");

    let huge = "x".repeat(2 * 1024 * 1024);
    let answer = Ask::post("/fn/sync_application", &format!("name={huge}"))
        .with("content-length", &(huge.len() + 5).to_string())
        .signed_in(&house)
        .of(&house)
        .await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    answer.problem("invalid");
}

#[tokio::test]
async fn pages_travel_compressed_and_streams_do_not() {
    let house = House::on_loopback();
    let page = Ask::get("/login").with("accept-encoding", "br, gzip").of(&house).await;
    assert_eq!(page.header("content-encoding"), "br");
    let stream =
        Ask::get("/events?view=%7B%22view%22%3A%22overview%22%7D").with("accept-encoding", "br, gzip");
    let mut events = stream.signed_in(&house).stream_of(&house).await;
    events.expect("hello").await;
}
