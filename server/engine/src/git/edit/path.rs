//! Places in a YAML file as people write them: `image.tag`, `a.b[0].c`, `images[name=ghcr.io/x/y].newTag`, `"a.b".c`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A way from the root of a document to a value.
///
/// As text: keys joined by dots, `[0]` for an element of a list, `[key=value]` for the elements of a list whose key has
/// that value, `.` alone for the root. A key with a dot, a bracket, a quote or a space stands in double quotes, where
/// `\"`, `\\`, `\n`, `\r`, `\t` and `\u{hex}` are known. What is displayed reads back as the same path, on one line.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Path(Vec<Step>);

/// One step of a path.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Step {
    /// The value of a key of a mapping.
    Key(String),
    /// An element of a list, from 0.
    Index(usize),
    /// The elements of a list that are mappings whose `key` has this value, compared as it is spelled.
    Where { key: String, value: String },
}

/// Where a value is: in which document of a file, and where there.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Field {
    pub document: Document,
    pub path: Path,
}

/// Which document of a stream.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Document {
    /// The only one that is not empty; a file with several is refused.
    #[default]
    Only,
    /// By position, from 0; empty documents count.
    Index(usize),
    /// The one where each of these paths has this text, e.g. `kind` is Application and `metadata.name` is web-app.
    Where(Vec<(Path, String)>),
}

/// A text that is no path.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{text:?} is no path: {reason} at character {at}; write it like image.tag, a[0].b or images[name=x].newTag"
)]
pub struct PathError {
    pub text: String,
    /// From 1.
    pub at: usize,
    pub reason: &'static str,
}

impl Path {
    /// Returns the path that ends where it begins.
    pub fn root() -> Self {
        Self::default()
    }

    /// Returns its steps, from the root on.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Goes on to the value of a key.
    #[must_use]
    pub fn key(self, key: impl Into<String>) -> Self {
        self.step(Step::Key(key.into()))
    }

    /// Goes on to an element of a list, from 0.
    #[must_use]
    pub fn index(self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    /// Goes on to the elements of a list whose `key` has this value.
    #[must_use]
    pub fn element(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.step(Step::Where { key: key.into(), value: value.into() })
    }

    /// Goes on by a step.
    #[must_use]
    pub fn step(mut self, step: Step) -> Self {
        self.0.push(step);
        self
    }
}

impl Field {
    /// Returns the field at `path` of a file with one document.
    pub fn new(path: Path) -> Self {
        Self { document: Document::Only, path }
    }
}

impl Document {
    /// Returns the predicate for a Kubernetes object.
    pub fn of_object(kind: &str, name: &str) -> Self {
        let kind = (Path::root().key("kind"), kind.to_owned());
        Self::Where(vec![kind, (Path::root().key("metadata").key("name"), name.to_owned())])
    }
}

impl From<Path> for Field {
    fn from(path: Path) -> Self {
        Self::new(path)
    }
}

impl FromIterator<Step> for Path {
    fn from_iter<T: IntoIterator<Item = Step>>(steps: T) -> Self {
        Self(steps.into_iter().collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(".");
        }
        for (position, step) in self.0.iter().enumerate() {
            if position > 0 && matches!(step, Step::Key(_)) {
                f.write_str(".")?;
            }
            step.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write_word(f, key, is_bare_key(key)),
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Where { key, value } => {
                f.write_str("[")?;
                write_word(f, key, is_bare_key(key))?;
                f.write_str("=")?;
                write_word(f, value, is_bare_value(value))?;
                f.write_str("]")
            }
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.document {
            Document::Only => write!(f, "{}", self.path),
            other => write!(f, "{} of {other}", self.path),
        }
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Only => f.write_str("the only document"),
            Self::Index(index) => write!(f, "document {}", index + 1),
            Self::Where(conditions) => {
                f.write_str("the document with")?;
                for (position, (path, text)) in conditions.iter().enumerate() {
                    write!(f, "{} {path} {text:?}", if position > 0 { "," } else { "" })?;
                }
                Ok(())
            }
        }
    }
}

impl From<Path> for String {
    fn from(path: Path) -> Self {
        path.to_string()
    }
}

impl TryFrom<String> for Path {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        text.parse()
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if text == "." {
            return Ok(Self::root());
        }
        let mut reader = Reader { text, at: 0 };
        let mut steps = Vec::new();
        if !text.starts_with('[') {
            steps.push(Step::Key(reader.key()?));
        }
        while let Some(next) = reader.next() {
            steps.push(match next {
                '.' => Step::Key(reader.key()?),
                '[' => reader.bracket()?,
                _ => return Err(reader.error_before("a dot or a bracket is missing")),
            });
        }
        Ok(Self(steps))
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn error(&self, reason: &'static str) -> PathError {
        let at = self.text[..self.at].chars().count() + 1;
        PathError { text: self.text.to_owned(), at, reason }
    }

    fn error_before(&self, reason: &'static str) -> PathError {
        let error = self.error(reason);
        PathError { at: error.at - 1, ..error }
    }

    fn key(&mut self) -> Result<String, PathError> {
        if self.rest().starts_with('"') {
            return self.quoted();
        }
        let end = self.rest().find(|c| !is_bare_in_key(c)).unwrap_or(self.rest().len());
        if end == 0 {
            return Err(self.error("a key is missing or needs double quotes"));
        }
        let key = self.rest()[..end].to_owned();
        self.at += end;
        Ok(key)
    }

    fn bracket(&mut self) -> Result<Step, PathError> {
        let end = self.rest().find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest().len());
        if end > 0 && self.rest()[end..].starts_with(']') {
            let index = self.rest()[..end].parse().map_err(|_| self.error("an index is too large"))?;
            self.at += end + 1;
            return Ok(Step::Index(index));
        }
        let key = self.key()?;
        if self.next() != Some('=') {
            return Err(self.error_before("a bracket holds a number or key=value; one of both is missing"));
        }
        let value = self.value()?;
        match self.next() {
            Some(']') => Ok(Step::Where { key, value }),
            _ => Err(self.error("a bracket is not closed")),
        }
    }

    fn value(&mut self) -> Result<String, PathError> {
        if self.rest().starts_with('"') {
            return self.quoted();
        }
        let Some(end) = self.rest().find(']') else {
            return Err(self.error("a bracket is not closed"));
        };
        let value = self.rest()[..end].to_owned();
        if !is_bare_value(&value) {
            return Err(self.error("a value is missing or needs double quotes"));
        }
        self.at += end;
        Ok(value)
    }

    fn quoted(&mut self) -> Result<String, PathError> {
        self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(self.error("a quote is not closed")),
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape()?),
                Some(other) => text.push(other),
            }
        }
    }

    fn escape(&mut self) -> Result<char, PathError> {
        match self.next() {
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some(same @ ('"' | '\\')) => Ok(same),
            Some('u') => self.code_point().ok_or_else(|| self.error("an escape \\u{hex} is broken")),
            _ => Err(self.error("an escape is unknown")),
        }
    }

    fn code_point(&mut self) -> Option<char> {
        let inner = self.rest().strip_prefix('{')?;
        let end = inner.find('}')?;
        let code = u32::from_str_radix(&inner[..end], 16).ok()?;
        self.at += end + 2;
        char::from_u32(code)
    }
}

fn is_bare_in_key(c: char) -> bool {
    !(c.is_whitespace() || is_invisible(c) || matches!(c, '.' | '[' | ']' | '"' | '\\' | '='))
}

fn is_bare_key(key: &str) -> bool {
    !key.is_empty() && key.chars().all(is_bare_in_key)
}

fn is_bare_value(value: &str) -> bool {
    let is_plain =
        |c: char| !is_invisible(c) && !matches!(c, ']' | '"' | '\\') && (c == ' ' || !c.is_whitespace());
    !value.is_empty() && value.trim() == value && value.chars().all(is_plain)
}

/// Controls and marks of direction: they would garble a line that shows them.
pub(super) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn write_word(f: &mut fmt::Formatter<'_>, word: &str, bare: bool) -> fmt::Result {
    if bare {
        return f.write_str(word);
    }
    f.write_str("\"")?;
    for c in word.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if is_invisible(c) => write!(f, "\\u{{{:x}}}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}
