//! How errors look: a page for people, `application/problem+json` for machines; both with the request id.
//!
//! A handler answers with a [`Failure`]; the one middleware [`draw`] turns it into what the caller reads. The problem is
//! the [`AppError`] itself with the members of RFC 9457 beside it, so the browser's server functions decode it, too.

use axum::{
    Json,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use leptos::server_fn::error::SERVER_FN_ERROR_HEADER;
use model::AppError;
use serde_json::{Value, json};

use super::{auth::Theme, middleware::Caller};

/// An error on its way out.
#[derive(Debug)]
pub(super) struct Failure(pub(super) AppError);

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self.0);
        response
    }
}

/// Returns whether the caller is a browser that will show the answer to a person.
pub(super) fn accepts_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Draws failures, and the bare answers of the layers below, for the one who asked.
pub(super) async fn draw(request: Request, next: Next) -> Response {
    let theme = accepts_html(request.headers()).then(|| Theme::chosen(request.headers()));
    let request_id = Caller::of(request.extensions()).request_id;
    let mut response = next.run(request).await;
    let Some(error) = response.extensions_mut().remove::<AppError>().or_else(|| bare_error(&response)) else {
        return response;
    };
    let error = with_request_id(error, &request_id);
    let drawn = match theme {
        Some(theme) => page(&error, &request_id, theme),
        None => problem(response.status(), &error, &request_id),
    };
    // Headers of the layers below (e.g. `allow`) stay; the body and what describes it are ours.
    let (parts, body) = drawn.into_parts();
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().extend(parts.headers);
    *response.body_mut() = body;
    response
}

/// Returns the error for an answer that a layer or an extractor made, in its own few words or none.
fn bare_error(response: &Response) -> Option<AppError> {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_bare = kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    // Server functions answer their errors without a type, for their own client to read.
    if !is_bare || response.headers().contains_key(SERVER_FN_ERROR_HEADER) {
        return None;
    }
    let why = match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => "this address does not take its method.",
        StatusCode::PAYLOAD_TOO_LARGE => "it is too large.",
        StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE | StatusCode::UNPROCESSABLE_ENTITY => {
            "a value is missing, or is not what this address expects."
        }
        _ => return None,
    };
    Some(AppError::Invalid { field: "The request".into(), why: why.into() })
}

/// Fills in the request id where the failing layer could not know it.
fn with_request_id(error: AppError, request_id: &str) -> AppError {
    match error {
        AppError::Internal { request_id: empty } if empty.is_empty() => {
            AppError::Internal { request_id: request_id.to_owned() }
        }
        other => other,
    }
}

fn problem(status: StatusCode, error: &AppError, request_id: &str) -> Response {
    let mut problem = serde_json::to_value(error).unwrap_or_else(|_| json!({ "code": error.code() }));
    if let Value::Object(members) = &mut problem {
        members.insert("title".into(), title(status).into());
        members.insert("status".into(), status.as_u16().into());
        members.insert("detail".into(), error.to_string().into());
        members.insert("request_id".into(), request_id.into());
    }
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))];
    (kind, Json(problem)).into_response()
}

/// The page of last resort: plain HTML without a script, for the app itself may be what failed.
fn page(error: &AppError, request_id: &str, theme: Theme) -> Response {
    let theme = theme.word();
    let sentence = escape(&error.to_string());
    let request_id = escape(request_id);
    Html(format!(
        r#"<!DOCTYPE html>
<html lang="en" data-theme="{theme}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Error · Quarterdeck</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/pkg/quarterdeck.css">
</head>
<body>
<main id="main" class="empty min-h-dvh justify-center">
<h1>This did not work</h1>
<p>{sentence}</p>
<p>Request id <code>{request_id}</code></p>
<div class="btn-row"><a class="btn" href="">Try again</a><a class="btn" href="/">Overview</a></div>
</main>
</body>
</html>
"#
    ))
    .into_response()
}

fn title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
