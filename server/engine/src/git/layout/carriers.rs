//! What travels: what rules list, and the images in the patches of an overlay.

use super::{
    App, Carrier, KUSTOMIZATIONS, Layout, Place, What,
    documents::{self, Node},
    join,
    kustomize::references,
    last_of,
    shelf::Shelf,
};
use crate::git::{
    edit::{Document, Field, Images, Limits, Path, Step},
    rules::{Rules, Travel},
    tree::Tree,
};

/// Adds what the rules list for an app, where it is there.
pub(super) fn add_listed(shelf: &Shelf<'_>, rules: &Rules, app: &mut App) {
    let travels: Vec<_> = rules.travels_of(&app.base_path, &app.name).collect();
    if travels.is_empty() {
        return;
    }
    for place in app.places.values_mut().flatten() {
        for travel in &travels {
            match travel {
                Travel::Field { file, field } => add(shelf, place, file, What::Field(field.clone())),
                Travel::File { file } => add(shelf, place, file, What::File),
                Travel::HelmValue { field } => {
                    for (role, file) in values_of(shelf, place) {
                        place.carriers.push(Carrier { role, file, what: What::Field(field.clone()) });
                    }
                }
                // They are added where Applications are read.
                Travel::ChartVersion | Travel::TargetRevision => {}
            }
        }
    }
}

fn add(shelf: &Shelf<'_>, place: &mut Place, role: &str, what: What) {
    let listed = place.files.iter().find(|(name, _)| name == role).map(|(_, path)| path.clone());
    let in_folder = || {
        let folder = place.folder.as_deref()?;
        if role == KUSTOMIZATIONS[0] {
            return super::kustomize::kustomization(shelf.files(folder)).map(|file| file.path.clone());
        }
        Some(shelf.at(&join(folder, role))?.path.clone())
    };
    if let Some(file) = listed.or_else(in_folder) {
        place.carriers.push(Carrier { role: role.to_owned(), file, what });
    }
}

/// The values files of a place: their roles and paths.
fn values_of(shelf: &Shelf<'_>, place: &Place) -> Vec<(String, String)> {
    let is_values =
        |name: &str| name.starts_with("values") && (name.ends_with(".yaml") || name.ends_with(".yml"));
    let listed = place.files.iter().filter(|(role, _)| is_values(role)).cloned();
    let in_folder = place.folder.iter().flat_map(|folder| shelf.files(folder));
    let in_folder = in_folder.map(|file| (last_of(&file.path).to_owned(), file.path.clone()));
    listed.chain(in_folder.filter(|(name, _)| is_values(name))).collect()
}

/// Adds the images of the patches that lie in the folders of an app's overlays. A kustomization without `images` then
/// carries none.
pub(super) fn add_patches(tree: &Tree<'_>, app: &mut App) {
    if app.layout != Layout::Kustomize {
        return;
    }
    for place in app.places.values_mut().flatten() {
        let Some(folder) = place.folder.clone() else { continue };
        let Some(at) = place.carriers.iter().position(|it| it.what == What::Images) else { continue };
        let Ok(bytes) = tree.read(&place.carriers[at].file) else { continue };
        let found = patched_images(tree, &folder, &bytes);
        let has_images =
            || Images::read(&bytes, &Limits::default()).map_or(true, |images| !images.entries.is_empty());
        if !found.is_empty() && !has_images() {
            place.carriers.remove(at);
        }
        for carrier in found {
            if !place.carriers.contains(&carrier) {
                place.carriers.push(carrier);
            }
        }
    }
}

fn patched_images(tree: &Tree<'_>, folder: &str, kustomization: &[u8]) -> Vec<Carrier> {
    const PATCHES: [&str; 2] = ["patches", "patchesStrategicMerge"];
    // Most kustomizations have none, and are not read further.
    if !super::plain::contains(kustomization, b"patches") {
        return Vec::new();
    }
    let Ok(documents) = documents::read(kustomization) else { return Vec::new() };
    let mut found = Vec::new();
    for (name, _) in documents.iter().flat_map(|it| references(it, &PATCHES)) {
        let name = name.strip_prefix("./").unwrap_or(name);
        // What leaves the folder is shared with other environments, and the tree refuses odd paths.
        let Ok(bytes) = tree.read(&join(folder, name)) else { continue };
        let Ok(patches) = documents::read(&bytes) else { continue };
        for patch in &patches {
            let document = if patches.len() == 1 { Some(Document::Only) } else { object_of(patch) };
            let Some(document) = document else { continue };
            for path in images_in(patch) {
                let field = Field { document: document.clone(), path };
                let (role, file) = (name.to_owned(), join(folder, name));
                found.push(Carrier { role, file, what: What::Field(field) });
            }
        }
    }
    found
}

fn object_of(object: &Node) -> Option<Document> {
    Some(Document::of_object(object.text_at(&["kind"])?, object.text_at(&["metadata", "name"])?))
}

/// The paths of the images of a workload's containers, by the names of these.
pub(in crate::git) fn images_in(object: &Node) -> Vec<Path> {
    const PODS: [&[&str]; 3] =
        [&["spec"], &["spec", "template", "spec"], &["spec", "jobTemplate", "spec", "template", "spec"]];
    let mut found = Vec::new();
    for keys in PODS {
        let Some(pod) = object.at(keys) else { continue };
        for list in ["initContainers", "containers"] {
            let containers = pod.get(list).map(Node::items).unwrap_or_default();
            for (index, container) in containers.iter().enumerate() {
                if container.text_at(&["image"]).is_none() {
                    continue;
                }
                let name = container.text_at(&["name"]);
                let is_single = |name: &&str| {
                    containers.iter().filter(|it| it.text_at(&["name"]) == Some(name)).count() == 1
                };
                let element = match name.filter(is_single) {
                    Some(name) => Step::Where { key: "name".to_owned(), value: name.to_owned() },
                    None => Step::Index(index),
                };
                let path: Path = keys.iter().map(|key| Step::Key((*key).to_owned())).collect();
                found.push(path.key(list).step(element).key("image"));
            }
        }
    }
    found
}
