//! What an Application sets over its files: where it sets what a plan edits, the edit is useless.
//!
//! Source: Argo CD's `ApplicationSource` (`kustomize.images`, `helm.parameters`, `fileParameters`, `values`,
//! `valuesObject`, `plugin`).

use serde_json::Value as Json;

use super::carried::Held;
use crate::git::{
    edit::{Limits, Tree},
    layout::{Carrier, What},
};

/// What a row moves, by its name in the files.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Moved {
    /// The names of images, e.g. `ghcr.io/shop/web`.
    pub images: Vec<String>,
    /// The paths of single values, e.g. `image.tag`.
    pub fields: Vec<String>,
}

impl Moved {
    pub(super) fn note(&mut self, carrier: &Carrier, theirs: &Held, ours: &Held) {
        let there = ours.values();
        let mut add = |list: fn(&mut Self) -> &mut Vec<String>, name: String| {
            let list = list(self);
            if !list.contains(&name) {
                list.push(name);
            }
        };
        match (&carrier.what, theirs) {
            (What::Images, Held::Images(images)) => {
                for image in super::carried::last_of_each(images) {
                    let entry = super::carried::entry_of(&image.name);
                    let field = |key: &str| entry.clone().key(key).to_string();
                    let wanted = theirs.values();
                    let differs = |key: &&str| wanted.get(&field(key)) != there.get(&field(key));
                    if ["newName", "newTag", "digest"].iter().any(differs) {
                        add(|it| &mut it.images, image.name.clone());
                    }
                }
            }
            (What::Field(field), _) => add(|it| &mut it.fields, field.path.to_string()),
            _ => {}
        }
    }
}

/// Returns a sentence for each override of an Application's source that makes the moves useless.
///
/// `source` is one entry of `spec.source` or `spec.sources`.
pub fn useless_override(moved: &Moved, source: &Json) -> Vec<String> {
    let mut sentences = Vec::new();
    let images = source.pointer("/kustomize/images").and_then(Json::as_array);
    for set in images.into_iter().flatten().filter_map(Json::as_str) {
        if let Some(image) = moved.images.iter().find(|it| *it == image_name(set)) {
            sentences.push(format!(
                "the Application sets {set} in kustomize.images, so what the files say of {image} has no effect: remove it there"
            ));
        }
    }
    for field in &moved.fields {
        let places = [
            ("helm.parameters", named(source, "/helm/parameters", field)),
            ("helm.fileParameters", named(source, "/helm/fileParameters", field)),
            ("helm.valuesObject", source.pointer("/helm/valuesObject").is_some_and(|it| holds(it, field))),
            ("helm.values", in_text(source, field)),
        ];
        for (place, _) in places.iter().filter(|(_, is_set)| *is_set) {
            sentences.push(format!(
                "the Application sets {field} in {place}, so what the files say has no effect: remove it there"
            ));
        }
    }
    if source.get("plugin").is_some_and(|it| !it.is_null()) {
        let name = source.pointer("/plugin/name").and_then(Json::as_str).unwrap_or("a plugin");
        sentences.push(format!(
            "{name} makes the manifests of the Application: whether it reads these files is not known"
        ));
    }
    sentences
}

/// `[name=]image[:tag][@digest]`; the name is what stands in the files.
fn image_name(set: &str) -> &str {
    if let Some((name, _)) = set.split_once('=') {
        return name;
    }
    let image = set.split_once('@').map_or(set, |it| it.0);
    match image.rsplit_once(':') {
        // A colon before the last slash is that of a port.
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

fn named(source: &Json, list: &str, field: &str) -> bool {
    let list = source.pointer(list).and_then(Json::as_array);
    let names = list.into_iter().flatten().filter_map(|it| it.get("name")?.as_str());
    names.into_iter().any(|name| reaches(name, field))
}

/// Whether setting `name` sets `field`, too: it is the same, or what contains it.
fn reaches(name: &str, field: &str) -> bool {
    field.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn holds(values: &Json, field: &str) -> bool {
    let Ok(path) = field.parse::<crate::git::edit::Path>() else { return false };
    let mut at = values;
    for step in path.steps() {
        let next = match step {
            crate::git::edit::Step::Key(key) => at.get(key),
            crate::git::edit::Step::Index(index) => at.get(index),
            crate::git::edit::Step::Where { .. } => None,
        };
        match next {
            Some(next) => at = next,
            // A single value in the place of the mapping hides all of it; a mapping without the key does not.
            None => return !at.is_object() && !at.is_null(),
        }
    }
    true
}

fn in_text(source: &Json, field: &str) -> bool {
    let Some(text) = source.pointer("/helm/values").and_then(Json::as_str) else { return false };
    let Ok(tree) = Tree::read(text.as_bytes(), &Limits::default()) else { return false };
    tree.leaves()
        .iter()
        .any(|leaf| reaches(&leaf.path.to_string(), field) || reaches(field, &leaf.path.to_string()))
}

#[cfg(test)]
mod tests;
