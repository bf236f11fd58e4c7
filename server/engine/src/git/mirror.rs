//! Mirrors: a bare repository on the disk for each one that Applications follow, fetched on demand, when a forge tells of
//! a push, and on a timer.
//!
//! A repository is fetched for a *reader*: a project of a control plane, with the credentials that Argo CD has for it.
//! One mirror serves all readers of a URL, each after its own credentials have opened the repository. What is on the
//! disk is read with libgit2, also while a fetch runs; network Git is a child process. Knows nothing of apps and plans.

mod bare;
mod call;
mod child;
pub mod credentials;
mod error;
mod explain;
mod facts;
mod fetching;
mod one;
mod push;
mod remote;
mod schedule;

use std::{
    collections::HashMap,
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use git2::{Oid, Repository};
use hashlink::LruCache;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, Semaphore};

use self::{
    bare::Bare,
    one::{Mirror, Wanted},
    remote::Kind,
};
pub use self::{
    credentials::{ArgoSecrets, CredentialSource, Credentials, WriteSetting},
    error::MirrorError,
    facts::CommitFacts,
    push::{PushError, ReadyPush},
    remote::{Remote, shown},
};
use super::webhook::Push;
use crate::{metrics::Metrics, tasks::Tasks};

/// How many commits' facts are kept at hand.
const COMMITS_KEPT: usize = 20_000;

/// What the mirrors are made from.
#[derive(Clone, Debug)]
pub struct MirrorSettings {
    /// Where they lie; ours alone.
    pub folder: PathBuf,
    /// How many bytes all of them may have together.
    pub most_bytes: u64,
    /// From one fetch to the next, give or take a fifth.
    pub interval: Duration,
    /// How long a fetch may take, and how long it may say nothing.
    pub deadline: Duration,
    /// How long the first fetch of a repository may take.
    pub first_deadline: Duration,
    /// How many fetches run at once, and how many pushes.
    pub at_once: usize,
    /// Whether repositories on this machine's disk are fetched.
    pub allow_files: bool,
    /// The program.
    pub git: PathBuf,
}

impl MirrorSettings {
    /// Returns the defaults for mirrors in a folder.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            most_bytes: 10 << 30,
            interval: Duration::from_secs(180),
            deadline: Duration::from_secs(60),
            first_deadline: Duration::from_secs(15 * 60),
            at_once: 4,
            allow_files: false,
            git: "git".into(),
        }
    }
}

/// A repository as a project of a control plane follows it: what a source of its Applications names. `Debug` shows no
/// password of the URL.
#[derive(Clone, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Repo {
    pub control_plane: String,
    /// Argo CD's project, whose own Secrets count first.
    pub project: String,
    pub url: String,
}

/// How a repository stands, for a page.
#[derive(Clone, Debug)]
pub struct RepoState {
    pub repo: Repo,
    /// The URL without what is secret.
    pub url: String,
    /// When the last fetch that came to a good end began; none: never.
    pub fetched_at: Option<Timestamp>,
    pub fetching_since: Option<Timestamp>,
    pub failing: Option<Failing>,
    /// On the disk, in bytes.
    pub size: u64,
    /// It had to make room for others, and is fetched again when somebody reads it.
    pub is_evicted: bool,
    /// The commit of each branch.
    pub heads: Vec<(String, String)>,
    pub default_branch: Option<String>,
}

/// Since when fetches fail, and why the last one did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failing {
    pub since: Timestamp,
    pub why: MirrorError,
}

/// A mirror to read; as long as it is held, it is not evicted.
#[derive(Clone, Debug)]
pub struct MirrorPath {
    bare: Bare,
    url: String,
    _held: Arc<()>,
}

/// All mirrors; a cheap handle.
#[derive(Clone)]
pub struct Mirrors {
    shared: Arc<Shared>,
}

struct Shared {
    settings: MirrorSettings,
    credentials: Arc<dyn CredentialSource>,
    metrics: Metrics,
    tasks: Tasks,
    network: Semaphore,
    /// Apart from fetches: what is looked at right before a push may fetch, and would wait for itself.
    pushes: Arc<Semaphore>,
    all: Mutex<HashMap<String, Arc<Mirror>>>,
    known: Mutex<Vec<Repo>>,
    known_changed: Notify,
    commits: Mutex<LruCache<(String, Oid), CommitFacts>>,
    /// Locked as long as it is open: two programs on one folder would remove each other's work.
    _lock: File,
}

impl Mirrors {
    /// Takes the folder, finds the mirrors that are there, and starts to fetch what [`Mirrors::set_known`] names.
    ///
    /// # Errors
    /// A folder that cannot be written to, or that another program uses.
    pub fn new(
        settings: MirrorSettings,
        credentials: Arc<dyn CredentialSource>,
        metrics: Metrics,
        tasks: Tasks,
    ) -> Result<Self, MirrorError> {
        let lock = schedule::take_folder(&settings.folder)?;
        let shared = Shared {
            network: Semaphore::new(settings.at_once),
            pushes: Arc::new(Semaphore::new(settings.at_once)),
            all: Mutex::new(schedule::found(&settings.folder)),
            known: Mutex::default(),
            known_changed: Notify::new(),
            commits: Mutex::new(LruCache::new(COMMITS_KEPT)),
            settings,
            credentials,
            metrics,
            tasks,
            _lock: lock,
        };
        let mirrors = Self { shared: Arc::new(shared) };
        let scheduled = mirrors.clone();
        mirrors.shared.tasks.supervise("fetch repositories", move || {
            let mirrors = scheduled.clone();
            async move { mirrors.keep_fetching().await }
        });
        Ok(mirrors)
    }

    /// Says which repositories Applications follow now: these are fetched on the timer.
    pub fn set_known(&self, mut repos: Vec<Repo>) {
        repos.sort();
        repos.dedup();
        {
            let mut known = self.known();
            if *known == repos {
                return;
            }
            known.clone_from(&repos);
        }
        for mirror in self.all().values() {
            mirror.state().known.clear();
        }
        for repo in repos {
            if let Ok(mirror) = self.mirror_of(&repo) {
                mirror.state().known.push(repo);
            }
        }
        self.shared.known_changed.notify_one();
    }

    /// Returns a mirror that this reader has once opened, fetching it where it has not.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn ensure(&self, repo: &Repo) -> Result<MirrorPath, MirrorError> {
        self.take(repo, Wanted::Any).await
    }

    /// Returns a mirror whose last fetch began at most `max_age` ago, fetching it where it is older. With an age of
    /// zero it is always fetched; else a failure of a moment ago is not tried again at once.
    ///
    /// # Errors
    /// Why it was not fetched. What an earlier fetch brought is still there for [`Mirrors::ensure`].
    pub async fn fresh(&self, repo: &Repo, max_age: Duration) -> Result<MirrorPath, MirrorError> {
        let now = Instant::now();
        let since = now.checked_sub(max_age).map_or(Wanted::Any, Wanted::Since);
        self.take(repo, if max_age.is_zero() { Wanted::Anew(now) } else { since }).await
    }

    /// Returns how every known repository stands.
    pub fn states(&self) -> Vec<RepoState> {
        let known = self.known().clone();
        known.into_iter().map(|repo| self.state_of(repo)).collect()
    }

    /// Fetches the known repositories that a push is about, and returns how many these are. The URLs of the push itself
    /// are fetched by nobody.
    pub fn on_push(&self, push: &Push) -> usize {
        let mut told = 0;
        for mirror in self.all().values().cloned().collect::<Vec<_>>() {
            let reader = {
                let state = mirror.state();
                let mut known = state.known.iter();
                let meant = known.find(|it| Remote::read(&it.url).is_ok_and(|it| push.is_about(&it)));
                meant.filter(|_| !push.is_in(&state.heads.by_branch)).cloned()
            };
            if let Some(reader) = reader {
                told += 1;
                drop(self.start(&mirror, &reader, Wanted::Anew(Instant::now())));
            }
        }
        told
    }

    async fn take(&self, repo: &Repo, wanted: Wanted) -> Result<MirrorPath, MirrorError> {
        let mirror = self.mirror_of(repo)?;
        if let Some(path) = mirror.hold_if(repo, wanted) {
            return Ok(path);
        }
        if let Some(error) = mirror.failed_just_now(repo, wanted) {
            return Err(error);
        }
        let path = mirror.hold();
        self.start(&mirror, repo, wanted).landed().await?;
        Ok(path)
    }

    fn mirror_of(&self, repo: &Repo) -> Result<Arc<Mirror>, MirrorError> {
        let remote = Remote::read(&repo.url)?;
        if remote.kind() == Kind::File && !self.shared.settings.allow_files {
            return Err(MirrorError::FilesNotAllowed { url: remote.to_string() });
        }
        let folder = remote.folder();
        let mut all = self.all();
        if let Some(mirror) = all.get(&folder) {
            return Ok(mirror.clone());
        }
        let bare = Bare { path: self.shared.settings.folder.join(&folder) };
        let mirror = Arc::new(Mirror::new(remote.to_string(), bare));
        all.insert(folder, mirror.clone());
        Ok(mirror)
    }

    fn state_of(&self, repo: Repo) -> RepoState {
        match self.mirror_of(&repo) {
            Ok(mirror) => mirror.shown(repo),
            Err(why) => RepoState {
                url: shown(&repo.url),
                repo,
                fetched_at: None,
                fetching_since: None,
                failing: Some(Failing { since: one::now(), why }),
                size: 0,
                is_evicted: false,
                heads: Vec::new(),
                default_branch: None,
            },
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<Mirror>>> {
        self.shared.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, Vec<Repo>> {
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MirrorPath {
    /// Returns the folder, a bare repository.
    pub fn path(&self) -> &Path {
        &self.bare.path
    }

    /// Opens it with libgit2. Blocks.
    ///
    /// # Errors
    /// A mirror that is damaged.
    pub fn open(&self) -> Result<Repository, MirrorError> {
        self.bare.open().map_err(|error| self.damaged(&error))
    }

    /// Finds the commit that a branch, a tag, `HEAD` or an id means, as `targetRevision` has them. Blocks.
    ///
    /// # Errors
    /// A revision that is not there, and a mirror that is damaged.
    pub fn resolve(&self, revision: &str) -> Result<Oid, MirrorError> {
        let found = self.bare.resolve(revision).map_err(|error| self.damaged(&error))?;
        found.ok_or_else(|| {
            let (url, revision) = (self.url.clone(), revision.chars().take(100).collect::<String>());
            match Oid::from_str(&revision) {
                Ok(_) if revision.len() == 40 => MirrorError::NoCommit { url, id: revision },
                _ => MirrorError::NoRevision { url, revision },
            }
        })
    }

    /// Returns the branch that a revision follows, as `targetRevision` has it; none for a tag or a commit. Blocks.
    ///
    /// # Errors
    /// A mirror that is damaged.
    pub fn branch_of(&self, revision: &str) -> Result<Option<String>, MirrorError> {
        self.bare.branch_of(revision).map_err(|error| self.damaged(&error))
    }

    fn damaged(&self, error: &git2::Error) -> MirrorError {
        MirrorError::Damaged { url: self.url.clone(), why: error.message().to_owned() }
    }
}

impl std::fmt::Debug for Repo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Repo({:?}, {:?}, {:?})", self.control_plane, self.project, shown(&self.url))
    }
}

impl std::fmt::Debug for Mirrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mirrors").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}
