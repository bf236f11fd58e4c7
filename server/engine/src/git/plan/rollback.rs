//! Rollbacks (rule R13): an app's environment gets the promoted fields of an earlier commit, or all its files, where
//! nobody else touched them since. It is a new change on the head, never a step back in the history.

use std::collections::{BTreeMap, BTreeSet};

use git2::Oid;
use model::plan::{CommitRef, Move, PlanKind, RowOutcome};

use super::{
    PlanError, Planned,
    asked::{app_of, places_at},
    carried::WHOLE,
    expected::whole_files,
    files::Files,
    history::History,
    pairs::pairs,
    past::Ours,
    promotion::finish,
    row::{self, Made},
    stays::{Differences, listed},
};
use crate::git::{
    layout::{App, Found, Place},
    rules::Rules,
    tree::{Entry, Tree},
};

/// So many commits since the earlier one are looked at.
const MOST_SINCE: usize = 1_000;

/// What is asked for.
pub struct RollbackAsk<'a> {
    /// The head, which is edited.
    pub tree: &'a Tree<'a>,
    pub rules: &'a Rules,
    /// What [`crate::git::layout::discover`] finds in `tree` by `rules`.
    pub found: &'a Found,
    pub history: &'a dyn History,
    /// The name or the base path.
    pub app: &'a str,
    pub environment: &'a str,
    /// The state that is wanted.
    pub earlier: &'a Tree<'a>,
    /// Restore all files of the environment, instead of the promoted fields alone.
    pub whole_path: bool,
    /// The commits that the record knows as ours; none for a clone at hand, where trailers alone tell.
    pub ours: Option<&'a BTreeSet<Oid>>,
}

/// Plans to give an environment what it had at an earlier commit.
///
/// # Errors
/// An app that is not in the environment, or was not then; files that cannot be read or edited safely; of a whole path
/// also commits of others since.
pub fn rollback(ask: &RollbackAsk<'_>) -> Result<Planned, PlanError> {
    let app = &app_of(ask.found, ask.tree, ask.app)?;
    let targets = app.places(ask.environment)?;
    let sources = places_at(ask.earlier, ask.rules, app, ask.environment)?;
    let from = ask.earlier.commit().to_string();
    let row_ask = row::Ask {
        kind: PlanKind::Rollback,
        rules: ask.rules,
        history: ask.history,
        app,
        from: &from[..10],
        to: ask.environment,
        source: ask.earlier,
        sources: &sources,
        targets,
        overwrite: true,
        ours: ask.ours,
        only: None,
    };
    let mut files = Files::new(ask.tree);
    let mut made = row::row(&row_ask, &mut files)?;
    if ask.whole_path {
        only_ours(ask, app, &sources, targets)?;
        restore(ask, &sources, targets, &mut files, &mut made)?;
        made.row.stays.clear();
        let differences = Differences { app, rules: ask.rules, source: ask.earlier, files: &files };
        for pair in pairs(app, (&from, ask.earlier, &sources), targets)? {
            made.row.stays.extend(differences.of(&pair)?);
        }
    }
    made.digest.flag(ask.whole_path);
    files.keep();
    Ok(finish(PlanKind::Rollback, (&from, ask.environment), vec![made], files))
}

/// Refuses where a commit since then is not ours for this app and environment.
fn only_ours(
    ask: &RollbackAsk<'_>,
    app: &App,
    sources: &[Place],
    targets: &[Place],
) -> Result<(), PlanError> {
    let paths = paths_of(sources.iter().chain(targets));
    let paths: Vec<_> = paths.iter().map(String::as_str).collect();
    let not_there = || PlanError::NotThere {
        commit: ask.earlier.commit().to_string(),
        app: app.name.clone(),
        environment: ask.environment.to_owned(),
    };
    // The commit that made that state is the first on the way back that is none since then.
    let made = ask.history.touches(ask.earlier.commit(), &paths, 1).next().ok_or_else(not_there)??;
    let mut others = Vec::new();
    for commit in ask.history.touches(ask.tree.commit(), &paths, MOST_SINCE) {
        let commit = commit?;
        if commit == made {
            return if others.is_empty() { Ok(()) } else { Err(touched(ask, app, &others)) };
        }
        if !is_ours_alone(ask, app, commit, &paths) {
            others.push(commit);
        }
    }
    Err(not_there())
}

/// Of a merge, our commit on the branch must have left the files as the merge has them.
fn is_ours_alone(ask: &RollbackAsk<'_>, app: &App, commit: Oid, paths: &[&str]) -> bool {
    let ours = Ours { base_path: &app.base_path, environment: ask.environment, known: ask.ours };
    let Some(ours) = ours.at(ask.tree.repository(), commit) else { return false };
    let ids = |commit| {
        let tree = ask.tree.at_commit(commit).ok()?;
        paths.iter().map(|path| tree.id(path).ok()).collect::<Option<Vec<_>>>()
    };
    ours == commit || ids(ours).is_some_and(|it| Some(it) == ids(commit))
}

fn touched(ask: &RollbackAsk<'_>, app: &App, others: &[Oid]) -> PlanError {
    let commits: Vec<CommitRef> = others.iter().filter_map(|it| ask.tree.reference(*it)).collect();
    PlanError::TouchedByOthers { app: app.name.clone(), environment: ask.environment.to_owned(), commits }
}

fn paths_of<'p>(places: impl Iterator<Item = &'p Place>) -> BTreeSet<String> {
    let paths = |place: &Place| {
        let files = place.files.iter().map(|it| it.1.clone());
        let carriers = place.carriers.iter().map(|it| it.file.clone());
        place.folder.clone().into_iter().chain(files).chain(carriers).collect::<Vec<_>>()
    };
    places.flat_map(paths).filter(|path| !path.is_empty()).collect()
}

/// Writes all files as they were: those that are gone come back, those that came go.
fn restore(
    ask: &RollbackAsk<'_>,
    sources: &[Place],
    targets: &[Place],
    files: &mut Files<'_>,
    made: &mut Made,
) -> Result<(), PlanError> {
    // What the fields alone would leave; the whole files take their place.
    let edited: BTreeMap<_, _> =
        files.changed().map(|(path, write)| (path.clone(), write.after.clone())).collect();
    files.forget();
    let (then, now) = (entries(ask.earlier, sources)?, entries(ask.tree, targets)?);
    for path in then.keys().chain(now.keys()).collect::<BTreeSet<_>>() {
        let (wanted, there) = (then.get(path), now.get(path));
        if wanted == there {
            continue;
        }
        let after = wanted.map(|it| ask.earlier.content(path, it.id)).transpose()?;
        // A file that the fields' edits restore already needs no line of its own.
        if edited.get(path) != Some(&after) {
            let id = |entry: Option<&Entry>| entry.map(|it| it.id.to_string()[..10].to_owned());
            made.row.moves.push(Move {
                file: path.clone(),
                field: WHOLE.to_owned(),
                before: id(there),
                after: id(wanted),
            });
        }
        files.write(path, after, wanted.map(|it| it.executable))?;
    }
    made.expected = whole_files(files);
    if !made.row.moves.is_empty() {
        made.row.outcome = RowOutcome::Moves;
    }
    Ok(())
}

/// Every file of the places; what is not followed makes no plan.
fn entries(tree: &Tree<'_>, places: &[Place]) -> Result<BTreeMap<String, Entry>, PlanError> {
    let mut entries = BTreeMap::new();
    for place in places {
        let (files, odd) = listed(tree, place)?;
        if let Some(odd) = odd.into_iter().next() {
            return Err(odd.into());
        }
        for (path, _) in files.into_values() {
            entries.extend(tree.entry(&path)?.map(|entry| (path, entry)));
        }
    }
    Ok(entries)
}
