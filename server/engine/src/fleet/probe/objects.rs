//! Nodes, workloads and pods as a survey reads them: what the pages do not show is dropped while parsing.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp as Moment;
use model::{
    Timestamp,
    cluster::{Node, Usage},
};
use serde::Deserialize;

use super::is_failure;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) creation_timestamp: Option<Moment>,
    pub(super) deletion_timestamp: Option<Moment>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct NodeObject {
    pub(super) metadata: Metadata,
    pub(super) spec: NodeSpec,
    pub(super) status: NodeStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct NodeSpec {
    pub(super) unschedulable: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct NodeStatus {
    pub(super) conditions: Vec<Condition>,
    pub(super) allocatable: BTreeMap<String, String>,
    pub(super) node_info: NodeInfo,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct NodeInfo {
    pub(super) kubelet_version: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Condition {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) last_transition_time: Option<Moment>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct NodeMetrics {
    pub(super) metadata: Metadata,
    pub(super) usage: BTreeMap<String, String>,
}

impl NodeObject {
    pub(super) fn into_node(self, metrics: &HashMap<String, NodeMetrics>) -> Node {
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
pub(super) struct Workload {
    pub(super) metadata: Metadata,
    pub(super) spec: WorkloadSpec,
    pub(super) status: WorkloadStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WorkloadSpec {
    pub(super) replicas: Option<u32>,
    pub(super) selector: Selector,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Selector {
    pub(super) match_labels: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WorkloadStatus {
    pub(super) ready_replicas: u32,
    pub(super) updated_replicas: Option<u32>,
    pub(super) unavailable_replicas: u32,
    pub(super) desired_number_scheduled: Option<u32>,
    pub(super) number_ready: u32,
}

impl Workload {
    /// Fewer ready than wanted; a rollout whose new pods fail keeps the old ones ready, but has some unavailable.
    pub(super) fn is_unready(&self) -> bool {
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

    pub(super) fn owns(&self, pod: &Metadata) -> bool {
        let labels = &self.spec.selector.match_labels;
        self.metadata.namespace == pod.namespace
            && !labels.is_empty()
            && labels.iter().all(|(key, value)| pod.labels.get(key) == Some(value))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PodObject {
    pub(super) metadata: Metadata,
    pub(super) status: PodStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodStatus {
    pub(super) phase: String,
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) conditions: Vec<Condition>,
    pub(super) container_statuses: Vec<Container>,
    pub(super) init_container_statuses: Vec<Container>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) ready: bool,
    pub(super) restart_count: u32,
    pub(super) state: ContainerState,
    pub(super) last_state: ContainerState,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ContainerState {
    pub(super) waiting: Option<Waiting>,
    pub(super) terminated: Option<Terminated>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Waiting {
    pub(super) reason: String,
    pub(super) message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Terminated {
    pub(super) exit_code: i64,
    pub(super) reason: String,
    pub(super) message: String,
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
    pub(super) fn containers(&self) -> impl Iterator<Item = &Container> {
        self.status.init_container_statuses.iter().chain(&self.status.container_statuses)
    }

    pub(super) fn since(&self) -> Option<Moment> {
        let ready = self.status.conditions.iter().find(|it| it.kind == "Ready");
        ready.and_then(|it| it.last_transition_time).or(self.metadata.creation_timestamp)
    }

    /// Why the pod is not ready, as a word and a sentence; none where it is ready or has completed.
    pub(super) fn trouble(&self) -> Option<(String, String)> {
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
}
