//! The book of gates: freezes, holds and open changes as they were read last; an immutable value.

use model::{Timestamp, change::ChangeState, gate::FreezeTimes, plan::CommitRef};
use rustc_hash::FxHashMap as HashMap;
use sqlx::{FromRow, Row as _, postgres::PgRow, types::Json};

use super::{
    times::{Standing, Times},
    words::clock,
};
use crate::{
    Result,
    db::{Db, Moment, failed},
    git::plan::Expected,
};

const READ: &str = "read freezes, holds and changes";

/// What stands in the way of changes.
#[derive(Clone, Debug, Default)]
pub struct GateBook {
    freezes: Vec<Freeze>,
    holds: Vec<Hold>,
    changes: Vec<OpenChange>,
    /// By the app's key, places in the lists.
    holds_of: HashMap<String, Vec<usize>>,
    changes_of: HashMap<String, Vec<usize>>,
    /// When something of it begins or ends next, as it was read.
    turns_at: Option<Timestamp>,
}

/// A time in which an environment takes no promotions.
#[derive(Clone, Debug)]
pub struct Freeze {
    pub id: u64,
    /// None for all environments.
    pub environment: Option<String>,
    /// None for all projects.
    pub project: Option<String>,
    pub reason: String,
    pub by: String,
    pub made_at: Timestamp,
    pub times: Times,
    /// How it stood when it was read, and since when: asked within that time, nothing is computed again.
    known: Option<(Timestamp, Standing)>,
}

/// A lock on an app in an environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    pub id: u64,
    pub app_key: String,
    pub name: String,
    pub slug: String,
    /// By which policies know the app.
    pub app: String,
    pub project: String,
    pub control_plane: String,
    pub environment: String,
    /// What it is held at, where that is known.
    pub version: Option<String>,
    pub reason: String,
    pub owner: String,
    pub placed_at: Timestamp,
    /// None until somebody releases it.
    pub expires_at: Option<Timestamp>,
    /// The rollback that set it.
    pub change: Option<u64>,
    /// The branch, empty where none is followed.
    pub repository: String,
    pub revision: String,
    /// What is held there; empty where that is not known.
    pub expected: Vec<Expected>,
    /// A commit from outside that changed it.
    pub broken_by: Option<CommitRef>,
}

/// An app of a change that has not ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OpenChange {
    pub id: u64,
    pub app_key: String,
    pub environment: String,
    pub state: ChangeState,
    /// The hash of its plan.
    pub plan: String,
}

/// The change that is in nobody's way, for it is what is asked about.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Own<'a> {
    #[default]
    None,
    /// That which carries out the plan with this hash.
    Plan(&'a str),
    /// That with this number, whatever its plan has become.
    Change(u64),
}

impl Own<'_> {
    fn is(self, change: &OpenChange) -> bool {
        match self {
            Self::None => false,
            Self::Plan(hash) => change.plan == hash,
            Self::Change(id) => change.id == id,
        }
    }
}

impl GateBook {
    /// Gathers what was read at a moment.
    pub fn new(freezes: Vec<Freeze>, holds: Vec<Hold>, changes: Vec<OpenChange>, now: Timestamp) -> Self {
        let freezes: Vec<_> = freezes.into_iter().map(|it| it.known_at(now)).collect();
        let mut book = Self { freezes, holds, changes, ..Self::default() };
        for (place, hold) in book.holds.iter().enumerate() {
            book.holds_of.entry(hold.app_key.clone()).or_default().push(place);
        }
        for (place, change) in book.changes.iter().enumerate() {
            book.changes_of.entry(change.app_key.clone()).or_default().push(place);
        }
        let of_freezes = book.freezes.iter().filter_map(|it| it.at(now).turns_at());
        let of_holds = book.holds.iter().filter_map(|it| it.expires_at).filter(|at| *at > now);
        book.turns_at = of_freezes.chain(of_holds).min();
        book
    }

    /// Returns whether any change has not ended.
    pub fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Reads the tables.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn read(db: &Db, now: Timestamp) -> Result<Self> {
        let freezes: Vec<FreezeRow> = sqlx::query_as(
            "SELECT * FROM freezes WHERE ended_at IS NULL AND (until_at IS NULL OR until_at > $1) ORDER BY id",
        )
        .bind(Moment(now))
        .fetch_all(db.pool())
        .await
        .map_err(failed(READ))?;
        let holds = sqlx::query_as(
            "SELECT * FROM holds WHERE released_at IS NULL AND (expires_at IS NULL OR expires_at > $1) ORDER BY id",
        )
        .bind(Moment(now))
        .fetch_all(db.pool())
        .await
        .map_err(failed(READ))?;
        let changes = sqlx::query_as(
            "SELECT c.id, c.state, c.environment, c.plan_hash, a.app_key
             FROM changes AS c JOIN change_apps AS a ON a.change = c.id
             WHERE c.ended_at IS NULL AND a.is_active ORDER BY c.id, a.position",
        )
        .fetch_all(db.pool())
        .await
        .map_err(failed(READ))?;
        Ok(Self::new(freezes.into_iter().filter_map(|it| it.0).collect(), holds, changes, now))
    }

    /// Returns the freezes that are or come.
    pub fn freezes(&self) -> &[Freeze] {
        &self.freezes
    }

    /// Returns the holds that were in force when it was read; see [`Hold::is_in_force`].
    pub fn holds(&self) -> &[Hold] {
        &self.holds
    }

    /// Returns the apps of open changes.
    pub fn changes(&self) -> &[OpenChange] {
        &self.changes
    }

    /// Returns when something of it begins or ends next, as it was read; none where nothing does.
    pub fn turns_at(&self) -> Option<Timestamp> {
        self.turns_at
    }

    /// Returns the freeze that covers a project in an environment now, and when it ends; of several the last to end.
    pub fn freeze_of(
        &self,
        environment: &str,
        project: &str,
        now: Timestamp,
    ) -> Option<(&Freeze, Timestamp)> {
        let covering = self.freezes.iter().filter(|it| it.covers(environment, project));
        let now = covering.filter_map(|it| Some((it, it.at(now).now?.until)));
        now.max_by_key(|(_, until)| *until)
    }

    /// Returns the freeze that covers one of several projects in an environment now, as [`Self::freeze_of`] does.
    pub fn freeze_of_any<'p>(
        &self,
        environment: &str,
        projects: impl IntoIterator<Item = &'p str>,
        now: Timestamp,
    ) -> Option<(&Freeze, Timestamp)> {
        if self.freezes.is_empty() {
            return None;
        }
        let found = projects.into_iter().filter_map(|project| self.freeze_of(environment, project, now));
        found.max_by_key(|(_, until)| *until)
    }

    /// Returns the next freeze that is to come over one of several projects in an environment, and when it begins.
    pub fn next_freeze_of_any(
        &self,
        environment: &str,
        projects: &[String],
        now: Timestamp,
    ) -> Option<(&Freeze, Timestamp)> {
        let covering =
            self.freezes.iter().filter(|it| projects.iter().any(|project| it.covers(environment, project)));
        let to_come = covering.filter_map(|it| Some((it, it.at(now).next?.from)));
        to_come.min_by_key(|(_, from)| *from)
    }

    /// Returns the hold on an app in an environment; of several the newest.
    pub fn hold_of(&self, app_key: &str, environment: &str, now: Timestamp) -> Option<&Hold> {
        let places = self.holds_of.get(app_key)?;
        let holds = places.iter().rev().map(|place| &self.holds[*place]);
        holds.into_iter().find(|it| it.environment == environment && it.is_in_force(now))
    }

    /// Returns the open change of an app in an environment; of several the newest.
    pub fn change_of(&self, app_key: &str, environment: &str) -> Option<&OpenChange> {
        self.other_change_of(app_key, environment, Own::None)
    }

    /// As [`Self::change_of`], without one's own.
    pub fn other_change_of(&self, app_key: &str, environment: &str, own: Own<'_>) -> Option<&OpenChange> {
        let places = self.changes_of.get(app_key)?;
        let changes = places.iter().rev().map(|place| &self.changes[*place]);
        changes.into_iter().find(|it| it.environment == environment && !own.is(it))
    }
}

impl Freeze {
    /// Makes a freeze of what was written down.
    pub fn new(
        id: u64,
        (environment, project): (Option<String>, Option<String>),
        reason: String,
        (by, made_at): (String, Timestamp),
        times: Times,
    ) -> Self {
        Self { id, environment, project, reason, by, made_at, times, known: None }
    }

    /// Returns whether it is about a project in an environment, whenever.
    pub fn covers(&self, environment: &str, project: &str) -> bool {
        self.environment.as_deref().is_none_or(|it| it == environment)
            && self.project.as_deref().is_none_or(|it| it == project)
    }

    /// Tells whether it is frozen at a moment, and when it will be next.
    pub fn at(&self, now: Timestamp) -> Standing {
        match self.known {
            Some((since, standing)) if since <= now && standing.turns_at().is_none_or(|at| now < at) => {
                standing
            }
            _ => self.times.at(now),
        }
    }

    /// Returns what is frozen, in words, e.g. `prod is frozen for payments`.
    pub fn scope(&self) -> String {
        scope(self.environment.as_deref(), self.project.as_deref())
    }

    /// Says what is frozen until when, why, and who set it.
    pub fn sentence(&self, until: Timestamp, now: Timestamp) -> String {
        format!("{} until {}: {} (set by {})", self.scope(), clock(until, now), self.reason, self.by)
    }

    fn known_at(mut self, now: Timestamp) -> Self {
        self.known = Some((now, self.times.at(now)));
        self
    }
}

/// What a freeze stops, in words.
pub(super) fn scope(environment: Option<&str>, project: Option<&str>) -> String {
    let what =
        environment.map_or_else(|| "every environment is frozen".to_owned(), |it| format!("{it} is frozen"));
    project.map_or_else(|| what.clone(), |project| format!("{what} for {project}"))
}

impl Hold {
    /// Returns whether it holds at a moment.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }

    /// Says at what it is held, by whom, until when, and why.
    pub fn sentence(&self, now: Timestamp) -> String {
        let at = self.version.as_ref().map(|version| format!(" at {version}")).unwrap_or_default();
        let until = self.expires_at.map_or_else(|| "somebody releases it".to_owned(), |at| clock(at, now));
        format!("held{at} by {} until {until}: {}", self.owner, self.reason)
    }
}

impl OpenChange {
    /// Says that it is under way.
    pub fn sentence(&self) -> String {
        format!("change {} is still in flight", self.id)
    }
}

/// None where it cannot be read, which is told in the log.
struct FreezeRow(Option<Freeze>);

impl FromRow<'_, PgRow> for FreezeRow {
    fn from_row(row: &PgRow) -> std::result::Result<Self, sqlx::Error> {
        let id = row.try_get::<i64, _>("id")?.cast_unsigned();
        let zone: String = row.try_get("zone")?;
        let once =
            row.try_get::<Option<Moment>, _>("from_at")?.zip(row.try_get::<Option<Moment>, _>("until_at")?);
        let repeating =
            row.try_get::<Option<String>, _>("schedule")?.zip(row.try_get::<Option<i32>, _>("seconds")?);
        let told = match (once, repeating) {
            (Some((from, until)), _) => FreezeTimes::Once { from: from.0, until: until.0, zone },
            (None, Some((schedule, seconds))) => {
                FreezeTimes::Repeating { schedule, seconds: seconds.unsigned_abs(), zone }
            }
            (None, None) => return Err(sqlx::Error::Decode("a freeze without its times".into())),
        };
        let times = match Times::of(told) {
            Ok(times) => times,
            Err(error) => {
                tracing::error!(freeze = id, "a freeze cannot be read and stops nothing: {error}");
                return Ok(Self(None));
            }
        };
        Ok(Self(Some(Freeze::new(
            id,
            (row.try_get("environment")?, row.try_get("project")?),
            row.try_get("reason")?,
            (row.try_get("made_by")?, row.try_get::<Moment, _>("made_at")?.0),
            times,
        ))))
    }
}

impl FromRow<'_, PgRow> for Hold {
    fn from_row(row: &PgRow) -> std::result::Result<Self, sqlx::Error> {
        let expected: serde_json::Value = row.try_get("expected")?;
        let id = row.try_get::<i64, _>("id")?.cast_unsigned();
        Ok(Self {
            id,
            app_key: row.try_get("app_key")?,
            name: row.try_get("name")?,
            slug: row.try_get("slug")?,
            app: row.try_get("app")?,
            project: row.try_get("project")?,
            control_plane: row.try_get("control_plane")?,
            environment: row.try_get("environment")?,
            version: row.try_get("version")?,
            reason: row.try_get("reason")?,
            owner: row.try_get("owner")?,
            placed_at: row.try_get::<Moment, _>("placed_at")?.0,
            expires_at: row.try_get::<Option<Moment>, _>("expires_at")?.map(|it| it.0),
            change: row.try_get::<Option<i64>, _>("change")?.map(i64::cast_unsigned),
            repository: row.try_get("repository")?,
            revision: row.try_get("revision")?,
            // It holds all the same where another version of ours wrote what we do not understand.
            expected: serde_json::from_value(expected).unwrap_or_else(|error| {
                tracing::warn!(hold = id, "what is held cannot be read, so nobody watches it: {error}");
                Vec::new()
            }),
            broken_by: row.try_get::<Option<Json<CommitRef>>, _>("broken_by")?.map(|it| it.0),
        })
    }
}

impl FromRow<'_, PgRow> for OpenChange {
    fn from_row(row: &PgRow) -> std::result::Result<Self, sqlx::Error> {
        let state: String = row.try_get("state")?;
        Ok(Self {
            id: row.try_get::<i64, _>("id")?.cast_unsigned(),
            app_key: row.try_get("app_key")?,
            environment: row.try_get("environment")?,
            state: ChangeState::parse(&state).unwrap_or(ChangeState::Waiting),
            plan: row.try_get("plan_hash")?,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn at(text: &str) -> Timestamp {
        text.parse::<jiff::Timestamp>().expect("a moment").into()
    }

    pub(crate) fn freeze(
        environment: Option<&str>,
        project: Option<&str>,
        from: &str,
        until: &str,
    ) -> Freeze {
        let (from, until) = (at(from), at(until));
        let times = Times::of(FreezeTimes::Once { from, until, zone: "UTC".into() }).expect("good");
        let scope = (environment.map(str::to_owned), project.map(str::to_owned));
        Freeze::new(1, scope, "quarter-end close".into(), ("jonas".into(), from), times)
    }

    pub(crate) fn hold(key: &str, environment: &str, expires_at: Option<&str>) -> Hold {
        Hold {
            id: 1,
            app_key: key.into(),
            name: key.into(),
            slug: key.into(),
            app: key.into(),
            project: "shop".into(),
            control_plane: "lab".into(),
            environment: environment.into(),
            version: Some("3.8.2".into()),
            reason: "p99 latency".into(),
            owner: "priya".into(),
            placed_at: at("2026-11-24T12:00:00Z"),
            expires_at: expires_at.map(at),
            change: None,
            repository: String::new(),
            revision: String::new(),
            expected: Vec::new(),
            broken_by: None,
        }
    }

    pub(crate) fn change(id: u64, key: &str, environment: &str) -> OpenChange {
        OpenChange {
            id,
            app_key: key.into(),
            environment: environment.into(),
            state: ChangeState::RollingOut,
            plan: format!("plan-{id}"),
        }
    }

    const NOW: &str = "2026-11-25T13:32:00Z";

    #[test]
    fn a_freeze_covers_its_environment_and_project_or_all_and_says_so() {
        let span = ("2026-11-25T12:00:00Z", "2026-11-26T18:00:00Z");
        let now = at(NOW);
        for (scope, says, prod_payments, prod_shop, dev_payments) in [
            ((Some("prod"), Some("payments")), "prod is frozen for payments", true, false, false),
            ((Some("prod"), None), "prod is frozen", true, true, false),
            ((None, Some("payments")), "every environment is frozen for payments", true, false, true),
            ((None, None), "every environment is frozen", true, true, true),
        ] {
            let book = GateBook::new(vec![freeze(scope.0, scope.1, span.0, span.1)], vec![], vec![], now);
            let covers = |environment, project| book.freeze_of(environment, project, now).is_some();
            assert_eq!(covers("prod", "payments"), prod_payments, "{says}");
            assert_eq!(covers("prod", "shop"), prod_shop, "{says}");
            assert_eq!(covers("dev", "payments"), dev_payments, "{says}");
            let (found, until) = book.freeze_of("prod", "payments", now).expect("covers");
            let sentence = format!("{says} until Thu 26 Nov 18:00 UTC: quarter-end close (set by jonas)");
            assert_eq!(found.sentence(until, now), sentence);
        }
    }

    #[test]
    fn of_several_freezes_the_last_to_end_is_told() {
        let now = at(NOW);
        let freezes = vec![
            freeze(Some("prod"), None, "2026-11-25T12:00:00Z", "2026-11-28T18:00:00Z"),
            freeze(Some("prod"), None, "2026-11-25T12:00:00Z", "2026-11-26T18:00:00Z"),
            freeze(Some("prod"), None, "2026-11-27T12:00:00Z", "2026-11-30T18:00:00Z"),
        ];
        let book = GateBook::new(freezes, vec![], vec![], now);
        let until = book.freeze_of_any("prod", ["shop", "payments"], now).map(|it| it.1);
        assert_eq!(until, Some(at("2026-11-28T18:00:00Z")));
        assert_eq!(book.turns_at(), Some(at("2026-11-26T18:00:00Z")), "the first end");
        let next = book.next_freeze_of_any("prod", &["shop".into()], now).map(|it| it.1);
        assert_eq!(next, Some(at("2026-11-27T12:00:00Z")));
    }

    #[test]
    fn a_book_that_was_read_long_ago_still_tells_the_time() {
        let read = at("2026-11-20T00:00:00Z");
        let freezes = vec![freeze(Some("prod"), None, "2026-11-25T12:00:00Z", "2026-11-26T18:00:00Z")];
        let book =
            GateBook::new(freezes, vec![hold("web", "prod", Some("2026-11-25T00:00:00Z"))], vec![], read);
        assert_eq!(book.turns_at(), Some(at("2026-11-25T00:00:00Z")));
        assert!(book.freeze_of("prod", "shop", read).is_none());
        assert!(book.freeze_of("prod", "shop", at(NOW)).is_some());
        assert!(book.freeze_of("prod", "shop", at("2026-11-26T18:00:00Z")).is_none());
        assert!(
            book.hold_of("web", "prod", read).is_some() && book.hold_of("web", "prod", at(NOW)).is_none()
        );
    }

    #[test]
    fn a_hold_says_at_what_by_whom_and_until_when() {
        let now = at(NOW);
        let until = hold("web", "prod", Some("2026-11-26T17:44:00Z"));
        assert_eq!(until.sentence(now), "held at 3.8.2 by priya until Thu 26 Nov 17:44 UTC: p99 latency");
        let open = Hold { version: None, ..hold("web", "prod", None) };
        assert_eq!(open.sentence(now), "held by priya until somebody releases it: p99 latency");
    }

    #[test]
    fn holds_and_changes_are_found_by_app_and_environment() {
        let now = at(NOW);
        let holds = vec![hold("web", "prod", None), hold("api", "staging", None)];
        let changes =
            vec![change(7, "web", "staging"), change(9, "web", "staging"), change(8, "api", "prod")];
        let book = GateBook::new(vec![], holds, changes, now);
        assert!(book.hold_of("web", "prod", now).is_some() && book.hold_of("web", "staging", now).is_none());
        assert_eq!(book.change_of("web", "staging").map(|it| it.id), Some(9), "the newest");
        for own in [Own::Plan("plan-9"), Own::Change(9)] {
            assert_eq!(book.other_change_of("web", "staging", own).map(|it| it.id), Some(7));
        }
        assert_eq!(book.change_of("web", "prod"), None);
        assert_eq!(
            book.change_of("api", "prod").map(OpenChange::sentence).as_deref(),
            Some("change 8 is still in flight")
        );
    }
}
