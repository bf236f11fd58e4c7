//! The states that an app had in an environment: what Git asked for, and how it went, from the history of syncs.

use std::{collections::BTreeMap, sync::Arc};

use git2::Oid;
use model::{
    Actor, AppError, Timestamp,
    application::ApplicationId,
    apps::{CellId, CellState},
    plan::{EarlierState, EarlierStates, Ran},
    status::Health,
};

use super::{Planner, Unplanned, fleet};
use crate::{
    Result,
    access::Verb,
    fleet::{index::Row, matrix::state_of, view::application_row},
    git::{
        layout::complete,
        plan::{self, Earlier, StatesAsk},
    },
    history::{self, Past},
    repositories::blocking,
};

/// How many states a page shows.
const SHOWN: usize = 50;

/// Returns the states that an app had in an environment.
pub(super) async fn earlier_states(planner: &Planner, actor: &Actor, id: &CellId) -> Result<EarlierStates> {
    let snapshot = planner.index.load();
    let seen = snapshot.seen_by(actor);
    let order = planner.repositories.order();
    let rank = fleet::rank_of(order, &id.environment)?;
    let app = fleet::find(&seen, order, &id.app)?;
    let rows: Vec<_> = app.rows[rank].iter().map(|row| Arc::clone(row)).collect();
    let absent = || AppError::NotFound { what: format!("{} in {}", id.app, id.environment) };
    let lead = rows.first().ok_or_else(absent)?;
    let told = told(planner, lead, &id.environment).await;
    let earlier = told.unwrap_or_else(|error| Earlier {
        note: Some(error.into_answer(actor).to_string()),
        ..Earlier::default()
    });
    let ids: Vec<_> = rows.iter().map(|row| row.id.clone()).collect();
    let past = history::past_of(&planner.db, &ids).await?;
    let is_healthy = rows.iter().all(|row| state_of(&seen, row) == CellState::Healthy);
    let now = super::now();
    Ok(EarlierStates {
        now,
        slug: id.app.clone(),
        name: app.name.to_owned(),
        environment: order[rank].clone(),
        applications: rows.iter().map(|row| application_row(&seen, row, now)).collect(),
        states: with_history(earlier.states, &past, is_healthy),
        total: earlier.total,
        note: earlier.note,
        denied: rows
            .iter()
            .find_map(|row| snapshot.rights.lacks(actor, Verb::RollBack, &snapshot.object_of(row))),
    })
}

async fn told(planner: &Planner, lead: &Arc<Row>, environment: &str) -> Result<Earlier> {
    let running = lead.revision.as_deref().and_then(|it| Oid::from_str(it).ok());
    let (mirror, head, _) = planner.newest(lead, running.into_iter().collect()).await?;
    let repositories = planner.repositories.clone();
    let (lead, environment) = (Arc::clone(lead), environment.to_owned());
    let work = move || {
        super::with_facts(&mirror, head, &repositories, &lead, |tree, facts, history| {
            let (app, _) = facts
                .place_of(&lead)
                .ok_or_else(|| Unplanned::NotUnderstood { app: lead.identity.name.clone() })?;
            let mut app = app.clone();
            complete(tree, &mut app);
            let ask = StatesAsk { tree, history, app: &app, environment: &environment, limit: SHOWN };
            Ok(plan::earlier_states(&ask)?)
        })
    };
    Ok(blocking(work).await??)
}

/// Adds to what Git asked for how it went with it. `is_healthy` is what the fleet says of the one that runs.
fn with_history(states: Vec<EarlierState>, past: &Past, is_healthy: bool) -> Vec<EarlierState> {
    let told = |state: EarlierState| {
        let (from, to) = match state.ran {
            Ran::Now { since, .. } => (since, None),
            Ran::Was { from, to, .. } | Ran::Asked { from, to } => (from, Some(to)),
        };
        let first = past.operations.iter().find(|operation| {
            operation.succeeded && operation.at >= from && to.is_none_or(|to| operation.at < to)
        });
        let ran = match to {
            None => Ran::Now { since: from, healthy: Some(is_healthy) },
            Some(to) if first.is_some() => Ran::Was { from, to, healthy: healthy_at(past, to) },
            Some(to) => Ran::Asked { from, to },
        };
        EarlierState { ran, synced_by: first.and_then(|operation| operation.started_by.clone()), ..state }
    };
    states.into_iter().map(told).collect()
}

/// Whether all Applications whose health was seen before then were Healthy; none where nothing was seen.
fn healthy_at(past: &Past, at: Timestamp) -> Option<bool> {
    let mut last: BTreeMap<&ApplicationId, Health> = BTreeMap::new();
    for change in past.healths.iter().filter(|change| change.at <= at) {
        last.insert(&change.application, change.health);
    }
    (!last.is_empty()).then(|| last.values().all(|health| *health == Health::Healthy))
}

#[cfg(test)]
mod tests {
    use model::plan::CommitRef;

    use super::*;
    use crate::history::{PastHealth, PastOperation};

    fn id(name: &str) -> ApplicationId {
        ApplicationId { control_plane: "lab".into(), namespace: "argocd".into(), name: name.into() }
    }

    fn asked(version: &str, from: i64, to: Option<i64>) -> EarlierState {
        let commit = CommitRef {
            id: version.into(),
            subject: format!("Release {version}"),
            author: "erin".into(),
            at: Timestamp(from),
        };
        let from = Timestamp(from);
        let ran = match to {
            Some(to) => Ran::Asked { from, to: Timestamp(to) },
            None => Ran::Now { since: from, healthy: None },
        };
        EarlierState { commit, version: Some(version.into()), ran, synced_by: None, moves: Vec::new() }
    }

    fn operation(at: i64, by: Option<&str>) -> PastOperation {
        PastOperation { at: Timestamp(at), succeeded: true, started_by: by.map(str::to_owned) }
    }

    fn health(name: &str, at: i64, health: Health) -> PastHealth {
        PastHealth { application: id(name), at: Timestamp(at), health }
    }

    #[test]
    fn a_state_ran_when_it_was_synced_and_was_as_healthy_as_it_was_at_its_end() {
        let past = Past {
            operations: vec![operation(12, Some("dave")), operation(31, None)],
            healths: vec![
                health("a", 5, Health::Healthy),
                health("b", 13, Health::Degraded),
                health("b", 25, Health::Healthy),
                health("a", 35, Health::Degraded),
            ],
        };
        let states = vec![
            asked("4", 40, None),
            asked("3", 30, Some(40)),
            asked("2", 20, Some(30)),
            asked("1", 10, Some(20)),
        ];
        let states = with_history(states, &past, true);
        let ran: Vec<_> = states.iter().map(|it| it.ran.clone()).collect();
        assert_eq!(ran[0], Ran::Now { since: Timestamp(40), healthy: Some(true) });
        assert_eq!(ran[1], Ran::Was { from: Timestamp(30), to: Timestamp(40), healthy: Some(false) });
        assert_eq!(ran[2], Ran::Asked { from: Timestamp(20), to: Timestamp(30) }, "no sync is known");
        assert_eq!(ran[3], Ran::Was { from: Timestamp(10), to: Timestamp(20), healthy: Some(false) });
        assert_eq!(states[3].synced_by.as_deref(), Some("dave"));
    }

    #[test]
    fn nothing_seen_is_not_known() {
        let states = with_history(vec![asked("1", 10, Some(20))], &Past::default(), true);
        assert_eq!(states[0].ran, Ran::Asked { from: Timestamp(10), to: Timestamp(20) });
        assert_eq!(healthy_at(&Past::default(), Timestamp(20)), None);
    }
}
