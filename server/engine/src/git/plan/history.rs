//! Which commits changed a file, behind a trait: a mirror asks `git log` with its filters, a clone is walked.

use git2::{Oid, Repository};

use crate::git::{
    self,
    chronicle::{Memory, Remembered},
};

/// Commits, the newest first.
pub type Commits<'h> = Box<dyn Iterator<Item = Result<Oid, HistoryError>> + 'h>;

/// Why a history is not known further back.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HistoryError {
    #[error("the history was looked at for {0} commits, and not further")]
    TooLong(usize),
    #[error("{0}")]
    Failed(String),
}

/// Tells which commits changed something.
pub trait History {
    /// Returns the commits from `from` on, along first parents, the newest first, that changed one of the files or
    /// folders; at most `limit`. After an error there is nothing more.
    fn touches<'h>(&'h self, from: Oid, paths: &[&str], limit: usize) -> Commits<'h>;

    /// Returns what a file held at a commit, by the id of its content, where that is known without looking; none within
    /// where the file was not there.
    fn content_at(&self, _commit: Oid, _file: &str) -> Option<Option<Oid>> {
        None
    }
}

/// Answers from memory what it can, and asks another history for the rest.
pub struct Recalled<'a> {
    pub memory: Memory<'a>,
    pub otherwise: &'a dyn History,
}

impl History for Recalled<'_> {
    fn touches<'h>(&'h self, from: Oid, paths: &[&str], limit: usize) -> Commits<'h> {
        let Some(Remembered { commits, before }) = self.memory.touches(from, paths) else {
            return self.otherwise.touches(from, paths, limit);
        };
        let left = limit.saturating_sub(commits.len());
        let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
        // Asked only where somebody reads on as far as that.
        let ask = move |before| {
            let paths: Vec<_> = paths.iter().map(String::as_str).collect();
            self.otherwise.touches(before, &paths, left)
        };
        let rest = before.filter(|_| left > 0).into_iter().flat_map(ask);
        Box::new(commits.into_iter().map(Ok).chain(rest).take(limit))
    }

    fn content_at(&self, commit: Oid, file: &str) -> Option<Option<Oid>> {
        self.memory.content_at(commit, file).or_else(|| self.otherwise.content_at(commit, file))
    }
}

/// Compares each commit with its first parent: right everywhere, and slow in large repositories.
pub struct Walk<'r> {
    repository: &'r Repository,
    most: usize,
}

impl<'r> Walk<'r> {
    /// Walks through at most so many commits for one question.
    pub fn new(repository: &'r Repository, most: usize) -> Self {
        Self { repository, most }
    }
}

impl History for Walk<'_> {
    fn touches<'h>(&'h self, from: Oid, paths: &[&str], limit: usize) -> Commits<'h> {
        let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
        let mut next = self.repository.find_commit(from).ok();
        let mut now = next.as_ref().map(|commit| ids(commit, &paths));
        let mut left = self.most;
        let walk = std::iter::from_fn(move || {
            let commit = next.take()?;
            if left == 0 {
                return Some(Some(Err(HistoryError::TooLong(self.most))));
            }
            left -= 1;
            next = commit.parent(0).ok();
            let before = next.as_ref().map(|parent| ids(parent, &paths));
            let there = std::mem::replace(&mut now, before).unwrap_or_default();
            let changed = match &now {
                Some(before) => *before != there,
                None => there.iter().any(Option::is_some),
            };
            Some(changed.then(|| Ok(commit.id())))
        });
        Box::new(walk.flatten().take(limit))
    }
}

impl History for git::history::History {
    fn touches<'h>(&'h self, from: Oid, paths: &[&str], limit: usize) -> Commits<'h> {
        match self.commits(from, paths, limit) {
            Ok(commits) => Box::new(commits.into_iter().map(Ok)),
            Err(error) => Box::new(std::iter::once(Err(HistoryError::Failed(error.to_string())))),
        }
    }
}

fn ids(commit: &git2::Commit<'_>, paths: &[String]) -> Vec<Option<Oid>> {
    let tree = commit.tree().ok();
    let id = |path: &String| Some(tree.as_ref()?.get_path(std::path::Path::new(path)).ok()?.id());
    paths.iter().map(id).collect()
}
