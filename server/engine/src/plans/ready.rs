//! Plans as they are carried out: computed once more, on what the repository and the fleet say now.

use std::sync::Arc;

use git2::{ObjectType, Oid};
use model::{
    Actor, AppError,
    application::ApplicationId,
    plan::{AskPlan, Plan, PlanRow, RowOutcome},
};

use super::{Made, Planner, reach::Reached, why_stale};
use crate::{
    Result,
    fleet::index::Row,
    gates::Own,
    git::{
        mirror::MirrorPath,
        plan::{Expected, PlannedFile},
    },
};

/// A kept plan that holds now, with all that is needed to carry it out.
pub(crate) struct Ready {
    pub(crate) ask: AskPlan,
    pub(crate) plan: Plan,
    pub(crate) reached: Vec<Reached>,
    /// The Applications whose objects could not be rendered.
    pub(crate) not_rendered: Vec<ApplicationId>,
    /// What makes a person look twice.
    pub(crate) findings: Vec<String>,
    pub(crate) files: Vec<PlannedFile>,
    pub(crate) lead: Arc<Row>,
    pub(crate) mirror: MirrorPath,
    /// The rows that move.
    pub(crate) apps: Vec<ReadyApp>,
}

/// An app that a plan moves.
pub(crate) struct ReadyApp {
    /// Of its row in the plan.
    pub(crate) row: usize,
    pub(crate) source: Vec<Arc<Row>>,
    /// Empty where the plan introduces it.
    pub(crate) target: Vec<Arc<Row>>,
    pub(crate) expected: Vec<Expected>,
}

/// A plan computed again at a commit.
pub(crate) struct Again {
    pub(crate) plan: Plan,
    pub(crate) files: Vec<PlannedFile>,
    pub(crate) expected: Vec<Vec<Expected>>,
}

impl Planner {
    /// Computes a kept plan once more, on a mirror as fresh as it gets.
    ///
    /// # Errors
    /// There is no such plan for this actor, or it does not hold any more.
    pub(crate) async fn ready(&self, actor: &Actor, hash: &str) -> Result<Ready> {
        let kept = self.kept(actor, hash).await?;
        let made = self.plan(actor, &kept.ask, &self.gates.book(), Own::Plan(hash)).await?;
        if made.planned.plan.hash != kept.plan.hash {
            let why = format!(
                "The plan does not hold any more: {} Compute it again, and look at what it would do now.",
                why_stale(&kept.plan, &made.planned.plan)
            );
            return Err(AppError::Conflict { why }.into());
        }
        let files = files_of(&made);
        let Made { asked, planned, mirror, .. } = made;
        let expected = planned.expected;
        let moves = |row: &usize| planned.plan.rows[*row].outcome == RowOutcome::Moves;
        let apps = (0..planned.plan.rows.len()).filter(moves).map(|row| ReadyApp {
            row,
            source: asked.apps[row].source.clone(),
            target: asked.apps[row].target.clone(),
            expected: expected.get(row).cloned().unwrap_or_default(),
        });
        let apps = apps.collect();
        let not_rendered = kept.rendered.iter().filter(|it| it.not_rendered.is_some());
        let findings = kept.rendered.iter().flat_map(|it| it.findings.iter().cloned()).collect();
        Ok(Ready {
            ask: kept.ask,
            reached: kept.reached,
            not_rendered: not_rendered.map(|it| it.application.clone()).collect(),
            findings,
            files,
            lead: asked.lead,
            mirror,
            apps,
            plan: planned.plan,
        })
    }

    /// Computes what is asked for at a commit of the mirror, with what the fleet says now.
    ///
    /// # Errors
    /// What cannot be planned there.
    pub(crate) async fn again(
        &self,
        ask: &AskPlan,
        own: Own<'_>,
        mirror: &MirrorPath,
        head: Oid,
    ) -> Result<Again> {
        let asked = self.asked(&crate::changes::system(), ask, &self.gates.book(), own).await?;
        let made = self.plan_at(asked, mirror.clone(), head).await?;
        let files = files_of(&made);
        Ok(Again { files, expected: made.planned.expected, plan: made.planned.plan })
    }

    /// Says what the fleet says of the apps of a promotion now, in the order that they are asked for in.
    ///
    /// # Errors
    /// What is not there any more.
    pub(crate) async fn verified_now(
        &self,
        ask: &AskPlan,
        own: Own<'_>,
    ) -> Result<Vec<(String, model::plan::Verified, Option<Oid>)>> {
        let asked = self.asked(&crate::changes::system(), ask, &self.gates.book(), own).await?;
        Ok(asked.apps.into_iter().map(|app| (app.slug, app.verified, app.commit)).collect())
    }

    /// Tells whether a plan made now would take the same for an app as this row: also where the target has it by now.
    ///
    /// # Errors
    /// What cannot be planned now.
    pub(crate) async fn moves_still(&self, ask: &AskPlan, own: Own<'_>, row: &PlanRow) -> Result<bool> {
        let made = self.plan(&crate::changes::system(), ask, &self.gates.book(), own).await?;
        let now = made.planned.plan.rows.iter().find(|it| it.base_path == row.base_path);
        Ok(now.is_some_and(|now| match now.outcome {
            RowOutcome::Moves => now.moves == row.moves,
            // Our own commit may have come to the branch in this very moment.
            RowOutcome::NothingToDo => true,
            RowOutcome::Skipped { .. } | RowOutcome::Stopped { .. } => false,
        }))
    }

    /// Checks that a plan is there for this actor.
    ///
    /// # Errors
    /// It is not.
    pub(crate) async fn is_there(&self, actor: &Actor, hash: &str) -> Result<()> {
        self.kept(actor, hash).await.map(drop)
    }
}

fn files_of(made: &Made) -> Vec<PlannedFile> {
    let id = |bytes: &Vec<u8>| Oid::hash_object(ObjectType::Blob, bytes).ok();
    let file = |(path, write): (&String, &crate::git::plan::Write)| PlannedFile {
        path: path.clone(),
        before: write.before.as_ref().and_then(id),
        after: write.after.clone(),
        executable: write.executable,
    };
    made.planned.writes.iter().map(file).collect()
}
