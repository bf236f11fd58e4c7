//! Which files of the repository are read where a folder is rendered: its own, and what its kustomization takes from
//! elsewhere.

use std::collections::{BTreeSet, HashSet};

use super::{
    below,
    documents::{self, Node},
    join,
    kustomize::{KUSTOMIZATIONS, LISTS, references},
    last_of,
};
use crate::git::tree::Tree;

/// More files and folders are not followed.
const MOST: usize = 5_000;

/// Returns the files that rendering a folder reads, as far as the repository tells; what is remote, or leaves the
/// repository, is not followed.
pub fn read_by(tree: &Tree<'_>, folder: &str) -> BTreeSet<String> {
    let mut reads = BTreeSet::new();
    let (mut left, mut seen) = (vec![folder.to_owned()], HashSet::new());
    while let Some(folder) = left.pop() {
        if seen.len() + reads.len() >= MOST || !seen.insert(folder.clone()) {
            continue;
        }
        let kustomization = KUSTOMIZATIONS.iter().map(|name| join(&folder, name)).find(|it| tree.has(it));
        let Some(kustomization) = kustomization else {
            // A chart, or plain manifests: all that is there.
            let files = tree.files(&folder).map(|(files, _)| files).unwrap_or_default();
            reads.extend(files.into_iter().take(MOST - reads.len().min(MOST)).map(|file| file.path));
            continue;
        };
        let document = tree.read(&kustomization).ok().and_then(|bytes| documents::read(&bytes).ok());
        reads.insert(kustomization);
        let Some(document) = document.and_then(|it| it.into_iter().next()) else { continue };
        for path in taken(&document).iter().filter_map(|reference| below(&folder, reference)) {
            match tree.is_file(&path) {
                Some(true) => drop(reads.insert(path)),
                Some(false) => left.push(path),
                None => {}
            }
        }
    }
    reads
}

/// What a kustomization takes, relative to its folder.
fn taken(document: &Node) -> Vec<String> {
    let mut found: Vec<_> = references(document, &LISTS).map(|(reference, _)| reference.to_owned()).collect();
    for generator in ["configMapGenerator", "secretGenerator"] {
        for item in document.get(generator).map(Node::items).unwrap_or_default() {
            for list in ["files", "envs"] {
                let items = item.get(list).map(Node::items).unwrap_or_default();
                let texts = items.iter().filter_map(|it| it.text());
                // A key may stand before the file: `key=file`.
                found.extend(texts.map(|it| it.split_once('=').map_or(it, |(_, file)| file).to_owned()));
            }
            found.extend(item.text_at(&["env"]).map(str::to_owned));
        }
    }
    for chart in document.get("helmCharts").map(Node::items).unwrap_or_default() {
        found.extend(chart.text_at(&["valuesFile"]).map(str::to_owned));
        let more = chart.get("additionalValuesFiles").map(Node::items).unwrap_or_default();
        found.extend(more.iter().filter_map(|it| it.text()).map(str::to_owned));
    }
    found.retain(|it| !it.contains("://") && !last_of(it).is_empty());
    found
}
