//! Measures the mirror of a large made-up monorepo: the first fetch, later ones, and the history of single paths.
//!
//! `cargo run --release -p engine --example mirror_scale [APPS COMMITS]`. Figures worth keeping go into
//! `docs/performance.md`.

#[path = "monorepo/generate.rs"]
mod monorepo;

use std::{
    io::{Write as _, stdout},
    sync::Arc,
    time::{Duration, Instant},
};

use engine::{
    git::{
        history::History,
        mirror::{CredentialSource, Credentials, MirrorPath, MirrorSettings, Mirrors, Repo},
        tree::Tree,
    },
    metrics::Metrics,
    tasks::Tasks,
};
use futures::future::BoxFuture;
use monorepo::Shape;

const ROUNDS: usize = 20;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

struct NoCredentials;

impl CredentialSource for NoCredentials {
    fn credentials<'a>(&'a self, _: &'a Repo) -> BoxFuture<'a, Result<Credentials, String>> {
        Box::pin(async { Ok(Credentials::default()) })
    }

    fn write_credentials<'a>(&'a self, _: &'a Repo) -> BoxFuture<'a, Result<Credentials, String>> {
        Box::pin(async { Ok(Credentials::default()) })
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let mut shape = Shape::default();
    if let [apps, commits] = std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        shape = Shape { apps: apps.parse()?, commits: commits.parse()? };
    }
    let folder = tempfile::tempdir()?;
    let origin = folder.path().join("origin.git");
    let begin = Instant::now();
    monorepo::generate(&origin, shape)?;
    say(&format!("{shape:?} made in {:.1} s", begin.elapsed().as_secs_f64()))?;

    let (metrics, mut settings) = (Metrics::default(), MirrorSettings::new(folder.path().join("mirrors")));
    settings.allow_files = true;
    let tasks = Tasks::new(metrics.clone());
    let mirrors = Mirrors::new(settings, Arc::new(NoCredentials), metrics, tasks.clone())?;
    let url = format!("file://{}", origin.display());
    let repo = Repo { control_plane: "lab".into(), project: String::new(), url };
    mirrors.set_known(vec![]);
    say(&format!("resident before: {}", resident()?))?;
    let begin = Instant::now();
    let path = mirrors.ensure(&repo).await?;
    say(&format!("first mirror: {:.2} s", begin.elapsed().as_secs_f64()))?;
    touches(&path, "before the filters of changed paths").await?;
    while tasks.status().iter().any(|task| task.name.starts_with("fetch file")) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    say(&format!("with packing and filters: {:.2} s", begin.elapsed().as_secs_f64()))?;
    mirrors.set_known(vec![repo.clone()]);
    let size = mirrors.states().first().map_or(0, |state| state.size);
    say(&format!("on the disk: {:.1} MiB; resident: {}", size as f64 / 1_048_576.0, resident()?))?;
    touches(&path, "with the filters of changed paths").await?;

    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        mirrors.fresh(&repo, Duration::ZERO).await?;
        times.push(begin.elapsed());
    }
    say(&format!("fetch with nothing new: {}", spread(times)))?;
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        monorepo::commit_once(&origin, shape, shape.commits + round)?;
        let begin = Instant::now();
        mirrors.fresh(&repo, Duration::ZERO).await?;
        times.push(begin.elapsed());
    }
    say(&format!("fetch with one commit, after the packing of the one before: {}", spread(times)))?;
    let mut times = Vec::new();
    for n in 0..ROUNDS * 10 {
        let id =
            path.open()?.revparse_single(&format!("refs/remotes/origin/main~{}", n * 7))?.id().to_string();
        let begin = Instant::now();
        mirrors.commit(&repo, &id).await?;
        times.push(begin.elapsed());
    }
    say(&format!("facts of one commit, not cached: {}", spread(times)))?;
    say(&format!("resident after: {}", resident()?))?;
    tasks.shutdown().await;
    Ok(())
}

/// Asks which commits changed single files, by Git and by libgit2.
async fn touches(path: &MirrorPath, when: &str) -> Outcome {
    let history = History::new("git".as_ref(), path.path());
    let git = path.open()?;
    let head = path.resolve("main")?;
    let file = |n: usize| format!("apps/app-{:04}/overlays/prod/kustomization.yaml", n * 13);
    let mut times = Vec::new();
    for n in 0..ROUNDS {
        let begin = Instant::now();
        history.touches(head, &file(n), 100)?;
        times.push(begin.elapsed());
    }
    say(&format!("commits of a path by git log, {when}: {}", spread(times)))?;
    let tree = Tree::at(&git, &head.to_string())?;
    let begin = Instant::now();
    let found = tree.touches(&file(1), usize::MAX).count();
    say(&format!("the same by libgit2: {found} in {:.2} s", begin.elapsed().as_secs_f64()))
}

fn spread(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1000.0;
    format!("median {:.1} ms, p95 {:.1} ms, longest {:.1} ms", at(50), at(95), at(100))
}

fn resident() -> Outcome<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
    };
    Ok(format!("{} (highest {})", line("VmRSS:"), line("VmHWM:")))
}

fn say(line: &str) -> Outcome {
    Ok(writeln!(stdout(), "{line}")?)
}
