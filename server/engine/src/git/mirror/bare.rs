//! One mirror on the disk: a bare repository that nobody but us writes to.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use git2::{Oid, Repository, RepositoryInitOptions};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::{
    MirrorError, Remote, Repo,
    call::{Call, local_command},
    child::{self, Bounds, Failure},
};

/// What is fetched. `refs/quarterdeck/changes/*` is nobody's target: nothing there is pruned.
const BRANCHES: &str = "+refs/heads/*:refs/remotes/origin/*";
const TAGS: &str = "+refs/tags/*:refs/tags/*";
/// Changes that are not pushed yet.
const CHANGES: &str = "refs/quarterdeck/changes/*";
/// More branches are not read.
const MOST_BRANCHES: usize = 20_000;
/// From so many packs or loose objects on they are packed together.
const MOST_PACKS: usize = 24;
const MOST_LOOSE: usize = 1500;
/// How long work on the disk may take.
const UPKEEP: Bounds =
    Bounds { deadline: Duration::from_secs(600), silence: Duration::from_secs(600), output: 1 << 20 };
/// How much a list of references may have.
const MOST_LISTED: usize = 32 << 20;
const NOTE: &str = "quarterdeck.json";

/// A bare repository below the folder of the mirrors.
#[derive(Clone, Debug)]
pub(super) struct Bare {
    pub(super) path: PathBuf,
}

/// What is kept beside the objects, so that a restart knows it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Note {
    pub(super) url: String,
    pub(super) fetched_at: Option<Timestamp>,
    /// Whose credentials have opened the repository.
    #[serde(default)]
    pub(super) readers: Vec<Repo>,
}

/// What the remote has.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Heads {
    pub(super) by_branch: BTreeMap<String, String>,
    pub(super) default: Option<String>,
}

impl Note {
    /// What may be written down: a reader whose URL has a password is none of it, and opens the mirror anew.
    pub(super) fn without_logins(mut self) -> Self {
        self.readers.retain(|reader| Remote::read(&reader.url).is_ok_and(|remote| remote.login().is_none()));
        self
    }
}

impl Bare {
    /// Makes the folder unless it is there.
    pub(super) fn create(&self) -> Result<(), MirrorError> {
        if self.exists() {
            return Ok(());
        }
        // Half a mirror, from a program that was killed.
        let _gone = fs::remove_dir_all(&self.path);
        let mut options = RepositoryInitOptions::new();
        options.bare(true).external_template(false).no_reinit(true).mkpath(true);
        Repository::init_opts(&self.path, &options)
            .map(drop)
            .map_err(|error| MirrorError::Folder { what: "written to", why: error.message().to_owned() })
    }

    pub(super) fn exists(&self) -> bool {
        self.path.join("HEAD").is_file() && self.path.join("objects").is_dir()
    }

    pub(super) fn open(&self) -> Result<Repository, git2::Error> {
        Repository::open_bare(&self.path)
    }

    /// Removes the locks and half-written packs of calls that were killed. Nothing else may work on the mirror.
    pub(super) fn clear_leftovers(&self) -> io::Result<()> {
        let files = ["packed-refs", "HEAD", "config", "shallow", "objects/info/commit-graph"];
        for file in files.into_iter().map(|file| format!("{file}.lock")).chain(["gc.pid".to_owned()]) {
            let _none = fs::remove_file(self.path.join(file));
        }
        let is_lock = |name: &str| name.ends_with(".lock");
        remove_below(&self.path.join("refs/remotes"), &is_lock)?;
        remove_below(&self.path.join("refs/tags"), &is_lock)?;
        remove_below(&self.path.join("objects/info"), &is_lock)?;
        remove_below(&self.path.join("objects/pack"), &|name| name.starts_with("tmp_"))
    }

    /// Fetches branches and tags; what is gone there goes here.
    pub(super) async fn fetch(
        &self,
        call: &Call,
        git: &Path,
        remote: &Remote,
        bounds: Bounds,
        most_bytes: u64,
    ) -> Result<(), Failure> {
        let mut command = call.command(git);
        command.arg("--git-dir").arg(&self.path).args([
            "fetch",
            "--progress",
            "--prune",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--no-auto-maintenance",
            "--end-of-options",
            &remote.for_git(),
            BRANCHES,
            TAGS,
        ]);
        let packs = self.path.join("objects/pack");
        child::run(command, bounds, || flat_size(&packs) <= most_bytes).await.map(drop)
    }

    /// Asks the remote for its default branch, and points `HEAD` there.
    pub(super) async fn follow_head(
        &self,
        call: &Call,
        git: &Path,
        remote: &Remote,
        bounds: Bounds,
    ) -> Result<(), Failure> {
        let mut command = call.traced_command(git);
        command.args(["ls-remote", "--symref", "--end-of-options", &remote.for_git(), "HEAD"]);
        let printed = child::run(command, Bounds { output: MOST_LISTED, ..bounds }, || true).await?;
        let printed = String::from_utf8_lossy(&printed);
        let branch =
            printed.lines().find_map(|line| line.strip_prefix("ref: refs/heads/")?.strip_suffix("\tHEAD"));
        if let Some(branch) = branch {
            let target = format!("refs/remotes/origin/{branch}");
            let set = self.open().and_then(|repository| {
                repository.reference_symbolic("refs/remotes/origin/HEAD", &target, true, "")?;
                repository.set_head(&target)
            });
            set.map_err(|error| Failure::Failed(error.message().to_owned()))?;
        }
        Ok(())
    }

    /// Reads which branches there are.
    pub(super) fn heads(&self) -> Result<Heads, git2::Error> {
        const PREFIX: &str = "refs/remotes/origin/";
        let repository = self.open()?;
        let mut heads = Heads::default();
        for reference in repository.references_glob("refs/remotes/origin/*")?.take(MOST_BRANCHES) {
            let reference = reference?;
            let Some(branch) = reference.name().ok().and_then(|name| name.strip_prefix(PREFIX)) else {
                continue;
            };
            if let Some(id) = reference.target() {
                heads.by_branch.insert(branch.to_owned(), id.to_string());
            } else if branch == "HEAD" {
                let target = reference.symbolic_target().ok().flatten();
                heads.default = target.and_then(|it| it.strip_prefix(PREFIX)).map(ToOwned::to_owned);
            }
        }
        Ok(heads)
    }

    /// Sets the branches as they were. Their commits are still there: a fetch removes no objects.
    pub(super) fn restore(&self, heads: &Heads) -> Result<(), git2::Error> {
        let repository = self.open()?;
        for (branch, id) in &heads.by_branch {
            repository.reference(&format!("refs/remotes/origin/{branch}"), Oid::from_str(id)?, true, "")?;
        }
        Ok(())
    }

    /// Finds the commit of a branch, a tag, a full reference name, `HEAD` or a commit id. Nothing else is looked at: a
    /// revision is whatever somebody wrote into an Application.
    pub(super) fn resolve(&self, revision: &str) -> Result<Option<Oid>, git2::Error> {
        let repository = self.open()?;
        let names = match revision {
            "" | "HEAD" => vec!["refs/remotes/origin/HEAD".to_owned()],
            _ => match (revision.strip_prefix("refs/heads/"), revision.starts_with("refs/tags/")) {
                (Some(branch), _) => vec![format!("refs/remotes/origin/{branch}")],
                (None, true) => vec![revision.to_owned()],
                (None, false) => {
                    vec![format!("refs/remotes/origin/{revision}"), format!("refs/tags/{revision}")]
                }
            },
        };
        for name in names.iter().filter(|name| git2::Reference::is_valid_name(name)) {
            if let Ok(commit) = repository.find_reference(name).and_then(|it| it.peel_to_commit()) {
                return Ok(Some(commit.id()));
            }
        }
        let is_id = (7..=40).contains(&revision.len()) && revision.chars().all(|c| c.is_ascii_hexdigit());
        if !is_id {
            return Ok(None);
        }
        let found = repository.find_commit_by_prefix(revision);
        Ok(found.ok().map(|commit| commit.id()))
    }

    /// Finds the branch that a revision names: itself, or for `HEAD` the default branch.
    pub(super) fn branch_of(&self, revision: &str) -> Result<Option<String>, git2::Error> {
        let repository = self.open()?;
        if matches!(revision, "" | "HEAD") {
            let head = repository.find_reference("refs/remotes/origin/HEAD")?;
            let target = head.symbolic_target().ok().flatten();
            return Ok(target.and_then(|it| it.strip_prefix("refs/remotes/origin/")).map(ToOwned::to_owned));
        }
        let branch = revision.strip_prefix("refs/heads/").unwrap_or(revision);
        let name = format!("refs/remotes/origin/{branch}");
        let is_there = git2::Reference::is_valid_name(&name) && repository.find_reference(&name).is_ok();
        Ok(is_there.then(|| branch.to_owned()))
    }

    /// Tells whether changes are kept here that nobody else may have.
    pub(super) fn has_changes(&self) -> bool {
        let found = self.open().and_then(|it| Ok(it.references_glob(CHANGES)?.next().is_some()));
        // What cannot be told counts as yes.
        found.unwrap_or(self.exists())
    }

    /// Packs what has become many pieces, and writes the graph of commits with the paths that each changed: a walk
    /// along one path is short with it. No object is dropped, referenced or not.
    pub(super) async fn keep_up(&self, git: &Path) -> Result<(), Failure> {
        if self.is_scattered() {
            let arguments = ["repack", "-d", "-q", "--geometric=2"];
            child::run(with(local_command(git, &self.path), &arguments), UPKEEP, || true).await?;
            let arguments = ["pack-refs", "--all", "--prune"];
            child::run(with(local_command(git, &self.path), &arguments), UPKEEP, || true).await?;
        }
        let arguments =
            ["commit-graph", "write", "--reachable", "--changed-paths", "--split", "--no-progress"];
        child::run(with(local_command(git, &self.path), &arguments), UPKEEP, || true).await.map(drop)
    }

    pub(super) fn note(&self) -> Option<Note> {
        serde_json::from_slice(&fs::read(self.path.join(NOTE)).ok()?).ok()
    }

    pub(super) fn write_note(&self, note: &Note) -> io::Result<()> {
        let new = self.path.join(format!("{NOTE}.new"));
        fs::write(&new, serde_json::to_vec(note)?)?;
        fs::rename(new, self.path.join(NOTE))
    }

    /// Returns the bytes of all files.
    pub(super) fn size(&self) -> u64 {
        size_below(&self.path)
    }

    fn is_scattered(&self) -> bool {
        let entries = |folder: &str| fs::read_dir(self.path.join(folder)).map_or(0, Iterator::count);
        // A pack has two files or three. Loose objects are spread evenly over 256 folders; one tells of all.
        entries("objects/pack") / 2 > MOST_PACKS || entries("objects/17") * 256 > MOST_LOOSE
    }
}

fn with(mut command: Command, arguments: &[&str]) -> Command {
    command.args(arguments);
    command
}

fn flat_size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|it| it.len()).sum()
}

fn size_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size_below(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

fn remove_below(folder: &Path, is_leftover: &dyn Fn(&str) -> bool) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries.flatten() {
        if entry.file_type()?.is_dir() {
            remove_below(&entry.path(), is_leftover)?;
        } else if is_leftover(&entry.file_name().to_string_lossy()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
