//! A YAML stream as values with their places, and how two of them differ.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use super::{
    Limits,
    error::Unreadable,
    path::{Path, Step},
    reading,
    value::{Style, Value},
};

/// The values of a YAML stream.
///
/// Aliases are followed where values are compared; a merge (`<<`) counts as a key like any other there.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) documents: Vec<NodeId>,
}

pub(super) type NodeId = usize;

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) content: Content,
    pub(super) place: Place,
    /// How many nodes it is with aliases expanded, itself included.
    size: usize,
    /// How many levels it has with aliases expanded.
    height: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Scalar { text: String, style: Style, tag: Option<String> },
    List { items: Vec<NodeId>, flow: bool },
    Map { entries: Vec<Entry>, flow: bool },
    Alias(NodeId),
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_style: Style,
    pub(super) key_place: Place,
    pub(super) value: NodeId,
}

/// Where a node is in the text.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    /// The bytes of a scalar, an alias or a flow collection; of a block collection only the start counts.
    pub(super) span: Range<usize>,
    /// Where its anchor or tag begins, if it has one, else the start of the span.
    pub(super) outset: usize,
    /// From 1.
    pub(super) line: usize,
    /// From 1, in characters.
    pub(super) column: usize,
}

/// A difference of one value. A change of a list or mapping is told by what is in it; it is itself named only where it
/// is empty, or where it takes or loses the place of a single value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// From 0.
    pub document: usize,
    /// Keys and indexes only.
    pub path: Path,
    /// None where it is absent.
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// Compares two streams field by field: documents and elements of lists by position, keys by name.
///
/// The order is that of `before`, with what is new in a mapping after what was there.
pub fn difference(before: &Tree, after: &Tree) -> Vec<Change> {
    let mut walk = Walk { before, after, document: 0, path: Vec::new(), changes: Vec::new() };
    for document in 0..before.documents.len().max(after.documents.len()) {
        walk.document = document;
        walk.compare(before.documents.get(document).copied(), after.documents.get(document).copied());
    }
    walk.changes
}

/// What is gone where a value is removed.
pub(super) fn removal<'a>(tree: &'a Tree, document: usize, path: &'a Path, id: NodeId) -> Vec<Change> {
    let nothing = Tree::default();
    let at = |step: &'a Step| match step {
        Step::Key(key) => Some(At::Key(key.as_str())),
        Step::Index(index) => Some(At::Index(*index)),
        Step::Where { .. } => None,
    };
    let path = path.steps().iter().filter_map(at).collect();
    let mut walk = Walk { before: tree, after: &nothing, document, path, changes: Vec::new() };
    walk.compare(Some(id), None);
    walk.changes
}

impl Tree {
    /// Reads a YAML stream, by two parsers.
    ///
    /// # Errors
    /// What is no YAML or beyond the limits; keys that are there twice or are no single values; what the two parsers do
    /// not agree on, for there a person may see something else than what is deployed.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, Unreadable> {
        let text = reading::text_of(bytes, limits)?;
        let tree = reading::tree_of(text, limits)?;
        let other = reading::second_opinion(text, limits)?;
        match difference(&tree, &other).into_iter().next() {
            None => Ok(tree),
            Some(change) => {
                let (line, column) = tree.nearest(change.document, &change.path);
                Err(Unreadable::Ambiguous { line, column, change: Box::new(change) })
            }
        }
    }

    /// Returns how many documents there are, empty ones included.
    pub fn documents(&self) -> usize {
        self.documents.len()
    }

    /// Returns what it consists of, in its order, as changes from nothing.
    pub fn leaves(&self) -> Vec<Change> {
        difference(&Self::default(), self)
    }

    /// Follows an alias.
    pub(super) fn target(&self, id: NodeId) -> NodeId {
        match self.nodes[id].content {
            Content::Alias(target) => target,
            _ => id,
        }
    }

    /// Where a value is, or the last there is on the way to it.
    fn nearest(&self, document: usize, path: &Path) -> (usize, usize) {
        let mut at = self.documents.get(document).copied();
        let mut place = (1, 1);
        for step in std::iter::once(None).chain(path.steps().iter().map(Some)) {
            at = at.and_then(|id| match (step, &self.nodes[self.target(id)].content) {
                (None, _) => Some(id),
                (Some(Step::Key(key)), Content::Map { entries, .. }) => {
                    entries.iter().find(|it| it.key == *key).map(|it| it.value)
                }
                (Some(Step::Index(index)), Content::List { items, .. }) => items.get(*index).copied(),
                _ => None,
            });
            place = at.map_or(place, |id| (self.nodes[id].place.line, self.nodes[id].place.column));
        }
        place
    }

    pub(super) fn value(&self, id: NodeId) -> Value {
        match &self.nodes[self.target(id)].content {
            Content::Scalar { text, style, tag } => Value::of(text, *style, tag.as_deref()),
            Content::List { items, .. } => Value::List(items.len()),
            Content::Map { entries, .. } => Value::Map(entries.len()),
            // An alias never points to an alias.
            Content::Alias(_) => Value::Scalar(super::Scalar::Null),
        }
    }

    /// Returns a single value as it is spelled, quotes and escapes resolved; none for null.
    pub(super) fn text(&self, id: NodeId) -> Option<&str> {
        match &self.nodes[self.target(id)].content {
            Content::Scalar { text, .. } if self.value(id) != Value::Scalar(super::Scalar::Null) => {
                Some(text)
            }
            _ => None,
        }
    }
}

struct Walk<'a> {
    before: &'a Tree,
    after: &'a Tree,
    document: usize,
    path: Vec<At<'a>>,
    changes: Vec<Change>,
}

#[derive(Clone, Copy)]
enum At<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> Walk<'a> {
    fn compare(&mut self, before: Option<NodeId>, after: Option<NodeId>) {
        let before = before.map(|it| self.before.target(it));
        let after = after.map(|it| self.after.target(it));
        let (left, right) = (self.before, self.after);
        let left = before.map(|it| &left.nodes[it].content);
        let right = after.map(|it| &right.nodes[it].content);
        self.compare_inside(left, right);
        let before_value = before.map(|it| self.before.value(it));
        let after_value = after.map(|it| self.after.value(it));
        let is_told = match (&before_value, &after_value) {
            (Some(Value::List(_)), Some(Value::List(_))) | (Some(Value::Map(_)), Some(Value::Map(_))) => true,
            (None, Some(Value::List(length) | Value::Map(length)))
            | (Some(Value::List(length) | Value::Map(length)), None) => *length > 0,
            (before, after) => before == after,
        };
        if !is_told {
            self.push(before_value, after_value);
        }
    }

    fn compare_inside(&mut self, left: Option<&'a Content>, right: Option<&'a Content>) {
        let items = |content: Option<&'a Content>| match content {
            Some(Content::List { items, .. }) => items.as_slice(),
            _ => &[],
        };
        let (old, new) = (items(left), items(right));
        for index in 0..old.len().max(new.len()) {
            self.step(At::Index(index), old.get(index).copied(), new.get(index).copied());
        }
        let entries = |content: Option<&'a Content>| match content {
            Some(Content::Map { entries, .. }) => entries.as_slice(),
            _ => &[],
        };
        self.compare_entries(entries(left), entries(right));
    }

    fn compare_entries(&mut self, old: &'a [Entry], new: &'a [Entry]) {
        let same = old.iter().zip(new).take_while(|(old, new)| old.key == new.key).count();
        for (old, new) in old.iter().zip(new).take(same) {
            self.step(At::Key(&old.key), Some(old.value), Some(new.value));
        }
        let mut rest: HashMap<&str, NodeId> =
            new[same..].iter().map(|it| (it.key.as_str(), it.value)).collect();
        for old in &old[same..] {
            self.step(At::Key(&old.key), Some(old.value), rest.remove(old.key.as_str()));
        }
        for new in &new[same..] {
            if rest.contains_key(new.key.as_str()) {
                self.step(At::Key(&new.key), None, Some(new.value));
            }
        }
    }

    fn step(&mut self, at: At<'a>, before: Option<NodeId>, after: Option<NodeId>) {
        self.path.push(at);
        self.compare(before, after);
        self.path.pop();
    }

    fn push(&mut self, before: Option<Value>, after: Option<Value>) {
        let step = |at: &At<'a>| match at {
            At::Key(key) => Step::Key((*key).to_owned()),
            At::Index(index) => Step::Index(*index),
        };
        let path = self.path.iter().map(step).collect();
        self.changes.push(Change { document: self.document, path, before, after });
    }
}

/// Makes a tree of what a parser says, within limits.
pub(super) struct Builder<'a> {
    tree: Tree,
    open: Vec<Open>,
    /// From the parser's anchor to the node, none while that is open.
    anchors: HashMap<usize, Option<NodeId>>,
    aliases: usize,
    /// The size of the documents before this one.
    closed: usize,
    limits: &'a Limits,
}

struct Open {
    list: bool,
    flow: bool,
    place: Place,
    anchor: Option<usize>,
    items: Vec<NodeId>,
    entries: Vec<Entry>,
    key: Option<(String, Style, Place)>,
    size: usize,
    height: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        Self {
            tree: Tree::default(),
            open: Vec::new(),
            anchors: HashMap::new(),
            aliases: 0,
            closed: 0,
            limits,
        }
    }

    pub(super) fn finish(self) -> Tree {
        self.tree
    }

    /// Names hold within one document.
    pub(super) fn document(&mut self) {
        self.anchors.clear();
    }

    pub(super) fn scalar(
        &mut self,
        text: String,
        style: Style,
        tag: Option<String>,
        anchor: Option<usize>,
        place: Place,
    ) -> Result<(), Unreadable> {
        if let Some(open) = self.open.last_mut()
            && !open.list
            && open.key.is_none()
        {
            open.key = Some((text, style, place));
            return Ok(());
        }
        self.add(Content::Scalar { text, style, tag }, anchor, place, 1, 1)
    }

    pub(super) fn start(
        &mut self,
        list: bool,
        flow: bool,
        anchor: Option<usize>,
        place: Place,
    ) -> Result<(), Unreadable> {
        if self.wants_key() {
            return Err(Unreadable::ComplexKey { line: place.line, column: place.column });
        }
        if self.open.len() >= self.limits.depth {
            return Err(limit(&place, "the levels", self.limits.depth));
        }
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, None);
        }
        let (items, entries) = (Vec::new(), Vec::new());
        self.open.push(Open { list, flow, place, anchor, items, entries, key: None, size: 1, height: 1 });
        Ok(())
    }

    pub(super) fn end(&mut self, end: usize) -> Result<(), Unreadable> {
        let Some(mut open) = self.open.pop() else { return Ok(()) };
        let content = if open.list {
            Content::List { items: open.items, flow: open.flow }
        } else {
            refuse_duplicates(&open.entries)?;
            Content::Map { entries: open.entries, flow: open.flow }
        };
        if open.flow {
            open.place.span.end = end;
        }
        self.add(content, open.anchor, open.place, open.size, open.height)
    }

    pub(super) fn alias(&mut self, anchor: usize, place: Place) -> Result<(), Unreadable> {
        if self.wants_key() {
            return Err(Unreadable::ComplexKey { line: place.line, column: place.column });
        }
        self.aliases += 1;
        if self.aliases > self.limits.aliases {
            return Err(limit(&place, "the aliases", self.limits.aliases));
        }
        let (line, column) = (place.line, place.column);
        let target = match self.anchors.get(&anchor) {
            Some(Some(target)) => *target,
            Some(None) => return Err(Unreadable::Cycle { line, column }),
            None => {
                let reason = "an alias names nothing that stands before it as a value".to_owned();
                return Err(Unreadable::Syntax { line, column, reason });
            }
        };
        let node = &self.tree.nodes[target];
        let (size, height) = (node.size, node.height);
        self.add(Content::Alias(target), None, place, size, height)
    }

    fn wants_key(&self) -> bool {
        self.open.last().is_some_and(|it| !it.list && it.key.is_none())
    }

    fn add(
        &mut self,
        content: Content,
        anchor: Option<usize>,
        place: Place,
        size: usize,
        height: usize,
    ) -> Result<(), Unreadable> {
        if size.saturating_add(self.closed) > self.limits.nodes || self.tree.nodes.len() >= self.limits.nodes
        {
            return Err(limit(&place, "the values, aliases expanded,", self.limits.nodes));
        }
        if self.open.len() + height > self.limits.depth + 1 {
            return Err(limit(&place, "the levels, aliases expanded,", self.limits.depth));
        }
        let id = self.tree.nodes.len();
        self.tree.nodes.push(Node { content, place, size, height });
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, Some(id));
        }
        let Some(open) = self.open.last_mut() else {
            self.tree.documents.push(id);
            self.closed += size;
            return Ok(());
        };
        open.size = open.size.saturating_add(size);
        open.height = open.height.max(height + 1);
        match open.key.take() {
            _ if open.list => open.items.push(id),
            Some((key, key_style, key_place)) => {
                open.entries.push(Entry { key, key_style, key_place, value: id });
            }
            None => {}
        }
        Ok(())
    }
}

fn limit(place: &Place, what: &'static str, limit: usize) -> Unreadable {
    Unreadable::Limit { line: place.line, column: place.column, what, limit }
}

fn refuse_duplicates(entries: &[Entry]) -> Result<(), Unreadable> {
    let mut seen = HashSet::with_capacity(entries.len());
    for entry in entries {
        if !seen.insert(entry.key.as_str()) {
            let Place { line, column, .. } = entry.key_place;
            return Err(Unreadable::DuplicateKey { line, column, key: entry.key.clone() });
        }
    }
    Ok(())
}
