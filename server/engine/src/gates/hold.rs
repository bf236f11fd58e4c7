//! Holds: placed by a person or by a rollback, released, and drawn for an actor.

use std::{collections::HashMap, sync::Arc};

use model::{
    Actor, AppError, AppResult, Timestamp,
    application::ApplicationId,
    gate::{self, HoldFor, PlaceHold},
    operation::Outcome,
    status::Environment,
};
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::{
    Gates,
    book::{GateBook, Hold},
    freeze::reason,
    words::clock,
};
use crate::{
    Result, access,
    access::{Object, Verb},
    audit::{self, AuditId, Context, Entry, Intent},
    db::failed,
    fleet::{
        index::{Row, Snapshot},
        matrix::{self, version_of},
    },
    git::plan::Expected,
    repositories::followed_by,
};

const PLACE: &str = "place a hold";
const RELEASE: &str = "release a hold";

/// A hold to be placed.
#[derive(Clone, Debug)]
pub struct NewHold<'a> {
    /// Who places it; they own it.
    pub actor: &'a Actor,
    /// The app as the fleet knows it, whatever it is called.
    pub app_key: &'a str,
    pub name: &'a str,
    pub slug: &'a str,
    /// By which policies know the app.
    pub app: &'a str,
    pub project: &'a str,
    pub control_plane: &'a str,
    pub environment: &'a str,
    /// What it is held at, where that is known.
    pub version: Option<&'a str>,
    pub reason: &'a str,
    /// [`HoldFor::None`] lasts until it is released, too: whoever wants no hold places none.
    pub lasts: HoldFor,
    /// The rollback that sets it.
    pub change: Option<i64>,
    /// The branch as [`crate::repositories::Followed`] names it; empty where none is followed.
    pub repository: &'a str,
    pub revision: &'a str,
    /// What is held there; empty for what is there now.
    pub expected: &'a [Expected],
}

/// Places a hold, that of a rollback in the place of another rollback's, with its record, in a transaction of the caller's; returns its id.
pub async fn place_in(tx: &mut PgConnection, hold: NewHold<'_>) -> Result<i64> {
    place(tx, hold).await.map(|(id, _)| id)
}

/// Releases the holds that a change set, with their record, in a transaction of the caller's. `why` is who released them,
/// e.g. `change 1850`.
pub async fn release_of_change(tx: &mut PgConnection, change: i64, why: &str) -> Result<()> {
    let holds: Vec<Hold> = sqlx::query_as(
        "UPDATE holds SET released_at = clock_timestamp(), released_by = $2
         WHERE change = $1 AND released_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
         RETURNING *",
    )
    .bind(change)
    .bind(why)
    .fetch_all(&mut *tx)
    .await
    .map_err(failed(RELEASE))?;
    record_released(tx, &access::quarterdeck(), &holds, why).await
}

async fn place(tx: &mut PgConnection, hold: NewHold<'_>) -> Result<(i64, AuditId)> {
    // One rollback takes the place of another, and its hold that of the other's. What a person holds stays: who may roll
    // back may not release that, and the rollback may come to nothing.
    let before: Vec<Hold> = sqlx::query_as(
        "UPDATE holds SET released_at = clock_timestamp(), released_by = $3
         WHERE app_key = $1 AND environment = $2 AND released_at IS NULL
         AND (expires_at IS NULL OR expires_at > clock_timestamp()) AND change IS NOT NULL AND $4 RETURNING *",
    )
    .bind(hold.app_key)
    .bind(hold.environment)
    .bind(&hold.actor.name)
    .bind(hold.change.is_some())
    .fetch_all(&mut *tx)
    .await
    .map_err(failed(PLACE))?;
    record_released(tx, hold.actor, &before, "another hold takes its place").await?;
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO holds (app_key, name, slug, app, project, control_plane, environment, version, reason, owner,
             expires_at, change, repository, revision, expected)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, clock_timestamp() + make_interval(days => $11), $12, $13, $14,
             $15)
         RETURNING id",
    )
    .bind(hold.app_key)
    .bind(hold.name)
    .bind(hold.slug)
    .bind(hold.app)
    .bind(hold.project)
    .bind(hold.control_plane)
    .bind(hold.environment)
    .bind(hold.version)
    .bind(hold.reason)
    .bind(&hold.actor.name)
    .bind(hold.lasts.days().map(u32::cast_signed))
    .bind(hold.change)
    .bind(hold.repository)
    .bind(hold.revision)
    .bind(json!(hold.expected))
    .fetch_one(&mut *tx)
    .await
    .map_err(failed(PLACE))?;
    let details = json!({
        "hold": id, "version": hold.version, "reason": hold.reason, "lasts": hold.lasts.word(), "change": hold.change,
    });
    let entry = entry("place_hold", (hold.control_plane, hold.environment, hold.app), hold.name, details);
    let audit_id = audit::record_in(tx, hold.actor, entry, audit::Outcome::succeeded()).await?;
    Ok((id, audit_id))
}

async fn record_released(tx: &mut PgConnection, actor: &Actor, holds: &[Hold], why: &str) -> Result<()> {
    for hold in holds {
        let details = json!({"hold": hold.id, "reason": hold.reason, "why": why});
        let entry = entry_of("release_hold", hold, details);
        audit::record_in(tx, actor, entry, audit::Outcome::succeeded()).await?;
    }
    Ok(())
}

impl Gates {
    /// Places a hold on an app in an environment.
    ///
    /// # Errors
    /// The app is not there for this actor, a field makes no sense, no right to it, or it is held already.
    pub async fn place_hold(&self, actor: &Actor, request: &PlaceHold) -> Result<Outcome> {
        let (snapshot, now) = (self.index.load(), super::now());
        let found = place_of(&snapshot, actor, &self.order, request);
        let allowed = found.and_then(|place| {
            place.authorize(&snapshot, actor, Verb::PlaceHold)?;
            Ok(place)
        });
        let place = match allowed {
            Ok(place) => place,
            Err(error) => {
                let short =
                    |text: &str| text.chars().filter(|c| !c.is_control()).take(60).collect::<String>();
                let (app, environment) = (short(&request.app), short(&request.environment));
                let object = format!("hold on {app} in {environment}");
                let intent =
                    Intent { verb: "place_hold", object, environment: Some(environment), details: json!({}) };
                return Err(self.deny(actor, intent, error).await?);
            }
        };
        let (reason, lasts) = match checked(request) {
            Ok(checked) => checked,
            Err(error) => {
                return Err(self.refuse(actor, place.entry(audit::asked(request)), error).await?);
            }
        };
        let mut tx = self.db.begin().await?;
        if let Some(other) = held_in(&mut tx, &place.key, &request.environment).await? {
            drop(tx);
            let why = format!(
                "{} is {} in {} already: release that hold first.",
                place.name,
                other.sentence(now),
                request.environment
            );
            let entry = place.entry(audit::asked(request));
            return Err(self.refuse(actor, entry, AppError::Conflict { why }).await?);
        }
        let (_, audit_id) = super::hold::place(&mut tx, place.hold(actor, &reason, lasts)).await?;
        tx.commit().await.map_err(failed(PLACE))?;
        self.show().await;
        let days = lasts.days().map(|days| now.plus_seconds(i64::from(days) * 86_400));
        let until = days.map_or_else(|| "somebody releases it".to_owned(), |at| clock(at, now));
        let at = place.version.as_ref().map(|it| format!(" at {it}")).unwrap_or_default();
        let sentence = format!("{} is held{at} in {} until {until}.", place.name, request.environment);
        Ok(Outcome { audit_id: audit_id.to_string(), sentence })
    }

    /// Releases a hold.
    ///
    /// # Errors
    /// It is over, the actor may not know of it, or has no right to it.
    pub async fn release_hold(&self, actor: &Actor, id: u64) -> Result<Outcome> {
        // Another replica may have placed it just now.
        let now = super::now();
        let (snapshot, book) = (self.index.load(), GateBook::read(&self.db, now).await?);
        let seen = snapshot.seen_by(actor);
        let known = book.holds().iter().find(|it| it.id == id && it.is_in_force(now));
        let Some(hold) = known.filter(|it| is_visible(&seen, actor, it)) else {
            let object = format!("hold {id}");
            let intent =
                Intent { verb: "release_hold", object, environment: None, details: json!({"hold": id}) };
            let absent = AppError::NotFound { what: format!("Hold {id}") };
            return Err(self.deny(actor, intent, absent).await?);
        };
        let entry = entry_of("release_hold", hold, json!({"hold": id, "reason": hold.reason}));
        if let Err(error) = authorize_release(&snapshot, actor, hold) {
            return Err(self.deny(actor, entry, error).await?);
        }
        let mut tx = self.db.begin().await?;
        let released = sqlx::query(
            "UPDATE holds SET released_at = clock_timestamp(), released_by = $2 WHERE id = $1 AND released_at IS NULL",
        )
        .bind(id.cast_signed())
        .bind(&actor.name)
        .execute(&mut *tx)
        .await
        .map_err(failed(RELEASE))?;
        if released.rows_affected() == 0 {
            drop(tx);
            let why = "Somebody else has released the hold already.".to_owned();
            return Err(self.refuse(actor, entry, AppError::Conflict { why }).await?);
        }
        let audit_id = audit::record_in(&mut tx, actor, entry, audit::Outcome::succeeded()).await?;
        tx.commit().await.map_err(failed(RELEASE))?;
        self.show().await;
        let sentence = format!("The hold on {} in {} is released.", hold.name, hold.environment);
        Ok(Outcome { audit_id: audit_id.to_string(), sentence })
    }
}

/// An app in an environment, as a hold keeps it.
struct Place {
    key: Arc<str>,
    name: String,
    slug: String,
    environment: String,
    /// All Applications of the app there, whoever sees them.
    rows: Vec<Arc<Row>>,
    version: Option<String>,
    /// The branch, empty where none is followed.
    repository: String,
    revision: String,
}

/// Finds an app in an environment among what the actor sees.
fn place_of(
    snapshot: &Arc<Snapshot>,
    actor: &Actor,
    order: &[Environment],
    request: &PlaceHold,
) -> AppResult<Place> {
    let absent =
        || AppError::NotFound { what: format!("{:.60} in {:.60}", request.app, request.environment) };
    let rank = order.iter().position(|it| it.name() == Some(&request.environment)).ok_or_else(absent)?;
    let seen = snapshot.seen_by(actor);
    let is_seen = matrix::find(&seen, order, &request.app).is_some_and(|app| !app.rows[rank].is_empty());
    let app = matrix::find(snapshot, order, &request.app).filter(|_| is_seen).ok_or_else(absent)?;
    let rows: Vec<_> = app.rows[rank].iter().map(|row| Arc::clone(row)).collect();
    let oldest = rows.iter().min_by_key(|row| row.changed_at);
    let followed = rows.iter().find_map(|row| followed_by(row));
    let (repository, revision) = followed.map(|it| (it.repository, it.revision)).unwrap_or_default();
    Ok(Place {
        key: Arc::clone(app.key),
        name: app.name.to_owned(),
        slug: request.app.clone(),
        environment: request.environment.clone(),
        version: oldest.and_then(|row| version_of(row)),
        repository,
        revision,
        rows,
    })
}

impl Place {
    fn authorize(&self, snapshot: &Snapshot, actor: &Actor, verb: Verb) -> AppResult<()> {
        let place = format!("every Application of {} in {}", self.name, self.environment);
        self.rows.iter().try_for_each(|row| {
            let allowed = snapshot.rights.authorize(actor, verb, &snapshot.object_of(row));
            allowed.map_err(|error| without_names(error, verb, &place))
        })
    }

    /// By its first Application, which stands for all.
    fn known_as(&self) -> (&str, &str, &str) {
        self.rows.first().map_or(("", "", ""), |row| (&row.id.control_plane, &row.project, &row.app))
    }

    fn entry(&self, details: Value) -> Entry {
        let (control_plane, _, app) = self.known_as();
        entry("place_hold", (control_plane, &self.environment, app), &self.name, details)
    }

    fn hold<'a>(&'a self, actor: &'a Actor, reason: &'a str, lasts: HoldFor) -> NewHold<'a> {
        let (control_plane, project, app) = self.known_as();
        NewHold {
            actor,
            app_key: &self.key,
            name: &self.name,
            slug: &self.slug,
            app,
            project,
            control_plane,
            environment: &self.environment,
            version: self.version.as_deref(),
            reason,
            lasts,
            change: None,
            repository: &self.repository,
            revision: &self.revision,
            expected: &[],
        }
    }
}

fn checked(request: &PlaceHold) -> AppResult<(String, HoldFor)> {
    if request.lasts == HoldFor::None {
        let why = "say how long the hold lasts.".to_owned();
        return Err(AppError::Invalid { field: "lasts".into(), why });
    }
    Ok((reason(&request.reason)?, request.lasts))
}

async fn held_in(tx: &mut PgConnection, app_key: &str, environment: &str) -> Result<Option<Hold>> {
    sqlx::query_as(
        "SELECT * FROM holds WHERE app_key = $1 AND environment = $2 AND released_at IS NULL
         AND (expires_at IS NULL OR expires_at > clock_timestamp()) ORDER BY id DESC LIMIT 1",
    )
    .bind(app_key)
    .bind(environment)
    .fetch_optional(tx)
    .await
    .map_err(failed(PLACE))
}

/// Draws the holds that the actor may see, the first to expire first.
pub(super) fn draw_all(
    book: &GateBook,
    snapshot: &Snapshot,
    seen: &Snapshot,
    actor: &Actor,
    order: &[Environment],
    now: Timestamp,
) -> Vec<gate::Hold> {
    let mut holds: Vec<_> = visible(book, seen, actor, now);
    // What has no end comes last.
    holds.sort_by_key(|hold| (hold.expires_at.is_none(), hold.expires_at, hold.id));
    holds.into_iter().map(|hold| draw(hold, snapshot, actor, order)).collect()
}

/// Returns the holds in force that the actor, whose snapshot `seen` is, may see.
pub(super) fn visible<'b>(
    book: &'b GateBook,
    seen: &Snapshot,
    actor: &Actor,
    now: Timestamp,
) -> Vec<&'b Hold> {
    let in_force: Vec<_> = book.holds().iter().filter(|hold| hold.is_in_force(now)).collect();
    if in_force.is_empty() {
        return in_force;
    }
    // One walk over the rows for all of the holds.
    let mut places: HashMap<(&str, &str), bool> =
        in_force.iter().map(|hold| ((hold.app_key.as_str(), hold.environment.as_str()), false)).collect();
    for row in &seen.rows {
        if let Some(environment) = row.environment.name()
            && let Some(is_seen) = places.get_mut(&(&*row.identity.key, environment))
        {
            *is_seen = true;
        }
    }
    let is_seen = |hold: &Hold| places.get(&(hold.app_key.as_str(), hold.environment.as_str())).copied();
    in_force
        .into_iter()
        .filter(|hold| is_seen(hold) == Some(true) || may_see_remains(seen, actor, hold))
        .collect()
}

fn draw(hold: &Hold, snapshot: &Snapshot, actor: &Actor, order: &[Environment]) -> gate::Hold {
    let known = order.iter().find(|it| it.name() == Some(&hold.environment)).cloned();
    let denied = rows_of(snapshot, hold)
        .map(|row| snapshot.rights.lacks(actor, Verb::ReleaseHold, &snapshot.object_of(row)))
        .reduce(Option::or)
        .unwrap_or_else(|| remains(hold, |object| snapshot.rights.lacks(actor, Verb::ReleaseHold, object)));
    gate::Hold {
        id: hold.id,
        app: hold.name.clone(),
        // Another app of that name may have come since.
        slug: snapshot.apps.slug_of(&hold.app_key).unwrap_or(&hold.slug).to_owned(),
        project: hold.project.clone(),
        environment: known.unwrap_or(Environment::Unknown { why: "the settings do not name it".into() }),
        version: hold.version.clone(),
        reason: hold.reason.clone(),
        owner: hold.owner.clone(),
        placed_at: hold.placed_at,
        expires_at: hold.expires_at,
        change: hold.change,
        broken_by: hold.broken_by.clone(),
        denied,
    }
}

fn is_visible(seen: &Snapshot, actor: &Actor, hold: &Hold) -> bool {
    rows_of(seen, hold).next().is_some() || may_see_remains(seen, actor, hold)
}

/// A hold on what is no longer there is seen by those who may release it.
fn may_see_remains(seen: &Snapshot, actor: &Actor, hold: &Hold) -> bool {
    let is_gone = !seen.apps.is_in(&hold.app_key, &hold.environment);
    is_gone && remains(hold, |object| seen.rights.allows(actor, Verb::ReleaseHold, object))
}

fn authorize_release(snapshot: &Snapshot, actor: &Actor, hold: &Hold) -> AppResult<()> {
    let mut rows = rows_of(snapshot, hold).peekable();
    if rows.peek().is_none() {
        return remains(hold, |object| snapshot.rights.authorize(actor, Verb::ReleaseHold, object));
    }
    let place = format!("every Application of {} in {}", hold.name, hold.environment);
    rows.try_for_each(|row| {
        let allowed = snapshot.rights.authorize(actor, Verb::ReleaseHold, &snapshot.object_of(row));
        allowed.map_err(|error| without_names(error, Verb::ReleaseHold, &place))
    })
}

/// Who sees one Application of a place learns of another there that it is, and no more.
fn without_names(error: AppError, verb: Verb, place: &str) -> AppError {
    match error {
        AppError::NotFound { .. } => AppError::Forbidden { verb: verb.to_string(), object: place.to_owned() },
        other => other,
    }
}

fn rows_of<'s>(snapshot: &'s Snapshot, hold: &'s Hold) -> impl Iterator<Item = &'s Arc<Row>> {
    let is_of = |row: &&Arc<Row>| {
        *row.identity.key == *hold.app_key && row.environment.name() == Some(&hold.environment)
    };
    snapshot.rows.iter().filter(is_of)
}

/// Asks about an app of which no Application is there: our own policy needs none.
fn remains<T>(hold: &Hold, ask: impl FnOnce(&Object<'_>) -> T) -> T {
    let id = ApplicationId {
        control_plane: hold.control_plane.clone(),
        namespace: String::new(),
        name: hold.name.clone(),
    };
    ask(&Object::Application {
        id: &id,
        project: &hold.project,
        environment: Some(&hold.environment),
        app: &hold.app,
        home: "",
    })
}

/// What the record has of a hold: `of` is the control plane, the environment and the app as policies know it.
pub(super) fn entry_of(verb: &'static str, hold: &Hold, details: Value) -> Entry {
    entry(verb, (&hold.control_plane, &hold.environment, &hold.app), &hold.name, details)
}

fn entry(verb: &'static str, of: (&str, &str, &str), name: &str, details: Value) -> Entry {
    let (control_plane, environment, app) = of;
    let object = format!("hold on {name} in {environment}");
    let intent = Intent { verb, object, environment: Some(environment.to_owned()), details };
    let context = Context {
        control_plane: Some(control_plane.to_owned()),
        app: Some(app.to_owned()),
        ..Context::default()
    };
    intent.within(context)
}
