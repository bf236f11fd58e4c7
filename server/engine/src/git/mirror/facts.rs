//! What pages say of a revision: subject, author and time.

use git2::Oid;
use model::Timestamp;

use super::{MirrorError, MirrorPath, Mirrors, Repo};
use crate::git::tree::plain;

/// A commit for people. What its author wrote is one line of plain text, at most 200 characters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CommitFacts {
    pub id: Oid,
    pub subject: String,
    pub author: String,
    pub at: Timestamp,
}

impl CommitFacts {
    /// Reads a commit.
    pub fn of(commit: &git2::Commit<'_>) -> Self {
        let author = commit.author();
        Self {
            id: commit.id(),
            subject: plain(&String::from_utf8_lossy(commit.summary_bytes().unwrap_or_default())),
            author: plain(&String::from_utf8_lossy(author.name_bytes())),
            at: Timestamp(author.when().seconds().saturating_mul(1000)),
        }
    }
}

impl Mirrors {
    /// Returns what is known of a revision: a branch, a tag, `HEAD` or a commit id. One that is not there yet is looked
    /// for by a fetch, at most once a minute.
    ///
    /// # Errors
    /// Why the repository cannot be read, or that the revision is not in it.
    pub async fn commit(&self, repo: &Repo, revision: &str) -> Result<CommitFacts, MirrorError> {
        let path = self.ensure(repo).await?;
        let missing = match self.look_up(&path, revision).await {
            Err(error @ (MirrorError::NoCommit { .. } | MirrorError::NoRevision { .. })) => error,
            other => return other,
        };
        if !self.mirror_of(repo)?.may_look_for() {
            return Err(missing);
        }
        let path = self.fresh(repo, std::time::Duration::ZERO).await?;
        self.look_up(&path, revision).await
    }

    async fn look_up(&self, path: &MirrorPath, revision: &str) -> Result<CommitFacts, MirrorError> {
        let folder = path.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let named = Oid::from_str(revision).ok().filter(|_| revision.len() == 40);
        if let Some(kept) = named.and_then(|id| self.commits().get(&(folder.clone(), id)).cloned()) {
            return Ok(kept);
        }
        let (held, revision) = (path.clone(), revision.to_owned());
        let read = tokio::task::spawn_blocking(move || {
            let id = held.resolve(&revision)?;
            let repository = held.open()?;
            let commit = repository.find_commit(id).map_err(|error| held.damaged(&error))?;
            Ok(CommitFacts::of(&commit))
        });
        let facts = read.await.map_err(|_| MirrorError::Interrupted { url: path.url.clone() })??;
        self.commits().insert((folder, facts.id), facts.clone());
        Ok(facts)
    }

    fn commits(&self) -> std::sync::MutexGuard<'_, hashlink::LruCache<(String, Oid), CommitFacts>> {
        self.shared.commits.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
