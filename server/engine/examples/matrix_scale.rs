//! Times the matrix of 5,000 apps in three environments: 15,000 Applications on 50 clusters.
//!
//! `cargo run --release -p engine --example matrix_scale`; the figures stand in docs/performance.md.

use std::{
    hint::black_box,
    io::Write as _,
    time::{Duration, Instant},
};

use engine::{
    fleet::{
        apps::AppRules,
        environment::Environments,
        index::{Change, Index, Plane, Row},
        matrix::{self, Books, ReleaseBook},
    },
    gates::GateBook,
    metrics::Metrics,
};
use model::{
    Timestamp,
    apps::{Lag, ListApps},
    status::Freshness,
};
use serde_json::json;

const APPS: usize = 5_000;
const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];
const ROUNDS: usize = 200;

/// As many releases behind as the patch numbers differ.
struct Book;

impl ReleaseBook for Book {
    fn lag(&self, before: &Row, here: &Row) -> Option<Lag> {
        let patch = |row: &Row| row.version.as_ref()?.rsplit('.').next()?.parse::<u32>().ok();
        let (before, here) = (patch(before)?, patch(here)?);
        Some(if before > here { Lag::Behind(before - here) } else { Lag::Even })
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let plane = Plane {
        freshness: Freshness::Live,
        namespace: "argocd".into(),
        server: "https://mgmt".into(),
        listed: true,
    };
    let (index, mut indexer) = Index::new(
        [("lab".to_owned(), plane)],
        Environments::default(),
        AppRules::default(),
        Metrics::default(),
    );
    let now = Timestamp(1_800_000_000_000);
    let applications: Vec<_> = (0..APPS * ENVIRONMENTS.len()).map(application).collect::<Result<_, _>>()?;
    let began = Instant::now();
    indexer.apply(applications, now);
    say("15,000 Applications into the index", began.elapsed());
    let (snapshot, order) = (index.load(), Environments::default().all());
    let gates = GateBook::default();
    let books = Books { releases: &Book, gates: &gates };
    for (what, query) in [
        ("first page", ListApps::default()),
        ("a late page of 500", ListApps { page: 9, per_page: 500, ..ListApps::default() }),
        ("by text", ListApps { q: "app-49".into(), ..ListApps::default() }),
        (
            "by health and project",
            ListApps {
                health: vec!["Degraded".into()],
                project: vec!["project-7".into(), "project-8".into()],
                ..ListApps::default()
            },
        ),
        ("behind by more than one", ListApps { q: "behind:>1".into(), ..ListApps::default() }),
    ] {
        let mut took: Vec<Duration> = (0..ROUNDS)
            .map(|_| {
                let began = Instant::now();
                black_box(matrix::matrix(&snapshot, &order, books, &query, Vec::new(), now));
                began.elapsed()
            })
            .collect();
        took.sort();
        let (median, p95) = (took[ROUNDS / 2], took[ROUNDS * 95 / 100]);
        let _ = writeln!(std::io::stdout(), "{what}: median {median:?}, p95 {p95:?}");
    }
    Ok(())
}

fn application(number: usize) -> Result<Change, serde_json::Error> {
    let (app, environment) = (number / 3, ENVIRONMENTS[number % 3]);
    let version = format!("1.{}.{}", app % 7, (app + 3 - number % 3) % 5);
    let object = json!({
        "metadata": {"name": format!("app-{app}-{environment}"), "namespace": "argocd", "uid": format!("uid-{number}"), "resourceVersion": "1"},
        "spec": {
            "project": format!("project-{}", app % 40),
            "source": {"repoURL": "https://git.test/fleet", "path": format!("apps/app-{app}/overlays/{environment}")},
            "destination": {"name": format!("{environment}-{}", app % 17), "namespace": "web"}
        },
        "status": {
            "health": {"status": if app % 50 == 0 { "Degraded" } else { "Healthy" }},
            "sync": {"status": "Synced", "revision": "0123456789abcdef"},
            "summary": {"images": [format!("registry.test/app-{app}:{version}")]}
        }
    });
    let application = Box::new(serde_json::from_value(object)?);
    Ok(Change::Application { plane: "lab".into(), application })
}

fn say(what: &str, took: Duration) {
    // The output is the result; a closed pipe is nobody's loss.
    let _ = writeln!(std::io::stdout(), "{what}: {took:?}");
}
