//! Questions by HTTP, and their answers.

use std::{pin::Pin, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, Request, StatusCode, header, request},
    response::Response,
};
use futures::{Stream, StreamExt as _};
use serde_json::Value;
use tokio::time::timeout;
use tower::ServiceExt as _;

use super::House;

/// A request.
pub(crate) struct Ask {
    request: request::Builder,
    body: Body,
}

impl Ask {
    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path, Body::empty())
    }

    /// A form, as a page of the house sends it.
    pub(crate) fn post(path: &str, form: &str) -> Self {
        Self::new("POST", path, form.to_owned().into())
            .with("content-type", "application/x-www-form-urlencoded")
            .with("sec-fetch-site", "same-origin")
    }

    pub(crate) fn new(method: &str, path: &str, body: Body) -> Self {
        Self {
            request: Request::builder().method(method).uri(path).header(header::HOST, "127.0.0.1:3000"),
            body,
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        if let Some(headers) = self.request.headers_mut() {
            headers.remove(name);
        }
        Self { request: self.request.header(name, value), ..self }
    }

    /// As a browser that shows the answer to a person.
    pub(crate) fn for_a_person(self) -> Self {
        self.with("accept", "text/html,application/xhtml+xml")
    }

    pub(crate) fn signed_in(self, house: &House) -> Self {
        self.with("cookie", &format!("theme=dark; {}={}", house.cookie, house.sessions.token()))
    }

    pub(crate) async fn of(self, house: &House) -> Answer {
        Answer::read(self.send(house).await).await
    }

    /// Opens a stream of events.
    pub(crate) async fn stream_of(self, house: &House) -> Events {
        let response = self.send(house).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events {
            stream: Box::pin(response.into_body().into_data_stream().map(Result::ok)),
            text: String::new(),
        }
    }

    async fn send(self, house: &House) -> Response {
        let request = self.request.body(self.body).expect("a request");
        house.router.clone().oneshot(request).await.expect("an answer")
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        Self {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    /// Returns a header, empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    pub(crate) fn leads_to(&self, path: &str) {
        assert_eq!((self.status, self.header("location")), (StatusCode::SEE_OTHER, path));
    }

    /// Checks that it is a problem with this code, and returns it.
    pub(crate) fn problem(&self, code: &str) -> Value {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem: Value = serde_json::from_str(&self.text).expect("JSON");
        assert_eq!(problem["code"], code);
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        problem
    }
}

/// The events of an open stream.
pub(crate) struct Events {
    stream: Pin<Box<dyn Stream<Item = Option<Bytes>> + Send>>,
    text: String,
}

impl Events {
    /// Waits for the next event, its name and its data; none when the stream is over or silent for `patience`.
    pub(crate) async fn next(&mut self, patience: Duration) -> Option<(String, Value)> {
        timeout(patience, self.read()).await.ok().flatten()
    }

    /// Waits for the next event, which has to be of that name.
    pub(crate) async fn expect(&mut self, name: &str) -> Value {
        let (got, data) =
            self.next(Duration::from_secs(4)).await.unwrap_or_else(|| panic!("no event {name}"));
        assert_eq!(got, name, "{data}");
        data
    }

    /// Checks that nothing more comes.
    pub(crate) async fn is_over(&mut self) {
        assert_eq!(timeout(Duration::from_secs(1), self.stream.next()).await.expect("an end"), None);
    }

    async fn read(&mut self) -> Option<(String, Value)> {
        while !self.text.contains("\n\n") {
            let bytes = self.stream.next().await??;
            self.text.push_str(&String::from_utf8_lossy(&bytes));
        }
        let (event, rest) = self.text.split_once("\n\n")?;
        let field =
            |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        let found = (field("event:").to_owned(), serde_json::from_str(field("data:")).expect("JSON"));
        self.text = rest.to_owned();
        Some(found)
    }
}
