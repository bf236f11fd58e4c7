//! The page of freezes and holds, for an actor.

use std::collections::BTreeSet;

use model::{
    Actor, Timestamp,
    gate::{self, GateList, SyncWindowRow},
    status::Environment,
};

use super::{
    book::GateBook,
    freeze::{self, object, object_name},
    hold,
};
use crate::{
    access::Verb,
    argo::{types::SyncWindow, window},
    fleet::index::Snapshot,
};

/// Draws the page. `snapshot` is the whole fleet, `seen` what the actor sees of it.
pub(super) fn list(
    book: &GateBook,
    (snapshot, seen): (&Snapshot, &Snapshot),
    actor: &Actor,
    order: &[Environment],
    now: Timestamp,
) -> GateList {
    let projects: BTreeSet<_> = seen.rows.iter().map(|row| row.project.clone()).collect();
    let projects: Vec<_> = projects.into_iter().collect();
    GateList {
        now,
        freezes: freezes(book, seen, actor, now),
        holds: hold::draw_all(book, snapshot, seen, actor, order, now),
        windows: windows(seen),
        environments: order.to_vec(),
        freeze_denied: freeze_denied(seen, actor, order, &projects),
        projects,
    }
}

/// Draws the freezes that are now, for an actor.
pub(super) fn freezes_now(
    book: &GateBook,
    seen: &Snapshot,
    actor: &Actor,
    now: Timestamp,
) -> Vec<gate::Freeze> {
    let mut freezes: Vec<_> = book
        .freezes()
        .iter()
        .filter(|it| it.at(now).now.is_some() && freeze::is_visible(seen, actor, it))
        .map(|it| freeze::draw(it, &seen.rights, actor, now))
        .collect();
    freezes.sort_by_key(|it| it.now.map(|span| span.until));
    freezes
}

/// Counts the freezes that are now, and the holds, that an actor may see.
pub(super) fn count(book: &GateBook, seen: &Snapshot, actor: &Actor, now: Timestamp) -> u32 {
    let is_now = |it: &&super::book::Freeze| it.at(now).now.is_some() && freeze::is_visible(seen, actor, it);
    let count = book.freezes().iter().filter(is_now).count() + hold::visible(book, seen, actor, now).len();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Those that are now by their ends, then those to come by their beginnings.
fn freezes(book: &GateBook, seen: &Snapshot, actor: &Actor, now: Timestamp) -> Vec<gate::Freeze> {
    let mut freezes: Vec<_> = book
        .freezes()
        .iter()
        .filter(|it| it.at(now).turns_at().is_some() && freeze::is_visible(seen, actor, it))
        .map(|it| freeze::draw(it, &seen.rights, actor, now))
        .collect();
    freezes.sort_by_key(|it| {
        let moment = it.now.map(|span| span.until).or(it.next.map(|span| span.from));
        (it.now.is_none(), moment, it.id)
    });
    freezes
}

/// None where the actor may freeze something of what they see.
fn freeze_denied(
    seen: &Snapshot,
    actor: &Actor,
    order: &[Environment],
    projects: &[String],
) -> Option<String> {
    let environments = || std::iter::once(None).chain(order.iter().map(Environment::name));
    let mut scopes = environments().flat_map(|environment| {
        let projects = std::iter::once(None).chain(projects.iter().map(|it| Some(it.as_str())));
        projects.map(move |project| object_name(environment, project))
    });
    if scopes.any(|name| seen.rights.allows(actor, Verb::Create, &object(&name))) {
        return None;
    }
    seen.rights.lacks(actor, Verb::Create, &object(&object_name(None, None)))
}

/// Those of the projects that the actor sees Applications of, inherited ones too.
fn windows(seen: &Snapshot) -> Vec<SyncWindowRow> {
    let projects: BTreeSet<_> =
        seen.rows.iter().map(|row| (row.id.control_plane.as_str(), row.project.as_str())).collect();
    let now = chrono::Utc::now();
    let mut rows: Vec<SyncWindowRow> = Vec::new();
    for (plane, project) in projects {
        for (owner, window) in seen.windows(plane, project) {
            let row = drawn(plane, owner, &window, window::is_open(&window, now));
            // What several projects inherit is told once.
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    rows
}

fn drawn(plane: &str, project: String, window: &SyncWindow, is_open: Option<bool>) -> SyncWindowRow {
    let list = |what: &str, patterns: &[String]| {
        (!patterns.is_empty()).then(|| format!("{what} {}", patterns.join(", ")))
    };
    let lists = [
        list("applications", &window.applications),
        list("namespaces", &window.namespaces),
        list("clusters", &window.clusters),
    ];
    let between = if window.and_operator { " and " } else { "; " };
    let applies_to = lists.into_iter().flatten().collect::<Vec<_>>().join(between);
    SyncWindowRow {
        control_plane: plane.to_owned(),
        project,
        kind: window.kind.clone(),
        schedule: window.schedule.clone(),
        duration: window.duration.clone(),
        zone: if window.time_zone.is_empty() { "UTC".into() } else { window.time_zone.clone() },
        applies_to: if applies_to.is_empty() { "nothing".into() } else { applies_to },
        manual_sync: window.manual_sync,
        is_open,
    }
}
