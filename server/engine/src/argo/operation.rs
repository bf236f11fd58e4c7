//! Acts on an Application through Argo CD's own objects: sync, refresh, terminate.
//!
//! Each act runs in the same order: look the Application up and authorise in one step, check what Argo CD's API server
//! would check, write the intent into the record, patch, and follow the operation to its end, which is a second row of
//! the record. Source: `server/application/application.go` and `util/argo/argo.go` of Argo CD.

use std::time::{Duration, Instant};

use kube::{
    Api,
    api::{Patch, PatchParams},
};
use model::{
    Actor, AppError,
    application::ApplicationId,
    operation::{Outcome, RefreshKind, ResourceRef, SyncApplication, SyncPreview},
    status::{Environment, Freshness, Phase},
};
use serde_json::{Value, json};

use super::{
    event::{self, Reason},
    types::{AUDIT_ID, FullApplication, REFRESH, Source, version_number},
};
use crate::{
    Error, Result,
    access::Verb,
    audit::{self, AuditId, Context, Denials, Entry, Intent},
    db::Db,
    error::explain_kube,
    fleet::{
        clients::Clients,
        detail::{Details, not_found},
        index::{Index, Row, Snapshot},
        view::PICK_UP_SECONDS,
    },
    tasks::Tasks,
};

/// Where an operation that runs says how far it is.
const PHASE: &str = "/status/operationState/phase";
/// How long a patch may take.
const PATCH_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a patch is tried when somebody else changed the Application in between.
const PATCH_TRIES: u32 = 5;
/// How long a refresh may take.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(30);
/// What the record says of an operation that was not seen to its end.
pub(crate) const NOT_SEEN: &str =
    "its end was not seen: the operation was removed, or another one took its place";
/// The `operation.info` entry that names the change that an operation is for.
const CHANGE: &str = "quarterdeck-change";
/// After which an act without an outcome, other than a sync, has lost whoever was at it.
const ABANDONED: Duration = Duration::from_secs(120);

/// Acts on Applications; a cheap handle.
#[derive(Clone)]
pub struct Operator {
    pub db: Db,
    pub denials: Denials,
    pub index: Index,
    pub clients: Clients,
    pub details: Details,
    pub tasks: Tasks,
}

impl Operator {
    /// Tells what a sync would do, without doing it.
    pub async fn preview_sync(&self, actor: &Actor, id: &ApplicationId) -> Result<SyncPreview> {
        let (snapshot, row) = self.find(actor, Verb::Get, id)?;
        let application = self.details.read(id).await?;
        let reference = |resource: &super::types::ResourceStatus| ResourceRef {
            group: resource.group.clone(),
            kind: resource.kind.clone(),
            namespace: resource.namespace.clone(),
            name: resource.name.clone(),
        };
        let resources = || application.status.resources.iter().filter(|resource| !resource.hook);
        Ok(SyncPreview {
            typed_environment: row
                .environment
                .name()
                .filter(|_| row.environment.is_protected())
                .map(str::to_owned),
            cluster: row.cluster.name.clone(),
            out_of_sync: resources().filter(|it| it.status == "OutOfSync").map(reference).collect(),
            pruned: resources().filter(|it| it.requires_pruning).map(reference).collect(),
            window: snapshot.window_verdict(&row),
            refused: refusal(&snapshot, &row, &application),
        })
    }

    /// Writes a sync operation and follows it; returns once it is written.
    pub async fn sync(&self, actor: &Actor, request: &SyncApplication) -> Result<Outcome> {
        let id = &request.id;
        let intent = |row: &Row| {
            let details = json!({
                "application": id, "uid": row.uid, "resources": request.resources, "prune": request.prune,
                "dry_run": request.dry_run, "revision_before": row.revision, "target_revision": row.target_revision,
            });
            entry("sync", row, details)
        };
        let (snapshot, row) = match self.find(actor, Verb::Sync, id) {
            Ok(found) => found,
            Err(error) => return Err(self.refuse_denied(actor, id, "sync", error).await?),
        };
        let application = self.details.read(id).await?;
        let resources = match selected(request, &application) {
            Ok(resources) => resources,
            Err(error) => return Err(self.refuse(actor, intent(&row), error).await?),
        };
        if let Some(error) = typed_wrongly(&row.environment, &request.typed_environment) {
            return Err(self.refuse(actor, intent(&row), error).await?);
        }
        if let Some(why) = refusal(&snapshot, &row, &application) {
            return Err(self.refuse(actor, intent(&row), AppError::Conflict { why }).await?);
        }
        let audit_id = AuditId::fresh();
        let operation = operation(actor, request, &resources, &application, &audit_id);
        let intent = with_patch(intent(&row), start_of(&application, &operation));
        audit::begin_as(&self.db, audit_id, actor, intent).await?;
        let written = self
            .patch(id, application, |application| match busy(application) {
                Some(why) => Err(Error::Answer(AppError::Conflict { why })),
                None => Ok(start_of(application, &operation)),
            })
            .await;
        if let Err(error) = written {
            self.finish_failed(actor, audit_id, &error).await?;
            return Err(error);
        }
        let what = format!("initiated sync to {}", or_head(&row.target_revision));
        self.tell(actor, id, &row.uid, Reason::OperationStarted, what);
        self.follow(actor.clone(), id.clone(), row.uid.clone(), audit_id);
        let act = if request.dry_run { "A dry run of" } else { "The sync of" };
        let what =
            if resources.is_empty() { String::new() } else { format!(" ({} resources)", resources.len()) };
        let sentence = format!("{act} {}{what} is asked for.", id.name);
        Ok(Outcome { audit_id: audit_id.to_string(), sentence })
    }

    /// Asks the controller to compare with Git again, and waits until it has.
    pub async fn refresh(&self, actor: &Actor, id: &ApplicationId, kind: RefreshKind) -> Result<Outcome> {
        let word = match kind {
            RefreshKind::Normal => "normal",
            RefreshKind::Hard => "hard",
        };
        let (_, row) = match self.find(actor, Verb::Refresh, id) {
            Ok(found) => found,
            Err(error) => return Err(self.refuse_denied(actor, id, "refresh", error).await?),
        };
        let intent = entry("refresh", &row, json!({"kind": word, "patch": refresh_patch(word)}));
        let audit_id = audit::begin(&self.db, actor, intent).await?;
        let begin = Instant::now();
        let refreshed = match self.annotate_refresh(id, word).await {
            Ok(version) => self.wait_for_refresh(id, version).await,
            Err(error) => Err(error),
        };
        if let Err(error) = refreshed {
            self.finish_failed(actor, audit_id, &error).await?;
            return Err(error);
        }
        audit::finish(&self.db, audit_id, actor, audit::Outcome::succeeded()).await?;
        let sentence =
            format!("{} was compared with Git in {:.1} s.", id.name, begin.elapsed().as_secs_f64());
        Ok(Outcome { audit_id: audit_id.to_string(), sentence })
    }

    /// Asks the controller to compare with Git again, for a change of the actor's, and does not wait until it has. The
    /// right to the change covers it.
    ///
    /// # Errors
    /// An Application that is not there, or a control plane that does not take it.
    pub async fn refresh_for_change(&self, actor: &Actor, id: &ApplicationId, change: i64) -> Result<()> {
        let snapshot = self.index.load();
        let row = snapshot.row(id).ok_or_else(|| not_found(id))?;
        let details = json!({"kind": "normal", "change": change, "patch": refresh_patch("normal")});
        let audit_id = audit::begin(&self.db, actor, entry("refresh", row, details)).await?;
        if let Err(error) = self.annotate_refresh(id, "normal").await {
            self.finish_failed(actor, audit_id, &error).await?;
            return Err(error);
        }
        audit::finish(&self.db, audit_id, actor, audit::Outcome::succeeded()).await
    }

    /// Writes a sync to the commit of a change of the actor's, under an id in the record that the caller has noted, and
    /// follows it; returns once it is written. The right to the change covers it.
    ///
    /// # Errors
    /// What stands against a sync now: then nothing was written.
    pub async fn sync_for_change(
        &self,
        actor: &Actor,
        audit_id: AuditId,
        id: &ApplicationId,
        change: i64,
        revision: &str,
    ) -> Result<()> {
        let snapshot = self.index.load();
        let row = snapshot.row(id).cloned().ok_or_else(|| not_found(id))?;
        let details = json!({
            "application": id, "uid": row.uid, "change": change, "revision": revision,
            "revision_before": row.revision, "target_revision": row.target_revision,
        });
        let intent = entry("sync", &row, details);
        let application = self.details.read(id).await?;
        let refused = refusal_for_change(&application).or_else(|| refusal(&snapshot, &row, &application));
        if let Some(why) = refused {
            return Err(self.refuse(actor, intent, AppError::Conflict { why }).await?);
        }
        let operation = operation_for_change(actor, &application, &audit_id, change, revision);
        let intent = with_patch(intent, start_of(&application, &operation));
        audit::begin_as(&self.db, audit_id, actor, intent).await?;
        let written = self
            .patch(id, application, |application| {
                let refused = refusal_for_change(application).or_else(|| busy(application));
                match refused {
                    Some(why) => Err(Error::Answer(AppError::Conflict { why })),
                    None => Ok(start_of(application, &operation)),
                }
            })
            .await;
        if let Err(error) = written {
            self.finish_failed(actor, audit_id, &error).await?;
            return Err(error);
        }
        let what = format!("initiated sync to {revision} for change {change}");
        self.tell(actor, id, &row.uid, Reason::OperationStarted, what);
        self.follow(actor.clone(), id.clone(), row.uid.clone(), audit_id);
        Ok(())
    }

    /// Asks the controller to end the running operation.
    pub async fn terminate(&self, actor: &Actor, id: &ApplicationId) -> Result<Outcome> {
        let (_, row) = match self.find(actor, Verb::Terminate, id) {
            Ok(found) => found,
            Err(error) => return Err(self.refuse_denied(actor, id, "terminate", error).await?),
        };
        let operation = row.operation.as_ref().and_then(|it| it.audit_id.clone());
        let intent = entry("terminate", &row, json!({"operation": operation}));
        let application = self.details.read(id).await?;
        if let Some(error) = not_running(&application) {
            return Err(self.refuse(actor, intent, error).await?);
        }
        let end = vec![json!({"op": "replace", "path": PHASE, "value": "Terminating"})];
        let intent = with_patch(intent, end.clone());
        let audit_id = audit::begin(&self.db, actor, intent).await?;
        let written = self
            .patch(id, application, |application| match not_running(application) {
                Some(error) => Err(Error::Answer(error)),
                None => Ok(end.clone()),
            })
            .await;
        if let Err(error) = written {
            self.finish_failed(actor, audit_id, &error).await?;
            return Err(error);
        }
        self.tell(actor, id, &row.uid, Reason::ResourceUpdated, "terminated running operation".into());
        audit::finish(&self.db, audit_id, actor, audit::Outcome::succeeded()).await?;
        let sentence = format!("The operation of {} is being ended.", id.name);
        Ok(Outcome { audit_id: audit_id.to_string(), sentence })
    }

    /// Follows again what was asked for before this program started, so that each act on record gets its end.
    pub async fn resume(&self) -> Result<()> {
        for act in audit::unfinished(&self.db).await? {
            let id = serde_json::from_value::<ApplicationId>(act.details["application"].clone());
            match (act.verb.as_str(), id) {
                ("sync", Ok(id)) => {
                    let uid = act.details["uid"].as_str().unwrap_or_default().to_owned();
                    self.follow(act.actor, id, uid, act.id);
                }
                // Another replica may be at a short act right now; an old one has lost whoever was at it.
                _ if jiff::Timestamp::now().as_millisecond() - act.at.0 > ABANDONED.as_millis() as i64 => {
                    let outcome = audit::Outcome::failed("Quarterdeck ended before the outcome was known");
                    audit::finish(&self.db, act.id, &act.actor, outcome).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn find(
        &self,
        actor: &Actor,
        verb: Verb,
        id: &ApplicationId,
    ) -> Result<(std::sync::Arc<Snapshot>, std::sync::Arc<Row>)> {
        let snapshot = self.index.load();
        let row = snapshot.row(id).cloned().ok_or_else(|| not_found(id))?;
        snapshot.rights.authorize(actor, verb, &snapshot.object_of(&row))?;
        Ok((snapshot, row))
    }

    async fn refuse_denied(
        &self,
        actor: &Actor,
        id: &ApplicationId,
        verb: &'static str,
        error: Error,
    ) -> Result<Error> {
        if let Error::Answer(answer) = &error {
            let intent = Intent { verb, object: object_of(id), environment: None, details: json!({}) };
            let context = Context { control_plane: Some(id.control_plane.clone()), ..Context::default() };
            self.denials.deny(&self.db, actor, intent.within(context), answer.to_string()).await?;
        }
        Ok(error)
    }

    async fn refuse(&self, actor: &Actor, intent: Entry, answer: AppError) -> Result<Error> {
        audit::refuse(&self.db, actor, intent, audit::Outcome::refused(answer.to_string())).await?;
        Ok(Error::Answer(answer))
    }

    async fn finish_failed(&self, actor: &Actor, id: AuditId, error: &Error) -> Result<()> {
        let why = match error {
            Error::Kube { source, .. } => explain_kube(source),
            other => other.to_string(),
        };
        audit::finish(&self.db, id, actor, audit::Outcome::failed(why)).await
    }

    fn api(&self, id: &ApplicationId) -> Result<Api<FullApplication>> {
        let client = self.clients.of_plane(&id.control_plane).ok_or_else(|| not_found(id))?;
        Ok(Api::namespaced(client, &id.namespace))
    }

    /// Patches against the version that was read; where somebody was faster, reads and checks again.
    async fn patch(
        &self,
        id: &ApplicationId,
        mut application: FullApplication,
        patch_of: impl Fn(&FullApplication) -> Result<Vec<Value>>,
    ) -> Result<()> {
        let api = self.api(id)?;
        let server = || format!("control plane {}", id.control_plane);
        for attempt in 1..=PATCH_TRIES {
            let version = application.metadata.resource_version.clone().unwrap_or_default();
            let mut patch =
                vec![json!({"op": "test", "path": "/metadata/resourceVersion", "value": version})];
            patch.extend(patch_of(&application)?);
            let patch: json_patch::Patch =
                serde_json::from_value(Value::Array(patch)).map_err(|error| Error::Bug(error.to_string()))?;
            let params = PatchParams::default();
            let patch = Patch::<()>::Json(patch);
            let answer = tokio::time::timeout(PATCH_TIMEOUT, api.patch(&id.name, &params, &patch)).await;
            let error = match answer {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => error,
                Err(_) => {
                    return Err(Error::Timeout {
                        server: server(),
                        what: "take the change",
                        seconds: PATCH_TIMEOUT.as_secs(),
                    });
                }
            };
            // A failed test answers 422 without details, a write in between 409: only a new read tells which it was.
            let is_conflict = matches!(&error, kube::Error::Api(status) if matches!(status.code, 409 | 422));
            if !is_conflict {
                return Err(Error::Kube {
                    server: server(),
                    what: "take the change",
                    source: Box::new(error),
                });
            }
            let newer = self.details.read(id).await?;
            if newer.metadata.resource_version == application.metadata.resource_version {
                return Err(Error::Kube {
                    server: server(),
                    what: "take the change",
                    source: Box::new(error),
                });
            }
            application = newer;
            tokio::time::sleep(Duration::from_millis(50) * attempt * attempt).await;
        }
        Err(Error::Answer(AppError::Conflict {
            why: format!("{} is changed by others all the time; try again in a moment.", id.name),
        }))
    }

    async fn annotate_refresh(&self, id: &ApplicationId, word: &str) -> Result<i64> {
        let api = self.api(id)?;
        let server = || format!("control plane {}", id.control_plane);
        let patch = Patch::Merge(refresh_patch(word));
        let params = PatchParams::default();
        let answer = tokio::time::timeout(PATCH_TIMEOUT, api.patch_metadata(&id.name, &params, &patch)).await;
        match answer {
            Ok(Ok(object)) => Ok(version_number(object.metadata.resource_version.as_deref())),
            Ok(Err(source)) => {
                Err(Error::Kube { server: server(), what: "take the refresh", source: Box::new(source) })
            }
            Err(_) => Err(Error::Timeout {
                server: server(),
                what: "take the refresh",
                seconds: PATCH_TIMEOUT.as_secs(),
            }),
        }
    }

    /// The controller removes the annotation in the same patch that writes what it found.
    async fn wait_for_refresh(&self, id: &ApplicationId, version: i64) -> Result<()> {
        let done = self.wait(|snapshot| {
            let row = snapshot.row(id)?;
            (!row.refreshing && row.resource_version > version).then_some(())
        });
        tokio::time::timeout(REFRESH_TIMEOUT, done).await.map_err(|_| {
            Error::Answer(AppError::Unavailable {
                what: format!("The application controller of control plane {}", id.control_plane),
                why: format!("it did not take up the refresh in {} s", REFRESH_TIMEOUT.as_secs()),
            })
        })
    }

    /// Waits for a snapshot that answers.
    async fn wait<T>(&self, mut look: impl FnMut(&Snapshot) -> Option<T>) -> T {
        let mut generations = self.index.generations();
        loop {
            generations.borrow_and_update();
            if let Some(answer) = look(&self.index.load()) {
                return answer;
            }
            if generations.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Writes a Kubernetes Event beside the act, which does not wait for it.
    fn tell(&self, actor: &Actor, id: &ApplicationId, uid: &str, reason: Reason, what: String) {
        let Some(client) = self.clients.of_plane(&id.control_plane) else { return };
        let (actor, id, uid) = (actor.clone(), id.clone(), uid.to_owned());
        self.tasks.spawn_once(format!("write an Event of {}", id.name), async move {
            event::write(client, &actor, &id, &uid, reason, &what).await;
            Ok(())
        });
    }

    /// Writes the outcome of an operation into the record when it comes.
    fn follow(&self, actor: Actor, id: ApplicationId, uid: String, audit_id: AuditId) {
        let operator = self.clone();
        self.tasks.spawn_once(format!("follow the sync of {}", id.name), async move {
            let outcome = operator.end_of(&id, &uid, audit_id).await;
            audit::finish(&operator.db, audit_id, &actor, outcome).await
        });
    }

    async fn end_of(&self, id: &ApplicationId, uid: &str, audit_id: AuditId) -> audit::Outcome {
        let ours = audit_id.to_string();
        let mut unseen_since: Option<Instant> = None;
        loop {
            let mut generations = self.index.generations();
            generations.borrow_and_update();
            let snapshot = self.index.load();
            let is_listed = snapshot.planes.get(&id.control_plane).is_some_and(|plane| plane.listed);
            match state_of(&snapshot, id, uid, &ours) {
                Seen::Over(outcome) => return outcome,
                Seen::Underway => unseen_since = None,
                // Before the first list nothing is known; after it, our own write may still be on its way to us.
                Seen::Not(outcome) if is_listed => {
                    let since = *unseen_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= Duration::from_secs(PICK_UP_SECONDS.unsigned_abs()) {
                        return outcome;
                    }
                }
                Seen::Not(_) => {}
            }
            // A quiet fleet makes no snapshots: the wait for what is not seen is looked at again all the same.
            let _quiet = tokio::time::timeout(Duration::from_secs(5), generations.changed()).await;
        }
    }
}

enum Seen {
    Over(audit::Outcome),
    Underway,
    Not(audit::Outcome),
}

fn state_of(snapshot: &Snapshot, id: &ApplicationId, uid: &str, ours: &str) -> Seen {
    let gone = || Seen::Not(audit::Outcome::failed("the Application was deleted"));
    let Some(row) = snapshot.row(id).filter(|row| row.uid == uid) else { return gone() };
    if row.requested.as_ref().is_some_and(|it| it.audit_id.as_deref() == Some(ours)) {
        return Seen::Underway;
    }
    match &row.operation {
        Some(operation) if operation.audit_id.as_deref() == Some(ours) => match operation.phase {
            Phase::Succeeded => {
                let details = json!({"message": operation.message, "revision": operation.revision});
                Seen::Over(audit::Outcome { details, ..audit::Outcome::succeeded() })
            }
            Phase::Failed | Phase::Error => Seen::Over(audit::Outcome::failed(operation.message.clone())),
            Phase::Requested | Phase::Running | Phase::Terminating => Seen::Underway,
        },
        _ => Seen::Not(audit::Outcome::failed(NOT_SEEN)),
    }
}

/// The revision that Argo CD takes where none is named.
fn or_head(revision: &str) -> &str {
    if revision.is_empty() { "HEAD" } else { revision }
}

/// Returns what is about to be done with an Application.
fn entry(verb: &'static str, row: &Row, details: Value) -> Entry {
    let environment = row.environment.name().map(str::to_owned);
    let context = Context {
        control_plane: Some(row.id.control_plane.clone()),
        app: Some(row.app.clone()),
        ..Context::default()
    };
    Intent { verb, object: object_of(&row.id), environment, details }.within(context)
}

/// Returns what is about to be done with the exact patch that will be written.
fn with_patch(mut entry: Entry, patch: Vec<Value>) -> Entry {
    entry.intent.details["patch"] = Value::Array(patch);
    entry
}

/// The patch that starts an operation.
fn start_of(application: &FullApplication, operation: &Value) -> Vec<Value> {
    let mut patch = vec![json!({"op": "add", "path": "/operation", "value": operation})];
    if application.status.operation_state.is_some() {
        // Else readers take the last result for this one, and a stale Running state would be resumed.
        patch.push(json!({"op": "remove", "path": "/status/operationState"}));
    }
    patch
}

fn refresh_patch(word: &str) -> Value {
    json!({"metadata": {"annotations": {REFRESH: word}}})
}

fn object_of(id: &ApplicationId) -> String {
    format!("application {}/{}/{}", id.control_plane, id.namespace, id.name)
}

/// Says why a sync would be refused now, whoever asks; none where it would not.
fn refusal(snapshot: &Snapshot, row: &Row, application: &FullApplication) -> Option<String> {
    let name = &row.id.name;
    if let Environment::Contradictory { why } = &row.environment {
        return Some(format!("The environment of {name} is not clear: {why}. Name it in the settings."));
    }
    if application.metadata.deletion_timestamp.is_some() {
        return Some(format!("{name} is being deleted."));
    }
    if let Some(why) = busy(application) {
        return Some(why);
    }
    if let Freshness::Stale { why, .. } | Freshness::Unreachable { why, .. } = snapshot.freshness(row) {
        return Some(format!(
            "Cluster {} does not answer ({why}), so a sync cannot be done.",
            row.cluster.name
        ));
    }
    let verdict = snapshot.window_verdict(row)?;
    (!verdict.allowed).then(|| format!("A sync window denies it: {}.", verdict.why))
}

/// Says why a change writes no sync into an Application, whatever its state is; none where it may.
fn refusal_for_change(application: &FullApplication) -> Option<String> {
    let spec = &application.spec;
    if spec.sync_policy.is_automated() {
        return Some("Auto-sync is on, so Argo CD brings the commit by itself.".to_owned());
    }
    let (listed, compared) = (spec.sources.len(), application.status.sync.revisions.len());
    (listed > 0 && listed != compared).then(|| {
        format!("It lists {listed} sources, and Argo CD has not told yet what it compared each of them with.")
    })
}

/// Says which operation is in the way; none where none is.
fn busy(application: &FullApplication) -> Option<String> {
    let by = |person: Option<String>| person.unwrap_or_else(|| "Argo CD".to_owned());
    if let Some(operation) = &application.operation {
        return Some(format!(
            "Another operation is already in progress, started by {}.",
            by(operation.initiated_by.person())
        ));
    }
    let state = application.status.operation_state.as_ref()?;
    let is_running = Phase::parse(&state.phase).is_some_and(|phase| !phase.is_over());
    is_running.then(|| {
        format!(
            "Another operation is already in progress, started by {}.",
            by(state.operation.initiated_by.person())
        )
    })
}

fn not_running(application: &FullApplication) -> Option<AppError> {
    let state = application.status.operation_state.as_ref();
    let is_running = state.is_some_and(|state| state.phase == "Running");
    let why = match (&application.operation, state) {
        (Some(_), Some(_)) if is_running => return None,
        (_, Some(state)) if state.phase == "Terminating" => "The operation is being ended already.",
        (Some(_), _) => "The controller has not picked the operation up yet; try again in a moment.",
        _ => "No operation is in progress.",
    };
    Some(AppError::Conflict { why: why.to_owned() })
}

fn typed_wrongly(environment: &Environment, typed: &str) -> Option<AppError> {
    let name = environment.name().filter(|_| environment.is_protected())?;
    (typed.trim() != name).then(|| AppError::Invalid {
        field: "The typed environment".into(),
        why: format!("this is {name}; type {name} to confirm"),
    })
}

/// The resources that the request selects; each must be one of the Application.
fn selected(request: &SyncApplication, application: &FullApplication) -> Result<Vec<ResourceRef>, AppError> {
    let invalid = |key: &String| AppError::Invalid {
        field: "The selected resource".into(),
        why: format!("{key} is not a resource of {}", request.id.name),
    };
    let parse = |key: &String| {
        let reference = ResourceRef::parse(key).ok_or_else(|| invalid(key))?;
        let is_there = application.status.resources.iter().any(|it| {
            (&it.group, &it.kind, &it.namespace, &it.name)
                == (&reference.group, &reference.kind, &reference.namespace, &reference.name)
        });
        if is_there { Ok(reference) } else { Err(invalid(key)) }
    };
    request.resources.iter().map(parse).collect()
}

/// The operation to write. The controller merges nothing in: syncOptions and retry are copied from the spec here.
fn operation(
    actor: &Actor,
    request: &SyncApplication,
    resources: &[ResourceRef],
    application: &FullApplication,
    audit_id: &AuditId,
) -> Value {
    let policy = &application.spec.sync_policy;
    let mut sync = json!({"syncStrategy": {"hook": {}}});
    if request.prune {
        sync["prune"] = json!(true);
    }
    if request.dry_run {
        sync["dryRun"] = json!(true);
    }
    if !policy.sync_options.is_empty() {
        sync["syncOptions"] = json!(policy.sync_options);
    }
    if !resources.is_empty() {
        let reference = |it: &ResourceRef| {
            let mut value = json!({"kind": it.kind, "name": it.name});
            for (key, text) in [("group", &it.group), ("namespace", &it.namespace)] {
                if !text.is_empty() {
                    value[key] = json!(text);
                }
            }
            value
        };
        sync["resources"] = resources.iter().map(reference).collect();
    }
    let mut operation = json!({
        "initiatedBy": {"username": actor.name},
        "info": [{"name": AUDIT_ID, "value": audit_id.to_string()}],
        "sync": sync,
    });
    if let Some(retry) = &policy.retry {
        operation["retry"] = retry.clone();
    }
    operation
}

/// As [`operation`], of everything, to one commit.
fn operation_for_change(
    actor: &Actor,
    application: &FullApplication,
    audit_id: &AuditId,
    change: i64,
    revision: &str,
) -> Value {
    let request = SyncApplication::default();
    let mut operation = operation(actor, &request, &[], application, audit_id);
    match revisions_for_change(application, revision) {
        Some(revisions) => operation["sync"]["revisions"] = json!(revisions),
        None => operation["sync"]["revision"] = json!(revision),
    }
    if let Some(info) = operation["info"].as_array_mut() {
        info.push(json!({"name": CHANGE, "value": change.to_string()}));
    }
    operation
}

/// Where sources are listed, an operation names the revision of each: of all that follow the branch of the change its
/// commit, and of the others what Argo CD compared them with.
fn revisions_for_change(application: &FullApplication, revision: &str) -> Option<Vec<String>> {
    let sources = &application.spec.sources;
    let (_, main) = application.spec.main_source();
    let compared = &application.status.sync.revisions;
    let revision_of = |(place, source): (usize, &Source)| {
        let is_same = source.repo_url == main.repo_url && source.target_revision == main.target_revision;
        if is_same { Some(revision.to_owned()) } else { compared.get(place).cloned() }
    };
    if sources.is_empty() { None } else { sources.iter().enumerate().map(revision_of).collect() }
}

#[cfg(test)]
mod tests {
    use model::actor::ActorKind;

    use super::*;

    fn application(extra: Value) -> FullApplication {
        let mut object = json!({
            "metadata": {"name": "web", "namespace": "argocd", "resourceVersion": "7"},
            "spec": {"destination": {"name": "prod", "namespace": "web"}, "syncPolicy": {
                "syncOptions": ["CreateNamespace=true"], "retry": {"limit": 2, "backoff": {"duration": "5s"}}}},
            "status": {"resources": [
                {"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "web", "name": "web", "status": "OutOfSync"}]}
        });
        json_patch::merge(&mut object, &extra);
        serde_json::from_value(object).expect("parses")
    }

    fn actor() -> Actor {
        Actor {
            name: "alice".into(),
            kind: ActorKind::LocalAdmin,
            groups: Vec::new(),
            subject: "admin".into(),
            session: None,
            scopes: Vec::new(),
            request_id: "r".into(),
            address: None,
        }
    }

    fn written(request: &SyncApplication, application: &FullApplication) -> Value {
        let resources = selected(request, application).expect("selects");
        operation(
            &actor(),
            request,
            &resources,
            application,
            &"0198c0de-0000-7000-8000-000000000000".parse().expect("an id"),
        )
    }

    #[test]
    fn options_and_retry_are_copied_and_nothing_is_null() {
        let operation = written(&SyncApplication::default(), &application(json!({})));
        assert_eq!(operation["sync"]["syncOptions"], json!(["CreateNamespace=true"]));
        assert_eq!(operation["retry"]["limit"], 2);
        assert_eq!(operation["initiatedBy"]["username"], "alice");
        assert_eq!(operation["info"][0]["name"], AUDIT_ID);
        assert!(!operation.to_string().contains("null"), "{operation}");
        assert!(operation["sync"].get("prune").is_none());
    }

    #[test]
    fn a_change_syncs_to_its_commit_and_names_itself() {
        let id = "0198c0de-0000-7000-8000-000000000000".parse().expect("an id");
        let operation = operation_for_change(&actor(), &application(json!({})), &id, 42, "abc");
        assert_eq!(operation["sync"]["revision"], "abc");
        assert_eq!(operation["info"][0], json!({"name": AUDIT_ID, "value": id.to_string()}));
        assert_eq!(operation["info"][1], json!({"name": CHANGE, "value": "42"}));
        assert_eq!(operation["initiatedBy"]["username"], "alice");
        assert_eq!(operation["sync"]["syncOptions"], json!(["CreateNamespace=true"]));
        assert_eq!(operation["retry"]["limit"], 2);
    }

    #[test]
    fn a_change_names_the_revision_of_each_source() {
        let values = json!({"repoURL": "https://git.test/shop", "targetRevision": "main", "ref": "values"});
        let chart = json!({"repoURL": "https://charts.test", "chart": "redis", "targetRevision": "2.*"});
        let own =
            json!({"repoURL": "https://git.test/shop", "targetRevision": "main", "path": "apps/web/prod"});
        let several = application(json!({
            "spec": {"sources": [values, own, chart]},
            "status": {"sync": {"revisions": ["0ld", "0ld", "2.1.0"]}},
        }));
        assert!(refusal_for_change(&several).is_none());
        let id = "0198c0de-0000-7000-8000-000000000000".parse().expect("an id");
        let operation = operation_for_change(&actor(), &several, &id, 42, "abc");
        assert_eq!(operation["sync"]["revisions"], json!(["abc", "abc", "2.1.0"]));
        assert!(operation["sync"].get("revision").is_none());
    }

    #[test]
    fn a_change_writes_no_sync_where_argo_cd_does_it_or_has_not_compared_all_sources() {
        assert!(refusal_for_change(&application(json!({}))).is_none());
        let automated = application(json!({"spec": {"syncPolicy": {"automated": {}}}}));
        assert!(refusal_for_change(&automated).expect("a reason").contains("Auto-sync"));
        let listed = application(json!({"spec": {"sources": [{"repoURL": "https://git.test/a"}]}}));
        assert!(refusal_for_change(&listed).expect("a reason").contains("not told yet"));
    }

    #[test]
    fn only_resources_of_the_application_can_be_selected() {
        let request =
            |key: &str| SyncApplication { resources: vec![key.into()], ..SyncApplication::default() };
        let operation = written(&request("apps/Deployment/web/web"), &application(json!({})));
        let expected = json!([{"group": "apps", "kind": "Deployment", "namespace": "web", "name": "web"}]);
        assert_eq!(operation["sync"]["resources"], expected);
        for key in ["apps/Deployment/web/other", "nonsense", "/Secret/kube-system/x"] {
            assert!(selected(&request(key), &application(json!({}))).is_err(), "{key}");
        }
    }

    #[test]
    fn an_operation_in_the_way_is_named_with_its_person() {
        let pending = application(json!({"operation": {"initiatedBy": {"username": "bob"}}}));
        assert!(busy(&pending).expect("busy").contains("bob"));
        let running =
            application(json!({"status": {"operationState": {"phase": "Running", "operation": {}}}}));
        assert!(busy(&running).expect("busy").contains("Argo CD"));
        let over = application(json!({"status": {"operationState": {"phase": "Failed", "operation": {}}}}));
        assert!(busy(&over).is_none());
    }

    #[test]
    fn only_a_running_operation_can_be_ended() {
        assert!(not_running(&application(json!({}))).is_some());
        let state = |phase: &str| json!({"operation": {}, "status": {"operationState": {"phase": phase, "operation": {}}}});
        assert!(not_running(&application(state("Running"))).is_none());
        assert!(not_running(&application(state("Terminating"))).is_some());
    }

    #[test]
    fn a_protected_environment_must_be_typed() {
        let environment =
            |protected| Environment::Known { name: "prod".into(), rank: 2, protected, why: String::new() };
        assert!(typed_wrongly(&environment(true), "").is_some());
        assert!(typed_wrongly(&environment(true), "Prod").is_some());
        assert!(typed_wrongly(&environment(true), " prod ").is_none());
        assert!(typed_wrongly(&environment(false), "").is_none());
    }
}
