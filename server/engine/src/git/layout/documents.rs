//! YAML documents with the line of each value, as layouts and checks look at them. Edits have a reader of their own,
//! which proves; here it only decides what can be read at all.

use std::{collections::HashMap, rc::Rc};

use granit_parser as granit;

use crate::git::edit::{self, Limits, Scalar, Unreadable};

/// A value, and where it begins.
#[derive(Debug)]
pub(crate) struct Node {
    /// From 1.
    pub(crate) line: u32,
    pub(crate) value: Value,
}

/// What a node is; aliases are followed.
#[derive(Debug)]
pub(crate) enum Value {
    Scalar { text: String, quoted: bool },
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>),
}

/// A key of a mapping and what it holds.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: u32,
    pub(crate) node: Rc<Node>,
}

/// Reads all documents of a file; empty ones are left out.
///
/// # Errors
/// As [`edit::Tree::read`]: also where two readers of YAML do not see the same.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Rc<Node>>, Unreadable> {
    read_within(bytes, &Limits::default())
}

/// As [`read`], within limits.
pub(crate) fn read_within(bytes: &[u8], limits: &Limits) -> Result<Vec<Rc<Node>>, Unreadable> {
    edit::Tree::read(bytes, limits)?;
    // That it is UTF-8 and within the limits has just been shown.
    let text =
        std::str::from_utf8(bytes).map_err(|error| Unreadable::NotUtf8 { position: error.valid_up_to() })?;
    let mut options = granit::options! {};
    options.set_emit_comments(false);
    let mut builder = Builder::default();
    for event in granit::Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| Unreadable::Syntax {
            line: error.marker().line(),
            column: error.marker().col() + 1,
            reason: error.info().to_string().escape_debug().to_string(),
        })?;
        builder.take(event, u32::try_from(span.start.line()).unwrap_or(u32::MAX));
    }
    builder.documents.retain(|it| !it.is_null());
    Ok(builder.documents)
}

#[derive(Default)]
struct Builder {
    documents: Vec<Rc<Node>>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
}

struct Open {
    line: u32,
    anchor: usize,
    value: Value,
    key: Option<(String, u32)>,
}

impl Builder {
    fn take(&mut self, event: granit::Event<'_>, line: u32) {
        let open = |anchor, value| Open { line, anchor, value, key: None };
        match event {
            granit::Event::DocumentStart(..) => self.anchors.clear(),
            granit::Event::Scalar(text, style, anchor, _) => {
                let quoted = style != granit::ScalarStyle::Plain;
                self.add(anchor, line, Value::Scalar { text: text.into_owned(), quoted });
            }
            granit::Event::SequenceStart(_, anchor, _) => {
                self.open.push(open(anchor, Value::List(Vec::new())));
            }
            granit::Event::MappingStart(_, anchor, _) => {
                self.open.push(open(anchor, Value::Map(Vec::new())));
            }
            granit::Event::SequenceEnd | granit::Event::MappingEnd => {
                if let Some(Open { line, anchor, value, .. }) = self.open.pop() {
                    self.add(anchor, line, value);
                }
            }
            granit::Event::Alias(id) => {
                if let Some(node) = self.anchors.get(&id).cloned() {
                    self.put(node);
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, anchor: usize, line: u32, value: Value) {
        if let (Some(open), Value::Scalar { text, .. }) = (self.open.last_mut(), &value)
            && matches!(open.value, Value::Map(_))
            && open.key.is_none()
        {
            open.key = Some((text.clone(), line));
            return;
        }
        let node = Rc::new(Node { line, value });
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.put(node);
    }

    fn put(&mut self, node: Rc<Node>) {
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return;
        };
        match &mut open.value {
            Value::List(items) => items.push(node),
            Value::Map(entries) => {
                if let Some((key, line)) = open.key.take() {
                    entries.push(Entry { key, line, node });
                }
            }
            Value::Scalar { .. } => {}
        }
    }
}

impl Node {
    /// Returns the value of a key; keys that come by a merge (`<<`) count.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else { return None };
        if let Some(entry) = entries.iter().find(|it| it.key == key) {
            return Some(&entry.node);
        }
        let merge = entries.iter().find(|it| it.key == "<<")?;
        match &merge.node.value {
            Value::List(sources) => sources.iter().find_map(|source| source.get(key)),
            _ => merge.node.get(key),
        }
    }

    /// Follows keys.
    pub(crate) fn at(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Returns the elements of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Rc<Self>] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// Returns the entries of a mapping; none of anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns a single value as it is spelled; none for null and for lists and mappings.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// Returns the text of a key.
    pub(crate) fn text_at(&self, keys: &[&str]) -> Option<&str> {
        self.at(keys)?.text()
    }

    /// Whether it is a number or a truth value, for the want of quotes.
    pub(crate) fn is_typed(&self) -> bool {
        match &self.value {
            Value::Scalar { text, quoted: false } => {
                matches!(Scalar::of_plain(text), Scalar::Number(_) | Scalar::Bool(_))
            }
            _ => false,
        }
    }

    fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar { text, quoted: false } => Scalar::of_plain(text) == Scalar::Null,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_lines_and_merges_are_followed() {
        let text = "a: &x\n  b: 1\n---\n\n---\nc:\n  - &y {d: '2'}\n  - <<: *y\n    e: ~\n";
        let documents = read(text.as_bytes()).expect("reads");
        assert_eq!(documents.len(), 2);
        assert_eq!(documents[0].at(&["a", "b"]).map(|it| (it.line, it.is_typed())), Some((2, true)));
        let merged = &documents[1].get("c").expect("a list").items()[1];
        assert_eq!(merged.text_at(&["d"]), Some("2"));
        assert_eq!(merged.get("e").and_then(Node::text), None);
        assert_eq!(merged.line, 8);
    }

    #[test]
    fn a19_a_bomb_of_aliases_is_refused() {
        let mut text = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (name, before) in ('b'..='i').zip('a'..) {
            let aliases = vec![format!("*{before}"); 9].join(", ");
            text.push_str(&format!("{name}: &{name} [{aliases}]\n"));
        }
        assert!(matches!(read(text.as_bytes()), Err(Unreadable::Limit { .. })));
    }
}
