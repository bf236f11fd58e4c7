//! The files of a repository that are read or written out to render, within bounds. No link is followed or written.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fs::{DirBuilder, File},
    io::Write as _,
    os::unix::fs::DirBuilderExt as _,
    path::Path,
};

use git2::{ObjectType, Oid, Repository};

use super::{
    error::{NotRendered, shown},
    paths,
};

/// How much of a repository is read to render one source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reads {
    pub files: usize,
    /// Bytes of all files together.
    pub bytes: usize,
    /// Bytes of a single file.
    pub largest: usize,
}

impl Default for Reads {
    fn default() -> Self {
        Self { files: 5_000, bytes: 64_000_000, largest: 5_000_000 }
    }
}

/// Files by path that stand in place of those of a tree, or beside them: what is planned and not committed.
pub type Replaced = BTreeMap<String, Vec<u8>>;

/// A tree with files replaced.
pub(super) struct Files<'r> {
    repository: &'r Repository,
    root: git2::Tree<'r>,
    replaced: &'r Replaced,
    folders: BTreeSet<&'r str>,
    reads: Reads,
}

/// The files to write, by path, each with the id that Git gives to its content.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub(super) files: BTreeMap<String, Piece>,
    bytes: usize,
}

#[derive(Debug)]
pub(super) struct Piece {
    pub(super) id: Oid,
    /// What is written in place of the content of this id.
    instead: Option<Vec<u8>>,
}

enum Entry {
    File,
    Folder,
}

impl<'r> Files<'r> {
    /// Reads a commit or a tree.
    pub(super) fn at(
        repository: &'r Repository,
        tree: Oid,
        replaced: &'r Replaced,
        reads: Reads,
    ) -> Result<Self, NotRendered> {
        let root =
            repository.find_object(tree, None).and_then(|object| object.peel_to_tree()).map_err(unread)?;
        let mut folders = BTreeSet::new();
        for path in replaced.keys() {
            if paths::normal(path, "", "the plan")? != *path {
                return Err(NotRendered::Path { path: shown(path), why: "it is not written out" });
            }
            folders.extend(path.match_indices('/').map(|(at, _)| &path[..at]));
        }
        Ok(Self { repository, root, replaced, folders, reads })
    }

    pub(super) fn is_file(&self, path: &str) -> Result<bool, NotRendered> {
        Ok(matches!(self.entry(path)?, Some(Entry::File)))
    }

    pub(super) fn is_folder(&self, path: &str) -> Result<bool, NotRendered> {
        Ok(matches!(self.entry(path)?, Some(Entry::Folder)))
    }

    /// Reads a file, within the bound of one.
    pub(super) fn read(&self, path: &str) -> Result<Cow<'r, [u8]>, NotRendered> {
        if let Some(bytes) = self.replaced.get(path) {
            self.bound(path, bytes.len())?;
            return Ok(Cow::Borrowed(bytes));
        }
        let id = self.find(path)?.map(|(id, _)| id);
        let id = id.ok_or_else(|| NotRendered::Missing { path: shown(path) })?;
        self.bound(path, self.size(id)?)?;
        Ok(Cow::Owned(self.repository.find_blob(id).map_err(unread)?.content().to_vec()))
    }

    /// Returns the paths of all files below a folder; those in folders of it only where that is asked for.
    pub(super) fn below(&self, folder: &str, recurse: bool) -> Result<BTreeSet<String>, NotRendered> {
        let mut found = BTreeSet::new();
        let start = if folder.is_empty() {
            Some(self.root.clone())
        } else {
            match self.find(folder)? {
                Some((id, Some(ObjectType::Tree))) => Some(self.repository.find_tree(id).map_err(unread)?),
                _ => None,
            }
        };
        if let Some(start) = start {
            self.walk(&start, folder, recurse, &mut found)?;
        }
        let prefix = paths::join(folder, "");
        let inside = self
            .replaced
            .keys()
            .filter(|path| path.strip_prefix(&prefix).is_some_and(|rest| recurse || !rest.contains('/')));
        found.extend(inside.cloned());
        Ok(found)
    }

    /// Chooses a file to be written.
    pub(super) fn choose(&self, chosen: &mut Chosen, path: &str) -> Result<(), NotRendered> {
        if chosen.files.contains_key(path) {
            return Ok(());
        }
        let (id, bytes) = match self.replaced.get(path) {
            Some(bytes) => (Oid::hash_object(ObjectType::Blob, bytes).map_err(unread)?, bytes.len()),
            None => {
                let found = self.find(path)?.filter(|(_, kind)| *kind == Some(ObjectType::Blob));
                let (id, _) = found.ok_or_else(|| NotRendered::Missing { path: shown(path) })?;
                (id, self.size(id)?)
            }
        };
        self.bound(path, bytes)?;
        chosen.bytes += bytes;
        if chosen.bytes > self.reads.bytes {
            return Err(NotRendered::TooLarge {
                what: format!("more than {} bytes of files", self.reads.bytes),
            });
        }
        if chosen.files.len() >= self.reads.files {
            return Err(NotRendered::TooLarge { what: format!("more than {} files", self.reads.files) });
        }
        chosen.files.insert(path.to_owned(), Piece { id, instead: None });
        Ok(())
    }

    /// Writes what was chosen below a folder, which is there and empty.
    pub(super) fn write(&self, chosen: &Chosen, to: &Path) -> Result<(), NotRendered> {
        let place = |error: std::io::Error| NotRendered::Place { why: error.to_string() };
        let mut made = BTreeSet::new();
        for (path, piece) in &chosen.files {
            let folder = paths::folder_of(path);
            if made.insert(folder) {
                DirBuilder::new().recursive(true).mode(0o700).create(to.join(folder)).map_err(place)?;
            }
            let bytes = match &piece.instead {
                Some(bytes) => Cow::Borrowed(bytes.as_slice()),
                None => self.read(path)?,
            };
            let mut file = File::create_new(to.join(path)).map_err(place)?;
            file.write_all(&bytes).map_err(place)?;
        }
        Ok(())
    }

    /// What stands at a path; links and submodules on the way are refused.
    fn entry(&self, path: &str) -> Result<Option<Entry>, NotRendered> {
        if path.is_empty() || self.folders.contains(path) {
            return Ok(Some(Entry::Folder));
        }
        if self.replaced.contains_key(path) {
            return Ok(Some(Entry::File));
        }
        Ok(self.find(path)?.and_then(|(_, kind)| match kind {
            Some(ObjectType::Blob) => Some(Entry::File),
            Some(ObjectType::Tree) => Some(Entry::Folder),
            _ => None,
        }))
    }

    fn find(&self, path: &str) -> Result<Option<(Oid, Option<ObjectType>)>, NotRendered> {
        let mut folder = Cow::Borrowed(&self.root);
        let mut parts = path.split('/').peekable();
        let mut so_far = String::new();
        while let Some(part) = parts.next() {
            so_far = paths::join(&so_far, part);
            let Some((id, kind, mode)) =
                folder.get_name(part).map(|entry| (entry.id(), entry.kind(), entry.filemode()))
            else {
                return Ok(None);
            };
            refuse_links(&so_far, mode)?;
            if parts.peek().is_none() {
                return Ok(Some((id, kind)));
            }
            if kind != Some(ObjectType::Tree) {
                return Ok(None);
            }
            folder = Cow::Owned(self.repository.find_tree(id).map_err(unread)?);
        }
        Ok(None)
    }

    fn walk(
        &self,
        tree: &git2::Tree<'_>,
        path: &str,
        recurse: bool,
        found: &mut BTreeSet<String>,
    ) -> Result<(), NotRendered> {
        for entry in tree {
            let Ok(name) = entry.name() else {
                let path = format!("a file in {}", if path.is_empty() { "the root" } else { path });
                return Err(NotRendered::Path { path: shown(&path), why: "its name is not UTF-8" });
            };
            let path = paths::join(path, name);
            if [".", "..", ".git"].contains(&name) || name.contains(['/', '\\']) {
                return Err(NotRendered::Path { path: shown(&path), why: "such a name is not written" });
            }
            refuse_links(&path, entry.filemode())?;
            match entry.kind() {
                Some(ObjectType::Tree) if recurse => {
                    let tree = self.repository.find_tree(entry.id()).map_err(unread)?;
                    self.walk(&tree, &path, recurse, found)?;
                }
                Some(ObjectType::Blob) => {
                    found.insert(path);
                }
                _ => {}
            }
            if found.len() > self.reads.files {
                return Err(NotRendered::TooLarge { what: format!("more than {} files", self.reads.files) });
            }
        }
        Ok(())
    }

    fn size(&self, id: Oid) -> Result<usize, NotRendered> {
        // The header alone: what is too large is not loaded.
        let header = self.repository.odb().and_then(|odb| odb.read_header(id)).map_err(unread)?;
        Ok(header.0)
    }

    fn bound(&self, path: &str, bytes: usize) -> Result<(), NotRendered> {
        if bytes > self.reads.largest {
            let what = format!("{} has {bytes} bytes, more than the {}", shown(path), self.reads.largest);
            return Err(NotRendered::TooLarge { what });
        }
        Ok(())
    }
}

impl Chosen {
    /// Writes something else in place of a file, or a file that the repository does not have.
    pub(super) fn put(&mut self, path: String, bytes: Vec<u8>) -> Result<(), NotRendered> {
        let id = Oid::hash_object(ObjectType::Blob, &bytes).map_err(unread)?;
        self.files.insert(path, Piece { id, instead: Some(bytes) });
        Ok(())
    }
}

fn refuse_links(path: &str, mode: i32) -> Result<(), NotRendered> {
    let refuse = |what| Err(NotRendered::NotFollowed { path: shown(path), what });
    match mode {
        0o120_000 => refuse("a symbolic link"),
        0o160_000 => refuse("a submodule"),
        _ => Ok(()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
pub(super) fn unread(error: git2::Error) -> NotRendered {
    NotRendered::Repository { why: error.message().to_owned() }
}
