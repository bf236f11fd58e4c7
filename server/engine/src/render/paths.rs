//! Paths inside of a repository, as texts: no disk is asked, and none leads out.

use super::error::{NotRendered, shown};

/// Returns a reference from a folder as a path from the root, without dots. The root is the empty path.
pub(super) fn normal(reference: &str, folder: &str, file: &str) -> Result<String, NotRendered> {
    let outside = || NotRendered::Outside { file: shown(file), reference: shown(reference) };
    if reference.contains(['\0', '\\']) {
        return Err(NotRendered::Path { path: shown(reference), why: "it has a NUL or a backslash" });
    }
    if reference.starts_with('/') {
        return Err(outside());
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in reference.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or_else(outside)?;
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Returns the folder of a file.
pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}
