//! Repositories: what is known of each, and what is wrong in it.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// All repositories that Applications of the actor's fleet come from.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RepositoryList {
    /// The moment that the ages count against.
    pub now: Timestamp,
    pub repositories: Vec<RepositoryRow>,
}

/// A repository.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RepositoryRow {
    /// Names it in URLs: 12 hex digits.
    pub id: String,
    /// Without credentials.
    pub url: String,
    pub control_plane: String,
    pub mirror: MirrorState,
    /// On disk; 0 before the first fetch.
    pub bytes: u64,
    /// The branches that Applications follow, with their heads where known.
    pub branches: Vec<Branch>,
    /// How many Applications that the actor may see come from it.
    pub applications: u32,
    /// The apps that were found in it.
    pub apps: Vec<FoundApp>,
    /// What was not understood, each with its reason.
    pub not_understood: Vec<NotUnderstood>,
    /// Worst first, at most 200.
    pub findings: Vec<Finding>,
}

/// Where the mirror of a repository stands.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum MirrorState {
    /// It was never fetched, nor tried.
    Never,
    Fetching {
        since: Timestamp,
    },
    Fresh {
        fetched_at: Timestamp,
    },
    /// It cannot be fetched, since when and why, with what to do; what was fetched before is still used.
    Failing {
        since: Timestamp,
        why: String,
        fetched_at: Option<Timestamp>,
    },
}

/// A branch, or what else Applications follow.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Branch {
    pub name: String,
    pub head: Option<crate::plan::CommitRef>,
}

/// An app that a repository lays out.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FoundApp {
    pub name: String,
    pub base_path: String,
    /// How it is laid out, e.g. "kustomize overlays".
    pub layout: String,
    pub environments: Vec<String>,
}

/// A place of a repository that looks like an app and is not understood.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NotUnderstood {
    pub path: String,
    pub why: String,
}

/// A fault of a repository, with its place and the mend.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    pub severity: Severity,
    /// The stable name of the check, e.g. `foreign-namespace`.
    pub check: String,
    pub path: String,
    /// From 1; none where it concerns the whole file or folder.
    pub line: Option<u32>,
    /// What is wrong, one sentence.
    pub what: String,
    /// What to do, one sentence.
    pub mend: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It does harm, or will at the next sync.
    Error,
    /// It will surprise somebody.
    Warning,
    /// It could be better.
    Hint,
}

impl Severity {
    /// Returns the word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "Error",
            Self::Warning => "Warning",
            Self::Hint => "Hint",
        }
    }
}
