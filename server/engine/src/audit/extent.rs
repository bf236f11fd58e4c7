//! How much of the record somebody may read: all of it, or what concerns certain apps in certain environments.

use std::collections::BTreeSet;

use model::{Actor, AppError, AppResult, record::EventDetail};
use sqlx::{Postgres, QueryBuilder};

use crate::{
    access::{NO_ENVIRONMENT, Object, Verb},
    fleet::index::Snapshot,
};

/// A part of the record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Extent {
    All,
    /// Control plane, environment and app of the events.
    Of(BTreeSet<(String, String, String)>),
}

impl Extent {
    /// Returns what `actor` may read, or export, of the record. What an Application's events are is known by the
    /// Applications that are there; the rest is for those who may read everything.
    ///
    /// # Errors
    /// To whoever may read nothing of it, the record is absent.
    pub fn of(snapshot: &Snapshot, actor: &Actor, verb: Verb) -> AppResult<Self> {
        if snapshot.rights.allows(actor, verb, &record(None, "*")) {
            return Ok(Self::All);
        }
        let environment_of =
            |row: &crate::fleet::index::Row| row.environment.name().unwrap_or(NO_ENVIRONMENT).to_owned();
        let named: BTreeSet<_> = snapshot
            .rows
            .iter()
            .map(|row| {
                (row.id.control_plane.as_str(), environment_of(row), row.project.as_str(), row.app.as_str())
            })
            .collect();
        let may = |(plane, environment, project, app): &(&str, String, &str, &str)| {
            let name = format!("{environment}/{project}/{app}");
            snapshot.rights.allows(actor, verb, &record(Some(plane), &name))
        };
        let apps: BTreeSet<_> = named
            .into_iter()
            .filter(may)
            .map(|(plane, environment, _, app)| (plane.to_owned(), environment, app.to_owned()))
            .collect();
        if apps.is_empty() {
            return Err(AppError::NotFound { what: "The record".into() });
        }
        Ok(Self::Of(apps))
    }

    /// Returns whether an event is in it.
    pub fn covers(&self, event: &EventDetail) -> bool {
        let Self::Of(apps) = self else { return true };
        let intent = &event.intent;
        match (&event.control_plane, &intent.environment, &intent.app) {
            (Some(plane), Some(environment), Some(app)) => {
                apps.contains(&(plane.clone(), environment.clone(), app.clone()))
            }
            _ => false,
        }
    }

    /// Adds the condition to a query of `audit_events AS e`.
    pub(super) fn push(&self, sql: &mut QueryBuilder<Postgres>) {
        let Self::Of(apps) = self else { return };
        let (mut planes, mut environments, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for (plane, environment, app) in apps.clone() {
            planes.push(plane);
            environments.push(environment);
            names.push(app);
        }
        sql.push(" AND (e.control_plane, e.environment, e.app) IN (SELECT * FROM unnest(");
        sql.push_bind(planes).push("::text[], ").push_bind(environments).push("::text[], ");
        sql.push_bind(names).push("::text[]))");
    }
}

fn record<'a>(control_plane: Option<&'a str>, name: &'a str) -> Object<'a> {
    Object::Own { resource: "audit", control_plane, name }
}
