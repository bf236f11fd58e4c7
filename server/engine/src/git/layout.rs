//! Which apps a repository has, in which environments, and in which files: found by the layouts that people use.
//!
//! Understood so far: kustomize overlays, `<base path>/overlays/<environment>` and `<base path>/envs/<environment>`.
//! The base path is the app's identity; where it is a folder of many (`apps/overlays/dev`), that is one app.

use std::collections::BTreeMap;

use model::repository::NotUnderstood;

use super::{
    edit::Field,
    rules::Rules,
    tree::{Tree, TreeError},
};

/// The names of the folders that hold one folder per environment.
const HOLDERS: [&str; 3] = ["overlays", "envs", "environments"];
/// The names that kustomize looks for, in its order (`api/konfig/general.go`).
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// What was found in a repository.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// In the order of their base paths.
    pub apps: Vec<App>,
    /// What looks like an app and is none that is understood.
    pub not_understood: Vec<NotUnderstood>,
}

/// An app: one product over its environments.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct App {
    /// By which people and policies name it: the id of a rule, else the last folder of the base path.
    pub name: String,
    /// Where it lives, e.g. `apps/web-app`; empty at the root of the repository.
    pub base_path: String,
    pub layout: Layout,
    /// By environment: where it is defined; several where an environment has several regions.
    pub places: BTreeMap<String, Vec<Place>>,
}

/// How an app is laid out.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Layout {
    /// One kustomization for each environment.
    Kustomize,
}

/// Where an app is defined for an environment (and a region).
#[derive(Clone, Debug, Eq, PartialEq)]
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

/// A field, or several, that travel between the places of an app: those of the same role and kind belong together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Carrier {
    /// The name that the file has in every environment, e.g. `kustomization.yaml`.
    pub role: String,
    /// The path in the repository.
    pub file: String,
    pub what: What,
}

/// What of a file travels.
#[derive(Clone, Debug, Eq, PartialEq)]
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
}

/// Finds the apps of a repository.
///
/// # Errors
/// A tree that cannot be read.
pub fn discover(tree: &Tree<'_>, _rules: &Rules) -> Result<Found, TreeError> {
    let mut kustomizations: BTreeMap<(String, String), (String, String)> = BTreeMap::new();
    let (files, _) = tree.files("")?;
    for file in &files {
        let Some((base_path, environment, folder)) = overlay_of(&file.path) else { continue };
        let key = (base_path.to_owned(), environment.to_owned());
        let known = kustomizations.entry(key).or_insert_with(|| (folder.to_owned(), file.path.clone()));
        if rank(&file.path) < rank(&known.1) {
            known.1 = file.path.clone();
        }
    }
    let mut apps: BTreeMap<String, App> = BTreeMap::new();
    for ((base_path, environment), (folder, file)) in kustomizations {
        let app = apps.entry(base_path.clone()).or_insert_with(|| App {
            name: last_folder(&base_path).to_owned(),
            base_path,
            layout: Layout::Kustomize,
            places: BTreeMap::new(),
        });
        let carrier = Carrier { role: KUSTOMIZATIONS[0].to_owned(), file, what: What::Images };
        let place = Place { region: None, folder: Some(folder), files: Vec::new(), carriers: vec![carrier] };
        app.places.entry(environment).or_default().push(place);
    }
    Ok(Found { apps: apps.into_values().collect(), not_understood: Vec::new() })
}

/// Finds an app by its base path or its name.
///
/// # Errors
/// None or several of that name; a tree that cannot be read.
pub fn find_app(tree: &Tree<'_>, rules: &Rules, name: &str) -> Result<App, LayoutError> {
    let mut apps = discover(tree, rules)?.apps;
    let mut matching: Vec<_> = (0..apps.len()).filter(|it| apps[*it].base_path == name).collect();
    if matching.is_empty() {
        matching = (0..apps.len()).filter(|it| apps[*it].name == name).collect();
    }
    match matching[..] {
        [one] => Ok(apps.swap_remove(one)),
        [] => {
            let known = apps.into_iter().map(|app| app.name).collect();
            Err(LayoutError::NoApp { name: name.to_owned(), known })
        }
        _ => {
            let paths = matching.into_iter().map(|it| apps[it].base_path.clone()).collect();
            Err(LayoutError::Several { name: name.to_owned(), paths })
        }
    }
}

impl App {
    /// Returns where it is defined for an environment; at least one place.
    ///
    /// # Errors
    /// An environment that it is not in.
    pub fn places(&self, environment: &str) -> Result<&[Place], LayoutError> {
        let places = self.places.get(environment).filter(|places| !places.is_empty());
        places.map(Vec::as_slice).ok_or_else(|| LayoutError::NoEnvironment {
            app: self.name.clone(),
            environment: environment.to_owned(),
            known: self.places.keys().cloned().collect(),
        })
    }
}

/// The last folder of a base path names the app.
fn last_folder(base_path: &str) -> &str {
    base_path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("app")
}

/// The base path, the environment and the folder of the overlay that a kustomization makes.
fn overlay_of(path: &str) -> Option<(&str, &str, &str)> {
    let (folder, file) = path.rsplit_once('/')?;
    if !KUSTOMIZATIONS.contains(&file) {
        return None;
    }
    let (holder, environment) = folder.rsplit_once('/')?;
    let (base_path, holder) = holder.rsplit_once('/').unwrap_or(("", holder));
    HOLDERS.contains(&holder).then_some((base_path, environment, folder))
}

fn rank(path: &str) -> Option<usize> {
    KUSTOMIZATIONS.iter().position(|name| path.ends_with(&format!("/{name}")))
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
