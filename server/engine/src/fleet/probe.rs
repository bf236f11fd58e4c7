//! Clusters are probed, not watched: whether they answer, and what state their nodes and pods are in.
//!
//! A *contact* is cheap and often (one request with a deadline); a *survey* is wider and rarer. Each cluster is probed
//! by a task of its own, so a dead one costs no other anything; how many surveys run at once is bounded.

mod objects;

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

use self::objects::{Metadata, NodeMetrics, NodeObject, PodObject, Workload};
use super::{
    clients::Clients,
    credentials::Access,
    index::{Change, Cluster, Index},
};
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
/// How long before their end credentials are made anew, and how soon at the soonest.
const RENEWED_BEFORE: Duration = Duration::from_secs(60);
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

/// The line to one cluster: connects with whatever its registration says, probes, and connects anew before the
/// credentials end.
pub struct Link {
    pub access: Access,
    pub server: String,
    /// How the control plane itself is connected to.
    pub control_plane: kube::Config,
    pub clients: Clients,
    pub prober: Prober,
}

impl Link {
    /// Probes until it is stopped.
    ///
    /// # Errors
    /// Why there is nothing to connect with; the cluster's row says it, too.
    pub async fn run(&self) -> crate::Result<()> {
        loop {
            let (client, expires) = match self.connect().await {
                Ok(connected) => connected,
                Err(why) => {
                    self.prober.tell(Contact::Failed { why: why.clone(), again: true }).await;
                    return Err(crate::Error::Setting(why));
                }
            };
            self.clients.put(self.prober.cluster.clone(), client.clone());
            let probing = self.prober.run(&client);
            match expires.map(time_left) {
                // A probe that is cut short is made again at once.
                Some(left) => drop(tokio::time::timeout(left, probing).await),
                None => probing.await,
            }
        }
    }

    async fn connect(&self) -> Result<(Client, Option<Moment>), String> {
        let connection = self.access.connection(&self.server, &self.control_plane).await?;
        let client = Client::try_from(connection.config).map_err(|error| explain_kube(&error))?;
        Ok((client, connection.expires))
    }
}

/// Until shortly before `expires`; not at once, whatever a plugin says.
fn time_left(expires: Moment) -> Duration {
    let left = Duration::try_from(expires.duration_since(Moment::now())).unwrap_or_default();
    left.saturating_sub(RENEWED_BEFORE).max(RENEWED_BEFORE)
}

/// Probes one cluster. `instance_namespace` is Argo CD's namespace, where an Application that is tracked without a
/// namespace lives.
pub struct Prober {
    pub cluster: ClusterId,
    pub instance_namespace: String,
    pub settings: ProbeSettings,
    pub index: Index,
    pub metrics: Metrics,
    /// Bounds how many surveys run at once over the whole fleet.
    pub surveys: Arc<Semaphore>,
}

impl Prober {
    /// Probes until it is stopped.
    async fn run(&self, client: &Client) {
        // Clusters registered together are not probed in step.
        tokio::time::sleep(self.settings.interval.mul_f64(rand::random::<f64>() * 0.25)).await;
        let mut failures = 0u32;
        for round in 0u32.. {
            let begin = Instant::now();
            let contact = self.contact(client, failures > 0).await;
            let came_back = failures > 0;
            failures = match contact {
                Contact::Answered { .. } => 0,
                Contact::Failed { .. } => failures.saturating_add(1),
            };
            self.tell(contact).await;
            if failures == 0 && (came_back || round % CONTACTS_PER_SURVEY == 0) {
                self.survey(client).await;
            }
            let rest = if failures == 1 {
                SECOND_TRY
            } else {
                self.settings.interval.saturating_sub(begin.elapsed())
            };
            let jitter = rest.mul_f64(0.1 * rand::random::<f64>());
            tokio::time::sleep((rest - jitter).max(Duration::from_millis(200))).await;
        }
    }

    async fn tell(&self, contact: Contact) {
        self.index.send(Change::Contact { cluster: self.cluster.clone(), contact }).await;
    }

    async fn contact(&self, client: &Client, again: bool) -> Contact {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            git_version: String,
        }
        let begin = Instant::now();
        match self.get::<Version>(client, "/version", self.settings.timeout).await {
            Ok(version) => Contact::Answered { version: version.git_version, latency: begin.elapsed() },
            Err(why) => Contact::Failed { why, again },
        }
    }

    /// Looks into the cluster; what cannot be read leaves the last survey as it is, with its time.
    async fn survey(&self, client: &Client) {
        let Ok(_permit) = self.surveys.acquire().await else { return };
        match self.look(client).await {
            Ok(survey) => {
                let survey = Arc::new(survey);
                self.index.send(Change::Survey { cluster: self.cluster.clone(), survey }).await;
            }
            Err(why) => {
                tracing::warn!(cluster = %self.cluster.name, "the cluster could not be looked into: {why}");
            }
        }
    }

    async fn look(&self, client: &Client) -> Result<Survey, String> {
        let (nodes, waiting, deployments, stateful, daemons, metrics) = tokio::join!(
            self.list::<NodeObject>(client, "/api/v1/nodes?limit=1000"),
            self.list::<PodObject>(
                client,
                "/api/v1/pods?limit=500&fieldSelector=status.phase%21%3DRunning%2Cstatus.phase%21%3DSucceeded"
            ),
            self.list::<Workload>(client, "/apis/apps/v1/deployments?limit=5000"),
            self.list::<Workload>(client, "/apis/apps/v1/statefulsets?limit=5000"),
            self.list::<Workload>(client, "/apis/apps/v1/daemonsets?limit=5000"),
            self.list::<NodeMetrics>(client, "/apis/metrics.k8s.io/v1beta1/nodes"),
        );
        let workloads: Vec<_> = [deployments?, stateful?, daemons?].into_iter().flatten().collect();
        let mut pods: BTreeMap<(String, String), PodObject> = BTreeMap::new();
        let running = self.pods_of_unready(client, &workloads).await?;
        for pod in waiting?.into_iter().chain(running).take(MOST_PODS) {
            pods.insert((pod.metadata.namespace.clone(), pod.metadata.name.clone()), pod);
        }
        let pods = pods.values().filter_map(|pod| self.unready(pod, &workloads)).collect();
        Ok(summary(nodes?, metrics, pods))
    }

    /// A crash-looping pod is `Running`: found through its workload, which has fewer ready pods than it wants.
    async fn pods_of_unready(
        &self,
        client: &Client,
        workloads: &[Workload],
    ) -> Result<Vec<PodObject>, String> {
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
            pods.extend(self.list::<PodObject>(client, &path).await?);
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

    async fn list<T: DeserializeOwned>(&self, client: &Client, path: &str) -> Result<Vec<T>, String> {
        #[derive(Deserialize)]
        struct List<T> {
            #[serde(default = "Option::default")]
            items: Option<Vec<T>>,
        }
        Ok(self.get::<List<T>>(client, path, SURVEY_TIMEOUT).await?.items.unwrap_or_default())
    }

    async fn get<T: DeserializeOwned>(
        &self,
        client: &Client,
        path: &str,
        timeout: Duration,
    ) -> Result<T, String> {
        let request = Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
        let begin = Instant::now();
        let (outcome, answer) = match tokio::time::timeout(timeout, client.request::<T>(request)).await {
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

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
