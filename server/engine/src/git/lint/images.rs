//! The images of the workloads that a kustomization takes from the repository.

use std::{collections::HashMap, rc::Rc};

use model::repository::Severity;

use super::{Report, kustomizations::kustomization_in, reading::Reading};
use crate::git::layout::{
    below,
    documents::{Node, Value},
    references,
};

/// Tags that name something else tomorrow.
const FLOATING: [&str; 12] = [
    "latest",
    "main",
    "master",
    "trunk",
    "develop",
    "development",
    "dev",
    "stable",
    "edge",
    "nightly",
    "canary",
    "snapshot",
];
/// More images of one app are not compared.
const MOST_IMAGES: usize = 2_000;

/// An image of a container, and where it is written.
#[derive(Clone, Debug)]
pub(super) struct Used {
    pub(super) name: String,
    tag: Option<String>,
    has_digest: bool,
    file: Rc<str>,
    line: u32,
}

/// The images of a folder's kustomization, as far as they were found.
#[derive(Clone, Debug)]
pub(super) struct Images {
    pub(super) images: Vec<Used>,
    /// Whether nothing comes from elsewhere and all could be read.
    pub(super) is_whole: bool,
}

/// The images by folders, each read once.
#[derive(Default)]
pub(super) struct Workloads {
    known: HashMap<String, Rc<Images>>,
}

pub(super) fn is_floating(tag: &str) -> bool {
    FLOATING.iter().any(|it| tag.eq_ignore_ascii_case(it))
}

impl Workloads {
    /// Reads what a folder's kustomization takes from the repository, `depth` kustomizations deep.
    pub(super) fn of(&mut self, reading: &mut Reading<'_>, folder: &str, depth: usize) -> Rc<Images> {
        if let Some(known) = self.known.get(folder) {
            return Rc::clone(known);
        }
        // What leads back here finds nothing, and is not whole.
        let nothing = Rc::new(Images { images: Vec::new(), is_whole: false });
        self.known.insert(folder.to_owned(), Rc::clone(&nothing));
        let Some(depth) = depth.checked_sub(1) else { return nothing };
        let images = Rc::new(self.read(reading, folder, depth));
        self.known.insert(folder.to_owned(), Rc::clone(&images));
        images
    }

    fn read(&mut self, reading: &mut Reading<'_>, folder: &str, depth: usize) -> Images {
        const OWN: [&str; 5] = ["resources", "bases", "components", "patches", "patchesStrategicMerge"];
        const FROM_ELSEWHERE: [&str; 5] =
            ["helmCharts", "helmChartInflationGenerator", "generators", "transformers", "configurations"];
        let mut found = Images { images: Vec::new(), is_whole: true };
        let document = kustomization_in(reading, folder).and_then(|it| reading.documents(&it).ok());
        let Some(document) = document.and_then(|it| it.into_iter().next()) else {
            return Images { is_whole: false, ..found };
        };
        if FROM_ELSEWHERE.iter().any(|key| document.get(key).is_some()) {
            found.is_whole = false;
        }
        let has_inline = document.get("patches").map(Node::items).unwrap_or_default();
        // A patch that stands there itself may bring a container.
        found.is_whole &=
            !has_inline.iter().any(|it| it.text_at(&["patch"]).is_some_and(|it| it.contains("containers")));
        for (reference, _) in references(&document, &OWN) {
            match below(folder, reference) {
                Some(path) if reading.has_file(&path) => found.add_file(reading, &path),
                Some(path) if reading.has_folder(&path) => {
                    let base = self.of(reading, &path, depth);
                    found.is_whole &= base.is_whole;
                    found.images.extend(base.images.iter().cloned());
                }
                _ => found.is_whole = false,
            }
        }
        if found.images.len() > MOST_IMAGES {
            found.images.truncate(MOST_IMAGES);
            found.is_whole = false;
        }
        found
    }
}

impl Images {
    fn add_file(&mut self, reading: &mut Reading<'_>, path: &str) {
        let Ok(documents) = reading.documents(path) else {
            self.is_whole = false;
            return;
        };
        for document in &documents {
            collect(document, path, &mut self.images);
        }
    }
}

/// Finds the images of all lists of containers, wherever they are: as kustomize does.
pub(super) fn collect(node: &Node, path: &str, found: &mut Vec<Used>) {
    let file: Rc<str> = Rc::from(path);
    collect_in(node, &file, found);
}

fn collect_in(node: &Node, file: &Rc<str>, found: &mut Vec<Used>) {
    if found.len() > MOST_IMAGES {
        return;
    }
    match &node.value {
        Value::Scalar { .. } => {}
        Value::List(items) => items.iter().for_each(|item| collect_in(item, file, found)),
        Value::Map(entries) => {
            for entry in entries {
                if matches!(entry.key.as_str(), "containers" | "initContainers") {
                    found.extend(entry.node.items().iter().filter_map(|it| Used::of(it, file)));
                } else {
                    collect_in(&entry.node, file, found);
                }
            }
        }
    }
}

impl Used {
    fn of(container: &Node, file: &Rc<str>) -> Option<Self> {
        let image = container.get("image")?;
        let text = image.text()?;
        let (rest, has_digest) = text.split_once('@').map_or((text, false), |(rest, _)| (rest, true));
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag.to_owned())),
            _ => (rest, None),
        };
        Some(Self { name: name.to_owned(), tag, has_digest, file: Rc::clone(file), line: image.line })
    }

    /// Tells an image without a version of its own.
    pub(super) fn tell_version(&self, report: &mut Report) {
        let Self { name, tag, has_digest, file, line } = self;
        match tag {
            _ if *has_digest => {}
            None => {
                let what = format!("{name} has no tag, which means latest, and nothing gives it one.");
                report.add(
                    Severity::Warning,
                    "no-tag",
                    file,
                    Some(*line),
                    what,
                    "Name a version or a digest.",
                );
            }
            Some(tag) if is_floating(tag) => {
                let what = format!("{name} has the tag {tag}, which names another image tomorrow.");
                report.add(
                    Severity::Warning,
                    "floating-tag",
                    file,
                    Some(*line),
                    what,
                    "Name a version or a digest.",
                );
            }
            Some(_) => {}
        }
    }
}
