//! A Quarterdeck that answers as a test has written, for commands that ask one.

use std::{
    collections::{HashMap, VecDeque},
    net::TcpListener,
    process::{Command, Output},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use axum::{
    Json, Router,
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use serde_json::{Value, json};
use server::http::{Limits, answer};
use tokio_util::sync::CancellationToken;

/// The API token that commands bring.
const TOKEN: &str = "qd_token-of-a-command";

/// The server, and what it was asked.
pub(crate) struct Scripted {
    pub(crate) url: String,
    book: Arc<Mutex<Book>>,
    stop: CancellationToken,
    serving: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Book {
    answers: HashMap<String, VecDeque<(u16, Value)>>,
    asked: Vec<(String, Value)>,
}

impl Scripted {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (book, stop) = (Arc::<Mutex<Book>>::default(), CancellationToken::new());
        let router = Router::new().fallback(play).with_state(book.clone());
        let ended = stop.clone();
        let serve = move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(answer(listener, router, Limits::default(), ended)).expect("serves");
        };
        Self { url, book, stop, serving: Some(thread::spawn(serve)) }
    }

    /// Answers a question, e.g. `GET /changes/7`; the next answer to the same one comes after it, the last one stays.
    pub(crate) fn answers(self, question: &str, value: impl Serialize) -> Self {
        self.put(question, 200, serde_json::to_value(value).expect("JSON"))
    }

    /// Refuses a question.
    pub(crate) fn refuses(self, question: &str, status: u16, detail: &str) -> Self {
        self.put(question, status, json!({ "status": status, "detail": detail }))
    }

    fn put(self, question: &str, status: u16, value: Value) -> Self {
        let mut book = self.book.lock().expect("unpoisoned");
        book.answers.entry(question.to_owned()).or_default().push_back((status, value));
        drop(book);
        self
    }

    /// Runs the program against it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).env("QUARTERDECK_TOKEN", TOKEN).output().expect("the program runs")
    }

    /// Returns the program, without a token.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quarterdeck"));
        command
            .args(arguments)
            .env("QUARTERDECK_SERVER", format!("{}/", self.url))
            .env_remove("QUARTERDECK_TOKEN")
            .env_remove("QUARTERDECK_TOKEN_FILE");
        command
    }

    /// Returns the questions, in their order.
    pub(crate) fn questions(&self) -> Vec<String> {
        self.book.lock().expect("unpoisoned").asked.iter().map(|(question, _)| question.clone()).collect()
    }

    /// Returns the body of the one time that this was asked.
    pub(crate) fn body_of(&self, question: &str) -> Value {
        let book = self.book.lock().expect("unpoisoned");
        let mut bodies =
            book.asked.iter().filter(|(asked, _)| asked == question).map(|(_, body)| body.clone());
        let body = bodies.next().unwrap_or_else(|| panic!("{question} was not asked: {:?}", book.asked));
        assert!(bodies.next().is_none(), "{question} was asked again");
        body
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(serving) = self.serving.take() {
            let _ = serving.join();
        }
    }
}

async fn play(State(book): State<Arc<Mutex<Book>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().strip_prefix("/api/v1").unwrap_or_default();
    let question = format!("{} {path}", parts.method);
    let body = to_bytes(body, usize::MAX).await.unwrap_or_else(|_| Bytes::new());
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let bearer = parts.headers.get("authorization").and_then(|it| it.to_str().ok()).unwrap_or_default();
    let mut book = book.lock().expect("unpoisoned");
    book.asked.push((question.clone(), body));
    if bearer != format!("Bearer {TOKEN}") {
        let problem = json!({ "detail": "You are not signed in." });
        return (StatusCode::UNAUTHORIZED, Json(problem)).into_response();
    }
    let answers = book.answers.get_mut(&question);
    let answer = answers.and_then(|it| if it.len() > 1 { it.pop_front() } else { it.front().cloned() });
    let (status, value) =
        answer.unwrap_or((404, json!({ "detail": format!("{question} is not in the script.") })));
    (StatusCode::from_u16(status).expect("a status"), Json(value)).into_response()
}
