//! What changes without meaning anything: names that tools make up, and labels they track by.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::object::{Object, ObjectId};

/// The characters of the suffixes that kustomize gives. Source: kustomize's hasher.
const SUFFIX: &str = "2456789bcdfghkmt";
const SUFFIX_LENGTH: usize = 10;

/// Labels and annotations that say who made an object, and of which version.
const TRACKING: [&str; 4] = [
    "helm.sh/chart",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "argocd.argoproj.io/tracking-id",
];

/// Why a change means nothing by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Noise {
    /// A suffix made of the content, or a reference to a name with one.
    GeneratedName,
    /// A label that a tool keeps.
    Tracking,
}

/// What an object is called before and after. The version is not in it, for an object keeps its identity over versions.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Key<'a> {
    group: &'a str,
    kind: &'a str,
    namespace: Option<&'a str>,
    name: &'a str,
}

/// Objects before and after that are the same one.
#[derive(Default)]
pub(super) struct Matches<'a> {
    pub(super) pairs: Vec<(&'a Object, &'a Object)>,
    pub(super) removed: Vec<&'a Object>,
    pub(super) added: Vec<&'a Object>,
    /// Generated names before, with those after.
    renamed: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Matches<'a> {
    /// Matches by name, then what is left by the name without its generated suffix.
    pub(super) fn of(before: &'a [Object], after: &'a [Object]) -> Self {
        let mut matches = Self::default();
        let (left, added) =
            matches.pair(before.iter().collect(), after.iter().collect(), |id| Some(&id.name));
        let (removed, added) = matches.pair(left, added, base_name);
        for (before, after) in &matches.pairs {
            if before.id.name != after.id.name {
                matches.renamed.entry(&before.id.name).or_default().insert(&after.id.name);
            }
        }
        (matches.removed, matches.added) = (removed, added);
        matches
    }

    /// Returns why a change of a field means nothing; none where it does.
    pub(super) fn noise(&self, path: &[&str], before: Option<&str>, after: Option<&str>) -> Option<Noise> {
        if let [.., "labels" | "annotations" | "matchLabels", name] = path
            && TRACKING.contains(name)
        {
            return Some(Noise::Tracking);
        }
        let is_renamed =
            self.renamed.get(before?).is_some_and(|names| after.is_some_and(|it| names.contains(it)));
        is_renamed.then_some(Noise::GeneratedName)
    }

    fn pair(
        &mut self,
        before: Vec<&'a Object>,
        after: Vec<&'a Object>,
        name: impl Fn(&'a ObjectId) -> Option<&'a str>,
    ) -> (Vec<&'a Object>, Vec<&'a Object>) {
        // None for several of one name: which of them is which is not ours to guess.
        let mut named: BTreeMap<Key<'a>, Option<&'a Object>> = BTreeMap::new();
        for object in &before {
            if let Some(name) = name(&object.id) {
                named.entry(Key::of(&object.id, name)).and_modify(|it| *it = None).or_insert(Some(*object));
            }
        }
        let (mut used, mut added) = (BTreeSet::new(), Vec::new());
        for object in after {
            let known = name(&object.id).map(|name| Key::of(&object.id, name));
            match known.and_then(|key| named.remove(&key)).flatten() {
                Some(same) => {
                    used.insert(&same.id);
                    self.pairs.push((same, object));
                }
                None => added.push(object),
            }
        }
        (before.into_iter().filter(|object| !used.contains(&object.id)).collect(), added)
    }
}

impl<'a> Key<'a> {
    fn of(id: &'a ObjectId, name: &'a str) -> Self {
        Self { group: id.group(), kind: &id.kind, namespace: id.namespace.as_deref(), name }
    }
}

/// Returns a name without its generated suffix; none where it has none.
fn base_name(id: &ObjectId) -> Option<&str> {
    if !["ConfigMap", "Secret"].contains(&id.kind.as_str()) || !id.group().is_empty() {
        return None;
    }
    let (base, suffix) = id.name.rsplit_once('-')?;
    let is_suffix = suffix.len() == SUFFIX_LENGTH && suffix.chars().all(|c| SUFFIX.contains(c));
    (is_suffix && !base.is_empty()).then_some(base)
}
