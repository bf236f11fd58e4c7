//! Rendering with real kustomize and Helm in the real sandbox. R7 is a rule of promotion, A1 to A14 are attack cases.

mod difference;
mod hostile;
mod sources;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use engine::{
    metrics::Metrics,
    render::{
        Capabilities, DiffLimits, Mask, NotRendered, Rendered, RenderedDiff, Renderer, Replaced, Request,
        Settings, SourceSpec, sandbox::Bounds,
    },
};
use git2::{Oid, Repository, Signature, build::TreeUpdateBuilder};
use serde_json::{Value, json};

/// A renderer that all tests share: it copies the tools once.
static RENDERER: LazyLock<Renderer> = LazyLock::new(|| renderer(settings()));

fn settings() -> Settings {
    Settings {
        launcher: PathBuf::from(env!("CARGO_BIN_EXE_sandbox")),
        place: PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
        // A busy machine takes its time.
        bounds: Bounds { time: Duration::from_secs(60), ..Bounds::default() },
        patience: Duration::from_secs(120),
        ..Settings::default()
    }
}

fn renderer(settings: Settings) -> Renderer {
    Renderer::new(settings, Mask::new([7; 32]), Metrics::default()).expect("a renderer")
}

/// A bare repository in a folder of its own, which goes with the test.
struct Repo {
    repository: Repository,
    folder: PathBuf,
}

impl Drop for Repo {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Repo {
    fn new(files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("render-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let repo = Self { repository: Repository::init_bare(&folder).expect("a repository"), folder };
        repo.commit(files, &[]);
        repo
    }

    /// Commits files, and entries of another mode.
    fn commit(&self, files: &[(&str, &str)], odd: &[(&str, &str, git2::FileMode)]) -> Oid {
        let repository = &self.repository;
        let parent = repository.head().ok().and_then(|head| head.peel_to_commit().ok());
        let empty = || {
            let id = repository.treebuilder(None).and_then(|it| it.write()).expect("an empty tree");
            repository.find_tree(id).expect("a tree")
        };
        let base = parent.as_ref().map_or_else(empty, |it| it.tree().expect("a tree"));
        let mut update = TreeUpdateBuilder::new();
        for (path, text) in files {
            update.upsert(*path, repository.blob(text.as_bytes()).expect("a blob"), git2::FileMode::Blob);
        }
        for (path, text, mode) in odd {
            update.upsert(*path, repository.blob(text.as_bytes()).expect("a blob"), *mode);
        }
        let tree = update.create_updated(repository, &base).expect("a tree");
        let tree = repository.find_tree(tree).expect("a tree");
        let who = Signature::now("t", "t@example.test").expect("a signature");
        let parents: Vec<_> = parent.iter().collect();
        repository.commit(Some("HEAD"), &who, &who, "files", &tree, &parents).expect("a commit")
    }

    fn request(&self, source: Value) -> Request {
        Request {
            repository: self.folder.clone(),
            tree: self.repository.head().expect("a head").target().expect("a commit"),
            replaced: Replaced::new(),
            source: SourceSpec::read(&source).expect("a source"),
            application: "shop".to_owned(),
            project: "default".to_owned(),
            namespace: "shop-prod".to_owned(),
            build_options: String::new(),
            capabilities: Capabilities::default(),
        }
    }

    async fn render(&self, path: &str) -> Result<Arc<Rendered>, NotRendered> {
        RENDERER.render(self.request(json!({ "path": path }))).await
    }

    /// Renders a source that must not render, and returns the sentence.
    async fn refused(&self, source: Value) -> String {
        RENDERER.render(self.request(source)).await.expect_err("it is not rendered").to_string()
    }
}

fn names(rendered: &Rendered) -> Vec<String> {
    rendered.objects.iter().map(|it| it.id.to_string()).collect()
}

fn object<'r>(rendered: &'r Rendered, kind: &str) -> &'r Value {
    &rendered.objects.iter().find(|it| it.id.kind == kind).expect(kind).value
}

fn diff(before: &Rendered, after: &Rendered) -> RenderedDiff {
    engine::render::difference(before, after, &DiffLimits::default())
}

fn deployment(name: &str, image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: 1\n  template:\n    \
         spec:\n      containers:\n      - {{name: web, image: \"{image}\"}}\n"
    )
}

fn config_map(name: &str, data: &BTreeMap<&str, &str>) -> String {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}).to_string()
}
