//! Which apps a repository has, in which environments, and in which folders: found by the layouts that people use.
//!
//! Understood so far: kustomize overlays, `<base path>/overlays/<environment>` and `<base path>/envs/<environment>`.
//! The base path is the app's identity; where it is a folder of many (`apps/overlays/dev`), that is one app.

use std::collections::BTreeMap;

use super::tree::{Tree, TreeError};

/// The names of the folders that hold one folder per environment.
const HOLDERS: [&str; 3] = ["overlays", "envs", "environments"];
/// The names that kustomize looks for, in its order (`api/konfig/general.go`).
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// An app: one product over its environments.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct App {
    /// Where it lives, e.g. `apps/web-app`; empty at the root of the repository.
    pub base_path: String,
    /// By environment: its overlay.
    pub overlays: BTreeMap<String, Overlay>,
}

/// An app in an environment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Overlay {
    /// E.g. `apps/web-app/overlays/dev`.
    pub folder: String,
    /// The file that says which images run there.
    pub kustomization: String,
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

/// Finds the apps of a repository, in the order of their base paths.
///
/// # Errors
/// A tree that cannot be read.
pub fn discover(tree: &Tree<'_>) -> Result<Vec<App>, TreeError> {
    let mut apps: BTreeMap<String, App> = BTreeMap::new();
    let (files, _) = tree.files("")?;
    for file in files {
        let Some((base_path, environment, overlay)) = overlay_of(&file.path) else { continue };
        let app = apps
            .entry(base_path.to_owned())
            .or_insert_with(|| App { base_path: base_path.to_owned(), overlays: BTreeMap::new() });
        let known = app.overlays.entry(environment.to_owned()).or_insert_with(|| overlay.clone());
        if rank(&overlay.kustomization) < rank(&known.kustomization) {
            *known = overlay;
        }
    }
    Ok(apps.into_values().collect())
}

/// Finds an app by its base path or its name.
///
/// # Errors
/// None or several of that name; a tree that cannot be read.
pub fn find_app(tree: &Tree<'_>, name: &str) -> Result<App, LayoutError> {
    let mut apps = discover(tree)?;
    let mut matching: Vec<_> = (0..apps.len()).filter(|it| apps[*it].base_path == name).collect();
    if matching.is_empty() {
        matching = (0..apps.len()).filter(|it| apps[*it].name() == name).collect();
    }
    match matching[..] {
        [one] => Ok(apps.swap_remove(one)),
        [] => {
            let known = apps.iter().map(|app| app.name().to_owned()).collect();
            Err(LayoutError::NoApp { name: name.to_owned(), known })
        }
        _ => {
            let paths = matching.into_iter().map(|it| apps[it].base_path.clone()).collect();
            Err(LayoutError::Several { name: name.to_owned(), paths })
        }
    }
}

impl App {
    /// Returns the last folder of the base path, by which people and policies name it.
    pub fn name(&self) -> &str {
        self.base_path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("app")
    }

    /// Returns its overlay of an environment.
    ///
    /// # Errors
    /// An environment that it is not in.
    pub fn overlay(&self, environment: &str) -> Result<&Overlay, LayoutError> {
        self.overlays.get(environment).ok_or_else(|| LayoutError::NoEnvironment {
            app: self.name().to_owned(),
            environment: environment.to_owned(),
            known: self.overlays.keys().cloned().collect(),
        })
    }
}

fn overlay_of(path: &str) -> Option<(&str, &str, Overlay)> {
    let (folder, file) = path.rsplit_once('/')?;
    if !KUSTOMIZATIONS.contains(&file) {
        return None;
    }
    let (holder, environment) = folder.rsplit_once('/')?;
    let (base_path, holder) = holder.rsplit_once('/').unwrap_or(("", holder));
    let overlay = Overlay { folder: folder.to_owned(), kustomization: path.to_owned() };
    HOLDERS.contains(&holder).then_some((base_path, environment, overlay))
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
