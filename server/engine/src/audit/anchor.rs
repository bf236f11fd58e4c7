//! Anchors: heads of the chain, kept at intervals on a branch of a repository of the operator's choice.
//!
//! Whoever may change all of the database can make a chain that holds; they cannot make it agree with what was pushed
//! elsewhere before. Hence the branch says what was anchored last, and never the database: that is what is doubted.

mod file;

use std::{sync::Arc, time::Duration};

use git2::Oid;
use model::Timestamp;
use serde_json::json;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{
    AuditId, Ending, Intent, Outcome,
    chain::{self, Place},
    verify::{self, Break},
};
use crate::{
    changes::system,
    db::{Db, failed, take_lease},
    error::{Error, Result},
    git::{
        commit::{CommitError, Committer},
        mirror::{MirrorError, MirrorPath, Mirrors, PushError, Repo, shown},
        plan::PlannedFile,
        tree::{Tree, TreeError},
    },
    metrics::Metrics,
    repositories::blocking,
};

pub use file::{Anchor, read_clone};

/// How long everything else may start first.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// How often the task looks whether it is its turn. Whoever has the lease keeps it by that.
const BEAT: Duration = Duration::from_secs(20);
const LEASE: Duration = Duration::from_secs(90);
/// From a failure to the next try; twice as long with each, up to the interval.
const FIRST_RETRY: Duration = Duration::from_secs(60);
/// How often a branch may move underneath one anchor.
const MOST_TRIES: u32 = 10;
/// Of the anchors' own events.
const VERB: &str = "anchor";
const READ: &str = "read the chain of the record";

/// Where heads of the record are anchored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AnchorSetting {
    /// The URL of the repository, which needs a first commit.
    pub repository: String,
    /// The branch, without `refs/heads/`; made where it is not there.
    pub branch: String,
    /// From one anchor to the next.
    pub interval: Duration,
}

/// What anchors are made with; a cheap handle.
#[derive(Clone, Debug)]
pub struct Anchoring {
    pub db: Db,
    pub mirrors: Mirrors,
    pub committer: Arc<Committer>,
    pub metrics: Metrics,
    /// Whose credentials open the repository.
    pub control_plane: String,
    pub setting: AnchorSetting,
}

/// Why there is no anchor, or none to compare with.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    #[error("the record is not the one that was anchored: {0}; see `quarterdeck audit verify --anchor`")]
    Broken(Break),
    #[error("{file}, line {line}, is no anchor: {why}; look with `git log -p` who wrote it")]
    Line { file: String, line: usize, why: String },
    #[error(
        "{clone} has no branch {branch}, neither of its own nor as origin/{branch}: fetch it, or name another one"
    )]
    NoBranch { clone: String, branch: String },
    #[error("the branch {branch} of {clone} has no anchors: nothing can be compared with it")]
    NoAnchors { clone: String, branch: String },
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    #[error(transparent)]
    Push(#[from] PushError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error(transparent)]
    Engine(#[from] Error),
}

/// The branch as it was just fetched.
struct Branch {
    mirror: MirrorPath,
    /// None where the branch is not there yet.
    tip: Option<Oid>,
    /// Sorted.
    anchors: Vec<Anchor>,
}

/// Anchors the head of the chain at intervals, in whichever replica has the lease. A supervised task: it ends by an error
/// alone.
///
/// # Errors
/// A database that does not give leases. What goes wrong with an anchor is told and tried again.
pub async fn keep_anchored(anchoring: Anchoring) -> Result<()> {
    sleep(FIRST_PAUSE).await;
    let mut turn = Turn::new(anchoring, Instant::now());
    loop {
        turn.take(Instant::now()).await?;
        sleep(BEAT).await;
    }
}

/// One program's part in it: when it is due, and what it knows.
#[derive(Debug)]
pub struct Turn {
    anchoring: Anchoring,
    holder: String,
    due: Instant,
    /// The newest anchor that this program has seen.
    known: Option<Place>,
    /// In a row.
    failures: u32,
}

impl Turn {
    /// Returns a part that is first due at a moment.
    pub fn new(anchoring: Anchoring, due: Instant) -> Self {
        Self { anchoring, holder: Uuid::now_v7().to_string(), due, known: None, failures: 0 }
    }

    /// Makes an anchor where it is this program's turn, the time has come, and there is something new.
    ///
    /// # Errors
    /// A database that does not give leases.
    pub async fn take(&mut self, now: Instant) -> Result<()> {
        let metrics = self.anchoring.metrics.clone();
        if !take_lease(&self.anchoring.db, "anchor the record", &self.holder, LEASE).await? {
            // It is another program's to say so.
            metrics.audit_anchor_failing.set(0);
            return Ok(());
        }
        if now < self.due {
            return Ok(());
        }
        match self.anchor().await {
            Ok(newest) => {
                (self.known, self.failures) = (newest, 0);
                self.due = now + self.anchoring.setting.interval;
                let seq = newest.map_or(0, |place| place.seq);
                metrics.audit_anchored.set(i64::try_from(seq).unwrap_or(i64::MAX));
                metrics.audit_anchor_failing.set(0);
            }
            Err(error) => {
                let pause = self.pause();
                self.due = now + pause;
                metrics.audit_anchor_failing.set(1);
                let seconds = pause.as_secs();
                if let AnchorError::Broken(_) = error {
                    tracing::error!("{error}");
                } else {
                    tracing::warn!("the record was not anchored: {error}; it is tried again in {seconds} s");
                }
            }
        }
        Ok(())
    }

    /// What this program has seen saves the fetch where nothing happened.
    async fn anchor(&self) -> Result<Option<Place>, AnchorError> {
        if self.known.is_some() && self.anchoring.wanted(self.known).await?.is_none() {
            return Ok(self.known);
        }
        self.anchoring.anchor(jiff::Timestamp::now().into()).await
    }

    fn pause(&mut self) -> Duration {
        let pause = FIRST_RETRY * 2u32.saturating_pow(self.failures.min(16));
        self.failures += 1;
        pause.min(self.anchoring.setting.interval)
    }
}

impl Anchoring {
    /// Anchors the head of the chain where others' events came since the newest anchor of the branch. Returns what is the
    /// newest anchor then; none where the record is empty.
    ///
    /// # Errors
    /// A repository that cannot be read or pushed to, and a record that is not the one of the newest anchor: then nothing
    /// is added, for the anchors of two chains in one branch prove nothing of either.
    pub async fn anchor(&self, now: Timestamp) -> Result<Option<Place>, AnchorError> {
        let branch = self.fetch().await?;
        let newest = branch.anchors.last().map(|anchor| anchor.place);
        let Some(place) = self.wanted(newest).await? else { return Ok(newest) };
        let id = self.begin(place).await?;
        let pushed = self.push_until_taken(branch, place, now).await;
        self.finish(id, &pushed).await?;
        pushed.map(|_| Some(place))
    }

    /// Returns the head of the chain where it is to be anchored, `newest` being the newest anchor.
    async fn wanted(&self, newest: Option<Place>) -> Result<Option<Place>, AnchorError> {
        let mut connection = self.db.pool().acquire().await.map_err(failed(READ))?;
        if let Some(newest) = newest
            && let Some(broken) = verify::compare(&mut connection, newest).await?
        {
            return Err(AnchorError::Broken(broken));
        }
        // An anchor is an event, too: it must not ask for the next one.
        let has_moved: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM audit_chain AS c LEFT JOIN audit_events AS e ON e.id = c.event
             WHERE c.seq > $1 AND (e.verb, e.actor_kind) IS DISTINCT FROM ($2, 'system'))",
        )
        .bind(newest.map_or(0, |newest| newest.seq) as i64)
        .bind(VERB)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed(READ))?;
        Ok(if has_moved { Some(chain::head(&mut connection).await?) } else { None })
    }

    async fn begin(&self, place: Place) -> Result<AuditId> {
        let AnchorSetting { repository, branch, .. } = &self.setting;
        let intent = Intent {
            verb: VERB,
            object: format!("the record up to event {}", place.seq),
            environment: None,
            details: json!({
                "seq": place.seq, "hash": place.hash.to_string(), "repository": shown(repository), "branch": branch,
            }),
        };
        super::begin(&self.db, &system(), intent).await
    }

    async fn finish(&self, id: AuditId, pushed: &Result<Oid, AnchorError>) -> Result<()> {
        let outcome = match pushed {
            Ok(commit) => {
                let details = json!({"commit": commit.to_string()});
                Outcome { result: Ending::Succeeded, reason: String::new(), details }
            }
            Err(error) => Outcome::failed(error.to_string()),
        };
        super::finish(&self.db, id, &system(), outcome).await
    }

    /// Pushes an anchor on top of whatever comes in between; returns the commit that it is in.
    async fn push_until_taken(
        &self,
        mut branch: Branch,
        place: Place,
        now: Timestamp,
    ) -> Result<Oid, AnchorError> {
        let mut tries = 1;
        loop {
            match self.push(&branch, place, now).await {
                Err(AnchorError::Push(PushError::Moved { .. } | PushError::NotKnown(_)))
                    if tries < MOST_TRIES => {}
                ended => return ended,
            }
            sleep((Duration::from_millis(50) * tries).mul_f64(rand::random_range(0.3..1.0))).await;
            tries += 1;
            branch = self.fetch().await?;
            // The push whose answer was lost was taken, or another program was faster.
            if let Some(tip) = branch.tip.filter(|_| branch.anchors.iter().any(|it| it.place == place)) {
                return Ok(tip);
            }
        }
    }

    async fn push(&self, branch: &Branch, place: Place, now: Timestamp) -> Result<Oid, AnchorError> {
        let (mirror, tip, committer) = (branch.mirror.clone(), branch.tip, Arc::clone(&self.committer));
        let commit = move || {
            let repository = mirror.open()?;
            let tree = tip.map(|tip| Tree::at(&repository, &tip.to_string())).transpose()?;
            let file = with_anchor(tree.as_ref(), place, now)?;
            let message = format!("Anchor the record at event {}\n\n{place}\n", place.seq);
            Ok::<_, AnchorError>(committer.commit(&repository, tip, &[file], &message)?)
        };
        let commit = blocking(commit).await??;
        let push = self.mirrors.prepare_push(&self.repo()).await?;
        self.mirrors.push(push, &self.setting.branch, tip, commit).await?;
        Ok(commit)
    }

    async fn fetch(&self) -> Result<Branch, AnchorError> {
        let mirror = self.mirrors.fresh(&self.repo(), Duration::ZERO).await?;
        let name = format!("refs/heads/{}", self.setting.branch);
        let read = move || {
            let tip = mirror.branch_of(&name)?.map(|_| mirror.resolve(&name)).transpose()?;
            let repository = mirror.open()?;
            let anchors = match tip {
                Some(tip) => file::read(&Tree::at(&repository, &tip.to_string())?)?,
                None => Vec::new(),
            };
            drop(repository);
            Ok(Branch { mirror, tip, anchors })
        };
        blocking(read).await?
    }

    fn repo(&self) -> Repo {
        Repo {
            control_plane: self.control_plane.clone(),
            project: String::new(),
            url: self.setting.repository.clone(),
        }
    }
}

/// Returns the file of this month with one more line.
fn with_anchor(tree: Option<&Tree<'_>>, place: Place, now: Timestamp) -> Result<PlannedFile, AnchorError> {
    let path = file::path_of(now);
    let entry = tree.map(|tree| tree.entry(&path)).transpose()?.flatten();
    let mut text = match (tree, entry) {
        (Some(tree), Some(entry)) => tree.content(&path, entry.id)?,
        _ => Vec::new(),
    };
    file::append(&mut text, place, now)?;
    Ok(PlannedFile { path, before: entry.map(|it| it.id), after: Some(text), executable: false })
}
