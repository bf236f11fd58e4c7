//! Which commits changed which files, kept in memory: what is learned when releases are read answers most of what plans
//! ask of a history, for which a child process would walk all of it.

use git2::{Oid, Repository};
use rustc_hash::FxHashMap as HashMap;

use super::tree::TreeError;

/// Commits with more changed files are not remembered one by one.
const MOST_FILES: usize = 10_000;

/// The history of some files along first parents, from some commit on.
#[derive(Clone, Debug, Default)]
pub struct Chronicle {
    /// The oldest first.
    commits: Vec<Oid>,
    positions: HashMap<Oid, u32>,
    files: HashMap<Box<str>, Watched>,
    /// From which of the commits on their changes are known; of those before, only what they left.
    begins: u32,
}

/// What is known of a file.
#[derive(Clone, Debug, Default)]
struct Watched {
    /// From which commit on.
    begins: u32,
    /// By commit: what it left there, none where the file went. The oldest first.
    touches: Vec<(u32, Option<Oid>)>,
}

/// Commits that changed one of some files.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Remembered {
    /// The newest first.
    pub commits: Vec<Oid>,
    /// Further back others must be asked, from this commit on; none where nothing is further back.
    pub before: Option<Oid>,
}

/// A commit and the files that it changed, against its first parent.
#[derive(Clone, Debug)]
pub struct Recent {
    pub commit: Oid,
    /// By path: what it left there, none where the file went, or is none.
    pub files: HashMap<String, Option<Oid>>,
    /// Whether files came, went, or became something else.
    pub moves_files: bool,
}

impl Chronicle {
    /// Notes the next commit. `is_known`: whether what it changed is known, or only what was there then.
    pub(super) fn commit(&mut self, commit: Oid, is_known: bool) {
        let position = position_of(self.commits.len());
        self.positions.insert(commit, position);
        self.commits.push(commit);
        if !is_known {
            self.begins = position + 1;
        }
    }

    /// Notes what the newest commit left in a file.
    pub(super) fn touch(&mut self, file: &str, content: Option<Oid>) {
        let position = position_of(self.commits.len().saturating_sub(1));
        if let Some(watched) = self.files.get_mut(file)
            && watched.touches.last().is_none_or(|it| it.0 != position)
        {
            watched.touches.push((position, content));
        }
    }

    /// Watches these files from the next commit on, and forgets all others: of them nothing is noted any more.
    pub(super) fn watch<'f>(&mut self, files: impl Iterator<Item = &'f str>) {
        let begins = position_of(self.commits.len());
        let mut before = std::mem::take(&mut self.files);
        for file in files {
            if !self.files.contains_key(file) {
                let known = before.remove(file).unwrap_or(Watched { begins, touches: Vec::new() });
                self.files.insert(file.into(), known);
            }
        }
    }

    /// Returns the newest commit.
    pub fn head(&self) -> Option<Oid> {
        self.commits.last().copied()
    }
}

/// A chronicle, and what came after it.
#[derive(Clone, Copy, Debug)]
pub struct Memory<'a> {
    pub chronicle: &'a Chronicle,
    /// The oldest first; the first of them has the chronicle's head as its first parent.
    pub recent: &'a [Recent],
}

impl Memory<'_> {
    /// Returns the commits from one on that changed one of these files; none where this is not remembered.
    pub fn touches(&self, from: Oid, files: &[&str]) -> Option<Remembered> {
        let until = self.position(from)?;
        let watched = files.iter().map(|file| self.chronicle.files.get(*file));
        let watched: Vec<&Watched> = watched.collect::<Option<_>>()?;
        let begins = watched.iter().map(|it| it.begins).max().unwrap_or(0).max(self.chronicle.begins);
        if until < begins {
            return None;
        }
        let known = watched.iter().flat_map(|it| it.touches.iter().map(|touch| touch.0));
        let mut positions: Vec<u32> = known.filter(|at| (begins..=until).contains(at)).collect();
        for (index, recent) in self.recent.iter().enumerate() {
            let at = position_of(self.chronicle.commits.len() + index);
            if at <= until && files.iter().any(|file| recent.files.contains_key(*file)) {
                positions.push(at);
            }
        }
        positions.sort_unstable();
        positions.dedup();
        let commits = positions.iter().rev().filter_map(|at| self.at(*at));
        let before = begins.checked_sub(1).and_then(|at| self.at(at));
        Some(Remembered { commits: commits.collect(), before })
    }

    /// Returns what a file held at a commit; none where this is not remembered, none within where it was not there.
    pub fn content_at(&self, commit: Oid, file: &str) -> Option<Option<Oid>> {
        let at = self.position(commit)?;
        let watched = self.chronicle.files.get(file)?;
        let is_after = at >= position_of(self.chronicle.commits.len());
        let recent = self.recent.iter().enumerate().rev().filter(|_| is_after).find_map(|(index, recent)| {
            let is_before = position_of(self.chronicle.commits.len() + index) <= at;
            recent.files.get(file).filter(|_| is_before)
        });
        if let Some(content) = recent {
            return Some(*content);
        }
        // What was there before it was watched is not known.
        if at + 1 < watched.begins {
            return None;
        }
        let known = watched.touches.partition_point(|touch| touch.0 <= at).checked_sub(1);
        Some(known.and_then(|index| watched.touches[index].1))
    }

    fn position(&self, commit: Oid) -> Option<u32> {
        let recent = self.recent.iter().position(|it| it.commit == commit);
        let recent = recent.map(|index| position_of(self.chronicle.commits.len() + index));
        recent.or_else(|| self.chronicle.positions.get(&commit).copied())
    }

    fn at(&self, position: u32) -> Option<Oid> {
        let position = position as usize;
        let known = self.chronicle.commits.get(position).copied();
        known.or_else(|| Some(self.recent.get(position - self.chronicle.commits.len())?.commit))
    }
}

/// Returns the commits from a head back to one of some others, along first parents, the oldest first, and which one that
/// was; none where it is further than `most`, or a commit changed more than is remembered.
///
/// # Errors
/// Objects that cannot be read.
pub fn since(
    repository: &Repository,
    head: Oid,
    known: &[Oid],
    most: usize,
) -> Result<Option<(Oid, Vec<Recent>)>, TreeError> {
    let object = |reason| TreeError::Object { path: head.to_string(), reason };
    let mut found = Vec::new();
    let mut next = head;
    while !known.contains(&next) {
        if found.len() >= most {
            return Ok(None);
        }
        let commit = repository.find_commit(next).map_err(object)?;
        let Ok(parent) = commit.parent(0) else { return Ok(None) };
        let (before, after) = (parent.tree().map_err(object)?, commit.tree().map_err(object)?);
        let Some(recent) = recent_of(repository, next, (&before, &after)).map_err(object)? else {
            return Ok(None);
        };
        found.push(recent);
        next = parent.id();
    }
    found.reverse();
    Ok(Some((next, found)))
}

fn recent_of(
    repository: &Repository,
    commit: Oid,
    (before, after): (&git2::Tree<'_>, &git2::Tree<'_>),
) -> Result<Option<Recent>, git2::Error> {
    let mut options = git2::DiffOptions::new();
    // A change of kind is told as such, and not as two.
    options.include_typechange(true).skip_binary_check(true);
    let changes = repository.diff_tree_to_tree(Some(before), Some(after), Some(&mut options))?;
    if changes.deltas().len() > MOST_FILES {
        return Ok(None);
    }
    let mut recent = Recent { commit, files: HashMap::default(), moves_files: false };
    for delta in changes.deltas() {
        let is_file = |mode| matches!(mode, git2::FileMode::Blob | git2::FileMode::BlobExecutable);
        let (old, new) = (delta.old_file(), delta.new_file());
        recent.moves_files |=
            delta.status() != git2::Delta::Modified || !is_file(old.mode()) || !is_file(new.mode());
        let content = Some(new.id()).filter(|id| !id.is_zero() && is_file(new.mode()));
        let paths = [old.path_bytes(), new.path_bytes()].into_iter().flatten();
        for path in paths.filter_map(|path| std::str::from_utf8(path).ok()) {
            recent.files.insert(path.to_owned(), content);
        }
    }
    Ok(Some(recent))
}

/// No history has as many commits as would not fit.
fn position_of(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
