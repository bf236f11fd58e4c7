//! Times plans on a large made-up monorepo: promotions of single apps, a train, a rollback and the earlier states.
//!
//! `cargo run --release -p engine --example plan_scale [FOLDER]`; a folder that is not there yet is made and kept. Figures
//! worth keeping go into `docs/performance.md`.

#[path = "monorepo/generate.rs"]
#[expect(dead_code, reason = "no commit is added here")]
mod monorepo;

use std::{
    hint::black_box,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use engine::git::{
    self,
    chronicle::Memory,
    layout::{Found, discover},
    plan::{
        AppAsk, History, Promotion, Recalled, RollbackAsk, StatesAsk, Walk, earlier_states, promote, rollback,
    },
    releases::{Limits, Releases},
    rules::Rules,
    tree::{self, Tree},
};
use monorepo::Shape;

const ROUNDS: usize = 200;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let folder =
        std::env::args().nth(1).map_or_else(|| std::env::temp_dir().join("plan-scale.git"), PathBuf::from);
    let shape = Shape::default();
    if !folder.exists() {
        monorepo::generate(&folder, shape)?;
        run_git(&folder, &["gc", "--quiet"])?;
        run_git(&folder, &["commit-graph", "write", "--reachable", "--changed-paths"])?;
    }
    let repository = tree::open(&folder)?;
    let (tree, rules) = (Tree::at(&repository, "HEAD")?, Rules::default());
    let began = Instant::now();
    let found = discover(&tree, &rules)?;
    say(&format!("discovery of {} apps", found.apps.len()), &[began.elapsed()]);
    let began = Instant::now();
    let releases = Releases::read(&repository, tree.commit(), &found, Limits::default())?;
    say(&format!("the releases, {} entries", releases.len()), &[began.elapsed()]);
    let log = git::history::History::new(Path::new("git"), &folder);
    let walk = Walk::new(&repository, 2_000);
    let memory = Memory { chronicle: releases.chronicle(), recent: &[] };
    // As the program plans.
    measure("from memory", ROUNDS, &tree, &rules, &found, &Recalled { memory, otherwise: &log })?;
    measure("git log", ROUNDS / 10, &tree, &rules, &found, &log)?;
    measure("a walk of 2,000 commits", ROUNDS / 10, &tree, &rules, &found, &walk)
}

fn measure(
    name: &str,
    rounds: usize,
    tree: &Tree<'_>,
    rules: &Rules,
    found: &Found,
    history: &dyn History,
) -> Outcome {
    let app = |round: usize| found.apps[round * 7919 % found.apps.len()].base_path.clone();
    let ask = |apps| Promotion { tree, rules, found, history, from: "dev", to: "prod", apps, ours: None };
    let mut times = Vec::new();
    for round in 0..rounds {
        let began = Instant::now();
        black_box(promote(&ask(vec![AppAsk::named(app(round))]))?);
        times.push(began.elapsed());
    }
    say(&format!("{name}: a promotion"), &times);
    let began = Instant::now();
    black_box(promote(&ask((0..20).map(|round| AppAsk::named(app(round))).collect()))?);
    say(&format!("{name}: a train of 20"), &[began.elapsed()]);

    let earlier = Tree::at(tree.repository(), "HEAD~1000")?;
    let mut times = (Vec::new(), Vec::new());
    for round in 0..rounds / 4 {
        let (app, environment) = (&app(round), "prod");
        let began = Instant::now();
        let ask = RollbackAsk {
            tree,
            rules,
            found,
            history,
            app,
            environment,
            earlier: &earlier,
            whole_path: false,
            ours: None,
        };
        black_box(rollback(&ask)?);
        times.0.push(began.elapsed());
        let began = Instant::now();
        let app = &found.apps[round];
        black_box(earlier_states(&StatesAsk { tree, history, app, environment, limit: 50 })?);
        times.1.push(began.elapsed());
    }
    say(&format!("{name}: a rollback"), &times.0);
    say(&format!("{name}: the earlier states"), &times.1);
    Ok(())
}

fn run_git(folder: &Path, arguments: &[&str]) -> Outcome {
    match Command::new("git").arg("--git-dir").arg(folder).args(arguments).status()?.success() {
        true => Ok(()),
        false => Err(format!("git {arguments:?} failed").into()),
    }
}

fn say(what: &str, times: &[Duration]) {
    let mut sorted = times.to_vec();
    sorted.sort();
    let at =
        |part: usize| sorted.get((sorted.len() * part / 100).min(sorted.len().saturating_sub(1))).copied();
    let text = match sorted.len() {
        1 => format!("{what}: {:.1?}\n", sorted[0]),
        _ => format!(
            "{what}: p50 {:.1?}, p95 {:.1?}\n",
            at(50).unwrap_or_default(),
            at(95).unwrap_or_default()
        ),
    };
    // Nobody is left to tell where writing fails.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
