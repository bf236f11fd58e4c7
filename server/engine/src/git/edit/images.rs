//! The `images` of a kustomization: which image runs instead of which.
//!
//! Source: kustomize's `api/types/image.go` and `api/filters/imagetag/updater.go` (5.7, 5.8). Entries are applied in
//! order. An entry with a tag and a digest gives `name:tag@digest`; one with a tag alone drops a digest that was there,
//! one with a digest alone drops the tag. So tag and digest of an entry are one thing, and travel together: whichever of
//! them a promotion does not bring is removed, or the old one would stay in force beside the new one.

use super::{
    Edit, EditError, Edited, Limits, Scalar, Value, apply_to,
    path::{Field, Path, Step},
    source::Source,
    tree::{Content, NodeId},
};

/// What an entry says. An empty text counts as absent, as in kustomize.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Image {
    pub name: String,
    pub new_name: Option<String>,
    pub new_tag: Option<String>,
    pub digest: Option<String>,
}

/// The entries of a kustomization, in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Images {
    pub entries: Vec<Image>,
    /// Numbers and truth values, e.g. `newTag: 1.20`: kustomize 5 refuses the whole file for them.
    pub unquoted: Vec<Unquoted>,
}

/// A value without the quotes that it needs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unquoted {
    pub path: Path,
    pub value: Value,
}

/// What an image is to become: a digest where it is known, with or without the tag beside it, else a tag (rule R2).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Identity {
    pub new_name: NewName,
    pub new_tag: Option<String>,
    pub digest: Option<String>,
}

/// What becomes of an entry's `newName`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum NewName {
    #[default]
    Keep,
    Remove,
    Set(String),
}

impl Images {
    /// Reads them; a file without any has no entries.
    ///
    /// # Errors
    /// What cannot be read, and `images` that are no list of mappings.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, EditError> {
        Self::of_source(&Source::read(bytes, limits)?)
    }

    pub(super) fn of_source(source: &Source<'_>) -> Result<Self, EditError> {
        let field = list();
        let mut images = Self::default();
        let hits = source.tree.find(&field)?;
        let Some(id) = hits.first().and_then(|it| it.node) else { return Ok(images) };
        match &source.tree.nodes[source.tree.target(id)].content {
            Content::List { items, .. } => {
                for (index, item) in items.iter().enumerate() {
                    images.add(source, index, *item)?;
                }
            }
            _ if source.tree.value(id) == Value::Scalar(Scalar::Null) => {}
            _ => return Err(not_as_expected(&field, source.tree.value(id))),
        }
        Ok(images)
    }

    /// Returns the entries for an image, in order.
    pub fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Image> {
        self.entries.iter().filter(move |it| it.name == name)
    }

    fn add(&mut self, source: &Source<'_>, index: usize, item: NodeId) -> Result<(), EditError> {
        let at = list().path.index(index);
        let value = source.tree.value(item);
        if !matches!(value, Value::Map(_)) {
            return Err(not_as_expected(&Field::new(at), value));
        }
        let mut take = |key: &str| self.text(source, at.clone().key(key));
        let name = take("name")?.unwrap_or_default();
        let (new_name, new_tag, digest) = (take("newName")?, take("newTag")?, take("digest")?);
        self.entries.push(Image { name, new_name, new_tag, digest });
        Ok(())
    }

    fn text(&mut self, source: &Source<'_>, path: Path) -> Result<Option<String>, EditError> {
        let field = Field::new(path);
        let hits = source.tree.find(&field)?;
        let Some(id) = hits.first().and_then(|it| it.node) else { return Ok(None) };
        let value = source.tree.value(id);
        if matches!(value, Value::Tagged { .. } | Value::List(_) | Value::Map(_)) {
            return Err(not_as_expected(&field, value));
        }
        let text = source.tree.text(id).filter(|it| !it.is_empty()).map(str::to_owned);
        if matches!(value, Value::Scalar(Scalar::Number(_) | Scalar::Bool(_))) {
            self.unquoted.push(Unquoted { path: field.path, value });
        }
        Ok(text)
    }
}

/// Makes an image of a kustomization what it is to become. An entry that is missing is added to `images`.
///
/// # Errors
/// As [`apply`], and where neither tag nor digest is given, or a text could be no part of an image's name.
pub fn promote(bytes: &[u8], name: &str, identity: &Identity, limits: &Limits) -> Result<Edited, EditError> {
    identity.check(name)?;
    let source = Source::read(bytes, limits)?;
    let is_there = Images::of_source(&source)?.of(name).next().is_some();
    let edits = if is_there { identity.edits(name) } else { vec![identity.new_entry(name)] };
    apply_to(&source, &edits, limits)
}

impl Identity {
    fn check(&self, name: &str) -> Result<(), EditError> {
        let refuse = |reason| Err(EditError::Identity { name: name.to_owned(), reason });
        let parts = [Some(name), self.new_name.text(), self.new_tag.as_deref(), self.digest.as_deref()];
        let is_odd = |it: &&str| it.is_empty() || it.contains(|c: char| c.is_whitespace() || c.is_control());
        if parts.iter().flatten().any(is_odd) {
            return refuse("its name, new name, tag and digest must be words without spaces");
        }
        match self.new_tag.is_none() && self.digest.is_none() {
            true => refuse("neither a tag nor a digest is known for it; name one"),
            false => Ok(()),
        }
    }

    /// The edits of every entry with this name.
    fn edits(&self, name: &str) -> Vec<Edit> {
        let field = |key: &str| Field::new(list().path.element("name", name).key(key));
        let part = |key: &str, text: &Option<String>| match text {
            Some(text) => Edit::Set { field: field(key), value: Scalar::text(text) },
            None => Edit::Remove { field: field(key) },
        };
        let new_name = match &self.new_name {
            NewName::Keep => None,
            NewName::Remove => Some(Edit::Remove { field: field("newName") }),
            NewName::Set(text) => Some(Edit::Set { field: field("newName"), value: Scalar::text(text) }),
        };
        let version = [part("newTag", &self.new_tag), part("digest", &self.digest)];
        new_name.into_iter().chain(version).collect()
    }

    fn new_entry(&self, name: &str) -> Edit {
        let parts = [
            ("name", Some(name)),
            ("newName", self.new_name.text()),
            ("newTag", self.new_tag.as_deref()),
            ("digest", self.digest.as_deref()),
        ];
        let entry = parts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), Scalar::text(text?))));
        Edit::Append { field: list(), entry: entry.collect() }
    }
}

impl NewName {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Set(text) => Some(text),
            _ => None,
        }
    }
}

pub(super) fn list() -> Field {
    Field::new([Step::Key("images".to_owned())].into_iter().collect())
}

fn not_as_expected(field: &Field, value: Value) -> EditError {
    EditError::Unexpected { field: field.clone(), value }
}
