//! States: of health, sync, operations, and of our own knowledge.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Argo CD's health codes, from best to worst (gitops-engine `pkg/health/health.go`).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Health {
    Healthy,
    Suspended,
    Progressing,
    Missing,
    Degraded,
    #[default]
    Unknown,
}

impl Health {
    /// All codes, worst first, as lists show them.
    pub const ALL: [Self; 6] =
        [Self::Degraded, Self::Missing, Self::Unknown, Self::Progressing, Self::Suspended, Self::Healthy];

    /// Returns the word that Argo CD uses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Suspended => "Suspended",
            Self::Progressing => "Progressing",
            Self::Missing => "Missing",
            Self::Degraded => "Degraded",
            Self::Unknown => "Unknown",
        }
    }

    /// Parses Argo CD's word; anything else is [`Health::Unknown`].
    pub fn parse(word: &str) -> Self {
        Self::ALL.into_iter().find(|health| health.word() == word).unwrap_or_default()
    }
}

/// Whether the live state equals the one in Git.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Sync {
    Synced,
    OutOfSync,
    #[default]
    Unknown,
}

impl Sync {
    /// All states, worst first.
    pub const ALL: [Self; 3] = [Self::OutOfSync, Self::Unknown, Self::Synced];

    /// Returns the word that Argo CD uses; it is also the value in URLs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Synced => "Synced",
            Self::OutOfSync => "OutOfSync",
            Self::Unknown => "Unknown",
        }
    }

    /// Returns the word for people.
    pub fn label(self) -> &'static str {
        if self == Self::OutOfSync { "Out of sync" } else { self.word() }
    }

    /// Parses Argo CD's word; anything else is [`Sync::Unknown`].
    pub fn parse(word: &str) -> Self {
        Self::ALL.into_iter().find(|sync| sync.word() == word).unwrap_or_default()
    }
}

/// Where a sync operation stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Phase {
    /// `operation` is written, and the controller has not picked it up.
    Requested,
    Running,
    Terminating,
    Failed,
    Error,
    Succeeded,
}

impl Phase {
    /// All phases, those that need a person first.
    pub const ALL: [Self; 6] =
        [Self::Failed, Self::Error, Self::Terminating, Self::Running, Self::Requested, Self::Succeeded];

    /// Returns the word that Argo CD uses (`Requested` is ours); it is also the value in URLs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Requested => "Requested",
            Self::Running => "Running",
            Self::Terminating => "Terminating",
            Self::Failed => "Failed",
            Self::Error => "Error",
            Self::Succeeded => "Succeeded",
        }
    }

    /// Parses Argo CD's word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.word() == word)
    }

    /// Returns whether the operation is over.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Failed | Self::Error | Self::Succeeded)
    }
}

/// How fresh our knowledge of a control plane or a cluster is.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Freshness {
    /// First contact is being made.
    Connecting,
    /// What is shown is what is.
    Live,
    /// What is shown was true at `since`; it may have changed.
    Stale { since: Timestamp, why: String },
    /// There is no answer, since when, and why.
    Unreachable { since: Timestamp, why: String },
}

impl Freshness {
    /// Returns whether what is shown is what is.
    pub fn is_live(&self) -> bool {
        *self == Self::Live
    }

    /// Returns the word for people.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Connecting => "Connecting",
            Self::Live => "Live",
            Self::Stale { .. } => "Stale",
            Self::Unreachable { .. } => "Unreachable",
        }
    }
}

/// The environment of an Application, and why we say so.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Environment {
    /// One environment, with the reason in words.
    Known {
        name: String,
        /// Its place in the promotion order, from 0; it decides the colour of the tag.
        rank: u8,
        /// Whether acts ask for the typed environment.
        protected: bool,
        /// E.g. "it deploys to cluster prod from apps/web-app/overlays/prod".
        why: String,
    },
    /// No sign of any environment.
    Unknown { why: String },
    /// The signs contradict each other; acts are refused.
    Contradictory { why: String },
}

impl Environment {
    /// Returns the name, where it is known.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Known { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Returns whether acts ask for the typed environment.
    pub fn is_protected(&self) -> bool {
        matches!(self, Self::Known { protected: true, .. })
    }
}

/// An object that cannot be read or does not do its work, shown so that nobody misses it in silence.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Warning {
    /// The control plane of the object.
    pub control_plane: String,
    /// What is concerned, e.g. "Application argocd/broken in control plane lab".
    pub what: String,
    /// Why, and what it means, e.g. "skipped: spec.destination: invalid type: string".
    pub why: String,
}

/// Tells which control planes do not answer, for the banner.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ControlPlane {
    pub name: String,
    pub freshness: Freshness,
    /// The namespace of Argo CD.
    pub namespace: String,
    /// The URL of its API server.
    pub server: String,
}
