//! A file that is to be edited: its text, its values, and what stands around them.

use super::{
    Limits,
    error::{EditError, Reason, Unreadable},
    path::Field,
    reading,
    tree::{Content, Node, NodeId, Tree},
    value::Style,
};

/// A file that is to be edited.
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    pub(super) tree: Tree,
}

impl<'a> Source<'a> {
    pub(super) fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, Unreadable> {
        let text = reading::text_of(bytes, limits)?;
        Ok(Self { text, tree: Tree::read(bytes, limits)? })
    }

    pub(super) fn has_aliases(&self) -> bool {
        self.tree.nodes.iter().any(|it| matches!(it.content, Content::Alias(_)))
    }

    pub(super) fn refuse(&self, field: &Field, at: NodeId, reason: Reason) -> EditError {
        let place = &self.tree.nodes[at].place;
        EditError::Refused { field: field.clone(), line: place.line, column: place.column, reason }
    }

    pub(super) fn line_start(&self, at: usize) -> usize {
        let start = self.text[..at].rfind('\n').map_or(0, |it| it + 1);
        // A byte order mark is no part of the first line.
        if self.text[start..at].starts_with('\u{feff}') { start + '\u{feff}'.len_utf8() } else { start }
    }

    /// Behind the line's break, or at the end of the text.
    pub(super) fn line_end(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |it| at + it + 1)
    }

    pub(super) fn rest_of_line(&self, at: usize) -> &'a str {
        self.text[at..self.line_end(at)].trim()
    }

    /// The file's way to end lines.
    pub(super) fn line_break(&self) -> &'static str {
        match self.text.find('\n') {
            Some(at) if self.text[..at].ends_with('\r') => "\r\n",
            _ => "\n",
        }
    }

    /// What stands before a byte on its line, if that is only indentation.
    pub(super) fn indentation(&self, at: usize) -> Option<&'a str> {
        let before = &self.text[self.line_start(at)..at];
        before.bytes().all(|it| it == b' ' || it == b'\t').then_some(before)
    }

    /// Where a value ends: behind its last byte; where the last of it is absent, behind the colon.
    pub(super) fn end(&self, value: NodeId) -> usize {
        let last = self.last_of(value);
        let end = self.tree.nodes[last].place.span.end;
        if self.is_absent(last) && self.text[end..].starts_with(':') { end + 1 } else { end }
    }

    /// The last value within a value that is written in lines.
    fn last_of(&self, id: NodeId) -> NodeId {
        match &self.tree.nodes[id].content {
            Content::List { items, flow: false } => items.last().map_or(id, |it| self.last_of(*it)),
            Content::Map { entries, flow: false } => entries.last().map_or(id, |it| self.last_of(it.value)),
            _ => id,
        }
    }

    pub(super) fn is_absent(&self, id: NodeId) -> bool {
        let node = &self.tree.nodes[id];
        matches!(&node.content, Content::Scalar { style: Style::Plain, .. }) && node.place.span.is_empty()
    }

    pub(super) fn ends_in_block_text(&self, id: NodeId) -> bool {
        matches!(self.tree.nodes[self.last_of(id)].content, Content::Scalar { style: Style::Block, .. })
    }

    /// Whether an alias outside of a value uses an anchor inside.
    pub(super) fn is_used_elsewhere(&self, id: NodeId) -> bool {
        let inside = |it: NodeId| (self.first_of(id)..=id).contains(&it);
        let is_user = |(at, node): (NodeId, &Node)| match node.content {
            Content::Alias(target) => inside(target) && !inside(at),
            _ => false,
        };
        self.tree.nodes.iter().enumerate().any(is_user)
    }

    /// Nodes are numbered when they end, so those of a subtree follow each other.
    fn first_of(&self, id: NodeId) -> NodeId {
        match &self.tree.nodes[id].content {
            Content::List { items, .. } => items.first().map_or(id, |it| self.first_of(*it)),
            Content::Map { entries, .. } => entries.first().map_or(id, |it| self.first_of(it.value)),
            _ => id,
        }
    }
}
