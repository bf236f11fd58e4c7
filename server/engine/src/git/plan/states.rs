//! The states that an app had in an environment, from Git alone: one for each commit that changed what travels.

use model::{
    Timestamp,
    plan::{EarlierState, Move, Ran},
};

use super::{
    PlanError,
    carried::{alike, name_of},
    history::History,
    past::{Past, State, Step, value},
};
use crate::git::{
    layout::{App, Carrier, complete},
    tree::Tree,
};

/// Whose states are asked for.
pub struct StatesAsk<'a> {
    /// The head.
    pub tree: &'a Tree<'a>,
    pub history: &'a dyn History,
    pub app: &'a App,
    pub environment: &'a str,
    /// At most so many are returned.
    pub limit: usize,
}

/// What Git knows.
#[derive(Clone, Debug, Default)]
pub struct Earlier {
    /// The newest first; the first is what Git asks for now. Whether and how they ran is not Git's to know.
    pub states: Vec<EarlierState>,
    /// How many there are, as far back as the history was looked at.
    pub total: u32,
    /// Why it was not looked at further.
    pub note: Option<String>,
}

/// Returns the states, each with its difference to now.
///
/// # Errors
/// An environment that the app is not in.
pub fn earlier_states(ask: &StatesAsk<'_>) -> Result<Earlier, PlanError> {
    let mut app = ask.app.clone();
    complete(ask.tree, &mut app);
    let places = app.places(ask.environment)?;
    let carriers: Vec<_> = places.iter().flat_map(|place| place.carriers.clone()).collect();
    let past = Past::new(ask.tree, ask.history, &carriers);
    let now = past.state_at(ask.tree.commit());
    let mut earlier = Earlier::default();
    let mut until: Option<Timestamp> = None;
    for step in past.steps() {
        let step = match step {
            Ok(step) => step,
            Err(gap) => {
                earlier.note = Some(gap.to_string());
                break;
            }
        };
        let Some(commit) = ask.tree.reference(step.commit) else { continue };
        let from = commit.at;
        // A commit that took everything away left no state to go back to.
        if step.after.iter().any(|values| !values.is_empty()) {
            earlier.total += 1;
            if earlier.states.len() < ask.limit {
                let ran = match until {
                    None => Ran::Now { since: from, healthy: None },
                    Some(to) => Ran::Asked { from, to },
                };
                let (version, moves) = (past.version_at(step.commit), moves(&carriers, &step, &now));
                earlier.states.push(EarlierState { commit, version, ran, synced_by: None, moves });
            }
        }
        until = Some(from);
    }
    Ok(earlier)
}

/// What would be restored, against what is there now.
fn moves(carriers: &[Carrier], step: &Step, now: &State) -> Vec<Move> {
    let mut moves = Vec::new();
    for (position, values) in step.after.iter().enumerate() {
        for (field, then) in values {
            let there = value(now, &(position, field.clone()));
            if !alike(there, then.as_ref()) {
                moves.push(Move {
                    file: carriers[position].file.clone(),
                    field: name_of(&carriers[position].what, field),
                    before: there.cloned(),
                    after: then.clone(),
                });
            }
        }
    }
    moves
}
