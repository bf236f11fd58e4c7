//! What a promotion or a rollback would do: the plan, what is asked for, and what the fleet adds to it.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    application::{ApplicationId, ApplicationRow},
    change::ChangeState,
    gate::Gate,
    status::{Environment, Freshness},
};

/// What a change would do to a repository, computed without doing it: a function of commits, rules and what is asked.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Plan {
    pub kind: PlanKind,
    /// Without credentials; none for a clone at hand.
    pub repository: Option<String>,
    /// The environment, or of a rollback the revision, that values come from.
    pub from: String,
    /// The environment that changes.
    pub to: String,
    /// The commit that was read, and that the files below are edited at.
    pub commit: String,
    /// SHA-256, in hex, over what was read and would be written; a commit elsewhere leaves it as it is.
    pub hash: String,
    /// One for each app that was asked for: several make a train.
    pub rows: Vec<PlanRow>,
    pub files: Vec<FileChange>,
    /// What a person should know, in sentences.
    pub warnings: Vec<String>,
}

/// The ways to a plan.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PlanKind {
    Promote,
    Rollback,
    /// The app is not in the target environment yet: its folder is made after the nearest one.
    Introduce,
}

/// An app of a plan.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanRow {
    pub app: String,
    /// Names the app in URLs; none for a clone at hand.
    pub slug: Option<String>,
    /// Where the app lives in the repository, e.g. `apps/web-app`.
    pub base_path: String,
    pub outcome: RowOutcome,
    /// What people call the versions before and after: the tag of the first image that moves, else the first value.
    pub before: Option<String>,
    pub after: Option<String>,
    /// The commit that values are taken from.
    pub source_commit: String,
    /// A later commit of the source environment with other values, which is not verified: it is offered, not taken.
    pub later: Option<CommitRef>,
    pub moves: Vec<Move>,
    pub stays: Vec<Stay>,
    /// Values that others changed since the last promotion.
    pub foreign: Vec<ForeignEdit>,
    /// Of a promotion, what it brings: the commits that changed the source since it had what the target has now. Of a
    /// rollback, what it takes back. The newest first.
    pub commits: Vec<CommitRef>,
    /// Who changed the file last that would change now.
    pub last_touched: Option<CommitRef>,
    pub verified: Verified,
    /// What a person should know of this app, in sentences, e.g. an override that makes the change useless.
    pub warnings: Vec<String>,
}

/// What becomes of an app in a plan.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RowOutcome {
    Moves,
    NothingToDo,
    /// It is left out; a sentence says why.
    Skipped {
        why: String,
    },
    /// A person must decide first: others changed the same field.
    Stopped {
        why: String,
    },
}

/// Whether the source environment ran well with what would be taken from it (rules R2 and R3).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Verified {
    /// It is synced at that commit and Healthy, since then.
    Healthy { since: Option<Timestamp> },
    /// It is not; a sentence says why.
    Not { why: String },
    /// Without a fleet, nobody can tell.
    NotKnown,
}

/// A commit, as far as a list shows it.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CommitRef {
    pub id: String,
    pub subject: String,
    pub author: String,
    pub at: Timestamp,
}

/// A field that takes another value.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Move {
    pub file: String,
    /// E.g. `images[0].newTag`; of a whole file `(file)`.
    pub field: String,
    /// None where it is absent.
    pub before: Option<String>,
    pub after: Option<String>,
}

/// A difference between the two environments that does not travel.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stay {
    /// Relative to the folder of the environment.
    pub file: String,
    /// None where it is the whole file.
    pub field: Option<String>,
    /// What the environment that values come from has.
    pub source: Option<String>,
    /// What the environment that changes keeps.
    pub target: Option<String>,
    pub why: String,
    /// Whether it is listed as a difference to be expected (namespaces, replicas, hosts, what the rules name).
    pub expected: bool,
}

/// A field of the target that was changed by others since the last promotion (rule R5).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ForeignEdit {
    pub file: String,
    pub field: String,
    /// What the last promotion left there.
    pub base: Option<String>,
    pub promoted_by: Option<CommitRef>,
    /// What is there now, and who put it there.
    pub ours: Option<String>,
    pub changed_by: Option<CommitRef>,
    /// What the promotion would write, and who put that into the source.
    pub theirs: Option<String>,
    pub source_changed_by: Option<CommitRef>,
}

/// A file that would change.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileChange {
    pub path: String,
    /// A unified difference that `git apply` takes.
    pub patch: String,
}

/// What is asked for.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AskPlan {
    Promote(AskPromotion),
    Rollback(AskRollback),
    Undo(AskUndo),
}

/// What a change of ours wrote, back to how it was before.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct AskUndo {
    /// Its number. Apps of it that were taken back already are left out.
    pub change: u64,
}

/// Apps from one environment to another.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct AskPromotion {
    /// Slugs; empty for all apps that are in the source environment.
    pub apps: Vec<String>,
    pub from: String,
    pub to: String,
    /// The apps of which the newest commit is taken, whether verified or not.
    pub take_latest: Vec<String>,
    /// The apps of which foreign edits are overwritten.
    pub overwrite: Vec<String>,
}

/// An app in an environment back to an earlier state.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct AskRollback {
    /// The slug.
    pub app: String,
    pub environment: String,
    /// The commit whose state is wanted.
    pub revision: String,
    /// Restore the whole folder, where nobody else touched it since, instead of the promoted fields alone.
    pub whole_path: bool,
}

/// The page of a plan: the plan, and what the fleet says to it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanDetail {
    /// The moment that the ages count against.
    pub now: Timestamp,
    pub plan: Plan,
    pub ask: AskPlan,
    /// The environment that changes.
    pub target: Environment,
    pub asked_by: String,
    pub asked_at: Timestamp,
    pub standing: Standing,
    pub touched: Touched,
    /// One for each Application that is touched and that the actor may see.
    pub rendered: Vec<RenderedApplication>,
    /// How many of the others could not be rendered.
    pub unseen_unrendered: u32,
    /// Why the actor may not carry it out: the missing right, short; none where they may.
    pub denied: Option<String>,
    /// What a change of it would have to pass, as it stands now.
    pub gates: Vec<Gate>,
    /// The environment that has to be typed, where it is protected.
    pub typed_environment: Option<String>,
    /// Whether a reason has to be given.
    pub needs_reason: bool,
    /// The open or done change that carries this plan out.
    pub change: Option<PlanChange>,
}

/// The change of a plan.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanChange {
    pub id: u64,
    pub state: ChangeState,
}

/// Whether a plan still holds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Standing {
    /// Computed again at the newest commit, it is the same.
    Valid,
    /// What it read has changed since; what is asked for has another plan now.
    Stale { why: String },
    /// It cannot be told now, e.g. for the repository does not answer.
    NotKnown { why: String },
}

/// How far a plan reaches.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Touched {
    pub applications: Vec<TouchedApplication>,
    /// Applications that the actor may not see, and that are touched all the same.
    pub hidden: u32,
}

/// An Application that a plan touches.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TouchedApplication {
    pub id: ApplicationId,
    pub app: String,
    pub environment: Environment,
    pub cluster: String,
    pub namespace: String,
    pub freshness: Freshness,
    /// Why it is touched although nobody asked: the file that it shares. None where it is what was asked for.
    pub shares: Option<String>,
}

/// What an Application's objects would become.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RenderedApplication {
    pub application: ApplicationId,
    pub cluster: String,
    /// Why it could not be rendered; none where it could.
    pub not_rendered: Option<String>,
    /// How many objects it has after the change.
    pub objects: u32,
    pub changes: Vec<ObjectChange>,
    /// What makes a person look twice (rule R7), in sentences.
    pub findings: Vec<String>,
}

/// An object that is added, changed or removed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ObjectChange {
    pub what: ChangeKind,
    /// E.g. `apps/v1`.
    pub api_version: String,
    pub kind: String,
    pub namespace: String,
    pub name: String,
    /// Whether nothing but noise changes: generated suffixes of names, labels of the chart.
    pub noise: bool,
    /// A unified difference; values of Secrets are masked.
    pub patch: String,
}

/// What becomes of an object.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Added,
    Changed,
    Removed,
}

/// The page from which an app is rolled back in an environment.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EarlierStates {
    pub now: Timestamp,
    pub slug: String,
    pub name: String,
    pub environment: Environment,
    pub applications: Vec<ApplicationRow>,
    /// The newest first, the running one among them; at most 50.
    pub states: Vec<EarlierState>,
    /// How many there are.
    pub total: u32,
    /// Why they are not told, or not all.
    pub note: Option<String>,
    /// Why the actor may not roll back: the missing right, short; none where they may.
    pub denied: Option<String>,
}

/// A state that an app had in an environment.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EarlierState {
    /// The commit that asked for it.
    pub commit: CommitRef,
    pub version: Option<String>,
    pub ran: Ran,
    /// Who synced it first, where it ran; none where Argo CD did by itself.
    pub synced_by: Option<String>,
    /// What would be restored, against what is there now; empty for what is there.
    pub moves: Vec<Move>,
}

/// How it went with a state.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Ran {
    /// It is what Git asks for now.
    Now { since: Timestamp, healthy: Option<bool> },
    /// It ran from then until then; whether it was Healthy at its end, where known.
    Was { from: Timestamp, to: Timestamp, healthy: Option<bool> },
    /// Git asked for it from then until then; no sync of it is known.
    Asked { from: Timestamp, to: Timestamp },
}

impl Plan {
    /// Returns whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

impl PlanKind {
    /// Returns the act in words, as a button or a heading begins.
    pub fn word(self) -> &'static str {
        match self {
            Self::Promote => "Promote",
            Self::Rollback => "Roll back",
            Self::Introduce => "Introduce",
        }
    }
}
