//! The page of repositories: what an actor may know of each.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use model::{
    AppError, Timestamp,
    plan::CommitRef,
    repository::{Branch, Finding, FoundApp, MirrorState, RepositoryList, RepositoryRow},
};
use sha2::{Digest as _, Sha256};

use super::{Facts, Followed, Repositories, followed_by, repo_of};
use crate::{
    Result,
    fleet::index::{Row, Snapshot},
    git::mirror::RepoState,
};

/// How many findings a page shows of one repository.
const FINDINGS_SHOWN: usize = 200;

impl Repositories {
    /// Lists the repositories of the Applications that an actor may see, whose snapshot this is.
    pub async fn list(&self, seen: &Snapshot, now: Timestamp) -> RepositoryList {
        let whole = self.index.load();
        let all = by_repository(&whole);
        let mut repositories = Vec::new();
        for (key, rows) in by_repository(seen) {
            let sees_all = all.get(&key).is_none_or(|of_all| of_all.len() == rows.len());
            repositories.push(self.row(&key, &rows, sees_all).await);
        }
        repositories.sort_by(|a, b| (&a.url, &a.control_plane).cmp(&(&b.url, &b.control_plane)));
        RepositoryList { now, repositories }
    }

    /// Fetches a repository by its id, and reads what moved; returns its URL.
    ///
    /// # Errors
    /// An id that the actor knows no repository of, and a fetch that fails.
    pub async fn fetch(&self, seen: &Snapshot, id: &str, max_age: Duration) -> Result<String> {
        let all = by_repository(seen);
        let found = all.iter().find(|(key, _)| id_of(key) == id);
        let (_, rows) = found.ok_or_else(|| AppError::NotFound { what: format!("Repository {id:.12}") })?;
        let row = rows.first().ok_or_else(|| AppError::NotFound { what: format!("Repository {id:.12}") })?;
        self.mirrors.fresh(&repo_of(row), max_age).await?;
        self.read_moved(&super::followed(&self.index.load())).await;
        Ok(crate::git::mirror::shown(&row.repo_url))
    }

    async fn row(&self, key: &Key, rows: &[&Row], sees_all: bool) -> RepositoryRow {
        let (control_plane, repository) = key;
        let readers: BTreeSet<_> = rows.iter().map(|row| repo_of(row)).collect();
        let opened = self.opened_by(&readers);
        let states = self.mirrors.states().into_iter().filter(|it| readers.contains(&it.repo));
        // What one project is refused is told, though another is not.
        let failing = states.clone().find(|it| it.failing.is_some());
        let state = failing.or_else(|| opened.clone()).or_else(|| states.into_iter().next());
        let book = self.book();
        let revisions: BTreeSet<_> =
            rows.iter().filter_map(|row| followed_by(row)).map(|it| it.revision).collect();
        let mut branches = Vec::new();
        let mut row = RepositoryRow {
            id: id_of(key),
            url: rows.first().map_or_else(String::new, |row| crate::git::mirror::shown(&row.repo_url)),
            control_plane: control_plane.clone(),
            mirror: state.as_ref().map_or(MirrorState::Never, mirror_state),
            bytes: state.as_ref().map_or(0, |state| state.size),
            branches: Vec::new(),
            applications: u32::try_from(rows.len()).unwrap_or(u32::MAX),
            apps: Vec::new(),
            not_understood: Vec::new(),
            findings: Vec::new(),
        };
        for revision in revisions {
            let followed = Followed { repository: repository.clone(), revision: revision.clone() };
            let facts = book.facts(&followed);
            let head = match (facts, &opened) {
                (Some(facts), Some(opened)) => {
                    let commit = self.mirrors.commit(&opened.repo, &facts.head.to_string()).await.ok();
                    commit.map(|it| CommitRef {
                        id: it.id.to_string(),
                        subject: it.subject,
                        author: it.author,
                        at: it.at,
                    })
                }
                _ => None,
            };
            branches.push(Branch { name: revision, head });
            if let Some(facts) = facts {
                tell(&mut row, facts, rows, sees_all);
            }
        }
        row.branches = branches;
        row.findings.sort_by(|a, b| (a.severity, &a.path, a.line).cmp(&(b.severity, &b.path, b.line)));
        row.findings.truncate(FINDINGS_SHOWN);
        row
    }
}

/// Whether a path is that of a folder, or in it. All of a repository is nobody's own.
fn is_below(path: &str, folder: &str) -> bool {
    let rest = Some(folder).filter(|it| !it.is_empty()).and_then(|folder| path.strip_prefix(folder));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Adds what was found in a branch. Who does not see all Applications of a repository learns of no other apps in it.
fn tell(row: &mut RepositoryRow, facts: &Facts, rows: &[&Row], sees_all: bool) {
    let visible: BTreeMap<&str, BTreeSet<&str>> = rows.iter().filter_map(|row| facts.place_of(row)).fold(
        BTreeMap::new(),
        |mut all, (app, environment)| {
            all.entry(app.base_path.as_str()).or_default().insert(environment);
            all
        },
    );
    let is_visible =
        |path: &str| sees_all || rows.iter().any(|row| is_below(path, row.path.trim_matches('/')));
    for app in &facts.found.apps {
        let seen = visible.get(app.base_path.as_str());
        if !sees_all && seen.is_none() {
            continue;
        }
        let environments =
            app.places.keys().filter(|it| sees_all || seen.is_some_and(|seen| seen.contains(it.as_str())));
        row.apps.push(FoundApp {
            name: app.name.clone(),
            base_path: app.base_path.clone(),
            layout: app.layout.words().to_owned(),
            environments: facts.in_order(environments),
        });
    }
    row.not_understood.extend(facts.found.not_understood.iter().filter(|it| is_visible(&it.path)).cloned());
    let findings = facts.findings.iter().filter(|it| is_visible(&it.path));
    let new: Vec<Finding> = findings.filter(|it| !row.findings.contains(it)).cloned().collect();
    row.findings.extend(new);
}

/// A repository as a control plane follows it.
type Key = (String, String);

fn by_repository(snapshot: &Snapshot) -> BTreeMap<Key, Vec<&Row>> {
    let mut all: BTreeMap<Key, Vec<&Row>> = BTreeMap::new();
    for row in &snapshot.rows {
        if let Some(followed) = followed_by(row) {
            all.entry((row.id.control_plane.clone(), followed.repository)).or_default().push(row);
        }
    }
    all
}

fn id_of((control_plane, repository): &Key) -> String {
    let digest = Sha256::digest(format!("{control_plane}\n{repository}").as_bytes());
    hex::encode(&digest[..6])
}

fn mirror_state(state: &RepoState) -> MirrorState {
    if let Some(since) = state.fetching_since.filter(|_| state.fetched_at.is_none()) {
        return MirrorState::Fetching { since };
    }
    match (&state.failing, state.fetched_at) {
        (Some(failing), fetched_at) => {
            MirrorState::Failing { since: failing.since, why: failing.why.to_string(), fetched_at }
        }
        (None, Some(fetched_at)) => MirrorState::Fresh { fetched_at },
        (None, None) => MirrorState::Never,
    }
}
