//! Apps × environments from one snapshot: gathered, filtered, counted and paged here, never in the browser.
//!
//! Pure functions of a snapshot and a moment; the caller has settled who may see what. What only repositories know, how
//! far one environment is behind another, comes from a [`ReleaseBook`]; what is in the way of changes from a [`GateBook`].

use std::{collections::BTreeSet, sync::Arc};

use model::{
    Timestamp,
    application::FacetValue,
    apps::{
        AppFacets, AppRow, Cell, CellState, Column, GroupBy, Lag, ListApps, Mark, Matrix, ReleaseRef,
        SavedView,
    },
    status::{Environment, Freshness, Health, Phase, Sync},
};
use rustc_hash::FxHashMap as HashMap;

use super::{
    index::{Row, Snapshot},
    view::{self, contains_ignoring_case, count},
};
use crate::gates::GateBook;

/// How many apps a page has where nothing is said, and at most.
const PER_PAGE: u32 = 100;
const MOST_PER_PAGE: u32 = 500;

/// What repositories know of versions.
pub trait ReleaseBook {
    /// Tells how far an Application is behind one of the environment before; none where the repository does not tell.
    fn lag(&self, before: &Row, here: &Row) -> Option<Lag>;

    /// Returns the release that brought the version which an Application runs.
    fn release_of(&self, _: &Row) -> Option<ReleaseRef> {
        None
    }
}

/// What is known beside the fleet itself.
#[derive(Clone, Copy)]
pub struct Books<'a> {
    pub releases: &'a dyn ReleaseBook,
    pub gates: &'a GateBook,
}

/// Knows of no repository.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBook;

impl ReleaseBook for NoBook {
    fn lag(&self, _: &Row, _: &Row) -> Option<Lag> {
        None
    }
}

/// An app with its Applications by environment.
#[derive(Debug)]
pub struct Gathered<'a> {
    pub key: &'a Arc<str>,
    pub name: &'a str,
    /// One for each environment of the order.
    pub rows: Vec<Vec<&'a Arc<Row>>>,
}

/// Gathers the Applications into apps, by name; and counts those whose environment is none of the order.
pub fn gather<'a>(snapshot: &'a Snapshot, order: &[Environment]) -> (Vec<Gathered<'a>>, u32) {
    let ranks: HashMap<&str, usize> =
        order.iter().enumerate().filter_map(|(rank, it)| Some((it.name()?, rank))).collect();
    let mut places: HashMap<&Arc<str>, usize> = HashMap::default();
    let (mut apps, mut without) = (Vec::new(), 0);
    for row in &snapshot.rows {
        let Some(rank) = row.environment.name().and_then(|name| ranks.get(name)) else {
            without += 1;
            continue;
        };
        let identity = &row.identity;
        let place = *places.entry(&identity.key).or_insert_with(|| {
            let rows = vec![Vec::new(); order.len()];
            apps.push(Gathered { key: &identity.key, name: &identity.name, rows });
            apps.len() - 1
        });
        apps[place].rows[*rank].push(row);
    }
    apps.sort_by(|a, b| a.name.cmp(b.name).then_with(|| a.key.cmp(b.key)));
    (apps, without)
}

/// Finds one app by its slug.
pub fn find<'a>(snapshot: &'a Snapshot, order: &[Environment], slug: &str) -> Option<Gathered<'a>> {
    let key = snapshot.apps.find(slug)?;
    let mut rows: Vec<Vec<&Arc<Row>>> = vec![Vec::new(); order.len()];
    let of_app = snapshot.rows.iter().filter(|row| row.identity.key == *key);
    for row in of_app {
        let rank = order.iter().position(|it| it.name().is_some() && it.name() == row.environment.name());
        if let Some(rank) = rank {
            rows[rank].push(row);
        }
    }
    let first = rows.iter().flatten().next()?;
    let identity = &first.identity;
    Some(Gathered { key: &identity.key, name: &identity.name, rows })
}

impl Gathered<'_> {
    /// Returns the projects of its Applications, joined by commas.
    pub fn project(&self) -> String {
        let projects: BTreeSet<_> = self.rows.iter().flatten().map(|row| row.project.as_str()).collect();
        projects.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// Draws its cells, one for each environment of the order.
    pub fn cells(&self, snapshot: &Snapshot, books: Books<'_>, now: Timestamp) -> Vec<Option<Cell>> {
        let mut before: Option<&[&Arc<Row>]> = None;
        let cells = self.rows.iter().enumerate().map(|(rank, rows)| {
            let lag = if rank == 0 { Lag::First } else { lag(books.releases, before, rows) };
            let is_there = !rows.is_empty();
            // An environment that the app is not in is no step of its way.
            if is_there || rank == 0 {
                before = Some(rows);
            }
            is_there.then(|| cell(snapshot, books.gates, rows, lag, now))
        });
        cells.collect()
    }

    fn states(&self, snapshot: &Snapshot) -> Vec<Option<CellState>> {
        let worst = |rows: &Vec<&Arc<Row>>| rows.iter().map(|row| state_of(snapshot, row)).max();
        self.rows.iter().map(worst).collect()
    }
}

/// Draws an app in an environment, from its Applications there; there is at least one.
fn cell(snapshot: &Snapshot, gates: &GateBook, rows: &[&Arc<Row>], lag: Lag, now: Timestamp) -> Cell {
    let mut rows = rows.to_vec();
    rows.sort_by(|a, b| (&a.cluster, &a.id).cmp(&(&b.cluster, &b.id)));
    let worst = rows.iter().max_by_key(|row| state_of(snapshot, row));
    let oldest = rows.iter().min_by_key(|row| row.changed_at);
    let versions: BTreeSet<_> = rows.iter().map(|row| version_of(row)).collect();
    let marks = rows.iter().map(|row| Mark {
        application: row.id.clone(),
        cluster: row.cluster.name.clone(),
        state: state_of(snapshot, row),
    });
    let (key, environment) =
        rows.first().map_or(("", ""), |row| (&*row.identity.key, row.environment.name().unwrap_or_default()));
    let freeze = gates.freeze_of_any(environment, rows.iter().map(|row| row.project.as_str()), now);
    Cell {
        version: oldest.and_then(|row| version_of(row)),
        mixed: versions.len() > 1 || rows.iter().any(|row| row.is_mixed),
        state: worst.map_or(CellState::Unknown, |row| state_of(snapshot, row)),
        reason: worst.map_or_else(String::new, |row| view::reason(snapshot, row, now)),
        since: worst.and_then(|row| row.changed_at),
        stale_since: rows.iter().filter_map(|row| stale_since(snapshot, row)).min(),
        lag,
        marks: marks.collect(),
        held: gates.hold_of(key, environment, now).map(|hold| hold.sentence(now)),
        frozen: freeze.map(|(freeze, until)| freeze.sentence(until, now)),
        change: gates.change_of(key, environment).map(|change| change.id),
    }
}

fn stale_since(snapshot: &Snapshot, row: &Row) -> Option<Timestamp> {
    match snapshot.freshness(row) {
        Freshness::Stale { since, .. } | Freshness::Unreachable { since, .. } => Some(*since),
        Freshness::Live | Freshness::Connecting => None,
    }
}

/// The version that runs: the tag of the image, else the beginning of the revision.
pub fn version_of(row: &Row) -> Option<String> {
    let revision = || row.revision.as_ref().map(|revision| revision.chars().take(7).collect());
    row.version.clone().or_else(revision)
}

/// Says in one word how an Application is: the worst of health, operation and sync, never better than we know.
pub fn state_of(snapshot: &Snapshot, row: &Row) -> CellState {
    match snapshot.freshness(row) {
        Freshness::Live => {}
        Freshness::Connecting => return CellState::Unknown,
        Freshness::Stale { .. } | Freshness::Unreachable { .. } => return CellState::Stale,
    }
    let phase = row.operation.as_ref().map(|operation| operation.phase);
    match (row.health, row.sync) {
        (Health::Degraded, _) => CellState::Degraded,
        _ if row.requested.is_none() && matches!(phase, Some(Phase::Failed | Phase::Error)) => {
            CellState::SyncFailed
        }
        (Health::Missing, _) => CellState::Missing,
        (Health::Unknown, _) | (_, Sync::Unknown) => CellState::Unknown,
        (Health::Progressing, _) => CellState::Progressing,
        (_, Sync::OutOfSync) => CellState::OutOfSync,
        (Health::Suspended, _) => CellState::Suspended,
        (Health::Healthy, Sync::Synced) => CellState::Healthy,
    }
}

/// How far the Applications of an environment are behind those of the one before: the worst of them.
fn lag(book: &dyn ReleaseBook, before: Option<&[&Arc<Row>]>, here: &[&Arc<Row>]) -> Lag {
    let Some(first) = before.and_then(|rows| rows.first()) else { return Lag::First };
    let of_row = |row: &Arc<Row>| {
        book.lag(first, row)
            .unwrap_or_else(|| if version_of(row) == version_of(first) { Lag::Even } else { Lag::Differs })
    };
    here.iter().map(|row| of_row(row)).max_by_key(|lag| distance(*lag)).unwrap_or(Lag::First)
}

fn distance(lag: Lag) -> (u8, u32) {
    match lag {
        Lag::First => (0, 0),
        Lag::Even => (1, 0),
        Lag::Ahead => (2, 0),
        Lag::Differs => (3, 0),
        Lag::Behind(count) => (4, count),
    }
}

/// Filters, counts and pages the apps. `order` are all environments, `views` the actor's own.
pub fn matrix(
    snapshot: &Snapshot,
    order: &[Environment],
    books: Books<'_>,
    query: &ListApps,
    views: Vec<SavedView>,
    now: Timestamp,
) -> Matrix {
    let (apps, without_environment) = gather(snapshot, order);
    let total = count(apps.len());
    let shown: Vec<usize> = (0..order.len())
        .filter(|rank| {
            let name = order[*rank].name().unwrap_or_default();
            query.environment.is_empty() || query.environment.iter().any(|it| it == name)
        })
        .collect();
    let words = Words::parse(&query.q);
    let mut facets = Counts::default();
    let mut matching: Vec<(Gathered<'_>, Vec<Option<CellState>>)> = Vec::new();
    for app in apps {
        let states = app.states(snapshot);
        let has_words = words.match_app(&app, snapshot, books, now);
        let has_health = query.health.is_empty()
            || shown
                .iter()
                .filter_map(|rank| states[*rank])
                .any(|it| query.health.iter().any(|word| word == it.word()));
        let project = app.project();
        let has_project = query.project.is_empty()
            || query.project.iter().any(|wanted| project.split(", ").any(|it| it == wanted));
        if has_words && has_health {
            facets.count_projects(&project);
        }
        if has_words && has_project {
            facets.count_states(shown.iter().filter_map(|rank| states[*rank]));
        }
        if has_words && has_project && has_health {
            facets.count_environments(&states);
            matching.push((app, states));
        }
    }
    if query.group == GroupBy::Project {
        matching.sort_by_cached_key(|(app, _)| app.project());
    }
    let per_page = if query.per_page == 0 { PER_PAGE } else { query.per_page.clamp(10, MOST_PER_PAGE) };
    let page = query.page.clamp(1, count(matching.len()).div_ceil(per_page).max(1));
    let skip = (page - 1) as usize * per_page as usize;
    let rows = matching.iter().skip(skip).take(per_page as usize);
    Matrix {
        now,
        columns: shown.iter().map(|rank| column(snapshot, &order[*rank], *rank, &matching)).collect(),
        rows: rows.map(|(app, _)| app_row(snapshot, order, &shown, books, app, now)).collect(),
        matching: count(matching.len()),
        total,
        page,
        per_page,
        facets: facets.into_facets(order, query),
        views,
        control_planes: view::control_planes(snapshot),
        without_environment,
    }
}

fn app_row(
    snapshot: &Snapshot,
    order: &[Environment],
    shown: &[usize],
    books: Books<'_>,
    app: &Gathered<'_>,
    now: Timestamp,
) -> AppRow {
    let mut cells = app.cells(snapshot, books, now);
    let summary = summary(order, &cells);
    let introducible = |rank: usize| {
        let is_before = rank > 0 && !app.rows[rank - 1].is_empty();
        is_before && !snapshot.apps.is_in(app.key, order[rank].name().unwrap_or_default())
    };
    AppRow {
        introducible: shown.iter().map(|rank| introducible(*rank)).collect(),
        slug: snapshot.apps.slug_of(app.key).unwrap_or(app.name).to_owned(),
        name: app.name.to_owned(),
        project: app.project(),
        cells: shown.iter().map(|rank| cells[*rank].take()).collect(),
        summary,
    }
}

/// Says how far an app is on its way through the environments.
fn summary(order: &[Environment], cells: &[Option<Cell>]) -> String {
    let last = order.last().and_then(Environment::name).unwrap_or_default();
    if cells.last().is_none_or(Option::is_none) {
        return format!("not in {last}");
    }
    let lags: Vec<_> = cells.iter().flatten().map(|cell| cell.lag).collect();
    let behind: u32 = lags.iter().map(|lag| if let Lag::Behind(count) = lag { *count } else { 0 }).sum();
    let differs = lags.iter().any(|lag| matches!(lag, Lag::Differs | Lag::Ahead));
    match behind {
        0 if differs => "versions differ".to_owned(),
        0 => "even everywhere".to_owned(),
        1 => format!("1 release to {last}"),
        more => format!("{more} releases to {last}"),
    }
}

fn column(
    snapshot: &Snapshot,
    environment: &Environment,
    rank: usize,
    apps: &[(Gathered<'_>, Vec<Option<CellState>>)],
) -> Column {
    let mut clusters: HashMap<_, bool> = HashMap::default();
    let mut counts: HashMap<CellState, u32> = HashMap::default();
    for (app, states) in apps {
        for row in &app.rows[rank] {
            clusters.insert(&row.cluster, snapshot.freshness(row).is_live());
        }
        if let Some(state) = states[rank] {
            *counts.entry(state).or_default() += 1;
        }
    }
    let tag = match environment {
        Environment::Known { rank, .. } => *rank,
        _ => 0,
    };
    Column {
        environment: environment.name().unwrap_or_default().to_owned(),
        rank: tag,
        protected: environment.is_protected(),
        clusters: count(clusters.len()),
        unreachable: count(clusters.values().filter(|is_live| !**is_live).count()),
        counts: CellState::ALL.into_iter().filter_map(|state| Some((state, *counts.get(&state)?))).collect(),
    }
}

/// The text of a query.
#[derive(Debug)]
struct Words {
    /// In lower case; all of them have to be found.
    texts: Vec<String>,
    /// More releases behind than this, in some environment.
    behind: Option<u32>,
}

impl Words {
    fn parse(q: &str) -> Self {
        let mut words = Self { texts: Vec::new(), behind: None };
        for word in q.split_whitespace().map(str::to_lowercase) {
            match word.strip_prefix("behind").map(|rest| rest.trim_start_matches([':', '>'])) {
                Some("") => words.behind = Some(0),
                Some(number) if number.parse::<u32>().is_ok() => words.behind = number.parse().ok(),
                _ => words.texts.push(word),
            }
        }
        words
    }

    fn match_app(&self, app: &Gathered<'_>, snapshot: &Snapshot, books: Books<'_>, now: Timestamp) -> bool {
        let is_in = |row: &Row, word: &str| {
            let texts = [&row.id.name, &row.cluster.name, &row.project];
            texts.into_iter().any(|text| contains_ignoring_case(text, word))
                || version_of(row).is_some_and(|version| contains_ignoring_case(&version, word))
        };
        let has_words = self.texts.iter().all(|word| {
            contains_ignoring_case(app.name, word) || app.rows.iter().flatten().any(|row| is_in(row, word))
        });
        let is_behind = |least: u32| {
            let cells = app.cells(snapshot, books, now);
            cells.iter().flatten().any(|cell| matches!(cell.lag, Lag::Behind(count) if count > least))
        };
        has_words && self.behind.is_none_or(is_behind)
    }
}

#[derive(Default)]
struct Counts {
    projects: HashMap<String, u32>,
    states: HashMap<CellState, u32>,
    environments: Vec<u32>,
}

impl Counts {
    fn count_projects(&mut self, projects: &str) {
        for project in projects.split(", ") {
            *self.projects.entry(project.to_owned()).or_default() += 1;
        }
    }

    fn count_states(&mut self, states: impl Iterator<Item = CellState>) {
        for state in states.collect::<BTreeSet<_>>() {
            *self.states.entry(state).or_default() += 1;
        }
    }

    fn count_environments(&mut self, states: &[Option<CellState>]) {
        self.environments.resize(states.len(), 0);
        for (count, state) in self.environments.iter_mut().zip(states) {
            *count += u32::from(state.is_some());
        }
    }

    fn into_facets(mut self, order: &[Environment], query: &ListApps) -> AppFacets {
        self.environments.resize(order.len(), 0);
        // What is chosen stays visible, also where it counts none.
        for chosen in &query.project {
            self.projects.entry(chosen.clone()).or_default();
        }
        let mut project: Vec<_> =
            self.projects.into_iter().map(|(value, count)| FacetValue { value, count }).collect();
        project.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
        let health = CellState::ALL.into_iter().map(|state| FacetValue {
            value: state.word().to_owned(),
            count: self.states.get(&state).copied().unwrap_or(0),
        });
        let environment = order.iter().zip(self.environments).map(|(environment, count)| FacetValue {
            value: environment.name().unwrap_or_default().to_owned(),
            count,
        });
        AppFacets { project, health: health.collect(), environment: environment.collect() }
    }
}
