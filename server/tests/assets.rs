//! What the browser loads beside the pages.

use axum::http::StatusCode;

use crate::support::{Ask, House};

#[tokio::test]
async fn files_need_no_session_and_are_asked_for_again_cheaply() {
    let house = House::on_loopback();
    for file in ["/pkg/quarterdeck.css", "/pkg/quarterdeck_bg.wasm", "/icons.svg"] {
        let first = Ask::get(file).of(&house).await;
        assert_eq!(
            (first.status, first.header("cache-control")),
            (StatusCode::OK, "public, no-cache"),
            "{file}"
        );
        let again = Ask::get(file).with("if-none-match", first.header("etag")).of(&house).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{file}");
    }
}

#[tokio::test]
async fn fonts_are_kept_for_good() {
    let answer = Ask::get("/fonts/geist-latin-wght-normal.woff2").of(&House::on_loopback()).await;
    assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
}

#[tokio::test]
async fn a_missing_file_is_not_kept() {
    let answer = Ask::get("/pkg/gone.js").of(&House::on_loopback()).await;
    assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::NOT_FOUND, "no-store"));
    answer.problem("not_found");
}

#[tokio::test]
async fn nothing_outside_of_the_site_is_served() {
    for path in ["/pkg/../../../Cargo.toml", "/pkg/%2e%2e/%2e%2e/%2e%2e/Cargo.toml", "/fonts/..%2ficons.svg"]
    {
        let answer = Ask::get(path).of(&House::on_loopback()).await;
        assert_ne!(answer.status, StatusCode::OK, "{path}");
    }
}
