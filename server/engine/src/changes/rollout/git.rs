//! What Git says of a revision that Argo CD is at: whether it has the commit of a change, or at least its values.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use git2::{Oid, Repository};
use uuid::Uuid;

use super::judge::{Git, short};
use crate::git::{
    layout::What,
    plan::{Expected, holds},
    trailers::Trailers,
    tree::Tree,
};

/// So many commits are looked through for the one that took values back.
const MOST_LOOKED_AT: usize = 500;

/// The branch of a change, as it was fetched last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Branch {
    /// The commit of the change.
    pub(super) commit: Oid,
    pub(super) head: Oid,
    /// Whether it was fetched since the commit was pushed: else a head before the commit is only an old one.
    pub(super) is_sure: bool,
}

/// What a change wrote of an app.
#[derive(Clone, Debug, Default)]
pub(super) struct Wrote {
    fields: Vec<Expected>,
    /// The files that it wrote or took away as a whole: the content that it left, and the one before.
    files: BTreeMap<String, (Option<Oid>, Option<Oid>)>,
}

/// What is said of a revision.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Said {
    pub(super) git: Git,
    /// Where the values are gone: the commit that took them back, as far as it is found.
    pub(super) taken_by: Option<TakenBy>,
}

/// The commit that took back what a change wrote.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct TakenBy {
    pub(super) id: String,
    /// E.g. `abc1234 by erin (Revert)`.
    pub(super) words: String,
    /// By which it is known as a commit of ours, where there is such a change.
    pub(super) token: Option<Uuid>,
}

/// What was said already; each revision of a change is looked at once, and again when the branch has moved.
#[derive(Debug, Default)]
pub(super) struct Sayings {
    kept: Mutex<HashMap<Key, (Branch, Said)>>,
}

/// A change, the position of one of its apps, and a revision.
pub(super) type Key = (i64, i32, String);

impl Sayings {
    /// Returns what was said of a revision for an app of a change; none where that does not count any more.
    pub(super) fn known(&self, key: &Key, branch: Branch) -> Option<Said> {
        let kept = self.kept();
        let (at, said) = kept.get(key)?;
        said.lasts(*at, branch).then(|| said.clone())
    }

    /// Says how a revision stands, and keeps that. Blocks.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub(super) fn say(
        &self,
        repository: &Repository,
        branch: Branch,
        key: Key,
        wrote: &Wrote,
    ) -> Result<Said, git2::Error> {
        let said = say(repository, branch, &key.2, wrote)?;
        // What is not there may come with the next fetch.
        if said.git != Git::NotKnown {
            self.kept().insert(key, (branch, said.clone()));
        }
        Ok(said)
    }

    /// Forgets what was said of other changes than these.
    pub(super) fn retain(&self, is_followed: impl Fn(i64) -> bool) {
        self.kept().retain(|(change, ..), _| is_followed(*change));
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Key, (Branch, Said)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wrote {
    /// Takes apart what is expected; `before` has the contents that the change replaced.
    pub(super) fn new(expected: Vec<Expected>, before: &BTreeMap<String, Option<Oid>>) -> Self {
        let (files, fields): (Vec<_>, Vec<_>) = expected.into_iter().partition(|it| it.what == What::File);
        let of_file = |it: Expected| {
            let after = it.values.into_values().next().flatten();
            let after = after.and_then(|id| Oid::from_str(&id).ok());
            let before = before.get(&it.file).copied().flatten();
            (it.file, (after, before))
        };
        Self { fields, files: files.into_iter().map(of_file).collect() }
    }

    /// Tells whether a commit has it still. A whole file that others went on to edit is still there; one that is as it was
    /// before is not.
    fn is_in(&self, tree: &Tree<'_>) -> bool {
        let has = |(path, (after, before)): (&String, &(Option<Oid>, Option<Oid>))| {
            let Ok(there) = tree.entry(path) else { return false };
            let there = there.map(|entry| entry.id);
            there == *after || (after.is_some() && there.is_some() && there != *before)
        };
        holds(tree, &self.fields) && self.files.iter().all(has)
    }
}

impl Said {
    /// Returns what is said where there is no revision to look at.
    pub(super) fn nothing() -> Self {
        Self { git: Git::NotKnown, taken_by: None }
    }

    fn lasts(&self, at: Branch, now: Branch) -> bool {
        let is_final = matches!(self.git, Git::Ours | Git::After { holds: true });
        is_final || (at.head, at.is_sure) == (now.head, now.is_sure)
    }
}

/// Says how a revision stands to the commit of a change. Blocks.
///
/// # Errors
/// A repository that cannot be read.
pub(super) fn say(
    repository: &Repository,
    branch: Branch,
    revision: &str,
    wrote: &Wrote,
) -> Result<Said, git2::Error> {
    let Branch { commit, head, is_sure } = branch;
    let told = |git| Ok(Said { git, taken_by: None });
    let Some(at) = commit_of(repository, revision) else { return told(Git::NotKnown) };
    if at == commit {
        return told(Git::Ours);
    }
    // A commit that was written away before anybody fetched it is nowhere.
    let is_there = repository.find_commit(commit).is_ok();
    if !is_there && !is_sure {
        return told(Git::NotKnown);
    }
    let has = |descendant: Oid, ancestor: Oid| match is_there {
        true => descends(repository, descendant, ancestor),
        false => Ok(false),
    };
    let gone = |from: Oid, git| Ok(Said { git, taken_by: taken_by(repository, from, commit, wrote) });
    if has(at, commit)? {
        return match (holds_at(repository, at, wrote), holds_at(repository, head, wrote)) {
            (true, _) => told(Git::After { holds: true }),
            // It was taken back and came again: Argo CD is on its way there.
            (false, true) => told(Git::Before),
            (false, false) => gone(at, Git::After { holds: false }),
        };
    }
    if has(head, commit)? || (has(commit, head)? && !is_sure) {
        return told(Git::Before);
    }
    // The history was written anew. What came before the commit may hold the same by chance, and does not count.
    if !has(commit, at)? && holds_at(repository, at, wrote) {
        return told(Git::Rewritten { holds: true });
    }
    if !is_sure || holds_at(repository, head, wrote) {
        return told(Git::Before);
    }
    gone(head, Git::Rewritten { holds: false })
}

/// Tells whether a commit is another one or comes after it. Blocks.
///
/// # Errors
/// A commit that is not there.
pub(super) fn descends(repository: &Repository, commit: Oid, ancestor: Oid) -> Result<bool, git2::Error> {
    Ok(commit == ancestor || repository.graph_descendant_of(commit, ancestor)?)
}

/// Returns the commit that a revision names by its whole id; none where it is something else, or not there. Blocks.
pub(super) fn commit_of(repository: &Repository, revision: &str) -> Option<Oid> {
    let id = Oid::from_str(revision).ok().filter(|_| revision.len() == 40)?;
    repository.find_commit(id).ok().map(|commit| commit.id())
}

fn holds_at(repository: &Repository, commit: Oid, wrote: &Wrote) -> bool {
    Tree::at(repository, &commit.to_string()).is_ok_and(|tree| wrote.is_in(&tree))
}

/// The first commit after ours, along first parents, from which on the values are gone.
fn taken_by(repository: &Repository, from: Oid, ours: Oid, wrote: &Wrote) -> Option<TakenBy> {
    let mut commit = repository.find_commit(from).ok()?;
    for _ in 0..MOST_LOOKED_AT {
        let parent = commit.parent(0).ok()?;
        if parent.id() == ours || holds_at(repository, parent.id(), wrote) {
            return Some(TakenBy::of(&commit));
        }
        commit = parent;
    }
    None
}

impl TakenBy {
    fn of(commit: &git2::Commit<'_>) -> Self {
        let facts = crate::git::mirror::CommitFacts::of(commit);
        let message = String::from_utf8_lossy(commit.message_bytes());
        let token = Trailers::parse(&message).and_then(|it| it.token.parse().ok());
        let id = facts.id.to_string();
        Self { words: format!("{} by {} ({})", short(&id), facts.author, facts.subject), id, token }
    }
}

#[cfg(test)]
mod tests;
