//! Rendering: what a source of an Application comes to, and how two of these differ (rule R7).
//!
//! A source is read out of a Git repository at a commit, with files of a plan in place of those committed. What it needs is
//! written into a folder of its own, where kustomize or Helm renders it in a [`sandbox`], or it is read as it is. What
//! cannot be rendered so is an answer, with its reason: [`NotRendered`].
//!
//! Repositories are written by many: what they hold is never trusted, never run, and never a path of this machine.
//! Secrets are masked before anything is kept. Must not know of plans, clusters or people.

mod complaint;
mod difference;
mod directory;
mod error;
mod files;
mod finding;
mod helm;
mod kustomize;
mod noise;
mod object;
mod paths;
pub mod sandbox;
mod source;
mod tool;

use std::{
    collections::BTreeMap,
    os::unix::fs::DirBuilderExt as _,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use git2::Oid;
use moka::sync::Cache;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::{runtime::Handle, sync::Semaphore};

use crate::metrics::Metrics;

pub use difference::{Changed, DiffLimits, FieldChange, RenderedDiff, Whole, difference};
pub use error::NotRendered;
pub use files::{Reads, Replaced};
pub use finding::{Finding, FindingRules, findings};
pub use helm::Capabilities;
pub use noise::Noise;
pub use object::{Mask, Object, ObjectId};
pub use source::{Directory, FileParameter, Helm, Kustomize, Parameter, Replicas, SourceSpec};

use files::{Chosen, Files};
use kustomize::Naming;
use sandbox::{Bounds, Job, Sandbox};
use source::Renders;
use tool::{PROGRAM, Ready, TREE, Tool};

/// How things are rendered.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The program that starts children: it calls [`sandbox::main_if_asked`] first of all.
    pub launcher: PathBuf,
    /// kustomize; none: from PATH.
    pub kustomize: Option<PathBuf>,
    /// Helm; none: from PATH.
    pub helm: Option<PathBuf>,
    /// Where folders for rendering are made; it should be on a disk that programs may be started from.
    pub place: PathBuf,
    /// What one child may use.
    pub bounds: Bounds,
    /// How much of a repository is read for one source.
    pub reads: Reads,
    /// Children at once.
    pub at_once: usize,
    /// How long a rendering waits for its turn.
    pub patience: Duration,
    /// Bytes of renderings that are kept, by the size of their text.
    pub kept: u64,
}

/// What is to be rendered, of which repository.
#[derive(Clone, Debug)]
pub struct Request {
    /// The folder of a clone or a bare mirror.
    pub repository: PathBuf,
    /// A commit or a tree.
    pub tree: Oid,
    /// Files in place of those of the tree, or beside them.
    pub replaced: Replaced,
    pub source: SourceSpec,
    /// The Application's name, which is the release of a chart that names none.
    pub application: String,
    pub project: String,
    /// The namespace of the destination.
    pub namespace: String,
    /// `kustomize.buildOptions` of `argocd-cm`.
    pub build_options: String,
    pub capabilities: Capabilities,
}

/// What a source comes to.
#[derive(Debug, PartialEq)]
pub struct Rendered {
    /// In the order of their rendering, secrets masked.
    pub objects: Vec<Object>,
    /// With what it was rendered, e.g. `kustomize v5.8.1`.
    pub by: String,
    /// What was read: paths with Git's ids of their contents. A plan's hash covers it.
    pub inputs: BTreeMap<String, String>,
    /// What is to be known about it, in sentences.
    pub notes: Vec<String>,
}

/// Renders, a few at a time, and keeps what came of it.
#[derive(Clone, Debug)]
pub struct Renderer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    sandbox: Sandbox,
    kustomize: Tool,
    helm: Tool,
    /// The folder that all others are in; it goes with us.
    place: TempDir,
    turns: Arc<Semaphore>,
    kept: Cache<[u8; 32], Arc<Rendered>>,
    mask: Mask,
    metrics: Metrics,
}

/// All that a rendering depends on, and what is to be done for it.
struct Prepared {
    chosen: Chosen,
    folder: String,
    renders: Renders,
    arguments: Vec<String>,
    notes: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            launcher: PathBuf::from("/proc/self/exe"),
            kustomize: None,
            helm: None,
            place: std::env::temp_dir(),
            bounds: Bounds::default(),
            reads: Reads::default(),
            at_once: 2,
            patience: Duration::from_secs(30),
            kept: 128 << 20,
        }
    }
}

impl Renderer {
    /// Makes a renderer. Nothing runs before something is rendered.
    ///
    /// # Errors
    /// A place where no folder can be made.
    pub fn new(settings: Settings, mask: Mask, metrics: Metrics) -> Result<Self, NotRendered> {
        let place = tool::own_folder(&settings.place, "quarterdeck-render-").map_err(no_place)?;
        let kept = Cache::builder()
            .max_capacity(settings.kept)
            .weigher(|_, rendered: &Arc<Rendered>| rendered.weight())
            .time_to_idle(Duration::from_secs(24 * 3600))
            .build();
        Ok(Self(Arc::new(Inner {
            sandbox: Sandbox::new(settings.launcher.clone(), settings.bounds),
            kustomize: Tool::kustomize(settings.kustomize.clone()),
            helm: Tool::helm(settings.helm.clone()),
            turns: Arc::new(Semaphore::new(settings.at_once)),
            settings,
            place,
            kept,
            mask,
            metrics,
        })))
    }

    /// Renders a source, or returns what it came to before.
    ///
    /// # Errors
    /// Why it is not rendered: an answer for people, not a failure of ours.
    pub async fn render(&self, request: Request) -> Result<Arc<Rendered>, NotRendered> {
        let turn = Arc::clone(&self.0.turns).acquire_owned();
        let seconds = self.0.settings.patience.as_secs();
        let turn = tokio::time::timeout(self.0.settings.patience, turn).await;
        let Ok(Ok(turn)) = turn else { return Err(NotRendered::Busy { seconds }) };
        let (inner, handle) = (Arc::clone(&self.0), Handle::current());
        // On a thread of its own, which waits for the child: a child dies with the thread that started it.
        let rendered = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            inner.render(&request, &handle)
        });
        rendered.await.unwrap_or_else(|error| Err(NotRendered::Place { why: error.to_string() }))
    }
}

impl Inner {
    fn render(&self, request: &Request, handle: &Handle) -> Result<Arc<Rendered>, NotRendered> {
        let repository = git2::Repository::open(&request.repository).map_err(files::unread)?;
        let files = Files::at(&repository, request.tree, &request.replaced, self.settings.reads)?;
        let prepared = prepare(&files, request)?;
        let tool = match prepared.renders {
            Renders::Kustomize => Some(&self.kustomize),
            Renders::Helm => Some(&self.helm),
            Renders::Directory => None,
        };
        let ready =
            tool.map(|tool| handle.block_on(tool.ready(&self.sandbox, self.place.path()))).transpose()?;
        let key = key_of(&prepared, ready);
        if let Some(rendered) = self.kept.get(&key) {
            return Ok(rendered);
        }
        let (values, by) = match ready {
            Some(ready) => (self.build(&files, &prepared, ready, handle)?, ready.title.clone()),
            None => (directory::read(&files, &prepared.chosen)?, "plain manifests".to_owned()),
        };
        let objects = object::objects_of(values, &self.mask)
            .map_err(|why| NotRendered::Printed { tool: by.clone(), why })?;
        let inputs = prepared.chosen.files.iter().map(|(path, piece)| (path.clone(), piece.id.to_string()));
        let rendered = Arc::new(Rendered { objects, by, inputs: inputs.collect(), notes: prepared.notes });
        self.kept.insert(key, Arc::clone(&rendered));
        Ok(rendered)
    }

    fn build(
        &self,
        files: &Files<'_>,
        prepared: &Prepared,
        ready: &Ready,
        handle: &Handle,
    ) -> Result<Vec<Value>, NotRendered> {
        let root = tool::own_folder(self.place.path(), "tree-").map_err(no_place)?;
        ready.put_into(root.path()).map_err(no_place)?;
        std::fs::DirBuilder::new().mode(0o700).create(root.path().join(TREE)).map_err(no_place)?;
        files.write(&prepared.chosen, &root.path().join(TREE))?;

        let folder = paths::join(TREE, &prepared.folder);
        let (wall, args) = (ready.wall, prepared.arguments.clone());
        let job =
            Job { wall, root: root.path(), program: PROGRAM, args, folder: folder.trim_end_matches('/') };
        let began = Instant::now();
        let output =
            handle.block_on(self.sandbox.run(job)).map_err(|error| NotRendered::of(error, &ready.title));
        let outcome = match &output {
            Ok(output) if output.status.success() => "ok",
            Ok(_) => "fails",
            Err(error) => error.word(),
        };
        self.metrics.external_call("render", outcome, began.elapsed());
        let output = output?;
        if !output.status.success() {
            let secrets = complaint::Secrets::of(files, &prepared.chosen, &prepared.arguments);
            let message = complaint::message(&output.complaint, root.path(), &secrets);
            return Err(NotRendered::Build { tool: ready.title.clone(), message });
        }
        object::values_of(&output.printed)
            .map_err(|why| NotRendered::Printed { tool: ready.title.clone(), why })
    }
}

impl Rendered {
    fn weight(&self) -> u32 {
        let objects: usize = self.objects.iter().map(|object| size_of_value(&object.value)).sum();
        let inputs: usize = self.inputs.keys().map(|path| path.len() + 100).sum();
        u32::try_from(objects + inputs).unwrap_or(u32::MAX)
    }
}

fn prepare(files: &Files<'_>, request: &Request) -> Result<Prepared, NotRendered> {
    let source = request.source.overridden(files, &request.application)?;
    let folder = paths::normal(&source.path, "", "spec.source.path")?;
    let renders = source.renders(files, &folder)?;
    let revision = request.tree.to_string();
    let naming = Naming {
        application: &request.application,
        namespace: &request.namespace,
        project: &request.project,
        path: &source.path,
        revision: &revision,
    };
    let mut notes = Vec::new();
    let (chosen, arguments) = match renders {
        Renders::Kustomize => {
            let changes = source.kustomize.as_ref();
            if let Some(version) = changes.map(|it| &it.version).filter(|it| !it.is_empty()) {
                notes.push(format!(
                    "the Application asks for kustomize {}; it is rendered here with another version",
                    error::shown(version)
                ));
            }
            let arguments = kustomize::arguments(&request.build_options)?;
            (kustomize::choose(files, &folder, changes, &naming)?, arguments)
        }
        Renders::Helm => {
            let helm = source.helm.clone().unwrap_or_default();
            helm::choose(files, &folder, &helm, &naming, &request.capabilities)?
        }
        Renders::Directory => {
            let directory = source.directory.clone().unwrap_or_default();
            (directory::choose(files, &folder, &directory)?, Vec::new())
        }
    };
    Ok(Prepared { chosen, folder, renders, arguments, notes })
}

/// Covers all that a rendering depends on: what is read, how, and by which version.
fn key_of(prepared: &Prepared, ready: Option<&Ready>) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(ready.map_or("plain manifests", |ready| &ready.title).as_bytes());
    part(prepared.folder.as_bytes());
    part(&(prepared.arguments.len() as u64).to_be_bytes());
    for text in prepared.arguments.iter().chain(&prepared.notes) {
        part(text.as_bytes());
    }
    for (path, piece) in &prepared.chosen.files {
        part(path.as_bytes());
        part(piece.id.as_bytes());
    }
    hash.finalize().into()
}

fn size_of_value(value: &Value) -> usize {
    let own = size_of::<Value>();
    match value {
        Value::String(text) => own + text.len(),
        Value::Array(items) => own + items.iter().map(size_of_value).sum::<usize>(),
        Value::Object(fields) => {
            own + fields.iter().map(|(key, value)| key.len() + 48 + size_of_value(value)).sum::<usize>()
        }
        _ => own,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
fn no_place(error: std::io::Error) -> NotRendered {
    NotRendered::Place { why: error.to_string() }
}
