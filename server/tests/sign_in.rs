//! Signing in and out, and where one comes from and goes to.

use axum::http::StatusCode;

use crate::support::{Ask, House, PASSWORD};

fn form(name: &str, password: &str, next: &str) -> Ask {
    Ask::post("/auth/login", &format!("name={name}&password={password}&next={next}")).for_a_person()
}

#[tokio::test]
async fn without_a_session_people_are_sent_to_sign_in_and_come_back() {
    let house = House::on_loopback();
    Ask::get("/").for_a_person().of(&house).await.leads_to("/login");
    let list = "/applications?q=web&health=Degraded";
    let answer = Ask::get(list).for_a_person().of(&house).await;
    answer.leads_to("/login?next=/applications%3Fq%3Dweb%26health%3DDegraded");
    form("admin", PASSWORD, "/applications%3Fq%3Dweb%26health%3DDegraded").of(&house).await.leads_to(list);
}

#[tokio::test]
async fn machines_are_told_so() {
    let house = House::on_loopback();
    for path in ["/events?view=%7B%7D", "/fn/get_overview"] {
        let answer = Ask::get(path).of(&house).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        answer.problem("unauthenticated");
    }
}

#[tokio::test]
async fn the_problem_is_an_error_that_the_browser_can_decode() {
    let answer = Ask::get("/fn/get_overview").of(&House::on_loopback()).await;
    let error: model::AppError = serde_json::from_str(&answer.text).expect("an AppError");
    assert_eq!(error, model::AppError::Unauthenticated);
}

#[tokio::test]
async fn a_form_without_a_session_comes_back_to_its_page_after_signing_in() {
    let ask = Ask::post("/fn/sync_application", "name=web").for_a_person();
    let answer = ask.with("referer", "http://127.0.0.1:3000/applications/lab/argocd/web?sync=1");
    answer.of(&House::on_loopback()).await.leads_to("/login?next=/applications/lab/argocd/web%3Fsync%3D1");
}

#[tokio::test]
async fn the_login_page_is_open() {
    let answer = Ask::get("/login").for_a_person().of(&House::on_loopback()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text.contains(r#"action="/auth/login""#), "{}", answer.text);
}

#[tokio::test]
async fn the_cookie_on_loopback_is_plain_but_kept_from_scripts() {
    let answer = form("admin", PASSWORD, "").of(&House::on_loopback()).await;
    answer.leads_to("/");
    assert_eq!(
        answer.header("set-cookie"),
        "quarterdeck=token-of-the-session; Path=/; SameSite=Lax; HttpOnly"
    );
}

#[tokio::test]
async fn the_cookie_over_https_is_bound_to_the_host() {
    let answer = form("admin", PASSWORD, "").of(&House::at("https://quarterdeck.example.com")).await;
    assert_eq!(
        answer.header("set-cookie"),
        "__Host-quarterdeck=token-of-the-session; Path=/; SameSite=Lax; Secure; HttpOnly"
    );
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
}

#[tokio::test]
async fn a_wrong_password_leads_back_to_the_form() {
    let house = House::on_loopback();
    let answer = form("admin", "guess", "/clusters").of(&house).await;
    answer.leads_to("/login?error=invalid&next=/clusters");
    assert_eq!(answer.header("set-cookie"), "");
    Ask::post("/auth/login", "name=admin").of(&house).await.leads_to("/login?error=invalid");
}

#[tokio::test]
async fn nobody_is_led_to_another_site() {
    let house = House::on_loopback();
    for next in ["https://evil.example/", "//evil.example", "/%5Cevil.example", "/%09/evil.example"] {
        form("admin", PASSWORD, next).of(&house).await.leads_to("/");
    }
}

#[tokio::test]
async fn signing_out_ends_the_session_and_the_cookie() {
    let house = House::on_loopback();
    let answer = Ask::post("/auth/logout", "").signed_in(&house).for_a_person().of(&house).await;
    answer.leads_to("/login");
    assert!(answer.header("set-cookie").starts_with("quarterdeck=; "), "{answer:?}");
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    Ask::get("/").signed_in(&house).for_a_person().of(&house).await.leads_to("/login");
}

#[tokio::test]
async fn the_theme_is_kept_and_the_page_stays() {
    let house = House::on_loopback();
    let choose =
        || Ask::post("/auth/theme", "theme=dark").with("referer", "http://127.0.0.1:3000/clusters?a=b");
    let answer = choose().for_a_person().of(&house).await;
    answer.leads_to("/clusters?a=b");
    assert_eq!(answer.header("set-cookie"), "theme=dark; Path=/; SameSite=Lax; Max-Age=31536000");
    assert_eq!(choose().of(&house).await.status, StatusCode::NO_CONTENT);

    let wrong = Ask::post("/auth/theme", "theme=%3Cscript%3E").of(&house).await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (StatusCode::UNPROCESSABLE_ENTITY, ""));
    wrong.problem("invalid");
}
