//! The files of a tree by their folders, without what no app is made of.

use std::collections::BTreeMap;

use super::{last_of, sketch::Sketch, split, upwards};
use crate::git::tree::File;

/// Folders that hold no manifests of the repository's own.
const NOT_OURS: [&str; 2] = ["node_modules", "vendor"];

/// Files by folder.
pub(super) struct Shelf<'t> {
    folders: BTreeMap<&'t str, Vec<&'t File>>,
}

impl<'t> Shelf<'t> {
    /// Sorts files in; hidden folders are left out, and names that no sane path has are told.
    pub(super) fn of(files: &'t [File], sketch: &mut Sketch) -> Self {
        let mut folders: BTreeMap<&str, Vec<&File>> = BTreeMap::new();
        for file in files {
            let folder = split(&file.path).0;
            let is_left_out = folder.split('/').any(|part| part.starts_with('.')) || is_foreign(folder);
            if let Some(why) = oddity(&file.path) {
                sketch.tell(&file.path, why);
            } else if !is_left_out {
                folders.entry(folder).or_default().push(file);
            }
        }
        Self { folders }
    }

    /// Returns the folders that have files, parents before children.
    pub(super) fn folders(&self) -> impl Iterator<Item = (&'t str, &[&'t File])> {
        self.folders.iter().map(|(folder, files)| (*folder, files.as_slice()))
    }

    /// Returns the files that are directly in a folder.
    pub(super) fn files(&self, folder: &str) -> &[&'t File] {
        self.folders.get(folder).map_or(&[], Vec::as_slice)
    }

    /// Returns a file of a folder by its name.
    pub(super) fn file(&self, folder: &str, name: &str) -> Option<&'t File> {
        self.files(folder).iter().copied().find(|file| last_of(&file.path) == name)
    }

    /// Returns a file by its path.
    pub(super) fn at(&self, path: &str) -> Option<&'t File> {
        let (folder, _) = split(path);
        self.files(folder).iter().copied().find(|file| file.path == path)
    }

    /// Whether files are in a folder or below.
    pub(super) fn has_folder(&self, folder: &str) -> bool {
        self.below(folder).next().is_some()
    }

    /// Returns a folder that has files, and those below it.
    pub(super) fn below<'s>(&'s self, folder: &'s str) -> impl Iterator<Item = &'s str> {
        let is_in = move |it: &&str| {
            folder.is_empty()
                || it.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        // Between a folder and what is below it others may stand: `a`, `a-b`, `a/b`.
        let may_be_in = move |it: &&str| it.starts_with(folder);
        let from = (std::ops::Bound::Included(folder), std::ops::Bound::Unbounded);
        self.folders.range::<str, _>(from).map(|(it, _)| *it).take_while(may_be_in).filter(is_in)
    }

    /// Whether a folder or one above it has a file of this name; returns the outermost that does.
    pub(super) fn outermost_with<'p>(&self, folder: &'p str, name: &str) -> Option<&'p str> {
        upwards(folder).chain([""]).filter(|it| self.file(it, name).is_some()).last()
    }
}

/// Returns whether a file is YAML, or JSON, which is YAML too.
pub(super) fn is_yaml(file: &File) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|end| file.path.ends_with(end))
}

fn is_foreign(folder: &str) -> bool {
    folder.split('/').any(|part| NOT_OURS.contains(&part))
}

fn oddity(path: &str) -> Option<&'static str> {
    let is_odd = path.contains(char::is_control);
    is_odd.then_some("its name has a control character, which no manifest needs; rename it")
}
