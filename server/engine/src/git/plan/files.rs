//! The files of the head as the rows of a plan leave them, one after the other: several may edit one file.

use std::collections::BTreeMap;

use model::plan::FileChange;

use super::{PlanError, patch::patch_of};
use crate::git::tree::Tree;

/// What becomes of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Write {
    /// None where it is not there.
    pub before: Option<Vec<u8>>,
    /// None where it goes.
    pub after: Option<Vec<u8>>,
    /// Whether it is a program.
    pub executable: bool,
}

/// The files of a tree, and what was written over them.
pub(super) struct Files<'a> {
    pub(super) tree: &'a Tree<'a>,
    kept: BTreeMap<String, Write>,
    /// What the row at hand writes.
    row: BTreeMap<String, Write>,
}

impl<'a> Files<'a> {
    pub(super) fn new(tree: &'a Tree<'a>) -> Self {
        Self { tree, kept: BTreeMap::new(), row: BTreeMap::new() }
    }

    /// Reads a file as it is by now.
    pub(super) fn read(&self, path: &str) -> Result<Option<Vec<u8>>, PlanError> {
        match self.row.get(path).or_else(|| self.kept.get(path)) {
            Some(write) => Ok(write.after.clone()),
            None => Ok(self.tree.read_if_there(path)?),
        }
    }

    /// Writes a file, or removes it.
    pub(super) fn write(
        &mut self,
        path: &str,
        after: Option<Vec<u8>>,
        executable: Option<bool>,
    ) -> Result<(), PlanError> {
        let before = self.tree.entry(path)?;
        let known = self.row.get(path).or_else(|| self.kept.get(path)).map(|it| it.executable);
        let executable = executable.or(known).or(before.map(|it| it.executable)).unwrap_or_default();
        let before = before.map(|it| self.tree.content(path, it.id)).transpose()?;
        self.row.insert(path.to_owned(), Write { before, after, executable });
        Ok(())
    }

    /// The paths that the row at hand changes.
    pub(super) fn changed(&self) -> impl Iterator<Item = (&String, &Write)> {
        self.row.iter().filter(|(_, write)| write.before != write.after)
    }

    /// Keeps what the row wrote.
    pub(super) fn keep(&mut self) {
        self.kept.append(&mut self.row);
    }

    /// Forgets what the row wrote.
    pub(super) fn forget(&mut self) {
        self.row.clear();
    }

    /// Ends; returns what changes, as patches and as bytes.
    pub(super) fn finish(self) -> (Vec<FileChange>, BTreeMap<String, Write>) {
        let changed = self.kept.into_iter().filter(|(_, write)| write.before != write.after);
        let writes: BTreeMap<_, _> = changed.collect();
        let change = |(path, write): (&String, &Write)| FileChange {
            path: path.clone(),
            patch: patch_of(path, write),
        };
        (writes.iter().map(change).collect(), writes)
    }
}
