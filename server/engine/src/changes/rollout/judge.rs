//! How far one Application is with a change, and what is to be done about it. A pure function of what is known.
//!
//! The rules are those of Argo CD's own life of an operation: health is trusted once the Application was compared after
//! its operation ended; a commit that changes no object moves the revision without an operation; where auto-sync is on,
//! an operation of ours would race it.

use std::time::Duration;

use model::{
    Timestamp,
    application::{ApplicationId, WindowVerdict},
    change::RolloutStage,
    status::{Freshness, Health, Phase, Sync},
};

use crate::fleet::index::{Operation, Requested, Row};

/// How a revision that Argo CD is at stands to the commit of a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Git {
    /// There is no revision, or the mirror does not have it.
    NotKnown,
    /// It does not have the commit; Argo CD is still to see it.
    Before,
    Ours,
    /// It comes after the commit.
    After {
        holds: bool,
    },
    /// The commit is not in the branch any more, for its history was written anew: the values count.
    Rewritten {
        holds: bool,
    },
}

/// What is known of an Application.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) auto_sync: bool,
    pub(super) sync: Sync,
    pub(super) health: Health,
    /// What Argo CD compared it with last.
    pub(super) revision: Option<String>,
    pub(super) operation: Option<Operation>,
    pub(super) requested: Option<Requested>,
    pub(super) reconciled_at: Option<Timestamp>,
    pub(super) condition: Option<String>,
    pub(super) refreshing: bool,
    pub(super) deleting: bool,
}

/// What became of the sync that the change asked for, where auto-sync is off.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Asked {
    /// There was none, or nothing came of it: it may be asked for.
    Not,
    /// It could not be written a moment ago; a sentence says why.
    Refused { why: String },
    /// It is on its way, as the operation with this id in the record.
    Underway { audit_id: String },
    /// It ended, and is not the Application's last operation any more.
    Over,
}

/// The commit that took back what the change wrote.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Taken {
    /// The commit in words, e.g. `abc1234 by erin (Revert)`; none where no single one is found.
    pub(super) commit: Option<String>,
    /// The change of ours that wrote it.
    pub(super) change: Option<i64>,
}

/// One Application of a change, with all that its judgement rests on.
#[derive(Clone, Debug)]
pub(super) struct Case<'a> {
    pub(super) application: &'a ApplicationId,
    pub(super) cluster: &'a str,
    /// None where the index has no such Application.
    pub(super) told: Option<&'a Told>,
    /// Whether the Applications of its control plane were listed once.
    pub(super) listed: bool,
    pub(super) freshness: &'a Freshness,
    pub(super) window: Option<&'a WindowVerdict>,
    /// The commit of the change.
    pub(super) commit: &'a str,
    /// Of the revision that it was compared with.
    pub(super) git: Git,
    /// Of the revision of its operation.
    pub(super) operation_git: Git,
    /// Where `git` says that the values are gone.
    pub(super) taken: Option<&'a Taken>,
    /// Why the repository cannot be read now, where it cannot.
    pub(super) unread: Option<&'a str>,
    pub(super) asked: &'a Asked,
    pub(super) stage: RolloutStage,
    /// When a refresh was asked for last, and how long that is good for.
    pub(super) refreshed_at: Option<Timestamp>,
    pub(super) good_for: Duration,
    pub(super) now: Timestamp,
}

/// What is made of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Judged {
    pub(super) stage: RolloutStage,
    pub(super) outlook: Outlook,
    /// What is waited for, or what is wrong, in a sentence; empty where all is well.
    pub(super) why: String,
    pub(super) act: Act,
}

/// How it looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outlook {
    /// It runs what the change wrote, and is Healthy.
    Well,
    /// It goes on by itself.
    Waits,
    /// A person has to do something.
    ForPerson,
    /// A later commit that is none of ours took back what the change wrote.
    TakenBack,
    /// Nothing can be told yet, for Quarterdeck has only just begun to look.
    NotKnown,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Act {
    Nothing,
    /// Ask Argo CD to compare with Git.
    Refresh,
    /// Write a sync to the commit.
    Sync,
}

impl Git {
    /// Returns whether a revision has what the change wrote.
    pub(super) fn has_it(self) -> bool {
        matches!(self, Self::Ours | Self::After { holds: true } | Self::Rewritten { holds: true })
    }
}

impl Told {
    /// Takes what matters out of a row of the index.
    pub(super) fn of(row: &Row) -> Self {
        Self {
            auto_sync: row.auto_sync,
            sync: row.sync,
            health: row.health,
            revision: row.revision.clone(),
            operation: row.operation.clone(),
            requested: row.requested.clone(),
            reconciled_at: row.reconciled_at,
            condition: row.condition.clone(),
            refreshing: row.refreshing,
            deleting: row.deleting,
        }
    }

    /// Returns whether health and sync are older than the end of the operation.
    fn is_older_than(&self, operation: &Operation) -> bool {
        operation.finished_at > self.reconciled_at
    }
}

impl Judged {
    fn new(stage: RolloutStage, outlook: Outlook, why: impl Into<String>) -> Self {
        Self { stage, outlook, why: why.into(), act: Act::Nothing }
    }

    fn waits(stage: RolloutStage, why: impl Into<String>) -> Self {
        Self::new(stage, Outlook::Waits, why)
    }

    fn for_person(stage: RolloutStage, why: impl Into<String>) -> Self {
        Self::new(stage, Outlook::ForPerson, why)
    }

    fn and(self, act: Act) -> Self {
        Self { act, ..self }
    }
}

/// Judges one Application.
pub(super) fn judge(case: &Case<'_>) -> Judged {
    let name = &case.application.name;
    let Some(told) = case.told else { return absent(case) };
    if *case.freshness == Freshness::Connecting {
        let why = format!("Cluster {} was not reached yet since Quarterdeck began to look.", case.cluster);
        return Judged::new(case.stage, Outlook::NotKnown, why);
    }
    if told.deleting {
        return Judged::for_person(case.stage, format!("{name} is being deleted, so nothing comes to it."));
    }
    let judged = by_git(case, told);
    match case.freshness {
        Freshness::Stale { why, .. } | Freshness::Unreachable { why, .. }
            if judged.outlook != Outlook::TakenBack =>
        {
            let why = format!(
                "Cluster {} does not answer ({why}): it takes the commit when it returns.",
                case.cluster
            );
            Judged::waits(judged.stage.min(RolloutStage::Synced), why)
        }
        _ => judged,
    }
}

fn absent(case: &Case<'_>) -> Judged {
    let ApplicationId { control_plane, name, .. } = case.application;
    if !case.listed {
        let why = format!("Control plane {control_plane} has not told its Applications yet.");
        return Judged::new(case.stage, Outlook::NotKnown, why);
    }
    let why = format!(
        "{name} is not in control plane {control_plane} any more: it was deleted. Make it again, or promote anew without it."
    );
    Judged::for_person(case.stage, why)
}

fn by_git(case: &Case<'_>, told: &Told) -> Judged {
    match case.git {
        git if git.has_it() => arrived(case, told),
        Git::NotKnown | Git::Before => not_seen(case, told),
        _ => taken_back(case),
    }
}

fn taken_back(case: &Case<'_>) -> Judged {
    let commit = short(case.commit);
    match case.taken {
        Some(Taken { change: Some(change), .. }) => Judged::waits(
            RolloutStage::Seen,
            format!("Change {change} wrote something else there since: its own page tells how that goes."),
        ),
        Some(Taken { commit: Some(by), .. }) => Judged::new(
            RolloutStage::Seen,
            Outlook::TakenBack,
            format!("Commit {by} took back what {commit} wrote: promote again, or leave it so."),
        ),
        _ => Judged::new(
            RolloutStage::Seen,
            Outlook::TakenBack,
            format!("The branch does not hold any more what {commit} wrote: promote again, or leave it so."),
        ),
    }
}

/// Argo CD is to compare it with the commit first.
fn not_seen(case: &Case<'_>, told: &Told) -> Judged {
    let commit = short(case.commit);
    if let Some(unread) = case.unread {
        let why = format!("Its repository cannot be read now: {unread}.");
        return Judged::new(case.stage, Outlook::NotKnown, why).and(refresh(case, told));
    }
    let why = match &told.revision {
        _ if told.refreshing => {
            format!("Argo CD was asked to compare it with commit {commit}, and has not begun.")
        }
        Some(revision) if case.git == Git::NotKnown => {
            format!("Argo CD compared it with {}, which is not fetched yet.", short(revision))
        }
        Some(revision) => {
            format!("Argo CD compared it with {}, and not with commit {commit} yet.", short(revision))
        }
        None => format!("Argo CD has not compared it with Git yet; commit {commit} waits."),
    };
    let why = match &told.condition {
        Some(condition) => format!("{why} It says: {}", sentence(condition)),
        None => why,
    };
    Judged::waits(RolloutStage::Committed, in_the_way(case, told).unwrap_or(why)).and(refresh(case, told))
}

/// Argo CD compared it with the commit, or one after it that holds the same.
fn arrived(case: &Case<'_>, told: &Told) -> Judged {
    if let Some(why) = in_the_way(case, told) {
        return Judged::waits(RolloutStage::Seen, why);
    }
    if let Some(requested) = &told.requested {
        return picked_up(case, requested);
    }
    let operation = told.operation.as_ref();
    if let Some(running) = operation.filter(|it| !it.phase.is_over()) {
        return Judged::waits(RolloutStage::Syncing, progress(running));
    }
    // What somebody only tried says nothing of what runs.
    let ended = operation.filter(|it| !it.dry_run && (case.operation_git.has_it() || is_asked(case, it)));
    if let Some(failed) = ended.filter(|it| it.phase != Phase::Succeeded) {
        let why = format!("The sync to {} failed: {}", at(case, failed), sentence(failed.cause()));
        return Judged::for_person(RolloutStage::Syncing, why);
    }
    if !is_applied(case, told, ended) {
        return to_apply(case, told, ended);
    }
    // Also of an operation before the commit: what runs was changed by it.
    match operation.filter(|it| told.is_older_than(it)) {
        Some(_) => Judged::waits(
            RolloutStage::Synced,
            "Its health was told before the sync ended: Argo CD is to look again.",
        )
        .and(refresh(case, told)),
        None => by_health(case, told),
    }
}

fn by_health(case: &Case<'_>, told: &Told) -> Judged {
    let waits = |why: &str| Judged::waits(RolloutStage::Synced, why);
    match told.health {
        Health::Healthy => Judged::new(RolloutStage::Healthy, Outlook::Well, ""),
        Health::Degraded => {
            let why = format!(
                "It is Degraded since it was synced to {}: look at its resources.",
                short(case.commit)
            );
            Judged::for_person(RolloutStage::Synced, why)
        }
        Health::Progressing => waits("It is Progressing: its resources are not ready yet."),
        Health::Missing => waits("It is Missing some of its resources."),
        Health::Suspended => waits("It is Suspended: somebody has to resume it."),
        Health::Unknown => waits("Argo CD cannot tell its health."),
    }
}

/// An operation at an older commit keeps the new one out until it ends; one that is tried again does so for long.
fn in_the_way(case: &Case<'_>, told: &Told) -> Option<String> {
    let operation = told.operation.as_ref().filter(|it| !it.phase.is_over())?;
    if case.operation_git != Git::Before {
        return None;
    }
    let (at, commit) = (at(case, operation), short(case.commit));
    Some(if operation.finished_at.is_some() {
        format!(
            "A sync to {at} failed, is tried again and keeps {commit} out as long: end it on the page of {}. Argo CD says: {}",
            case.application.name,
            sentence(operation.cause())
        )
    } else {
        format!("A sync to {at} runs and has to end before {commit} comes. {}", progress(operation))
    })
}

fn picked_up(case: &Case<'_>, requested: &Requested) -> Judged {
    let ours = |it: &Asked| matches!(it, Asked::Underway { audit_id } if requested.audit_id.as_ref() == Some(audit_id));
    if ours(case.asked) {
        return Judged::waits(RolloutStage::Syncing, "The sync is asked for, and Argo CD has not begun it.");
    }
    Judged::waits(RolloutStage::Seen, "Another operation was asked for before, and Argo CD has not begun it.")
}

fn progress(operation: &Operation) -> String {
    let said = sentence(operation.cause());
    if operation.message.contains("blocked by sync window") {
        "A sync window holds the operation: it runs when the window lets it, and no other can start before."
            .into()
    } else if operation.finished_at.is_some() {
        format!("The sync failed, and Argo CD tries it again: {said}")
    } else if operation.message.is_empty() {
        "Argo CD syncs it.".to_owned()
    } else {
        format!("Argo CD syncs it: {said}")
    }
}

/// Synced, or synced by our own operation while a later commit is what makes it out of sync: where auto-sync is off, that
/// commit is not ours to bring.
fn is_applied(case: &Case<'_>, told: &Told, ended: Option<&Operation>) -> bool {
    let overtaken = |it: &Operation| is_asked(case, it) && it.revision != told.revision;
    told.sync == Sync::Synced || (told.sync == Sync::OutOfSync && ended.is_some_and(overtaken))
}

/// It has to be synced still.
fn to_apply(case: &Case<'_>, told: &Told, ended: Option<&Operation>) -> Judged {
    let seen = |why: String| Judged::waits(RolloutStage::Seen, why);
    if told.sync == Sync::Unknown {
        let why =
            told.condition.as_deref().map_or("Argo CD cannot tell whether it is in sync.".into(), |it| {
                format!("Argo CD cannot compare it: {}", sentence(it))
            });
        return seen(why).and(refresh(case, told));
    }
    if let Some(ended) = ended.filter(|it| told.is_older_than(it)) {
        let why = format!("It was synced to {}, and Argo CD is to compare it again.", at(case, ended));
        return Judged::waits(RolloutStage::Syncing, why).and(refresh(case, told));
    }
    let is_done = |it: &&Operation| told.auto_sync || is_asked(case, it) || *case.asked == Asked::Over;
    if let Some(ended) = ended.filter(is_done) {
        let why = format!(
            "It was synced to {} and is out of sync still: something is to be pruned, or something else changes it.",
            at(case, ended)
        );
        return Judged::waits(RolloutStage::Syncing, why);
    }
    if !told.auto_sync {
        return to_sync(case);
    }
    seen(match case.window {
        Some(window) if !window.allowed => {
            format!("{} Argo CD syncs it when that is over.", denied(window))
        }
        _ => "Argo CD has seen it and is about to sync it.".to_owned(),
    })
}

/// Auto-sync is off: one sync of ours brings it.
fn to_sync(case: &Case<'_>) -> Judged {
    let commit = short(case.commit);
    if let Some(window) = case.window.filter(|it| !it.allowed) {
        let why = format!("{} It is synced when that is over.", denied(window));
        return Judged::waits(RolloutStage::Seen, why);
    }
    match case.asked {
        Asked::Not => {
            Judged::waits(RolloutStage::Seen, format!("It is to be synced to {commit}.")).and(sync(case))
        }
        Asked::Refused { why } => {
            let why =
                format!("The sync to {commit} could not be asked for and is tried again: {}", sentence(why));
            Judged::waits(RolloutStage::Seen, why)
        }
        Asked::Underway { .. } => {
            Judged::waits(RolloutStage::Syncing, "The sync is asked for, and Argo CD has not begun it.")
        }
        Asked::Over => {
            let why = format!(
                "It was synced to {commit} and then to something else by others: sync it again where that was not meant."
            );
            Judged::for_person(RolloutStage::Seen, why)
        }
    }
}

fn denied(window: &WindowVerdict) -> String {
    format!("A sync window denies it: {}.", window.why.trim_end_matches('.'))
}

/// A cluster that does not answer takes nothing.
fn sync(case: &Case<'_>) -> Act {
    if case.freshness.is_live() { Act::Sync } else { Act::Nothing }
}

/// Once, and again when it was not seen for long; not while Argo CD has not begun with the last one.
fn refresh(case: &Case<'_>, told: &Told) -> Act {
    let good_for = i64::try_from(case.good_for.as_millis()).unwrap_or(i64::MAX);
    let is_due = case.refreshed_at.is_none_or(|at| case.now.0.saturating_sub(at.0) >= good_for);
    if is_due && !told.refreshing && case.freshness.is_live() { Act::Refresh } else { Act::Nothing }
}

fn is_asked(case: &Case<'_>, operation: &Operation) -> bool {
    matches!(case.asked, Asked::Underway { audit_id } if operation.audit_id.as_ref() == Some(audit_id))
}

fn at<'a>(case: &'a Case<'_>, operation: &'a Operation) -> &'a str {
    short(operation.revision.as_deref().unwrap_or(case.commit))
}

/// The beginning of a commit, as people name it.
pub(super) fn short(revision: &str) -> &str {
    revision.get(..7).unwrap_or(revision)
}

/// What somebody else says, as the end of ours.
pub(super) fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '…']) { text.to_owned() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests;
