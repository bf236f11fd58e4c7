//! What is known of the repositories that Applications come from: their mirrors, and what was found in each branch that
//! somebody follows. Read anew in the background whenever a branch has moved; pages look at what was read last.

mod ground;
mod page;
mod settings;

pub use ground::Ground;
pub use settings::RepositorySettings;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use git2::{Oid, Repository};
use model::{
    apps::{CellState, Lag, ReleaseRef},
    repository::Finding,
    status::Environment,
};
use rustc_hash::FxHashMap as HashMap;

use self::ground::{Grounds, MOST_SINCE};
use crate::{
    Error, Result,
    fleet::{
        app::Told,
        index::{Change, Index, Row, Snapshot},
        matrix::{Gathered, ReleaseBook, state_of, version_of},
    },
    git::{
        chronicle::since,
        layout::{App, Found, discover},
        lint::{ApplicationSource, lint},
        mirror::{MirrorError, MirrorPath, Mirrors, Repo, RepoState},
        releases::{Course, Limits, ReleaseEntry, Releases, Runs, lag, releases},
        remote,
        rules::Rules,
        tree::{Tree, TreeError},
    },
};

/// How often the branches are looked at; a look costs a few lookups.
const LOOK: Duration = Duration::from_secs(2);
/// How many releases the page of an app shows.
const RELEASES_SHOWN: usize = 50;
/// How many findings of one branch are kept.
const FINDINGS_KEPT: usize = 500;

/// A branch of a repository that Applications follow.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Followed {
    /// As [`remote::normalized`] writes it.
    pub repository: String,
    /// A branch, a tag or a commit; `HEAD` for the default branch.
    pub revision: String,
}

/// Why a branch is not read.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// What was found in a branch.
#[derive(Debug)]
pub struct Facts {
    pub head: Oid,
    /// The settings' and the repository's own.
    pub rules: Arc<Rules>,
    pub found: Found,
    /// None where only a plan is made.
    pub releases: Option<Releases>,
    pub findings: Vec<Finding>,
    /// By the folder of a place: the app, by its number, and the environment.
    by_folder: HashMap<String, (usize, String)>,
    by_base_path: HashMap<String, usize>,
}

/// All that was found so far; an immutable value.
#[derive(Debug, Default)]
pub struct Book {
    facts: HashMap<Followed, Arc<Facts>>,
}

/// Reads repositories; a cheap handle.
#[derive(Clone)]
pub struct Repositories {
    pub mirrors: Mirrors,
    index: Index,
    rules: Arc<Rules>,
    order: Arc<Vec<Environment>>,
    book: Arc<RwLock<Arc<Book>>>,
    grounds: Arc<Grounds>,
}

impl Repositories {
    /// Makes a reader with the settings' rules; `order` are all environments.
    pub fn new(mirrors: Mirrors, index: Index, rules: Rules, order: Vec<Environment>) -> Self {
        Self {
            mirrors,
            index,
            rules: Arc::new(rules),
            order: Arc::new(order),
            book: Arc::default(),
            grounds: Arc::default(),
        }
    }

    /// Returns what was found so far.
    pub fn book(&self) -> Arc<Book> {
        Arc::clone(&self.book.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the rules of the settings.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Returns all environments, in the order of promotions.
    pub fn order(&self) -> &[Environment] {
        &self.order
    }

    /// Tells the mirrors what Applications follow, and reads each branch that has moved; never returns.
    ///
    /// # Errors
    /// None that ends it.
    pub async fn keep_read(self) -> Result<()> {
        let (mut generation, mut follows) = (None, Follows::new());
        loop {
            let snapshot = self.index.load();
            if generation.replace(snapshot.generation) != Some(snapshot.generation) {
                self.mirrors.set_known(followed_repositories(&snapshot).into_iter().collect());
                follows = followed(&snapshot);
            }
            self.read_moved(&follows).await;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Returns the mirror of what an Application follows, fetched at most `max_age` ago, and the commit that it follows.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn fresh(&self, row: &Row, max_age: Duration) -> Result<(MirrorPath, Oid), MirrorError> {
        let mirror = self.mirrors.fresh(&repo_of(row), max_age).await?;
        Self::head_of(mirror, row).await
    }

    /// Returns the mirror of what an Application follows as it was fetched last.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn known(&self, row: &Row) -> Result<(MirrorPath, Oid), MirrorError> {
        let mirror = self.mirrors.ensure(&repo_of(row)).await?;
        Self::head_of(mirror, row).await
    }

    async fn head_of(mirror: MirrorPath, row: &Row) -> Result<(MirrorPath, Oid), MirrorError> {
        let revision = revision_of(row).to_owned();
        let at = mirror.clone();
        let head = blocking(move || at.resolve(&revision)).await??;
        Ok((mirror, head))
    }

    async fn read_moved(&self, follows: &Follows) {
        for (followed, rows) in follows {
            if let Err(error) = self.read_if_moved(followed, rows).await {
                tracing::debug!(repository = followed.repository, "is not read: {error}");
            }
        }
    }

    /// Returns how a mirror stands for one of these readers that has opened it; the timer asks for each in its turn.
    fn opened_by(&self, readers: &BTreeSet<Repo>) -> Option<RepoState> {
        let states = self.mirrors.states().into_iter();
        states.filter(|it| readers.contains(&it.repo)).find(|it| it.fetched_at.is_some())
    }

    async fn read_if_moved(&self, followed: &Followed, rows: &[Arc<Row>]) -> Result<(), Unread> {
        let readers = rows.iter().map(|row| repo_of(row)).collect();
        let Some(state) = self.opened_by(&readers) else { return Ok(()) };
        if state.is_evicted {
            return Ok(());
        }
        // What runs and is not there was pushed after the last fetch: it is looked for.
        let running: BTreeSet<_> = rows.iter().filter_map(|row| row.revision.as_deref()).collect();
        for revision in running {
            let _not_there = self.mirrors.commit(&state.repo, revision).await;
        }
        let mirror = self.mirrors.ensure(&state.repo).await?;
        let before = self.book().facts.get(followed).cloned();
        let (rules, revision) = (Arc::clone(&self.rules), followed.revision.clone());
        let sources = sources_of(rows);
        let read = blocking(move || {
            let head = mirror.resolve(&revision)?;
            if before.as_ref().is_some_and(|before| before.head == head) {
                return Ok(None);
            }
            Facts::read(&mirror, head, &rules, before.as_deref(), &sources).map(Some)
        });
        let Some(facts) = read.await?? else { return Ok(()) };
        {
            let mut book = self.book.write().unwrap_or_else(PoisonError::into_inner);
            let mut facts_of = book.facts.clone();
            facts_of.insert(followed.clone(), Arc::new(facts));
            *book = Arc::new(Book { facts: facts_of });
        }
        // Pages that show versions are drawn again.
        self.index.send(Change::RepositoriesRead).await;
        Ok(())
    }
}

impl Facts {
    fn read(
        mirror: &MirrorPath,
        head: Oid,
        rules: &Rules,
        before: Option<&Self>,
        sources: &[ApplicationSource],
    ) -> Result<Self, Unread> {
        let repository = mirror.open()?;
        let tree = Tree::at(&repository, &head.to_string())?;
        let (rules, odd) = rules.read(&tree);
        let found = match before.filter(|before| before.outlasts(&repository, head)) {
            Some(before) => before.found.clone(),
            None => {
                let mut found = discover(&tree, &rules)?;
                found.not_understood.extend(odd);
                found
            }
        };
        let releases = match before.and_then(|before| before.releases.clone()) {
            Some(mut known) => known.extend(&repository, head, &found).map(|()| known),
            None => Releases::read(&repository, head, &found, Limits::default()),
        };
        let releases = Some(releases?);
        let mut findings = lint(&tree, &found, &rules, sources);
        findings.truncate(FINDINGS_KEPT);
        Ok(Self { releases, findings, ..Self::without_history(head, rules, found) })
    }

    /// Whether the same would be found at a later head; what cannot be told is looked at again.
    fn outlasts(&self, repository: &Repository, head: Oid) -> bool {
        let recent = since(repository, head, &[self.head], MOST_SINCE);
        recent.is_ok_and(|it| it.is_some_and(|(_, recent)| self.found.outlasts(&recent)))
    }

    /// Makes what is enough to plan.
    pub fn without_history(head: Oid, rules: Rules, found: Found) -> Self {
        let mut by_folder = HashMap::default();
        let mut by_base_path = HashMap::default();
        for (number, app) in found.apps.iter().enumerate() {
            by_base_path.insert(app.base_path.clone(), number);
            for (environment, places) in &app.places {
                for folder in places.iter().filter_map(|place| place.folder.as_ref()) {
                    by_folder.insert(folder.clone(), (number, environment.clone()));
                }
            }
        }
        Self {
            head,
            rules: Arc::new(rules),
            found,
            releases: None,
            findings: Vec::new(),
            by_folder,
            by_base_path,
        }
    }

    /// Finds the app, and the environment, that an Application deploys.
    pub fn place_of<'a>(&'a self, row: &'a Row) -> Option<(&'a App, &'a str)> {
        let path = row.path.trim_matches('/').trim_start_matches("./");
        if let Some((number, environment)) = self.by_folder.get(path) {
            return Some((&self.found.apps[*number], environment));
        }
        let app = &self.found.apps[*self.by_base_path.get(path)?];
        let environment = row.environment.name()?;
        app.places.contains_key(environment).then_some((app, environment))
    }

    /// Returns names of environments in the order of promotions; those that are not in it come last.
    fn in_order<'a>(&self, names: impl Iterator<Item = &'a String>) -> Vec<String> {
        let rank = |name: &String| self.rules.environments.iter().position(|it| it.name == *name);
        let mut names: Vec<_> = names.cloned().collect();
        names.sort_by_key(|name| rank(name).unwrap_or(usize::MAX));
        names
    }

    fn releases_of(&self, row: &Row) -> Option<&[ReleaseEntry]> {
        let (app, environment) = self.place_of(row)?;
        Some(self.releases.as_ref()?.of(&app.base_path, environment))
    }
}

impl Book {
    /// Returns what was found where an Application comes from.
    pub fn facts_of(&self, row: &Row) -> Option<&Arc<Facts>> {
        self.facts.get(&followed_by(row)?)
    }

    /// Returns what was found in a branch.
    pub fn facts(&self, followed: &Followed) -> Option<&Arc<Facts>> {
        self.facts.get(followed)
    }

    /// Tells of an app's releases over all environments.
    pub fn told(&self, snapshot: &Snapshot, app: &Gathered<'_>) -> Told {
        let first = app.rows.iter().flatten().next();
        let Some(facts) = first.and_then(|row| self.facts_of(row)) else {
            let note = "Its repository was not read yet, or cannot be: see Repositories.".to_owned();
            return Told { releases: Vec::new(), note: Some(note) };
        };
        if first.is_none_or(|row| facts.place_of(row).is_none()) {
            let note = "How its repository is laid out is not understood: see Repositories.".to_owned();
            return Told { releases: Vec::new(), note: Some(note) };
        }
        let running: Vec<_> = app.rows.iter().map(|rows| running(snapshot, rows)).collect();
        let courses: Vec<_> = app
            .rows
            .iter()
            .zip(&running)
            .map(|(rows, running)| Course {
                entries: rows.first().and_then(|row| facts.releases_of(row)).unwrap_or_default(),
                runs: running
                    .as_ref()
                    .map(|(version, state)| Runs { version: version.as_deref(), state: *state }),
            })
            .collect();
        let is_whole = facts.releases.as_ref().is_some_and(Releases::is_whole);
        let note = (!is_whole).then(|| "Older commits than these were not looked at.".to_owned());
        Told { releases: releases(&courses, RELEASES_SHOWN), note }
    }
}

/// The version that all Applications of an environment run, and the worst of their states; none where there are none.
fn running(snapshot: &Snapshot, rows: &[&Arc<Row>]) -> Option<(Option<String>, CellState)> {
    let state = rows.iter().map(|row| state_of(snapshot, row)).max()?;
    let versions: BTreeSet<_> = rows.iter().map(|row| version_of(row)).collect();
    let version = (versions.len() == 1).then(|| versions.into_iter().next().flatten()).flatten();
    Some((version, state))
}

impl ReleaseBook for Book {
    fn lag(&self, before: &Row, here: &Row) -> Option<Lag> {
        let left = self.facts_of(before)?.releases_of(before)?;
        let right = self.facts_of(here)?.releases_of(here)?;
        if left.is_empty() {
            return None;
        }
        Some(lag(left, right, version_of(here).as_deref()))
    }

    fn release_of(&self, row: &Row) -> Option<ReleaseRef> {
        let releases = self.facts_of(row)?.releases_of(row)?;
        let version = version_of(row)?;
        let entry = releases.iter().rev().find(|it| it.version.as_deref() == Some(&version))?;
        Some(ReleaseRef {
            version,
            commit: entry.commit.to_string(),
            subject: entry.subject.to_string(),
            author: entry.author.to_string(),
            at: entry.at,
        })
    }
}

/// Names what an Application follows, for the mirrors.
pub fn repo_of(row: &Row) -> Repo {
    Repo {
        control_plane: row.id.control_plane.clone(),
        project: row.project.clone(),
        url: row.repo_url.to_string(),
    }
}

/// Returns the branch that an Application follows; none where it follows a chart, or nothing.
pub fn followed_by(row: &Row) -> Option<Followed> {
    let is_git = !row.is_chart && !row.repo_url.is_empty();
    is_git.then(|| Followed {
        repository: remote::normalized(&row.repo_url),
        revision: revision_of(row).to_owned(),
    })
}

fn revision_of(row: &Row) -> &str {
    if row.target_revision.is_empty() { "HEAD" } else { &row.target_revision }
}

fn followed_repositories(snapshot: &Snapshot) -> BTreeSet<Repo> {
    snapshot.rows.iter().filter(|row| followed_by(row).is_some()).map(|row| repo_of(row)).collect()
}

/// The Applications that follow each branch.
type Follows = BTreeMap<Followed, Vec<Arc<Row>>>;

fn followed(snapshot: &Snapshot) -> Follows {
    let mut all = Follows::new();
    for row in &snapshot.rows {
        if let Some(followed) = followed_by(row) {
            all.entry(followed).or_default().push(Arc::clone(row));
        }
    }
    all
}

fn sources_of(rows: &[Arc<Row>]) -> Vec<ApplicationSource> {
    let sources = rows.iter().map(|row| ApplicationSource {
        name: row.id.name.clone(),
        path: if row.is_chart { String::new() } else { row.path.clone() },
        target_revision: row.target_revision.clone(),
        environment: row.environment.name().map(str::to_owned),
        namespace: row.destination.namespace.clone(),
        cluster: row.cluster.name.clone(),
        value_files: Vec::new(),
    });
    sources.collect()
}

/// Runs what reads a repository where it holds up nobody.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, MirrorError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| MirrorError::Interrupted { url: error.to_string() })
}

impl From<MirrorError> for Error {
    fn from(error: MirrorError) -> Self {
        Self::Answer(model::AppError::Unavailable { what: "The repository".into(), why: error.to_string() })
    }
}
