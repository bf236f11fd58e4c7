//! A backend without a fleet, and the router around it.

mod apps;
pub(crate) mod changes;
pub(crate) mod gates;
pub(crate) mod plans;

use std::sync::{Arc, Mutex};

use axum::{
    Extension, Router,
    body::{Body, to_bytes},
    http::{Request, Response, header},
};
use leptos::{config::LeptosOptions, context::provide_context};
use leptos_axum::{LeptosRoutes, render_app_async_with_context};
use model::{
    Actor, AppError, AppResult, Timestamp,
    access::{
        AskPermission, Capability, CreateToken, CreatedToken, PermissionAnswer, Permissions, PolicyProblem,
        SessionList, SessionRow, SignInOptions, TokenList, TokenRow, TraceStep,
    },
    actor::ActorKind,
    application::{
        ApplicationDetail, ApplicationId, ApplicationList, ApplicationRow, Condition, FacetValue, Facets,
        HealthSource, ListApplications, OperationDetail, OperationState, Resource, ResourceResult, Source,
        SyncPolicy, WindowVerdict,
    },
    backend::{Access, Answer, Backend, Fleet, Operations, Record},
    cluster::{ClusterDetail, ClusterId, ClusterList, ClusterRow, Node, NodeCounts, Pod, Usage},
    history::{HistoryEntry, HistoryEvent},
    operation::{Outcome, RefreshKind, ResourceRef, SyncApplication, SyncPreview},
    overview::{Attention, Counts, Navigation, Overview},
    record::{
        ChainStatus, Difference, Event, EventDetail, EventList, EventOutcome, ExportPart, Head, ListEvents,
        Seal,
    },
    status::{ControlPlane, Environment, Freshness, Health, Phase, Sync, Warning},
};
use tokio::sync::watch;
use tower::ServiceExt as _;

pub(crate) use apps::{KnownApps, act as app_act, app, cell, mark, matrix, release};

pub(crate) const NOW: Timestamp = Timestamp(1_795_617_120_000);

/// What the fleet of a test holds, and what was asked of it.
pub(crate) struct Fake {
    pub(crate) rows: Vec<ApplicationRow>,
    pub(crate) clusters: Vec<ClusterRow>,
    pub(crate) planes: Vec<ControlPlane>,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) sign_in: SignInOptions,
    /// What every call answers instead, where set.
    pub(crate) failing: Option<AppError>,
    /// What acts answer instead, where set.
    pub(crate) refusing: Option<AppError>,
    pub(crate) asked: Mutex<Vec<ListApplications>>,
    pub(crate) events: Vec<Event>,
    pub(crate) chain: ChainStatus,
    pub(crate) audited: Mutex<Vec<ListEvents>>,
    pub(crate) synced: Mutex<Vec<SyncApplication>>,
    pub(crate) refreshed: Mutex<Vec<RefreshKind>>,
    pub(crate) snapshots: watch::Sender<u64>,
    pub(crate) apps: KnownApps,
    pub(crate) planned: plans::Planned,
    pub(crate) changes: changes::KnownChanges,
    pub(crate) gates: gates::KnownGates,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            rows: vec![crashing(), stale(), drifting(), healthy()],
            clusters: vec![live_cluster(), dead_cluster()],
            planes: vec![ControlPlane {
                name: "mgmt".into(),
                freshness: Freshness::Live,
                namespace: "argocd".into(),
                server: "https://127.0.0.1:7001".into(),
            }],
            warnings: Vec::new(),
            sign_in: SignInOptions { local_admin: true, ..SignInOptions::default() },
            failing: None,
            refusing: None,
            asked: Mutex::default(),
            events: vec![act("e-2", EventOutcome::Denied), act("e-1", EventOutcome::Succeeded)],
            chain: chain(),
            audited: Mutex::default(),
            synced: Mutex::default(),
            refreshed: Mutex::default(),
            snapshots: watch::Sender::new(0),
            apps: KnownApps::default(),
            planned: plans::Planned::default(),
            changes: changes::KnownChanges::default(),
            gates: gates::KnownGates::default(),
        }
    }
}

impl Fake {
    /// Returns the router that serves this fleet to a signed-in person.
    pub(crate) fn router(self: &Arc<Self>) -> Router {
        let actor = Actor {
            name: "admin".into(),
            kind: ActorKind::LocalAdmin,
            groups: Vec::new(),
            subject: "admin".into(),
            session: None,
            scopes: Vec::new(),
            request_id: "r-1".into(),
            address: None,
        };
        self.strangers_router().layer(Extension(actor))
    }

    /// Returns the router that serves this fleet to somebody without a session.
    pub(crate) fn strangers_router(self: &Arc<Self>) -> Router {
        let options = LeptosOptions::builder().output_name("quarterdeck").build();
        let backend: Arc<dyn Backend> = self.clone();
        let context = move || provide_context(Arc::clone(&backend));
        let shell = {
            let options = options.clone();
            move || app::shell(options.clone())
        };
        Router::new()
            .leptos_routes_with_context(&options, app::page_routes(), context.clone(), shell.clone())
            .fallback(render_app_async_with_context(context, shell))
            .with_state(options)
    }

    /// Returns the page at `path`, as a browser without JavaScript gets it.
    pub(crate) async fn get(self: &Arc<Self>, path: &str) -> Page {
        let request =
            Request::get(path).header(header::ACCEPT, "text/html").body(Body::empty()).expect("a request");
        Page::of(self.router().oneshot(request).await.expect("an answer")).await
    }

    /// Posts a form as a browser without JavaScript does, from the page at `from`.
    pub(crate) async fn post(self: &Arc<Self>, path: &str, form: &str, from: &str) -> Page {
        let request = Request::post(path)
            .header(header::ACCEPT, "text/html")
            .header(header::REFERER, format!("http://localhost{from}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()))
            .expect("a request");
        Page::of(self.router().oneshot(request).await.expect("an answer")).await
    }

    fn answer<'a, T: Send + 'a>(&'a self, answer: AppResult<T>) -> Answer<'a, T> {
        let answer = self.failing.clone().map_or(answer, Err);
        Box::pin(async move { answer })
    }

    fn act(&self, sentence: &str) -> Answer<'_, Outcome> {
        let outcome = Outcome { audit_id: "a-1".into(), sentence: sentence.into() };
        self.answer(self.refusing.clone().map_or(Ok(outcome), Err))
    }

    fn row(&self, id: &ApplicationId) -> AppResult<ApplicationRow> {
        let row = self.rows.iter().find(|row| row.id == *id);
        row.cloned().ok_or_else(|| AppError::NotFound { what: format!("Application {}", id.name) })
    }
}

/// An answer, read to its end.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) location: String,
    pub(crate) policy: String,
    pub(crate) html: String,
    /// What a person reads: without tags, scripts and doubled spaces.
    pub(crate) text: String,
}

impl Page {
    async fn of(response: Response<Body>) -> Self {
        let status = response.status().as_u16();
        let text_of = |name| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (location, policy) = (text_of(header::LOCATION), text_of(header::CONTENT_SECURITY_POLICY));
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        let html = String::from_utf8(body.to_vec()).expect("text");
        let text = words(&html);
        Self { status, location, policy, html, text }
    }

    /// Asserts that a person reads `words` on the page.
    #[track_caller]
    pub(crate) fn reads(&self, words: &str) -> &Self {
        assert!(self.text.contains(words), "the page does not say “{words}”:\n{}", self.text);
        self
    }

    /// Asserts that a person does not read `words` on the page.
    #[track_caller]
    pub(crate) fn reads_not(&self, words: &str) -> &Self {
        assert!(!self.text.contains(words), "the page says “{words}”:\n{}", self.text);
        self
    }

    /// Asserts that the page's markup has `fragment`.
    #[track_caller]
    pub(crate) fn has(&self, fragment: &str) -> &Self {
        assert!(self.html.contains(fragment), "the markup has no {fragment}:\n{}", self.html);
        self
    }
}

fn words(html: &str) -> String {
    let body = html.find("<body").map_or(html, |from| &html[from..]);
    let mut text = String::new();
    let mut rest = body;
    while let Some(open) = rest.find('<') {
        text.push_str(&rest[..open]);
        let tag = &rest[open..];
        let ends = [("<!--", "-->"), ("<script", "</script>"), ("<", ">")];
        let end = ends.into_iter().find(|(start, _)| tag.starts_with(start)).map_or(">", |(_, end)| end);
        // Leptos puts comments between neighbouring pieces of text; other tags part words.
        if !tag.starts_with("<!") {
            text.push(' ');
        }
        let close = tag.find(end).map(|at| at + end.len());
        let Some(close) = close else { break };
        rest = &tag[close..];
    }
    text.push_str(rest);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Fleet for Fake {
    fn get_overview<'a>(&'a self, _: &'a Actor) -> Answer<'a, Overview> {
        let live = self.rows.iter().filter(|row| row.freshness.is_live());
        let health = Health::ALL
            .map(|health| (health, live.clone().filter(|row| row.health == health).count() as u32));
        let unwell = self.rows.iter().filter(|row| row.health != Health::Healthy || !row.freshness.is_live());
        let attention: Vec<_> = unwell.map(|row| Attention::Application(Box::new(row.clone()))).collect();
        self.answer(Ok(Overview {
            now: NOW,
            apps: 3,
            applications: self.rows.len() as u32,
            counts: Counts {
                health: health.to_vec(),
                stale: 1,
                out_of_sync: 1,
                out_of_sync_manual: 1,
                failed_operations: 0,
                running_operations: 1,
                unreachable_clusters: 1,
                degraded_protected: 1,
            },
            attention_total: attention.len() as u32,
            attention,
            clusters: self.clusters.clone(),
            operations: vec![history()],
            control_planes: self.planes.clone(),
            warnings: self.warnings.clone(),
            freezes: self.gates.list.freezes.iter().filter(|it| it.now.is_some()).cloned().collect(),
            changes: self.changes.list.rows.iter().filter(|it| it.state.is_open()).cloned().collect(),
        }))
    }

    fn get_navigation<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Navigation> {
        self.answer(Ok(Navigation {
            applications: self.rows.len() as u32,
            unreachable_clusters: 1,
            changes: 3,
            waiting: 2,
            gates: 3,
            may_read_record: true,
            breaks_glass: !self.sign_in.providers.is_empty(),
            actor: actor.name.clone(),
        }))
    }

    fn list_applications<'a>(&'a self, _: &'a Actor, query: ListApplications) -> Answer<'a, ApplicationList> {
        let wanted = |row: &&ApplicationRow| {
            row.id.name.contains(&query.q)
                && (query.health.is_empty() || query.health.iter().any(|it| it == row.health.word()))
        };
        let rows: Vec<_> = self.rows.iter().filter(wanted).cloned().collect();
        let value = |value: &str, count| FacetValue { value: value.into(), count };
        let facets = Facets {
            health: vec![value("Degraded", 1), value("Healthy", 2), value("Stale", 1)],
            sync: vec![value("OutOfSync", 1), value("Synced", 3)],
            operation: vec![value("Running", 1)],
            environment: vec![value("dev", 1), value("prod", 3)],
            project: vec![value("storefront", 4)],
            cluster: vec![value("prod-eu-1", 4)],
        };
        self.asked.lock().expect("unpoisoned").push(query);
        self.answer(Ok(ApplicationList {
            now: NOW,
            matching: rows.len() as u32,
            rows,
            total: self.rows.len() as u32,
            page: 1,
            per_page: 50,
            next_cursor: None,
            facets,
            control_planes: self.planes.clone(),
            warnings: self.warnings.clone(),
        }))
    }

    fn get_application<'a>(&'a self, _: &'a Actor, id: ApplicationId) -> Answer<'a, ApplicationDetail> {
        self.answer(self.row(&id).map(detail))
    }

    fn list_clusters<'a>(&'a self, _: &'a Actor) -> Answer<'a, ClusterList> {
        self.answer(Ok(ClusterList {
            now: NOW,
            control_planes: self.planes.clone(),
            rows: self.clusters.clone(),
            warnings: self.warnings.clone(),
        }))
    }

    fn get_cluster<'a>(&'a self, _: &'a Actor, id: ClusterId) -> Answer<'a, ClusterDetail> {
        let row = self.clusters.iter().find(|row| row.id == id).cloned();
        let missing = || AppError::NotFound { what: format!("Cluster {}", id.name) };
        self.answer(row.ok_or_else(missing).map(|row| ClusterDetail {
            now: NOW,
            credentials: "bearer token from Secret cluster-prod".into(),
            nodes: if row.freshness.is_live() { vec![node()] } else { Vec::new() },
            pods: if row.freshness.is_live() { vec![pod()] } else { Vec::new() },
            metrics_note: None,
            applications: self.rows.clone(),
            row,
        }))
    }

    fn snapshots(&self) -> watch::Receiver<u64> {
        self.snapshots.subscribe()
    }
}

impl Access for Fake {
    fn sign_in_options(&self) -> SignInOptions {
        self.sign_in.clone()
    }

    fn list_sessions<'a>(&'a self, actor: &'a Actor, of_all: bool) -> Answer<'a, SessionList> {
        let row = |id: &str, browser: &str, is_this| SessionRow {
            id: id.into(),
            actor: actor.name.clone(),
            provider: "dex".into(),
            address: Some("192.0.2.7".into()),
            browser: browser.into(),
            is_this,
            created_at: NOW.plus_seconds(-7200),
            last_seen_at: NOW.plus_seconds(-60),
            expires_at: NOW.plus_seconds(3600),
        };
        let rows = vec![
            row("s-1", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", true),
            row("s-2", "curl/8", false),
        ];
        self.answer(Ok(SessionList { now: NOW, rows, of_all, may_see_all: true }))
    }

    fn end_session<'a>(&'a self, _: &'a Actor, _: String) -> Answer<'a, Outcome> {
        self.act("The session has ended.")
    }

    fn list_tokens<'a>(&'a self, _: &'a Actor, of_all: bool) -> Answer<'a, TokenList> {
        self.answer(Ok(TokenList {
            now: NOW,
            rows: vec![token()],
            of_all,
            may_see_all: true,
            cannot_create: None,
        }))
    }

    fn create_token<'a>(&'a self, _: &'a Actor, request: CreateToken) -> Answer<'a, CreatedToken> {
        let row = TokenRow { name: request.name, scopes: request.scopes, ..token() };
        self.answer(Ok(CreatedToken { row, token: "qd_shown-once".into() }))
    }

    fn revoke_token<'a>(&'a self, _: &'a Actor, _: String) -> Answer<'a, Outcome> {
        self.act("The API token is revoked.")
    }

    fn get_permissions<'a>(&'a self, actor: &'a Actor, ask: AskPermission) -> Answer<'a, Permissions> {
        let answer = (!ask.resource.is_empty()).then(|| PermissionAnswer {
            asked: ask,
            allowed: false,
            trace: vec![TraceStep {
                policy: "argocd-rbac-cm".into(),
                question: "applications, sync, storefront/checkout-prod".into(),
                allowed: false,
                line: "policy.csv, line 3: p, role:dev, applications, sync, */*, deny".into(),
                subject: "developers".into(),
            }],
            holders: vec!["platform-admins".into()],
        });
        let problem = PolicyProblem {
            control_plane: "lab".into(),
            policy: "argocd-rbac-cm".into(),
            line: "policy.csv, line 9: p, role:dev, applications, list, */*, allow".into(),
            why: "applications has no action list, so it is never asked.".into(),
            mend: "Use get: lists are made of what one may get.".into(),
        };
        self.answer(Ok(Permissions {
            now: NOW,
            actor: actor.name.clone(),
            subject: actor.subject.clone(),
            groups: vec!["developers".into()],
            roles: vec!["role:dev".into()],
            is_above_policies: false,
            control_planes: vec!["lab".into()],
            environments: vec!["dev".into(), "prod".into()],
            can: vec![Capability {
                act: "Sync and terminate".into(),
                right: "applications, sync".into(),
                in_environments: vec![(4, 4), (0, 3)],
            }],
            answer,
            unanswered: None,
            problems: Some(vec![problem]),
        }))
    }
}

fn token() -> TokenRow {
    TokenRow {
        id: "t-1".into(),
        name: "ci-nightly".into(),
        owner: "alice@example.test".into(),
        scopes: vec!["applications, get, dev/*".into()],
        created_at: NOW.plus_seconds(-86_400),
        expires_at: NOW.plus_seconds(86_400 * 30),
        last_used_at: None,
        last_address: None,
        revoked_at: None,
    }
}

impl Record for Fake {
    fn list_events<'a>(&'a self, _: &'a Actor, query: ListEvents) -> Answer<'a, EventList> {
        self.audited.lock().expect("unpoisoned").push(query);
        self.answer(Ok(EventList {
            now: NOW,
            events: self.events.clone(),
            next_cursor: Some("older.1.a".into()),
            previous_cursor: None,
            chain: self.chain.clone(),
        }))
    }

    fn get_event<'a>(&'a self, _: &'a Actor, id: String) -> Answer<'a, EventDetail> {
        let known = self.events.iter().find(|event| event.id == id).cloned();
        let missing = || AppError::NotFound { what: format!("Event {id} of the record") };
        self.answer(known.ok_or_else(missing).map(event_detail))
    }

    fn export_events<'a>(&'a self, _: &'a Actor, _: ListEvents, _: u64) -> Answer<'a, ExportPart> {
        self.answer(Err(AppError::NotFound { what: "The export".into() }))
    }
}

impl Operations for Fake {
    fn preview_sync<'a>(&'a self, _: &'a Actor, id: ApplicationId) -> Answer<'a, SyncPreview> {
        let resource = |kind: &str, name: &str| ResourceRef {
            group: String::new(),
            kind: kind.into(),
            namespace: "checkout".into(),
            name: name.into(),
        };
        self.answer(self.row(&id).map(|row| SyncPreview {
            typed_environment: row.environment.is_protected().then(|| "prod".into()),
            cluster: row.cluster,
            out_of_sync: vec![resource("Service", "checkout")],
            pruned: vec![resource("ConfigMap", "checkout-old")],
            window: Some(WindowVerdict {
                allowed: true,
                why: "no window of project storefront is open".into(),
            }),
            refused: None,
        }))
    }

    fn sync_application<'a>(&'a self, _: &'a Actor, request: SyncApplication) -> Answer<'a, Outcome> {
        self.synced.lock().expect("unpoisoned").push(request);
        self.act("The sync of checkout-prod began.")
    }

    fn refresh_application<'a>(
        &'a self,
        _: &'a Actor,
        _: ApplicationId,
        kind: RefreshKind,
    ) -> Answer<'a, Outcome> {
        self.refreshed.lock().expect("unpoisoned").push(kind);
        self.act("checkout-prod was compared with Git again.")
    }

    fn terminate_operation<'a>(&'a self, _: &'a Actor, _: ApplicationId) -> Answer<'a, Outcome> {
        self.act("The operation of checkout-prod ends.")
    }
}

pub(crate) fn act(id: &str, outcome: EventOutcome) -> Event {
    Event {
        id: id.into(),
        at: NOW.plus_seconds(-60),
        actor: "kenji@example.com".into(),
        verb: "sync".into(),
        object: "application mgmt/argocd/checkout-prod".into(),
        environment: Some("prod".into()),
        app: Some("checkout".into()),
        outcome,
        reason: format!("why {id}"),
        address: Some("10.2.14.8".into()),
        observed: false,
    }
}

fn chain() -> ChainStatus {
    ChainStatus {
        head: Some(Head { seq: 48_213, hash: "9c4177bee07b0000".into() }),
        sealed: 48_213,
        unsealed: 2,
        removed: 0,
        verified_at: Some(NOW.plus_seconds(-720)),
        broken: None,
    }
}

fn event_detail(event: Event) -> EventDetail {
    EventDetail {
        now: NOW,
        outcome: Some(Event { id: "o-1".into(), at: NOW.plus_seconds(-46), ..event.clone() }),
        intent: event,
        groups: vec!["storefront-devs".into()],
        session: Some("s-7".into()),
        control_plane: Some("mgmt".into()),
        request_id: "r-9".into(),
        asked: "{\n  \"prune\": true\n}".into(),
        answered: String::new(),
        differences: vec![Difference {
            path: "spec.replicas".into(),
            before: Some("2".into()),
            after: Some("3".into()),
        }],
        seals: vec![Seal { seq: 48_209, hash: "51d088ac02fe".into(), before: Some("e2b944107c31".into()) }],
    }
}

pub(crate) fn id(name: &str) -> ApplicationId {
    ApplicationId { control_plane: "mgmt".into(), namespace: "argocd".into(), name: name.into() }
}

pub(crate) fn row(name: &str, health: Health, sync: Sync) -> ApplicationRow {
    ApplicationRow {
        id: id(name),
        project: "storefront".into(),
        app: name.trim_end_matches("-prod").into(),
        environment: Environment::Known {
            name: "prod".into(),
            rank: 2,
            protected: true,
            why: "it deploys to cluster prod-eu-1 from apps/overlays/prod".into(),
        },
        cluster: "prod-eu-1".into(),
        namespace: "checkout".into(),
        freshness: Freshness::Live,
        health,
        sync,
        operation: None,
        version: Some("5.9.0".into()),
        revision: Some("c41d7e2a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e".into()),
        reason: String::new(),
        auto_sync: true,
        deleting: false,
        changed_at: Some(NOW.plus_seconds(-2280)),
    }
}

fn crashing() -> ApplicationRow {
    ApplicationRow {
        reason: "2 of 6 pods crash: CrashLoopBackOff, exit 1".into(),
        operation: Some(OperationState {
            phase: Phase::Running,
            started_at: Some(NOW.plus_seconds(-120)),
            finished_at: None,
        }),
        ..row("checkout-prod", Health::Degraded, Sync::Synced)
    }
}

/// Healthy, as Argo CD says; but its cluster does not answer.
fn stale() -> ApplicationRow {
    ApplicationRow {
        cluster: "prod-ap-1".into(),
        freshness: Freshness::Stale {
            since: NOW.plus_seconds(-660),
            why: "the cluster does not answer".into(),
        },
        ..row("search-prod", Health::Healthy, Sync::Synced)
    }
}

fn drifting() -> ApplicationRow {
    ApplicationRow {
        auto_sync: false,
        reason: "Behind Git by 1 commit. Auto-sync is off.".into(),
        ..row("gateway-prod", Health::Healthy, Sync::OutOfSync)
    }
}

fn healthy() -> ApplicationRow {
    ApplicationRow {
        environment: Environment::Known {
            name: "dev".into(),
            rank: 0,
            protected: false,
            why: "it deploys to cluster dev".into(),
        },
        ..row("web-app-dev", Health::Healthy, Sync::Synced)
    }
}

fn detail(row: ApplicationRow) -> ApplicationDetail {
    let operation = row.operation.as_ref().map(|state| OperationDetail {
        phase: state.phase,
        message: "waiting for healthy state of apps/Deployment/checkout".into(),
        started_by: Some("admin".into()),
        automated: false,
        started_at: state.started_at,
        finished_at: None,
        revision: row.revision.clone(),
        retry_count: 2,
        dry_run: false,
        prune: true,
        waits_for: Some("wave 1: Deployment/checkout to be Healthy".into()),
        waits_in_wave: Some(1),
        results: vec![ResourceResult {
            kind: "Service".into(),
            namespace: "checkout".into(),
            name: "checkout".into(),
            status: "Synced".into(),
            message: "service/checkout unchanged".into(),
            phase: "Sync".into(),
            hook: false,
        }],
    });
    let resource = |kind: &str, wave, health, source| Resource {
        group: String::new(),
        version: "v1".into(),
        kind: kind.into(),
        namespace: "checkout".into(),
        name: "checkout".into(),
        health,
        health_source: source,
        reason: String::new(),
        sync: Some(Sync::Synced),
        wave,
        hook: None,
        requires_pruning: false,
        created_at: Some(NOW.plus_seconds(-86_400)),
    };
    ApplicationDetail {
        now: NOW,
        sources: vec![Source {
            repo_url: "https://git.example/fleet.git".into(),
            path: "apps/overlays/prod".into(),
            is_chart: false,
            target_revision: "main".into(),
            revision: row.revision.clone(),
        }],
        server: Some("https://10.0.0.1:6443".into()),
        policy: SyncPolicy { auto_sync: true, prune: true, ..Default::default() },
        window: Some(WindowVerdict { allowed: true, why: "no window is open".into() }),
        slug: row.app.clone(),
        health_since: Some(NOW.plus_seconds(-240)),
        sync_denied: None,
        compared_at: Some(NOW.plus_seconds(-41)),
        refresh_requested: None,
        conditions: vec![Condition {
            kind: "SharedResourceWarning".into(),
            message: "ConfigMap/ca-bundle is also claimed by gateway-prod".into(),
            at: None,
        }],
        resources: vec![
            resource("ConfigMap", 0, None, HealthSource::None),
            resource("Service", 0, Some(Health::Healthy), HealthSource::ArgoCd),
            resource("Deployment", 1, Some(Health::Degraded), HealthSource::Quarterdeck),
            resource("Ingress", 2, Some(Health::Healthy), HealthSource::Quarterdeck),
        ],
        resources_note: None,
        operation,
        history: vec![history()],
        row,
    }
}

fn history() -> HistoryEntry {
    HistoryEntry {
        application: id("checkout-prod"),
        at: NOW.plus_seconds(-86_400 * 6),
        what: HistoryEvent::Operation {
            phase: Phase::Succeeded,
            finished_at: Some(NOW.plus_seconds(-86_400 * 6 + 178)),
            revision: Some("09be1f4a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e".into()),
            started_by: Some("priya".into()),
            message: "successfully synced (all tasks run)".into(),
        },
        backfilled: true,
    }
}

fn live_cluster() -> ClusterRow {
    ClusterRow {
        id: ClusterId { control_plane: "mgmt".into(), name: "prod-eu-1".into() },
        server: "https://10.0.0.1:6443".into(),
        environment: Environment::Known {
            name: "prod".into(),
            rank: 2,
            protected: true,
            why: "its name".into(),
        },
        freshness: Freshness::Live,
        last_contact: Some(NOW.plus_seconds(-2)),
        latency_ms: Some(38),
        version: Some("v1.35.1".into()),
        applications: 3,
        applications_unwell: 1,
        nodes: Some(NodeCounts { ready: 2, total: 3, pressure: 1 }),
        pods_not_ready: Some(1),
        cpu: Some(Usage { used: 6700, allocatable: 10_000 }),
        memory: Some(Usage { used: 91 << 30, allocatable: 100 << 30 }),
        reason: "node pool-b-7 is NotReady".into(),
    }
}

fn dead_cluster() -> ClusterRow {
    ClusterRow {
        id: ClusterId { control_plane: "mgmt".into(), name: "prod-ap-1".into() },
        freshness: Freshness::Unreachable {
            since: NOW.plus_seconds(-660),
            why: "TLS handshake timeout".into(),
        },
        last_contact: Some(NOW.plus_seconds(-660)),
        latency_ms: None,
        version: None,
        nodes: None,
        pods_not_ready: None,
        cpu: None,
        memory: None,
        applications: 1,
        applications_unwell: 0,
        reason: "TLS handshake timeout".into(),
        ..live_cluster()
    }
}

fn node() -> Node {
    Node {
        name: "pool-b-7".into(),
        ready: false,
        reason: "NotReady: the kubelet stopped answering".into(),
        kubelet: "v1.35.1".into(),
        cpu: None,
        memory: Some(Usage { used: 98, allocatable: 100 }),
        created_at: Some(NOW.plus_seconds(-86_400 * 12)),
    }
}

fn pod() -> Pod {
    Pod {
        namespace: "checkout".into(),
        name: "checkout-6c9f7d5b84-4xk2p".into(),
        reason: "CrashLoopBackOff".into(),
        why: "exit 1: missing env PAYMENT_TIMEOUT_MS".into(),
        restarts: 9,
        application: Some(id("checkout-prod")),
        since: Some(NOW.plus_seconds(-2280)),
    }
}
