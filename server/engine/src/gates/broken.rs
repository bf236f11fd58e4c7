//! Commits from outside that go against a hold: found in the branch, told on the page, and written into the record once.
//!
//! A hold that a person places is on what is there: that is read when it is seen here first. One of a rollback is watched
//! from the rollback's commit on. Nothing here stops anything.

use std::{collections::HashMap, time::Duration};

use git2::Oid;
use model::plan::CommitRef;
use serde_json::json;
use sqlx::types::Json;

use super::{Gates, book::Hold, hold::entry_of};
use crate::{
    Result, access,
    audit::{self, Entry},
    db::failed,
    fleet::index::{Row, Snapshot},
    git::{
        mirror::{MirrorError, MirrorPath},
        plan::{Expected, holds, state_now},
        remote,
        trailers::Trailers,
        tree::{Tree, TreeError},
    },
    repositories::{Followed, Repositories, blocking, followed_by},
};

/// How often the branches are looked at; a look costs a lookup for each hold.
const LOOK: Duration = Duration::from_secs(2);
/// How old what was fetched may be when it is read what a person's hold is on.
const MAX_AGE: Duration = Duration::from_secs(10);
/// How far back the commit is looked for.
const MOST_COMMITS: usize = 2_000;
const WATCH: &str = "watch a hold";

/// Watches what holds are on.
pub struct HoldWatch {
    gates: Gates,
    repositories: Repositories,
    /// By hold: the head that was looked at last, and whether it was as held.
    looked_at: HashMap<u64, (Oid, bool)>,
}

/// Watches what holds are on. A supervised task: it ends by an error alone.
pub async fn watch_holds(gates: Gates, repositories: Repositories) -> Result<()> {
    let mut watch = HoldWatch::new(gates, repositories);
    loop {
        watch.look().await?;
        tokio::time::sleep(LOOK).await;
    }
}

/// Why a branch cannot be looked into.
#[derive(Debug, thiserror::Error)]
enum Unseen {
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("{0}")]
    Git(#[from] git2::Error),
}

/// How a branch stands to a hold.
enum Found {
    /// The rollback that the hold came with is not in it yet.
    NotYet,
    Held,
    Broken(Culprit),
}

/// A commit after which a branch no longer was as held.
#[derive(Clone, Debug)]
struct Culprit {
    commit: CommitRef,
    /// The token in its trailers, which nobody but us knows before the push.
    token: Option<String>,
}

impl HoldWatch {
    /// Makes a watch that has seen nothing yet.
    pub fn new(gates: Gates, repositories: Repositories) -> Self {
        Self { gates, repositories, looked_at: HashMap::new() }
    }

    /// Looks once at each hold whose branch has moved.
    ///
    /// # Errors
    /// A database that does not answer. A repository that cannot be read is looked at again the next time.
    pub async fn look(&mut self) -> Result<()> {
        let (book, snapshot, now) = (self.gates.book(), self.gates.index.load(), super::now());
        self.looked_at.retain(|id, _| book.holds().iter().any(|hold| hold.id == *id));
        let open =
            |hold: &&Hold| hold.is_in_force(now) && hold.broken_by.is_none() && !hold.repository.is_empty();
        for hold in book.holds().iter().filter(open) {
            let (own, any) = rows_of(&snapshot, hold);
            match (hold.expected.is_empty(), own.or(any)) {
                // What another app has there is not what is held.
                (true, Some(row)) if own.is_some() => self.begin(hold, row).await?,
                (false, Some(row)) => self.follow(hold, row).await?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes down what a person's hold is on.
    async fn begin(&mut self, hold: &Hold, row: &Row) -> Result<()> {
        if self.looked_at.contains_key(&hold.id) {
            return Ok(());
        }
        let Some(facts) = self.repositories.book().facts_of(row).cloned() else { return Ok(()) };
        let Some((app, _)) = facts.place_of(row) else { return Ok(()) };
        let Ok((mirror, head)) = self.repositories.fresh(row, MAX_AGE).await else { return Ok(()) };
        let (app, environment) = (app.clone(), hold.environment.clone());
        let read = blocking(move || -> std::result::Result<Vec<Expected>, Unseen> {
            let repository = mirror.open()?;
            let tree = Tree::at(&repository, &head.to_string())?;
            Ok(state_now(&tree, &app, &environment))
        });
        let expected = match read.await? {
            Ok(expected) => expected,
            Err(error) => {
                tracing::debug!(hold = hold.id, "what is held cannot be read: {error}");
                return Ok(());
            }
        };
        self.looked_at.insert(hold.id, (head, true));
        if expected.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "UPDATE holds SET expected = $2 WHERE id = $1 AND expected = '[]' AND released_at IS NULL",
        )
        .bind(hold.id.cast_signed())
        .bind(json!(expected))
        .execute(self.gates.db.pool())
        .await
        .map_err(failed(WATCH))?;
        Ok(())
    }

    async fn follow(&mut self, hold: &Hold, row: &Row) -> Result<()> {
        let Ok((mirror, head)) = self.repositories.known(row).await else { return Ok(()) };
        let before = self.looked_at.get(&hold.id).copied();
        if before.is_some_and(|(at, _)| at == head) {
            return Ok(());
        }
        let begins = match hold.change {
            // Its commit is there where the hold was looked at before.
            Some(change) if before.is_none() => match self.commit_of(change).await? {
                Some(commit) => Some(commit),
                None => return Ok(()),
            },
            _ => None,
        };
        let good = before.filter(|(_, is_held)| *is_held).map(|(at, _)| at);
        let expected = hold.expected.clone();
        let found = match blocking(move || look_into(&mirror, head, (begins, good), &expected)).await? {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(hold = hold.id, "its branch cannot be looked into: {error}");
                return Ok(());
            }
        };
        let is_held = match found {
            Found::NotYet => return Ok(()),
            Found::Held => true,
            Found::Broken(culprit) => {
                if !self.is_ours(&culprit).await? {
                    self.tell(hold, &culprit.commit).await?;
                }
                false
            }
        };
        self.looked_at.insert(hold.id, (head, is_held));
        Ok(())
    }

    /// The commit of a change; none where it is not on the branch yet.
    async fn commit_of(&self, change: u64) -> Result<Option<Oid>> {
        let commit: Option<Option<String>> = sqlx::query_scalar("SELECT commit FROM changes WHERE id = $1")
            .bind(change.cast_signed())
            .fetch_optional(self.gates.db.pool())
            .await
            .map_err(failed(WATCH))?;
        Ok(commit.flatten().and_then(|it| Oid::from_str(&it).ok()))
    }

    /// Whether a change of ours made it. A token in a message proves nothing, for anybody may copy one that was pushed: it
    /// counts as long as the commit of its change is not known.
    async fn is_ours(&self, culprit: &Culprit) -> Result<bool> {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM changes WHERE commit = $1 OR (token::text = $2 AND commit IS NULL))",
        )
        .bind(&culprit.commit.id)
        .bind(&culprit.token)
        .fetch_one(self.gates.db.pool())
        .await
        .map_err(failed(WATCH))
    }

    /// Writes it down with the record, once, whichever replica sees it first.
    async fn tell(&self, hold: &Hold, commit: &CommitRef) -> Result<()> {
        let mut tx = self.gates.db.begin().await?;
        let written = sqlx::query(
            "UPDATE holds SET broken_by = $2 WHERE id = $1 AND broken_by IS NULL AND released_at IS NULL",
        )
        .bind(hold.id.cast_signed())
        .bind(Json(commit))
        .execute(&mut *tx)
        .await
        .map_err(failed(WATCH))?;
        if written.rows_affected() == 1 {
            let details = json!({"hold": hold.id, "reason": hold.reason, "commit": commit});
            let Entry { intent, mut context } = entry_of("break_hold", hold, details);
            context.observed = true;
            let outcome = audit::Outcome::succeeded();
            audit::record_in(&mut tx, &access::somebody_else(), intent.within(context), outcome).await?;
        }
        tx.commit().await.map_err(failed(WATCH))
    }
}

/// An Application of the app that follows the branch, and any that does.
fn rows_of<'s>(snapshot: &'s Snapshot, hold: &Hold) -> (Option<&'s Row>, Option<&'s Row>) {
    let revision = if hold.revision.is_empty() { "HEAD" } else { &hold.revision };
    let branch = Followed { repository: remote::normalized(&hold.repository), revision: revision.to_owned() };
    let is_of =
        |row: &&Row| *row.identity.key == *hold.app_key && row.environment.name() == Some(&hold.environment);
    let follows = |row: &&Row| followed_by(row).as_ref() == Some(&branch);
    let rows = || snapshot.rows.iter().map(|row| &**row);
    (rows().filter(is_of).find(follows), rows().find(follows))
}

/// Tells how a branch stands to a hold. It is looked at from `begins` on, and was as held at `good`. Blocks.
fn look_into(
    mirror: &MirrorPath,
    head: Oid,
    (begins, good): (Option<Oid>, Option<Oid>),
    expected: &[Expected],
) -> std::result::Result<Found, Unseen> {
    let repository = mirror.open()?;
    if let Some(begins) = begins.filter(|begins| *begins != head)
        && !repository.graph_descendant_of(head, begins).unwrap_or(false)
    {
        return Ok(Found::NotYet);
    }
    let tree = Tree::at(&repository, &head.to_string())?;
    if holds(&tree, expected) {
        return Ok(Found::Held);
    }
    let mut commit = repository.find_commit(head)?;
    for _ in 0..MOST_COMMITS {
        // The first commit, or the end of what was fetched.
        let Ok(parent) = commit.parent(0) else { break };
        if Some(parent.id()) == good || holds(&tree.at_commit(parent.id())?, expected) {
            return Ok(Found::Broken(Culprit::of(&commit, &tree)));
        }
        commit = parent;
    }
    // Too far back to be found: what is there now stands for it.
    Ok(Found::Broken(Culprit::of(&repository.find_commit(head)?, &tree)))
}

impl Culprit {
    fn of(commit: &git2::Commit<'_>, tree: &Tree<'_>) -> Self {
        let message = String::from_utf8_lossy(commit.message_bytes());
        let token = Trailers::parse(&message).map(|trailers| trailers.token);
        let unknown = || CommitRef {
            id: commit.id().to_string(),
            subject: String::new(),
            author: String::new(),
            at: super::now(),
        };
        Self { commit: tree.reference(commit.id()).unwrap_or_else(unknown), token }
    }
}
