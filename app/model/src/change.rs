//! Changes: plans that were clicked. What becomes of them, what they wait for, and what people decide about them.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    application::ApplicationId,
    gate::{Gate, HoldFor},
    plan::{FileChange, PlanKind, PlanRow, Touched},
    status::{Environment, Health},
};

/// Where a change stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChangeState {
    /// People have to approve it first.
    AwaitingApproval,
    /// A freeze, a hold, a sync window or the soak of its source is in the way.
    Waiting,
    /// It is next to be written.
    Queued,
    /// Its commit is made and pushed now.
    Committing,
    /// Its commit is on the branch.
    Pushed,
    /// Argo CD brings it to the clusters.
    RollingOut,
    /// It does not go on by itself: an operation failed, something is Degraded, or it takes too long.
    NeedsAttention,
    /// All its Applications run it, Healthy.
    Healthy,
    /// It has to stay Healthy for a while.
    Soaking,
    Done,
    /// It ended without its effect.
    Failed,
    Cancelled,
    /// A newer change took its place.
    Superseded,
    /// A later change took back what it wrote.
    RolledBack,
}

impl ChangeState {
    /// All states, in the order of a change's life.
    pub const ALL: [Self; 14] = [
        Self::AwaitingApproval,
        Self::Waiting,
        Self::Queued,
        Self::Committing,
        Self::Pushed,
        Self::RollingOut,
        Self::NeedsAttention,
        Self::Healthy,
        Self::Soaking,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
        Self::Superseded,
        Self::RolledBack,
    ];

    /// Returns the word for machines: in the database, in URLs.
    pub fn word(self) -> &'static str {
        match self {
            Self::AwaitingApproval => "awaiting_approval",
            Self::Waiting => "waiting",
            Self::Queued => "queued",
            Self::Committing => "committing",
            Self::Pushed => "pushed",
            Self::RollingOut => "rolling_out",
            Self::NeedsAttention => "needs_attention",
            Self::Healthy => "healthy",
            Self::Soaking => "soaking",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
            Self::RolledBack => "rolled_back",
        }
    }

    /// Returns the word for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::AwaitingApproval => "Awaiting approval",
            Self::Waiting => "Waiting",
            Self::Queued => "Queued",
            Self::Committing => "Committing",
            Self::Pushed => "Committed",
            Self::RollingOut => "Rolling out",
            Self::NeedsAttention => "Needs attention",
            Self::Healthy => "Healthy",
            Self::Soaking => "Soaking",
            Self::Done => "Done",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Superseded => "Superseded",
            Self::RolledBack => "Rolled back",
        }
    }

    /// Parses [`Self::word`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Returns whether the change is still on its way.
    pub fn is_open(self) -> bool {
        self < Self::Done
    }

    /// Returns whether its commit is not made yet, so that it can be cancelled without a trace in Git.
    pub fn is_before_commit(self) -> bool {
        self < Self::Committing
    }

    /// Returns whether its commit is on the branch, and it goes on from there.
    pub fn is_rolling_out(self) -> bool {
        self.is_open() && self >= Self::Pushed
    }

    /// Returns the group that lists gather it in.
    pub fn group(self) -> ChangeGroup {
        match self {
            Self::AwaitingApproval | Self::NeedsAttention => ChangeGroup::ForPerson,
            Self::Done => ChangeGroup::Done,
            Self::Failed | Self::Cancelled => ChangeGroup::Failed,
            Self::RolledBack => ChangeGroup::RolledBack,
            Self::Superseded => ChangeGroup::Superseded,
            _ => ChangeGroup::InFlight,
        }
    }

    /// Returns how many of the six steps (planned, approved, committed, synced, Healthy, soaked) are behind it; for the
    /// states that a change may end in from anywhere, none.
    pub fn steps_done(self) -> Option<u8> {
        match self {
            Self::AwaitingApproval => Some(1),
            Self::Waiting | Self::Queued | Self::Committing => Some(2),
            Self::Pushed | Self::RollingOut => Some(3),
            Self::Healthy | Self::Soaking => Some(5),
            Self::Done => Some(6),
            Self::NeedsAttention | Self::Failed | Self::Cancelled | Self::Superseded | Self::RolledBack => {
                None
            }
        }
    }
}

/// The steps of a change, as pages name them.
pub const STEPS: [&str; 6] = ["Planned", "Approved", "Committed", "Synced", "Healthy", "Soaked"];

/// What lists of changes are filtered by.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChangeGroup {
    InFlight,
    /// It waits for a person.
    ForPerson,
    Done,
    /// Also those that were cancelled.
    Failed,
    RolledBack,
    Superseded,
}

impl ChangeGroup {
    /// All groups, those that move first.
    pub const ALL: [Self; 6] =
        [Self::InFlight, Self::ForPerson, Self::Done, Self::Failed, Self::RolledBack, Self::Superseded];

    /// Returns the word in URLs.
    pub fn word(self) -> &'static str {
        match self {
            Self::InFlight => "in_flight",
            Self::ForPerson => "for_person",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::RolledBack => "rolled_back",
            Self::Superseded => "superseded",
        }
    }

    /// Returns the words for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::InFlight => "In flight",
            Self::ForPerson => "Waiting for a person",
            Self::Done => "Done",
            Self::Failed => "Failed",
            Self::RolledBack => "Rolled back",
            Self::Superseded => "Superseded",
        }
    }

    /// Parses [`Self::word`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.word() == word)
    }
}

/// Asks for a kept plan to be carried out.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct StartChange {
    /// The plan's hash.
    pub plan: String,
    /// Why, for the record, the commit and the hold; needed in a protected environment, of a rollback, and where what is
    /// taken was not verified.
    pub reason: String,
    /// The environment as typed; needed where it is protected.
    pub typed_environment: String,
    /// Of a rollback: how long the next promotions leave the app alone.
    pub hold: HoldFor,
    /// Go on although the objects of some Application could not be rendered.
    pub confirm_unrendered: bool,
}

/// What came of asking for a change.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Started {
    pub change: u64,
    /// Whether it had been asked for before: then nothing new was made.
    pub existed: bool,
    /// One sentence for the toast.
    pub sentence: String,
}

/// Which changes; all of it is in the URL. Empty filters take all.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ListChanges {
    /// Free text: matches app, version, person, commit and number, without case.
    pub q: String,
    pub environment: Vec<String>,
    /// [`ChangeGroup::word`]s.
    pub state: Vec<String>,
    /// `promote`, `rollback`, `introduce`.
    pub kind: Vec<String>,
    pub who: Vec<String>,
    /// From 1.
    pub page: u32,
    /// 10 to 200; 0 is the default of 50.
    pub per_page: u32,
}

/// One page of changes: open ones first, then the newest.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangeList {
    /// The moment that the ages count against.
    pub now: Timestamp,
    pub rows: Vec<ChangeRow>,
    /// How many match all filters.
    pub matching: u32,
    /// How many there are that the actor may see.
    pub total: u32,
    pub page: u32,
    pub per_page: u32,
    /// How many of each group match the other filters.
    pub groups: Vec<(ChangeGroup, u32)>,
    /// The people and tokens that asked for changes, by name.
    pub people: Vec<String>,
    /// The environments, in the order of promotions.
    pub environments: Vec<Environment>,
}

/// A change in lists.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangeRow {
    pub id: u64,
    pub kind: PlanKind,
    /// What it does in a few words: `Promote web-app`, `Promote 3 apps`, `Roll back api`.
    pub title: String,
    /// The environment that values come from, or of a rollback the commit.
    pub from: String,
    /// The environment that changes.
    pub environment: Environment,
    pub apps: Vec<ChangeApp>,
    pub state: ChangeState,
    /// What is waited for, what is wrong, or why it ended so; empty where the state says it all.
    pub why: String,
    pub who: String,
    pub reason: String,
    pub asked_at: Timestamp,
    /// When it came to its state.
    pub since: Timestamp,
    /// When it ended; none while it is open.
    pub ended_at: Option<Timestamp>,
    /// Its commit, once it is on the branch.
    pub commit: Option<String>,
    /// How many of the six [`STEPS`] are behind it.
    pub steps: u8,
    /// The change that took its place, or took it back.
    pub by: Option<u64>,
}

/// An app of a change.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangeApp {
    pub name: String,
    /// Names the app in URLs.
    pub slug: String,
    pub before: Option<String>,
    pub after: Option<String>,
    /// The change that took this app back, or replaced what was written.
    pub by: Option<u64>,
}

/// A change with all that is known of it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangeDetail {
    /// The moment that the ages count against.
    pub now: Timestamp,
    pub row: ChangeRow,
    /// The hash of its plan; approvals bind to it.
    pub plan: String,
    /// Without credentials.
    pub repository: String,
    pub branch: String,
    /// The whole message of its commit, once there is one.
    pub message: Option<String>,
    pub files: Vec<FileChange>,
    /// What happened so far, the oldest first.
    pub timeline: Vec<Step>,
    /// As they stand now, or once it is committed as they stood then.
    pub gates: Vec<Gate>,
    /// One for each of its Applications that the actor may see; empty before its commit.
    pub rollout: Vec<Rollout>,
    pub approvals: Vec<Approval>,
    /// How many approvals are asked.
    pub quorum: u32,
    /// How long it has to stay Healthy, in seconds.
    pub soak_seconds: u32,
    /// Whether the actor may approve or decline it now; a sentence says why not. None where nothing is to be decided.
    pub decide: Option<May>,
    /// Whether the actor may cancel it, or, where it needs attention, end it as it is. None where nobody can.
    pub cancel: Option<May>,
    /// Whether the actor may take it back. None where there is nothing to take back.
    pub undo: Option<May>,
}

/// Whether an actor may do something.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "may", rename_all = "snake_case")]
pub enum May {
    Yes,
    /// They may not; a sentence or the missing right says why.
    No {
        why: String,
    },
}

/// Something that happened to a change.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Step {
    pub at: Timestamp,
    /// The state that it came to, or stayed in.
    pub state: ChangeState,
    /// Who did it; empty for Quarterdeck itself.
    pub who: String,
    /// What happened, in a sentence, with its evidence.
    pub text: String,
}

/// How far an Application is with a change.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rollout {
    pub application: ApplicationId,
    pub cluster: String,
    pub stage: RolloutStage,
    pub health: Health,
    /// The commit that Argo CD compared it with last.
    pub revision: Option<String>,
    /// What is waited for, or what is wrong; empty where all is well.
    pub why: String,
    /// When it came to its stage.
    pub since: Timestamp,
    /// From the commit until it was Healthy, in seconds; none before.
    pub took_seconds: Option<u32>,
}

/// The stages of an Application.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RolloutStage {
    /// Argo CD has not seen the commit.
    Committed,
    /// It compared the Application with the commit, or one after it.
    Seen,
    Syncing,
    Synced,
    Healthy,
    /// It stayed Healthy for as long as is asked.
    Soaked,
}

/// What somebody decided about a change.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Approval {
    pub who: String,
    pub verdict: Verdict,
    pub comment: String,
    pub at: Timestamp,
    pub expires_at: Timestamp,
    /// Why it does not count any more; none where it does.
    pub void: Option<String>,
    /// Whether the actor gave it, and so may take it back.
    pub is_own: bool,
}

/// What an approver says.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    #[default]
    Approve,
    /// The change ends with it.
    Decline,
    /// The approver's own approval is taken back.
    TakeBack,
}

/// Asks to decide about a change.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct DecideChange {
    pub change: u64,
    /// The hash of the plan that the approver has seen.
    pub plan: String,
    pub verdict: Verdict,
    pub comment: String,
    /// The environment as typed; needed to approve where it is protected.
    pub typed_environment: String,
}

/// What waits for the actor, and what they wait for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WaitingList {
    /// The moment that the ages count against.
    pub now: Timestamp,
    /// What the actor may decide, the first to expire first.
    pub to_decide: Vec<WaitingChange>,
    /// The actor's own open changes that wait for others, or need attention.
    pub asked: Vec<ChangeRow>,
    /// What the actor decided, the newest first, at most 20.
    pub decided: Vec<Decided>,
}

/// A change that waits for a decision, with enough to take it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WaitingChange {
    pub row: ChangeRow,
    pub plan: String,
    /// The rows of the plan that move.
    pub moving: Vec<PlanRow>,
    pub gates: Vec<Gate>,
    pub touched: Touched,
    /// What makes a person look twice: findings of the rendering, differences that nobody listed.
    pub findings: Vec<String>,
    pub approvals: Vec<Approval>,
    pub quorum: u32,
    /// When it is dropped for nobody decided.
    pub expires_at: Timestamp,
    /// When the actor looked at it last, and what happened since.
    pub looked_at: Option<Timestamp>,
    pub since_looked: Vec<Step>,
}

/// A decision of the actor.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Decided {
    pub change: u64,
    /// What the change does, e.g. `Promote auth to prod`.
    pub title: String,
    pub verdict: Verdict,
    pub at: Timestamp,
    pub comment: String,
    /// Why it does not count any more; none where it does.
    pub void: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_and_group_is_known_by_its_word() {
        for state in ChangeState::ALL {
            assert_eq!(ChangeState::parse(state.word()), Some(state));
            assert_eq!(serde_json::to_value(state).expect("serializes"), state.word());
        }
        for group in ChangeGroup::ALL {
            assert_eq!(ChangeGroup::parse(group.word()), Some(group));
        }
    }

    #[test]
    fn open_are_those_that_have_not_ended() {
        assert!(ChangeState::Soaking.is_open() && !ChangeState::Done.is_open());
        assert!(ChangeState::Queued.is_before_commit() && !ChangeState::Committing.is_before_commit());
        assert!(ChangeState::NeedsAttention.is_rolling_out() && !ChangeState::Committing.is_rolling_out());
    }
}
