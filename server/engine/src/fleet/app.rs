//! One app over its environments: its page, a cell's popover, and what may be done there, with the reason where not.

use model::{
    Actor, Timestamp,
    apps::{Act, ActKind, AppDetail, AppEnvironment, CellDetail, CellId, Release},
    status::Environment,
};

use super::{
    index::{Row, Snapshot},
    matrix::{Books, Gathered},
    view::{self, application_row},
};
use crate::{
    access::{Object, Verb},
    git::mirror,
};

/// What repositories tell of an app.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub releases: Vec<Release>,
    pub note: Option<String>,
}

/// Draws the page of an app. `snapshot` is what the actor may see.
pub fn app_detail(
    snapshot: &Snapshot,
    actor: &Actor,
    order: &[Environment],
    books: Books<'_>,
    app: &Gathered<'_>,
    told: Told,
    now: Timestamp,
) -> AppDetail {
    let first = app.rows.iter().flatten().next();
    let repository = first.map(|row| mirror::shown(&row.repo_url)).filter(|url| !url.is_empty());
    let base_path = first.and_then(|row| row.identity.base_path.clone());
    let why = first.map_or_else(String::new, |row| {
        row.identity.reason.sentence(repository.as_deref().unwrap_or_default(), base_path.as_deref())
    });
    let cells = app.cells(snapshot, books, now);
    let environments = cells.into_iter().enumerate().map(|(rank, cell)| AppEnvironment {
        environment: order[rank].name().unwrap_or_default().to_owned(),
        rank: tag_of(&order[rank]),
        protected: order[rank].is_protected(),
        cell,
        applications: app.rows[rank].iter().map(|row| application_row(snapshot, row, now)).collect(),
        acts: acts(snapshot, actor, order, app, rank),
    });
    AppDetail {
        now,
        slug: snapshot.apps.slug_of(app.key).unwrap_or(app.name).to_owned(),
        name: app.name.to_owned(),
        project: app.project(),
        why,
        repository,
        base_path,
        environments: environments.collect(),
        releases: told.releases,
        releases_note: told.note,
        control_planes: view::control_planes(snapshot),
    }
}

/// Draws the popover of a cell; none where the app is not in that environment.
pub fn cell_detail(
    snapshot: &Snapshot,
    actor: &Actor,
    order: &[Environment],
    books: Books<'_>,
    app: &Gathered<'_>,
    id: CellId,
    now: Timestamp,
) -> Option<CellDetail> {
    let rank = order.iter().position(|it| it.name() == Some(&id.environment))?;
    let cell = app.cells(snapshot, books, now).swap_remove(rank)?;
    Some(CellDetail {
        now,
        name: app.name.to_owned(),
        environment: order[rank].clone(),
        cell,
        release: app.rows[rank].first().and_then(|row| books.releases.release_of(row)),
        acts: acts(snapshot, actor, order, app, rank),
        applications: app.rows[rank].iter().map(|row| application_row(snapshot, row, now)).collect(),
        id,
    })
}

/// Lists what may be done with an app in an environment, the next step first.
pub fn acts(
    snapshot: &Snapshot,
    actor: &Actor,
    order: &[Environment],
    app: &Gathered<'_>,
    rank: usize,
) -> Vec<Act> {
    let rows = &app.rows[rank];
    if rows.is_empty() {
        return Vec::new();
    }
    let denied =
        |verb| rows.iter().find_map(|row| snapshot.rights.lacks(actor, verb, &snapshot.object_of(row)));
    let mut acts: Vec<_> = next_step(snapshot, actor, order, app, rank).into_iter().collect();
    for (kind, verb) in
        [(ActKind::RollBack, Verb::RollBack), (ActKind::Sync, Verb::Sync), (ActKind::Refresh, Verb::Refresh)]
    {
        acts.push(Act { kind, to: None, denied: denied(verb) });
    }
    acts
}

fn next_step(
    snapshot: &Snapshot,
    actor: &Actor,
    order: &[Environment],
    app: &Gathered<'_>,
    rank: usize,
) -> Option<Act> {
    let to = order.get(rank + 1)?.name()?;
    let targets = &app.rows[rank + 1];
    let source = app.rows[rank].first()?;
    let (kind, denied) = if targets.is_empty() {
        // What may not be seen there is not introduced there either.
        if snapshot.apps.is_in(app.key, to) {
            return None;
        }
        (ActKind::Introduce, lacks_to_introduce(snapshot, actor, source, to))
    } else {
        let lacks = |row| snapshot.rights.lacks(actor, Verb::Promote, &snapshot.object_of(row));
        (ActKind::Promote, targets.iter().find_map(|row| lacks(row)))
    };
    Some(Act { kind, to: Some(to.to_owned()), denied })
}

/// What the actor lacks to bring an app to an environment that it is not in.
pub fn lacks_to_introduce(snapshot: &Snapshot, actor: &Actor, source: &Row, to: &str) -> Option<String> {
    lacks_elsewhere(snapshot, actor, Verb::Promote, source, to)
}

/// What the actor lacks to act on an app in an environment that has no Application of it.
pub fn lacks_elsewhere(
    snapshot: &Snapshot,
    actor: &Actor,
    verb: Verb,
    source: &Row,
    to: &str,
) -> Option<String> {
    let object = Object::Absent {
        control_plane: &source.id.control_plane,
        project: &source.project,
        environment: to,
        app: &source.app,
    };
    snapshot.rights.lacks(actor, verb, &object)
}

fn tag_of(environment: &Environment) -> u8 {
    match environment {
        Environment::Known { rank, .. } => *rank,
        _ => 0,
    }
}
