//! The walk over a history: which watched files changed with which commit.

use std::{rc::Rc, sync::Arc};

use git2::{Oid, Repository};
use rustc_hash::FxHashMap;

use super::{ReleaseEntry, Series};
use crate::git::{
    edit::{self, Field, Image, Images, Limits, Step},
    layout::{Carrier, What},
    tree::{Touch, TreeError},
};

/// From this many entries on, the last content of a folder is kept: the next commit begins with it.
const LARGE: usize = 64;
/// Images of contents that are kept at once.
const MOST_CONTENTS: usize = 50_000;

/// A file that tells a version.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) path: String,
    pub(super) what: What,
    /// Its content where the walk is.
    content: Option<Oid>,
}

/// Commits from the oldest to the newest.
pub(super) struct History {
    commits: Vec<Oid>,
    /// The commit before them, if there is one.
    pub(super) before: Option<Oid>,
    /// Whether the one before was walked through already.
    is_continued: bool,
}

impl Watched {
    /// Watches what tells a version: other fields do not.
    pub(super) fn of(carrier: &Carrier) -> Option<Self> {
        let tells = match &carrier.what {
            What::Images => true,
            What::Field(field) => is_version(field) || is_image(field),
            What::File => false,
        };
        tells.then(|| Self { path: carrier.file.clone(), what: carrier.what.clone(), content: None })
    }
}

fn last_key(field: &Field) -> &str {
    match field.path.steps().last() {
        Some(Step::Key(key)) => key,
        _ => "",
    }
}

fn is_image(field: &Field) -> bool {
    last_key(field) == "image"
}

fn is_version(field: &Field) -> bool {
    let key = last_key(field).to_lowercase();
    ["tag", "version", "revision", "digest"].iter().any(|end| key.ends_with(end))
}

/// The version and the images that a place asks for.
type Asked = (Option<Arc<str>>, Arc<[Image]>);

/// Follows first parents back from a head, until a commit, the end or the limit.
pub(super) fn first_parents(
    repository: &Repository,
    head: Oid,
    until: Option<Oid>,
    limit: usize,
) -> Result<History, TreeError> {
    let revision = |reason| TreeError::Revision { revision: head.to_string(), reason };
    let mut commits = Vec::new();
    let mut next = Some(repository.find_commit(head).map_err(revision)?.id());
    while let Some(id) = next {
        if Some(id) == until || commits.len() == limit {
            break;
        }
        // A shallow clone ends here.
        let Ok(commit) = repository.find_commit(id) else {
            next = None;
            break;
        };
        commits.push(id);
        next = commit.parent_id(0).ok();
    }
    commits.reverse();
    let before = next.filter(|it| repository.find_commit(*it).is_ok());
    Ok(History { commits, before, is_continued: before.is_some() && before == until })
}

/// The watched files as a tree of names.
pub(super) struct Watch {
    nodes: Vec<Node>,
    /// The last content of large folders, by node.
    kept: FxHashMap<usize, (Oid, Rc<[u8]>)>,
    contents: FxHashMap<Oid, Option<Arc<[Image]>>>,
}

#[derive(Default)]
struct Node {
    children: FxHashMap<Box<[u8]>, usize>,
    /// Series and their watched files that are here.
    files: Vec<(usize, usize)>,
}

/// What is at a watched place: a folder or a file.
type At = Option<(bool, Oid)>;

impl Watch {
    pub(super) fn of<'s>(series: impl Iterator<Item = &'s [Watched]>) -> Self {
        let mut nodes = vec![Node::default()];
        for (at, watched) in series.enumerate() {
            for (index, it) in watched.iter().enumerate() {
                let mut node = 0;
                for part in it.path.split('/') {
                    let fresh = nodes.len();
                    node = *nodes[node].children.entry(part.as_bytes().into()).or_insert(fresh);
                    if node == fresh {
                        nodes.push(Node::default());
                    }
                }
                nodes[node].files.push((at, index));
            }
        }
        Self { nodes, kept: FxHashMap::default(), contents: FxHashMap::default() }
    }

    /// Goes through a history and gives each series what it asked for anew.
    pub(super) fn follow(
        &mut self,
        repository: &Repository,
        history: &History,
        series: &mut [Series],
        mut push: impl FnMut(&mut Series, ReleaseEntry),
    ) -> Result<(), TreeError> {
        let mut before: At = None;
        // What was there before the walk is the first that is known.
        for id in history.before.iter().chain(&history.commits) {
            let object = |reason| TreeError::Object { path: id.to_string(), reason };
            let commit = repository.find_commit(*id).map_err(object)?;
            let after = Some((true, commit.tree_id()));
            if before.is_none() && history.is_continued {
                before = after;
                continue;
            }
            let mut changed = Vec::new();
            self.compare(repository, 0, before, after, &mut changed)?;
            before = after;
            let mut touched: Vec<usize> = Vec::new();
            for (at, index, content) in changed {
                series[at].watched[index].content = content;
                touched.push(at);
            }
            touched.sort_unstable();
            touched.dedup();
            for at in touched {
                if let Some((version, images)) = self.asked(repository, &series[at].watched) {
                    let Touch { subject, author, at: moment, .. } = Touch::of(&commit, None);
                    let entry = ReleaseEntry {
                        version,
                        images,
                        commit: *id,
                        subject: subject.into(),
                        author: author.into(),
                        at: moment,
                    };
                    push(&mut series[at], entry);
                }
            }
        }
        Ok(())
    }

    fn compare(
        &mut self,
        repository: &Repository,
        node: usize,
        before: At,
        after: At,
        changed: &mut Vec<(usize, usize, Option<Oid>)>,
    ) -> Result<(), TreeError> {
        if before == after {
            return Ok(());
        }
        let content = after.and_then(|(is_folder, id)| (!is_folder).then_some(id));
        let was = before.and_then(|(is_folder, id)| (!is_folder).then_some(id));
        if content != was {
            changed.extend(self.nodes[node].files.iter().map(|(at, index)| (*at, *index, content)));
        }
        if self.nodes[node].children.is_empty() {
            return Ok(());
        }
        let folder = |at: At| at.and_then(|(is_folder, id)| is_folder.then_some(id));
        let old = self.folder(repository, node, folder(before))?;
        let new = self.folder(repository, node, folder(after))?;
        for (name, before, after) in differences(&old, &new) {
            if let Some(child) = self.nodes[node].children.get(name).copied() {
                self.compare(repository, child, before, after, changed)?;
            }
        }
        Ok(())
    }

    fn folder(
        &mut self,
        repository: &Repository,
        node: usize,
        id: Option<Oid>,
    ) -> Result<Rc<[u8]>, TreeError> {
        let Some(id) = id else { return Ok(Rc::from([])) };
        if let Some((_, bytes)) = self.kept.get(&node).filter(|(known, _)| *known == id) {
            return Ok(Rc::clone(bytes));
        }
        let object = |reason| TreeError::Object { path: id.to_string(), reason };
        let odb = repository.odb().map_err(object)?;
        let bytes: Rc<[u8]> = odb.read(id).map_err(object)?.data().into();
        if self.nodes[node].children.len() > LARGE {
            self.kept.insert(node, (id, Rc::clone(&bytes)));
        }
        Ok(bytes)
    }

    /// What the watched files of a place ask for; none where one of them cannot be read: then what was asked for stays.
    fn asked(&mut self, repository: &Repository, watched: &[Watched]) -> Option<Asked> {
        let (mut images, mut versions): (Vec<Arc<[Image]>>, Vec<String>) = (Vec::new(), Vec::new());
        for it in watched {
            let Some(id) = it.content else { continue };
            match &it.what {
                What::Images => images.push(self.images(repository, id)?),
                What::Field(field) => {
                    let Some(text) = text_of(repository, id, field)? else { continue };
                    if is_image(field) { images.push([image_of(&text)].into()) } else { versions.push(text) }
                }
                What::File => {}
            }
        }
        let images: Arc<[Image]> = match images.as_slice() {
            [one] => Arc::clone(one),
            several => several.iter().flat_map(|it| it.iter().cloned()).collect(),
        };
        let tag = images.iter().find_map(|it| it.new_tag.as_deref());
        let digest = images.iter().find_map(|it| it.digest.as_deref());
        let version = tag.or(digest).or_else(|| versions.first().map(String::as_str)).map(Arc::from);
        Some((version, images))
    }

    fn images(&mut self, repository: &Repository, id: Oid) -> Option<Arc<[Image]>> {
        if let Some(known) = self.contents.get(&id) {
            return known.clone();
        }
        let blob = content(repository, id);
        let images = blob.and_then(|bytes| Images::read(&bytes, &Limits::default()).ok());
        let images: Option<Arc<[Image]>> = images.map(|it| it.entries.into());
        if self.contents.len() >= MOST_CONTENTS {
            self.contents.clear();
        }
        self.contents.insert(id, images.clone());
        images
    }
}

/// Reads a single value of a content: none where the content cannot be read, none within where the field is absent.
fn text_of(repository: &Repository, id: Oid, field: &Field) -> Option<Option<String>> {
    let value = edit::read(&content(repository, id)?, field, &Limits::default()).ok()?;
    Some(value.and_then(|it| it.as_text().map(str::to_owned)))
}

/// Of a sane size, by its header: a file of images is small.
fn content(repository: &Repository, id: Oid) -> Option<Vec<u8>> {
    let (bytes, _) = repository.odb().ok()?.read_header(id).ok()?;
    if bytes > Limits::default().bytes {
        return None;
    }
    Some(repository.find_blob(id).ok()?.content().to_vec())
}

/// `registry:5000/team/web:1.4@sha256:…`
fn image_of(text: &str) -> Image {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest.to_owned())),
        None => (text, None),
    };
    let (name, tag) = match rest.rsplit_once(':') {
        // A colon before a slash is of a port.
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag.to_owned())),
        _ => (rest, None),
    };
    Image { name: name.to_owned(), new_name: None, new_tag: tag, digest }
}

/// The entries in which two folders differ, as Git stores them: mode, name and id, in one order. They are read in
/// lockstep, for a folder of thousands differs in one.
fn differences<'a>(old: &'a [u8], new: &'a [u8]) -> Vec<(&'a [u8], At, At)> {
    let (mut left, mut right) = (Entries(old), Entries(new));
    let (mut a, mut b) = (left.next(), right.next());
    let mut found = Vec::new();
    loop {
        match (&a, &b) {
            (None, None) => return found,
            (Some(x), Some(y)) if x.name == y.name && x.is_folder == y.is_folder => {
                if x.id != y.id {
                    found.push((x.name, x.at(), y.at()));
                }
                (a, b) = (left.next(), right.next());
            }
            (Some(x), y) if y.as_ref().is_none_or(|y| x.is_before(y)) => {
                found.push((x.name, x.at(), None));
                a = left.next();
            }
            (_, Some(y)) => {
                found.push((y.name, None, y.at()));
                b = right.next();
            }
            (Some(_), None) => return found,
        }
    }
}

/// The entries of a folder as Git stores it; ends where it is broken.
struct Entries<'a>(&'a [u8]);

struct Entry<'a> {
    is_folder: bool,
    name: &'a [u8],
    id: &'a [u8],
    is_followed: bool,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let space = self.0.iter().take(8).position(|it| *it == b' ')?;
        let (mode, rest) = (&self.0[..space], &self.0[space + 1..]);
        let end = rest.iter().position(|it| *it == 0)?;
        let id = rest.get(end + 1..end + 21)?;
        let name = &rest[..end];
        self.0 = &rest[end + 21..];
        let is_folder = mode == b"40000";
        // Links and submodules are never followed (A2).
        let is_followed = is_folder || mode.starts_with(b"100");
        Some(Entry { is_folder, name, id, is_followed })
    }
}

impl Entry<'_> {
    fn at(&self) -> At {
        if !self.is_followed {
            return None;
        }
        Some((self.is_folder, Oid::from_bytes(self.id).ok()?))
    }

    /// Git's order: the names of folders end with a slash.
    fn is_before(&self, other: &Self) -> bool {
        let key = |it: &Self| it.name.iter().copied().chain(it.is_folder.then_some(b'/')).collect::<Vec<_>>();
        key(self) < key(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_taken_apart() {
        let parts = |text: &str| {
            let it = image_of(text);
            (it.name, it.new_tag.unwrap_or_default(), it.digest.unwrap_or_default())
        };
        let all = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(parts("web"), all("web", "", ""));
        assert_eq!(parts("r:5000/team/web"), all("r:5000/team/web", "", ""));
        assert_eq!(parts("r:5000/web:1.4@sha256:ab"), all("r:5000/web", "1.4", "sha256:ab"));
    }

    #[test]
    fn a_file_that_becomes_a_folder_is_both_gone_and_new() {
        let entry = |mode: &str, name: &str, id: u8| {
            let mut bytes = format!("{mode} {name}\0").into_bytes();
            bytes.extend([id; 20]);
            bytes
        };
        let old = [entry("100644", "a", 1), entry("100644", "b", 1), entry("100644", "b.c", 1)].concat();
        let new = [entry("100644", "a", 1), entry("100644", "b.c", 2), entry("40000", "b", 3)].concat();
        let names: Vec<_> = differences(&old, &new)
            .into_iter()
            .map(|(name, before, after)| (name.to_vec(), before.is_some(), after.is_some()))
            .collect();
        assert_eq!(
            names,
            [(b"b".to_vec(), true, false), (b"b.c".to_vec(), true, true), (b"b".to_vec(), false, true)]
        );
    }
}
