//! Plain manifests: a folder for each environment, without a kustomization or a chart.

use std::collections::BTreeMap;

use super::{
    Layout, Place,
    applications::{may_hold_objects, read_objects},
    kustomize,
    shelf::{Shelf, is_yaml},
    sketch::{Sketch, Where},
    words::Words,
};
use crate::git::tree::{File, Tree};

/// Finds the folders. Of each app one file is read, to see whether it is a manifest.
pub(super) fn find(tree: &Tree<'_>, shelf: &Shelf<'_>, words: &Words, sketch: &mut Sketch) {
    let mut by_base: BTreeMap<String, Vec<(&str, Where)>> = BTreeMap::new();
    for (folder, files) in shelf.folders() {
        let is_candidate = files.iter().any(|file| is_yaml(file))
            && kustomize::kustomization(files).is_none()
            && !sketch.is_taken(folder)
            && shelf.outermost_with(folder, "Chart.yaml").is_none();
        if !is_candidate {
            continue;
        }
        match kustomize::overlay(shelf, folder, words) {
            Ok(Some((base, at))) => by_base.entry(base).or_default().push((folder, at)),
            Ok(None) => {}
            // A plain folder with an odd name is most likely no app at all.
            Err(why) if is_of_manifests(tree, shelf.files(folder), sketch) => sketch.tell(folder, why),
            Err(_) => {}
        }
    }
    for (base, places) in by_base {
        if !places.iter().any(|(folder, _)| is_of_manifests(tree, shelf.files(folder), sketch)) {
            continue;
        }
        for (folder, at) in places {
            sketch.add(
                &base,
                Layout::Plain,
                at,
                Place { folder: Some(folder.to_owned()), ..Place::default() },
            );
        }
    }
}

/// Whether the first file is a manifest of what runs; Applications are not.
fn is_of_manifests(tree: &Tree<'_>, files: &[&File], sketch: &mut Sketch) -> bool {
    let Some(file) = files.iter().find(|file| is_yaml(file)) else { return false };
    sketch.look_into(&file.path);
    tree.content(&file.path, file.id).is_ok_and(|bytes| {
        contains(&bytes, b"kind") && contains(&bytes, b"apiVersion") && !is_argo_cds(&bytes)
    })
}

/// Whether a file holds Argo CD's own objects; an annotation of Argo CD alone makes none.
fn is_argo_cds(bytes: &[u8]) -> bool {
    let is_project = || contains(bytes, b"kind: AppProject");
    let holds = || read_objects(bytes).map_or(true, |objects| !objects.is_empty());
    may_hold_objects(bytes) && (is_project() || holds())
}

/// Whether bytes hold a word.
pub(in crate::git) fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|it| it == word)
}
