//! Which apps a repository has, in which environments, and in which files: found by the layouts that people use.
//!
//! The base path is an app's identity: where its environments begin, e.g. `apps/web-app`. Where that is a folder of many
//! (`apps/overlays/dev`), it is one app. Environments are told by whole words (`words.rs`); a folder below `overlays` or
//! `envs` is an environment of its own name where no word matches. What could mean two things is told, and not guessed.
//!
//! Finding goes by paths, so that thousands of apps take milliseconds; contents are read where paths do not tell
//! (Applications, ApplicationSets, the first file of a plain folder), and by [`complete`] for one app. All of it is a
//! function of the tree and the rules, so an answer may be kept by [`Tree::root`] and the rules.
//!
//! What travels by itself: the `images` of a kustomization, and the images of the patches that are in the environment's
//! folder and that the kustomization names. All else, be it a Helm value or the image in a plain Deployment, travels when
//! a rule lists it (R1).

pub(in crate::git) mod applications;
mod carriers;
pub(in crate::git) mod documents;
mod helm;
mod kustomize;
mod patterns;
mod plain;
mod readers;
mod shelf;
mod sketch;
pub(in crate::git) mod words;

use std::collections::{BTreeMap, BTreeSet};

use model::repository::{FoundApp, NotUnderstood};
use serde::{Deserialize, Serialize};

use self::{shelf::Shelf, sketch::Sketch, words::Words};
use super::{
    chronicle::Recent,
    edit::{Document, Field},
    rules::{self, LayoutRule, Rules},
    tree::{Tree, TreeError},
};

pub use self::readers::read_by;
pub(in crate::git) use self::{
    applications::below,
    kustomize::{KUSTOMIZATIONS, LISTS, references},
    plain::contains,
};

/// What was found in a repository.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// In the order of their base paths.
    pub apps: Vec<App>,
    /// What looks like an app and is none that is understood; at most 200.
    pub not_understood: Vec<NotUnderstood>,
    /// The files whose contents decided; of all others the paths did.
    pub looked_into: BTreeSet<String>,
}

/// An app: one product over its environments.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct App {
    /// By which people and policies name it: the id of a rule, else the last folder of the base path.
    pub name: String,
    /// Where it lives, e.g. `apps/web-app`; empty at the root of the repository. Of Applications of charts it is the
    /// folder that the environments' folders are in, a `#`, and the name: `clusters#redis`.
    pub base_path: String,
    pub layout: Layout,
    /// By environment: where it is defined; several where an environment has several regions.
    pub places: BTreeMap<String, Vec<Place>>,
    /// Environments whose place could be several, and why.
    pub doubts: BTreeMap<String, String>,
}

/// How an app is laid out.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Layout {
    /// One kustomization for each environment.
    Kustomize,
    /// A chart, and values for each environment.
    Helm,
    /// A folder of manifests for each environment.
    Plain,
    /// Applications for each environment, whose charts or sources are elsewhere.
    Applications,
    /// What the generators of an ApplicationSet take: elements of a list, or files.
    ApplicationSet,
}

/// Where an app is defined for an environment (and a region).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Place {
    pub region: Option<String>,
    /// The folder that is this environment's alone, e.g. `apps/web-app/overlays/dev`; none where only files are.
    pub folder: Option<String>,
    /// The files outside of the folder that are this environment's alone, e.g. `charts/api/values-dev.yaml`: the name that
    /// the same file has in every environment (`values.yaml`), and the path.
    pub files: Vec<(String, String)>,
    /// What may travel.
    pub carriers: Vec<Carrier>,
}

/// A field, or several, that travel between the places of an app: those that [`pair`](Carrier::pairs_with) belong together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Carrier {
    /// The name that the file has in every environment, e.g. `kustomization.yaml`.
    pub role: String,
    /// The path in the repository.
    pub file: String,
    pub what: What,
}

/// What of a file travels.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The `images` of a kustomization.
    Images,
    Field(Field),
    /// All of it.
    File,
}

/// Why an app or an environment is not found.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("there is no app {name:?} in this repository; there are {}", listed(known))]
    NoApp { name: String, known: Vec<String> },
    #[error("{name:?} is the name of several apps: {}; name one by its path", listed(paths))]
    Several { name: String, paths: Vec<String> },
    #[error("{app} has no overlay of environment {environment:?}; it has {}", listed(known))]
    NoEnvironment { app: String, environment: String, known: Vec<String> },
    #[error("{app} in {environment} could be several things: {why}")]
    Doubtful { app: String, environment: String, why: String },
}

/// Finds the apps of a repository, without the images in patches, for which contents must be read: see [`complete`].
///
/// # Errors
/// A tree that cannot be read.
pub fn discover(tree: &Tree<'_>, rules: &Rules) -> Result<Found, TreeError> {
    let (files, odd) = tree.files("")?;
    let words = Words::of(rules);
    let mut sketch = Sketch::default();
    let shelf = Shelf::of(&files, &mut sketch);
    sketch.tell_links(&odd, &words);
    patterns::find(&shelf, rules, &words, &mut sketch);
    kustomize::find(&shelf, &words, &mut sketch);
    helm::find(&shelf, &words, &mut sketch);
    plain::find(tree, &shelf, &words, &mut sketch);
    applications::find(tree, &shelf, rules, &words, &mut sketch);
    kustomize::tell_unplaced(&shelf, &mut sketch);
    let mut found = sketch.finish(rules);
    for app in &mut found.apps {
        carriers::add_listed(&shelf, rules, app);
    }
    Ok(found)
}

/// Adds what travels in the patches of an app's kustomizations, which contents alone tell.
///
/// What cannot be read adds nothing: plans and checks read it again, and say why.
pub fn complete(tree: &Tree<'_>, app: &mut App) {
    carriers::add_patches(tree, app);
}

/// Finds an app by its base path or its name, complete. Of the other apps no contents are read.
///
/// # Errors
/// None or several of that name; a tree that cannot be read.
pub fn find_app(tree: &Tree<'_>, rules: &Rules, name: &str) -> Result<App, LayoutError> {
    let found = discover(tree, rules)?;
    let mut app = found.app(name)?.clone();
    complete(tree, &mut app);
    Ok(app)
}

impl Found {
    /// Returns whether the same would be found after these commits: no file came or went, and none changed whose content
    /// decided.
    pub fn outlasts(&self, recent: &[Recent]) -> bool {
        let decides = |path: &String| path == rules::FILE || self.looked_into.contains(path);
        recent.iter().all(|it| !it.moves_files && !it.files.keys().any(decides))
    }

    /// Returns an app by its base path or its name, as it was found.
    ///
    /// # Errors
    /// None or several of that name.
    pub fn app(&self, name: &str) -> Result<&App, LayoutError> {
        let at_path = self.apps.iter().find(|app| app.base_path == name);
        if let Some(app) = at_path {
            return Ok(app);
        }
        let matching: Vec<_> = self.apps.iter().filter(|app| app.name == name).collect();
        match matching[..] {
            [one] => Ok(one),
            [] => {
                let known = self.apps.iter().map(|app| app.name.clone()).collect();
                Err(LayoutError::NoApp { name: name.to_owned(), known })
            }
            _ => {
                let paths = matching.into_iter().map(|app| app.base_path.clone()).collect();
                Err(LayoutError::Several { name: name.to_owned(), paths })
            }
        }
    }
}

impl App {
    /// Returns where it is defined for an environment; at least one place. An environment may also be named as its folder
    /// is, e.g. `production` for prod.
    ///
    /// # Errors
    /// An environment that it is not in, or whose place could be several.
    pub fn places(&self, environment: &str) -> Result<&[Place], LayoutError> {
        if let Some(why) = self.doubts.get(environment) {
            return Err(LayoutError::Doubtful {
                app: self.name.clone(),
                environment: environment.to_owned(),
                why: why.clone(),
            });
        }
        let places = self.places.get(environment).filter(|places| !places.is_empty());
        let places = places.map(Vec::as_slice).or_else(|| self.places_in_folder(environment));
        places.ok_or_else(|| LayoutError::NoEnvironment {
            app: self.name.clone(),
            environment: environment.to_owned(),
            known: self.places.keys().cloned().collect(),
        })
    }

    /// Returns what the pages of repositories show of it.
    pub fn summary(&self) -> FoundApp {
        FoundApp {
            name: self.name.clone(),
            base_path: self.base_path.clone(),
            layout: self.layout.words().to_owned(),
            environments: self.places.keys().cloned().collect(),
        }
    }

    fn places_in_folder(&self, name: &str) -> Option<&[Place]> {
        let is_named = |place: &Place| place.folder.as_deref().is_some_and(|folder| last_of(folder) == name);
        self.places.values().map(Vec::as_slice).find(|places| matches!(places, [one] if is_named(one)))
    }
}

impl Layout {
    /// Returns how it is called.
    pub fn words(self) -> &'static str {
        match self {
            Self::Kustomize => "kustomize overlays",
            Self::Helm => "Helm values",
            Self::Plain => "plain manifests",
            Self::Applications => "Applications",
            Self::ApplicationSet => "inputs of an ApplicationSet",
        }
    }
}

impl Carrier {
    /// Returns whether what this one holds travels to the other: the same role and the same field. In which document a
    /// field is does not count: objects are called otherwise in every environment.
    pub fn pairs_with(&self, other: &Self) -> bool {
        let is_same = match (&self.what, &other.what) {
            (What::Images, What::Images) | (What::File, What::File) => true,
            (What::Field(field), What::Field(theirs)) => {
                field.path == theirs.path || is_of_element(field) && is_of_element(theirs)
            }
            _ => false,
        };
        is_same && self.role == other.role
    }
}

/// Returns why a layout's pattern is none.
pub(in crate::git) fn is_pattern(rule: &LayoutRule) -> Result<(), String> {
    patterns::Pattern::compile(rule).map(|_| ())
}

/// Whether a field is of an element of an ApplicationSet's list, whose role says which.
fn is_of_element(field: &Field) -> bool {
    let Document::Where(conditions) = &field.document else { return false };
    conditions.iter().any(|(_, text)| text == "ApplicationSet")
}

/// The folder that a path is in, and its last part.
pub(in crate::git) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

pub(in crate::git) fn last_of(path: &str) -> &str {
    split(path).1
}

pub(in crate::git) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// A path's folders from the inside out, itself first, without the root.
pub(in crate::git) fn upwards(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path).filter(|it| !it.is_empty()), |it| it.rsplit_once('/').map(|(up, _)| up))
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => "none".to_owned(),
        count if count > SHOWN => format!("{shown} and {} more", count - SHOWN),
        _ => shown,
    }
}
