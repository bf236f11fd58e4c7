//! A made-up monorepo with a history of its own, the same at each run: what mirrors and plans are measured on.
//!
//! `apps/app-NNNN/base` and `apps/app-NNNN/overlays/{dev,staging,prod}`, one image each; its commits raise tags, mostly in
//! dev, and now and then change a base.

use std::{
    io::{self, BufWriter, Write},
    path::Path,
    process::{Command, Stdio},
};

/// How much of it there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) apps: usize,
    pub(crate) commits: usize,
}

/// 5,000 overlays (and one more), 20,000 commits.
impl Default for Shape {
    fn default() -> Self {
        Self { apps: 1667, commits: 20_000 }
    }
}

const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];
const AUTHORS: [&str; 6] = ["Ana Silva", "Bo Li", "Chidi Eze", "Dana Levi", "Release bot", "Renovate"];
/// 1 January 2024, and a commit each half an hour.
const BEGIN: u64 = 1_704_067_200;
const PACE: u64 = 1800;

/// Makes a bare repository in a folder that is not there yet.
///
/// # Errors
/// `git` that is missing or fails.
pub(crate) fn generate(folder: &Path, shape: Shape) -> io::Result<()> {
    git(folder, &["init", "--quiet", "--bare", "--initial-branch=main"], None)?;
    git(folder, &["fast-import", "--quiet"], Some((shape, 0..shape.commits)))
}

/// Adds one commit to `main`.
///
/// # Errors
/// As [`generate`].
pub(crate) fn commit_once(folder: &Path, shape: Shape, number: usize) -> io::Result<()> {
    git(folder, &["fast-import", "--quiet"], Some((shape, number..number + 1)))
}

fn git(folder: &Path, arguments: &[&str], stream: Option<(Shape, std::ops::Range<usize>)>) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut child = Command::new("git").args(arguments).current_dir(folder).stdin(Stdio::piped()).spawn()?;
    if let Some(pipe) = child.stdin.take()
        && let Some((shape, commits)) = stream
    {
        let mut out = BufWriter::new(pipe);
        let first = commits.start;
        for number in commits {
            write_commit(&mut out, shape, number, number == first)?;
        }
        out.flush()?;
    }
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("git {arguments:?}: {status}"))) }
}

fn write_commit(out: &mut impl Write, shape: Shape, number: usize, is_first: bool) -> io::Result<()> {
    let chance = scattered(number as u64);
    let app = (chance >> 16) as usize % shape.apps;
    let author = AUTHORS[(chance >> 8) as usize % AUTHORS.len()];
    let environment = ENVIRONMENTS[[0, 0, 0, 0, 0, 0, 1, 1, 1, 2][chance as usize % 10]];
    let subject = if number == 0 {
        "Import all apps".to_owned()
    } else if chance.is_multiple_of(50) {
        format!("Change the base of app-{app:04}")
    } else {
        format!("Bring app-{app:04} {} to {environment}", tag(number))
    };
    let at = BEGIN + number as u64 * PACE;
    let who = format!("{author} <{}@example.com> {at} +0000", author.to_lowercase().replace(' ', "."));
    writeln!(
        out,
        "commit refs/heads/main\nauthor {who}\ncommitter {who}\ndata {}\n{subject}",
        subject.len()
    )?;
    if number > 0 && is_first {
        // A later stream goes on from what is there.
        writeln!(out, "from refs/heads/main^0")?;
    }
    if number == 0 {
        for app in 0..shape.apps {
            write_file(out, app, "base/kustomization.yaml", "resources:\n  - deployment.yaml\n")?;
            write_file(out, app, "base/deployment.yaml", &deployment(app, 1))?;
            for environment in ENVIRONMENTS {
                let path = format!("overlays/{environment}/kustomization.yaml");
                write_file(out, app, &path, &overlay(app, environment, 0))?;
            }
        }
    } else if chance.is_multiple_of(50) {
        write_file(out, app, "base/deployment.yaml", &deployment(app, number))?;
    } else {
        let path = format!("overlays/{environment}/kustomization.yaml");
        write_file(out, app, &path, &overlay(app, environment, number))?;
    }
    writeln!(out)
}

fn write_file(out: &mut impl Write, app: usize, path: &str, content: &str) -> io::Result<()> {
    write!(out, "M 100644 inline apps/app-{app:04}/{path}\ndata {}\n{content}\n", content.len())
}

fn overlay(app: usize, environment: &str, number: usize) -> String {
    format!(
        "# Owned by team-{team}.\nnamespace: app-{app:04}-{environment}\nresources:\n  - ../../base\nlabels:\n  - pairs:\n      \
         team: team-{team}\n      environment: {environment}\nimages:\n  - name: registry.example.com/app-{app:04}\n    \
         newTag: \"{tag}\"\nreplicas:\n  - name: app-{app:04}\n    count: {count}\n",
        team = app % 40,
        tag = tag(number),
        count = if environment == "prod" { 6 } else { 1 },
    )
}

fn deployment(app: usize, number: usize) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{app:04}\n  annotations:\n    generation: \"{number}\"\n\
         spec:\n  selector:\n    matchLabels: {{app: app-{app:04}}}\n  template:\n    metadata:\n      labels: {{app: app-{app:04}}}\n    \
         spec:\n      containers:\n        - name: app\n          image: registry.example.com/app-{app:04}\n          ports:\n            \
         - containerPort: 8080\n          resources:\n            requests: {{cpu: 50m, memory: 64Mi}}\n"
    )
}

fn tag(number: usize) -> String {
    format!("{}.{}.{}", 1 + number / 5000, number / 100 % 50, number % 100)
}

/// A number that looks like chance, and is the same at each run.
fn scattered(number: u64) -> u64 {
    let mixed = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 16
}
