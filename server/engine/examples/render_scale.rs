//! Times renderings: an overlay of 1, 20 and 500 Deployments, and a chart with as many; each first rendering, and again.
//!
//! `cargo run --release -p engine --example render_scale`, with kustomize and Helm on PATH. Figures worth keeping go into
//! `docs/performance.md`.

use std::{
    io::{Write as _, stdout},
    path::PathBuf,
    time::{Duration, Instant},
};

use engine::{
    metrics::Metrics,
    render::{
        Capabilities, DiffLimits, Mask, Renderer, Replaced, Request, Settings, SourceSpec, difference,
        sandbox::{self, Bounds},
    },
};
use git2::{FileMode, Repository, Signature, build::TreeUpdateBuilder};
use serde_json::json;

/// Renderings of each; the median is told.
const ROUNDS: usize = 11;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    sandbox::main_if_asked();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure())
}

async fn measure() -> Result<(), Box<dyn std::error::Error>> {
    let place = tempfile::tempdir()?;
    let repository = Repository::init_bare(place.path().join("repository.git"))?;
    // Beside other work a rendering takes longer than it may in life.
    let bounds = Bounds { time: Duration::from_secs(120), ..Bounds::default() };
    let settings = Settings { place: place.path().to_owned(), bounds, ..Settings::default() };
    let renderer = Renderer::new(settings, Mask::new([1; 32]), Metrics::default())?;
    let mut out = stdout();
    writeln!(
        out,
        "{:10} {:>6} {:>10} {:>10} {:>10} {:>10}",
        "what", "size", "first", "median", "kept", "diff"
    )?;
    for kind in ["kustomize", "helm"] {
        for size in [1, 20, 500] {
            let request = request(&repository, kind, size)?;
            let began = Instant::now();
            renderer.render(request.clone()).await?;
            let first = began.elapsed();
            let mut times = Vec::new();
            for round in 0..ROUNDS {
                // Another content each time: nothing is kept of it.
                let mut other = request.clone();
                let path =
                    if kind == "helm" { "app/values.yaml" } else { "app/overlays/prod/kustomization.yaml" };
                let mut text = other.replaced.remove(path).unwrap_or_default();
                text.extend(format!("# {round}\n").bytes());
                other.replaced.insert(path.to_owned(), text);
                let began = Instant::now();
                renderer.render(other).await?;
                times.push(began.elapsed());
            }
            times.sort();
            let began = Instant::now();
            let before = renderer.render(request.clone()).await?;
            let kept = began.elapsed();
            let mut changed = request.clone();
            changed.source = SourceSpec::read(
                &json!({"path": request.source.path, "kustomize": if kind == "helm" { json!(null) } else { json!({"commonAnnotations": {"a": "b"}}) }, "helm": if kind == "helm" { json!({"parameters": [{"name": "tag", "value": "9"}]}) } else { json!(null) }}),
            )?;
            let after = renderer.render(changed).await?;
            let began = Instant::now();
            let diff = difference(&before, &after, &DiffLimits::default());
            let took = began.elapsed();
            assert_eq!(diff.changed.len(), size);
            writeln!(
                out,
                "{kind:10} {size:>6} {:>10} {:>10} {:>10} {:>10}",
                ms(first),
                ms(times[ROUNDS / 2]),
                ms(kept),
                ms(took)
            )?;
        }
    }
    Ok(())
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn request(repository: &Repository, kind: &str, size: usize) -> Result<Request, Box<dyn std::error::Error>> {
    let (mut files, path) = (Vec::new(), if kind == "helm" { "app" } else { "app/overlays/prod" });
    if kind == "helm" {
        files.push(("app/Chart.yaml".to_owned(), "apiVersion: v2\nname: app\nversion: 0.1.0\n".to_owned()));
        files.push(("app/values.yaml".to_owned(), "tag: \"1\"\n".to_owned()));
        for at in 0..size {
            files.push((format!("app/templates/web-{at}.yaml"), deployment(at, "{{ .Values.tag }}")));
        }
    } else {
        let names: Vec<_> = (0..size).map(|at| format!("web-{at}.yaml")).collect();
        files
            .push(("app/base/kustomization.yaml".to_owned(), format!("resources: [{}]\n", names.join(", "))));
        let overlay = "namespace: prod\nresources: [../../base]\nimages: [{name: shop/web, newTag: '2'}]\n";
        files.push(("app/overlays/prod/kustomization.yaml".to_owned(), overlay.to_owned()));
        for (at, name) in names.iter().enumerate() {
            files.push((format!("app/base/{name}"), deployment(at, "1")));
        }
    }
    let empty = repository.find_tree(repository.treebuilder(None)?.write()?)?;
    let mut update = TreeUpdateBuilder::new();
    for (path, text) in &files {
        update.upsert(path.as_str(), repository.blob(text.as_bytes())?, FileMode::Blob);
    }
    let tree = repository.find_tree(update.create_updated(repository, &empty)?)?;
    let who = Signature::now("t", "t@example.test")?;
    let commit = repository.commit(None, &who, &who, "files", &tree, &[])?;
    let last = if kind == "helm" { "app/values.yaml" } else { "app/overlays/prod/kustomization.yaml" };
    let replaced = files
        .iter()
        .filter(|(path, _)| path == last)
        .map(|(path, text)| (path.clone(), text.clone().into_bytes()));
    Ok(Request {
        repository: PathBuf::from(repository.path()),
        tree: commit,
        replaced: Replaced::from_iter(replaced),
        source: SourceSpec::read(&json!({ "path": path }))?,
        application: "app".to_owned(),
        project: "default".to_owned(),
        namespace: "prod".to_owned(),
        build_options: String::new(),
        capabilities: Capabilities::default(),
    })
}

fn deployment(at: usize, tag: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web-{at}\n  labels: {{app: web-{at}}}\nspec:\n  replicas: 2\n  selector:\n    \
         matchLabels: {{app: web-{at}}}\n  template:\n    metadata:\n      labels: {{app: web-{at}}}\n    spec:\n      containers:\n        \
         - name: web\n          image: shop/web:{tag}\n          ports: [{{containerPort: 8080}}]\n          env:\n            \
         - {{name: A, value: b}}\n          resources:\n            requests: {{cpu: 10m, memory: 16Mi}}\n          readinessProbe:\n            \
         httpGet: {{path: /healthz, port: 8080}}\n"
    )
}
