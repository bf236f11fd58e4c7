//! What is asked for, in terms of the fleet: which Applications it concerns, and what of the source was verified.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use git2::Oid;
use model::{
    AppError, AppResult, Timestamp,
    apps::CellState,
    plan::{AskPlan, AskPromotion, AskRollback, AskUndo, Verified},
    status::{Environment, Sync},
};

use super::written::{Written, WrittenApp};
use crate::{
    fleet::{
        index::{Row, Snapshot},
        matrix::{self, Gathered, state_of},
        view,
    },
    gates::{GateBook, Own},
    git::{plan::UndoApp, remote},
    repositories::followed_by,
};

/// What is asked for, found in the fleet.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) ask: AskPlan,
    /// Names the repository and the branch that is planned on.
    pub(super) lead: Arc<Row>,
    pub(super) apps: Vec<AskedApp>,
    /// What a person should know of the way that is asked for.
    pub(super) warnings: Vec<String>,
    /// Of an undo: what is taken back.
    pub(super) undo: Option<Undo>,
}

impl Asked {
    /// Returns the apps, as the fleet knows them.
    pub(super) fn keys(&self) -> Vec<String> {
        let rows = self.apps.iter().filter_map(|app| app.target.iter().chain(&app.source).next());
        rows.map(|row| row.identity.key.to_string()).collect()
    }

    /// Returns the commits that are read.
    pub(super) fn commits(&self) -> Vec<Oid> {
        let undone = self.undo.iter().map(|it| it.commit);
        self.apps.iter().filter_map(|app| app.commit).chain(undone).collect()
    }
}

/// What a change wrote.
#[derive(Clone, Debug)]
pub(super) struct Undo {
    /// Its commit.
    pub(super) commit: Oid,
    pub(super) environment: String,
    /// In the order of the apps that are asked for.
    pub(super) apps: Vec<UndoApp>,
}

/// How an actor sees an app in an environment.
pub(super) enum Sight<'a> {
    /// There, or, where it is not in the environment at all, elsewhere.
    Seen(Gathered<'a>),
    /// Argo CD does not tell of it any more.
    Gone,
    Hidden,
}

/// An app of what is asked for.
#[derive(Clone, Debug)]
pub(super) struct AskedApp {
    pub(super) slug: String,
    pub(super) name: String,
    /// Its Applications in the environment that values come from; of a rollback, none.
    pub(super) source: Vec<Arc<Row>>,
    /// Those in the environment that changes.
    pub(super) target: Vec<Arc<Row>>,
    pub(super) verified: Verified,
    /// The commit that is verified.
    pub(super) commit: Option<Oid>,
    /// Why it is left out.
    pub(super) skip: Option<String>,
}

/// What people put in the way.
#[derive(Clone, Copy)]
pub(super) struct InTheWay<'a> {
    pub(super) book: &'a GateBook,
    pub(super) own: Own<'a>,
    pub(super) now: Timestamp,
}

/// Finds what is asked for among what the actor may see. `written` is the change that is undone, if there is one.
///
/// # Errors
/// An environment, an app or a change that is not there, for this actor.
pub(super) fn ask(
    seen: &Snapshot,
    order: &[Environment],
    ask: &AskPlan,
    written: Option<&Written>,
    in_the_way: InTheWay<'_>,
) -> AppResult<Asked> {
    match ask {
        AskPlan::Promote(it) => ask_promotion(seen, order, it, in_the_way),
        AskPlan::Rollback(it) => ask_rollback(seen, order, it),
        AskPlan::Undo(it) => ask_undo(seen, order, it, written),
    }
}

fn ask_promotion(
    seen: &Snapshot,
    order: &[Environment],
    ask: &AskPromotion,
    in_the_way: InTheWay<'_>,
) -> AppResult<Asked> {
    let (from, to) = (rank_of(order, &ask.from)?, rank_of(order, &ask.to)?);
    if from == to {
        let why = format!("{} to itself is no promotion: name two environments.", ask.from);
        return Err(AppError::Invalid { field: "to".into(), why });
    }
    let chosen = match ask.apps.as_slice() {
        [] => {
            let (apps, _) = matrix::gather(seen, order);
            apps.into_iter().filter(|app| !app.rows[from].is_empty() && !app.rows[to].is_empty()).collect()
        }
        [slug] => vec![find(seen, order, slug)?],
        slugs => find_all(seen, order, slugs)?,
    };
    let is_single = chosen.len() == 1;
    let mut apps = Vec::new();
    for app in &chosen {
        let slug = seen.apps.slug_of(app.key).unwrap_or(app.name);
        let source = owned(&app.rows[from]);
        if source.is_empty() {
            return Err(AppError::NotFound { what: format!("{slug} in {}", ask.from) });
        }
        if app.rows[to].is_empty() && seen.apps.is_in(app.key, &ask.to) {
            return Err(AppError::NotFound { what: format!("{slug} in {}", ask.to) });
        }
        let (verified, commit) = verify(seen, &source, &ask.from, in_the_way.now);
        let takes_latest = ask.take_latest.iter().any(|it| it == slug);
        let mut skip = match &verified {
            Verified::Not { why } if !takes_latest => Some(format!("Not verified: {why}")),
            _ => None,
        };
        if app.rows[to].is_empty() && !is_single {
            skip = Some(format!("It is not in {} yet: introduce it by a plan of its own.", ask.to));
        }
        let here = if app.rows[to].is_empty() { &source } else { &owned(&app.rows[to]) };
        let skip = in_the_way.of(app.key, &ask.to, here, is_single).or(skip);
        apps.push(AskedApp {
            slug: slug.to_owned(),
            name: app.name.to_owned(),
            target: owned(&app.rows[to]),
            commit: commit.filter(|_| !takes_latest),
            source,
            verified,
            skip,
        });
    }
    let lead = lead_of(&apps)?;
    for app in &mut apps {
        app.skip = app.skip.take().or_else(|| strays(&lead, app));
    }
    let warnings = warnings_of_way(order, from, to);
    let ask = AskPlan::Promote(named(ask, &apps));
    Ok(Asked { ask, lead, apps, warnings, undo: None })
}

/// Names the apps that are asked for, so that it stays the same whoever computes it again, and nothing besides.
fn named(ask: &AskPromotion, apps: &[AskedApp]) -> AskPromotion {
    let slugs: Vec<_> = apps.iter().map(|app| app.slug.clone()).collect();
    let among =
        |list: &[String]| slugs.iter().filter(|slug| list.contains(slug)).cloned().collect::<Vec<_>>();
    let (take_latest, overwrite) = (among(&ask.take_latest), among(&ask.overwrite));
    AskPromotion { from: ask.from.clone(), to: ask.to.clone(), apps: slugs, take_latest, overwrite }
}

fn ask_rollback(seen: &Snapshot, order: &[Environment], ask: &AskRollback) -> AppResult<Asked> {
    let rank = rank_of(order, &ask.environment)?;
    let app = find(seen, order, &ask.app)?;
    let target = owned(&app.rows[rank]);
    if target.is_empty() {
        return Err(AppError::NotFound { what: format!("{} in {}", ask.app, ask.environment) });
    }
    // A name could be an expression that searches the whole history.
    let is_commit =
        (7..=40).contains(&ask.revision.len()) && ask.revision.bytes().all(|it| it.is_ascii_hexdigit());
    if !is_commit {
        let why = "name a commit by its id, of 7 to 40 hexadecimal digits.".to_owned();
        return Err(AppError::Invalid { field: "revision".into(), why });
    }
    let asked = AskedApp {
        slug: ask.app.clone(),
        name: app.name.to_owned(),
        source: Vec::new(),
        target,
        verified: Verified::NotKnown,
        commit: None,
        skip: None,
    };
    let lead = lead_of(std::slice::from_ref(&asked))?;
    let ask = AskPlan::Rollback(ask.clone());
    Ok(Asked { ask, lead, apps: vec![asked], warnings: Vec::new(), undo: None })
}

fn ask_undo(
    seen: &Snapshot,
    order: &[Environment],
    ask: &AskUndo,
    written: Option<&Written>,
) -> AppResult<Asked> {
    let absent = || AppError::NotFound { what: format!("Change {}", ask.change) };
    let written = written.ok_or_else(absent)?;
    let rank = rank_of(order, &written.environment)?;
    let sights: Vec<_> =
        written.apps.iter().map(|app| sight(seen, order, &app.key, (rank, &written.environment))).collect();
    // Whoever may not see all of its apps learns of none: a change is one whole.
    if sights.iter().any(|it| matches!(it, Sight::Hidden)) {
        return Err(absent());
    }
    let commit = commit_of(written)?;
    let left = written.apps.iter().zip(&sights).filter(|(app, _)| app.taken_back_by.is_none());
    let mut apps: Vec<_> = left.clone().map(|(app, sight)| undone(app, sight, rank, written)).collect();
    if apps.is_empty() {
        return Err(AppError::Conflict { why: taken_back(written) });
    }
    let lead = lead_of(&apps)?;
    for app in &mut apps {
        app.skip = app.skip.take().or_else(|| has_moved(app, written));
    }
    let wrote = left.map(|(app, _)| app).zip(&apps).map(|(written, app)| UndoApp {
        name: app.name.clone(),
        base_path: written.base_path.clone(),
        slug: Some(app.slug.clone()),
        wrote: written.wrote.clone(),
        skip: app.skip.clone(),
    });
    let undo = Undo { commit, environment: written.environment.clone(), apps: wrote.collect() };
    let ask = AskPlan::Undo(ask.clone());
    Ok(Asked { ask, lead, apps, warnings: Vec::new(), undo: Some(undo) })
}

fn commit_of(written: &Written) -> AppResult<Oid> {
    written.commit.ok_or_else(|| AppError::Conflict {
        why: match written.is_ended {
            true => format!("Change {} ended without a commit, so there is nothing to undo.", written.id),
            false => format!("Change {} is not on the branch yet: cancel it instead.", written.id),
        },
    })
}

fn taken_back(written: &Written) -> String {
    match written.apps.iter().rev().find_map(|app| app.taken_back_by) {
        Some(by) => {
            format!("Everything that change {} wrote was taken back already, by change {by}.", written.id)
        }
        None => format!("Change {} wrote nothing that could be undone.", written.id),
    }
}

fn undone(app: &WrittenApp, sight: &Sight<'_>, rank: usize, written: &Written) -> AskedApp {
    let mut asked = AskedApp {
        slug: app.slug.clone(),
        name: app.name.clone(),
        source: Vec::new(),
        target: Vec::new(),
        verified: Verified::NotKnown,
        commit: None,
        skip: None,
    };
    let Sight::Seen(found) = sight else {
        asked.skip = Some(format!("Argo CD does not tell of it any more in {}.", written.environment));
        return asked;
    };
    asked.name = found.name.to_owned();
    asked.target = owned(&found.rows[rank]);
    if asked.target.is_empty() {
        // Its files may be there all the same: another Application says where.
        asked.source =
            found.rows.iter().find(|rows| !rows.is_empty()).map(|it| owned(it)).unwrap_or_default();
    }
    asked
}

/// Says why the commit of a change cannot be undone where an app is now.
fn has_moved(app: &AskedApp, written: &Written) -> Option<String> {
    let revision = if written.revision.is_empty() { "HEAD" } else { &written.revision };
    let is_there = |row: &Arc<Row>| {
        followed_by(row).is_some_and(|it| {
            it.repository == remote::normalized(&written.repository) && it.revision == revision
        })
    };
    let other = app.target.iter().chain(&app.source).find(|row| !is_there(row))?;
    Some(format!(
        "{} follows another branch now than the one that change {} was written to.",
        other.id.name, written.id
    ))
}

/// Tells how an actor, whose snapshot this is, sees an app in an environment.
pub(super) fn sight<'a>(
    seen: &'a Snapshot,
    order: &[Environment],
    key: &str,
    (rank, environment): (usize, &str),
) -> Sight<'a> {
    let Some(slug) = seen.apps.slug_of(key) else { return Sight::Gone };
    match find(seen, order, slug) {
        Ok(app) if !app.rows[rank].is_empty() || !seen.apps.is_in(key, environment) => Sight::Seen(app),
        _ => Sight::Hidden,
    }
}

impl InTheWay<'_> {
    /// Says what keeps a promotion of an app away. A hold always does. A freeze and a change that is under way let an app
    /// by itself be asked for, which then waits; of a train they take it out.
    fn of(&self, key: &str, to: &str, rows: &[Arc<Row>], is_single: bool) -> Option<String> {
        if let Some(hold) = self.book.hold_of(key, to, self.now) {
            return Some(hold.sentence(self.now));
        }
        if is_single {
            return None;
        }
        let projects = rows.iter().map(|row| row.project.as_str());
        if let Some((freeze, until)) = self.book.freeze_of_any(to, projects, self.now) {
            return Some(freeze.sentence(until, self.now));
        }
        self.book.other_change_of(key, to, self.own).map(|change| change.sentence())
    }
}

/// Finds an app by its slug.
pub(super) fn find<'a>(seen: &'a Snapshot, order: &[Environment], slug: &str) -> AppResult<Gathered<'a>> {
    matrix::find(seen, order, slug).ok_or_else(|| AppError::NotFound { what: format!("App {slug:.60}") })
}

/// As [`find`], of many at once, and each once.
fn find_all<'a>(seen: &'a Snapshot, order: &[Environment], slugs: &[String]) -> AppResult<Vec<Gathered<'a>>> {
    let (apps, _) = matrix::gather(seen, order);
    let mut by_slug: HashMap<_, _> =
        apps.into_iter().filter_map(|app| Some((seen.apps.slug_of(app.key)?, app))).collect();
    let mut named = BTreeSet::new();
    let once = slugs.iter().filter(|slug| named.insert(slug.as_str()));
    let absent = |slug: &String| AppError::NotFound { what: format!("App {slug:.60}") };
    once.map(|slug| by_slug.remove(slug.as_str()).ok_or_else(|| absent(slug))).collect()
}

/// Returns the place of an environment in the order of promotions.
pub(super) fn rank_of(order: &[Environment], name: &str) -> AppResult<usize> {
    let rank = order.iter().position(|it| it.name() == Some(name));
    rank.ok_or_else(|| AppError::NotFound { what: format!("Environment {name}") })
}

fn owned(rows: &[&Arc<Row>]) -> Vec<Arc<Row>> {
    rows.iter().map(|row| Arc::clone(row)).collect()
}

/// The first Application that comes from a Git repository says which one is planned on.
fn lead_of(apps: &[AskedApp]) -> AppResult<Arc<Row>> {
    let rows = apps.iter().flat_map(|app| app.target.iter().chain(&app.source));
    rows.into_iter().find(|row| followed_by(row).is_some()).cloned().ok_or_else(|| AppError::Conflict {
        why: "None of its Applications comes from a Git repository, so there is no file that could be changed: what a chart of a registry deploys is changed where its Application is defined.".into(),
    })
}

/// Says why an app cannot be part of one commit on the lead's branch.
fn strays(lead: &Row, app: &AskedApp) -> Option<String> {
    let of_lead = followed_by(lead);
    let other = app.source.iter().chain(&app.target).find(|row| followed_by(row) != of_lead)?;
    Some(match (followed_by(other), &of_lead) {
        (None, _) => format!("{} comes from a chart, and not from Git.", other.id.name),
        (Some(it), Some(lead)) if it.repository == lead.repository => format!(
            "{} follows {}, the others follow {}: a plan is one commit on one branch.",
            other.id.name, it.revision, lead.revision
        ),
        _ => format!("{} comes from another repository: plan it by itself.", other.id.name),
    })
}

/// Tells whether the source ran well, and at which commit (rules R2 and R3).
pub(super) fn verify(
    seen: &Snapshot,
    source: &[Arc<Row>],
    environment: &str,
    now: Timestamp,
) -> (Verified, Option<Oid>) {
    let not = |why: String| (Verified::Not { why }, None);
    let worst = source.iter().max_by_key(|row| state_of(seen, row));
    if let Some(row) = worst.filter(|row| state_of(seen, row) != CellState::Healthy) {
        let state = state_of(seen, row).word();
        let since = row.health_since.or(row.changed_at).map(|since| format!(" for {}", since.age(now)));
        let reason = view::reason(seen, row, now);
        let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        return not(format!("{state} in {environment}{}{reason}", since.unwrap_or_default()));
    }
    if let Some(row) = source.iter().find(|row| row.sync != Sync::Synced) {
        return not(format!("{} is not synced in {environment}", row.id.name));
    }
    let mut commits = source.iter().map(|row| row.revision.as_deref());
    let first = commits.next().flatten();
    if commits.any(|it| it != first) {
        return not(format!(
            "its Applications in {environment} run different commits; wait until they are even"
        ));
    }
    match first.map(Oid::from_str) {
        Some(Ok(commit)) => {
            let since = source.iter().filter_map(|row| well_since(row)).max();
            (Verified::Healthy { since }, Some(commit))
        }
        _ => not(format!("Argo CD does not tell which commit {environment} runs")),
    }
}

/// Since when an Application is Healthy with what it runs: a sync that changed nothing of its health counts as a beginning.
fn well_since(row: &Row) -> Option<Timestamp> {
    let synced_at = row.operation.as_ref().and_then(|it| it.finished_at);
    row.health_since.map(|since| synced_at.map_or(since, |synced| since.max(synced)))
}

fn warnings_of_way(order: &[Environment], from: usize, to: usize) -> Vec<String> {
    let name = |rank: usize| order[rank].name().unwrap_or_default();
    match to {
        _ if to < from => vec![format!(
            "This goes against the order of promotions: {} comes before {}.",
            name(to),
            name(from)
        )],
        _ if to > from + 1 => {
            let passed: Vec<_> = (from + 1..to).map(name).collect();
            vec![format!("This skips {}: nothing of it was tried there.", passed.join(" and "))]
        }
        _ => Vec::new(),
    }
}
