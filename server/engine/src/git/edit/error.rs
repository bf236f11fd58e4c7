//! Why a file cannot be read, or an edit not be made.

use super::{path::Field, tree::Change, value::Value};

/// Why a file cannot be read. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unreadable {
    #[error("the file has {bytes} bytes, more than the {limit} that are read; split it, or raise the limit")]
    TooLarge { bytes: usize, limit: usize },
    #[error("the file is not UTF-8: the byte at position {position} does not belong there; save it as UTF-8")]
    NotUtf8 { position: usize },
    #[error("line {line}, column {column}: this is no YAML ({reason}); correct the file")]
    Syntax { line: usize, column: usize, reason: String },
    #[error(
        "line {line}, column {column}: {what} exceed the limit of {limit}; simplify the file, or raise the limit"
    )]
    Limit { line: usize, column: usize, what: &'static str, limit: usize },
    #[error("line {line}, column {column}: the key {key:?} stands here a second time; remove one of them")]
    DuplicateKey { line: usize, column: usize, key: String },
    #[error(
        "line {line}, column {column}: a key that is not a single value is not supported; edit the file by hand"
    )]
    ComplexKey { line: usize, column: usize },
    #[error("line {line}, column {column}: an alias points to what contains it; correct the file")]
    Cycle { line: usize, column: usize },
    /// Before is what one reader sees, after what the other.
    #[error(
        "line {line}, column {column}: readers of YAML differ about {}: for one it is {}, for kustomize and Helm {}; \
         write it less ambiguously",
        change.path, shown(&change.before), shown(&change.after)
    )]
    Ambiguous { line: usize, column: usize, change: Box<Change> },
}

/// Why an edit was not made. Nothing has changed then.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EditError {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The file has not the document that is meant, or several.
    #[error("{found} documents of the file are {wanted}, where one is needed; say which document is meant")]
    Document { wanted: String, found: usize },
    #[error("{field} is not in the file: {reason}; check the path, or add the field by hand first")]
    NotFound { field: Field, reason: String },
    #[error("{field} is {value}, which kustomize does not take there; correct the file")]
    Unexpected { field: Field, value: Value },
    #[error("the image {name:?} cannot be set: {reason}")]
    Identity { name: String, reason: &'static str },
    /// Entries that match alike, but hold different values.
    #[error(
        "{field} is in the file {count} times with different values ({values}); make them equal, or remove all but one"
    )]
    Several { field: Field, count: usize, values: String },
    #[error("line {line}, column {column}: {field} cannot be edited: {reason}")]
    Refused { field: Field, line: usize, column: usize, reason: Reason },
    #[error("two of the edits concern {field}; make them one after the other")]
    Overlap { field: Field },
    /// The proof failed: something else would change, too, or the wrong thing.
    #[error(
        "the edit would also change {} from {} to {}{hint}; edit the file by hand",
        change.path, shown(&change.before), shown(&change.after)
    )]
    Unproven { change: Box<Change>, hint: &'static str },
    /// The proof failed: what was intended did not come about.
    #[error(
        "the edit would not make {} of {}; edit the file by hand",
        shown(&change.after), change.path
    )]
    WithoutEffect { change: Box<Change> },
    /// The proof failed: the file could not be read afterwards.
    #[error("after the edit the file could not be read again ({0}); edit it by hand")]
    Broken(#[source] Unreadable),
}

/// What stands in the way of an edit, and what to do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Reason {
    #[error("its value is an alias, so the edit would change others, too; write the value out here first")]
    Alias,
    #[error(
        "it comes from a merge (<<), so the edit would change others, too; write the field out here first"
    )]
    Merge,
    #[error("it is {0}, not a single value; edit it by hand")]
    NotScalar(Value),
    #[error("it is a block text (| or >); edit it by hand")]
    Block,
    #[error("its tag {0:?} says how it is to be read; edit it by hand")]
    Tag(String),
    #[error("{0:?} is not a number as YAML knows it; give it as a text")]
    NotNumber(String),
    #[error("it is not a list; edit it by hand")]
    NotList,
    #[error("an alias elsewhere uses what it defines; write that out there first")]
    Anchored,
    #[error("it is the only field there, and nothing would be left; edit the file by hand")]
    LastKey,
    #[error("a comment stands between it and its neighbour; edit it by hand")]
    Comment,
    #[error("it is written in a way that is not edited here ({0}); edit it by hand")]
    Layout(&'static str),
}

fn shown(value: &Option<Value>) -> String {
    value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string)
}
