//! How two renderings differ: objects, their fields, and the text of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Rendered,
    error::shown,
    noise::{Matches, Noise},
    object::{Object, ObjectId},
};
use crate::git::edit::unified_diff;

/// How much of a difference is told. What is over is counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DiffLimits {
    pub objects: usize,
    /// Fields of one object.
    pub fields: usize,
    /// Bytes of one object's text.
    pub text: usize,
    /// Bytes of all texts.
    pub texts: usize,
    /// Characters of one value.
    pub value: usize,
}

/// How two renderings differ. Secrets are marks in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RenderedDiff {
    pub added: Vec<Whole>,
    pub changed: Vec<Changed>,
    pub removed: Vec<Whole>,
    /// Objects that are the same.
    pub unchanged: usize,
    /// Objects that differ and are not listed, for there are too many.
    pub unlisted: usize,
}

/// An object that is only there before, or after.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Whole {
    pub id: ObjectId,
    /// Its YAML, as a unified difference from or to nothing; empty where it is too much.
    pub text: String,
}

/// An object that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    pub before: ObjectId,
    pub after: ObjectId,
    pub fields: Vec<FieldChange>,
    /// Fields that are not listed, for there are too many.
    pub unlisted: usize,
    /// The unified difference of its YAML; empty where it is too much.
    pub text: String,
    /// Whether nothing of it means anything.
    pub is_noise: bool,
}

/// A field that differs. A value that is none is absent; one that is no text is JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    pub path: String,
    pub before: Option<String>,
    pub after: Option<String>,
    pub noise: Option<Noise>,
}

impl Default for DiffLimits {
    fn default() -> Self {
        Self { objects: 2_000, fields: 200, text: 64 * 1024, texts: 4 << 20, value: 1_000 }
    }
}

impl RenderedDiff {
    /// Whether both are the same.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty() && self.unlisted == 0
    }
}

/// Returns how one rendering differs from another. Objects are matched by group, kind, namespace and name; generated
/// objects of kustomize by their names without the suffix.
pub fn difference(before: &Rendered, after: &Rendered, limits: &DiffLimits) -> RenderedDiff {
    let matches = Matches::of(&before.objects, &after.objects);
    let mut budget = Budget { objects: limits.objects, texts: limits.texts, limits };
    let mut diff = RenderedDiff::default();
    for (before, after) in &matches.pairs {
        if before.value == after.value {
            diff.unchanged += 1;
        } else if budget.object() {
            diff.changed.push(changed(before, after, &matches, &mut budget));
        } else {
            diff.unlisted += 1;
        }
    }
    for object in &matches.removed {
        if budget.object() {
            let text = budget.text(&object.id, &yaml(&object.value), "");
            diff.removed.push(Whole { id: object.id.clone(), text });
        } else {
            diff.unlisted += 1;
        }
    }
    for object in &matches.added {
        if budget.object() {
            let text = budget.text(&object.id, "", &yaml(&object.value));
            diff.added.push(Whole { id: object.id.clone(), text });
        } else {
            diff.unlisted += 1;
        }
    }
    diff
}

struct Budget<'l> {
    objects: usize,
    texts: usize,
    limits: &'l DiffLimits,
}

impl Budget<'_> {
    fn object(&mut self) -> bool {
        let left = self.objects.checked_sub(1);
        self.objects = left.unwrap_or_default();
        left.is_some()
    }

    /// The name in its head is for people: nothing is written there.
    fn text(&mut self, id: &ObjectId, before: &str, after: &str) -> String {
        if before.len() + after.len() > 4 * self.limits.text {
            return String::new();
        }
        let text =
            unified_diff(&id.to_string().replace(['/', '\\'], "_"), before.as_bytes(), after.as_bytes());
        if text.len() > self.limits.text || text.len() > self.texts {
            return String::new();
        }
        self.texts -= text.len();
        text
    }
}

fn changed(before: &Object, after: &Object, matches: &Matches<'_>, budget: &mut Budget<'_>) -> Changed {
    let mut walk = Walk {
        matches,
        limits: budget.limits,
        path: Vec::new(),
        fields: Vec::new(),
        unlisted: 0,
        is_noise: true,
    };
    walk.compare(Some(&before.value), Some(&after.value));
    let Walk { fields, unlisted, is_noise, .. } = walk;
    let text = budget.text(&after.id, &yaml(&before.value), &yaml(&after.value));
    Changed { before: before.id.clone(), after: after.id.clone(), fields, unlisted, text, is_noise }
}

/// One spelling of a value: keys in order.
fn yaml(value: &Value) -> String {
    // What was read as YAML can be written as such.
    serde_saphyr::to_string(value).unwrap_or_default()
}

struct Walk<'w, 'v> {
    matches: &'w Matches<'v>,
    limits: &'w DiffLimits,
    path: Vec<At<'w>>,
    fields: Vec<FieldChange>,
    unlisted: usize,
    is_noise: bool,
}

#[derive(Clone, Copy)]
enum At<'w> {
    Key(&'w str),
    Named(&'w str),
    Index(usize),
}

impl<'w> Walk<'w, '_> {
    fn compare(&mut self, before: Option<&'w Value>, after: Option<&'w Value>) {
        if before == after {
            return;
        }
        match (before, after) {
            (Some(Value::Object(before)), Some(Value::Object(after))) => self.fields_of(before, after),
            (Some(Value::Array(before)), Some(Value::Array(after))) => self.items_of(before, after),
            _ => self.push(before, after),
        }
    }

    fn fields_of(&mut self, before: &'w Map<String, Value>, after: &'w Map<String, Value>) {
        let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for key in keys {
            self.step(At::Key(key), before.get(key), after.get(key));
        }
    }

    /// Items with names of their own are the same ones wherever they stand, as Kubernetes merges most lists.
    fn items_of(&mut self, before: &'w [Value], after: &'w [Value]) {
        if let (Some(before), Some(after)) = (named(before), named(after)) {
            let names: BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
            for name in names {
                self.step(At::Named(name), before.get(name).copied(), after.get(name).copied());
            }
            return;
        }
        for index in 0..before.len().max(after.len()) {
            self.step(At::Index(index), before.get(index), after.get(index));
        }
    }

    fn step(&mut self, at: At<'w>, before: Option<&'w Value>, after: Option<&'w Value>) {
        self.path.push(at);
        self.compare(before, after);
        self.path.pop();
    }

    fn push(&mut self, before: Option<&'w Value>, after: Option<&'w Value>) {
        let keys: Vec<_> = self
            .path
            .iter()
            .map(|at| match at {
                At::Key(key) => *key,
                At::Named(_) | At::Index(_) => "[]",
            })
            .collect();
        let noise = self.matches.noise(&keys, before.and_then(Value::as_str), after.and_then(Value::as_str));
        self.is_noise &= noise.is_some();
        if self.fields.len() >= self.limits.fields {
            self.unlisted += 1;
            return;
        }
        let most = self.limits.value;
        let (before, after) = (before.map(|it| said(it, most)), after.map(|it| said(it, most)));
        self.fields.push(FieldChange { path: self.spelled(), before, after, noise });
    }

    fn spelled(&self) -> String {
        let mut text = String::new();
        for at in &self.path {
            match at {
                At::Key(key) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(&word(key));
                }
                At::Named(name) => text.push_str(&format!("[name={}]", word(name))),
                At::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}

fn named(items: &[Value]) -> Option<BTreeMap<&str, &Value>> {
    let name = |item: &'_ Value| item.get("name").and_then(Value::as_str).map(str::len).is_some();
    if items.is_empty() || !items.iter().all(name) {
        return None;
    }
    let names: BTreeMap<&str, &Value> =
        items.iter().filter_map(|item| Some((item.get("name")?.as_str()?, item))).collect();
    (names.len() == items.len()).then_some(names)
}

fn word(text: &str) -> String {
    let is_bare = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_/".contains(c));
    if is_bare { text.to_owned() } else { format!("{:?}", shown(text)) }
}

fn said(value: &Value, most: usize) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
