//! What an open page watches: the request of the live stream, and its messages.

use serde::{Deserialize, Serialize};

use crate::{
    application::{ApplicationDetail, ApplicationId, ApplicationList, ListApplications},
    apps::{AppDetail, ListApps, Matrix},
    change::{ChangeDetail, ChangeList, ListChanges, WaitingList},
    cluster::{ClusterDetail, ClusterId, ClusterList},
    gate::GateList,
    overview::Overview,
};

/// Names what a page shows; as JSON it is the `view` of `/events`.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(tag = "view", rename_all = "snake_case")]
pub enum View {
    Overview,
    Applications(ListApplications),
    Application(ApplicationId),
    Clusters,
    Cluster(ClusterId),
    Matrix(ListApps),
    App { slug: String },
    Changes(ListChanges),
    Change { id: u64 },
    Waiting,
    Gates,
}

/// What a page shows; as JSON it is the data of an event `content`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "view", rename_all = "snake_case")]
pub enum Content {
    Overview(Box<Overview>),
    Applications(Box<ApplicationList>),
    Application(Box<ApplicationDetail>),
    Clusters(Box<ClusterList>),
    Cluster(Box<ClusterDetail>),
    Matrix(Box<Matrix>),
    App(Box<AppDetail>),
    Changes(Box<ChangeList>),
    Change(Box<ChangeDetail>),
    Waiting(Box<WaitingList>),
    Gates(Box<GateList>),
}

/// The first event of a stream, `hello`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Hello {
    /// The build that serves; a page of another build asks for a reload.
    pub build: String,
}

/// How often a stream sends an event at least (`beat` when nothing else), in seconds.
pub const BEAT_SECONDS: u32 = 5;
