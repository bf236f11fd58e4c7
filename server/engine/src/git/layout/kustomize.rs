//! Kustomize overlays: one folder with a kustomization for each environment.

use super::{
    Carrier, Layout, Place, What,
    documents::Node,
    join, last_of,
    shelf::Shelf,
    sketch::{Sketch, Where, base_of},
    split, upwards,
    words::{Named, Words},
};
use crate::git::tree::File;

/// The names of the folders that hold one folder per environment.
pub(super) const HOLDERS: [&str; 6] = ["overlays", "overlay", "envs", "env", "environments", "environment"];
/// The names that kustomize looks for, in its order (`api/konfig/general.go`).
pub(in crate::git) const KUSTOMIZATIONS: [&str; 3] =
    ["kustomization.yaml", "kustomization.yml", "Kustomization"];
/// What a kustomization takes files and folders from.
pub(in crate::git) const LISTS: [&str; 12] = [
    "resources",
    "bases",
    "components",
    "patches",
    "patchesStrategicMerge",
    "patchesJson6902",
    "crds",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "replacements",
];
/// Folders that are parts of apps, and no app or environment of their own.
pub(super) const PARTS: [&str; 11] = [
    "base",
    "bases",
    "common",
    "component",
    "components",
    "crds",
    "patches",
    "shared",
    "templates",
    "variant",
    "variants",
];
/// Folders whose environments hold what belongs to clusters, such as Applications.
pub(super) const CLUSTERS: [&str; 6] =
    ["applications", "applicationsets", "argocd", "bootstrap", "cluster", "clusters"];

/// Finds the overlays.
pub(super) fn find(shelf: &Shelf<'_>, words: &Words, sketch: &mut Sketch) {
    for (folder, files) in shelf.folders() {
        let Some(file) = kustomization(files) else { continue };
        if sketch.is_taken(folder) {
            continue;
        }
        match overlay(shelf, folder, words) {
            Ok(Some((base, at))) => sketch.add(&base, Layout::Kustomize, at, place(folder, file)),
            Ok(None) => {}
            Err(why) => sketch.tell(folder, why),
        }
    }
}

/// Tells the kustomizations that are neither an overlay nor a part of an app.
pub(super) fn tell_unplaced(shelf: &Shelf<'_>, sketch: &mut Sketch) {
    let mut outermost: Option<&str> = None;
    for (folder, files) in shelf.folders() {
        let is_inside =
            outermost.is_some_and(|it| folder.strip_prefix(it).is_some_and(|rest| rest.starts_with('/')));
        let is_part = folder.split('/').any(|part| PARTS.contains(&part) || CLUSTERS.contains(&part));
        if kustomization(files).is_none() || is_inside || is_part || sketch.is_in_app(folder) {
            continue;
        }
        outermost = Some(folder);
        let holder = upwards(split(folder).0).find(|it| HOLDERS.contains(&last_of(split(it).0)));
        let why = match holder {
            Some(holder) => format!(
                "its kustomization is below the environment {}: add a layout to the rules that says which part names the \
                 app, e.g. {{environment}}/{{app}}",
                last_of(holder)
            ),
            None => "it has a kustomization, and no folder for each environment: make overlays/<environment>, or add a \
                     layout to the rules"
                .to_owned(),
        };
        sketch.tell(folder, why);
    }
}

/// Returns the kustomization that kustomize would take of the files of a folder.
pub(super) fn kustomization<'t>(files: &[&'t File]) -> Option<&'t File> {
    KUSTOMIZATIONS.iter().find_map(|name| files.iter().copied().find(|file| last_of(&file.path) == *name))
}

/// The place that an overlay makes.
pub(super) fn place(folder: &str, file: &File) -> Place {
    let carrier = Carrier { role: KUSTOMIZATIONS[0].to_owned(), file: file.path.clone(), what: What::Images };
    Place { folder: Some(folder.to_owned()), carriers: vec![carrier], ..Place::default() }
}

/// The base path and the environment of a folder that an environment's files are in.
///
/// # Errors
/// A name that could mean several things, in words.
pub(super) fn overlay(
    shelf: &Shelf<'_>,
    folder: &str,
    words: &Words,
) -> Result<Option<(String, Where)>, String> {
    let (base, holder) = base_of(folder);
    let (parent, name) = split(folder);
    if folder.is_empty() || PARTS.contains(&name) {
        return Ok(None);
    }
    let at = Where::of_folder(folder, words)?;
    if holder.is_some() {
        return Ok(at.map(|at| (base, at)));
    }
    let Some(at) = at else { return Ok(None) };
    if PARTS.contains(&last_of(parent)) || CLUSTERS.contains(&last_of(parent)) {
        return Ok(None);
    }
    // `apps/web/prod-eu` is a region, `apps/web-prod` an app: beside other environments or a base it is the former.
    if at.region.is_some() && !is_root_of_app(shelf, parent, words) {
        return Err(format!(
            "{name} could be an app in {0} or a region of {0}: add a layout to the rules, e.g. {1} or {2}",
            at.environment,
            join(parent, "{app}-{environment}"),
            join(parent, "{environment}-{region}")
        ));
    }
    Ok(Some((base, at)))
}

/// Whether a folder has the parts of one app in it.
fn is_root_of_app(shelf: &Shelf<'_>, folder: &str, words: &Words) -> bool {
    let skip = if folder.is_empty() { 0 } else { folder.len() + 1 };
    let mut children =
        shelf.below(folder).filter_map(|it| it.get(skip..)?.split('/').next().filter(|it| !it.is_empty()));
    children.any(|child| PARTS.contains(&child) || words.exactly(child).is_some())
}

/// What a kustomization reads from, by kind: the value and its line.
pub(in crate::git) fn references<'n>(
    kustomization: &'n Node,
    lists: &'n [&'n str],
) -> impl Iterator<Item = (&'n str, u32)> {
    let list = |key: &&'n str| kustomization.get(key).map(Node::items).unwrap_or_default();
    lists.iter().flat_map(list).filter_map(|item| {
        let text = item.text().or_else(|| item.text_at(&["path"]))?;
        // A patch may stand there itself.
        (!text.contains('\n')).then_some((text, item.line))
    })
}

/// Whether a name is an environment's, alone or below a folder of environments.
pub(super) fn names_environment(name: &str, words: &Words) -> bool {
    matches!(words.named_in(name), Named::One(_))
}
