//! What waits for a person: changes that they may approve, with enough to decide; and what they wait for themselves.

use std::collections::BTreeSet;

use model::{
    Actor, Timestamp,
    change::{ChangeState, Decided, Verdict, WaitingChange, WaitingList},
    plan::{PlanRow, RowOutcome},
};
use sqlx::Row as _;

use super::{
    Changes,
    gated::now,
    read::Which,
    store::{self, Stored},
};
use crate::{
    Result,
    db::{Moment, failed},
    plans::touched,
};

/// How many decisions of one's own are shown.
const DECIDED_SHOWN: i64 = 20;

impl Changes {
    /// Returns what waits for the actor.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn waiting(&self, actor: &Actor) -> Result<WaitingList> {
        let open = self.visible(actor, Which::Open).await?;
        let mine = |light: &&super::read::Light| {
            light.subject == actor.subject
                && (light.row.state.is_before_commit() || light.row.state == ChangeState::NeedsAttention)
        };
        let asked = open.iter().filter(mine).map(|light| light.row.clone()).collect();
        let mut to_decide = Vec::new();
        for change in self.decidable(actor).await? {
            to_decide.push(self.waiting_change(actor, change).await?);
        }
        to_decide.sort_by_key(|it| it.expires_at);
        Ok(WaitingList { now: now(), to_decide, asked, decided: self.decided(actor).await? })
    }

    /// Returns how many changes wait for the actor's decision.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn waiting_count(&self, actor: &Actor) -> Result<u32> {
        Ok(u32::try_from(self.decidable(actor).await?.len()).unwrap_or(u32::MAX))
    }

    async fn decidable(&self, actor: &Actor) -> Result<Vec<Stored>> {
        let waiting = store::in_states(&self.db, &[ChangeState::AwaitingApproval]).await?;
        let snapshot = self.index.load();
        let mut decidable = Vec::new();
        for change in waiting {
            if !self.may_see(&snapshot, actor, &change) || self.may_decide(actor, &change).is_err() {
                continue;
            }
            let given = self.valid_approvals(&snapshot, &change).await?;
            if given.iter().all(|it| it.actor.subject != actor.subject) {
                decidable.push(change);
            }
        }
        Ok(decidable)
    }

    async fn waiting_change(&self, actor: &Actor, change: Stored) -> Result<WaitingChange> {
        let snapshot = self.index.load();
        let gates = self.gates_now(std::iter::once(&change)).await?.pop().unwrap_or_default();
        let decisions = self.decisions(&change).await?;
        let looked_at = self.looks_of(actor).await?.get(&change.standing.id).copied();
        let since_looked = match looked_at {
            Some(at) => self.timeline(change.standing.id, Some(at)).await?,
            None => Vec::new(),
        };
        let unlisted = |row: &PlanRow| {
            let count = row.stays.iter().filter(|it| !it.expected).count();
            (count > 0).then(|| match count {
                1 => format!("1 difference of {} that nobody listed stays", row.app),
                many => format!("{many} differences of {} that nobody listed stay", row.app),
            })
        };
        let moving: Vec<PlanRow> =
            change.plan.rows.iter().filter(|row| row.outcome == RowOutcome::Moves).cloned().collect();
        let findings = change.findings.iter().cloned().chain(moving.iter().filter_map(unlisted)).collect();
        Ok(WaitingChange {
            row: self.row(&change),
            plan: change.plan_hash.clone(),
            gates,
            touched: touched(&snapshot.seen_by(actor), &change.touched),
            findings,
            approvals: decisions.into_iter().map(|it| it.approval).collect(),
            quorum: change.quorum,
            expires_at: Timestamp(change.since.0 + super::gated::DROPPED_AFTER_DAYS * 24 * 3600 * 1000),
            looked_at,
            since_looked,
            moving,
        })
    }

    async fn decided(&self, actor: &Actor) -> Result<Vec<Decided>> {
        let rows = sqlx::query(
            "SELECT a.change, a.verdict, a.at, a.comment, a.void, c.title, c.environment FROM approvals AS a
             JOIN changes AS c ON c.id = a.change WHERE a.subject = $1 ORDER BY a.id DESC LIMIT $2",
        )
        .bind(&actor.subject)
        .bind(DECIDED_SHOWN)
        .fetch_all(self.db.pool())
        .await
        .map_err(failed("read decisions"))?;
        let visible: BTreeSet<_> =
            self.visible(actor, Which::All).await?.iter().map(|it| it.row.id).collect();
        let decided = rows.iter().map(|row| {
            let verdict: String = row.try_get("verdict")?;
            let (title, environment): (String, String) = (row.try_get("title")?, row.try_get("environment")?);
            let is_declined = verdict == "decline";
            Ok(Decided {
                change: row.try_get::<i64, _>("change")?.unsigned_abs(),
                title: format!("{title} to {environment}"),
                verdict: if is_declined { Verdict::Decline } else { Verdict::Approve },
                at: row.try_get::<Moment, _>("at")?.0,
                comment: row.try_get("comment")?,
                void: row.try_get::<Option<String>, _>("void")?.filter(|_| !is_declined),
            })
        });
        let decided: std::result::Result<Vec<Decided>, _> = decided.collect();
        let mut decided = decided.map_err(failed("read decisions"))?;
        // What one may not see any more is not told any more.
        decided.retain(|it| visible.contains(&it.change));
        Ok(decided)
    }
}
