//! Applying a change again to a newer head (rule R9): whether it would still do what was agreed on.

use git2::Oid;
use model::plan::{CommitRef, Move, Plan, PlanRow, RowOutcome};

use super::carried::{WHOLE, alike};
use crate::git::{
    layout::{split, upwards},
    tree::{Tree, TreeError},
};

/// A file that a change writes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlannedFile {
    pub path: String,
    /// The content that the plan saw; none where there was no file.
    pub before: Option<Oid>,
    /// None where it goes.
    pub after: Option<Vec<u8>>,
    pub executable: bool,
}

/// Returns whether each file that is written is still, to the byte, what the plan saw: then it can be written as it was
/// planned, without planning again.
pub fn same_files(tree: &Tree<'_>, files: &[PlannedFile]) -> bool {
    files.iter().all(|file| is_same(tree, file).unwrap_or(false))
}

fn is_same(tree: &Tree<'_>, file: &PlannedFile) -> Result<bool, TreeError> {
    if tree.entry(&file.path)?.map(|entry| entry.id) != file.before {
        return Ok(false);
    }
    if file.before.is_some() {
        return Ok(true);
    }
    // A new file neither takes the place of a folder, nor does a file give way to its folder.
    if tree.id(&file.path)?.is_some() {
        return Ok(false);
    }
    for folder in upwards(split(&file.path).0) {
        if tree.entry(folder)?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Compares what a plan moves with what the same ask moves at a newer head.
///
/// # Errors
/// A sentence about the first difference: it says what is there now, who put it there where that is known, and what was
/// planned on.
pub fn same_moves(before: &Plan, now: &Plan) -> Result<(), String> {
    for row in moving(before) {
        let again = now.rows.iter().find(|it| it.base_path == row.base_path);
        same_row(row, again.ok_or_else(|| format!("{} is not part of it any more", row.app))?)?;
    }
    let is_new = |row: &&PlanRow| moving(before).all(|it| it.base_path != row.base_path);
    match moving(now).find(is_new) {
        Some(row) => Err(format!("{} would move now as well, which was not planned", row.app)),
        None => Ok(()),
    }
}

fn moving(plan: &Plan) -> impl Iterator<Item = &PlanRow> {
    plan.rows.iter().filter(|row| row.outcome == RowOutcome::Moves)
}

fn same_row(before: &PlanRow, now: &PlanRow) -> Result<(), String> {
    match &now.outcome {
        RowOutcome::Moves => {}
        RowOutcome::NothingToDo => {
            return Err(format!("{} has what it was to get already: nothing is left to change", now.app));
        }
        RowOutcome::Skipped { why } | RowOutcome::Stopped { why } => {
            return Err(format!("{} would be left out now: {why}", now.app));
        }
    }
    for it in &before.moves {
        let again = now.moves.iter().find(|other| is_of_same(it, other));
        let again = again.ok_or_else(|| format!("{} would not change any more", named(it)))?;
        same_move(it, again, now.last_touched.as_ref())?;
    }
    match now.moves.iter().find(|it| before.moves.iter().all(|other| !is_of_same(it, other))) {
        Some(it) => Err(format!("{} would change now as well, which was not planned", named(it))),
        None => Ok(()),
    }
}

fn same_move(before: &Move, now: &Move, last: Option<&CommitRef>) -> Result<(), String> {
    let (name, by) = (named(now), last.map(|it| format!(", put there by {}", it.author)).unwrap_or_default());
    let same = |one: &Option<String>, other: &Option<String>| alike(one.as_ref(), other.as_ref());
    if !same(&before.before, &now.before) {
        let (there, planned) = (shown(&now.before), shown(&before.before));
        return Err(format!("{name} is {there} now{by}: {planned} was planned on"));
    }
    if !same(&before.after, &now.after) {
        let (would, planned) = (shown(&now.after), shown(&before.after));
        return Err(format!("{name} would become {would} now: {planned} was planned"));
    }
    Ok(())
}

fn is_of_same(one: &Move, other: &Move) -> bool {
    (&one.file, &one.field) == (&other.file, &other.field)
}

fn named(it: &Move) -> String {
    if it.field == WHOLE { it.file.clone() } else { format!("{} in {}", it.field, it.file) }
}

/// A value as people say it, without the quotes that files have.
fn shown(value: &Option<String>) -> &str {
    let Some(text) = value else { return "not set" };
    text.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(text)
}
