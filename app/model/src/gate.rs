//! Gates: what a change must pass; and what people put in its way: freezes and holds.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, plan::CommitRef, status::Environment};

/// A condition that a change must pass, and how it stands.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Gate {
    pub kind: GateKind,
    pub passed: bool,
    /// What it rests on, or what is in the way and until when, in a sentence.
    pub why: String,
}

/// The kinds of gates, in the order that they are shown in.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// The source runs well with what would be taken.
    Health,
    /// It did so for as long as is asked.
    Soak,
    Freeze,
    /// Argo CD's sync windows.
    Window,
    Hold,
    Approval,
}

impl GateKind {
    /// Returns the word for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Health => "Health",
            Self::Soak => "Soak",
            Self::Freeze => "Freeze",
            Self::Window => "Sync window",
            Self::Hold => "Hold",
            Self::Approval => "Approval",
        }
    }
}

/// A time in which an environment takes no promotions.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Freeze {
    pub id: u64,
    /// None for all environments.
    pub environment: Option<String>,
    /// None for all projects.
    pub project: Option<String>,
    pub reason: String,
    pub by: String,
    pub made_at: Timestamp,
    pub times: FreezeTimes,
    /// When it began, where it is frozen now; and when that ends.
    pub now: Option<Span>,
    /// The next time that is to come; none where there is none.
    pub next: Option<Span>,
    /// Why the actor may not end it: the missing right, short; none where they may.
    pub denied: Option<String>,
}

/// When a freeze is.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FreezeTimes {
    Once {
        from: Timestamp,
        until: Timestamp,
        /// The time zone that it was written in, for people; an IANA name.
        zone: String,
    },
    Repeating {
        /// Minute, hour, day of month, month, day of week.
        schedule: String,
        seconds: u32,
        /// An IANA name.
        zone: String,
    },
}

/// From then until then.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Span {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// Asks for a freeze. Either `from` and `until` are given, or `schedule` and `duration`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct CreateFreeze {
    /// Empty for all environments.
    pub environment: String,
    /// Empty for all projects.
    pub project: String,
    pub reason: String,
    /// A date and a time in `zone`, e.g. `2026-12-03T18:00`; empty for now, where `until` is given.
    pub from: String,
    pub until: String,
    /// Five fields as in cron, e.g. `0 22 * * 5`.
    pub schedule: String,
    /// E.g. `8h`, `1h30m`, `2d`.
    pub duration: String,
    /// An IANA name; empty for UTC.
    pub zone: String,
}

/// A lock on one app in one environment.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hold {
    pub id: u64,
    pub app: String,
    /// Names the app in URLs.
    pub slug: String,
    pub project: String,
    pub environment: Environment,
    /// What it is held at, where that is known.
    pub version: Option<String>,
    pub reason: String,
    pub owner: String,
    pub placed_at: Timestamp,
    /// None until somebody releases it.
    pub expires_at: Option<Timestamp>,
    /// The rollback that set it.
    pub change: Option<u64>,
    /// A commit from outside that changed what is held.
    pub broken_by: Option<CommitRef>,
    /// Why the actor may not release it: the missing right, short; none where they may.
    pub denied: Option<String>,
}

/// How long a hold lasts, unless somebody releases it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HoldFor {
    /// No hold at all.
    None,
    OneDay,
    #[default]
    TwoDays,
    OneWeek,
    UntilReleased,
}

impl HoldFor {
    /// All choices, the shortest first.
    pub const ALL: [Self; 5] = [Self::None, Self::OneDay, Self::TwoDays, Self::OneWeek, Self::UntilReleased];

    /// Returns the word in forms.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::OneDay => "one_day",
            Self::TwoDays => "two_days",
            Self::OneWeek => "one_week",
            Self::UntilReleased => "until_released",
        }
    }

    /// Returns the words for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::None => "No hold",
            Self::OneDay => "For 1 day",
            Self::TwoDays => "For 2 days",
            Self::OneWeek => "For 7 days",
            Self::UntilReleased => "Until someone releases it",
        }
    }

    /// Returns the days; none where it has no end, or there is no hold.
    pub fn days(self) -> Option<u32> {
        match self {
            Self::OneDay => Some(1),
            Self::TwoDays => Some(2),
            Self::OneWeek => Some(7),
            Self::None | Self::UntilReleased => None,
        }
    }
}

/// Asks for a hold.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct PlaceHold {
    /// The slug.
    pub app: String,
    pub environment: String,
    pub reason: String,
    pub lasts: HoldFor,
}

/// The page of freezes and holds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GateList {
    /// The moment that the ages count against.
    pub now: Timestamp,
    /// Those that are now, then those to come.
    pub freezes: Vec<Freeze>,
    /// The first to expire first.
    pub holds: Vec<Hold>,
    /// Argo CD's own, of the projects that the actor sees Applications of.
    pub windows: Vec<SyncWindowRow>,
    /// The environments, in the order of promotions.
    pub environments: Vec<Environment>,
    /// The projects that the actor sees Applications of, by name.
    pub projects: Vec<String>,
    /// Why the actor may freeze nothing: the missing right, short; none where they may freeze something.
    pub freeze_denied: Option<String>,
}

/// A sync window of Argo CD.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SyncWindowRow {
    pub control_plane: String,
    pub project: String,
    /// `allow` or `deny`.
    pub kind: String,
    pub schedule: String,
    pub duration: String,
    pub zone: String,
    /// Which Applications it is about, e.g. `applications *-prod; clusters prod-*`.
    pub applies_to: String,
    pub manual_sync: bool,
    /// None where it cannot be read.
    pub is_open: Option<bool>,
}
