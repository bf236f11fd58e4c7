//! What a child that writes changes is told.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// All that it needs to know.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Orders {
    pub(crate) database: String,
    pub(crate) remote: PathBuf,
    /// Of its mirrors.
    pub(crate) mirrors: PathBuf,
    pub(crate) git: PathBuf,
    pub(crate) apps: Vec<String>,
    pub(crate) argo_cd: ArgoCd,
    pub(crate) lease_ms: u64,
}

/// What becomes of commits.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ArgoCd {
    /// It brings the head at once, and all is Healthy.
    Well,
    /// It brings the head at once, and staging is Degraded.
    Degraded,
    /// It brings nothing.
    Asleep,
    /// Nobody looks what it does.
    NotFollowed,
}
