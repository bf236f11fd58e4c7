//! The page of one Application: what only it shows is read from the objects themselves, for a moment at a time.
//!
//! Resources, results and conditions come from the Application; the health of resources, which real installations
//! have not stored in it since Argo CD 3.0, is computed from the live objects by Argo CD's rules, and labelled as ours.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use http::Request;
use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Client};
use model::{
    Timestamp,
    application::{
        ApplicationDetail, ApplicationId, Condition, HealthSource, OperationDetail, Resource, ResourceResult,
        Source, SyncPolicy,
    },
    history::HistoryEntry,
    status::{Health, Phase, Sync},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    clients::Clients,
    index::{Row, Snapshot},
    view,
};
use crate::{
    Error, Result,
    argo::{
        health::{Judged, Verdict, judged},
        types::{FullApplication, FullOperationState, ResourceStatus, SourcesOnly},
    },
    error::explain_kube,
    metrics::Metrics,
};

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long what was read is good for, where the Application has not changed.
const FRESH: Duration = Duration::from_millis(1500);
/// How many live objects are asked for at once, and how many one by one before a whole list is cheaper.
const AT_ONCE: usize = 8;
const ONE_BY_ONE: usize = 3;
/// How many details are kept for the open pages.
const KEPT: usize = 100;

/// Reads Applications in full.
#[derive(Clone)]
pub struct Details {
    clients: Clients,
    metrics: Metrics,
    kept: Arc<Mutex<HashMap<ApplicationId, Slot>>>,
}

/// Locked while one reader fetches what all of them wait for.
type Slot = Arc<tokio::sync::Mutex<Option<Kept>>>;

struct Kept {
    at: Instant,
    resource_version: i64,
    parts: Arc<Parts>,
}

struct Parts {
    application: FullApplication,
    live: Live,
}

/// The health of the live objects, and why it is not known where it is not.
#[derive(Default)]
struct Live {
    verdicts: HashMap<Key, (Verdict, Option<Timestamp>)>,
    note: Option<String>,
}

type Key = (String, String, String, String);

impl Details {
    /// Makes a reader over these clients.
    pub fn new(clients: Clients, metrics: Metrics) -> Self {
        Self { clients, metrics, kept: Arc::default() }
    }

    /// Reads one Application from its control plane.
    ///
    /// # Errors
    /// The control plane does not answer, or the Application is gone.
    pub async fn read(&self, id: &ApplicationId) -> Result<FullApplication> {
        self.get(id).await
    }

    async fn get<K>(&self, id: &ApplicationId) -> Result<K>
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + fmt::Debug,
    {
        let server = || format!("control plane {}", id.control_plane);
        let client = self.clients.of_plane(&id.control_plane).ok_or_else(|| Error::Timeout {
            server: server(),
            what: "connect",
            seconds: TIMEOUT.as_secs(),
        })?;
        let api: Api<K> = Api::namespaced(client, &id.namespace);
        let begin = Instant::now();
        let answer = tokio::time::timeout(TIMEOUT, api.get_opt(&id.name)).await;
        let outcome = match &answer {
            Ok(Ok(_)) => "ok",
            Ok(Err(_)) => "error",
            Err(_) => "timeout",
        };
        self.metrics.external_call("control_plane", outcome, begin.elapsed());
        let what = "read the Application";
        match answer {
            Ok(Ok(Some(application))) => Ok(application),
            Ok(Ok(None)) => Err(not_found(id)),
            Ok(Err(source)) => Err(Error::Kube { server: server(), what, source: Box::new(source) }),
            Err(_) => Err(Error::Timeout { server: server(), what, seconds: TIMEOUT.as_secs() }),
        }
    }

    /// Reads the sources of an Application as they stand in its object, with all that Argo CD knows and we do not.
    ///
    /// # Errors
    /// As [`Details::read`].
    pub async fn read_sources(&self, id: &ApplicationId) -> Result<Vec<Value>> {
        let application: SourcesOnly = self.get(id).await?;
        Ok(application.spec.into_sources())
    }

    /// Draws the page. Where the control plane does not answer, it shows what the index knows and says so.
    pub async fn draw(
        &self,
        snapshot: &Snapshot,
        row: &Row,
        history: Vec<HistoryEntry>,
        now: Timestamp,
    ) -> ApplicationDetail {
        match self.parts(snapshot, row).await {
            Ok(parts) => draw(snapshot, row, &parts, history, now),
            Err(error) => {
                let why = match &error {
                    Error::Kube { source, .. } => explain_kube(source),
                    other => other.to_string(),
                };
                let note = format!("Resources are not known now: {why}");
                without_object(snapshot, row, note, history, now)
            }
        }
    }

    /// One page or a hundred: the objects are read once within a moment.
    async fn parts(&self, snapshot: &Snapshot, row: &Row) -> Result<Arc<Parts>> {
        let slot = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() >= KEPT && !kept.contains_key(&row.id) {
                // Those that somebody waits for have another owner; the others are read again when wanted.
                kept.retain(|_, slot| Arc::strong_count(slot) > 1);
            }
            kept.entry(row.id.clone()).or_default().clone()
        };
        let mut slot = slot.lock().await;
        if let Some(kept) = &*slot
            && kept.resource_version == row.resource_version
            && kept.at.elapsed() < FRESH
        {
            return Ok(kept.parts.clone());
        }
        let application = self.read(&row.id).await?;
        let live = self.live(snapshot, row, &application.status.resources).await;
        let parts = Arc::new(Parts { application, live });
        let resource_version = row.resource_version;
        *slot = Some(Kept { at: Instant::now(), resource_version, parts: parts.clone() });
        Ok(parts)
    }

    async fn live(&self, snapshot: &Snapshot, row: &Row, resources: &[ResourceStatus]) -> Live {
        let mut wanted: HashMap<(&'static str, &'static str, &str), (&'static Judged, Vec<&str>)> =
            HashMap::new();
        for resource in resources.iter().filter(|resource| resource.health.is_none()) {
            if let Some(rule) = judged(&resource.group, &resource.kind) {
                let key = (rule.group, rule.kind, resource.namespace.as_str());
                wanted.entry(key).or_insert_with(|| (rule, Vec::new())).1.push(&resource.name);
            }
        }
        if wanted.is_empty() {
            return Live::default();
        }
        let unknown = |note: String| Live { note: Some(note), ..Live::default() };
        if !snapshot.freshness(row).is_live() {
            return unknown(format!(
                "Cluster {} does not answer: the health of its resources is not known",
                row.cluster.name
            ));
        }
        let Some(client) = self.clients.of_cluster(&row.cluster) else {
            return unknown(format!(
                "Cluster {} cannot be connected to: the health of its resources is not known",
                row.cluster.name
            ));
        };
        let requests: Vec<_> = wanted
            .iter()
            .flat_map(|((_, _, namespace), (rule, names))| requests(rule, namespace, names))
            .map(|(rule, path, names)| self.fetch(client.clone(), rule, path, names))
            .collect();
        let mut live = Live::default();
        let mut answers = futures::stream::iter(requests).buffer_unordered(AT_ONCE);
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(verdicts) => live.verdicts.extend(verdicts),
                Err(why) => live.note = Some(format!("The health of some resources is not known: {why}")),
            }
        }
        live
    }

    async fn fetch(
        &self,
        client: Client,
        rule: &'static Judged,
        path: String,
        names: Vec<String>,
    ) -> Result<Vec<(Key, (Verdict, Option<Timestamp>))>, String> {
        let request = Request::get(&path).body(Vec::new()).map_err(|error| error.to_string())?;
        let begin = Instant::now();
        let answer = tokio::time::timeout(TIMEOUT, client.request::<Value>(request)).await;
        let (outcome, answer) = match answer {
            Ok(Ok(object)) => ("ok", Ok(object)),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => ("ok", Ok(Value::Null)),
            Ok(Err(error)) => ("error", Err(explain_kube(&error))),
            Err(_) => ("timeout", Err(format!("no answer within {} s", TIMEOUT.as_secs()))),
        };
        self.metrics.external_call("cluster", outcome, begin.elapsed());
        let answer = answer?;
        let objects =
            answer["items"].as_array().map_or_else(|| vec![&answer], |items| items.iter().collect());
        let by_name: HashMap<_, _> = objects
            .into_iter()
            .filter_map(|object| Some((object["metadata"]["name"].as_str()?, object)))
            .collect();
        let namespace =
            path.split("/namespaces/").nth(1).and_then(|it| it.split('/').next()).unwrap_or_default();
        let verdict = |name: &str| match by_name.get(name) {
            Some(object) => {
                let created = object["metadata"]["creationTimestamp"].as_str().and_then(|it| it.parse().ok());
                (rule.assess(object), created.map(|it: jiff::Timestamp| it.into()))
            }
            None => ((Health::Missing, "it is not in the cluster".to_owned()), None),
        };
        let key = |name: String| (rule.group.to_owned(), rule.kind.to_owned(), namespace.to_owned(), name);
        Ok(names.into_iter().map(|name| (key(name.clone()), verdict(&name))).collect())
    }
}

/// The error for an Application that is not there, or that the actor may not see.
pub fn not_found(id: &ApplicationId) -> Error {
    let what = format!(
        "Application {} in namespace {} of control plane {}",
        id.name, id.namespace, id.control_plane
    );
    Error::Answer(model::AppError::NotFound { what })
}

/// A few objects are asked for by name, many by one list.
fn requests(
    rule: &'static Judged,
    namespace: &str,
    names: &[&str],
) -> Vec<(&'static Judged, String, Vec<String>)> {
    let group = if rule.group.is_empty() {
        "/api/v1".into()
    } else {
        format!("/apis/{}/{}", rule.group, rule.version)
    };
    let scope = if namespace.is_empty() { String::new() } else { format!("/namespaces/{namespace}") };
    let base = format!("{group}{scope}/{}", rule.plural);
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    if names.len() > ONE_BY_ONE {
        return vec![(rule, format!("{base}?limit=5000"), owned(names))];
    }
    names.iter().map(|name| (rule, format!("{base}/{name}"), owned(&[name]))).collect()
}

fn without_object(
    snapshot: &Snapshot,
    row: &Row,
    note: String,
    history: Vec<HistoryEntry>,
    now: Timestamp,
) -> ApplicationDetail {
    ApplicationDetail {
        now,
        row: view::application_row(snapshot, row, now),
        sources: Vec::new(),
        server: snapshot.cluster_of(row).map(|cluster| cluster.server.clone()),
        policy: SyncPolicy { auto_sync: row.auto_sync, ..SyncPolicy::default() },
        window: snapshot.window_verdict(row),
        slug: snapshot.apps.slug_of(&row.identity.key).unwrap_or(&row.identity.name).to_owned(),
        health_since: row.health_since,
        sync_denied: None,
        compared_at: row.reconciled_at,
        refresh_requested: None,
        conditions: Vec::new(),
        resources: Vec::new(),
        resources_note: Some(note),
        operation: None,
        history,
    }
}

fn draw(
    snapshot: &Snapshot,
    row: &Row,
    parts: &Parts,
    history: Vec<HistoryEntry>,
    now: Timestamp,
) -> ApplicationDetail {
    let Parts { application, live } = parts;
    let status = &application.status;
    let resources = resources(snapshot, row, parts);
    let policy = &application.spec.sync_policy;
    let automated = policy.automated.clone().unwrap_or_default();
    ApplicationDetail {
        sources: sources(application),
        policy: SyncPolicy {
            auto_sync: policy.is_automated(),
            prune: automated.prune.unwrap_or(false),
            self_heal: automated.self_heal.unwrap_or(false),
            options: policy.sync_options.clone(),
            retry_limit: policy.retry.as_ref().and_then(|retry| retry["limit"].as_i64()),
        },
        refresh_requested: application
            .metadata
            .annotations
            .as_ref()
            .and_then(|annotations| annotations.get(crate::argo::types::REFRESH).cloned()),
        conditions: status
            .conditions
            .iter()
            .map(|condition| Condition {
                kind: condition.kind.clone(),
                message: condition.message.clone(),
                at: condition.last_transition_time.map(Timestamp::from),
            })
            .collect(),
        operation: status.operation_state.as_ref().and_then(|state| operation(state, &resources, row.source)),
        resources,
        resources_note: live.note.clone(),
        ..without_object(snapshot, row, String::new(), history, now)
    }
}

fn sources(application: &FullApplication) -> Vec<Source> {
    let sync = &application.status.sync;
    let sources = application.spec.sources().into_iter().enumerate();
    sources
        .map(|(index, source)| Source {
            is_chart: !source.chart.is_empty(),
            path: if source.chart.is_empty() { source.path } else { source.chart },
            target_revision: if source.target_revision.is_empty() {
                "HEAD".into()
            } else {
                source.target_revision
            },
            repo_url: source.repo_url,
            revision: sync.revision(index).map(str::to_owned),
        })
        .collect()
}

fn resources(snapshot: &Snapshot, row: &Row, parts: &Parts) -> Vec<Resource> {
    let survey = snapshot.cluster_of(row).and_then(|cluster| cluster.survey.as_ref());
    let results =
        parts.application.status.operation_state.as_ref().map(|state| &state.sync_result.resources[..]);
    let mut resources: Vec<_> = parts
        .application
        .status
        .resources
        .iter()
        .map(|resource| {
            let key = (
                resource.group.clone(),
                resource.kind.clone(),
                resource.namespace.clone(),
                resource.name.clone(),
            );
            let live = parts.live.verdicts.get(&key);
            let (health, health_source, mut reason) = match (&resource.health, live) {
                (Some(health), _) => {
                    (Some(Health::parse(&health.status)), HealthSource::ArgoCd, health.message.clone())
                }
                (None, Some(((health, why), _))) => (Some(*health), HealthSource::Quarterdeck, why.clone()),
                (None, None) => (None, HealthSource::None, String::new()),
            };
            if health.is_some_and(|health| !matches!(health, Health::Healthy | Health::Suspended))
                && matches!(resource.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet")
                && let Some(pods) = survey.and_then(|survey| survey.reason_of(&row.id))
            {
                reason = if reason.is_empty() { pods } else { format!("{pods}; {reason}") };
            }
            let hook = results
                .into_iter()
                .flatten()
                .find(|it| it.kind == resource.kind && it.name == resource.name && !it.hook_type.is_empty())
                .map(|it| it.hook_type.clone());
            Resource {
                group: resource.group.clone(),
                version: resource.version.clone(),
                kind: resource.kind.clone(),
                namespace: resource.namespace.clone(),
                name: resource.name.clone(),
                health,
                health_source,
                reason,
                sync: (!resource.status.is_empty()).then(|| Sync::parse(&resource.status)),
                wave: resource.sync_wave,
                hook: hook.or_else(|| resource.hook.then(|| "Hook".to_owned())),
                // A hook that has run is in no manifest, and no prune would delete it.
                requires_pruning: resource.requires_pruning && !resource.hook,
                created_at: live.and_then(|(_, created)| *created),
            }
        })
        .collect();
    resources.sort_by(|a, b| {
        (a.wave, &a.kind, &a.namespace, &a.name).cmp(&(b.wave, &b.kind, &b.namespace, &b.name))
    });
    resources
}

fn operation(state: &FullOperationState, resources: &[Resource], source: usize) -> Option<OperationDetail> {
    let phase = Phase::parse(&state.phase)?;
    let sync = state.operation.sync.clone().unwrap_or_default();
    let waits_for = state.message.strip_prefix("waiting for ").filter(|_| phase == Phase::Running);
    let waited = waits_for.and_then(|text| {
        resources
            .iter()
            .find(|it| text.split_whitespace().any(|word| word == qualified(&it.group, &it.kind, &it.name)))
    });
    Some(OperationDetail {
        phase,
        message: state.message.clone(),
        started_by: state.operation.initiated_by.person(),
        automated: state.operation.initiated_by.automated,
        started_at: state.started_at.map(Timestamp::from),
        finished_at: state.finished_at.map(Timestamp::from),
        revision: state.sync_result.revision.revision(source).map(str::to_owned),
        retry_count: state.retry_count,
        dry_run: sync.dry_run,
        prune: sync.prune,
        waits_for: waits_for.map(str::to_owned),
        waits_in_wave: waited.map(|resource| resource.wave),
        results: state
            .sync_result
            .resources
            .iter()
            .map(|result| ResourceResult {
                kind: result.kind.clone(),
                namespace: result.namespace.clone(),
                name: result.name.clone(),
                status: if result.status.is_empty() {
                    result.hook_phase.clone()
                } else {
                    result.status.clone()
                },
                message: result.message.clone(),
                phase: result.sync_phase.clone(),
                hook: !result.hook_type.is_empty(),
            })
            .collect(),
    })
}

/// A resource as Argo CD names it in messages: `apps/Deployment/web`, `/Service/web`.
fn qualified(group: &str, kind: &str, name: &str) -> String {
    format!("{group}/{kind}/{name}")
}
