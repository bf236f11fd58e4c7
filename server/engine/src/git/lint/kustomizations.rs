//! Checks of kustomizations: what they read, where they render to, and which images they name.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use model::repository::Severity;

use super::{
    Report,
    images::{Workloads, is_floating},
    reading::{NotRead, Reading},
};
use crate::git::layout::{
    Found, KUSTOMIZATIONS, LISTS, below, documents::Node, join, last_of, references, split, words::Named,
};

pub(super) fn check(reading: &mut Reading<'_>, found: &Found, report: &mut Report) {
    let environments = environments_by_folder(found);
    let mut by_folder: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in reading.paths() {
        let (folder, name) = split(path);
        if KUSTOMIZATIONS.contains(&name) {
            by_folder.entry(folder.to_owned()).or_default().push(path.to_owned());
        }
    }
    let mut workloads = Workloads::default();
    for (folder, mut files) in by_folder {
        files.sort_by_key(|path| KUSTOMIZATIONS.iter().position(|name| last_of(path) == *name));
        if let [_, second, ..] = files.as_slice() {
            let what = format!("{folder} has several kustomizations, for which kustomize refuses it.");
            report.add(Severity::Error, "several-kustomizations", second, None, what, "Keep one of them.");
        }
        let Some(file) = files.first() else { continue };
        let documents = match reading.documents(file) {
            Ok(documents) => documents,
            Err(NotRead::Unreadable(error)) => {
                let (what, line) = (format!("It cannot be read: {error}."), line_in(&error.to_string()));
                report.add(Severity::Error, "unreadable", file, line, what, "Correct the file.");
                continue;
            }
            Err(NotRead::TooLarge(error)) => {
                report.add(Severity::Error, "unreadable", file, None, format!("{error}."), "Split the file.");
                continue;
            }
            Err(NotRead::Skipped) => continue,
        };
        let Some(document) = documents.first() else { continue };
        let mut checked = Kustomization { folder: &folder, file, document, reading, report };
        checked.references();
        checked.images();
        if let Some(environment) = environments.get(folder.as_str()) {
            checked.namespace(environment);
            checked.images_of_base(&mut workloads);
        }
    }
}

/// The environment that each overlay is of.
fn environments_by_folder(found: &Found) -> BTreeMap<&str, &str> {
    let places = found.apps.iter().flat_map(|app| &app.places);
    let folders = places.flat_map(|(environment, places)| {
        places.iter().filter_map(|it| Some((it.folder.as_deref()?, environment.as_str())))
    });
    folders.collect()
}

struct Kustomization<'k, 'a> {
    folder: &'k str,
    file: &'k str,
    document: &'k Rc<Node>,
    reading: &'k mut Reading<'a>,
    report: &'k mut Report,
}

impl Kustomization<'_, '_> {
    fn add(&mut self, severity: Severity, check: &str, line: u32, what: String, mend: &str) {
        self.report.add(severity, check, self.file, Some(line), what, mend);
    }

    fn references(&mut self) {
        let document = Rc::clone(self.document);
        for (reference, line) in references(&document, &LISTS) {
            if is_remote(reference) {
                let what = format!(
                    "{reference} is fetched from elsewhere at every rendering, and may change there."
                );
                self.add(Severity::Warning, "remote-base", line, what, "Copy it into the repository.");
                continue;
            }
            match below(self.folder, reference) {
                None => {
                    let what = format!("{reference} leaves the repository.");
                    self.add(
                        Severity::Error,
                        "leaves-repository",
                        line,
                        what,
                        "Put what is meant into the repository.",
                    );
                }
                Some(path) if self.reading.has_file(&path) || (self.reading.has_folder(&path)) => {}
                Some(path) => {
                    let what = format!("{reference} is not there: {path} is neither a file nor a folder.");
                    self.add(
                        Severity::Error,
                        "missing-base",
                        line,
                        what,
                        "Correct the path, or add what is missing.",
                    );
                }
            }
        }
    }

    fn images(&mut self) {
        let document = Rc::clone(self.document);
        let mut seen: BTreeMap<&str, (Option<&str>, Option<&str>)> = BTreeMap::new();
        for image in document.get("images").map(Node::items).unwrap_or_default() {
            let name = image.text_at(&["name"]).unwrap_or_default();
            for key in ["newTag", "digest", "newName"] {
                let Some(value) = image.get(key).filter(|it| it.is_typed()) else { continue };
                let text = value.text().unwrap_or_default();
                let what = format!(
                    "{key} of {name} is {text} without quotes, which is no text: kustomize refuses the file."
                );
                self.add(
                    Severity::Error,
                    "unquoted-tag",
                    value.line,
                    what,
                    &format!("Write {key}: \"{text}\"."),
                );
            }
            let (tag, digest) = (image.text_at(&["newTag"]), image.text_at(&["digest"]));
            if digest.is_none()
                && let Some(tag) = tag.filter(|it| is_floating(it))
            {
                let line = image.get("newTag").map_or(image.line, |it| it.line);
                let what = format!("{name} has the tag {tag}, which names another image tomorrow.");
                self.add(Severity::Warning, "floating-tag", line, what, "Name a version or a digest.");
            }
            if tag.is_none() && digest.is_none() && image.get("newName").is_none() {
                let what =
                    format!("The entry of {name} says neither a tag nor a digest, so it changes nothing.");
                self.add(
                    Severity::Warning,
                    "no-tag",
                    image.line,
                    what,
                    "Add newTag or digest, or remove the entry.",
                );
            }
            match seen.insert(name, (tag, digest)) {
                Some(before) if before != (tag, digest) => {
                    let what = format!("{name} is listed twice with different versions; the last one wins.");
                    self.add(Severity::Warning, "image-twice", image.line, what, "Keep one of the entries.");
                }
                _ => {}
            }
        }
    }

    fn namespace(&mut self, environment: &str) {
        let Some(namespace) = self.document.get("namespace") else { return };
        let Some(text) = namespace.text() else { return };
        let other = match self.reading.words.named_in(text) {
            Named::One(stage) if stage.environment != environment => stage.environment,
            _ => return,
        };
        let (line, what) = (
            namespace.line,
            format!("This is {environment}'s overlay, and it renders into {text}, the namespace of {other}."),
        );
        let mend = format!("Name {environment}'s namespace.");
        self.add(Severity::Error, "foreign-namespace", line, what, &mend);
    }

    /// Compares the entries with the images that the base has, where all of it is in the repository.
    fn images_of_base(&mut self, workloads: &mut Workloads) {
        let entries = self.document.get("images").map(Node::items).unwrap_or_default();
        let used = workloads.of(self.reading, self.folder, 16);
        let names: BTreeSet<_> = entries.iter().filter_map(|it| it.text_at(&["name"])).collect();
        let renamed: BTreeSet<_> = entries.iter().filter_map(|it| it.text_at(&["newName"])).collect();
        let is_used = |name: &str| used.images.iter().any(|it| it.name == name) || renamed.contains(name);
        if used.is_whole {
            for entry in entries {
                let Some(name) = entry.text_at(&["name"]).filter(|name| !is_used(name)) else { continue };
                let known: BTreeSet<_> = used.images.iter().map(|it| it.name.as_str()).collect();
                let known: Vec<_> = known.into_iter().take(5).collect();
                let there = if known.is_empty() {
                    "has no images".to_owned()
                } else {
                    format!("has {}", known.join(", "))
                };
                let what = format!(
                    "{name} matches no image, so the entry changes nothing: what is rendered {there}."
                );
                self.add(
                    Severity::Warning,
                    "unused-image",
                    entry.line,
                    what,
                    "Correct the name, or remove the entry.",
                );
            }
        }
        for image in used.images.iter().filter(|it| !names.contains(it.name.as_str())) {
            image.tell_version(self.report);
        }
    }
}

/// What kustomize would fetch: an address, or a repository by its host.
fn is_remote(reference: &str) -> bool {
    let first = reference.split('/').next().unwrap_or_default();
    reference.contains("://")
        || reference.contains("?ref=")
        || reference.starts_with("git@")
        || reference.starts_with("git::")
        || matches!(first, "github.com" | "gitlab.com" | "bitbucket.org")
}

/// The line that an error begins with.
fn line_in(error: &str) -> Option<u32> {
    let rest = error.strip_prefix("line ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The path of the kustomization of a folder.
pub(super) fn kustomization_in(reading: &Reading<'_>, folder: &str) -> Option<String> {
    KUSTOMIZATIONS.iter().map(|name| join(folder, name)).find(|path| reading.has_file(path))
}
