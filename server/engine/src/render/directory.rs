//! Plain manifests: which files of a folder are read. Source: Argo CD's `findManifests`.

use globset::{GlobBuilder, GlobMatcher};
use serde_json::Value;

use super::{
    error::{NotRendered, shown},
    files::{Chosen, Files},
    object, paths,
    source::Directory,
};

/// A line by which a file says that it is none of Argo CD's.
const SKIP: &str = "+argocd:skip-file-rendering";

/// Chooses the files that hold manifests.
pub(super) fn choose(files: &Files<'_>, folder: &str, directory: &Directory) -> Result<Chosen, NotRendered> {
    if !files.is_folder(folder)? {
        return Err(NotRendered::Missing { path: shown(folder) });
    }
    let (include, exclude) = (pattern(&directory.include)?, pattern(&directory.exclude)?);
    let prefix = paths::join(folder, "");
    let mut chosen = Chosen::default();
    for path in files.below(folder, directory.recurse)? {
        let relative = path.strip_prefix(&prefix).unwrap_or(&path);
        let is_excluded = exclude.as_ref().is_some_and(|it| it.is_match(relative));
        let is_included = include.as_ref().is_none_or(|it| it.is_match(relative));
        if is_excluded || !is_included {
            continue;
        }
        match relative.rsplit_once('.').map_or("", |(_, end)| end) {
            "yaml" | "yml" | "json" => files.choose(&mut chosen, &path)?,
            "jsonnet" => {
                return Err(NotRendered::Plugin { place: shown(&path), plugin: "Jsonnet".to_owned() });
            }
            _ => {}
        }
    }
    Ok(chosen)
}

/// Reads the manifests.
pub(super) fn read(files: &Files<'_>, chosen: &Chosen) -> Result<Vec<Value>, NotRendered> {
    let mut values = Vec::new();
    for path in chosen.files.keys() {
        let bytes = files.read(path)?;
        if String::from_utf8_lossy(&bytes).lines().any(|it| it.trim_start_matches(['#', ' ']) == SKIP) {
            continue;
        }
        let unreadable = |why| NotRendered::Unreadable { file: shown(path), why };
        values.extend(object::values_of(&bytes).map_err(unreadable)?);
    }
    Ok(values)
}

/// A pattern in which a star crosses slashes, as in Argo CD.
fn pattern(text: &str) -> Result<Option<GlobMatcher>, NotRendered> {
    if text.is_empty() {
        return Ok(None);
    }
    let glob = GlobBuilder::new(text).literal_separator(false).build();
    let glob = glob.map_err(|error| NotRendered::Source { why: format!("directory: {error}") })?;
    Ok(Some(glob.compile_matcher()))
}
