//! Times discovery, one app, lint and releases on a large made-up monorepo.
//!
//! `cargo run --release -p engine --example layout_scale [APPS COMMITS]`; the figures stand in docs/performance.md.

#[path = "monorepo/generate.rs"]
mod generate;

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use engine::git::{
    layout::{complete, discover, find_app},
    lint::lint,
    releases::{Limits, Releases},
    rules::Rules,
    tree::{Tree, open},
};
use generate::{Shape, commit_once, generate};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|it| it.parse()).collect::<Result<_, _>>()?;
    let shape = match numbers[..] {
        [apps, commits] => Shape { apps, commits },
        _ => Shape::default(),
    };
    let folder = std::env::temp_dir().join(format!("quarterdeck-layout-scale-{}", std::process::id()));
    generate(&folder, shape)?;
    let measured = measure(&folder, shape);
    std::fs::remove_dir_all(&folder)?;
    measured
}

fn measure(folder: &std::path::Path, shape: Shape) -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout();
    let Shape { apps, commits } = shape;
    writeln!(out, "{apps} apps, {} overlays, {commits} commits", apps * 3)?;
    let repository = open(folder)?;
    let (rules, tree) = (Rules::default(), Tree::at(&repository, "refs/heads/main")?);
    let (took, found) = timed(20, || discover(&tree, &rules))?;
    writeln!(out, "discover: {} apps, p95 {took:.1?}", found.apps.len())?;
    let (took, _) = timed(20, || find_app(&tree, &rules, "app-0007").map_err(|error| error.to_string()))?;
    writeln!(out, "find_app: p95 {took:.1?}")?;
    let (took, _) = timed(20, || {
        let mut app = found.apps[7].clone();
        complete(&tree, &mut app);
        Ok::<_, std::convert::Infallible>(app)
    })?;
    writeln!(out, "complete, of an app that was found: p95 {took:.1?}")?;
    let began = Instant::now();
    let findings = lint(&tree, &found, &rules, &[]);
    writeln!(out, "lint: {} findings in {:.1?}", findings.len(), began.elapsed())?;
    let (before, began) = (resident(), Instant::now());
    let mut releases = Releases::read(&repository, tree.commit(), &found, Limits::default())?;
    let (took, entries) = (began.elapsed(), releases.len());
    writeln!(
        out,
        "releases: {entries} entries in {took:.1?}, {} MiB more in memory",
        resident().saturating_sub(before)
    )?;
    commit_once(folder, shape, commits)?;
    let repository = open(folder)?;
    let tree = Tree::at(&repository, "refs/heads/main")?;
    let found = discover(&tree, &rules)?;
    let began = Instant::now();
    releases.extend(&repository, tree.commit(), &found)?;
    writeln!(out, "releases, one commit later: {} entries in {:.1?}", releases.len(), began.elapsed())?;
    Ok(())
}

/// The 95th percentile of some rounds, and the last answer.
fn timed<T, E>(rounds: usize, mut attempt: impl FnMut() -> Result<T, E>) -> Result<(Duration, T), E> {
    let mut last = attempt()?;
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let began = Instant::now();
        last = attempt()?;
        times.push(began.elapsed());
    }
    times.sort();
    Ok((times[rounds * 95 / 100], last))
}

/// In MiB; 0 where the system does not tell.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status.split_whitespace().nth(1).and_then(|it| it.parse::<u64>().ok());
    pages.map_or(0, |it| it * 4096 / 1_048_576)
}
