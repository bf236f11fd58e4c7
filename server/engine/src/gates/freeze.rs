//! Freezes: made, ended, and drawn for an actor.

use std::fmt::Write as _;

use model::{
    Actor, AppError, AppResult, Timestamp,
    gate::{self, CreateFreeze, FreezeTimes},
    operation::Outcome,
};
use serde_json::json;

use super::{
    Gates,
    book::{Freeze, GateBook, scope},
    times::{OfTwo, Times, duration, local_time, zone_named},
    words::{clock, length},
};
use crate::{
    Result,
    access::{Object, Verb, rights::Rights},
    audit::{self, Intent},
    db::{Moment, failed},
    fleet::index::Snapshot,
};

/// How many freezes there are at a time; more are a mistake of some program.
const MOST: i64 = 500;
/// How long a reason is, in characters.
pub(super) const LONGEST_REASON: usize = 300;
const MAKE: &str = "make a freeze";
const END: &str = "end a freeze";

/// What is asked for, read and checked.
#[derive(Clone, Debug)]
pub struct NewFreeze {
    pub environment: Option<String>,
    pub project: Option<String>,
    pub reason: String,
    pub times: Times,
    /// What a person should know of the times as they were written, in sentences.
    pub notes: Vec<String>,
}

impl NewFreeze {
    /// Reads what is asked for at a moment.
    ///
    /// # Errors
    /// A field that makes no sense, by its name.
    pub fn read(request: &CreateFreeze, now: Timestamp) -> AppResult<Self> {
        let (times, notes) = read_times(request, now)?;
        Ok(Self {
            environment: or_all(&request.environment),
            project: or_all(&request.project),
            reason: reason(&request.reason)?,
            times,
            notes,
        })
    }

    /// Says what will be frozen when.
    fn sentence(&self, now: Timestamp) -> String {
        let scope = scope(self.environment.as_deref(), self.project.as_deref());
        let mut sentence = match (self.times.told(), self.times.at(now)) {
            (FreezeTimes::Once { from, until, .. }, standing) => match standing.now {
                Some(_) => format!("{scope} until {}.", clock(*until, now)),
                None => format!("{scope} from {} until {}.", clock(*from, now), clock(*until, now)),
            },
            (FreezeTimes::Repeating { schedule, seconds, zone }, standing) => {
                let length = length(i64::from(*seconds));
                let when = match (standing.now, standing.next) {
                    (Some(now_span), _) => format!("now, until {}", clock(now_span.until, now)),
                    (None, Some(next)) => {
                        format!("next from {} until {}", clock(next.from, now), clock(next.until, now))
                    }
                    (None, None) => "never again".to_owned(),
                };
                format!("{scope} at \"{schedule}\" ({zone}) for {length}: {when}.")
            }
        };
        for note in &self.notes {
            // Writing to a string does not fail.
            let _ = write!(sentence, " {note}");
        }
        sentence
    }
}

impl Gates {
    /// Makes a freeze.
    ///
    /// # Errors
    /// A field that makes no sense, an environment or a project that is not there, or no right to it.
    pub async fn create_freeze(&self, actor: &Actor, request: &CreateFreeze) -> Result<Outcome> {
        let (snapshot, now) = (self.index.load(), super::now());
        let (environment, project) = (or_all(&request.environment), or_all(&request.project));
        let intent = |details| intent("create_freeze", environment.as_deref(), project.as_deref(), details);
        let asked = audit::asked(request);
        let object = object_name(environment.as_deref(), project.as_deref());
        if let Err(error) = authorize(&snapshot.rights, actor, Verb::Create, &object) {
            return Err(self.deny(actor, intent(asked), error).await?);
        }
        let checked = self.known_scope(&snapshot, environment.as_deref(), project.as_deref());
        let freeze = match checked.and_then(|()| NewFreeze::read(request, now)) {
            Ok(freeze) => freeze,
            Err(error) => return Err(self.refuse(actor, intent(asked), error).await?),
        };
        let mut tx = self.db.begin().await?;
        let Some(id) = insert(&mut tx, actor, &freeze).await? else {
            drop(tx);
            let why = format!("There are {MOST} freezes already: end some that are no longer needed.");
            return Err(self.refuse(actor, intent(asked), AppError::Conflict { why }).await?);
        };
        let details = json!({"freeze": id, "reason": freeze.reason, "times": freeze.times.told()});
        let audit_id = audit::record_in(&mut tx, actor, intent(details), audit::Outcome::succeeded()).await?;
        tx.commit().await.map_err(failed(MAKE))?;
        self.show().await;
        Ok(Outcome { audit_id: audit_id.to_string(), sentence: capitalized(&freeze.sentence(now)) })
    }

    /// Ends a freeze, or keeps it from beginning.
    ///
    /// # Errors
    /// It is over, the actor may not know of it, or has no right to it.
    pub async fn end_freeze(&self, actor: &Actor, id: u64) -> Result<Outcome> {
        // Another replica may have made it just now.
        let book = GateBook::read(&self.db, super::now()).await?;
        let snapshot = self.index.load();
        let seen = snapshot.seen_by(actor);
        let known = book.freezes().iter().find(|it| it.id == id);
        let Some(freeze) = known.filter(|it| is_visible(&seen, actor, it)) else {
            let intent = Intent {
                verb: "end_freeze",
                object: format!("freeze {id}"),
                environment: None,
                details: json!({"freeze": id}),
            };
            let absent = AppError::NotFound { what: format!("Freeze {id}") };
            return Err(self.deny(actor, intent, absent).await?);
        };
        let (environment, project) = (freeze.environment.as_deref(), freeze.project.as_deref());
        let details = json!({"freeze": id, "reason": freeze.reason, "times": freeze.times.told()});
        let intent = intent("end_freeze", environment, project, details);
        if let Err(error) =
            authorize(&snapshot.rights, actor, Verb::Delete, &object_name(environment, project))
        {
            return Err(self.deny(actor, intent, error).await?);
        }
        let mut tx = self.db.begin().await?;
        let ended = sqlx::query(
            "UPDATE freezes SET ended_at = clock_timestamp(), ended_by = $2 WHERE id = $1 AND ended_at IS NULL",
        )
        .bind(id.cast_signed())
        .bind(&actor.name)
        .execute(&mut *tx)
        .await
        .map_err(failed(END))?;
        if ended.rows_affected() == 0 {
            drop(tx);
            let why = "Somebody else has ended the freeze already.".to_owned();
            return Err(self.refuse(actor, intent, AppError::Conflict { why }).await?);
        }
        let audit_id = audit::record_in(&mut tx, actor, intent, audit::Outcome::succeeded()).await?;
        tx.commit().await.map_err(failed(END))?;
        self.show().await;
        let sentence = format!("The freeze is ended: {} no longer.", freeze.scope());
        Ok(Outcome { audit_id: audit_id.to_string(), sentence })
    }

    fn known_scope(
        &self,
        snapshot: &Snapshot,
        environment: Option<&str>,
        project: Option<&str>,
    ) -> AppResult<()> {
        let invalid = |field: &str, why: String| Err(AppError::Invalid { field: field.into(), why });
        if let Some(name) = environment
            && !self.order.iter().any(|it| it.name() == Some(name))
        {
            let names = super::words::names(self.order.iter().filter_map(|it| it.name()));
            return invalid(
                "environment",
                format!("there is no environment {name:.40}: name one of {names}."),
            );
        }
        let is_there = |name: &str| {
            snapshot.rows.iter().any(|row| row.project == name)
                || snapshot.planes.keys().any(|plane| snapshot.projects_of(plane).any(|it| it == name))
        };
        if let Some(name) = project.filter(|name| !is_there(name)) {
            return invalid("project", format!("no control plane has a project {name:.40}."));
        }
        Ok(())
    }
}

/// Draws a freeze for an actor.
pub(super) fn draw(freeze: &Freeze, rights: &Rights, actor: &Actor, now: Timestamp) -> gate::Freeze {
    let standing = freeze.at(now);
    let name = object_name(freeze.environment.as_deref(), freeze.project.as_deref());
    gate::Freeze {
        id: freeze.id,
        environment: freeze.environment.clone(),
        project: freeze.project.clone(),
        reason: freeze.reason.clone(),
        by: freeze.by.clone(),
        made_at: freeze.made_at,
        times: freeze.times.told().clone(),
        now: standing.now,
        next: standing.next,
        denied: rights.lacks(actor, Verb::Delete, &object(&name)),
    }
}

/// Whether it concerns something that the actor, whose snapshot this is, sees; or the actor may see all such freezes.
pub(super) fn is_visible(seen: &Snapshot, actor: &Actor, freeze: &Freeze) -> bool {
    let concerns = seen.rows.iter().any(|row| {
        row.environment.name().is_some_and(|environment| freeze.covers(environment, &row.project))
    });
    let name = object_name(freeze.environment.as_deref(), freeze.project.as_deref());
    concerns || seen.rights.allows(actor, Verb::Get, &object(&name))
}

/// Names what is frozen, as our own policy does.
pub(super) fn object_name(environment: Option<&str>, project: Option<&str>) -> String {
    format!("{}/{}/*", environment.unwrap_or("*"), project.unwrap_or("*"))
}

/// Returns freezes as rights know them; they belong to no control plane, so all of them have to allow.
pub(super) fn object(name: &str) -> Object<'_> {
    Object::Own { resource: "freezes", control_plane: None, name }
}

/// Reads a reason that others will read.
///
/// # Errors
/// None, more than a line, or more than a line's length.
pub(super) fn reason(text: &str) -> AppResult<String> {
    let invalid = |why: &str| AppError::Invalid { field: "reason".into(), why: why.into() };
    let text = text.trim();
    if text.is_empty() {
        return Err(invalid("say why: everyone whom it stops reads it."));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid("it is one line."));
    }
    if text.chars().count() > LONGEST_REASON {
        return Err(AppError::Invalid {
            field: "reason".into(),
            why: format!("it has more than {LONGEST_REASON} characters."),
        });
    }
    Ok(crate::git::trailers::one_line(text))
}

/// Whoever may not make one is told so: there is nothing to look for.
fn authorize(rights: &Rights, actor: &Actor, verb: Verb, name: &str) -> AppResult<()> {
    let object = object(name);
    if rights.allows(actor, verb, &object) {
        return Ok(());
    }
    Err(AppError::Forbidden { verb: verb.to_string(), object: object.to_string() })
}

fn intent(
    verb: &'static str,
    environment: Option<&str>,
    project: Option<&str>,
    details: serde_json::Value,
) -> Intent {
    let short = |text: &str| text.chars().filter(|c| !c.is_control()).take(60).collect::<String>();
    let object = match (environment, project) {
        (Some(environment), Some(project)) => {
            format!("freeze of {} for {}", short(environment), short(project))
        }
        (Some(environment), None) => format!("freeze of {}", short(environment)),
        (None, Some(project)) => format!("freeze of every environment for {}", short(project)),
        (None, None) => "freeze of every environment".to_owned(),
    };
    Intent { verb, object, environment: environment.map(short), details }
}

/// None where there are too many.
async fn insert(
    connection: &mut sqlx::PgConnection,
    actor: &Actor,
    freeze: &NewFreeze,
) -> Result<Option<i64>> {
    let (from, until, schedule, seconds, zone) = match freeze.times.told() {
        FreezeTimes::Once { from, until, zone } => (Some(*from), Some(*until), None, None, zone),
        FreezeTimes::Repeating { schedule, seconds, zone } => {
            (None, None, Some(schedule), Some(seconds.cast_signed()), zone)
        }
    };
    sqlx::query_scalar(
        "INSERT INTO freezes (environment, project, reason, made_by, from_at, until_at, schedule, seconds, zone)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
         WHERE (SELECT count(*) FROM freezes
                WHERE ended_at IS NULL AND (until_at IS NULL OR until_at > clock_timestamp())) < $10
         RETURNING id",
    )
    .bind(&freeze.environment)
    .bind(&freeze.project)
    .bind(&freeze.reason)
    .bind(&actor.name)
    .bind(from.map(Moment))
    .bind(until.map(Moment))
    .bind(schedule)
    .bind(seconds)
    .bind(zone)
    .bind(MOST)
    .fetch_optional(connection)
    .await
    .map_err(failed(MAKE))
}

fn read_times(request: &CreateFreeze, now: Timestamp) -> AppResult<(Times, Vec<String>)> {
    let CreateFreeze { from, until, schedule, duration: length, zone, .. } = request;
    let [from, until, schedule, length] = [from, until, schedule, length].map(|it| it.trim());
    let invalid = |field: &str, why: &str| Err(AppError::Invalid { field: field.into(), why: why.into() });
    let zone = zone_named(zone)?;
    let name = zone.iana_name().unwrap_or("UTC").to_owned();
    let is_repeating = !schedule.is_empty() || !length.is_empty();
    let is_once = !from.is_empty() || !until.is_empty();
    match (is_once, is_repeating) {
        (true, true) => invalid("schedule", "give either from and until, or a schedule and a duration."),
        (false, true) if schedule.is_empty() => invalid("schedule", "say when it begins, e.g. 0 22 * * 5."),
        (false, true) if length.is_empty() => {
            invalid("duration", "say how long it lasts each time, e.g. 8h.")
        }
        (false, true) => Ok((Times::repeating(schedule, duration(length)?, &name, now)?, Vec::new())),
        (_, false) if until.is_empty() => {
            invalid("until", "say when it ends, or give a schedule and a duration.")
        }
        (_, false) => {
            let (begins, of_begin) = match from {
                "" => (now, None),
                from => local_time("from", from, &zone, OfTwo::First)?,
            };
            // Rather a little longer than is meant.
            let (ends, of_end) = local_time("until", until, &zone, OfTwo::Second)?;
            Ok((Times::once(begins, ends, &name, now)?, of_begin.into_iter().chain(of_end).collect()))
        }
    }
}

fn or_all(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty() && *text != "*").map(str::to_owned)
}

fn capitalized(text: &str) -> String {
    // A name of an environment stays as it is written.
    match text.strip_prefix("every") {
        Some(rest) => format!("Every{rest}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse::<jiff::Timestamp>().expect("a moment").into()
    }

    fn now() -> Timestamp {
        at("2026-11-25T13:32:00Z")
    }

    fn asked() -> CreateFreeze {
        CreateFreeze {
            environment: "prod".into(),
            reason: "Black Friday".into(),
            from: "2026-11-27T00:00".into(),
            until: "2026-12-01T08:00".into(),
            zone: "Europe/Berlin".into(),
            ..CreateFreeze::default()
        }
    }

    fn refused(request: CreateFreeze) -> (String, String) {
        match NewFreeze::read(&request, now()) {
            Err(AppError::Invalid { field, why }) => (field, why),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn from_and_until_are_read_in_the_zone_and_told_back() {
        let freeze = NewFreeze::read(&asked(), now()).expect("good");
        let (from, until) = (at("2026-11-26T23:00:00Z"), at("2026-12-01T07:00:00Z"));
        assert_eq!(*freeze.times.told(), FreezeTimes::Once { from, until, zone: "Europe/Berlin".into() });
        assert_eq!((freeze.environment.as_deref(), freeze.project.as_deref()), (Some("prod"), None));
        assert_eq!(
            freeze.sentence(now()),
            "prod is frozen from Thu 26 Nov 23:00 UTC until Tue 1 Dec 07:00 UTC."
        );
    }

    #[test]
    fn without_a_beginning_it_begins_now() {
        let request = CreateFreeze {
            project: "payments".into(),
            from: String::new(),
            until: "2026-11-26T18:00".into(),
            zone: String::new(),
            ..asked()
        };
        let freeze = NewFreeze::read(&request, now()).expect("good");
        assert!(freeze.times.at(now()).now.is_some());
        assert_eq!(freeze.sentence(now()), "prod is frozen for payments until Thu 26 Nov 18:00 UTC.");
    }

    #[test]
    fn a_schedule_says_when_it_is_next() {
        let request = CreateFreeze {
            environment: String::new(),
            reason: "Weekends".into(),
            schedule: " 0  22 * * 5 ".into(),
            duration: "2d 8h".into(),
            zone: "Europe/Berlin".into(),
            ..CreateFreeze::default()
        };
        let freeze = NewFreeze::read(&request, now()).expect("good");
        assert_eq!(
            capitalized(&freeze.sentence(now())),
            "Every environment is frozen at \"0 22 * * 5\" (Europe/Berlin) for 2 d 8 h: next from Fri 27 Nov 21:00 UTC until \
             Mon 30 Nov 05:00 UTC."
        );
    }

    #[test]
    fn a_time_that_comes_twice_is_told() {
        let request = CreateFreeze { until: "2027-10-31T02:30".into(), ..asked() };
        let freeze = NewFreeze::read(&request, now()).expect("good");
        assert_eq!(freeze.notes, ["2027-10-31 02:30 comes twice in Europe/Berlin: the second one is meant."]);
        assert!(freeze.sentence(now()).ends_with("the second one is meant."));
    }

    #[test]
    fn each_mistake_names_its_field() {
        let schedule = || CreateFreeze { from: String::new(), until: String::new(), ..asked() };
        for (request, field) in [
            (CreateFreeze { reason: "  ".into(), ..asked() }, "reason"),
            (CreateFreeze { reason: "two\nlines".into(), ..asked() }, "reason"),
            (CreateFreeze { reason: "x".repeat(LONGEST_REASON + 1), ..asked() }, "reason"),
            (CreateFreeze { from: "soon".into(), ..asked() }, "from"),
            (CreateFreeze { until: "then".into(), ..asked() }, "until"),
            (CreateFreeze { until: String::new(), ..asked() }, "until"),
            (CreateFreeze { until: "2026-11-26T00:00".into(), ..asked() }, "until"),
            (CreateFreeze { from: String::new(), until: "2026-11-25T13:00".into(), ..asked() }, "until"),
            (CreateFreeze { zone: "Berlin".into(), ..asked() }, "zone"),
            (CreateFreeze { schedule: "0 22 * * 5".into(), ..asked() }, "schedule"),
            (schedule(), "until"),
            (CreateFreeze { duration: "8h".into(), ..schedule() }, "schedule"),
            (CreateFreeze { schedule: "0 22 * * 5".into(), ..schedule() }, "duration"),
            (CreateFreeze { schedule: "0 22 * *".into(), duration: "8h".into(), ..schedule() }, "schedule"),
            (CreateFreeze { schedule: "0 22 * * 5".into(), duration: "8".into(), ..schedule() }, "duration"),
        ] {
            let (named, why) = refused(request.clone());
            assert!(named == field && why.ends_with('.'), "{request:?}: {named}: {why}");
        }
    }
}
