//! Checks of manifests: Secrets in plain text, and the images of plain folders.

use model::repository::Severity;

use super::{
    Report, images,
    reading::{NotRead, Reading},
};
use crate::git::layout::{Found, Layout, contains, documents::Node, words::Named};

pub(super) fn check(reading: &mut Reading<'_>, found: &Found, report: &mut Report) {
    let paths: Vec<_> = reading.paths().filter(|path| is_yaml(path)).map(str::to_owned).collect();
    for path in paths {
        let Ok(bytes) = reading.bytes(&path) else { continue };
        if !contains(&bytes, b"Secret") {
            continue;
        }
        // Templates of charts are no YAML yet.
        let Ok(documents) = crate::git::layout::documents::read(&bytes) else { continue };
        for document in &documents {
            tell_secret(document, &path, report);
        }
    }
    let plain = found.apps.iter().filter(|app| app.layout == Layout::Plain);
    for (environment, places) in plain.flat_map(|app| &app.places) {
        for folder in places.iter().filter_map(|it| it.folder.as_deref()) {
            let paths: Vec<_> =
                reading.below(folder).filter(|path| is_yaml(path)).map(str::to_owned).collect();
            for path in paths {
                check_plain(reading, &path, environment, report);
            }
        }
    }
}

fn check_plain(reading: &mut Reading<'_>, path: &str, environment: &str, report: &mut Report) {
    let documents = match reading.documents(path) {
        Ok(documents) => documents,
        Err(NotRead::Unreadable(error)) => {
            let what = format!("It cannot be read: {error}.");
            report.add(Severity::Error, "unreadable", path, None, what, "Correct the file.");
            return;
        }
        Err(NotRead::TooLarge(error)) => {
            report.add(Severity::Error, "unreadable", path, None, format!("{error}."), "Split the file.");
            return;
        }
        Err(NotRead::Skipped) => return,
    };
    for document in &documents {
        let mut used = Vec::new();
        images::collect(document, path, &mut used);
        used.iter().for_each(|image| image.tell_version(report));
        let Some(namespace) = document.at(&["metadata", "namespace"]) else { continue };
        let text = namespace.text().unwrap_or_default();
        if let Named::One(stage) = reading.words.named_in(text)
            && stage.environment != environment
        {
            let other = &stage.environment;
            let what = format!(
                "This is {environment}'s folder, and it deploys into {text}, the namespace of {other}."
            );
            let mend = format!("Name {environment}'s namespace.");
            report.add(Severity::Error, "foreign-namespace", path, Some(namespace.line), what, mend);
        }
    }
}

/// A Secret with values; one that `sops` has encrypted is none. Values are not shown.
fn tell_secret(document: &Node, path: &str, report: &mut Report) {
    let is_secret =
        document.text_at(&["kind"]) == Some("Secret") && document.text_at(&["apiVersion"]) == Some("v1");
    if !is_secret || document.get("sops").is_some() {
        return;
    }
    let keys = ["data", "stringData"].iter().filter_map(|key| document.get(key));
    let filled = keys.flat_map(Node::entries).find(|it| it.node.text().is_some_and(|text| !text.is_empty()));
    if let Some(entry) = filled {
        let name = document.text_at(&["metadata", "name"]).unwrap_or("without a name");
        let what = format!(
            "The Secret {name} has its values in the repository, where all who read it can read them."
        );
        let mend =
            "Change the values, remove them here, and take them from a store of secrets or encrypt them.";
        report.add(Severity::Warning, "plain-secret", path, Some(entry.line), what, mend);
    }
}

fn is_yaml(path: &str) -> bool {
    path.ends_with(".yaml") || path.ends_with(".yml")
}
