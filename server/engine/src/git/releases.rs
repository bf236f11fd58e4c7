//! Which versions each app has asked for in each environment, over time: from Git alone, in one pass.
//!
//! The history of first parents is walked once, from the oldest commit on; of each commit only those folders are looked
//! into that changed and that carriers are in, and a content is read once by its id. A later head takes what came since;
//! a history that was rewritten is read anew. Knows nothing of what runs: that is the fleet's.
//!
//! Which commits changed which files is kept as well, for plans: see [`Chronicle`].
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
    chronicle::Chronicle,
    edit::Image,
    layout::{App, Found, complete},
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
    /// Which commits changed the files that are watched.
    chronicle: Arc<Chronicle>,
}

/// What one place has asked for.
#[derive(Clone, Debug)]
struct Series {
    region: Option<String>,
    /// What is watched by paths alone, and with what contents tell.
    listed: Vec<Watched>,
    watched: Vec<Watched>,
    entries: Vec<ReleaseEntry>,
}

/// A place, and what of it tells versions.
struct Listed {
    environment: String,
    region: Option<String>,
    files: Vec<Watched>,
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
        let nothing = Self {
            head,
            is_whole: true,
            limits,
            series: Vec::new(),
            places: BTreeMap::new(),
            chronicle: Arc::default(),
        };
        let Some(mut releases) = nothing.with_places(repository, head, found, None)? else {
            return Ok(nothing);
        };
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
        let history = walk::first_parents(repository, head, Some(self.head), self.limits.commits)?;
        if history.before == Some(self.head) {
            let before = Tree::at(repository, &self.head.to_string())?;
            if let Some(mut next) = self.with_places(repository, head, found, Some(&before))? {
                next.take(repository, &history)?;
                *self = next;
                return Ok(());
            }
        }
        *self = Self::read(repository, head, found, self.limits)?;
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

    /// Returns which commits changed what travels.
    pub fn chronicle(&self) -> &Arc<Chronicle> {
        &self.chronicle
    }

    /// Returns whether nothing was ever asked for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The places of a head, with what is known of them; none where one was there before and nothing is known of it.
    fn with_places(
        &self,
        repository: &Repository,
        head: Oid,
        found: &Found,
        before: Option<&Tree<'_>>,
    ) -> Result<Option<Self>, TreeError> {
        let tree = Tree::at(repository, &head.to_string())?;
        let mut next = Self {
            head,
            is_whole: self.is_whole,
            limits: self.limits,
            series: Vec::new(),
            places: BTreeMap::new(),
            chronicle: Arc::clone(&self.chronicle),
        };
        for app in &found.apps {
            let listed = listed_of(app);
            let is_same = before.is_some_and(|it| is_same_folder(it, &tree, &app.base_path));
            let known: Vec<_> = listed.iter().map(|it| self.known(app, it)).collect();
            // Contents are read only where something changed.
            let watched = match is_same && known.iter().all(Option::is_some) {
                true => known.iter().flatten().map(|it| it.watched.clone()).collect(),
                false => {
                    let mut app = app.clone();
                    complete(&tree, &mut app);
                    listed_of(&app).into_iter().map(|it| it.files).collect::<Vec<_>>()
                }
            };
            for ((listed, known), watched) in listed.into_iter().zip(known).zip(watched) {
                let series = match known.filter(|it| are_alike(&it.watched, &watched)) {
                    Some(known) => known.clone(),
                    None if before.is_some_and(|it| watched.iter().any(|file| it.has(&file.path))) => {
                        return Ok(None);
                    }
                    None => {
                        Series { region: listed.region, listed: listed.files, watched, entries: Vec::new() }
                    }
                };
                let key = (app.base_path.clone(), listed.environment);
                next.places.entry(key).or_default().push(next.series.len());
                next.series.push(series);
            }
        }
        Ok(Some(next))
    }

    /// What is known of a place that is listed alike.
    fn known(&self, app: &App, listed: &Listed) -> Option<&Series> {
        let places = self.places.get(&(app.base_path.clone(), listed.environment.clone()))?;
        let mut series = places.iter().map(|at| &self.series[*at]);
        series.find(|it| it.region == listed.region && are_alike(&it.listed, &listed.files))
    }

    fn take(&mut self, repository: &Repository, history: &walk::History) -> Result<(), TreeError> {
        let most = self.limits.entries.max(1);
        let mut watch = Watch::of(self.series.iter().map(|it| it.watched.as_slice()));
        let chronicle = Arc::make_mut(&mut self.chronicle);
        watch.follow(repository, history, (&mut self.series, chronicle), |series, entry| {
            series.push(entry, most);
        })
    }
}

impl Series {
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

fn listed_of(app: &App) -> Vec<Listed> {
    let places =
        app.places.iter().flat_map(|(environment, places)| places.iter().map(move |it| (environment, it)));
    let listed = places.map(|(environment, place)| Listed {
        environment: environment.clone(),
        region: place.region.clone(),
        files: place.carriers.iter().map(Watched::of).collect(),
    });
    listed.collect()
}

/// Whether the same fields of the same files are watched.
fn are_alike(left: &[Watched], right: &[Watched]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(a, b)| a.path == b.path && a.what == b.what)
}

/// Whether nothing changed in an app's folder; that of Applications or of a pattern is none.
fn is_same_folder(before: &Tree<'_>, after: &Tree<'_>, path: &str) -> bool {
    let (before, after) = (before.id_of(path), after.id_of(path));
    before.is_some() && before == after
}

#[cfg(test)]
mod tests;
