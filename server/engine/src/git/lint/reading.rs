//! What checks read of a tree, within bounds.

use std::{collections::BTreeMap, rc::Rc};

use git2::Oid;

use crate::git::{
    edit::Unreadable,
    layout::{
        documents::{self, Node},
        words::Words,
    },
    rules::Rules,
    tree::{Tree, TreeError},
};

/// More files are not opened.
const MOST_FILES: usize = 60_000;
/// More bytes are not read.
const MOST_BYTES: usize = 400_000_000;

/// The files of a tree, and how many may still be read.
pub(super) struct Reading<'a> {
    pub(super) tree: &'a Tree<'a>,
    pub(super) words: Words,
    files: BTreeMap<String, Oid>,
    pub(super) odd: Vec<TreeError>,
    files_left: usize,
    bytes_left: usize,
    is_too_large: bool,
}

/// Why a file is not read.
pub(super) enum NotRead {
    /// A bound is met, or it is not there.
    Skipped,
    Unreadable(Unreadable),
    TooLarge(TreeError),
}

impl<'a> Reading<'a> {
    pub(super) fn of(tree: &'a Tree<'a>, rules: &Rules) -> Self {
        let (files, odd, is_too_large) = match tree.files("") {
            Ok((files, odd)) => (files, odd, false),
            Err(_) => (Vec::new(), Vec::new(), true),
        };
        let is_sane = |path: &str| !path.split('/').any(|part| matches!(part, "" | "." | ".." | ".git"));
        let files = files.into_iter().filter(|it| is_sane(&it.path)).map(|it| (it.path, it.id)).collect();
        let words = Words::of(rules);
        Self { tree, words, files, odd, files_left: MOST_FILES, bytes_left: MOST_BYTES, is_too_large }
    }

    /// Returns the paths of all files, in order.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Returns the paths of the files in a folder and below.
    pub(super) fn below(&self, folder: &str) -> impl Iterator<Item = &str> {
        let start = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let range = self.files.range(start.clone()..);
        range.map(|(path, _)| path.as_str()).take_while(move |path| path.starts_with(&start))
    }

    pub(super) fn has_file(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    pub(super) fn has_folder(&self, folder: &str) -> bool {
        folder.is_empty() || self.below(folder).next().is_some()
    }

    /// Reads a file's bytes.
    pub(super) fn bytes(&mut self, path: &str) -> Result<Vec<u8>, NotRead> {
        let id = *self.files.get(path).ok_or(NotRead::Skipped)?;
        self.files_left = self.files_left.checked_sub(1).ok_or(NotRead::Skipped)?;
        let bytes = self.tree.content(path, id).map_err(|error| match error {
            TreeError::TooLarge { .. } => NotRead::TooLarge(error),
            _ => NotRead::Skipped,
        })?;
        self.bytes_left = self.bytes_left.checked_sub(bytes.len()).ok_or(NotRead::Skipped)?;
        Ok(bytes)
    }

    /// Reads the documents of a file.
    pub(super) fn documents(&mut self, path: &str) -> Result<Vec<Rc<Node>>, NotRead> {
        let bytes = self.bytes(path)?;
        documents::read(&bytes).map_err(NotRead::Unreadable)
    }

    /// Tells which bound was met.
    pub(super) fn bound(&self) -> Option<String> {
        if self.is_too_large {
            return Some("The repository has too many files, so nothing in them was checked.".to_owned());
        }
        let is_met = self.files_left == 0 || self.bytes_left < 1_000_000;
        is_met.then(|| {
            format!("Not all files were read: at most {MOST_FILES}, and {} MB, are.", MOST_BYTES / 1_000_000)
        })
    }
}
