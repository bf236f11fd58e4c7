//! Minimal, proven edits of YAML files: what a promotion or a rollback writes.
//!
//! An edit replaces, inserts or removes the bytes of its field and no others. Before anything is returned, the new file
//! is read as the old one was: by two parsers that share no code, which must agree on all of it. It must differ from
//! the old one in the intended values alone, types included. An edit that cannot be made so is refused with the reason
//! (rule R6).
//!
//! One choice: where a field means several entries, e.g. an image that is listed twice, all of them are edited if they
//! hold the same value, and none if they differ. kustomize applies every entry in order, each to what the one before
//! left: the last one wins, unless an earlier one gave a `newName`, after which the later ones no longer match (tried with
//! 5.8). Which of several different ones was meant is not ours to guess.

mod diff;
mod error;
mod glance;
mod images;
mod locate;
mod path;
mod reading;
mod source;
mod splices;
mod tree;
mod value;

pub use diff::unified_diff;
pub use error::{EditError, Reason, Unreadable};
pub use glance::Glance;
pub use images::{Identity, Image, Images, NewName, Unquoted, promote};
pub use path::{Document, Field, Path, PathError, Step};
pub use tree::{Change, Tree, difference};
pub use value::{Scalar, Value};

use source::Source;
use splices::Splices;

/// What a file may be at most.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    pub bytes: usize,
    /// Levels of nesting, aliases expanded.
    pub depth: usize,
    /// Values, aliases expanded.
    pub nodes: usize,
    pub aliases: usize,
}

/// One change of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Edit {
    /// Sets a single value that is there, or is missing in a mapping that is there.
    ///
    /// Quotes are kept where the new value can stand in them. A text that would turn into something else without
    /// quotes gets them; a number stays plain.
    Set { field: Field, value: Scalar },
    /// Removes a key with its value and the comment on its line; nothing where it is absent.
    Remove { field: Field },
    /// Adds a mapping at the end of a list. The list may be empty, null, or missing in a mapping that is there.
    Append { field: Field, entry: Vec<(String, Scalar)> },
}

/// What came of edits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Edited {
    /// The new file; the old one's bytes where nothing had to change.
    pub bytes: Vec<u8>,
    /// How its values differ from those before: proven, and what was intended.
    pub changes: Vec<Change>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 5_000_000, depth: 64, nodes: 500_000, aliases: 1_000 }
    }
}

impl Edit {
    /// Returns what it edits.
    pub fn field(&self) -> &Field {
        match self {
            Self::Set { field, .. } | Self::Remove { field } | Self::Append { field, .. } => field,
        }
    }
}

/// Makes all the edits, or none. They are found in the file as it is given, so no two may concern one field.
///
/// # Errors
/// What cannot be read, found, edited or proven; the text says why and what to do.
pub fn apply(bytes: &[u8], edits: &[Edit], limits: &Limits) -> Result<Edited, EditError> {
    apply_to(&Source::read(bytes, limits)?, edits, limits)
}

fn apply_to(source: &Source<'_>, edits: &[Edit], limits: &Limits) -> Result<Edited, EditError> {
    let mut splices = Splices::default();
    for edit in edits {
        splices.add(source, edit)?;
    }
    if splices.is_empty() {
        return Ok(Edited { bytes: source.text.as_bytes().to_vec(), changes: Vec::new() });
    }
    let text = splices.carry_out(source)?;
    let changes = prove(source, &splices, &text, limits)?;
    Ok(Edited { bytes: text.into_bytes(), changes })
}

/// Reads one field, aliases and merges followed; none where it is absent.
///
/// # Errors
/// What cannot be read; entries that match alike with different values.
pub fn read(bytes: &[u8], field: &Field, limits: &Limits) -> Result<Option<Value>, EditError> {
    let tree = Tree::read(bytes, limits)?;
    let hits = match tree.find(field) {
        Err(EditError::NotFound { .. }) => return Ok(None),
        other => other?,
    };
    let values: Vec<_> = hits.iter().map(|hit| hit.node.map(|it| tree.value(it))).collect();
    same(field, &values)
}

/// Returns the value that all entries have.
fn same(field: &Field, values: &[Option<Value>]) -> Result<Option<Value>, EditError> {
    match values {
        [first, rest @ ..] if rest.iter().any(|it| it != first) => {
            let shown =
                |it: &Option<Value>| it.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
            let values: Vec<_> = values.iter().map(shown).collect();
            let (count, values) = (values.len(), values.join(", "));
            Err(EditError::Several { field: field.clone(), count, values })
        }
        [first, ..] => Ok(first.clone()),
        [] => Ok(None),
    }
}

/// Reads the new file as the old one was read, and compares.
fn prove(
    source: &Source<'_>,
    splices: &Splices,
    text: &str,
    limits: &Limits,
) -> Result<Vec<Change>, EditError> {
    let after = Tree::read(text.as_bytes(), limits).map_err(EditError::Broken)?;
    let changes = difference(&source.tree, &after);
    if let Some(change) = changes.iter().find(|it| !splices.intends(it)) {
        let hint = if source.has_aliases() { " (an anchor may share its value with others)" } else { "" };
        return Err(EditError::Unproven { change: Box::new(change.clone()), hint });
    }
    if let Some(change) = splices.intended().find(|it| !changes.contains(it)) {
        return Err(EditError::WithoutEffect { change: Box::new(change.clone()) });
    }
    Ok(changes)
}

#[cfg(test)]
mod tests;
