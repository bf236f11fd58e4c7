//! What people decide about a change (rule R12): approvals bind to the hash of its plan, expire, and are of one change
//! alone. Neither who asked for it approves it, nor another login of the same person, nor any token.

use model::{
    Actor, AppError, Timestamp,
    actor::ActorKind,
    change::{Approval, ChangeState, DecideChange, Verdict},
    operation::Outcome,
};
use serde_json::json;
use sqlx::{Row as _, types::Json};

use super::{
    Changes, authorize, entry, moved_on, refuse,
    start::is_same_person,
    store::{self, NewStep, Stored},
};
use crate::{
    Error, Result,
    access::Verb,
    audit,
    db::{Moment, failed},
    fleet::index::Snapshot,
    gates::release_of_change,
    git::trailers::one_line,
};

/// Why an approval does not count any more that was too old.
pub(super) const EXPIRED: &str = "it expired";

/// A decision as it is kept.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) actor: Actor,
    pub(super) approval: Approval,
}

impl Changes {
    /// Approves or declines a change, or takes an approval back.
    ///
    /// # Errors
    /// It is not there, the actor may not, or there is nothing to decide any more.
    pub async fn decide(&self, actor: &Actor, request: &DecideChange) -> Result<Outcome> {
        let change = self.find(actor, request.change).await?;
        let verb = match request.verdict {
            Verdict::Approve => "approve",
            Verdict::Decline => "decline",
            Verdict::TakeBack => "take back approval",
        };
        let comment = one_line(&request.comment);
        let mut details = change.details();
        details["comment"] = json!(comment);
        let entry = entry(verb, &change, details);
        let may_decide = match request.verdict {
            Verdict::TakeBack => is_person(actor),
            Verdict::Approve | Verdict::Decline => self.may_decide(actor, &change),
        };
        if let Err(answer) = may_decide {
            self.denials.deny(&self.db, actor, entry, answer.to_string()).await?;
            return Err(answer.into());
        }
        if let Some(answer) = self.undecidable(&change, request) {
            return Err(refuse(&self.db, actor, entry, answer).await?);
        }
        let mut tx = self.db.begin().await?;
        let written = match request.verdict {
            Verdict::Approve => self.approve(&mut tx, actor, &change, &comment).await,
            Verdict::Decline => self.decline(&mut tx, actor, &change, &comment).await,
            Verdict::TakeBack => self.take_back(&mut tx, actor, &change).await,
        };
        let sentence = match written {
            Ok(sentence) => sentence,
            Err(Error::Answer(answer)) => {
                drop(tx);
                return Err(refuse(&self.db, actor, entry, answer).await?);
            }
            Err(error) => return Err(error),
        };
        let id = audit::record_in(&mut tx, actor, entry, audit::Outcome::succeeded()).await?;
        tx.commit().await.map_err(failed("decide about a change"))?;
        self.wake.notify_one();
        Ok(Outcome { audit_id: id.to_string(), sentence })
    }

    /// Whether an actor may decide about a change, whatever its state.
    pub(super) fn may_decide(&self, actor: &Actor, change: &Stored) -> model::AppResult<()> {
        is_person(actor)?;
        if is_same_person(actor, &change.actor) {
            let why = "Who asks for a change does not approve it, by no login of theirs. Ask somebody else.";
            return Err(AppError::Conflict { why: why.to_owned() });
        }
        authorize(&self.index.load(), actor, Verb::Approve, change)
    }

    fn undecidable(&self, change: &Stored, request: &DecideChange) -> Option<AppError> {
        let state = change.standing.state;
        if !matches!(state, ChangeState::AwaitingApproval | ChangeState::Waiting) {
            return Some(moved_on(change.standing.id, state));
        }
        if change.quorum == 0 {
            let why = format!("No approval is asked of change {}: cancel it instead.", change.standing.id);
            return Some(AppError::Conflict { why });
        }
        if request.plan != change.plan_hash {
            let why = "The plan changed while you read it. Look at what it does now, and decide about that."
                .to_owned();
            return Some(AppError::Conflict { why });
        }
        let environment = &change.environment;
        let must_type =
            self.repositories.order().iter().any(|it| it.name() == Some(environment) && it.is_protected());
        if request.verdict == Verdict::Approve && must_type && request.typed_environment.trim() != environment
        {
            let why = format!("this is {environment}; type {environment} to confirm");
            return Some(AppError::Invalid { field: "The typed environment".into(), why });
        }
        (request.verdict == Verdict::Decline && one_line(&request.comment).is_empty()).then(|| {
            AppError::Invalid {
                field: "The comment".into(),
                why: "say in one line why it is declined".into(),
            }
        })
    }

    async fn approve(
        &self,
        connection: &mut sqlx::PgConnection,
        actor: &Actor,
        change: &Stored,
        comment: &str,
    ) -> Result<String> {
        // An approval that expired, or of a plan that is no more, makes room for a new one.
        let past = "UPDATE approvals SET void = CASE WHEN plan_hash = $2 THEN $3 ELSE 'the plan changed' END
             WHERE change = $1 AND void IS NULL AND (plan_hash <> $2 OR expires_at < now())";
        sqlx::query(past)
            .bind(change.standing.id)
            .bind(&change.plan_hash)
            .bind(EXPIRED)
            .execute(&mut *connection)
            .await
            .map_err(failed("write an approval"))?;
        let written = sqlx::query(
            "INSERT INTO approvals (change, plan_hash, actor, name, subject, verdict, comment, expires_at)
             VALUES ($1, $2, $3, $4, $5, 'approve', $6, clock_timestamp() + make_interval(secs => $7))
             ON CONFLICT DO NOTHING",
        )
        .bind(change.standing.id)
        .bind(&change.plan_hash)
        .bind(Json(actor))
        .bind(&actor.name)
        .bind(&actor.subject)
        .bind(comment)
        .bind(self.settings.approval.as_secs_f64())
        .execute(&mut *connection)
        .await
        .map_err(failed("write an approval"))?;
        if written.rows_affected() == 0 {
            let why = format!("You approved change {} already.", change.standing.id);
            return Err(AppError::Conflict { why }.into());
        }
        let comment = if comment.is_empty() { String::new() } else { format!(" “{comment}”") };
        let text = format!("Approved by {}.{comment}", actor.name);
        let step = NewStep { why: "", who: &actor.name, text: &text };
        store::tell_in(connection, change.standing.id, change.standing.state, step).await?;
        Ok(format!("You approved change {}.", change.standing.id))
    }

    async fn decline(
        &self,
        connection: &mut sqlx::PgConnection,
        actor: &Actor,
        change: &Stored,
        comment: &str,
    ) -> Result<String> {
        sqlx::query(
            "INSERT INTO approvals (change, plan_hash, actor, name, subject, verdict, comment, expires_at, void)
             VALUES ($1, $2, $3, $4, $5, 'decline', $6, clock_timestamp(), 'it ended the change')",
        )
        .bind(change.standing.id)
        .bind(&change.plan_hash)
        .bind(Json(actor))
        .bind(&actor.name)
        .bind(&actor.subject)
        .bind(comment)
        .execute(&mut *connection)
        .await
        .map_err(failed("write a decision"))?;
        let text = format!("Declined by {}: “{comment}”", actor.name);
        let step = NewStep { why: &text, who: &actor.name, text: &text };
        let ended = store::step_in(connection, change.standing, ChangeState::Cancelled, step).await?;
        if ended.is_none() {
            return Err(moved_on(change.standing.id, change.standing.state).into());
        }
        release_of_change(connection, change.standing.id, "the change was declined").await?;
        Ok(format!("You declined change {}. Nothing was written to Git.", change.standing.id))
    }

    async fn take_back(
        &self,
        connection: &mut sqlx::PgConnection,
        actor: &Actor,
        change: &Stored,
    ) -> Result<String> {
        let taken = sqlx::query(
            "UPDATE approvals SET void = 'it was taken back' WHERE change = $1 AND subject = $2 AND void IS NULL",
        )
        .bind(change.standing.id)
        .bind(&actor.subject)
        .execute(&mut *connection)
        .await
        .map_err(failed("write an approval"))?;
        if taken.rows_affected() == 0 {
            let why =
                format!("You have no approval of change {} that could be taken back.", change.standing.id);
            return Err(AppError::Conflict { why }.into());
        }
        let text = format!("{} took the approval back.", actor.name);
        let step = NewStep { why: "", who: &actor.name, text: &text };
        store::tell_in(connection, change.standing.id, change.standing.state, step).await?;
        Ok(format!("Your approval of change {} is taken back.", change.standing.id))
    }

    /// Makes every approval of a change void.
    pub(super) async fn void_approvals(
        &self,
        connection: &mut sqlx::PgConnection,
        change: i64,
        why: &str,
    ) -> Result<()> {
        sqlx::query("UPDATE approvals SET void = $2 WHERE change = $1 AND void IS NULL")
            .bind(change)
            .bind(why)
            .execute(connection)
            .await
            .map_err(failed("write approvals"))?;
        Ok(())
    }

    /// Returns the approvals that count now: of this plan, not expired, by people who may still approve.
    pub(super) async fn valid_approvals(&self, snapshot: &Snapshot, change: &Stored) -> Result<Vec<Kept>> {
        if change.quorum == 0 {
            return Ok(Vec::new());
        }
        let all = self.decisions(change).await?;
        let counts = |it: &Kept| {
            it.approval.verdict == Verdict::Approve
                && it.approval.void.is_none()
                && !is_same_person(&it.actor, &change.actor)
                && authorize(snapshot, &it.actor, Verb::Approve, change).is_ok()
        };
        let mut valid: Vec<Kept> = Vec::new();
        for it in all.into_iter().filter(counts) {
            // Two logins of one person are one voice.
            if !valid.iter().any(|other| is_same_person(&other.actor, &it.actor)) {
                valid.push(it);
            }
        }
        Ok(valid)
    }

    /// Returns the names of those whose approvals count.
    pub(super) async fn approvers(&self, change: &Stored) -> Result<Vec<String>> {
        let valid = self.valid_approvals(&self.index.load(), change).await?;
        Ok(valid.into_iter().map(|it| it.actor.name).collect())
    }

    /// Returns all decisions about a change, the oldest first, each with why it does not count.
    pub(super) async fn decisions(&self, change: &Stored) -> Result<Vec<Kept>> {
        let rows = sqlx::query("SELECT * FROM approvals WHERE change = $1 ORDER BY id")
            .bind(change.standing.id)
            .fetch_all(self.db.pool())
            .await
            .map_err(failed("read approvals"))?;
        let now = super::gated::now();
        let kept = rows.iter().map(|row| {
            let plan_hash: String = row.try_get("plan_hash")?;
            let expires_at: Timestamp = row.try_get::<Moment, _>("expires_at")?.0;
            let verdict: String = row.try_get("verdict")?;
            let void: Option<String> = row.try_get("void")?;
            let is_open = change.commit.is_none() && change.ended_at.is_none();
            let void = void
                .or_else(|| (plan_hash != change.plan_hash).then(|| "the plan changed".to_owned()))
                .or_else(|| (is_open && expires_at < now).then(|| EXPIRED.to_owned()));
            Ok(Kept {
                actor: row.try_get::<Json<_>, _>("actor")?.0,
                approval: Approval {
                    who: row.try_get("name")?,
                    verdict: if verdict == "decline" { Verdict::Decline } else { Verdict::Approve },
                    comment: row.try_get("comment")?,
                    at: row.try_get::<Moment, _>("at")?.0,
                    expires_at,
                    void,
                    is_own: false,
                },
            })
        });
        kept.collect::<std::result::Result<_, _>>().map_err(failed("read approvals"))
    }
}

/// No program decides in a person's name.
fn is_person(actor: &Actor) -> model::AppResult<()> {
    let why = "Approving takes a person: an API token may not. Open the change in a browser.";
    match actor.kind {
        ActorKind::Token => Err(AppError::Conflict { why: why.to_owned() }),
        ActorKind::LocalAdmin | ActorKind::Person | ActorKind::System => Ok(()),
    }
}
