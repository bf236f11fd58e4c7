//! What Quarterdeck does to Argo CD after a push (R14): it asks for a comparison, and where auto-sync is off for one sync.
//! It never touches what an Application is made of.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse as _, Response},
};
use engine::fleet::clients::Clients;
use model::{change::ChangeState, gate::HoldFor};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    fleet::{Looks, PLANE},
    house::House,
};

/// An API server that has Applications, and writes down what is asked of it.
#[derive(Clone, Default)]
struct ApiServer {
    objects: Arc<Mutex<HashMap<String, Value>>>,
    /// The path and the body of each write.
    writes: Arc<Mutex<Vec<(String, Value)>>>,
}

impl ApiServer {
    async fn start(&self) -> Clients {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(answer).with_state(self.clone());
        // It ends with the test's runtime.
        #[expect(clippy::disallowed_methods, reason = "a server of a test is no task of the program")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        let config = kube::Config::new(url.parse().expect("a URL"));
        let client = kube::Client::try_from(config).expect("a client");
        Clients::new([(PLANE.to_owned(), client)].into())
    }

    fn put(&self, name: &str, object: Value) {
        self.objects.lock().expect("no panic").insert(name.to_owned(), object);
    }

    /// Returns the patches of an Application.
    fn patches_of(&self, name: &str) -> Vec<Value> {
        let writes = self.writes.lock().expect("no panic");
        writes
            .iter()
            .filter(|(path, _)| path.ends_with(&format!("/applications/{name}")))
            .map(|(_, it)| it.clone())
            .collect()
    }
}

async fn answer(State(server): State<ApiServer>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    let body: Bytes = to_bytes(body, 1 << 20).await.expect("reads");
    if parts.method != Method::GET {
        let body = serde_json::from_slice(&body).expect("JSON");
        server.writes.lock().expect("no panic").push((path, body));
    }
    let object = server.objects.lock().expect("no panic").get(&name).cloned();
    match (parts.method, object) {
        (Method::POST, _) => (StatusCode::CREATED, body).into_response(),
        (_, Some(object)) => Json(object).into_response(),
        _ => (
            StatusCode::NOT_FOUND,
            Json(json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound"})),
        )
            .into_response(),
    }
}

/// Whether a patch asks for a comparison or for a sync, and for nothing else.
fn is_refresh_or_sync(patch: &Value) -> bool {
    let Some(steps) = patch.as_array() else {
        let mut patch = patch.clone();
        let annotations =
            patch["metadata"].as_object_mut().expect("metadata").remove("annotations").expect("annotations");
        let is_alone = annotations
            .as_object()
            .is_some_and(|it| it.keys().all(|key| key == "argocd.argoproj.io/refresh"));
        patch["metadata"] = json!({});
        return is_alone && patch == json!({"metadata": {}});
    };
    let allowed = ["/metadata/resourceVersion", "/operation", "/status/operationState"];
    steps.iter().all(|step| {
        let path = step["path"].as_str().unwrap_or_default();
        allowed.contains(&path) && (path != "/metadata/resourceVersion" || step["op"] == "test")
    })
}

#[tokio::test]
async fn r14_after_a_push_argo_cd_is_asked_to_look_or_to_sync_and_nothing_else_is_touched() {
    let server = ApiServer::default();
    let clients = server.start().await;
    let house = House::with(move |setup| setup.clients = clients.clone()).await;
    let before = house.remote.head();
    let seed = |app: &str, looks: Looks<'_>| {
        let object = house.replica.fleet.object(app, "staging", house.remote.head(), looks);
        server.put(&format!("{app}-staging"), object);
    };
    let by_hand = Looks { auto_sync: false, ..Looks::default() };
    seed("web", Looks::default());
    seed("api", by_hand);
    house.runs("api", "staging", by_hand);
    let _write = (house.replica.write(), house.replica.follow());
    let train = house.promote(&["web", "api"], "dev", "staging").await;
    house.until_pushed(train).await;
    house
        .wait("both are to be compared", async || {
            ["web-staging", "api-staging"].iter().all(|name| !server.patches_of(name).is_empty())
        })
        .await;
    // Argo CD sees the commit; it syncs the one by itself, the other waits for somebody.
    house.all_run(&house.replica);
    let out_of_sync = Looks { sync: "OutOfSync", ..by_hand };
    seed("api", out_of_sync);
    house.runs("api", "staging", out_of_sync);
    let head = house.remote.head().to_string();
    house
        .wait("api is synced to the commit", async || {
            let of_api = server.patches_of("api-staging");
            let mut steps = of_api.iter().filter_map(Value::as_array).flatten();
            steps.any(|step| {
                step["path"] == "/operation" && step["value"]["sync"]["revision"] == head.as_str()
            })
        })
        .await;
    let back = house.roll_back("web", "staging", before, HoldFor::OneDay).await;
    house.until_pushed(back).await;
    let head = house.remote.head();
    house.runs("web", "staging", Looks::default());
    house.until(back, &[ChangeState::Done]).await;
    assert_eq!(house.remote.head(), head);
    let writes = server.writes.lock().expect("no panic").clone();
    for (path, body) in writes.iter().filter(|(path, _)| path.contains("/applications/")) {
        assert!(is_refresh_or_sync(body), "{path}: {body}");
    }
    let web = server.patches_of("web-staging");
    assert!(web.iter().all(Value::is_object), "where auto-sync is on, nothing but a refresh: {web:?}");
    house.end().await;
}
