//! Plans: what a promotion or a rollback would change, and what it would not.
//!
//! Pure functions of commits, rules and what is asked for: no clock, no network, no database. Only listed fields travel
//! (rules R1 and R4): the `images` of a kustomization, and what layouts and rules name beyond. Everything else that differs
//! stays and is told. Files are edited to the byte and each edit is proven (R6): what cannot be proven makes no plan.

mod again;
mod asked;
mod carried;
mod expected;
mod files;
mod hash;
mod history;
mod introduce;
mod overrides;
mod pairs;
mod past;
mod patch;
mod promotion;
mod rollback;
mod row;
mod states;
mod stays;
mod touches;
mod undo;

use std::collections::BTreeMap;

use model::plan::{CommitRef, Plan};

use super::{edit::EditError, layout::LayoutError, tree::TreeError};

pub use again::{PlannedFile, same_files, same_moves};
pub use expected::{Expected, holds, state_now};
pub use files::Write;
pub use history::{Commits, History, HistoryError, Recalled, Walk};
pub use overrides::{Moved, useless_override};
pub use promotion::{AppAsk, Promotion, promote};
pub use rollback::{RollbackAsk, rollback};
pub use states::{Earlier, StatesAsk, earlier_states};
pub use undo::{UndoApp, UndoAsk, undo};

/// A plan, and what only those need who carry it out or look further.
#[derive(Clone, Debug)]
pub struct Planned {
    pub plan: Plan,
    /// By path: the bytes that the plan's patches lead to.
    pub writes: BTreeMap<String, Write>,
    /// What each row moves, in the order of the rows: what overrides are looked up by.
    pub moved: Vec<Moved>,
    /// What the target holds once the plan is written, row by row; nothing of a row that does not move.
    pub expected: Vec<Vec<Expected>>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("{file}: {reason}")]
    Edit { file: String, reason: Box<EditError> },
    #[error(
        "{file}: {field} is {written}, without quotes: kustomize refuses a file with that; put it in quotes"
    )]
    Unquoted { file: String, field: String, written: String },
    #[error(
        "{app} has nothing in {from} that could travel: list `images` in its kustomization, with name and newTag, or name \
         fields in the rules"
    )]
    Nothing { app: String, from: String },
    #[error("{0:?} to itself is no promotion; name two environments")]
    Same(String),
    #[error(
        "{app} has different values in the regions of {from} ({}), and none of them is that of {target}: make them equal first",
        regions.join(", ")
    )]
    Disagree { app: String, from: String, regions: Vec<String>, target: String },
    #[error(
        "{commit:.10} is not in the history of what would change: name a commit that {app} in {environment} had"
    )]
    NotThere { commit: String, app: String, environment: String },
    #[error(
        "the whole folder of {app} in {environment} cannot be restored, for others touched it since: {}; restore the \
         promoted fields alone",
        named(commits)
    )]
    TouchedByOthers { app: String, environment: String, commits: Vec<CommitRef> },
    #[error(
        "{app} in {environment} is not as the change left it: {field} was changed by {by} since, which would be lost; roll \
         it back to a state of your choice instead"
    )]
    ChangedSince { app: String, environment: String, field: String, by: String },
    #[error(
        "nothing of {app} in {environment} can be taken back: the change only added {added}; remove it by hand"
    )]
    OnlyAdded { app: String, environment: String, added: String },
    #[error("what was touched since cannot be told: {0}; restore the promoted fields alone")]
    History(#[from] HistoryError),
    #[error("{app} cannot be introduced to {to}: {why}")]
    Introduce { app: String, to: String, why: String },
}

impl PlanError {
    fn edit(file: &str, reason: EditError) -> Self {
        Self::Edit { file: file.to_owned(), reason: Box::new(reason) }
    }
}

fn named(commits: &[CommitRef]) -> String {
    const SHOWN: usize = 5;
    let name = |it: &CommitRef| format!("{:.10} by {} ({})", it.id, it.author, it.subject);
    let shown = commits.iter().take(SHOWN).map(name).collect::<Vec<_>>().join(", ");
    match commits.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
