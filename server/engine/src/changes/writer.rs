//! The writer of a branch: drains its queue. One commit for each change, one push for many, as compare-and-swap (rule R9).
//!
//! A lease saves work where several programs run; what keeps changes from being lost or doubled is this: after *every*
//! fetch, before anything is applied, the history since the plan's base is searched for the change's token. A push that
//! broke off is therefore no question: the next fetch answers it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use git2::{Oid, Repository, Sort};
use model::{change::ChangeState, gate::Gate};
use sqlx::types::Json;
use tokio::time::MissedTickBehavior;

use super::{
    Changes,
    gated::Admission,
    repository_of,
    store::{self, NewStep, Reader, Standing, Stored},
};
use crate::{
    Result,
    db::{failed, release_lease, take_lease},
    gates::{Own, release_of_change},
    git::{
        mirror::{MirrorError, MirrorPath, PushError, Repo},
        plan::{Expected, PlannedFile, holds, same_files, same_moves},
        trailers::{Act, Trailers},
        tree::Tree,
    },
    repositories::{Followed, blocking},
};

/// How many changes one push brings at most.
const BATCH: i64 = 200;
/// How old what was fetched may be for the first try; the push itself finds out what came since.
const FRESH: Duration = Duration::from_secs(1);
/// How often a branch may move underneath before somebody is told.
const MOST_MOVED: u32 = 40;
/// How often a push that is refused is tried again, as a whole and then one by one.
const MOST_REFUSED: u32 = 3;
/// How long a remote may not answer before changes that wait for it say so as a failure.
const MOST_SILENT: u32 = 60;
/// How far back a commit of ours is looked for.
const MOST_COMMITS: usize = 20_000;
/// What is said of a change whose commit may still come to the branch.
const UNSURE: &str = "The remote did not say whether it took the commit: it is looked for first.";

/// How one try ended.
enum Round {
    /// The queue moved.
    Moved,
    /// Try again at once: the branch moved underneath, or it is not known what the remote did. With the first change.
    Again(i64),
    /// The remote does not take this push. With the first change, and what it said.
    Refused(i64, String),
    /// The remote cannot be asked now.
    Silent(String),
}

/// A change with what it writes, ready to be committed.
struct Ready {
    change: Stored,
    files: Vec<PlannedFile>,
}

/// A change in a commit that is about to be pushed.
struct Committed {
    change: Stored,
    commit: Oid,
    message: String,
}

impl Changes {
    /// Starts to write to each branch that something is queued for, unless somebody is at it.
    pub(super) async fn write_queued(&self) -> Result<()> {
        for followed in store::branches_to_write(&self.db).await? {
            let Some(place) = self.writing.take(&followed) else { continue };
            if !take_lease(&self.db, &lease_of(&followed), &self.holder, self.lease).await? {
                continue;
            }
            let changes = self.clone();
            let name = format!("write to {} ({})", followed.repository, followed.revision);
            self.tasks.spawn_once(name, async move {
                let _place = place;
                changes.drain_with_lease(&followed).await
            });
        }
        Ok(())
    }

    /// Keeps the lease while it works; gives it back at the end.
    async fn drain_with_lease(&self, followed: &Followed) -> Result<()> {
        let name = lease_of(followed);
        let mut beat = tokio::time::interval(self.lease / 3);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Beside the work, which goes on meanwhile. Where the database does not answer, the work itself finds out.
        let heart = async {
            loop {
                beat.tick().await;
                drop(take_lease(&self.db, &name, &self.holder, self.lease).await);
            }
        };
        let drained = tokio::select! {
            drained = self.drain(followed) => drained,
            never = heart => never,
        };
        release_lease(&self.db, &name, &self.holder).await?;
        // What was queued in between.
        self.wake.notify_one();
        drained
    }

    async fn drain(&self, followed: &Followed) -> Result<()> {
        let (mut moved, mut refused, mut silent) = (0, 0, 0);
        let mut max_age = FRESH;
        loop {
            let queue = store::to_write(&self.db, followed, BATCH).await?;
            if queue.is_empty() {
                return Ok(());
            }
            // One by one, once all together were refused: what is wrong with one must not stop the others.
            let most = if refused >= MOST_REFUSED { 1 } else { queue.len() };
            match self.round(followed, queue, most, max_age).await? {
                Round::Moved => (moved, refused, silent) = (0, refused.min(MOST_REFUSED), 0),
                Round::Again(first) => {
                    moved += 1;
                    if moved >= MOST_MOVED {
                        let why = format!("The branch moved at each of {MOST_MOVED} tries.");
                        self.give_up(first, &why).await?;
                        moved = 0;
                    }
                }
                Round::Refused(first, said) => {
                    refused += 1;
                    if refused >= 2 * MOST_REFUSED {
                        self.give_up(first, &format!("The remote does not take the commit: {said}.")).await?;
                        refused = MOST_REFUSED;
                    }
                }
                Round::Silent(why) => {
                    silent += 1;
                    self.say_of_all(followed, &why).await?;
                    if silent >= MOST_SILENT {
                        return Ok(());
                    }
                }
            }
            max_age = Duration::ZERO;
            let tries = moved + refused.saturating_mul(4) + silent.saturating_mul(10);
            if tries > 0 {
                let most = Duration::from_millis(25).saturating_mul(tries).min(Duration::from_secs(2));
                tokio::time::sleep(most.mul_f64(rand::random_range(0.3..1.0))).await;
            }
        }
    }

    /// One fetch, and one push of `most` of what can be pushed.
    async fn round(
        &self,
        followed: &Followed,
        queue: Vec<Stored>,
        most: usize,
        max_age: Duration,
    ) -> Result<Round> {
        let (queue, unread) = self.those_that_are_known(queue).await?;
        let Some((repo, reader)) = self.opened_by(followed, &queue) else {
            let why = "No Application follows this branch any more, so nobody's credentials open it.";
            return Ok(Round::Silent(unread.unwrap_or_else(|| why.into())));
        };
        let (mirror, branch, head) = match self.fetched(&repo, followed, max_age).await {
            Ok(Some(fetched)) => fetched,
            Ok(None) => {
                let why =
                    format!("{} is no branch any more: nothing can be pushed to it.", followed.revision);
                for change in &queue {
                    self.fail(change, &why).await?;
                }
                return Ok(idle(&queue));
            }
            Err(error) => return Ok(Round::Silent(format!("The repository does not answer: {error}"))),
        };
        let mut queue = self.take_found(&mirror, &branch, head, queue).await?;
        // Each is pushed with the credentials of its own project.
        queue.retain(|change| change.reader == reader);
        queue.truncate(most);
        let idle = idle(&queue);
        let admitted = self.admit(queue).await?;
        if admitted.is_empty() {
            return Ok(idle);
        }
        let mut tip = head;
        let mut committed: Vec<Committed> = Vec::new();
        for ready in self.with_files(admitted).await? {
            if let Some(done) = self.commit(&mirror, tip, ready).await? {
                tip = done.commit;
                committed.push(done);
            }
        }
        let Some(first) = committed.first().map(|it| it.change.standing.id) else { return Ok(idle) };
        let push = match self.repositories.mirrors.prepare_push(&repo).await {
            Ok(push) => push,
            Err(error) => return Ok(Round::Refused(first, error.to_string())),
        };
        // Right before the push: a freeze may have begun, a hold may have been placed, a right may be gone.
        let Some(gates) = self.still_pass(&committed).await? else { return Ok(idle) };
        store::begin_push(&self.db, &gates).await?;
        match self.repositories.mirrors.push(push, &branch, Some(head), tip).await {
            Ok(()) => {
                self.pushed(&mirror, &branch, committed).await?;
                Ok(Round::Moved)
            }
            Err(PushError::NotKnown(error)) => {
                tracing::warn!("a push broke off: {error}");
                self.end_push(&committed, false).await?;
                Ok(Round::Again(first))
            }
            Err(PushError::Moved { .. }) => {
                self.end_push(&committed, true).await?;
                Ok(Round::Again(first))
            }
            Err(PushError::Refused { said: why, .. } | PushError::NoCredentials(why)) => {
                self.end_push(&committed, true).await?;
                Ok(Round::Refused(first, why))
            }
        }
    }

    /// Leaves out what belongs to a control plane that was not read yet, and says so of it: it holds up no other.
    async fn those_that_are_known(&self, queue: Vec<Stored>) -> Result<(Vec<Stored>, Option<String>)> {
        let (mut known, mut unread) = (Vec::with_capacity(queue.len()), None);
        for change in queue {
            let Some(why) = self.not_known_yet(&change) else {
                known.push(change);
                continue;
            };
            store::set_why(&self.db, change.standing, &why).await?;
            unread = Some(why);
        }
        Ok((known, unread))
    }

    async fn fetched(
        &self,
        repo: &Repo,
        followed: &Followed,
        max_age: Duration,
    ) -> std::result::Result<Option<(MirrorPath, String, Oid)>, MirrorError> {
        let mirror = self.repositories.mirrors.fresh(repo, max_age).await?;
        let (at, revision) = (mirror.clone(), followed.revision.clone());
        let found = blocking(move || {
            let Some(branch) = at.branch_of(&revision)? else { return Ok(None) };
            let head = at.resolve(&format!("refs/heads/{branch}"))?;
            Ok(Some((branch, head)))
        });
        Ok(found.await??.map(|(branch, head)| (mirror, branch, head)))
    }

    /// The project of the first of them gives the credentials.
    fn opened_by(&self, followed: &Followed, queue: &[Stored]) -> Option<(Repo, Reader)> {
        let snapshot = self.index.load();
        queue.iter().find_map(|change| {
            Some((repository_of(&snapshot, &change.reader, followed)?, change.reader.clone()))
        })
    }

    /// Finds what is on the branch already: a push whose answer was lost, or a program that died after it.
    async fn take_found(
        &self,
        mirror: &MirrorPath,
        branch: &str,
        head: Oid,
        queue: Vec<Stored>,
    ) -> Result<Vec<Stored>> {
        let wanted: BTreeMap<String, i64> =
            queue.iter().map(|it| (it.token.to_string(), it.standing.id)).collect();
        let bases: BTreeSet<String> = queue.iter().map(|it| it.base.clone()).collect();
        let at = mirror.clone();
        let found = blocking(move || find_tokens(&at, head, &bases, &wanted)).await??;
        let (there, rest): (Vec<_>, Vec<_>) =
            queue.into_iter().partition(|change| found.contains_key(&change.standing.id));
        let committed = there.into_iter().filter_map(|change| {
            let (commit, message) = found.get(&change.standing.id)?.clone();
            Some(Committed { change, commit, message })
        });
        let committed: Vec<_> = committed.collect();
        if !committed.is_empty() {
            self.pushed(mirror, branch, committed).await?;
        }
        Ok(rest)
    }

    /// Asks gates and rights of what comes from the queue, and marks it as being committed.
    async fn admit(&self, queue: Vec<Stored>) -> Result<Vec<Stored>> {
        let mut admitted = Vec::new();
        for (change, admission) in self.admissions(queue).await? {
            match admission {
                Admission::Pass { .. } => admitted.push(change),
                Admission::Wait { state, why } => self.put_back(&change, state, &why).await?,
                Admission::End { why } => self.fail(&change, &why).await?,
            }
        }
        let mut tx = self.db.begin().await?;
        let mut taken = Vec::new();
        for mut change in admitted {
            if change.standing.state == ChangeState::Queued {
                let step = NewStep {
                    why: "",
                    who: "",
                    text: "Taken from the queue: its gates and the asker's rights hold.",
                };
                let Some(standing) =
                    store::step_in(&mut tx, change.standing, ChangeState::Committing, step).await?
                else {
                    continue;
                };
                change.standing = standing;
            }
            taken.push(change);
        }
        tx.commit().await.map_err(failed("write changes"))?;
        Ok(taken)
    }

    async fn with_files(&self, changes: Vec<Stored>) -> Result<Vec<Ready>> {
        let ids: Vec<_> = changes.iter().map(|it| it.standing.id).collect();
        let mut files = store::files_of(&self.db, &ids).await?;
        let ready =
            |change: Stored| Ready { files: files.remove(&change.standing.id).unwrap_or_default(), change };
        Ok(changes.into_iter().map(ready).collect())
    }

    /// Commits a change on top of a commit; where the files are not what its plan saw, applies the edits again. None where
    /// that cannot be: then a person decides.
    async fn commit(&self, mirror: &MirrorPath, tip: Oid, mut ready: Ready) -> Result<Option<Committed>> {
        let (at, files) = (mirror.clone(), ready.files.clone());
        let is_same = blocking(move || {
            let repository = at.open()?;
            let tree = Tree::at(&repository, &tip.to_string());
            Ok::<_, MirrorError>(tree.is_ok_and(|tree| same_files(&tree, &files)))
        });
        if !is_same.await?? && !self.plan_again(mirror, tip, &mut ready).await? {
            return Ok(None);
        }
        let approvers = self.approvers(&ready.change).await?;
        let message = message_of(&ready.change, approvers);
        let (at, committer) = (mirror.clone(), Arc::clone(&self.committer));
        let (files, text, token) = (ready.files, message.clone(), ready.change.token);
        let made = blocking(move || {
            let repository = at.open().map_err(|error| error.to_string())?;
            let commit =
                committer.commit(&repository, Some(tip), &files, &text).map_err(|error| error.to_string())?;
            // Neither pruning nor packing loses it before it is pushed.
            let name = reference_of(&token.to_string());
            repository.reference(&name, commit, true, "").map_err(|error| error.message().to_owned())?;
            Ok::<_, String>(commit)
        });
        match made.await? {
            Ok(commit) => Ok(Some(Committed { change: ready.change, commit, message })),
            Err(why) => {
                self.fail(&ready.change, &format!("Its commit could not be made: {why}.")).await?;
                Ok(None)
            }
        }
    }

    /// Computes the plan anew on a head where others changed its files. It goes on only if it moves the same as before,
    /// and with approvals only if nothing at all is different.
    async fn plan_again(&self, mirror: &MirrorPath, tip: Oid, ready: &mut Ready) -> Result<bool> {
        let change = &mut ready.change;
        let again = self.planner.again(&change.ask, Own::Change(change.number()), mirror, tip).await;
        let again = match again.map_err(|error| error.into_answer(&store::system()).to_string()) {
            Ok(again) => match same_moves(&change.plan, &again.plan) {
                Ok(()) => again,
                Err(why) => return self.ask_person(change, &why).await,
            },
            Err(why) => return self.ask_person(change, &why).await,
        };
        let is_approved = change.quorum > 0 && again.plan.hash != change.plan_hash;
        if is_approved && change.is_unsure {
            store::set_why(&self.db, change.standing, UNSURE).await?;
            return Ok(false);
        }
        let mut tx = self.db.begin().await?;
        let expected: Vec<_> = again.expected.iter().filter(|it| !it.is_empty()).cloned().collect();
        store::replan_in(&mut tx, change.standing.id, &again.plan, &again.files, &expected).await?;
        if is_approved {
            self.void_approvals(&mut tx, change.standing.id, "the plan changed: others changed its files")
                .await?;
            let text = "Others changed its files, so its plan has another difference now: it has to be approved anew.";
            let step = NewStep { why: "the plan changed", who: "", text };
            store::step_in(&mut tx, change.standing, ChangeState::AwaitingApproval, step).await?;
        } else {
            let text = "Others changed its files meanwhile: the same edits were made again on the new head.";
            let step = NewStep { why: "", who: "", text };
            store::tell_in(&mut tx, change.standing.id, change.standing.state, step).await?;
        }
        tx.commit().await.map_err(failed("write a change"))?;
        change.plan_hash.clone_from(&again.plan.hash);
        change.plan = again.plan;
        ready.files = again.files;
        Ok(!is_approved)
    }

    async fn ask_person(&self, change: &Stored, why: &str) -> Result<bool> {
        let why = why.trim_end_matches('.');
        self.fail(
            change,
            &format!("What it read has changed: {why}. Plan it again, and look at what it would do now."),
        )
        .await?;
        Ok(false)
    }

    /// Asks once more, of the tables themselves, and returns how the gates of each stand; what does not pass goes back, and
    /// then there is none, for the rest is committed anew.
    async fn still_pass(&self, committed: &[Committed]) -> Result<Option<Vec<(i64, Vec<Gate>)>>> {
        let changes = committed.iter().map(|it| it.change.clone()).collect();
        let mut passed = Vec::with_capacity(committed.len());
        for (change, admission) in self.admissions(changes).await? {
            match admission {
                Admission::Pass { gates } => passed.push((change.standing.id, gates)),
                Admission::Wait { state, why } => self.put_back(&change, state, &why).await?,
                Admission::End { why } => self.fail(&change, &why).await?,
            }
        }
        Ok(Some(passed).filter(|passed| passed.len() == committed.len()))
    }

    /// Writes down what is on the branch, all of it in one transaction.
    async fn pushed(&self, mirror: &MirrorPath, branch: &str, committed: Vec<Committed>) -> Result<()> {
        let older = self.older_of(mirror, &committed).await?;
        let mut tx = self.db.begin().await?;
        for it in &committed {
            let tries = match it.change.tries {
                0 => String::new(),
                tries => format!(", pushed at try {}", tries + 1),
            };
            let text = format!("{:.7} on {branch}{tries}.", it.commit.to_string());
            let step = NewStep { why: "", who: "", text: &text };
            let Some(_) = store::step_in(&mut tx, it.change.standing, ChangeState::Pushed, step).await?
            else {
                continue;
            };
            sqlx::query(
                "UPDATE changes SET commit = $2, message = $3, pushed_at = clock_timestamp() WHERE id = $1",
            )
            .bind(it.change.standing.id)
            .bind(it.commit.to_string())
            .bind(&it.message)
            .execute(&mut *tx)
            .await
            .map_err(failed("write a change"))?;
            self.replace_older(&mut tx, &it.change, older.get(&it.change.standing.id)).await?;
        }
        tx.commit().await.map_err(failed("write changes"))?;
        let (at, tokens): (_, Vec<_>) =
            (mirror.clone(), committed.iter().map(|it| it.change.token.to_string()).collect());
        let _none = blocking(move || forget_references(&at, &tokens)).await?;
        Ok(())
    }

    /// Ends a change without its effect, and with the hold that it set.
    pub(super) async fn end(&self, change: Standing, to: ChangeState, why: &str) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let step = NewStep { why, who: "", text: why };
        if store::step_in(&mut tx, change, to, step).await?.is_some() {
            release_of_change(&mut tx, change.id, "its rollback came to nothing").await?;
        }
        tx.commit().await.map_err(failed("write a change"))
    }

    /// As [`Changes::end`]; but what may still come to the branch is looked for first.
    async fn fail(&self, change: &Stored, why: &str) -> Result<()> {
        match change.is_unsure {
            true => store::set_why(&self.db, change.standing, UNSURE).await,
            false => self.end(change.standing, ChangeState::Failed, why).await,
        }
    }

    /// Has a change wait; but what may still come to the branch is looked for first, for what waits can be cancelled.
    async fn put_back(&self, change: &Stored, state: ChangeState, why: &str) -> Result<()> {
        if change.is_unsure {
            return store::set_why(&self.db, change.standing, UNSURE).await;
        }
        let step = NewStep { why, who: "", text: why };
        store::step(&self.db, change.standing, state, step).await.map(drop)
    }

    async fn give_up(&self, id: i64, why: &str) -> Result<()> {
        match store::read(&self.db, id).await? {
            Some(change) if change.standing.state == ChangeState::Committing => self.fail(&change, why).await,
            _ => Ok(()),
        }
    }

    async fn say_of_all(&self, followed: &Followed, why: &str) -> Result<()> {
        for change in store::to_write(&self.db, followed, BATCH).await? {
            store::set_why(&self.db, change.standing, why).await?;
        }
        Ok(())
    }

    /// Counts a try. Where the remote answered that it did not take it, nothing of it will come to the branch any more,
    /// unless an earlier push of the same is still open.
    async fn end_push(&self, committed: &[Committed], is_answered: bool) -> Result<()> {
        let ids: Vec<_> = committed.iter().map(|it| it.change.standing.id).collect();
        let not_taken = committed.iter().filter(|it| is_answered && !it.change.is_unsure);
        let not_taken: Vec<_> = not_taken.map(|it| it.change.standing.id).collect();
        store::end_push(&self.db, &ids, &not_taken).await
    }
}

/// An app of an older change that a newer one replaces.
#[derive(Clone, Debug)]
pub(super) struct Older {
    change: i64,
    position: i32,
}

impl Changes {
    /// Finds for each change the apps of older ones that it replaces: of a rollback, those that came after what it goes back
    /// to; of a promotion, those that are still on their way. What they wrote is not there any more.
    async fn older_of(
        &self,
        mirror: &MirrorPath,
        committed: &[Committed],
    ) -> Result<BTreeMap<i64, Vec<Older>>> {
        let mut all = BTreeMap::new();
        for it in committed {
            let change = &it.change;
            let keys: Vec<_> = change.apps.iter().map(|app| app.app_key.clone()).collect();
            let is_rollback = change.kind == model::plan::PlanKind::Rollback;
            let rows: Vec<(i64, i32, String, Json<Vec<Expected>>)> = sqlx::query_as(
                "SELECT c.id, a.position, c.commit, a.expected FROM changes AS c JOIN change_apps AS a ON a.change = c.id
                 WHERE c.id <> $1 AND c.environment = $2 AND a.app_key = ANY($3) AND a.by_change IS NULL
                     AND c.repository = $4 AND c.commit IS NOT NULL AND c.id < $1
                     AND (c.ended_at IS NULL OR ($5 AND c.state = 'done'))",
            )
            .bind(change.standing.id)
            .bind(&change.environment)
            .bind(&keys)
            .bind(&change.followed.repository)
            .bind(is_rollback)
            .fetch_all(self.db.pool())
            .await
            .map_err(failed("read changes"))?;
            let (at, back_to, new) = (mirror.clone(), change.plan.from.clone(), it.commit);
            let undone = blocking(move || {
                let repository = at.open()?;
                let back_to = repository.revparse_single(&back_to).ok().filter(|_| is_rollback);
                let back_to = back_to.and_then(|it| it.peel_to_commit().ok()).map(|it| it.id());
                let is_kept = |commit: &str| {
                    let (Some(back_to), Ok(commit)) = (back_to, Oid::from_str(commit)) else { return false };
                    back_to == commit || repository.graph_descendant_of(back_to, commit).unwrap_or(false)
                };
                let tree = Tree::at(&repository, &new.to_string()).ok();
                let is_there = |expected: &[Expected]| tree.as_ref().is_some_and(|it| holds(it, expected));
                let undone =
                    rows.into_iter().filter(|(.., commit, wrote)| !is_kept(commit) && !is_there(wrote));
                Ok::<_, MirrorError>(
                    undone.map(|(change, position, ..)| Older { change, position }).collect::<Vec<_>>(),
                )
            });
            all.insert(change.standing.id, undone.await??);
        }
        Ok(all)
    }

    async fn replace_older(
        &self,
        connection: &mut sqlx::PgConnection,
        change: &Stored,
        older: Option<&Vec<Older>>,
    ) -> Result<()> {
        for it in older.into_iter().flatten() {
            sqlx::query("UPDATE change_apps SET by_change = $3, is_active = false WHERE change = $1 AND position = $2")
                .bind(it.change)
                .bind(it.position)
                .bind(change.standing.id)
                .execute(&mut *connection)
                .await
                .map_err(failed("write a change"))?;
            self.end_if_replaced(connection, it.change, change).await?;
        }
        Ok(())
    }

    /// A change of which nothing is left ends as what happened to it.
    async fn end_if_replaced(
        &self,
        connection: &mut sqlx::PgConnection,
        older: i64,
        newer: &Stored,
    ) -> Result<()> {
        let row: Option<(i64, String)> = sqlx::query_as(
            "SELECT version, state FROM changes WHERE id = $1
                 AND NOT EXISTS (SELECT FROM change_apps WHERE change = $1 AND by_change IS NULL) FOR UPDATE",
        )
        .bind(older)
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed("read a change"))?;
        let Some((version, state)) = row else { return Ok(()) };
        let state = ChangeState::parse(&state).unwrap_or(ChangeState::Done);
        let (to, word) = if newer.kind == model::plan::PlanKind::Rollback {
            (ChangeState::RolledBack, "took it back")
        } else {
            (ChangeState::Superseded, "took its place")
        };
        let text = format!("Change {} by {} {word}.", newer.standing.id, newer.actor.name);
        let step = NewStep { why: &text, who: "", text: &text };
        store::step_in(connection, Standing { id: older, version, state }, to, step).await?;
        sqlx::query("UPDATE changes SET by_change = $2 WHERE id = $1")
            .bind(older)
            .bind(newer.standing.id)
            .execute(connection)
            .await
            .map_err(failed("write a change"))?;
        Ok(())
    }
}

/// How a round ends that could push nothing: where a commit may still come to the branch, the next one is not at once.
fn idle(queue: &[Stored]) -> Round {
    match queue.iter().any(|change| change.is_unsure) {
        true => Round::Silent(UNSURE.into()),
        false => Round::Moved,
    }
}

fn lease_of(followed: &Followed) -> String {
    format!("write {} {}", followed.repository, followed.revision)
}

fn reference_of(token: &str) -> String {
    format!("refs/quarterdeck/changes/{token}")
}

fn forget_references(mirror: &MirrorPath, tokens: &[String]) -> std::result::Result<(), MirrorError> {
    let repository = mirror.open()?;
    for token in tokens {
        if let Ok(mut reference) = repository.find_reference(&reference_of(token)) {
            // What stays costs a few bytes, and keeps the mirror from being evicted until the next try.
            let _gone = reference.delete();
        }
    }
    Ok(())
}

/// Finds the commits that carry one of the tokens, back from the head to the bases.
fn find_tokens(
    mirror: &MirrorPath,
    head: Oid,
    bases: &BTreeSet<String>,
    wanted: &BTreeMap<String, i64>,
) -> std::result::Result<BTreeMap<i64, (Oid, String)>, MirrorError> {
    let repository = mirror.open()?;
    let found = search(&repository, head, bases, wanted);
    found.map_err(|error| MirrorError::Damaged { url: String::new(), why: error.message().to_owned() })
}

fn search(
    repository: &Repository,
    head: Oid,
    bases: &BTreeSet<String>,
    wanted: &BTreeMap<String, i64>,
) -> std::result::Result<BTreeMap<i64, (Oid, String)>, git2::Error> {
    let mut walk = repository.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL)?;
    walk.push(head)?;
    // The walk ends where all bases are behind it: a commit that all of them have is older than every one of ours.
    let ids: Vec<_> = bases.iter().filter_map(|it| Oid::from_str(it).ok()).collect();
    let common = match ids.as_slice() {
        [one] => Some(*one),
        many => repository.merge_base_octopus(many).ok(),
    };
    if let Some(common) = common.filter(|it| repository.find_commit(*it).is_ok()) {
        walk.hide(common)?;
    }
    let mut found = BTreeMap::new();
    for id in walk.take(MOST_COMMITS) {
        let id = id?;
        let commit = repository.find_commit(id)?;
        let Ok(message) = commit.message() else { continue };
        for token in message.lines().filter_map(|line| line.trim().strip_prefix("Quarterdeck-Token: ")) {
            // The oldest counts: what came later quotes it.
            if let Some(change) = wanted.get(token.trim()) {
                found.insert(*change, (id, message.to_owned()));
            }
        }
    }
    Ok(found)
}

fn message_of(change: &Stored, approved_by: Vec<String>) -> String {
    let act = match change.kind {
        model::plan::PlanKind::Promote => Act::Promote,
        model::plan::PlanKind::Rollback => Act::Rollback,
        model::plan::PlanKind::Introduce => Act::Introduce,
    };
    let moving = change.plan.rows.iter().filter(|row| row.outcome == model::plan::RowOutcome::Moves);
    let trailers = Trailers {
        change: change.standing.id.to_string(),
        token: change.token.to_string(),
        act,
        apps: change.apps.iter().map(|app| app.base_path.clone()).collect(),
        from: change.source.clone(),
        to: change.environment.clone(),
        sources: moving.map(|row| row.source_commit.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
        promoted_by: Some(change.actor.name.clone()),
        approved_by,
    };
    trailers.message(&subject_of(change), Some(&change.reason))
}

/// One line for people: what goes where.
fn subject_of(change: &Stored) -> String {
    let version = match change.apps.as_slice() {
        [one] => one.after.as_deref().map(|after| format!(" {after}")).unwrap_or_default(),
        _ => String::new(),
    };
    match change.kind {
        model::plan::PlanKind::Rollback if version.is_empty() => {
            format!("{} in {}", change.title, change.environment)
        }
        model::plan::PlanKind::Rollback => format!("{} in {} to{version}", change.title, change.environment),
        _ => format!("{}{version} to {}", change.title, change.environment),
    }
}

/// The branches that this program writes to at the moment.
#[derive(Clone, Debug, Default)]
pub struct Writing(Arc<std::sync::Mutex<BTreeSet<Followed>>>);

/// A branch that is written to until this is dropped.
struct Place(Writing, Followed);

impl Writing {
    fn take(&self, followed: &Followed) -> Option<Place> {
        self.lock().insert(followed.clone()).then(|| Place(self.clone(), followed.clone()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<Followed>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
    }
}

#[cfg(test)]
mod tests {
    use git2::Signature;

    use super::*;

    #[test]
    fn a_commit_is_found_whichever_of_several_bases_is_named_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let repository = Repository::init_bare(folder.path()).expect("a repository");
        let tree = repository.treebuilder(None).and_then(|it| it.write()).expect("a tree");
        let tree = repository.find_tree(tree).expect("a tree");
        let token = "5f6f0e0a-0000-4000-8000-000000000000";
        // Which base comes first hangs on the ids of the commits.
        for seconds in 0..16 {
            let mut commits: Vec<Oid> = Vec::new();
            for number in 0..5 {
                let who =
                    Signature::new("bot", "bot@example.com", &git2::Time::new(seconds * 100 + number, 0));
                let who = who.expect("a signature");
                let message = if number == 1 {
                    format!("Ours\n\nQuarterdeck-Token: {token}\n")
                } else {
                    format!("{number}")
                };
                let parent = commits.last().map(|it| repository.find_commit(*it).expect("is there"));
                let parents: Vec<_> = parent.iter().collect();
                commits
                    .push(repository.commit(None, &who, &who, &message, &tree, &parents).expect("commits"));
            }
            let bases = [0, 2, 4].map(|it: usize| commits[it].to_string()).into();
            let wanted = [(token.to_owned(), 7)].into();
            let found = search(&repository, commits[4], &bases, &wanted).expect("searches");
            assert_eq!(found.get(&7).map(|(id, _)| *id), Some(commits[1]));
        }
    }
}
