//! The figures that `/metrics` shows. There are no globals: who counts something holds a clone of [`Metrics`].

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

/// All figures; clones count into the same ones.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    external_calls: Family<ExternalCall, Histogram, fn() -> Histogram>,
    /// The last event of the record that is anchored, by its place; 0 where this program knows of none.
    pub audit_anchored: Gauge,
    /// 1 where the last try to anchor the record failed.
    pub audit_anchor_failing: Gauge,
    /// Events of the record that wait for their seal; the count stops at 10,000.
    pub audit_unsealed: Gauge,
    /// Rows in the index, by kind: `applications`, `clusters`, ….
    pub index_rows: Family<Kind, Gauge>,
    /// 1 where a policy cannot be loaded and the last good one stays in force, by its ConfigMap.
    pub policy_broken: Family<Kind, Gauge>,
    /// Live streams that are open.
    pub streams_open: Gauge,
    /// Size on disk, by table, its indices and partitions included.
    pub table_bytes: Family<Table, Gauge>,
    /// Restarts of supervised tasks.
    pub task_restarts: Family<Task, Counter>,
}

/// The labels of a call to something outside.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ExternalCall {
    target: &'static str,
    outcome: &'static str,
}

/// The label of a kind of row.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub struct Kind {
    pub kind: &'static str,
}

/// The label of a table.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub struct Table {
    pub table: String,
}

/// The label of a task.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub struct Task {
    pub task: String,
}

impl Metrics {
    /// Counts a call to something outside and how long it took; `target` is its kind (`control_plane`, `cluster`),
    /// `outcome` a word (`ok`, `error`, `timeout`).
    pub fn external_call(&self, target: &'static str, outcome: &'static str, took: Duration) {
        self.external_calls.get_or_create(&ExternalCall { target, outcome }).observe(took.as_secs_f64());
    }

    /// Returns all figures as the text that Prometheus reads.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Writing into a String does not fail; if it ever does, a comment is better than half a figure.
            Err(error) => format!("# {error}\n"),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let external_calls = Family::new_with_constructor(call_histogram as fn() -> Histogram);
        let (index_rows, streams_open) = (Family::<Kind, Gauge>::default(), Gauge::default());
        let (policy_broken, audit_unsealed) = (Family::<Kind, Gauge>::default(), Gauge::default());
        let (audit_anchored, audit_anchor_failing) = (Gauge::default(), Gauge::default());
        let (table_bytes, task_restarts) = (Family::default(), Family::default());

        let mut registry = Registry::with_prefix("quarterdeck");
        registry.register_with_unit(
            "external_call",
            "Time of calls to API servers and other things outside, by kind of target and outcome",
            Unit::Seconds,
            external_calls.clone(),
        );
        registry.register(
            "audit_anchored",
            "The last event of the record that is anchored, by its place; 0 where this program knows of none",
            audit_anchored.clone(),
        );
        registry.register(
            "audit_anchor_failing",
            "1 where the last try to anchor the record failed",
            audit_anchor_failing.clone(),
        );
        registry.register(
            "audit_unsealed",
            "Events of the record that wait for their seal",
            audit_unsealed.clone(),
        );
        registry.register("index_rows", "Rows in the index, by kind", index_rows.clone());
        registry.register(
            "policy_broken",
            "1 where a policy cannot be loaded and the last good one stays in force",
            policy_broken.clone(),
        );
        registry.register("streams_open", "Live streams that are open", streams_open.clone());
        registry.register_with_unit("table", "Size of each table on disk", Unit::Bytes, table_bytes.clone());
        registry.register("task_restarts", "Restarts of supervised tasks", task_restarts.clone());
        Self {
            registry: Arc::new(registry),
            external_calls,
            audit_anchored,
            audit_anchor_failing,
            audit_unsealed,
            index_rows,
            policy_broken,
            streams_open,
            table_bytes,
            task_restarts,
        }
    }
}

/// From 5 ms to 20 s: what is slower has run into its timeout.
fn call_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.005, 2.0, 13))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Kind, Metrics};

    #[test]
    fn figures_carry_their_labels() {
        let metrics = Metrics::default();
        metrics.external_call("cluster", "ok", Duration::from_millis(20));
        metrics.clone().index_rows.get_or_create(&Kind { kind: "applications" }).set(36);
        let text = metrics.encode();
        assert!(
            text.contains(r#"quarterdeck_external_call_seconds_count{target="cluster",outcome="ok"} 1"#),
            "{text}"
        );
        assert!(text.contains(r#"quarterdeck_index_rows{kind="applications"} 36"#), "{text}");
    }
}
