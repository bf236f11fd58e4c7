//! Clusters are probed, not watched: whether they answer, and what state their nodes and pods are in.
//!
//! A *contact* is cheap and often (one request with a deadline); a *survey* is wider and rarer. Each cluster is probed
//! by a task of its own, so a dead one costs no other anything; how many surveys run at once is bounded.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use http::Request;
use jiff::Timestamp as Moment;
use kube::Client;
use model::{
    Timestamp,
    application::ApplicationId,
    cluster::{ClusterId, Node, NodeCounts, Pod, Usage},
    status::Freshness,
};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::sync::Semaphore;

use super::index::{Change, Cluster, Index};
use crate::{error::explain_kube, metrics::Metrics};

/// How often clusters are probed, and how long they may take.
#[derive(Clone, Copy, Debug)]
pub struct ProbeSettings {
    /// From one contact to the next.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
}

impl Default for ProbeSettings {
    /// A hung cluster is told after 4 s (to the next contact) + 3 s (its deadline) + 1 s + 3 s (the second try): 11 s.
    fn default() -> Self {
        Self { interval: Duration::from_secs(4), timeout: Duration::from_secs(3) }
    }
}

/// How many contacts go between two surveys.
const CONTACTS_PER_SURVEY: u32 = 3;
/// How soon a first failure is tried again.
const SECOND_TRY: Duration = Duration::from_secs(1);
/// How long one request of a survey may take.
const SURVEY_TIMEOUT: Duration = Duration::from_secs(8);
/// Bounds of a survey, so that a broken cluster does not fill our memory.
const MOST_PODS: usize = 500;
const MOST_WORKLOADS_LOOKED_INTO: usize = 50;

/// Whether a cluster answered.
#[derive(Clone, Debug)]
pub enum Contact {
    Answered {
        version: String,
        latency: Duration,
    },
    /// `again` tells that the try before failed as well.
    Failed {
        why: String,
        again: bool,
    },
}

impl Contact {
    /// Writes the contact into the cluster's state.
    pub(super) fn apply_to(self, cluster: &mut Cluster, now: Timestamp) {
        match self {
            Self::Answered { version, latency } => {
                cluster.freshness = Freshness::Live;
                cluster.last_contact = Some(now);
                cluster.latency_ms = u32::try_from(latency.as_millis()).ok();
                cluster.version = Some(version);
            }
            Self::Failed { why, again } => {
                let since = match &cluster.freshness {
                    Freshness::Stale { since, .. } | Freshness::Unreachable { since, .. } => *since,
                    _ => cluster.last_contact.unwrap_or(now),
                };
                cluster.latency_ms = None;
                cluster.freshness = if again {
                    Freshness::Unreachable { since, why }
                } else {
                    Freshness::Stale { since, why }
                };
            }
        }
    }
}

/// What a survey found.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    pub at: Timestamp,
    pub counts: NodeCounts,
    pub nodes: Vec<Node>,
    /// Pods that are not ready, without those that completed.
    pub pods: Vec<Pod>,
    pub cpu: Option<Usage>,
    pub memory: Option<Usage>,
    pub metrics_note: Option<String>,
}

impl Survey {
    /// Says why an Application's pods are not ready, in one sentence; none where they are.
    pub fn reason_of(&self, id: &ApplicationId) -> Option<String> {
        let pods: Vec<_> = self.pods.iter().filter(|pod| pod.application.as_ref() == Some(id)).collect();
        // The reason that most pods share; of equals the first by name, so that it does not flicker.
        let mut by_reason: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
        for pod in &pods {
            by_reason.entry(&pod.reason).or_default().push(pod);
        }
        let (reason, same) =
            by_reason.into_iter().max_by_key(|(reason, pods)| (is_failure(reason), pods.len()))?;
        let count = if same.len() == 1 { "1 pod".to_owned() } else { format!("{} pods", same.len()) };
        let why = same.iter().map(|pod| pod.why.as_str()).find(|why| !why.is_empty());
        Some(why.map_or_else(|| format!("{reason} in {count}"), |why| format!("{reason} in {count}: {why}")))
    }
}

fn is_failure(reason: &str) -> bool {
    !matches!(reason, "Pending" | "NotReady" | "ContainerCreating" | "PodInitializing")
}

/// Probes one cluster until it is stopped. `instance_namespace` is Argo CD's namespace, where an Application that is
/// tracked without a namespace lives.
pub struct Prober {
    pub cluster: ClusterId,
    pub client: Client,
    pub instance_namespace: String,
    pub settings: ProbeSettings,
    pub index: Index,
    pub metrics: Metrics,
    /// Bounds how many surveys run at once over the whole fleet.
    pub surveys: Arc<Semaphore>,
}

impl Prober {
    /// Probes until it is stopped.
    pub async fn run(&self) -> crate::Result<()> {
        // Clusters registered together are not probed in step.
        tokio::time::sleep(self.settings.interval.mul_f64(rand::random::<f64>() * 0.25)).await;
        let mut failures = 0u32;
        for round in 0u32.. {
            let begin = Instant::now();
            let contact = self.contact(failures > 0).await;
            let came_back = failures > 0;
            failures = match contact {
                Contact::Answered { .. } => 0,
                Contact::Failed { .. } => failures.saturating_add(1),
            };
            self.index.send(Change::Contact { cluster: self.cluster.clone(), contact }).await;
            if failures == 0 && (came_back || round % CONTACTS_PER_SURVEY == 0) {
                self.survey().await;
            }
            let rest = if failures == 1 {
                SECOND_TRY
            } else {
                self.settings.interval.saturating_sub(begin.elapsed())
            };
            let jitter = rest.mul_f64(0.1 * rand::random::<f64>());
            tokio::time::sleep((rest - jitter).max(Duration::from_millis(200))).await;
        }
        Ok(())
    }

    async fn contact(&self, again: bool) -> Contact {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            git_version: String,
        }
        let begin = Instant::now();
        match self.get::<Version>("/version", self.settings.timeout).await {
            Ok(version) => Contact::Answered { version: version.git_version, latency: begin.elapsed() },
            Err(why) => Contact::Failed { why, again },
        }
    }

    /// Looks into the cluster; what cannot be read leaves the last survey as it is, with its time.
    async fn survey(&self) {
        let Ok(_permit) = self.surveys.acquire().await else { return };
        match self.look().await {
            Ok(survey) => {
                let survey = Arc::new(survey);
                self.index.send(Change::Survey { cluster: self.cluster.clone(), survey }).await;
            }
            Err(why) => {
                tracing::warn!(cluster = %self.cluster.name, "the cluster could not be looked into: {why}");
            }
        }
    }

    async fn look(&self) -> Result<Survey, String> {
        let (nodes, waiting, deployments, stateful, daemons, metrics) = tokio::join!(
            self.list::<NodeObject>("/api/v1/nodes?limit=1000"),
            self.list::<PodObject>(
                "/api/v1/pods?limit=500&fieldSelector=status.phase%21%3DRunning%2Cstatus.phase%21%3DSucceeded"
            ),
            self.list::<Workload>("/apis/apps/v1/deployments?limit=5000"),
            self.list::<Workload>("/apis/apps/v1/statefulsets?limit=5000"),
            self.list::<Workload>("/apis/apps/v1/daemonsets?limit=5000"),
            self.list::<NodeMetrics>("/apis/metrics.k8s.io/v1beta1/nodes"),
        );
        let workloads: Vec<_> = [deployments?, stateful?, daemons?].into_iter().flatten().collect();
        let mut pods: BTreeMap<(String, String), PodObject> = BTreeMap::new();
        let running = self.pods_of_unready(&workloads).await?;
        for pod in waiting?.into_iter().chain(running).take(MOST_PODS) {
            pods.insert((pod.metadata.namespace.clone(), pod.metadata.name.clone()), pod);
        }
        let pods = pods.values().filter_map(|pod| self.unready(pod, &workloads)).collect();
        Ok(summary(nodes?, metrics, pods))
    }

    /// A crash-looping pod is `Running`: found through its workload, which has fewer ready pods than it wants.
    async fn pods_of_unready(&self, workloads: &[Workload]) -> Result<Vec<PodObject>, String> {
        let mut pods = Vec::new();
        for workload in workloads.iter().filter(|it| it.is_unready()).take(MOST_WORKLOADS_LOOKED_INTO) {
            let labels: Vec<_> = workload
                .spec
                .selector
                .match_labels
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            if labels.is_empty() {
                continue;
            }
            let selector = labels.join(",").replace('=', "%3D").replace(',', "%2C").replace('/', "%2F");
            let namespace = &workload.metadata.namespace;
            let path = format!("/api/v1/namespaces/{namespace}/pods?limit=100&labelSelector={selector}");
            pods.extend(self.list::<PodObject>(&path).await?);
        }
        Ok(pods)
    }

    fn unready(&self, pod: &PodObject, workloads: &[Workload]) -> Option<Pod> {
        let (reason, why) = pod.trouble()?;
        let owner = workloads.iter().find(|workload| workload.owns(&pod.metadata));
        Some(Pod {
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            reason,
            why,
            restarts: pod.containers().map(|container| container.restart_count).sum(),
            application: owner.and_then(|workload| self.application_of(&workload.metadata)),
            since: pod.since().map(Timestamp::from),
        })
    }

    /// The Application that tracks an object: by annotation (`app:group/kind:ns/name`), else by label.
    fn application_of(&self, metadata: &Metadata) -> Option<ApplicationId> {
        let tracked =
            metadata.annotations.get("argocd.argoproj.io/tracking-id").and_then(|id| id.split(':').next());
        let instance = tracked.or(metadata.labels.get("app.kubernetes.io/instance").map(String::as_str))?;
        let (namespace, name) = instance.split_once('_').unwrap_or((&self.instance_namespace, instance));
        Some(ApplicationId {
            control_plane: self.cluster.control_plane.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, String> {
        #[derive(Deserialize)]
        struct List<T> {
            #[serde(default = "Option::default")]
            items: Option<Vec<T>>,
        }
        Ok(self.get::<List<T>>(path, SURVEY_TIMEOUT).await?.items.unwrap_or_default())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, timeout: Duration) -> Result<T, String> {
        let request = Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
        let begin = Instant::now();
        let (outcome, answer) = match tokio::time::timeout(timeout, self.client.request::<T>(request)).await {
            Ok(Ok(answer)) => ("ok", Ok(answer)),
            Ok(Err(error)) => ("error", Err(explain_kube(&error))),
            Err(_) => ("timeout", Err(format!("it did not answer within {} s", timeout.as_secs()))),
        };
        self.metrics.external_call("cluster", outcome, begin.elapsed());
        answer
    }
}

fn summary(nodes: Vec<NodeObject>, metrics: Result<Vec<NodeMetrics>, String>, pods: Vec<Pod>) -> Survey {
    let (metrics, metrics_note) = match metrics {
        Ok(metrics) if metrics.is_empty() && !nodes.is_empty() => {
            (HashMap::new(), Some("the metrics API has no sample of any node yet".to_owned()))
        }
        Ok(metrics) => (metrics.into_iter().map(|it| (it.metadata.name.clone(), it)).collect(), None),
        Err(why) => (HashMap::new(), Some(format!("the metrics API does not answer: {why}"))),
    };
    let mut nodes: Vec<Node> = nodes.into_iter().map(|node| node.into_node(&metrics)).collect();
    let counts = NodeCounts {
        ready: count(nodes.iter().filter(|node| node.ready)),
        total: count(nodes.iter()),
        pressure: count(nodes.iter().filter(|node| node.reason.contains("Pressure"))),
    };
    nodes.sort_by(|a, b| {
        (a.ready, a.reason.is_empty(), &a.name).cmp(&(b.ready, b.reason.is_empty(), &b.name))
    });
    let sum = |of: fn(&Node) -> Option<Usage>| {
        nodes
            .iter()
            .filter_map(of)
            .reduce(|a, b| Usage { used: a.used + b.used, allocatable: a.allocatable + b.allocatable })
    };
    Survey {
        at: Moment::now().into(),
        counts,
        cpu: sum(|node| node.cpu),
        memory: sum(|node| node.memory),
        nodes,
        pods,
        metrics_note,
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: String,
    namespace: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    creation_timestamp: Option<Moment>,
    deletion_timestamp: Option<Moment>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeObject {
    metadata: Metadata,
    spec: NodeSpec,
    status: NodeStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeSpec {
    unschedulable: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NodeStatus {
    conditions: Vec<Condition>,
    allocatable: BTreeMap<String, String>,
    node_info: NodeInfo,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NodeInfo {
    kubelet_version: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    reason: String,
    message: String,
    last_transition_time: Option<Moment>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeMetrics {
    metadata: Metadata,
    usage: BTreeMap<String, String>,
}

impl NodeObject {
    fn into_node(self, metrics: &HashMap<String, NodeMetrics>) -> Node {
        let conditions = &self.status.conditions;
        let ready = conditions.iter().find(|it| it.kind == "Ready");
        let is_ready = ready.is_some_and(|it| it.status == "True");
        let mut troubles = Vec::new();
        if !is_ready {
            troubles
                .push(ready.map_or_else(|| "NotReady".into(), |it| format!("NotReady: {}", sentence(it))));
        }
        let pressures = conditions.iter().filter(|it| it.kind != "Ready" && it.status == "True");
        troubles.extend(pressures.map(|it| it.kind.clone()));
        if self.spec.unschedulable {
            troubles.push("cordoned: takes no new pods".into());
        }
        let usage = |resource: &str, parse: fn(&str) -> Option<u64>| {
            let used = metrics.get(&self.metadata.name)?.usage.get(resource)?;
            let allocatable = self.status.allocatable.get(resource)?;
            Some(Usage { used: parse(used)?, allocatable: parse(allocatable)? })
        };
        Node {
            ready: is_ready,
            reason: troubles.join(", "),
            kubelet: self.status.node_info.kubelet_version.clone(),
            cpu: usage("cpu", millicores),
            memory: usage("memory", bytes),
            created_at: self.metadata.creation_timestamp.map(Timestamp::from),
            name: self.metadata.name,
        }
    }
}

fn sentence(condition: &Condition) -> String {
    match (condition.reason.as_str(), condition.message.as_str()) {
        ("", message) => message.to_owned(),
        (reason, "") => reason.to_owned(),
        (reason, message) => format!("{reason}, {message}"),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Workload {
    metadata: Metadata,
    spec: WorkloadSpec,
    status: WorkloadStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WorkloadSpec {
    replicas: Option<u32>,
    selector: Selector,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Selector {
    match_labels: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WorkloadStatus {
    ready_replicas: u32,
    updated_replicas: Option<u32>,
    unavailable_replicas: u32,
    desired_number_scheduled: Option<u32>,
    number_ready: u32,
}

impl Workload {
    /// Fewer ready than wanted; a rollout whose new pods fail keeps the old ones ready, but has some unavailable.
    fn is_unready(&self) -> bool {
        let status = &self.status;
        match status.desired_number_scheduled {
            Some(wanted) => status.number_ready < wanted,
            None => {
                let wanted = self.spec.replicas.unwrap_or(1);
                let updated = status.updated_replicas.unwrap_or(0);
                status.ready_replicas < wanted || updated < wanted || status.unavailable_replicas > 0
            }
        }
    }

    fn owns(&self, pod: &Metadata) -> bool {
        let labels = &self.spec.selector.match_labels;
        self.metadata.namespace == pod.namespace
            && !labels.is_empty()
            && labels.iter().all(|(key, value)| pod.labels.get(key) == Some(value))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PodObject {
    metadata: Metadata,
    status: PodStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodStatus {
    phase: String,
    reason: String,
    message: String,
    conditions: Vec<Condition>,
    container_statuses: Vec<Container>,
    init_container_statuses: Vec<Container>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    name: String,
    ready: bool,
    restart_count: u32,
    state: ContainerState,
    last_state: ContainerState,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ContainerState {
    waiting: Option<Waiting>,
    terminated: Option<Terminated>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Waiting {
    reason: String,
    message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Terminated {
    exit_code: i64,
    reason: String,
    message: String,
}

impl Terminated {
    fn sentence(&self) -> String {
        let more =
            [&self.reason, &self.message].into_iter().find(|text| !text.is_empty() && *text != "Error");
        more.map_or_else(
            || format!("exit code {}", self.exit_code),
            |more| format!("exit code {}, {more}", self.exit_code),
        )
    }
}

impl PodObject {
    fn containers(&self) -> impl Iterator<Item = &Container> {
        self.status.init_container_statuses.iter().chain(&self.status.container_statuses)
    }

    fn since(&self) -> Option<Moment> {
        let ready = self.status.conditions.iter().find(|it| it.kind == "Ready");
        ready.and_then(|it| it.last_transition_time).or(self.metadata.creation_timestamp)
    }

    /// Why the pod is not ready, as a word and a sentence; none where it is ready or has completed.
    fn trouble(&self) -> Option<(String, String)> {
        let status = &self.status;
        let is_ready = status.conditions.iter().any(|it| it.kind == "Ready" && it.status == "True");
        if status.phase == "Succeeded" || (status.phase == "Running" && is_ready) {
            return None;
        }
        if self.metadata.deletion_timestamp.is_some() {
            return Some(("Terminating".into(), String::new()));
        }
        for container in self.containers() {
            if let Some(waiting) = container.state.waiting.as_ref().filter(|it| is_failure(&it.reason)) {
                let ended = container.last_state.terminated.as_ref().map(Terminated::sentence);
                let why = ended.unwrap_or_else(|| waiting.message.clone());
                return Some((waiting.reason.clone(), format!("container {}: {why}", container.name)));
            }
        }
        if !status.reason.is_empty() {
            return Some((status.reason.clone(), status.message.clone()));
        }
        if let Some(ended) =
            self.containers().find_map(|it| it.state.terminated.as_ref().filter(|it| it.exit_code != 0))
        {
            return Some(("Failed".into(), ended.sentence()));
        }
        let unscheduled =
            status.conditions.iter().find(|it| it.kind == "PodScheduled" && it.status == "False");
        if let Some(condition) = unscheduled {
            return Some((status.phase.clone(), condition.message.clone()));
        }
        let waiting = self.containers().find_map(|it| it.state.waiting.as_ref());
        let word = match status.phase.as_str() {
            "Running" => "NotReady",
            "" => "Unknown",
            phase => phase,
        };
        Some((word.to_owned(), waiting.map(|it| it.reason.clone()).unwrap_or_default()))
    }
}

/// A quantity of processor time in millicores.
fn millicores(text: &str) -> Option<u64> {
    quantity(text).map(|cores| (cores * 1000.0).round() as u64)
}

/// A quantity of memory in bytes.
fn bytes(text: &str) -> Option<u64> {
    quantity(text).map(|bytes| bytes.round() as u64)
}

/// Parses a Kubernetes quantity, e.g. `250m`, `1500Ki`, `4`, `1e3` (apimachinery `pkg/api/resource/quantity.go`).
fn quantity(text: &str) -> Option<f64> {
    const SUFFIXES: &[(&str, f64)] = &[
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
    ];
    let (number, scale) = SUFFIXES
        .iter()
        .find_map(|(suffix, scale)| text.strip_suffix(suffix).map(|number| (number, *scale)))
        .unwrap_or((text, 1.0));
    number.parse::<f64>().ok().map(|number| number * scale).filter(|it| it.is_finite() && *it >= 0.0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn trouble(pod: Value) -> Option<(String, String)> {
        serde_json::from_value::<PodObject>(pod).expect("parses").trouble()
    }

    #[test]
    fn a_running_pod_that_crash_loops_says_why_it_ended() {
        let pod = json!({"metadata": {"name": "web"}, "status": {"phase": "Running", "containerStatuses": [
            {"name": "web", "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
             "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}});
        assert_eq!(trouble(pod), Some(("CrashLoopBackOff".into(), "container web: exit code 1".into())));
    }

    #[test]
    fn pods_that_completed_or_are_ready_are_no_trouble() {
        assert_eq!(trouble(json!({"status": {"phase": "Succeeded"}})), None);
        let ready =
            json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
        assert_eq!(trouble(ready), None);
    }

    #[test]
    fn a_pod_without_a_node_says_what_it_waits_for() {
        let pod = json!({"status": {"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]}});
        assert_eq!(trouble(pod), Some(("Pending".into(), "0/3 nodes are available".into())));
    }

    #[test]
    fn quantities_of_every_unit_are_read() {
        assert_eq!(millicores("250m"), Some(250));
        assert_eq!(millicores("1500000n"), Some(2));
        assert_eq!(millicores("4"), Some(4000));
        assert_eq!(bytes("1Ki"), Some(1024));
        assert_eq!(bytes("1e3"), Some(1000));
        assert_eq!(bytes("2G"), Some(2_000_000_000));
        assert_eq!(bytes("many"), None);
    }

    #[test]
    fn a_node_under_pressure_is_counted_and_listed_first() {
        let node = |name: &str, conditions: Value| {
            json!({"metadata": {"name": name}, "status": {"conditions": conditions,
            "allocatable": {"cpu": "2", "memory": "4Gi"}}})
        };
        let ready = json!({"type": "Ready", "status": "True"});
        let nodes = [
            node("a", json!([ready])),
            node("b", json!([ready, {"type": "MemoryPressure", "status": "True"}])),
            node("c", json!([{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}])),
        ];
        let nodes = nodes.into_iter().map(|node| serde_json::from_value(node).expect("parses")).collect();
        let survey = summary(nodes, Err("404".into()), Vec::new());
        assert_eq!(survey.counts, NodeCounts { ready: 2, total: 3, pressure: 1 });
        let names: Vec<_> = survey.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["c", "b", "a"]);
        assert!(survey.cpu.is_none() && survey.metrics_note.is_some());
    }

    #[test]
    fn the_reason_of_an_application_is_the_one_most_pods_share() {
        let id =
            ApplicationId { control_plane: "lab".into(), namespace: "argocd".into(), name: "web".into() };
        let pod = |reason: &str, why: &str| Pod {
            namespace: "web".into(),
            name: why.into(),
            reason: reason.into(),
            why: why.into(),
            restarts: 0,
            application: Some(id.clone()),
            since: None,
        };
        let pods = vec![
            pod("Pending", "x"),
            pod("CrashLoopBackOff", "exit code 1"),
            pod("CrashLoopBackOff", "exit code 1"),
        ];
        let survey = Survey { pods, ..Survey::default() };
        assert_eq!(survey.reason_of(&id).as_deref(), Some("CrashLoopBackOff in 2 pods: exit code 1"));
    }
}
