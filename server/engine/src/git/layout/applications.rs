//! Argo CD's own objects in the repository: Applications, whose charts or sources are elsewhere, and what the generators
//! of ApplicationSets take.

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::{
    Carrier, Layout, Place, What,
    documents::{self, Node, Value},
    join, last_of,
    plain::contains,
    shelf::{Shelf, is_yaml},
    sketch::{Sketch, Where},
    split, upwards,
    words::{Named, Stage, Words},
};
use crate::git::{
    edit::{Document, Field, Path, Unreadable},
    rules::{Rules, Travel},
    tree::{File, Tree},
};

/// By which Argo CD's objects are told from others without parsing.
const GROUP: &[u8] = b"argoproj.io/";
/// More files outside of apps are not opened.
const MOST_FILES: usize = 20_000;
/// How many patterns of ApplicationSets are looked for, of files and of folders each.
const MOST_PATTERNS: usize = 1_000;

/// An object of Argo CD in a file.
#[derive(Debug)]
pub(in crate::git) struct Object {
    pub(in crate::git) name: String,
    pub(in crate::git) kind: Kind,
}

#[derive(Debug)]
pub(in crate::git) enum Kind {
    Application { sources: Vec<Source>, destination: Destination },
    ApplicationSet { inputs: Vec<Input> },
}

/// A source of an Application.
#[derive(Clone, Debug, Default)]
pub(in crate::git) struct Source {
    pub(in crate::git) line: u32,
    pub(in crate::git) repository: Option<String>,
    pub(in crate::git) path: Option<String>,
    pub(in crate::git) chart: Option<String>,
    pub(in crate::git) revision: Option<String>,
    pub(in crate::git) value_files: Vec<String>,
    /// Where its `targetRevision` is in the document.
    field: Path,
}

/// Where an Application deploys to.
#[derive(Clone, Debug, Default)]
pub(in crate::git) struct Destination {
    /// The name or the address of the cluster.
    pub(in crate::git) cluster: Option<String>,
    pub(in crate::git) namespace: Option<String>,
    pub(in crate::git) namespace_line: u32,
}

/// What a generator takes.
#[derive(Debug)]
pub(in crate::git) enum Input {
    /// An element of a list: its path, and its single values by key.
    Element { path: Path, values: Vec<(String, String)> },
    /// A pattern of files.
    Files(String),
    /// A pattern of folders.
    Folders(String),
}

/// Finds them in the files that belong to no app.
pub(super) fn find(tree: &Tree<'_>, shelf: &Shelf<'_>, rules: &Rules, words: &Words, sketch: &mut Sketch) {
    let mut left = MOST_FILES;
    let mut read = Vec::new();
    for (folder, files) in shelf.folders() {
        if sketch.is_in_app(folder) && !holds_objects(folder) || is_of_chart(shelf, folder) {
            continue;
        }
        for file in files.iter().filter(|file| is_yaml(file)) {
            let Some(fewer) = left.checked_sub(1) else {
                sketch.tell(folder, format!("more than {MOST_FILES} files are in no app: the others were not searched for Applications"));
                return;
            };
            left = fewer;
            sketch.look_into(&file.path);
            let Ok(bytes) = tree.content(&file.path, file.id) else { continue };
            if !contains(&bytes, GROUP) {
                continue;
            }
            match read_objects(&bytes) {
                Ok(objects) => read.push((*file, objects)),
                Err(error) => sketch.tell(&file.path, error.to_string()),
            }
        }
    }
    let context = Context { shelf, rules, words };
    let mut patterns = Patterns::default();
    for (file, objects) in &read {
        for object in objects {
            match &object.kind {
                Kind::Application { sources, destination } => {
                    context.add_application(file, object, sources, destination, sketch);
                }
                Kind::ApplicationSet { inputs } => {
                    for input in inputs {
                        match input {
                            Input::Element { path, values } => {
                                context.add_element(file, object, path, values, sketch);
                            }
                            Input::Files(pattern) => patterns.files.extend([pattern.as_str()]),
                            Input::Folders(pattern) => patterns.folders.extend([pattern.as_str()]),
                        }
                    }
                }
            }
        }
    }
    if patterns.are_too_many() {
        let why =
            format!("more than {MOST_PATTERNS} patterns of ApplicationSets: the others were not looked for");
        sketch.tell("", why);
    }
    match (globs_of(&patterns.files), globs_of(&patterns.folders)) {
        (Ok(files), Ok(folders)) => {
            context.add_files(&files, sketch);
            context.add_folders(&folders, sketch);
        }
        (Err(error), _) | (_, Err(error)) => {
            sketch.tell("", format!("the patterns of ApplicationSets cannot be looked for: {error}"));
        }
    }
}

/// The patterns of all ApplicationSets, each once: what they match is looked for in one walk.
#[derive(Default)]
struct Patterns<'a> {
    files: BTreeSet<&'a str>,
    folders: BTreeSet<&'a str>,
}

impl Patterns<'_> {
    fn are_too_many(&self) -> bool {
        self.files.len().max(self.folders.len()) > MOST_PATTERNS
    }
}

/// Reads the Applications and ApplicationSets of a file.
///
/// # Errors
/// What cannot be read.
pub(in crate::git) fn read_objects(bytes: &[u8]) -> Result<Vec<Object>, Unreadable> {
    Ok(documents::read(bytes)?.iter().filter_map(|it| Object::of(it)).collect())
}

/// Whether bytes could hold Argo CD's objects.
pub(in crate::git) fn may_hold_objects(bytes: &[u8]) -> bool {
    contains(bytes, GROUP)
}

struct Context<'a> {
    shelf: &'a Shelf<'a>,
    rules: &'a Rules,
    words: &'a Words,
}

impl Context<'_> {
    fn add_application(
        &self,
        file: &File,
        object: &Object,
        sources: &[Source],
        destination: &Destination,
        sketch: &mut Sketch,
    ) {
        let in_tree =
            sources.iter().find_map(|it| it.path.as_deref().filter(|path| self.shelf.has_folder(path)));
        let known = in_tree
            .and_then(|path| sketch.place_at(path))
            .map(|(base, environment)| (base.to_owned(), environment.to_owned()));
        if let (Some((base, environment)), Some(path)) = (&known, in_tree) {
            let carriers = self.carriers(file, object, base, sources);
            let places = sketch.places_mut(base, environment);
            let place = places.and_then(|it| it.iter_mut().find(|it| it.folder.as_deref() == Some(path)));
            if let Some(place) = place {
                place.carriers.extend(carriers);
            }
            return;
        }
        if in_tree.is_some() {
            // Of this repository and not understood as an app: told where its files are.
            return;
        }
        match self.environment_of(file, object, destination) {
            Ok(Some((at, name))) => {
                let base = format!("{}#{name}", self.base_of(&file.path));
                let carriers = self.carriers(file, object, &base, sources);
                sketch.name(&base, &name);
                sketch.add(&base, Layout::Applications, at, Place { carriers, ..Place::default() });
            }
            Ok(None) => {}
            Err(why) => sketch.tell(&file.path, format!("Application {}: {why}", object.name.escape_debug())),
        }
    }

    /// The environment of an Application and the name of its app: from its folder and file, else from its name, else from
    /// where it deploys to.
    fn environment_of(
        &self,
        file: &File,
        object: &Object,
        destination: &Destination,
    ) -> Result<Option<(Where, String)>, String> {
        let place = self.environment_of_path(&file.path)?;
        let named = match self.words.named_in(&object.name) {
            Named::Several(environments) => {
                return Err(format!("its name holds {}; rename it", environments.join(" and ")));
            }
            Named::One(stage) => Some(stage),
            Named::Nothing => None,
        };
        let of_stage = |stage: &Stage| Where { environment: stage.environment.clone(), region: None };
        let name = named.as_ref().map_or_else(|| object.name.clone(), name_beside);
        let at = match (place, &named) {
            (Some(place), Some(named)) if place.environment != named.environment => {
                return Err(format!(
                    "its file is of {}, its name of {}; move it or rename it",
                    place.environment, named.environment
                ));
            }
            (Some(place), _) => place,
            (None, Some(named)) => of_stage(named),
            (None, None) => {
                let cluster = destination.cluster.as_deref().unwrap_or_default();
                match self.words.named_in(cluster) {
                    Named::One(stage) => of_stage(&stage),
                    _ => return Ok(None),
                }
            }
        };
        Ok(Some((at, name)))
    }

    /// The environment that the folders of a file, or its name, tell.
    fn environment_of_path(&self, path: &str) -> Result<Option<Where>, String> {
        let (folder, name) = split(path);
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let parts = upwards(folder).map(last_of).chain([stem]);
        let mut found: Option<Where> = None;
        for part in parts {
            let Named::One(stage) = self.words.named_in(part) else { continue };
            let at = Where { environment: stage.environment.clone(), region: stage.region() };
            match &found {
                Some(known) if known.environment != at.environment => {
                    return Err(format!("its path holds {} and {}", known.environment, at.environment));
                }
                Some(_) => {}
                // A region in a file's name may as well be an app.
                None if part == stem => found = Some(Where { region: None, ..at }),
                None => found = Some(at),
            }
        }
        Ok(found)
    }

    /// The folder that the folders of environments are in.
    fn base_of<'p>(&self, path: &'p str) -> &'p str {
        let folder = split(path).0;
        let is_environment = |it: &&str| super::kustomize::names_environment(last_of(it), self.words);
        let environment = upwards(folder).filter(is_environment).last();
        environment.map_or(folder, |it| split(it).0)
    }

    fn carriers(&self, file: &File, object: &Object, base: &str, sources: &[Source]) -> Vec<Carrier> {
        let id = base.rsplit(['/', '#']).next().unwrap_or(base);
        let mut found = Vec::new();
        for travel in self.rules.travels_of(base, id) {
            let wanted = |source: &&Source| match travel {
                Travel::ChartVersion => source.chart.is_some(),
                Travel::TargetRevision => source.chart.is_none(),
                _ => false,
            };
            for source in sources.iter().filter(wanted).filter(|it| it.revision.is_some()) {
                let document = Document::of_object("Application", &object.name);
                let field = Field { document, path: source.field.clone() };
                let role = format!("Application of {id}");
                found.push(Carrier { role, file: file.path.clone(), what: What::Field(field) });
            }
        }
        found
    }

    /// An element of a list whose value under a key such as `env` is an environment.
    fn add_element(
        &self,
        file: &File,
        object: &Object,
        path: &Path,
        values: &[(String, String)],
        sketch: &mut Sketch,
    ) {
        const KEYS: [&str; 6] = ["env", "environment", "stage", "cluster", "name", "namespace"];
        let told = KEYS.iter().find_map(|key| {
            let (_, value) = values.iter().find(|(it, _)| it == key)?;
            match self.words.named_in(value) {
                Named::One(stage) => Some(stage),
                _ => None,
            }
        });
        let Some(stage) = told else { return };
        let at = Where { environment: stage.environment.clone(), region: stage.region() };
        let base = format!("{}#{}", split(&file.path).0, object.name);
        let role = last_of(&file.path).to_owned();
        let mut carriers = Vec::new();
        for travel in self.rules.travels_of(&base, &object.name) {
            let Travel::Field { file: name, field } = travel else { continue };
            let whole: Path = path.steps().iter().chain(field.path.steps()).cloned().collect();
            let is_there = field.path.steps().len() == 1
                && values.iter().any(|(key, _)| field.path == Path::root().key(key));
            if *name == role && is_there {
                let document = Document::of_object("ApplicationSet", &object.name);
                let what = What::Field(Field { document, path: whole });
                // The paths of elements differ, so the role says which field it is.
                carriers.push(Carrier {
                    role: format!("{role} {}", field.path),
                    file: file.path.clone(),
                    what,
                });
            }
        }
        sketch.name(&base, &object.name);
        sketch.add(&base, Layout::ApplicationSet, at, Place { carriers, ..Place::default() });
    }

    /// Files of settings, one for each environment: carriers come from the rules, by the name of the file.
    fn add_files(&self, globs: &GlobSet, sketch: &mut Sketch) {
        if globs.is_empty() {
            return;
        }
        for (folder, files) in self.shelf.folders() {
            if sketch.is_taken(folder) {
                continue;
            }
            for file in files.iter().filter(|file| globs.is_match(&file.path)) {
                match Where::of_folder(folder, self.words) {
                    Ok(Some(at)) => {
                        let (base, _) = super::sketch::base_of(folder);
                        let files = vec![(last_of(&file.path).to_owned(), file.path.clone())];
                        sketch.add(&base, Layout::ApplicationSet, at, Place { files, ..Place::default() });
                    }
                    Ok(None) => {}
                    Err(why) => sketch.tell(&file.path, why),
                }
            }
        }
    }

    /// Folders that a generator takes and that are no app yet.
    fn add_folders(&self, globs: &GlobSet, sketch: &mut Sketch) {
        if globs.is_empty() {
            return;
        }
        for (folder, files) in self.shelf.folders() {
            let is_new = !sketch.is_in_app(folder) && super::kustomize::kustomization(files).is_none();
            if !is_new || !globs.is_match(folder) || is_of_chart(self.shelf, folder) {
                continue;
            }
            if let Ok(Some(at)) = Where::of_folder(folder, self.words) {
                let (base, _) = super::sketch::base_of(folder);
                let place = Place { folder: Some(folder.to_owned()), ..Place::default() };
                sketch.add(&base, Layout::Plain, at, place);
            }
        }
    }
}

/// Puts patterns together, but those that are none. `*` stops at a slash, as in Argo CD.
fn globs_of(patterns: &BTreeSet<&str>) -> Result<GlobSet, globset::Error> {
    let mut globs = GlobSetBuilder::new();
    let read = |pattern: &&str| GlobBuilder::new(pattern).literal_separator(true).build().ok();
    for glob in patterns.iter().take(MOST_PATTERNS).filter_map(read) {
        globs.add(glob);
    }
    globs.build()
}

fn holds_objects(folder: &str) -> bool {
    folder.split('/').any(|part| super::kustomize::CLUSTERS.contains(&part))
}

fn is_of_chart(shelf: &Shelf<'_>, folder: &str) -> bool {
    shelf.outermost_with(folder, "Chart.yaml").is_some()
}

/// What is left of an Application's name beside its environment.
fn name_beside(stage: &Stage) -> String {
    if stage.before.is_empty() && stage.after.is_empty() {
        return stage.environment.clone();
    }
    if stage.before.is_empty() { stage.after.clone() } else { stage.before.clone() }
}

impl Object {
    fn of(document: &Node) -> Option<Self> {
        let group = document.text_at(&["apiVersion"])?;
        let name = document.text_at(&["metadata", "name"])?.to_owned();
        // Others are no names of Kubernetes, and no cluster takes them.
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
        if !group.starts_with("argoproj.io/") || !is_name || name.is_empty() {
            return None;
        }
        let spec = document.get("spec")?;
        let kind = match document.text_at(&["kind"])? {
            "Application" => {
                let spec_path = Path::root().key("spec");
                Kind::Application {
                    sources: Source::all(spec, &spec_path),
                    destination: Destination::of(spec.get("destination")),
                }
            }
            "ApplicationSet" => {
                let mut inputs = Vec::new();
                let path = Path::root().key("spec").key("generators");
                if let Some(generators) = spec.get("generators") {
                    collect_inputs(generators, &path, 8, &mut inputs);
                }
                Kind::ApplicationSet { inputs }
            }
            _ => return None,
        };
        Some(Self { name, kind })
    }
}

impl Source {
    /// As Argo CD: `source` counts only where `sources` is empty.
    fn all(spec: &Node, path: &Path) -> Vec<Self> {
        let several = spec.get("sources").map(Node::items).unwrap_or_default();
        if several.is_empty() {
            let path = path.clone().key("source");
            return spec.get("source").map(|it| Self::of(it, path)).into_iter().collect();
        }
        let path = path.clone().key("sources");
        several.iter().enumerate().map(|(at, it)| Self::of(it, path.clone().index(at))).collect()
    }

    fn of(source: &Node, path: Path) -> Self {
        let text = |key: &str| source.text_at(&[key]).map(str::to_owned);
        let values = source.at(&["helm", "valueFiles"]).map(Node::items).unwrap_or_default();
        let path_text = text("path").map(|it| {
            let it = it.trim_matches('/');
            it.strip_prefix("./").unwrap_or(it).to_owned()
        });
        Self {
            line: source.line,
            repository: text("repoURL"),
            path: path_text.filter(|it| !it.is_empty() && it != "."),
            chart: text("chart"),
            revision: text("targetRevision"),
            value_files: values.iter().filter_map(|it| it.text()).map(str::to_owned).collect(),
            field: path.key("targetRevision"),
        }
    }
}

impl Destination {
    fn of(destination: Option<&Node>) -> Self {
        let Some(destination) = destination else { return Self::default() };
        let text = |key: &str| destination.text_at(&[key]).map(str::to_owned);
        Self {
            cluster: text("name").or_else(|| text("server")),
            namespace: text("namespace"),
            namespace_line: destination.get("namespace").map_or(destination.line, |it| it.line),
        }
    }
}

/// Generators may lie in each other (matrix, merge).
fn collect_inputs(node: &Node, path: &Path, depth: usize, found: &mut Vec<Input>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    for (at, generator) in node.items().iter().enumerate() {
        let path = path.clone().index(at);
        for entry in generator.entries() {
            let path = path.clone().key(&entry.key);
            match entry.key.as_str() {
                "list" => collect_elements(&entry.node, &path.key("elements"), found),
                "git" => {
                    let paths = |key: &str| {
                        let list = entry.node.get(key).map(Node::items).unwrap_or_default();
                        list.iter()
                            .filter_map(|it| it.text_at(&["path"]))
                            .map(str::to_owned)
                            .collect::<Vec<_>>()
                    };
                    found.extend(paths("files").into_iter().map(Input::Files));
                    found.extend(paths("directories").into_iter().map(Input::Folders));
                }
                _ => {
                    if let Some(inner) = entry.node.get("generators") {
                        collect_inputs(inner, &path.key("generators"), depth, found);
                    }
                }
            }
        }
    }
}

fn collect_elements(list: &Node, path: &Path, found: &mut Vec<Input>) {
    let elements = list.get("elements").map(Node::items).unwrap_or_default();
    for (at, element) in elements.iter().enumerate() {
        let Value::Map(entries) = &element.value else { continue };
        let values = entries.iter().filter_map(|it| Some((it.key.clone(), it.node.text()?.to_owned())));
        found.push(Input::Element { path: path.clone().index(at), values: values.collect() });
    }
}

/// The folder that a place in a repository is, whatever it is written like.
pub(in crate::git) fn below(folder: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<_> = folder.split('/').filter(|it| !it.is_empty()).collect();
    if relative.starts_with('/') {
        return None;
    }
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.iter().fold(String::new(), |path, part| join(&path, part)))
}
