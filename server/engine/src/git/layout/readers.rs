//! Which files the manifests of a folder are made from, as far as kustomizations name them.

use std::collections::BTreeSet;

use super::{
    documents, join,
    kustomize::{KUSTOMIZATIONS, references},
};
use crate::git::tree::Tree;

/// The lists of a kustomization that name files and folders.
const LISTS: [&str; 5] = ["resources", "bases", "components", "patches", "patchesStrategicMerge"];
/// So many kustomizations are followed from one.
const MOST: usize = 200;

/// Returns the files that a folder's kustomization reads outside of the folder, through bases and components. What cannot
/// be read is left out.
pub fn read_by(tree: &Tree<'_>, folder: &str) -> BTreeSet<String> {
    let (mut read, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut next = vec![folder.to_owned()];
    while let Some(folder) = next.pop() {
        if seen.len() >= MOST || !seen.insert(folder.clone()) {
            continue;
        }
        for name in KUSTOMIZATIONS {
            let path = join(&folder, name);
            let Ok(bytes) = tree.read(&path) else { continue };
            read.insert(path);
            let documents = documents::read(&bytes).unwrap_or_default();
            for (text, _) in documents.iter().flat_map(|document| references(document, &LISTS)) {
                let Some(path) = within(&folder, text) else { continue };
                read.insert(path.clone());
                next.push(path);
            }
        }
    }
    read
}

/// The path that a reference means; none where it leaves the repository or is none in it.
fn within(folder: &str, reference: &str) -> Option<String> {
    if reference.contains("://") || reference.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|it| !it.is_empty()).collect();
    for part in reference.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn references_stay_in_the_repository() {
        assert_eq!(within("apps/web/overlays/dev", "../../base").as_deref(), Some("apps/web/base"));
        assert_eq!(within("apps/web", "./a//b.yaml").as_deref(), Some("apps/web/a/b.yaml"));
        assert_eq!(within("apps", "../../etc"), None);
        assert_eq!(within("apps", "https://example.com/base"), None);
    }
}
