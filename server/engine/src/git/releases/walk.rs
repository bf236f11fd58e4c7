//! The walk over a history: which watched files changed with which commit.

mod entries;

use std::{rc::Rc, sync::Arc};

use git2::{Oid, Repository};
use rustc_hash::FxHashMap;

use self::entries::{Listing, differences};
use super::{ReleaseEntry, Series};
use crate::git::{
    chronicle::Chronicle,
    edit::{self, Field, Glance, Image, Limits, Step},
    layout::{Carrier, What},
    tree::{Touch, TreeError},
};

/// Images of contents that are kept at once.
const MOST_CONTENTS: usize = 50_000;

/// A file that is watched.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) path: String,
    pub(super) what: What,
    /// Whether it tells a version; of the others it is only noted when they changed.
    tells: bool,
    /// Its content where the walk is.
    content: Option<Oid>,
}

/// Commits from the oldest to the newest, each with the id of its files.
pub(super) struct History {
    commits: Vec<(Oid, Oid)>,
    /// The commit before them, if there is one.
    pub(super) before: Option<Oid>,
    /// Whether the one before was walked through already.
    is_continued: bool,
}

impl Watched {
    /// Watches what travels.
    pub(super) fn of(carrier: &Carrier) -> Self {
        let tells = match &carrier.what {
            What::Images => true,
            What::Field(field) => is_version(field) || is_image(field),
            What::File => false,
        };
        Self { path: carrier.file.clone(), what: carrier.what.clone(), tells, content: None }
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
        commits.push((id, commit.tree_id()));
        next = commit.parent_id(0).ok();
    }
    commits.reverse();
    let before = next.filter(|it| repository.find_commit(*it).is_ok());
    Ok(History { commits, before, is_continued: before.is_some() && before == until })
}

/// The watched files as a tree of names.
pub(super) struct Watch {
    nodes: Vec<Node>,
    /// The last content of each folder, by node: the next commit begins with it.
    kept: FxHashMap<usize, (Oid, Rc<Listing>)>,
    contents: FxHashMap<Oid, Option<Arc<[Image]>>>,
    /// What was read last, by path: the next content mostly differs in one value.
    glances: FxHashMap<String, Glance>,
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
        Self {
            nodes,
            kept: FxHashMap::default(),
            contents: FxHashMap::default(),
            glances: FxHashMap::default(),
        }
    }

    /// Goes through a history, gives each series what it asked for anew, and notes what changed.
    pub(super) fn follow(
        &mut self,
        repository: &Repository,
        history: &History,
        (series, chronicle): (&mut [Series], &mut Chronicle),
        mut push: impl FnMut(&mut Series, ReleaseEntry),
    ) -> Result<(), TreeError> {
        chronicle.watch(series.iter().flat_map(|it| &it.watched).map(|it| it.path.as_str()));
        let mut before: At = None;
        // What was there before the walk is the first that is known.
        let first = match history.before {
            Some(id) => {
                let object = |reason| TreeError::Object { path: id.to_string(), reason };
                Some((id, repository.find_commit(id).map_err(object)?.tree_id()))
            }
            None => None,
        };
        for (id, root) in first.iter().chain(&history.commits) {
            let after = Some((true, *root));
            if before.is_none() && history.is_continued {
                before = after;
                continue;
            }
            chronicle.commit(*id, Some(*id) != history.before);
            let mut changed = Vec::new();
            self.compare(repository, 0, before, after, &mut changed)?;
            before = after;
            let mut touched: Vec<usize> = Vec::new();
            for (at, index, content) in changed {
                let watched = &mut series[at].watched[index];
                watched.content = content;
                chronicle.touch(&watched.path, content);
                if watched.tells {
                    touched.push(at);
                }
            }
            touched.sort_unstable();
            touched.dedup();
            for at in touched {
                if let Some((version, images)) = self.asked(repository, &series[at].watched) {
                    let object = |reason| TreeError::Object { path: id.to_string(), reason };
                    let commit = repository.find_commit(*id).map_err(object)?;
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
    ) -> Result<Rc<Listing>, TreeError> {
        let Some(id) = id else { return Ok(Rc::default()) };
        let kept = self.kept.get(&node);
        if let Some((_, listing)) = kept.filter(|(known, _)| *known == id) {
            return Ok(Rc::clone(listing));
        }
        let object = |reason| TreeError::Object { path: id.to_string(), reason };
        let odb = repository.odb().map_err(object)?;
        let object = odb.read(id).map_err(object)?;
        let listing = Rc::new(Listing::read(object.data(), kept.map(|(_, it)| it.as_ref())));
        self.kept.insert(node, (id, Rc::clone(&listing)));
        Ok(listing)
    }

    /// What the watched files of a place ask for; none where one of them cannot be read: then what was asked for stays.
    fn asked(&mut self, repository: &Repository, watched: &[Watched]) -> Option<Asked> {
        let (mut images, mut versions): (Vec<Arc<[Image]>>, Vec<String>) = (Vec::new(), Vec::new());
        for it in watched.iter().filter(|it| it.tells) {
            let Some(id) = it.content else { continue };
            match &it.what {
                What::Images => images.push(self.images(repository, &it.path, id)?),
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

    fn images(&mut self, repository: &Repository, path: &str, id: Oid) -> Option<Arc<[Image]>> {
        if let Some(known) = self.contents.get(&id) {
            return known.clone();
        }
        let limits = Limits::default();
        let glance = content(repository, id).and_then(|bytes| {
            let again = self.glances.get(path).and_then(|it| it.again(&bytes, &limits));
            again.or_else(|| Glance::read(bytes, &limits).ok())
        });
        let images = glance.as_ref().map(|it| Arc::clone(it.entries()));
        if let Some(glance) = glance {
            self.glances.insert(path.to_owned(), glance);
        }
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
}
