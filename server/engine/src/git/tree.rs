//! A repository at a commit, to be read. No path leaves it: symbolic links and submodules are told, and never followed.

use std::{cell::RefCell, path::Path, rc::Rc};

use git2::{ObjectType, Oid, Repository};
use model::{Timestamp, plan::CommitRef};
use rustc_hash::FxHashMap as HashMap;

use super::trailers::is_hidden;

/// Larger files are not read: a manifest is not.
const LARGEST: usize = 5_000_000;
/// More entries are not walked through.
const MOST_ENTRIES: usize = 200_000;
/// Folders that lie deeper are not looked into.
const DEEPEST: usize = 100;
/// Folders with more entries are kept once read, so many of them: to read one costs more than all else of a lookup.
const LARGE: usize = 64;
const MOST_LARGE: usize = 32;

/// The files of a repository at one commit.
pub struct Tree<'r> {
    repository: &'r Repository,
    commit: Oid,
    root: git2::Tree<'r>,
    /// By their ids.
    large: RefCell<HashMap<Oid, Rc<Large>>>,
}

/// The entries of a large folder, by name.
type Large = HashMap<Box<str>, Found>;

/// A folder that is looked into.
enum Folder<'r> {
    Small(git2::Tree<'r>),
    Large(Rc<Large>),
}

/// What an entry of a folder is.
#[derive(Clone, Copy)]
struct Found {
    kind: Option<ObjectType>,
    id: Oid,
    mode: i32,
}

/// A file: its path inside of the repository and the id of its content.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct File {
    pub path: String,
    pub id: Oid,
}

/// What a path is at a commit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    pub id: Oid,
    /// Whether it is a program, as far as Git knows that.
    pub executable: bool,
}

/// A commit that changed a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Touch {
    pub commit: Oid,
    /// One line without control characters, at most 200 characters.
    pub subject: String,
    pub author: String,
    pub at: Timestamp,
    /// The file's content before; none where the commit made it.
    pub before: Option<Oid>,
}

/// Why something of a repository cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    #[error("{path} is no Git repository that can be read: {}", reason.message())]
    Repository { path: String, reason: git2::Error },
    #[error("{revision:?} is no commit of this repository: {}; name a branch, a tag or a commit", reason.message())]
    Revision { revision: String, reason: git2::Error },
    #[error("{path:?} is no path inside of a repository: {why}")]
    Path { path: String, why: &'static str },
    #[error("{path} is not there at commit {commit:.10}")]
    Missing { path: String, commit: Oid },
    #[error("{path} is {what}, which is never followed: put the files themselves there")]
    NotFollowed { path: String, what: &'static str },
    #[error("{path} has {bytes} bytes, more than the {LARGEST} that are read")]
    TooLarge { path: String, bytes: usize },
    #[error("the repository has more than {MOST_ENTRIES} files and folders, which are not all looked at")]
    TooMany,
    #[error("{path} lies more than {DEEPEST} folders deep, where nothing is looked at")]
    TooDeep { path: String },
    #[error("{path} cannot be read: {}", reason.message())]
    Object { path: String, reason: git2::Error },
}

/// Opens a clone or a bare repository.
///
/// # Errors
/// A folder that is none.
pub fn open(path: &Path) -> Result<Repository, TreeError> {
    Repository::open(path)
        .map_err(|reason| TreeError::Repository { path: path.display().to_string(), reason })
}

impl<'r> Tree<'r> {
    /// Reads a repository at a revision: a branch, a tag or a commit.
    ///
    /// # Errors
    /// A revision that names no commit.
    pub fn at(repository: &'r Repository, revision: &str) -> Result<Self, TreeError> {
        let commit = repository.revparse_single(revision).and_then(|object| object.peel_to_commit());
        let found = commit.and_then(|commit| Ok((commit.id(), commit.tree()?)));
        let (commit, root) =
            found.map_err(|reason| TreeError::Revision { revision: revision.to_owned(), reason })?;
        Ok(Self { repository, commit, root, large: RefCell::default() })
    }

    /// Reads the same repository at another commit.
    ///
    /// # Errors
    /// An id that is no commit of it.
    pub fn at_commit(&self, commit: Oid) -> Result<Self, TreeError> {
        let root = self.repository.find_commit(commit).and_then(|it| it.tree());
        let root = root.map_err(|reason| TreeError::Revision { revision: commit.to_string(), reason })?;
        Ok(Self { repository: self.repository, commit, root, large: RefCell::default() })
    }

    /// Returns the commit.
    pub fn commit(&self) -> Oid {
        self.commit
    }

    /// Returns the id of all of its files: what is read of them may be kept by it.
    pub fn root(&self) -> Oid {
        self.root.id()
    }

    /// Returns the repository that it belongs to.
    pub fn repository(&self) -> &'r Repository {
        self.repository
    }

    /// Returns a commit of the repository as lists show it; none where it is not there.
    pub fn reference(&self, commit: Oid) -> Option<CommitRef> {
        let touch = Touch::of(&self.repository.find_commit(commit).ok()?, None);
        let Touch { commit, subject, author, at, .. } = touch;
        Some(CommitRef { id: commit.to_string(), subject, author, at })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// What is not there, is no file, or is too large.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        let entry = self.entry(path)?;
        let missing = || TreeError::Missing { path: path.to_owned(), commit: self.commit };
        self.content(path, entry.ok_or_else(missing)?.id)
    }

    /// Reads a file; none where it is not there.
    ///
    /// # Errors
    /// What is no file, or is too large.
    pub fn read_if_there(&self, path: &str) -> Result<Option<Vec<u8>>, TreeError> {
        self.entry(path)?.map(|entry| self.content(path, entry.id)).transpose()
    }

    /// Finds a file without reading it; none where nothing, or a folder, is there.
    ///
    /// # Errors
    /// What is no path of the repository, and what is not followed.
    pub fn entry(&self, path: &str) -> Result<Option<Entry>, TreeError> {
        Ok(self.find(path)?.filter(|it| it.0 == ObjectType::Blob).map(|it| it.1))
    }

    /// Returns the id of a file or a folder; none where nothing is there.
    ///
    /// # Errors
    /// As [`Self::entry`].
    pub fn id(&self, path: &str) -> Result<Option<Oid>, TreeError> {
        Ok(self.find(path)?.map(|it| it.1.id))
    }

    fn find(&self, path: &str) -> Result<Option<(ObjectType, Entry)>, TreeError> {
        check(path)?;
        let mut folder = Folder::Small(self.root.clone());
        let (parents, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut so_far = String::new();
        for part in parents.split('/').filter(|part| !part.is_empty()) {
            so_far = join(&so_far, part);
            let Some(found) = folder.get(part) else { return Ok(None) };
            refuse_links(&so_far, found.mode)?;
            let Ok(next) = self.folder(found.id) else { return Ok(None) };
            folder = next;
        }
        let Some(found) = folder.get(name) else { return Ok(None) };
        refuse_links(path, found.mode)?;
        let entry = Entry { id: found.id, executable: found.mode == 0o100_755 };
        Ok(found.kind.map(|kind| (kind, entry)))
    }

    fn folder(&self, id: Oid) -> Result<Folder<'r>, git2::Error> {
        if let Some(known) = self.large.borrow().get(&id) {
            return Ok(Folder::Large(Rc::clone(known)));
        }
        let found = self.repository.find_tree(id)?;
        if found.len() <= LARGE {
            return Ok(Folder::Small(found));
        }
        let named = found.iter().filter_map(|entry| Some((entry.name().ok()?.into(), Found::of(&entry))));
        let folder: Rc<Large> = Rc::new(named.collect());
        let mut large = self.large.borrow_mut();
        if large.len() >= MOST_LARGE {
            large.clear();
        }
        large.insert(id, Rc::clone(&folder));
        Ok(Folder::Large(folder))
    }

    /// Returns whether a revision names a commit here: a branch, also of the remote, a tag or a commit. What is empty, or a
    /// pattern of versions, is not judged.
    pub fn knows(&self, revision: &str) -> bool {
        let is_pattern = revision.contains(['*', '^', '~', '>', '<', '=', ' ', '@']);
        is_pattern || revision.is_empty() || self.commit_of(revision).is_some()
    }

    /// Returns whether a revision is the commit that this tree is of, as far as is known.
    pub fn is_at(&self, revision: &str) -> bool {
        revision.is_empty() || revision == "HEAD" || self.commit_of(revision) == Some(self.commit)
    }

    fn commit_of(&self, revision: &str) -> Option<Oid> {
        let names = [revision.to_owned(), format!("origin/{revision}")];
        let commit = |name: &String| self.repository.revparse_single(name).and_then(|it| it.peel_to_commit());
        names.iter().find_map(|name| commit(name).ok()).map(|it| it.id())
    }

    /// Returns whether something is at a path, of which nothing is read.
    pub fn has(&self, path: &str) -> bool {
        self.id_of(path).is_some()
    }

    /// Returns the id of the file or folder at a path; none where nothing is there, or a link.
    pub fn id_of(&self, path: &str) -> Option<Oid> {
        self.id(path).ok()?
    }

    /// Returns all files below a folder, in the order of their paths, and what else is there, each with a sentence.
    ///
    /// # Errors
    /// More entries than are looked at.
    pub fn files(&self, folder: &str) -> Result<(Vec<File>, Vec<TreeError>), TreeError> {
        let mut found = (Vec::new(), Vec::new());
        let mut left = MOST_ENTRIES;
        let start = if folder.is_empty() {
            Some(self.root.clone())
        } else {
            check(folder)?;
            // A link is no folder, and is told where its parent is listed.
            self.id_of(folder).and_then(|id| self.repository.find_tree(id).ok())
        };
        if let Some(start) = start {
            self.walk(&start, folder, &mut left, &mut found)?;
        }
        found.0.sort();
        Ok(found)
    }

    /// Returns the commits that changed a file, the newest first, along first parents as far as the clone reaches. At
    /// most `limit` commits are looked at.
    pub fn touches(&self, path: &str, limit: usize) -> impl Iterator<Item = Touch> {
        let mut next = self.repository.find_commit(self.commit).ok();
        let mut content = next.as_ref().and_then(|commit| content_of(commit, path));
        let walk = std::iter::from_fn(move || {
            let commit = next.take()?;
            next = commit.parent(0).ok();
            let before = next.as_ref().and_then(|parent| content_of(parent, path));
            let changed = std::mem::replace(&mut content, before) != before;
            Some(changed.then(|| Touch::of(&commit, before)))
        });
        walk.take(limit).flatten()
    }

    /// Reads what a file had at some commit, by the content's id.
    ///
    /// # Errors
    /// What is too large, or gone.
    pub fn content(&self, path: &str, id: Oid) -> Result<Vec<u8>, TreeError> {
        let object = |reason| TreeError::Object { path: path.to_owned(), reason };
        // The header first: what is too large is not loaded.
        let odb = self.repository.odb().map_err(object)?;
        let (bytes, _) = odb.read_header(id).map_err(object)?;
        if bytes > LARGEST {
            return Err(TreeError::TooLarge { path: path.to_owned(), bytes });
        }
        Ok(self.repository.find_blob(id).map_err(object)?.content().to_vec())
    }

    fn walk(
        &self,
        folder: &git2::Tree<'_>,
        path: &str,
        left: &mut usize,
        found: &mut (Vec<File>, Vec<TreeError>),
    ) -> Result<(), TreeError> {
        for entry in folder {
            *left = left.checked_sub(1).ok_or(TreeError::TooMany)?;
            let Ok(name) = entry.name() else { continue };
            let path = join(path, name);
            if let Err(error) = check_name(name, &path) {
                found.1.push(error);
            } else if let Err(error) = refuse_links(&path, entry.filemode()) {
                found.1.push(error);
            } else if path.matches('/').count() >= DEEPEST {
                found.1.push(TreeError::TooDeep { path });
            } else if entry.kind() == Some(ObjectType::Tree) {
                let folder = self.repository.find_tree(entry.id());
                let folder = folder.map_err(|reason| TreeError::Object { path: path.clone(), reason })?;
                self.walk(&folder, &path, left, found)?;
            } else {
                found.0.push(File { path, id: entry.id() });
            }
        }
        Ok(())
    }
}

impl Folder<'_> {
    fn get(&self, name: &str) -> Option<Found> {
        match self {
            Self::Small(tree) => tree.get_name(name).map(|entry| Found::of(&entry)),
            Self::Large(entries) => entries.get(name).copied(),
        }
    }
}

impl Found {
    fn of(entry: &git2::TreeEntry<'_>) -> Self {
        Self { kind: entry.kind(), id: entry.id(), mode: entry.filemode() }
    }
}

impl Touch {
    /// Tells who changed what when.
    pub(super) fn of(commit: &git2::Commit<'_>, before: Option<Oid>) -> Self {
        let author = commit.author();
        Self {
            commit: commit.id(),
            subject: plain(&String::from_utf8_lossy(commit.summary_bytes().unwrap_or_default())),
            author: plain(&String::from_utf8_lossy(author.name_bytes())),
            at: Timestamp(author.when().seconds().saturating_mul(1000)),
            before,
        }
    }
}

/// What anybody may have written, as one line.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !is_hidden(*c)).take(200).collect()
}

fn content_of(commit: &git2::Commit<'_>, path: &str) -> Option<Oid> {
    Some(commit.tree().ok()?.get_path(Path::new(path)).ok()?.id())
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Git itself writes trees with such names only when it is made to.
fn check(path: &str) -> Result<(), TreeError> {
    let refuse = |why| Err(TreeError::Path { path: path.to_owned(), why });
    if path.contains(['\0', '\\']) {
        return refuse("it has a NUL or a backslash");
    }
    match path.split('/').find(|part| ["", ".", ".."].contains(part)) {
        Some("") => refuse("it begins or ends with a slash, or has two in a row"),
        Some(_) => refuse("it has a part . or .."),
        None => Ok(()),
    }
}

/// A name of an entry, which Git's own tools would not have written with a slash.
fn check_name(name: &str, path: &str) -> Result<(), TreeError> {
    let refuse = |why| Err(TreeError::Path { path: path.to_owned(), why });
    match check(name) {
        Err(TreeError::Path { why, .. }) => refuse(why),
        _ if name.contains('/') => refuse("a name in it has a slash"),
        _ if name.eq_ignore_ascii_case(".git") => refuse("a name in it is .git"),
        other => other,
    }
}

fn refuse_links(path: &str, mode: i32) -> Result<(), TreeError> {
    let refuse = |what| Err(TreeError::NotFollowed { path: path.to_owned(), what });
    match mode {
        0o120_000 => refuse("a symbolic link"),
        0o160_000 => refuse("a submodule"),
        _ => Ok(()),
    }
}
