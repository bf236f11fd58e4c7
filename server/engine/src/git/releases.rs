//! Which versions each app has asked for in each environment, over time: from Git alone, in one pass.
//!
//! The history of first parents is walked once, from the oldest commit on; of each commit only those folders are looked
//! into that changed and that carriers are in, and a content is read once by its id. A later head takes what came since;
//! a history that was rewritten is read anew. Knows nothing of what runs: that is the fleet's.
//!
//! Memory: about 300 bytes for each entry, and 250 for each place; 20,000 commits that change one overlay each take 6 MB.

mod lag;
mod stations;
mod walk;

use std::{collections::BTreeMap, sync::Arc};

use git2::{Oid, Repository};
use model::Timestamp;

use self::walk::{Watch, Watched};
use super::{
    edit::Image,
    layout::{App, Found, What, complete},
    tree::{Tree, TreeError},
};

pub use self::{
    lag::{in_force, lag},
    stations::{Course, Runs, releases, station},
};

/// How much of a history is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Commits back from the head, along first parents.
    pub commits: usize,
    /// Entries of one place; the oldest ones go.
    pub entries: usize,
}

/// What the environments of all apps have asked for.
#[derive(Clone, Debug)]
pub struct Releases {
    head: Oid,
    is_whole: bool,
    limits: Limits,
    series: Vec<Series>,
    /// By base path and environment: where its series are, in the order of regions.
    places: BTreeMap<(String, String), Vec<usize>>,
}

/// What one place has asked for.
#[derive(Clone, Debug)]
struct Series {
    region: Option<String>,
    watched: Vec<Watched>,
    entries: Vec<ReleaseEntry>,
}

/// What was asked for from a commit on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReleaseEntry {
    /// The tag of the first image, else its digest, else the first value that is a version; none where the place is gone
    /// or names none.
    pub version: Option<Arc<str>>,
    pub images: Arc<[Image]>,
    pub commit: Oid,
    /// One line without control characters, at most 200 characters; the author likewise.
    pub subject: Arc<str>,
    pub author: Arc<str>,
    pub at: Timestamp,
}

impl Default for Limits {
    fn default() -> Self {
        Self { commits: 50_000, entries: 2_000 }
    }
}

impl Releases {
    /// Reads the history of what was found at a head.
    ///
    /// # Errors
    /// A head that is no commit, and objects that cannot be read.
    pub fn read(
        repository: &Repository,
        head: Oid,
        found: &Found,
        limits: Limits,
    ) -> Result<Self, TreeError> {
        let mut releases = Self::of_places(repository, head, found, limits)?;
        let history = walk::first_parents(repository, head, None, limits.commits)?;
        releases.is_whole = history.before.is_none();
        releases.take(repository, &history)?;
        Ok(releases)
    }

    /// Goes on to a later head; reads all anew where it is none, or where places have come that were there before.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn extend(&mut self, repository: &Repository, head: Oid, found: &Found) -> Result<(), TreeError> {
        let mut next = Self::of_places(repository, head, found, self.limits)?;
        let history = walk::first_parents(repository, head, Some(self.head), self.limits.commits)?;
        let goes_on = history.before == Some(self.head) && next.take_over(self, repository)?;
        if !goes_on {
            *self = Self::read(repository, head, found, self.limits)?;
            return Ok(());
        }
        next.is_whole = self.is_whole;
        next.take(repository, &history)?;
        *self = next;
        Ok(())
    }

    /// Returns the head that they go up to.
    pub fn head(&self) -> Oid {
        self.head
    }

    /// Returns whether the whole history was read, or as much of it as the limits take.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Returns what an app has asked for in an environment, the oldest first; of the first region where there are several.
    pub fn of(&self, base_path: &str, environment: &str) -> &[ReleaseEntry] {
        self.regions(base_path, environment).next().map_or(&[], |(_, entries)| entries)
    }

    /// Returns what an app has asked for in each region of an environment.
    pub fn regions(
        &self,
        base_path: &str,
        environment: &str,
    ) -> impl Iterator<Item = (Option<&str>, &[ReleaseEntry])> {
        let at = self.places.get(&(base_path.to_owned(), environment.to_owned()));
        let series = at.into_iter().flatten().map(|at| &self.series[*at]);
        series.map(|it| (it.region.as_deref(), it.entries.as_slice()))
    }

    /// Returns how many entries there are in all.
    pub fn len(&self) -> usize {
        self.series.iter().map(|it| it.entries.len()).sum()
    }

    /// Returns whether nothing was ever asked for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn of_places(
        repository: &Repository,
        head: Oid,
        found: &Found,
        limits: Limits,
    ) -> Result<Self, TreeError> {
        let tree = Tree::at(repository, &head.to_string())?;
        let (mut series, mut places) = (Vec::new(), BTreeMap::new());
        for app in &found.apps {
            let mut app = app.clone();
            complete(&tree, &mut app);
            for (environment, at, watched) in watched_of(app) {
                let known: &mut Vec<usize> = places.entry(environment).or_default();
                known.push(series.len());
                series.push(Series { region: at, watched, entries: Vec::new() });
            }
        }
        Ok(Self { head, is_whole: true, limits, series, places })
    }

    /// Takes what an older reading knows of the same places. Whether it knows all that there was.
    fn take_over(&mut self, older: &Self, repository: &Repository) -> Result<bool, TreeError> {
        let before = Tree::at(repository, &older.head.to_string())?;
        for (key, places) in &self.places {
            let known = older.places.get(key).map(Vec::as_slice).unwrap_or_default();
            for at in places {
                let series = &mut self.series[*at];
                let same = known
                    .iter()
                    .map(|it| &older.series[*it])
                    .find(|it| it.region == series.region && it.is_alike(series));
                match same {
                    Some(same) => series.clone_from(same),
                    None if series.watched.iter().any(|it| before.has(&it.path)) => return Ok(false),
                    None => {}
                }
            }
        }
        Ok(true)
    }

    fn take(&mut self, repository: &Repository, history: &walk::History) -> Result<(), TreeError> {
        let most = self.limits.entries.max(1);
        let mut watch = Watch::of(self.series.iter().map(|it| it.watched.as_slice()));
        watch.follow(repository, history, &mut self.series, |series, entry| series.push(entry, most))
    }
}

impl Series {
    /// Whether the same carriers are watched.
    fn is_alike(&self, other: &Self) -> bool {
        let parts = |series: &Self| -> Vec<_> {
            series.watched.iter().map(|it| (it.path.clone(), it.what.clone())).collect()
        };
        parts(self) == parts(other)
    }

    fn push(&mut self, entry: ReleaseEntry, most: usize) {
        let is_new = match self.entries.last() {
            Some(last) => last.images != entry.images || last.version != entry.version,
            None => entry.version.is_some() || !entry.images.is_empty(),
        };
        if is_new {
            if self.entries.len() >= most {
                // A tenth at once, so that it costs little.
                self.entries.drain(..most.div_ceil(10));
            }
            self.entries.push(entry);
        }
    }
}

/// What is to be watched of an app, by environment and region.
fn watched_of(app: App) -> Vec<((String, String), Option<String>, Vec<Watched>)> {
    let mut all = Vec::new();
    for (environment, places) in app.places {
        for place in places {
            let carriers = place.carriers.into_iter().filter(|it| it.what != What::File);
            let watched = carriers.filter_map(|it| Watched::of(it.file, it.what)).collect();
            all.push(((app.base_path.clone(), environment.clone()), place.region, watched));
        }
    }
    all
}

#[cfg(test)]
mod tests;
