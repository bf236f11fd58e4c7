//! Gates in the life of a change: what waits goes on when all of them pass, and whoever is about to write asks once more.

use std::collections::{BTreeMap, BTreeSet};

use git2::Oid;
use model::{
    Timestamp,
    change::ChangeState,
    gate::{Gate, GateKind},
    plan::{AskPlan, PlanKind, RowOutcome, Verified},
};

use super::{
    Changes, authorize,
    decide::EXPIRED,
    start::Draft,
    store::{self, NewStep, Stored, StoredApp, StoredApplication},
};
use crate::{
    Result,
    access::Verb,
    fleet::index::Snapshot,
    gates::{Approvals, GateApp, GateBook, GateInput, Own, gates},
    plans::Ready,
};

/// How long a change waits for people before it is dropped, in days.
pub(super) const DROPPED_AFTER_DAYS: i64 = 7;

/// Whether a change may be written now.
pub(super) enum Admission {
    /// With its gates as they stand.
    Pass { gates: Vec<Gate> },
    /// Something is in the way for now.
    Wait { state: ChangeState, why: String },
    /// It cannot be any more.
    End { why: String },
}

impl Changes {
    /// Brings each change that waits to where its gates let it.
    pub(super) async fn pass_gates(&self) -> Result<()> {
        let waiting =
            store::in_states(&self.db, &[ChangeState::AwaitingApproval, ChangeState::Waiting]).await?;
        if waiting.is_empty() {
            return Ok(());
        }
        let (known, _): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|change| self.not_known_yet(change).is_none());
        for (change, admission) in self.admissions(known).await? {
            let from = change.standing.state;
            match admission {
                Admission::Pass { .. } => {
                    let text = "All its gates pass.";
                    store::step(
                        &self.db,
                        change.standing,
                        ChangeState::Queued,
                        NewStep { why: "", who: "", text },
                    )
                    .await?;
                }
                Admission::Wait { state, why } if state != from => {
                    let step = NewStep { why: &why, who: "", text: &why };
                    store::step(&self.db, change.standing, state, step).await?;
                }
                Admission::Wait { .. } if self.is_forgotten(&change) => {
                    let why = format!("Nobody decided within {DROPPED_AFTER_DAYS} days.");
                    self.end(change.standing, ChangeState::Cancelled, &why).await?;
                }
                Admission::Wait { why, .. } => store::set_why(&self.db, change.standing, &why).await?,
                Admission::End { why } => self.end(change.standing, ChangeState::Failed, &why).await?,
            }
        }
        Ok(())
    }

    /// Says what of the fleet was not read since this program started: until then nobody seems to have a right.
    pub(super) fn not_known_yet(&self, change: &Stored) -> Option<String> {
        let (snapshot, name) = (self.index.load(), &change.reader.control_plane);
        let is_listed = snapshot.planes.get(name).is_some_and(|plane| plane.listed);
        let is_known = is_listed && snapshot.rights.is_known(name);
        (!is_known).then(|| format!("Control plane {name} is not read yet."))
    }

    /// Asks gates and rights of changes, of the tables themselves.
    pub(super) async fn admissions(&self, changes: Vec<Stored>) -> Result<Vec<(Stored, Admission)>> {
        let book = GateBook::read(&self.db, now()).await?;
        let mut all = Vec::with_capacity(changes.len());
        for change in changes {
            let admission = self.admission(&book, &change).await?;
            all.push((change, admission));
        }
        Ok(all)
    }

    async fn admission(&self, book: &GateBook, change: &Stored) -> Result<Admission> {
        let snapshot = self.index.load();
        let verb = if change.kind == PlanKind::Rollback { Verb::RollBack } else { Verb::Promote };
        if let Err(answer) = authorize(&snapshot, &change.actor, verb, change) {
            let why = format!("{} may not do this any more: {answer}", change.actor.name);
            let entry = super::entry("step", change, change.details());
            self.denials.deny(&self.db, &change.actor, entry, why.clone()).await?;
            return Ok(Admission::End { why });
        }
        let (verified, moved) = self.verified(change).await?;
        let gates = self.gates_with(&snapshot, book, change, &verified).await?;
        let closed = |it: &&Gate| !it.passed;
        // People first: what they decide does not depend on the rest.
        let approval = gates.iter().filter(closed).find(|it| it.kind == GateKind::Approval);
        if let Some(gate) = approval {
            return Ok(Admission::Wait { state: ChangeState::AwaitingApproval, why: gate.why.clone() });
        }
        let why = gates.iter().find(closed).map(|gate| gate.why.clone());
        Ok(match (why, moved) {
            (Some(why), _) => Admission::Wait { state: ChangeState::Waiting, why },
            // While something else is in the way, a newer change may still take its place.
            (None, Some(why)) => Admission::End { why },
            (None, None) => Admission::Pass { gates },
        })
    }

    /// What the fleet says of the source now, by app; and why the plan cannot be carried out any more, where the source
    /// moved to other values since (rule R2).
    async fn verified(&self, change: &Stored) -> Result<(BTreeMap<String, Verified>, Option<String>)> {
        let AskPlan::Promote(ask) = &change.ask else { return Ok((BTreeMap::new(), None)) };
        let now = match self.planner.verified_now(&change.ask, Own::Change(change.number())).await {
            Ok(now) => now,
            // What is not there now may be listed again in a moment: the gate of health says so.
            Err(error) => {
                let why = error.into_answer(&store::system()).to_string();
                let not = |app: &store::StoredApp| (app.slug.clone(), Verified::Not { why: why.clone() });
                return Ok((change.apps.iter().map(not).collect(), None));
            }
        };
        let (mut verified, mut gone) = (BTreeMap::new(), None);
        for (slug, says, commit) in now {
            let row = change
                .plan
                .rows
                .iter()
                .find(|row| row.outcome == RowOutcome::Moves && row.slug.as_deref() == Some(&slug));
            let Some(row) = row else { continue };
            let planned = Oid::from_str(&row.source_commit).ok();
            let moved = !ask.take_latest.contains(&slug) && commit.is_some() && commit != planned;
            if let Some(commit) = commit.filter(|_| moved)
                && !self.source_holds(change, row).await
            {
                gone = Some(format!(
                    "{slug} runs something else in {} since it was planned, at commit {:.7}. Plan it again.",
                    change.source,
                    commit.to_string()
                ));
            }
            verified.insert(slug, says);
        }
        Ok((verified, gone))
    }

    /// Whether a later commit of the source still has what the plan takes from it.
    /// Where that cannot be told now, the commit itself finds out.
    async fn source_holds(&self, change: &Stored, row: &model::plan::PlanRow) -> bool {
        self.planner.moves_still(&change.ask, Own::Change(change.number()), row).await.unwrap_or(true)
    }

    async fn gates_with(
        &self,
        snapshot: &Snapshot,
        book: &GateBook,
        change: &Stored,
        verified: &BTreeMap<String, Verified>,
    ) -> Result<Vec<Gate>> {
        let approvals = self.approvals_of(snapshot, change).await?;
        let apps = change.apps.iter().enumerate().map(|(position, app)| {
            let applications = change.applications.iter().filter(|it| it.position == position);
            let verified = verified.get(&app.slug).cloned().unwrap_or(Verified::NotKnown);
            gate_app(snapshot, app, verified, applications, &change.ask)
        });
        Ok(gates(&GateInput {
            kind: change.kind,
            from: &change.source,
            to: &change.environment,
            apps: &apps.collect::<Vec<_>>(),
            soak: self.gates.asked(&change.source).soak,
            approvals,
            book,
            now: now(),
        }))
    }

    async fn approvals_of(&self, snapshot: &Snapshot, change: &Stored) -> Result<Approvals> {
        if change.quorum == 0 {
            return Ok(Approvals::default());
        }
        let given = count(self.valid_approvals(snapshot, change).await?.len());
        let decisions = self.decisions(change).await?;
        let expired = decisions.iter().filter(|it| it.approval.void.as_deref() == Some(EXPIRED)).count();
        Ok(Approvals { quorum: change.quorum, given, expired: count(expired) })
    }

    /// Returns the gates of changes as they stand now, for the page and for the evidence.
    pub(super) async fn gates_now(&self, changes: impl Iterator<Item = &Stored>) -> Result<Vec<Vec<Gate>>> {
        let book = GateBook::read(&self.db, now()).await?;
        let snapshot = self.index.load();
        let mut all = Vec::new();
        for change in changes {
            let (verified, _) = self.verified(change).await?;
            all.push(self.gates_with(&snapshot, &book, change, &verified).await?);
        }
        Ok(all)
    }

    /// The gates of what is asked for in this moment.
    pub(super) async fn gates_of_draft(
        &self,
        draft: &Draft,
        ready: &Ready,
        quorum: u32,
    ) -> Result<Vec<Gate>> {
        let book = GateBook::read(&self.db, now()).await?;
        let snapshot = self.index.load();
        let apps = draft.apps.iter().zip(&ready.apps).enumerate().map(|(position, (app, of_plan))| {
            let applications = draft.applications.iter().filter(|it| it.position == position);
            let verified = ready.plan.rows[of_plan.row].verified.clone();
            gate_app(&snapshot, app, verified, applications, &ready.ask)
        });
        Ok(gates(&GateInput {
            kind: ready.plan.kind,
            from: &ready.plan.from,
            to: &draft.environment,
            apps: &apps.collect::<Vec<_>>(),
            soak: self.gates.asked(&ready.plan.from).soak,
            approvals: Approvals { quorum, ..Approvals::default() },
            book: &book,
            now: now(),
        }))
    }

    fn is_forgotten(&self, change: &Stored) -> bool {
        let days = (now().0 - change.since.0) / (24 * 3600 * 1000);
        change.standing.state == ChangeState::AwaitingApproval && days >= DROPPED_AFTER_DAYS
    }
}

fn gate_app<'a>(
    snapshot: &Snapshot,
    app: &StoredApp,
    verified: Verified,
    applications: impl Iterator<Item = &'a StoredApplication>,
    ask: &AskPlan,
) -> GateApp {
    let (mut projects, mut windows) = (BTreeSet::new(), Vec::new());
    for application in applications {
        projects.insert(application.project.clone());
        // Of who will sync it: Argo CD by itself, or we for a person.
        let row = snapshot.row(&application.id);
        windows.extend(row.and_then(|row| Some((row.id.name.clone(), snapshot.rollout_verdict(row)?))));
    }
    GateApp {
        name: app.name.clone(),
        key: app.app_key.clone(),
        projects: projects.into_iter().collect(),
        verified,
        is_taken_by_name: takes_latest(ask, &app.slug),
        windows,
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn takes_latest(ask: &AskPlan, slug: &str) -> bool {
    matches!(ask, AskPlan::Promote(it) if it.take_latest.iter().any(|it| it == slug))
}

pub(super) fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}
