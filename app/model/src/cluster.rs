//! Clusters: what a probe of each one found.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    application::{ApplicationId, ApplicationRow},
    status::{ControlPlane, Environment, Freshness, Warning},
};

/// What names a cluster in the fleet.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClusterId {
    pub control_plane: String,
    pub name: String,
}

/// One line of the list of clusters. A number that is not known is none, never an old one.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClusterRow {
    pub id: ClusterId,
    /// The URL of its API server.
    pub server: String,
    pub environment: Environment,
    pub freshness: Freshness,
    /// When it answered last; to 10 s while it answers.
    pub last_contact: Option<Timestamp>,
    /// How long the last answer took, in milliseconds, by the first digit.
    pub latency_ms: Option<u32>,
    pub version: Option<String>,
    pub applications: u32,
    /// How many of its Applications are not Healthy, as Argo CD says.
    pub applications_unwell: u32,
    pub nodes: Option<NodeCounts>,
    /// Pods that are not ready, without those that completed.
    pub pods_not_ready: Option<u32>,
    /// In millicores.
    pub cpu: Option<Usage>,
    /// In bytes.
    pub memory: Option<Usage>,
    /// What is wrong, in words; empty when nothing is.
    pub reason: String,
}

/// Nodes of a cluster.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeCounts {
    pub ready: u32,
    pub total: u32,
    /// Nodes that report pressure on memory, disk or process ids.
    pub pressure: u32,
}

/// What is in use of what can be allocated.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Usage {
    pub used: u64,
    pub allocatable: u64,
}

impl Usage {
    /// Returns the share in use, in per cent, rounded; 0 where nothing can be allocated.
    pub fn percent(self) -> u32 {
        match self.allocatable {
            0 => 0,
            total => u32::try_from((self.used.saturating_mul(100) + total / 2) / total).unwrap_or(u32::MAX),
        }
    }
}

/// All clusters.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClusterList {
    pub now: Timestamp,
    pub control_planes: Vec<ControlPlane>,
    /// By control plane, then by the order of environments, then by name.
    pub rows: Vec<ClusterRow>,
    pub warnings: Vec<Warning>,
}

/// The page of one cluster.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClusterDetail {
    pub now: Timestamp,
    pub row: ClusterRow,
    /// The kind of its credentials, e.g. "bearer token from Secret cluster-prod"; never the credentials.
    pub credentials: String,
    /// Worst first.
    pub nodes: Vec<Node>,
    /// At most 200, by reason; `row.pods_not_ready` has the count.
    pub pods: Vec<Pod>,
    /// Why metrics are not there, where they are not.
    pub metrics_note: Option<String>,
    /// Worst first, at most 50; `row.applications` has the count.
    pub applications: Vec<ApplicationRow>,
}

/// A node of a cluster.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Node {
    pub name: String,
    pub ready: bool,
    /// Why it is not well: `NotReady` with its reason, pressures, cordoned; empty when it is.
    pub reason: String,
    pub kubelet: String,
    pub cpu: Option<Usage>,
    pub memory: Option<Usage>,
    pub created_at: Option<Timestamp>,
}

/// A pod that is not ready.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pod {
    pub namespace: String,
    pub name: String,
    /// `CrashLoopBackOff`, `ImagePullBackOff`, `Pending`, …
    pub reason: String,
    /// The message that goes with it, or what its container ended with.
    pub why: String,
    pub restarts: u32,
    /// The Application that it belongs to, where we can tell.
    pub application: Option<ApplicationId>,
    pub since: Option<Timestamp>,
}
