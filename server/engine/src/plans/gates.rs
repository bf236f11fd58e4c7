//! What a change of a plan would have to pass, as the fleet stands now.

use std::{collections::BTreeSet, sync::Arc};

use model::{
    gate::Gate,
    plan::{AskPlan, Plan, PlanKind, PlanRow, RowOutcome, Verified},
};

use super::{Planner, fleet, now};
use crate::{
    fleet::index::{Row, Snapshot},
    gates::{Approvals, GateApp, GateBook, GateInput, gates},
};

/// Whether a change of it needs a reason wherever it goes: a rollback does, and what is taken without being verified.
pub(crate) fn asks_for_reason(plan: &Plan, ask: &AskPlan) -> bool {
    let takes_latest = matches!(ask, AskPlan::Promote(it) if !it.take_latest.is_empty());
    plan.kind == PlanKind::Rollback || takes_latest
}

impl Planner {
    /// Tells how each gate stands now, by the whole fleet. `approvals` are those of a change; its quorum is the environment's
    /// where there is none.
    pub fn gates_of(
        &self,
        snapshot: &Arc<Snapshot>,
        plan: &Plan,
        ask: &AskPlan,
        approvals: Approvals,
        book: &GateBook,
    ) -> Vec<Gate> {
        let quorum = approvals.quorum.max(self.gates.asked(&plan.to).approvals);
        gates(&GateInput {
            kind: plan.kind,
            from: &plan.from,
            to: &plan.to,
            apps: &self.gate_apps(snapshot, plan, ask),
            soak: self.gates.asked(&plan.from).soak,
            approvals: Approvals { quorum, ..approvals },
            book,
            now: now(),
        })
    }

    /// Returns the apps of a plan that move, and how the fleet stands to each now.
    pub fn gate_apps(&self, snapshot: &Arc<Snapshot>, plan: &Plan, ask: &AskPlan) -> Vec<GateApp> {
        let moving = plan.rows.iter().filter(|row| row.outcome == RowOutcome::Moves);
        moving.map(|row| self.gate_app(snapshot, plan, ask, row)).collect()
    }

    fn gate_app(&self, snapshot: &Arc<Snapshot>, plan: &Plan, ask: &AskPlan, row: &PlanRow) -> GateApp {
        let order = self.repositories.order();
        let slug = row.slug.as_deref().unwrap_or(&row.app);
        let is_taken_by_name =
            matches!(ask, AskPlan::Promote(it) if it.take_latest.iter().any(|it| it == slug));
        let found = fleet::find(snapshot, order, slug).ok();
        let rows_in = |environment: &str| -> Vec<Arc<Row>> {
            let rank = fleet::rank_of(order, environment).ok();
            let rows = found.as_ref().zip(rank).map(|(app, rank)| &app.rows[rank]);
            rows.into_iter().flatten().map(|row| Arc::clone(row)).collect()
        };
        let (source, target) = (rows_in(&plan.from), rows_in(&plan.to));
        // What it was when the plan was made says little of now.
        let verified = match plan.kind {
            PlanKind::Rollback => Verified::NotKnown,
            _ if source.is_empty() => row.verified.clone(),
            _ => fleet::verify(snapshot, &source, &plan.from, now()).0,
        };
        let of_projects = if target.is_empty() { &source } else { &target };
        let projects: BTreeSet<_> = of_projects.iter().map(|row| row.project.clone()).collect();
        let windows =
            target.iter().filter_map(|row| Some((row.id.name.clone(), snapshot.rollout_verdict(row)?)));
        GateApp {
            name: row.app.clone(),
            key: found.as_ref().map(|app| app.key.to_string()).unwrap_or_default(),
            projects: projects.into_iter().collect(),
            verified,
            is_taken_by_name,
            windows: windows.collect(),
        }
    }
}
