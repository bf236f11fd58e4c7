//! A fleet with one repository, one Application, and Argo CD's API server as far as acts reach it.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
    routing::get,
};
use engine::{
    argo::operation::Operator,
    audit::Denials,
    changes::rollout::Follower,
    db::Db,
    fleet::{
        apps::AppRules,
        clients::Clients,
        credentials::{AccessSettings, Registration},
        detail::Details,
        environment::Environments,
        index::{Change, Index, Indexer, Plane},
        probe::Contact,
    },
    git::{
        mirror::{CredentialSource, Credentials, MirrorSettings, Mirrors, Repo},
        remote,
        trailers::{Act, Trailers},
    },
    metrics::Metrics,
    tasks::Tasks,
};
use futures::future::BoxFuture;
use git2::{Oid, Repository, Signature, build::TreeUpdateBuilder};
use model::{Timestamp, cluster::ClusterId, status::Freshness};
use serde_json::{Value, json};
use sqlx::Row as _;
use uuid::Uuid;

use crate::support::{admin, database};

pub(crate) const LIMIT: Duration = Duration::from_secs(600);
const FILE: &str = "apps/web/overlays/prod/kustomization.yaml";
const REFRESH: &str = "argocd.argoproj.io/refresh";

/// Nobody needs credentials for a folder.
struct NoCredentials;

impl CredentialSource for NoCredentials {
    fn credentials<'a>(&'a self, _: &'a Repo) -> BoxFuture<'a, Result<Credentials, String>> {
        Box::pin(async { Ok(Credentials::default()) })
    }

    fn write_credentials<'a>(&'a self, _: &'a Repo) -> BoxFuture<'a, Result<Credentials, String>> {
        Box::pin(async { Ok(Credentials::default()) })
    }
}

/// The Applications as they stand in the cluster.
type Objects = Arc<Mutex<BTreeMap<String, Value>>>;

pub(crate) struct House {
    pub(crate) db: Db,
    pub(crate) follower: Follower,
    folder: PathBuf,
    remote: Repository,
    mirrors: Mirrors,
    operator: Operator,
    indexer: Indexer,
    objects: Objects,
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A change whose commit is on the branch.
pub(crate) struct Pushed {
    pub(crate) id: i64,
    token: Uuid,
    pub(crate) commit: Oid,
}

/// How a change, and its Application, stand in the database.
#[derive(Debug)]
pub(crate) struct Stands {
    pub(crate) state: String,
    pub(crate) why: String,
    pub(crate) stage: String,
    pub(crate) application_why: String,
    pub(crate) has_sync: bool,
}

impl House {
    /// Prod runs 1.4.0, and Argo CD brings by itself what Git says.
    pub(crate) async fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("rollout-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let remote = Repository::init_bare(folder.join("remote.git")).expect("a repository");
        remote.set_head("refs/heads/main").expect("sets the head");
        let (db, metrics, tasks) = (database().await, Metrics::default(), Tasks::default());
        let objects = Objects::default();
        let clients = Clients::new([("lab".to_owned(), api_server(&objects).await)].into());
        let (index, indexer) = index(true);
        let settings = MirrorSettings { allow_files: true, ..MirrorSettings::new(folder.join("mirrors")) };
        let mirrors = Mirrors::new(settings, Arc::new(NoCredentials), metrics.clone(), tasks.clone());
        let mirrors = mirrors.expect("mirrors");
        let operator = Operator {
            db: db.clone(),
            denials: Denials::default(),
            index,
            clients: clients.clone(),
            details: Details::new(clients, metrics),
            tasks,
        };
        let follower = Follower::new(operator.clone(), mirrors.clone(), LIMIT);
        let mut house = Self { db, follower, folder, remote, mirrors, operator, indexer, objects };
        let begin = house.commit("1.4.0", "Begin");
        house.register("prod");
        house.argo_makes("web-prod", "prod", begin);
        house
    }

    /// Another program on the same database, with the same fleet before it.
    pub(crate) fn another_follower(&self) -> Follower {
        Follower::new(self.operator.clone(), self.mirrors.clone(), LIMIT)
    }

    /// A program that has only just started, and has seen nothing of the fleet.
    pub(crate) fn fresh_follower(&self) -> Follower {
        let (index, _) = index(false);
        let operator = Operator { index, ..self.operator.clone() };
        Follower::new(operator, self.mirrors.clone(), LIMIT)
    }

    pub(crate) fn tell(&mut self, change: Change) {
        self.indexer.apply([change], jiff::Timestamp::now().into());
    }

    pub(crate) fn register(&mut self, cluster: &str) {
        let registration = Registration {
            name: cluster.into(),
            server: format!("https://{cluster}"),
            ..Registration::in_cluster("lab", &AccessSettings::default())
        };
        self.tell(Change::Clusters { plane: "lab".into(), registrations: vec![registration] });
        let contact = Contact::Answered { version: "v1.36.3".into(), latency: Duration::from_millis(9) };
        self.contact(cluster, contact);
    }

    pub(crate) fn contact(&mut self, cluster: &str, contact: Contact) {
        let cluster = ClusterId { control_plane: "lab".into(), name: cluster.into() };
        self.tell(Change::Contact { cluster, contact });
    }

    pub(crate) fn head(&self) -> Oid {
        self.remote.head().expect("a head").peel_to_commit().expect("a commit").id()
    }

    /// Somebody writes another version to the branch.
    pub(crate) fn commit(&self, tag: &str, message: &str) -> Oid {
        let parent = self.remote.head().ok().map(|head| head.peel_to_commit().expect("a commit").id());
        self.commit_on(parent, tag, message)
    }

    /// Somebody writes another version, with the trailers of a change of ours that they copied.
    pub(crate) fn commit_as_if(&self, tag: &str, change: &Pushed) -> Oid {
        self.commit(tag, &message(change.token))
    }

    /// The branch is at a commit with this parent afterwards, whatever it was at before.
    pub(crate) fn commit_on(&self, parent: Option<Oid>, tag: &str, message: &str) -> Oid {
        let git = &self.remote;
        let text = format!("images:\n  - name: shop/web\n    newTag: {tag:?}\n");
        let mut update = TreeUpdateBuilder::new();
        update.upsert(FILE, git.blob(text.as_bytes()).expect("a blob"), git2::FileMode::Blob);
        let news = git.blob(message.as_bytes()).expect("a blob");
        update.upsert("NEWS.md", news, git2::FileMode::Blob);
        let empty = git.treebuilder(None).expect("a builder").write().expect("a tree");
        let empty = git.find_tree(empty).expect("a tree");
        let tree = update.create_updated(git, &empty).expect("a tree");
        let who = Signature::now("erin", "erin@quarterdeck.test").expect("a signature");
        let parent = parent.map(|it| git.find_commit(it).expect("a commit"));
        let (tree, parents) = (git.find_tree(tree).expect("a tree"), parent.iter().collect::<Vec<_>>());
        let commit = git.commit(None, &who, &who, message, &tree, &parents).expect("commits");
        git.reference("refs/heads/main", commit, true, "").expect("moves the branch");
        commit
    }

    /// A change of ours brings prod to a version; its commit is on the branch.
    pub(crate) async fn pushed(&self, tag: &str) -> Pushed {
        self.pushed_with(tag, "promote", 0, true).await
    }

    pub(crate) async fn pushed_with(
        &self,
        tag: &str,
        kind: &str,
        soak: i32,
        has_application: bool,
    ) -> Pushed {
        let token = Uuid::new_v4();
        let commit = self.commit(tag, &message(token));
        let reader = json!({"control_plane": "lab", "project": "shop"});
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO changes (token, kind, state, title, plan_hash, ask, plan, touched, findings, source, environment,
                 repository, revision, reader, base, commit, actor, actor_name, reason, quorum, soak_seconds, hold_for,
                 pushed_at)
             VALUES ($1, $2, 'pushed', 'Promote web', 'hash', '{}', '{}', '[]', '[]', 'staging', 'prod', $3, 'main', $4,
                 '', $5, $6, 'admin', '', 0, $7, 'none', now()) RETURNING id",
        )
        .bind(token)
        .bind(kind)
        .bind(remote::normalized(&self.url()))
        .bind(reader)
        .bind(commit.to_string())
        .bind(serde_json::to_value(admin()).expect("an actor"))
        .bind(soak)
        .fetch_one(self.db.pool())
        .await
        .expect("a change");
        let expected = json!([
            {"file": FILE, "what": "images", "values": {"images[name=shop/web].newTag": format!("{tag:?}")}}
        ]);
        sqlx::query(
            "INSERT INTO change_apps (change, position, app_key, base_path, name, slug, app, project, expected, key)
             VALUES ($1, 0, $2, 'apps/web', 'web', 'web', 'web', 'shop', $3, $4)",
        )
        .bind(id)
        .bind(self.app_key())
        .bind(expected)
        .bind(token.to_string())
        .execute(self.db.pool())
        .await
        .expect("an app");
        if has_application {
            self.add_application(id).await;
        }
        Pushed { id, token, commit }
    }

    async fn add_application(&self, change: i64) {
        sqlx::query(
            "INSERT INTO change_applications (change, position, control_plane, namespace, name, cluster, project)
             VALUES ($1, 0, 'lab', 'argocd', 'web-prod', 'prod', 'shop')",
        )
        .bind(change)
        .execute(self.db.pool())
        .await
        .expect("an Application");
    }

    /// An Application that was not there when the change was asked for, and might be called so.
    pub(crate) async fn guess_application(&self, change: &Pushed, name: &str) {
        sqlx::query(
            "INSERT INTO change_applications (change, position, control_plane, namespace, name, cluster, project, is_guess)
             VALUES ($1, 0, 'lab', 'argocd', $2, 'staging', 'shop', true)",
        )
        .bind(change.id)
        .bind(name)
        .execute(self.db.pool())
        .await
        .expect("a guess");
    }

    /// Somebody asked for the sync of a change, under this id in the record.
    pub(crate) async fn claim_sync(&self, change: &Pushed, id: Uuid) {
        sqlx::query("UPDATE change_applications SET sync = $2 WHERE change = $1")
            .bind(change.id)
            .bind(id)
            .execute(self.db.pool())
            .await
            .expect("a claim");
    }

    fn app_key(&self) -> String {
        let url = self.url();
        let origin = engine::fleet::apps::Origin {
            repo_url: &url,
            path: "apps/web/overlays/prod",
            name: "web-prod",
            cluster: "prod",
            labels: None,
        };
        AppRules::default().identify(&Environments::default(), origin).key.to_string()
    }

    fn url(&self) -> String {
        format!("file://{}", self.folder.join("remote.git").display())
    }

    /// An Application that runs a commit and is Healthy.
    pub(crate) fn argo_makes(&mut self, name: &str, cluster: &str, commit: Oid) {
        let object = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": name, "namespace": "argocd", "uid": format!("uid-{name}"), "resourceVersion": "1"},
            "spec": {
                "project": "shop",
                "source": {"repoURL": self.url(), "path": "apps/web/overlays/prod", "targetRevision": "main"},
                "destination": {"name": cluster, "namespace": "shop"},
                "syncPolicy": {"automated": {}, "syncOptions": ["CreateNamespace=true"], "retry": {"limit": 2}}
            },
            "status": {
                "health": {"status": "Healthy", "lastTransitionTime": "2026-01-01T10:00:00Z"},
                "sync": {"status": "Synced", "revision": commit.to_string()},
                "reconciledAt": "2026-01-01T10:01:00Z",
                "summary": {"images": ["registry.test/shop/web:1.4.0"]}
            }
        });
        self.objects.lock().expect("the objects").insert(name.into(), object);
        self.argo_writes(name, json!({}));
    }

    /// The controller writes something into an Application, and the watch tells it.
    pub(crate) fn argo_writes(&mut self, name: &str, patch: Value) {
        let object = {
            let mut objects = self.objects.lock().expect("the objects");
            let object = objects.get_mut(name).expect("an Application");
            json_patch::merge(object, &patch);
            bump(object);
            object.clone()
        };
        let application = Box::new(serde_json::from_value(object).expect("an Application"));
        self.tell(Change::Application { plane: "lab".into(), application });
    }

    /// Somebody writes something into an Application that the watch has not told yet.
    pub(crate) fn write_unseen(&self, name: &str, patch: Value) {
        let mut objects = self.objects.lock().expect("the objects");
        let object = objects.get_mut(name).expect("an Application");
        json_patch::merge(object, &patch);
        bump(object);
    }

    /// The controller compares with a commit, and answers a refresh with that.
    pub(crate) fn argo_compares(&mut self, commit: Oid, sync: &str) {
        self.argo_writes(
            "web-prod",
            json!({
                "metadata": {"annotations": {REFRESH: null}},
                "status": {"sync": {"status": sync, "revision": commit.to_string()}, "reconciledAt": in_seconds(0)}
            }),
        );
    }

    /// The operation ends, and the controller has compared again since.
    pub(crate) fn argo_ends(&mut self, commit: Oid, phase: &str, health: &str) {
        let sync = if phase == "Succeeded" { "Synced" } else { "OutOfSync" };
        self.argo_writes(
            "web-prod",
            json!({
                "operation": null,
                "status": {
                    "operationState": state(commit, phase, "done"),
                    "sync": {"status": sync, "revision": commit.to_string()},
                    "health": {"status": health, "lastTransitionTime": in_seconds(-600)},
                    "reconciledAt": in_seconds(1)
                }
            }),
        );
    }

    /// The controller has synced a commit by itself; all is well.
    pub(crate) fn argo_brings(&mut self, commit: Oid) {
        self.argo_writes("web-prod", json!({"metadata": {"annotations": {REFRESH: null}}}));
        self.argo_ends(commit, "Succeeded", "Healthy");
    }

    pub(crate) fn argo_removes(&mut self, name: &str) {
        self.objects.lock().expect("the objects").remove(name);
        let (namespace, name) = ("argocd".into(), name.into());
        self.tell(Change::ApplicationGone { plane: "lab".into(), namespace, name });
    }

    pub(crate) fn object(&self, name: &str) -> Value {
        self.objects.lock().expect("the objects").get(name).cloned().expect("an Application")
    }

    pub(crate) fn is_asked_to_refresh(&self) -> bool {
        !self.object("web-prod")["metadata"]["annotations"][REFRESH].is_null()
    }

    /// Looks until something is so.
    pub(crate) async fn look_until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        for _ in 0..200 {
            self.follower.look().await.expect("looks");
            if is_so().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{what} did not come");
    }

    pub(crate) async fn look(&self) {
        self.follower.look().await.expect("looks");
    }

    pub(crate) async fn stands(&self, change: &Pushed) -> Stands {
        let row = sqlx::query(
            "SELECT state, changes.why, stage, it.why AS application_why, sync FROM changes
             LEFT JOIN change_applications AS it ON it.change = changes.id WHERE id = $1 ORDER BY name LIMIT 1",
        )
        .bind(change.id)
        .fetch_one(self.db.pool())
        .await
        .expect("a change");
        Stands {
            state: row.get("state"),
            why: row.get("why"),
            stage: row.get::<Option<_>, _>("stage").unwrap_or_default(),
            application_why: row.get::<Option<_>, _>("application_why").unwrap_or_default(),
            has_sync: row.get::<Option<Uuid>, _>("sync").is_some(),
        }
    }

    /// The states that a change came to, in their order, with what was said.
    pub(crate) async fn steps(&self, change: &Pushed) -> Vec<(String, String)> {
        sqlx::query_as("SELECT state, text FROM change_steps WHERE change = $1 ORDER BY id")
            .bind(change.id)
            .fetch_all(self.db.pool())
            .await
            .expect("steps")
    }

    pub(crate) async fn states(&self, change: &Pushed) -> Vec<String> {
        self.steps(change).await.into_iter().map(|(state, _)| state).collect()
    }

    /// Verbs and outcomes in the record, the oldest first.
    pub(crate) async fn record(&self, verb: &str) -> Vec<(String, Value)> {
        sqlx::query_as("SELECT outcome, details FROM audit_events WHERE verb = $1 ORDER BY at, id")
            .bind(verb)
            .fetch_all(self.db.pool())
            .await
            .expect("the record")
    }

    /// All that is known of a change happened so many seconds earlier than it did.
    pub(crate) async fn was_earlier(&self, change: &Pushed, seconds: i32) {
        for sql in [
            "UPDATE changes SET since = since - make_interval(secs => $2), healthy_at = healthy_at - make_interval(secs => $2)
             WHERE id = $1",
            "UPDATE change_applications SET since = since - make_interval(secs => $2),
                 healthy_at = healthy_at - make_interval(secs => $2) WHERE change = $1",
        ] {
            sqlx::query(sql).bind(change.id).bind(f64::from(seconds)).execute(self.db.pool()).await.expect(sql);
        }
    }
}

/// The message of a commit of ours.
fn message(token: Uuid) -> String {
    let trailers = Trailers {
        change: "43".into(),
        token: token.to_string(),
        act: Act::Promote,
        apps: vec!["apps/web".into()],
        from: "staging".into(),
        to: "prod".into(),
        ..Trailers::default()
    };
    trailers.message("Promote web to prod", None)
}

/// `status.operationState` of a sync to a commit.
pub(crate) fn state(commit: Oid, phase: &str, message: &str) -> Value {
    let is_over = phase != "Running";
    json!({
        "phase": phase,
        "message": message,
        "startedAt": in_seconds(-2),
        "finishedAt": is_over.then(|| in_seconds(0)),
        "operation": {"initiatedBy": {"automated": true}, "sync": {"revision": commit.to_string()}},
        "syncResult": {"revision": commit.to_string()}
    })
}

/// A moment as Argo CD writes it.
pub(crate) fn in_seconds(seconds: i64) -> String {
    let now = jiff::Timestamp::now().as_second();
    jiff::Timestamp::from_second(now + seconds).expect("a moment").to_string()
}

fn index(listed: bool) -> (Index, Indexer) {
    let plane = Plane {
        freshness: if listed { Freshness::Live } else { Freshness::Connecting },
        namespace: "argocd".into(),
        server: "https://mgmt".into(),
        listed,
    };
    let planes = [("lab".to_owned(), plane)];
    let (index, mut indexer) =
        Index::new(planes, Environments::default(), AppRules::default(), Metrics::default());
    indexer.apply([], Timestamp(0));
    (index, indexer)
}

fn bump(object: &mut Value) {
    let version = object["metadata"]["resourceVersion"].as_str().and_then(|it| it.parse::<u64>().ok());
    object["metadata"]["resourceVersion"] = json!((version.unwrap_or(0) + 1).to_string());
}

/// Takes reads and patches of Applications, and nothing else.
async fn api_server(objects: &Objects) -> kube::Client {
    let path = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/{name}";
    let router = Router::new().route(path, get(read).patch(patch)).with_state(objects.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("an address");
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    let url = format!("http://{address}").parse().expect("a URL");
    kube::Client::try_from(kube::Config::new(url)).expect("a client")
}

async fn read(State(objects): State<Objects>, Path(name): Path<String>) -> Response {
    match objects.lock().expect("the objects").get(&name) {
        Some(object) => Json(object.clone()).into_response(),
        None => refused(StatusCode::NOT_FOUND, "not found"),
    }
}

async fn patch(
    State(objects): State<Objects>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut objects = objects.lock().expect("the objects");
    let Some(object) = objects.get_mut(&name) else { return refused(StatusCode::NOT_FOUND, "not found") };
    let kind = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/json-patch+json") {
        let patch: json_patch::Patch = serde_json::from_slice(&body).expect("a patch");
        if json_patch::patch(object, &patch).is_err() {
            return refused(
                StatusCode::UNPROCESSABLE_ENTITY,
                "the server rejected our request due to an error",
            );
        }
    } else {
        json_patch::merge(object, &serde_json::from_slice(&body).expect("a patch"));
    }
    bump(object);
    Json(object.clone()).into_response()
}

fn refused(code: StatusCode, message: &str) -> Response {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": "Invalid", "code": code.as_u16()
    });
    (code, Json(status)).into_response()
}
