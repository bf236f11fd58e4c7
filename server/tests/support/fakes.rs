//! What stands in the place of the engine.

use std::{
    pin::Pin,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use axum::http::HeaderMap;
use engine::{
    access::{
        SecretToken,
        oidc::{Begun, Callback, SignInError},
    },
    git::webhook::WebhookError,
};
use model::{
    Actor, AppError, Timestamp,
    access::{AskPermission, CreateToken, CreatedToken, Permissions, SessionList, SignInOptions, TokenList},
    actor::ActorKind,
    application::{ApplicationDetail, ApplicationId, ApplicationList, ListApplications},
    apps::{AppDetail, CellDetail, CellId, Comparison, ListApps, Matrix, SavedView},
    backend::{Access, Answer, Apps, Changes, Fleet, Gates, Operations, Plans, Record},
    change::{ChangeDetail, ChangeList, DecideChange, ListChanges, StartChange, Started, WaitingList},
    cluster::{ClusterDetail, ClusterId, ClusterList},
    gate::{CreateFreeze, GateList, PlaceHold},
    operation::{Outcome, RefreshKind, SyncApplication, SyncPreview},
    overview::{Counts, Navigation, Overview},
    plan::{AskPlan, EarlierStates, PlanDetail},
    record::{CanonicalEvent, EventDetail, EventList, ExportPart, Head, ListEvents, SealedEvent},
    repository::RepositoryList,
};
use secrecy::{ExposeSecret as _, SecretString};
use server::http::{Caller, Later, Readiness, Sessions, SignInStep, Webhooks};
use tokio::sync::watch;

/// The password that the fake knows.
pub(crate) const PASSWORD: &str = "correct horse";
const TOKEN: &str = "token-of-the-session";
/// The API token that the fake knows: it may read.
pub(crate) const API_TOKEN: &str = "qd_token-of-a-program";

/// A fleet of which only the count of apps is known.
pub(crate) struct FakeFleet {
    apps: AtomicU32,
    /// How often the overview was read; it is also the clock.
    pub(crate) reads: AtomicU32,
    changes: watch::Sender<u64>,
}

impl Default for FakeFleet {
    fn default() -> Self {
        Self { apps: AtomicU32::default(), reads: AtomicU32::default(), changes: watch::Sender::new(0) }
    }
}

impl FakeFleet {
    /// Changes what is shown.
    pub(crate) fn has_apps(&self, apps: u32) {
        self.apps.store(apps, Ordering::SeqCst);
        self.takes_snapshot();
    }

    /// Takes a new snapshot, of whatever there is.
    pub(crate) fn takes_snapshot(&self) {
        self.changes.send_modify(|generation| *generation += 1);
    }

    fn overview(&self) -> Overview {
        Overview {
            now: Timestamp(i64::from(self.reads.fetch_add(1, Ordering::SeqCst)) + 1),
            apps: self.apps.load(Ordering::SeqCst),
            applications: 0,
            counts: Counts::default(),
            attention: Vec::new(),
            attention_total: 0,
            clusters: Vec::new(),
            operations: Vec::new(),
            control_planes: Vec::new(),
            warnings: Vec::new(),
            freezes: Vec::new(),
            changes: Vec::new(),
        }
    }
}

impl Fleet for FakeFleet {
    fn get_overview<'a>(&'a self, _: &'a Actor) -> Answer<'a, Overview> {
        Box::pin(async { Ok(self.overview()) })
    }

    fn get_navigation<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Navigation> {
        Box::pin(async { Ok(Navigation { actor: actor.name.clone(), ..Navigation::default() }) })
    }

    fn list_applications<'a>(&'a self, _: &'a Actor, _: ListApplications) -> Answer<'a, ApplicationList> {
        absent()
    }

    fn get_application<'a>(&'a self, _: &'a Actor, _: ApplicationId) -> Answer<'a, ApplicationDetail> {
        absent()
    }

    fn list_clusters<'a>(&'a self, _: &'a Actor) -> Answer<'a, ClusterList> {
        panic!("the fake has no clusters");
    }

    fn get_cluster<'a>(&'a self, _: &'a Actor, _: ClusterId) -> Answer<'a, ClusterDetail> {
        absent()
    }

    fn snapshots(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

impl Apps for FakeFleet {
    fn get_matrix<'a>(&'a self, _: &'a Actor, _: ListApps) -> Answer<'a, Matrix> {
        absent()
    }

    fn get_app<'a>(&'a self, _: &'a Actor, _: String) -> Answer<'a, AppDetail> {
        absent()
    }

    fn get_cell<'a>(&'a self, _: &'a Actor, _: CellId) -> Answer<'a, CellDetail> {
        absent()
    }

    fn compare_environments<'a>(
        &'a self,
        _: &'a Actor,
        _: String,
        _: String,
        _: String,
    ) -> Answer<'a, Comparison> {
        absent()
    }

    fn save_view<'a>(&'a self, _: &'a Actor, _: SavedView) -> Answer<'a, Outcome> {
        absent()
    }

    fn delete_view<'a>(&'a self, _: &'a Actor, _: String) -> Answer<'a, Outcome> {
        absent()
    }

    fn list_repositories<'a>(&'a self, _: &'a Actor) -> Answer<'a, RepositoryList> {
        absent()
    }

    fn fetch_repository<'a>(&'a self, _: &'a Actor, _: String) -> Answer<'a, Outcome> {
        absent()
    }
}

impl Plans for FakeFleet {
    fn preview_plan<'a>(&'a self, _: &'a Actor, _: AskPlan) -> Answer<'a, PlanDetail> {
        absent()
    }

    fn make_plan<'a>(&'a self, _: &'a Actor, _: AskPlan) -> Answer<'a, PlanDetail> {
        absent()
    }

    fn get_plan<'a>(&'a self, _: &'a Actor, _: String) -> Answer<'a, PlanDetail> {
        absent()
    }

    fn list_earlier_states<'a>(&'a self, _: &'a Actor, _: CellId) -> Answer<'a, EarlierStates> {
        absent()
    }
}

impl Changes for FakeFleet {
    fn start_change<'a>(&'a self, _: &'a Actor, _: StartChange) -> Answer<'a, Started> {
        absent()
    }

    fn get_change<'a>(&'a self, _: &'a Actor, _: u64) -> Answer<'a, ChangeDetail> {
        absent()
    }

    fn list_changes<'a>(&'a self, _: &'a Actor, _: ListChanges) -> Answer<'a, ChangeList> {
        absent()
    }

    fn cancel_change<'a>(&'a self, _: &'a Actor, _: u64) -> Answer<'a, Outcome> {
        absent()
    }

    fn decide_change<'a>(&'a self, _: &'a Actor, _: DecideChange) -> Answer<'a, Outcome> {
        absent()
    }

    fn list_waiting<'a>(&'a self, _: &'a Actor) -> Answer<'a, WaitingList> {
        absent()
    }
}

impl Gates for FakeFleet {
    fn list_gates<'a>(&'a self, _: &'a Actor) -> Answer<'a, GateList> {
        absent()
    }

    fn create_freeze<'a>(&'a self, _: &'a Actor, _: CreateFreeze) -> Answer<'a, Outcome> {
        absent()
    }

    fn end_freeze<'a>(&'a self, _: &'a Actor, _: u64) -> Answer<'a, Outcome> {
        absent()
    }

    fn place_hold<'a>(&'a self, _: &'a Actor, _: PlaceHold) -> Answer<'a, Outcome> {
        absent()
    }

    fn release_hold<'a>(&'a self, _: &'a Actor, _: u64) -> Answer<'a, Outcome> {
        absent()
    }
}

impl Access for FakeFleet {
    fn sign_in_options(&self) -> SignInOptions {
        SignInOptions { local_admin: true, ..SignInOptions::default() }
    }

    fn list_sessions<'a>(&'a self, _: &'a Actor, _: bool) -> Answer<'a, SessionList> {
        absent()
    }

    fn end_session<'a>(&'a self, _: &'a Actor, _: String) -> Answer<'a, Outcome> {
        absent()
    }

    fn list_tokens<'a>(&'a self, _: &'a Actor, _: bool) -> Answer<'a, TokenList> {
        absent()
    }

    fn create_token<'a>(&'a self, _: &'a Actor, _: CreateToken) -> Answer<'a, CreatedToken> {
        absent()
    }

    fn revoke_token<'a>(&'a self, _: &'a Actor, _: String) -> Answer<'a, Outcome> {
        absent()
    }

    fn get_permissions<'a>(&'a self, _: &'a Actor, _: AskPermission) -> Answer<'a, Permissions> {
        absent()
    }
}

impl Operations for FakeFleet {
    fn preview_sync<'a>(&'a self, _: &'a Actor, _: ApplicationId) -> Answer<'a, SyncPreview> {
        absent()
    }

    fn sync_application<'a>(&'a self, _: &'a Actor, _: SyncApplication) -> Answer<'a, Outcome> {
        absent()
    }

    fn refresh_application<'a>(
        &'a self,
        _: &'a Actor,
        _: ApplicationId,
        _: RefreshKind,
    ) -> Answer<'a, Outcome> {
        absent()
    }

    fn terminate_operation<'a>(&'a self, _: &'a Actor, _: ApplicationId) -> Answer<'a, Outcome> {
        absent()
    }
}

/// A record of three events, in parts of one, to whom the filter does not ask for somebody else.
impl Record for FakeFleet {
    fn list_events<'a>(&'a self, _: &'a Actor, _: ListEvents) -> Answer<'a, EventList> {
        absent()
    }

    fn get_event<'a>(&'a self, _: &'a Actor, _: String) -> Answer<'a, EventDetail> {
        absent()
    }

    fn export_events<'a>(&'a self, _: &'a Actor, query: ListEvents, after: u64) -> Answer<'a, ExportPart> {
        if query.who == "nobody" {
            return absent();
        }
        let seq = after + 1;
        let event = SealedEvent { seq, hash: format!("hash-{seq}"), event: recorded(seq) };
        let next = (seq < 3).then_some(seq);
        let after = Head { seq: 0, hash: "beginning".into() };
        Box::pin(async move { Ok(ExportPart { after, events: vec![event], next }) })
    }
}

fn recorded(seq: u64) -> CanonicalEvent {
    CanonicalEvent {
        actor: "=HYPERLINK(1)".into(),
        actor_groups: Vec::new(),
        actor_kind: "person".into(),
        address: None,
        app: None,
        at: "2026-11-24T14:20:03.123456Z".into(),
        control_plane: None,
        details: "{\"a\": \"b, c\"}".into(),
        environment: None,
        id: format!("id-{seq}"),
        object: "application lab/argocd/web".into(),
        observed: false,
        outcome: "requested".into(),
        outcome_of: None,
        reason: String::new(),
        request_id: "r".into(),
        session: None,
        verb: "sync".into(),
    }
}

fn absent<'a, T>() -> Answer<'a, T> {
    Box::pin(async { Err(AppError::NotFound { what: "What you look for".into() }) })
}

/// One person with one session.
#[derive(Default)]
pub(crate) struct FakeSessions {
    ended: AtomicBool,
    /// The address of whoever signed in last.
    pub(crate) address: Mutex<Option<String>>,
}

impl FakeSessions {
    /// Returns the token of the session.
    pub(crate) fn token(&self) -> &'static str {
        TOKEN
    }

    /// Ends the session from elsewhere.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
    }
}

impl Sessions for FakeSessions {
    fn sign_in<'a>(
        &'a self,
        name: &'a str,
        password: SecretString,
        caller: &'a Caller,
        _: Option<&'a str>,
    ) -> Answer<'a, SecretString> {
        Box::pin(async move {
            *self.address.lock().expect("unpoisoned") = caller.address_text();
            if name == "admin" && password.expose_secret() == PASSWORD {
                return Ok(TOKEN.into());
            }
            Err(AppError::Invalid { field: "Name or password".into(), why: "they do not match".into() })
        })
    }

    fn begin_sign_in<'a>(&'a self, provider: &'a str, _: &'a str, _: &'a str) -> SignInStep<'a, Begun> {
        Box::pin(async { Err(SignInError::NoProvider(provider.to_owned())) })
    }

    fn finish_sign_in<'a>(
        &'a self,
        provider: &'a str,
        _: &'a str,
        _: Callback<'a>,
        _: &'a Caller,
        _: Option<&'a str>,
    ) -> SignInStep<'a, (SecretToken, String)> {
        Box::pin(async { Err(SignInError::NoProvider(provider.to_owned())) })
    }

    fn actor_of_token<'a>(&'a self, token: &'a str, caller: &'a Caller) -> Answer<'a, Option<Actor>> {
        Box::pin(async move {
            Ok((token == API_TOKEN).then(|| Actor {
                name: "alice (ci)".into(),
                subject: "u-alice".into(),
                kind: ActorKind::Token,
                groups: Vec::new(),
                session: None,
                scopes: vec!["*, get, *".into()],
                request_id: caller.request_id.clone(),
                address: caller.address_text(),
            }))
        })
    }

    fn logout_url<'a>(&'a self, _: &'a str, _: &'a str) -> Later<'a, Option<String>> {
        Box::pin(async { None })
    }

    fn actor_of<'a>(&'a self, token: &'a str, caller: &'a Caller) -> Answer<'a, Option<Actor>> {
        Box::pin(async move {
            let lives = token == TOKEN && !self.ended.load(Ordering::SeqCst);
            Ok(lives.then(|| Actor {
                name: "admin".into(),
                kind: ActorKind::LocalAdmin,
                groups: Vec::new(),
                subject: "admin".into(),
                session: None,
                scopes: Vec::new(),
                request_id: caller.request_id.clone(),
                address: caller.address_text(),
            }))
        })
    }

    fn sign_out<'a>(&'a self, _: &'a Actor, _: &'a str) -> Answer<'a, ()> {
        Box::pin(async {
            self.end();
            Ok(())
        })
    }
}

/// Ready, unless a test says why not.
#[derive(Default)]
pub(crate) struct FakeReadiness {
    pub(crate) why_not: Mutex<Option<String>>,
}

impl Readiness for FakeReadiness {
    fn readiness(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        let why_not = self.why_not.lock().expect("unpoisoned").clone();
        Box::pin(async { why_not.map_or(Ok(()), Err) })
    }
}

/// No forge is known here.
impl Webhooks for FakeReadiness {
    fn receive<'a>(&'a self, _: &'a HeaderMap, body: &'a [u8]) -> Later<'a, Result<(), WebhookError>> {
        Box::pin(async move { if body == b"signed" { Ok(()) } else { Err(WebhookError::Unknown) } })
    }
}
