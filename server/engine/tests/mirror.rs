//! Mirrors of real repositories: on the disk, over https and over SSH, all on loopback; and of remotes that misbehave.

mod disk;
mod https;
mod ssh;
mod trouble;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use engine::{
    git::mirror::{CredentialSource, Credentials, MirrorError, MirrorSettings, Mirrors, Repo, RepoState},
    metrics::Metrics,
    tasks::Tasks,
};
use futures::future::BoxFuture;
use git2::{Oid, Repository, Signature, build::TreeUpdateBuilder};
use tempfile::TempDir;

/// A secret that must be nowhere.
pub(crate) const CANARY: &str = "c4nary-t0ken/with@odd:parts";

/// A bare repository that others fetch.
pub(crate) struct Origin {
    pub(crate) repository: Repository,
    pub(crate) folder: TempDir,
}

impl Origin {
    /// Makes one with a first commit on `main`.
    pub(crate) fn new() -> Self {
        let origin = Self::empty();
        origin.commit("main", &[("apps/web/kustomization.yaml", "resources: []\n")], "Begin");
        origin
    }

    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut options = git2::RepositoryInitOptions::new();
        options.bare(true).initial_head("main");
        let repository =
            Repository::init_opts(folder.path().join("fleet.git"), &options).expect("a repository");
        Self { repository, folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("fleet.git")
    }

    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.path().display())
    }

    pub(crate) fn commit(&self, branch: &str, files: &[(&str, &str)], subject: &str) -> Oid {
        let git = &self.repository;
        let name = format!("refs/heads/{branch}");
        let parent = git.find_reference(&name).ok().map(|it| it.peel_to_commit().expect("a commit"));
        let mut update = TreeUpdateBuilder::new();
        for (path, text) in files {
            update.upsert(*path, git.blob(text.as_bytes()).expect("a blob"), git2::FileMode::Blob);
        }
        let base = parent.as_ref().map(|it| it.tree().expect("a tree"));
        let base = base.unwrap_or_else(|| {
            let empty = git.treebuilder(None).and_then(|it| it.write()).expect("a tree");
            git.find_tree(empty).expect("a tree")
        });
        let tree = update.create_updated(git, &base).expect("a tree");
        let tree = git.find_tree(tree).expect("a tree");
        let who =
            Signature::new("Ana", "ana@example.com", &git2::Time::new(1_700_000_000, 0)).expect("a name");
        let parents: Vec<_> = parent.iter().collect();
        git.commit(Some(&name), &who, &who, subject, &tree, &parents).expect("a commit")
    }
}

/// Credentials that a test hands out.
#[derive(Clone, Default)]
pub(crate) struct Given(Arc<Mutex<Credentials>>);

impl Given {
    pub(crate) fn set(&self, credentials: Credentials) {
        *self.0.lock().expect("no panic") = credentials;
    }
}

impl CredentialSource for Given {
    fn credentials<'a>(&'a self, _: &'a Repo) -> BoxFuture<'a, Result<Credentials, String>> {
        Box::pin(async { Ok(self.0.lock().expect("no panic").clone()) })
    }

    fn write_credentials<'a>(&'a self, repo: &'a Repo) -> BoxFuture<'a, Result<Credentials, String>> {
        self.credentials(repo)
    }
}

/// Mirrors in a folder of their own.
pub(crate) struct Lab {
    pub(crate) mirrors: Mirrors,
    pub(crate) given: Given,
    pub(crate) tasks: Tasks,
    pub(crate) folder: TempDir,
    settings: MirrorSettings,
}

/// Writes a program. This process never has it open: a child that another test starts in that moment would keep it so,
/// and the system runs no program that somebody may still write to.
pub(crate) fn install(program: &Path, text: &str) {
    let written = program.with_extension("text");
    fs::write(&written, text).expect("writes");
    let installed = Command::new("install").args(["-m", "755"]).arg(&written).arg(program).status();
    assert!(installed.expect("starts").success());
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut MirrorSettings)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = MirrorSettings::new(folder.path().join("mirrors"));
        settings.allow_files = true;
        settings.interval = Duration::from_secs(3600);
        change(&mut settings);
        Self::start(folder, settings)
    }

    /// Ends all that runs, and begins anew on the same folder.
    pub(crate) async fn restart(self, change: impl FnOnce(&mut MirrorSettings)) -> Self {
        self.tasks.shutdown().await;
        let Self { folder, mut settings, mirrors, tasks, .. } = self;
        drop((mirrors, tasks));
        change(&mut settings);
        Self::start(folder, settings)
    }

    /// As [`Lab::with_script`], with deadlines that something is to miss.
    pub(crate) fn with_short_script(script: &str) -> Self {
        Self::around(script, |settings| {
            settings.deadline = Duration::from_secs(2);
            settings.first_deadline = Duration::from_secs(4);
        })
    }

    /// Takes a `git` that is a script around the real one.
    pub(crate) fn with_script(script: &str) -> Self {
        Self::around(script, |_| {})
    }

    fn around(script: &str, change: impl FnOnce(&mut MirrorSettings)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let git = folder.path().join("git");
        install(&git, &format!("#!/bin/sh\nhere={}\n{script}\n", folder.path().display()));
        let mut settings = MirrorSettings::new(folder.path().join("mirrors"));
        settings.allow_files = true;
        settings.interval = Duration::from_secs(3600);
        settings.git = git;
        change(&mut settings);
        Self::start(folder, settings)
    }

    pub(crate) fn state(&self) -> RepoState {
        self.mirrors.states().into_iter().next().expect("a known repository")
    }

    /// Returns what the script has written down.
    pub(crate) fn written(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// Returns the only mirror's folder.
    pub(crate) fn only_mirror(&self) -> PathBuf {
        let entries = fs::read_dir(&self.settings.folder).expect("a folder");
        let mut mirrors =
            entries.map(|it| it.expect("an entry").path()).filter(|it| it.join("HEAD").exists());
        mirrors.next().expect("a mirror")
    }

    fn start(folder: TempDir, settings: MirrorSettings) -> Self {
        let (metrics, given) = (Metrics::default(), Given::default());
        let tasks = Tasks::new(metrics.clone());
        let source = Arc::new(given.clone());
        let start = || Mirrors::new(settings.clone(), source.clone(), metrics.clone(), tasks.clone());
        let mut mirrors = start();
        // What the mirrors before were at ends a moment after them, and gives the folder back.
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while matches!(mirrors, Err(MirrorError::InUse { .. })) && std::time::Instant::now() < deadline {
            std::thread::park_timeout(Duration::from_millis(10));
            mirrors = start();
        }
        let mirrors = mirrors.expect("starts");
        Self { mirrors, given, tasks, folder, settings }
    }
}

pub(crate) fn repo(url: &str) -> Repo {
    Repo { control_plane: "lab".into(), project: "default".into(), url: url.into() }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waits = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waits)
        .await
        .unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// Runs a program to its good end.
pub(crate) fn run(program: &str, arguments: &[&str], folder: &Path) {
    let output = std::process::Command::new(program).args(arguments).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("{program} is not there: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
