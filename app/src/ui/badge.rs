//! States: silhouette, word and colour, in this order of weight. No state is an icon or a colour alone.

use leptos::prelude::*;
use model::{
    Timestamp,
    application::ApplicationRow,
    apps::CellState,
    status::{Environment, Freshness, Health, Phase, Sync},
};

use super::icon::Icon;

/// What a state looks like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Look {
    Healthy,
    Progressing,
    Degraded,
    Missing,
    Suspended,
    Unknown,
    Synced,
    Drift,
    Failed,
    Stale,
    Unreachable,
    Waiting,
    Frozen,
    Held,
}

impl Look {
    /// Returns the class of the state.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Healthy => "s-healthy",
            Self::Progressing => "s-progressing",
            Self::Degraded => "s-degraded",
            Self::Missing => "s-missing",
            Self::Suspended => "s-suspended",
            Self::Unknown => "s-unknown",
            Self::Synced => "s-synced",
            Self::Drift => "s-drift",
            Self::Failed => "s-failed",
            Self::Stale => "s-stale",
            Self::Unreachable => "s-unreachable",
            Self::Waiting => "s-waiting",
            Self::Frozen => "s-frozen",
            Self::Held => "s-held",
        }
    }

    /// Returns the name of its icon.
    pub(crate) fn icon(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Progressing => "progressing",
            Self::Degraded => "degraded",
            Self::Missing => "missing",
            Self::Suspended => "suspended",
            Self::Unknown => "unknown",
            Self::Synced => "synced",
            Self::Drift => "drift",
            Self::Failed => "failed",
            Self::Stale => "stale",
            Self::Unreachable => "unreachable",
            Self::Waiting => "waiting",
            Self::Frozen => "frozen",
            Self::Held => "held",
        }
    }

    /// Returns what its icon does: one turns.
    pub(crate) fn icon_class(self) -> &'static str {
        if self == Self::Progressing { "turn" } else { "" }
    }
}

impl From<Health> for Look {
    fn from(health: Health) -> Self {
        match health {
            Health::Healthy => Self::Healthy,
            Health::Suspended => Self::Suspended,
            Health::Progressing => Self::Progressing,
            Health::Missing => Self::Missing,
            Health::Degraded => Self::Degraded,
            Health::Unknown => Self::Unknown,
        }
    }
}

impl From<Sync> for Look {
    fn from(sync: Sync) -> Self {
        match sync {
            Sync::Synced => Self::Synced,
            Sync::OutOfSync => Self::Drift,
            Sync::Unknown => Self::Unknown,
        }
    }
}

impl From<Phase> for Look {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Requested => Self::Waiting,
            Phase::Running | Phase::Terminating => Self::Progressing,
            Phase::Failed | Phase::Error => Self::Failed,
            Phase::Succeeded => Self::Healthy,
        }
    }
}

impl From<CellState> for Look {
    fn from(state: CellState) -> Self {
        match state {
            CellState::Healthy => Self::Healthy,
            CellState::Suspended => Self::Suspended,
            CellState::OutOfSync => Self::Drift,
            CellState::Progressing => Self::Progressing,
            CellState::Unknown => Self::Unknown,
            CellState::Missing => Self::Missing,
            CellState::Stale => Self::Stale,
            CellState::SyncFailed => Self::Failed,
            CellState::Degraded => Self::Degraded,
        }
    }
}

impl From<&Freshness> for Look {
    fn from(freshness: &Freshness) -> Self {
        match freshness {
            Freshness::Connecting => Self::Waiting,
            Freshness::Live => Self::Healthy,
            Freshness::Stale { .. } => Self::Stale,
            Freshness::Unreachable { .. } => Self::Unreachable,
        }
    }
}

/// A state with its word.
#[component]
pub(crate) fn Status(#[prop(into)] look: Look, #[prop(into)] word: String) -> impl IntoView {
    view! {
        <span class=format!("status {}", look.class())>
            <Icon name=look.icon() class=look.icon_class()/>
            {word}
        </span>
    }
}

/// The icon of a state whose word stands elsewhere in the same line.
#[component]
pub(crate) fn Mark(#[prop(into)] look: Look) -> impl IntoView {
    view! {
        <span class=format!("status {} self-start pt-0.5", look.class())>
            <Icon name=look.icon() class=look.icon_class()/>
        </span>
    }
}

/// How fresh our knowledge is, with its age where it is not live.
#[component]
pub(crate) fn FreshnessStatus(freshness: Freshness, #[prop(into)] now: Signal<Timestamp>) -> impl IntoView {
    let look = Look::from(&freshness);
    view! {
        <span class=format!("status whitespace-nowrap {}", look.class())>
            <Icon name=look.icon() class=""/>
            {move || freshness_words(&freshness, now.get())}
        </span>
    }
}

/// The health of an Application; where it is not live, that instead: never greener than we know.
#[component]
pub(crate) fn RowHealth(row: ApplicationRow, #[prop(into)] now: Signal<Timestamp>) -> impl IntoView {
    match row.freshness {
        Freshness::Live => view! { <Status look=row.health word=row.health.word()/> }.into_any(),
        freshness => view! { <FreshnessStatus freshness now/> }.into_any(),
    }
}

/// The sync status of an Application, not known where it is not live.
#[component]
pub(crate) fn RowSync(sync: Sync, live: bool) -> impl IntoView {
    let sync = if live { sync } else { Sync::Unknown };
    view! { <Status look=sync word=sync.label()/> }
}

/// The tag of an environment; only a protected one is solid.
#[component]
pub(crate) fn EnvironmentTag(environment: Environment) -> impl IntoView {
    match environment {
        Environment::Known { name, rank, protected, why } => {
            view! { <span class=tag_class(rank, protected) title=format!("{name}, for {why}")>{name.clone()}</span> }
                .into_any()
        }
        Environment::Contradictory { why } => {
            view! { <span class="badge text-degraded" title=why>"contradictory"</span> }.into_any()
        }
        Environment::Unknown { why } => {
            view! { <span class="badge badge-plain" title=why>"no environment"</span> }.into_any()
        }
    }
}

/// The tag of an environment of the order, where nobody asks why.
#[component]
pub(crate) fn StageTag(#[prop(into)] name: String, rank: u8, protected: bool) -> impl IntoView {
    view! { <span class=tag_class(rank, protected)>{name}</span> }
}

/// A version, as a machine wrote it.
#[component]
pub(crate) fn Version(version: Option<String>) -> impl IntoView {
    match version {
        Some(version) => view! { <span class="ver">{version}</span> }.into_any(),
        None => view! { <span class="text-mute">"none"</span> }.into_any(),
    }
}

/// A commit by its first seven characters; anything else in full.
#[component]
pub(crate) fn Revision(revision: String) -> impl IntoView {
    let short = short_revision(&revision);
    view! { <span class="sha" title=revision>{short}</span> }
}

/// Returns the freshness in words: `Live`, `Stale 11 min`, `Unreachable`.
pub(crate) fn freshness_words(freshness: &Freshness, now: Timestamp) -> String {
    match freshness {
        Freshness::Stale { since, .. } => format!("Stale {}", since.age(now)),
        other => other.word().to_owned(),
    }
}

fn tag_class(rank: u8, protected: bool) -> &'static str {
    match (protected, rank) {
        (true, _) => "env env-prod",
        (false, 0) => "env env-dev",
        (false, _) => "env env-staging",
    }
}

/// Returns a commit by its first seven characters; anything else in full.
pub(crate) fn short_revision(revision: &str) -> String {
    let is_commit = revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_commit { revision.chars().take(7).collect() } else { revision.to_owned() }
}
