//! Promotions: what apps run in one environment to another, one row for each app, all of it one change.

use std::collections::BTreeSet;

use git2::Oid;
use model::plan::{CommitRef, Plan, PlanKind, PlanRow, RowOutcome, Verified};

use super::{
    Moved, PlanError, Planned,
    asked::{app_of, places_at},
    files::Files,
    hash::{Digest, hash_of},
    history::History,
    introduce::introduce,
    past::Past,
    row::{self, Made},
};
use crate::git::{
    layout::{App, Found, LayoutError},
    rules::Rules,
    tree::Tree,
};

/// What is asked for.
pub struct Promotion<'a> {
    /// The head, which is edited.
    pub tree: &'a Tree<'a>,
    pub rules: &'a Rules,
    /// What [`crate::git::layout::discover`] finds in `tree` by `rules`.
    pub found: &'a Found,
    pub history: &'a dyn History,
    pub from: &'a str,
    pub to: &'a str,
    pub apps: Vec<AppAsk>,
    /// The commits that the record knows as ours, for rule R5; none for a clone at hand, where trailers alone tell.
    pub ours: Option<&'a BTreeSet<Oid>>,
}

/// An app of a promotion, and what the fleet says to it.
#[derive(Clone, Debug)]
pub struct AppAsk {
    /// Its name, or its base path.
    pub app: String,
    pub slug: Option<String>,
    /// The verified commit that values are taken from (rule R3); none: the head.
    pub source: Option<Oid>,
    /// Take what the head has, verified or not.
    pub take_latest: bool,
    /// Overwrite what others changed since the last promotion (rule R5).
    pub overwrite: bool,
    pub verified: Verified,
    /// Why the fleet leaves it out.
    pub skip: Option<String>,
    /// Sentences about overrides of its Applications, see [`super::useless_override`].
    pub overrides: Vec<String>,
}

impl AppAsk {
    /// Asks for an app as the head has it, with no fleet to say anything.
    pub fn named(app: impl Into<String>) -> Self {
        Self {
            app: app.into(),
            slug: None,
            source: None,
            take_latest: false,
            overwrite: false,
            verified: Verified::NotKnown,
            skip: None,
            overrides: Vec::new(),
        }
    }
}

/// Plans to bring what an environment runs to another one.
///
/// Of several apps, one that fails is left out with the reason. An app alone that is not in the target yet is introduced
/// there.
///
/// # Errors
/// Two environments that are one; of a single app also what cannot be found, read or edited safely.
pub fn promote(ask: &Promotion<'_>) -> Result<Planned, PlanError> {
    if ask.from == ask.to {
        return Err(PlanError::Same(ask.from.to_owned()));
    }
    let mut files = Files::new(ask.tree);
    let (mut kind, mut rows) = (PlanKind::Promote, Vec::with_capacity(ask.apps.len()));
    for app in &ask.apps {
        match app_row(ask, app, &mut files) {
            Ok((what, made)) => {
                let keeps = made.row.outcome == RowOutcome::Moves;
                if keeps {
                    files.keep();
                } else {
                    files.forget();
                }
                kind = what;
                rows.push(made);
            }
            Err(error) if ask.apps.len() == 1 => return Err(error),
            Err(error) => {
                files.forget();
                rows.push(left_out(ask, app, error.to_string()));
            }
        }
    }
    Ok(finish(kind, (ask.from, ask.to), rows, files))
}

/// Puts rows and files together.
pub(super) fn finish(kind: PlanKind, (from, to): (&str, &str), rows: Vec<Made>, files: Files<'_>) -> Planned {
    let commit = files.tree.commit().to_string();
    let (changes, writes) = files.finish();
    let (mut shown, mut moved, mut digests) = (Vec::new(), Vec::new(), Vec::new());
    let mut expected = Vec::new();
    for made in rows {
        let does_move = made.row.outcome == RowOutcome::Moves;
        expected.push(if does_move { made.expected } else { Vec::new() });
        shown.push(made.row);
        moved.push(made.moved);
        digests.push(made.digest);
    }
    let hash = hash_of((kind, from, to), digests, &writes);
    let plan = Plan {
        kind,
        repository: None,
        from: from.to_owned(),
        to: to.to_owned(),
        commit,
        hash,
        rows: shown,
        files: changes,
        warnings: Vec::new(),
    };
    Planned { plan, writes, moved, expected }
}

fn app_row(
    ask: &Promotion<'_>,
    asked: &AppAsk,
    files: &mut Files<'_>,
) -> Result<(PlanKind, Made), PlanError> {
    let app = &app_of(ask.found, ask.tree, &asked.app)?;
    if let Some(why) = &asked.skip {
        return Ok((PlanKind::Promote, left_out(ask, asked, why.clone())));
    }
    app.places(ask.from)?;
    let verified = asked.source.filter(|_| !asked.take_latest);
    let source = verified.map(|commit| ask.tree.at_commit(commit)).transpose()?;
    let source = source.as_ref().unwrap_or(ask.tree);
    let sources = places_at(source, ask.rules, app, ask.from)?;
    let row_ask = |kind, targets| row::Ask {
        kind,
        rules: ask.rules,
        history: ask.history,
        app,
        from: ask.from,
        to: ask.to,
        source,
        sources: &sources,
        targets,
        overwrite: asked.overwrite,
        ours: ask.ours,
        only: None,
    };
    let (kind, mut made) = match app.places(ask.to) {
        Ok(targets) => (PlanKind::Promote, row::row(&row_ask(PlanKind::Promote, targets), files)?),
        Err(error) => {
            let only = ask.apps.len() == 1;
            let made = introduce(ask.found, &row_ask(PlanKind::Introduce, &[]), files, error, only)?;
            (PlanKind::Introduce, made)
        }
    };
    made.digest.flag(asked.take_latest);
    made.row.slug.clone_from(&asked.slug);
    made.row.verified = asked.verified.clone();
    made.row.warnings.extend(asked.overrides.iter().cloned());
    made.row.later = later(ask, app, asked, source)?;
    Ok((kind, made))
}

/// The newest commit of the source whose values differ from the verified ones.
fn later(
    ask: &Promotion<'_>,
    app: &App,
    asked: &AppAsk,
    source: &Tree<'_>,
) -> Result<Option<CommitRef>, PlanError> {
    if asked.take_latest || source.commit() == ask.tree.commit() {
        return Ok(None);
    }
    let carriers: Vec<_> = app.places(ask.from)?.iter().flat_map(|place| place.carriers.clone()).collect();
    let past = Past::new(ask.tree, ask.history, &carriers);
    if past.state_at(source.commit()) == past.state_at(ask.tree.commit()) {
        return Ok(None);
    }
    let newest = past.steps().find_map(Result::ok);
    let commit = newest.map_or_else(|| ask.tree.commit(), |step| step.commit);
    Ok(ask.tree.reference(commit))
}

/// A row without any effect.
fn left_out(ask: &Promotion<'_>, asked: &AppAsk, why: String) -> Made {
    let app = ask.found.app(&asked.app);
    let name = |it: Result<&App, LayoutError>| it.map_or_else(|_| asked.app.clone(), |it| it.name.clone());
    let outcome = RowOutcome::Skipped { why };
    let base_path = app.as_ref().map_or_else(|_| asked.app.clone(), |it| it.base_path.clone());
    let mut digest = Digest::default();
    digest.text(&base_path).outcome(&outcome);
    let row = PlanRow {
        app: name(app),
        slug: asked.slug.clone(),
        base_path,
        outcome,
        before: None,
        after: None,
        source_commit: asked.source.unwrap_or_else(|| ask.tree.commit()).to_string(),
        later: None,
        moves: Vec::new(),
        stays: Vec::new(),
        foreign: Vec::new(),
        commits: Vec::new(),
        last_touched: None,
        verified: asked.verified.clone(),
        warnings: Vec::new(),
    };
    Made { row, moved: Moved::default(), expected: Vec::new(), digest }
}
