//! What a carrier holds, and how another one is made to hold it.
//!
//! Three kinds travel: the images of a kustomization, each of them as one thing; a single value; a whole file.

use std::collections::BTreeMap;

use git2::{ObjectType, Oid};

use super::PlanError;
use crate::git::{
    edit::{self, Edit, EditError, Field, Identity, Image, Images, Limits, NewName, Scalar, Value},
    layout::What,
};

/// The name of a whole file among its fields.
pub(super) const WHOLE: &str = "(file)";

/// The name of the only value of a carrier that is a field: paths of the same field differ between places.
const VALUE: &str = "";

/// By the name of a field within a carrier: what it is, as plans show it; none where it is known to be absent.
pub(super) type Values = BTreeMap<String, Option<String>>;

/// What a carrier holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Held {
    Images(Images),
    Field(Field, Option<Value>),
    File(Option<Vec<u8>>),
}

/// What an edit came to.
pub(super) struct Brought {
    pub(super) bytes: Option<Vec<u8>>,
    /// The field, before and after.
    pub(super) moves: Vec<(String, Option<String>, Option<String>)>,
}

impl Held {
    /// Reads it from the bytes of a file; none where the file is not there.
    pub(super) fn read(bytes: Option<&[u8]>, what: &What) -> Result<Self, EditError> {
        let limits = Limits::default();
        match what {
            What::Images => match bytes {
                Some(bytes) => Ok(Self::Images(Images::read(bytes, &limits)?)),
                None => Ok(Self::Images(Images::default())),
            },
            What::Field(field) => {
                let value = bytes.map(|bytes| edit::read(bytes, field, &limits)).transpose()?;
                Ok(Self::Field(field.clone(), value.flatten()))
            }
            What::File => Ok(Self::File(bytes.map(<[u8]>::to_vec))),
        }
    }

    /// Returns all of it by field.
    pub(super) fn values(&self) -> Values {
        match self {
            Self::Images(images) => {
                last_of_each(images).filter(|it| has_identity(it)).flat_map(fields_of).collect()
            }
            Self::Field(_, value) => {
                BTreeMap::from([(VALUE.to_owned(), value.as_ref().map(ToString::to_string))])
            }
            Self::File(bytes) => {
                let id = bytes.as_ref().and_then(|it| Oid::hash_object(ObjectType::Blob, it).ok());
                BTreeMap::from([(WHOLE.to_owned(), id.map(|id| id.to_string()))])
            }
        }
    }

    /// Returns those fields that it does not have alike with what was there before; of an image all three, for together
    /// they name it.
    pub(super) fn moved_from(&self, before: &Self) -> Values {
        match (self, before) {
            (Self::Images(images), Self::Images(there)) => {
                let differs = |image: &&Image| !last(there, image).is_some_and(|it| same_identity(it, image));
                last_of_each(images)
                    .filter(|it| has_identity(it))
                    .filter(differs)
                    .flat_map(fields_of)
                    .collect()
            }
            _ if self == before => Values::new(),
            _ => self.values(),
        }
    }

    /// Returns of several images those of which a field is named; the rest as it is.
    pub(super) fn limited_to(self, fields: &Values) -> Self {
        let Self::Images(mut images) = self else { return self };
        images.entries.retain(|image| fields_of(image).iter().any(|(field, _)| fields.contains_key(field)));
        Self::Images(images)
    }

    /// Returns what people call the version, here and in `wanted`: of the first image that differs, else of the first.
    pub(super) fn versions(&self, wanted: &Self) -> (Option<String>, Option<String>) {
        match (self, wanted) {
            (Self::Images(there), Self::Images(wanted)) => {
                let differs = |image: &&Image| !last(there, image).is_some_and(|it| same_identity(it, image));
                let mut images = last_of_each(wanted).filter(|it| has_identity(it));
                let first = images.clone().find(differs).or_else(|| images.next());
                (first.and_then(|it| last(there, it)).and_then(version_of), first.and_then(version_of))
            }
            (Self::Field(_, there), Self::Field(_, wanted)) => {
                let text =
                    |value: &Option<Value>| value.as_ref().and_then(|it| it.as_text().map(str::to_owned));
                (text(there), text(wanted))
            }
            _ => (None, None),
        }
    }

    /// Returns it as it would be written where `ours` stands: a text stays a text there, with its quotes.
    pub(super) fn in_place_of(self, ours: &Self) -> Self {
        let (Self::Field(_, theirs), Self::Field(field, there)) = (&self, ours) else { return self };
        let is_text = matches!(there, Some(Value::Scalar(Scalar::Text(_))));
        let value = match theirs {
            Some(Value::Scalar(scalar @ (Scalar::Number(_) | Scalar::Bool(_)))) if is_text => {
                Some(Value::Scalar(Scalar::text(scalar.as_text().unwrap_or_default())))
            }
            other => other.clone(),
        };
        Self::Field(field.clone(), value)
    }

    /// Makes a file hold it. With `restore`, what is absent here goes there, too; else it stays.
    pub(super) fn bring(
        &self,
        bytes: Option<&[u8]>,
        field: &What,
        restore: bool,
    ) -> Result<Brought, EditError> {
        match (self, bytes) {
            (Self::Images(images), Some(bytes)) => bring_images(images, bytes),
            (Self::Field(_, value), Some(bytes)) => bring_value(value.as_ref(), bytes, field, restore),
            (Self::File(wanted), there) if wanted.as_deref() != there => {
                let id = |bytes: Option<&[u8]>| {
                    let id = bytes.and_then(|it| Oid::hash_object(ObjectType::Blob, it).ok());
                    id.map(|id| id.to_string()[..10].to_owned())
                };
                let moves = vec![(WHOLE.to_owned(), id(there), id(wanted.as_deref()))];
                Ok(Brought { bytes: wanted.clone(), moves })
            }
            (_, there) => Ok(Brought { bytes: there.map(<[u8]>::to_vec), moves: Vec::new() }),
        }
    }

    /// Refuses what kustomize would refuse.
    pub(super) fn check(&self, file: &str) -> Result<(), PlanError> {
        let Self::Images(images) = self else { return Ok(()) };
        match images.unquoted.first() {
            None => Ok(()),
            Some(unquoted) => Err(PlanError::Unquoted {
                file: file.to_owned(),
                field: unquoted.path.to_string(),
                written: unquoted.value.to_string(),
            }),
        }
    }
}

fn bring_images(images: &Images, bytes: &[u8]) -> Result<Brought, EditError> {
    let limits = Limits::default();
    let there = Images::read(bytes, &limits)?;
    let (mut bytes, mut moves) = (bytes.to_vec(), Vec::new());
    for image in last_of_each(images) {
        let known = last(&there, image);
        if known.is_some_and(|it| same_identity(it, image)) {
            continue;
        }
        let Some(identity) = identity_of(image, known) else { continue };
        let edited = edit::promote(&bytes, &image.name, &identity, &limits)?;
        moves.extend(edited.changes.iter().map(shown));
        bytes = edited.bytes;
    }
    Ok(Brought { bytes: Some(bytes), moves })
}

fn bring_value(
    value: Option<&Value>,
    bytes: &[u8],
    what: &What,
    restore: bool,
) -> Result<Brought, EditError> {
    let What::Field(field) = what else {
        return Ok(Brought { bytes: Some(bytes.to_vec()), moves: Vec::new() });
    };
    let field = field.clone();
    let edit = match value {
        Some(Value::Scalar(scalar)) => Edit::Set { field, value: scalar.clone() },
        Some(other) => return Err(EditError::Unexpected { field, value: other.clone() }),
        None if restore => Edit::Remove { field },
        None => return Ok(Brought { bytes: Some(bytes.to_vec()), moves: Vec::new() }),
    };
    let edited = edit::apply(bytes, &[edit], &Limits::default())?;
    Ok(Brought { moves: edited.changes.iter().map(shown).collect(), bytes: Some(edited.bytes) })
}

fn shown(change: &edit::Change) -> (String, Option<String>, Option<String>) {
    let value = |it: &Option<Value>| it.as_ref().map(ToString::to_string);
    (change.path.to_string(), value(&change.before), value(&change.after))
}

/// Of entries for the same image, kustomize's last word.
pub(super) fn last_of_each(images: &Images) -> impl Iterator<Item = &Image> + Clone {
    let is_last =
        |(at, image): &(usize, &Image)| images.entries[at + 1..].iter().all(|later| later.name != image.name);
    images.entries.iter().enumerate().filter(is_last).map(|(_, image)| image)
}

/// The entry for the same image.
fn last<'i>(images: &'i Images, image: &Image) -> Option<&'i Image> {
    images.entries.iter().rev().find(|it| it.name == image.name)
}

pub(super) fn has_identity(image: &Image) -> bool {
    image.new_tag.is_some() || image.digest.is_some()
}

fn version_of(image: &Image) -> Option<String> {
    image.new_tag.clone().or_else(|| image.digest.clone())
}

/// Returns the name of a field as plans show it.
pub(super) fn name_of(what: &What, key: &str) -> String {
    match what {
        What::Field(field) => field.to_string(),
        _ => key.to_owned(),
    }
}

/// Returns whether two values are spelled alike: the quotes that one place writes and another does not make no change.
pub(super) fn alike(one: Option<&String>, other: Option<&String>) -> bool {
    let bare = |text: &String| {
        let inner = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        inner.unwrap_or(text).to_owned()
    };
    one.map(bare) == other.map(bare)
}

/// The name of an image's entry, e.g. `images[name=shop/web]`.
pub(super) fn entry_of(name: &str) -> edit::Path {
    edit::Path::root().key("images").element("name", name)
}

fn fields_of(image: &Image) -> [(String, Option<String>); 3] {
    let part = |key: &str, value: &Option<String>| {
        let shown = value.as_ref().map(|it| Scalar::text(it).to_string());
        (entry_of(&image.name).key(key).to_string(), shown)
    };
    [part("newName", &image.new_name), part("newTag", &image.new_tag), part("digest", &image.digest)]
}

fn same_identity(one: &Image, other: &Image) -> bool {
    (&one.new_name, &one.new_tag, &one.digest) == (&other.new_name, &other.new_tag, &other.digest)
}

fn identity_of(image: &Image, known: Option<&Image>) -> Option<Identity> {
    let new_name = match (&image.new_name, known.and_then(|it| it.new_name.as_ref())) {
        (Some(name), _) => NewName::Set(name.clone()),
        (None, Some(_)) => NewName::Remove,
        (None, None) => NewName::Keep,
    };
    let identity = Identity { new_name, new_tag: image.new_tag.clone(), digest: image.digest.clone() };
    has_identity(image).then_some(identity)
}
