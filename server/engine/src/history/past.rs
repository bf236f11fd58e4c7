//! What is known of several Applications over a time: their syncs, and their changes of health.

use model::{
    Timestamp,
    application::ApplicationId,
    status::{Health, Phase},
};
use sqlx::Row as _;

use super::application_of;
use crate::{
    Result,
    db::{Db, Moment, failed},
};

/// More are not looked at: the newest count.
const MOST: i64 = 5000;

/// Syncs and changes of health, each the oldest first.
#[derive(Clone, Debug, Default)]
pub struct Past {
    pub operations: Vec<PastOperation>,
    pub healths: Vec<PastHealth>,
}

/// A sync that began then.
#[derive(Clone, Debug)]
pub struct PastOperation {
    pub at: Timestamp,
    pub succeeded: bool,
    /// The person who started it.
    pub started_by: Option<String>,
}

/// An Application's health from then on.
#[derive(Clone, Debug)]
pub struct PastHealth {
    pub application: ApplicationId,
    pub at: Timestamp,
    pub health: Health,
}

/// Reads what is known of these Applications.
pub async fn past_of(db: &Db, ids: &[ApplicationId]) -> Result<Past> {
    const WHOSE: &str =
        "(control_plane, namespace, name) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))";
    let planes: Vec<&str> = ids.iter().map(|id| id.control_plane.as_str()).collect();
    let namespaces: Vec<&str> = ids.iter().map(|id| id.namespace.as_str()).collect();
    let names: Vec<&str> = ids.iter().map(|id| id.name.as_str()).collect();
    let operations = sqlx::AssertSqlSafe(format!(
        "SELECT started_at, phase, started_by FROM operations WHERE {WHOSE} ORDER BY started_at DESC LIMIT $4"
    ));
    let healths = sqlx::AssertSqlSafe(format!(
        "SELECT control_plane, namespace, name, at, after FROM transitions WHERE {WHOSE} AND aspect = 'health'
         ORDER BY at DESC LIMIT $4"
    ));
    let bound =
        |sql| sqlx::query(sql).bind(planes.clone()).bind(namespaces.clone()).bind(names.clone()).bind(MOST);
    let (operations, healths) =
        tokio::try_join!(bound(operations).fetch_all(db.pool()), bound(healths).fetch_all(db.pool()))
            .map_err(failed("read the history of Applications"))?;
    let read = || -> std::result::Result<Past, sqlx::Error> {
        let mut past = Past::default();
        for row in operations.iter().rev() {
            past.operations.push(PastOperation {
                at: row.try_get::<Moment, _>("started_at")?.0,
                succeeded: Phase::parse(row.try_get("phase")?) == Some(Phase::Succeeded),
                started_by: row.try_get("started_by")?,
            });
        }
        for row in healths.iter().rev() {
            past.healths.push(PastHealth {
                application: application_of(row)?,
                at: row.try_get::<Moment, _>("at")?.0,
                health: Health::parse(row.try_get("after")?),
            });
        }
        Ok(past)
    };
    read().map_err(failed("read the history of Applications"))
}
