//! When a freeze is: once, or by a schedule in a time zone.
//!
//! A schedule speaks of the clock on the wall. What falls into the hour that a clock skips begins right after it; of an
//! hour that comes twice, a fixed time counts once, the first time. Each time then lasts as long as is asked, by any clock.
//! Times that touch or overlap are one.

use croner::{Cron, JobType, parser::CronParser, parser::Seconds, parser::Year};
use jiff::{
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone},
};
use model::{
    AppError, AppResult, Timestamp,
    gate::{FreezeTimes, Span},
};

/// No freeze lasts longer at a time.
const LONGEST_SECONDS: i64 = 366 * 86_400;
/// How many beginnings are joined into one time, before that counts as one that never ends.
const MOST_JOINED: usize = 2_000;
/// How many changes of the clock are looked past for the next beginning: some schedules come every eight years.
const MOST_SHIFTS: usize = 64;

/// When a freeze is, ready to be asked.
#[derive(Clone, Debug)]
pub struct Times {
    told: FreezeTimes,
    /// None where it is once.
    starts: Option<Starts>,
}

/// How a freeze stands at a moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Standing {
    /// The time that it is frozen in.
    pub now: Option<Span>,
    /// The next one.
    pub next: Option<Span>,
}

/// The beginnings of a schedule.
#[derive(Clone, Debug)]
struct Starts {
    schedule: Cron,
    zone: TimeZone,
    seconds: i64,
    /// Whether it names one time of the day, which is not meant twice.
    is_fixed: bool,
}

impl Times {
    /// Returns a freeze from then until then.
    ///
    /// # Errors
    /// An end that is not after the beginning and after `now`, or more than a year after the beginning.
    pub fn once(from: Timestamp, until: Timestamp, zone: &str, now: Timestamp) -> AppResult<Self> {
        let invalid = |why: &str| Err(AppError::Invalid { field: "until".into(), why: why.into() });
        if until <= from {
            return invalid("it has to be after from.");
        }
        if until <= now {
            return invalid("it lies in the past.");
        }
        if until.0 - from.0 > LONGEST_SECONDS * 1000 {
            return invalid("a freeze lasts at most a year; make another one then.");
        }
        Ok(Self::known(FreezeTimes::Once { from, until, zone: zone.to_owned() }, None))
    }

    /// Returns a freeze that comes again and again.
    ///
    /// # Errors
    /// A schedule that is not one of five fields, never comes, or never ends with this duration.
    pub fn repeating(schedule: &str, seconds: u32, zone: &str, now: Timestamp) -> AppResult<Self> {
        let starts = Starts::new(schedule, seconds, zone)?;
        let invalid = |field: &str, why: &str| AppError::Invalid { field: field.into(), why: why.into() };
        let never = || invalid("schedule", "no day of the next years matches it.");
        let first = starts.after(seconds_of(now)).ok_or_else(never)?;
        starts.joined(first).ok_or_else(|| {
            invalid(
                "duration",
                "with this schedule it would begin again before it has ended, and not end within a year.",
            )
        })?;
        let told = FreezeTimes::Repeating {
            schedule: schedule.split_whitespace().collect::<Vec<_>>().join(" "),
            seconds,
            zone: zone.to_owned(),
        };
        Ok(Self::known(told, Some(starts)))
    }

    /// Reads what was kept.
    ///
    /// # Errors
    /// A schedule or zone that cannot be read.
    pub fn of(told: FreezeTimes) -> AppResult<Self> {
        let starts = match &told {
            FreezeTimes::Once { .. } => None,
            FreezeTimes::Repeating { schedule, seconds, zone } => {
                Some(Starts::new(schedule, *seconds, zone)?)
            }
        };
        Ok(Self::known(told, starts))
    }

    /// Returns it as people read it.
    pub fn told(&self) -> &FreezeTimes {
        &self.told
    }

    /// Tells whether it is frozen at a moment, and when it will be next.
    pub fn at(&self, now: Timestamp) -> Standing {
        match (&self.told, &self.starts) {
            (FreezeTimes::Once { from, until, .. }, _) => {
                let span = Some(Span { from: *from, until: *until });
                match now {
                    _ if *until <= now => Standing::default(),
                    _ if *from <= now => Standing { now: span, next: None },
                    _ => Standing { now: None, next: span },
                }
            }
            (FreezeTimes::Repeating { .. }, Some(starts)) => starts.at(now),
            (FreezeTimes::Repeating { .. }, None) => Standing::default(),
        }
    }

    fn known(told: FreezeTimes, starts: Option<Starts>) -> Self {
        Self { told, starts }
    }
}

impl Standing {
    /// Returns the first moment after which it stands otherwise; none where it never does.
    pub fn turns_at(&self) -> Option<Timestamp> {
        self.now.map(|span| span.until).or(self.next.map(|span| span.from))
    }
}

impl Starts {
    fn new(schedule: &str, seconds: u32, zone: &str) -> AppResult<Self> {
        let invalid = |why: String| AppError::Invalid { field: "schedule".into(), why };
        if schedule.split_whitespace().count() != 5 {
            let why = "write five fields: minute, hour, day of month, month, day of week, e.g. 0 22 * * 5.";
            return Err(invalid(why.into()));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let schedule = parser.parse(schedule).map_err(|error| invalid(format!("{error}.")))?;
        Ok(Self {
            is_fixed: schedule.determine_job_type() == JobType::FixedTime,
            schedule,
            zone: zone_named(zone)?,
            seconds: i64::from(seconds),
        })
    }

    fn at(&self, now: Timestamp) -> Standing {
        let now = seconds_of(now);
        let mut back = self.seconds.max(3600);
        // What begins again before it has ended began earlier than one duration ago.
        let (now_span, after) = loop {
            let look = now - back;
            let (span, is_cut) = self.covering(look, now);
            match span {
                Some(_) if is_cut && back < LONGEST_SECONDS => back = back.saturating_mul(4),
                Some(span) => break (Some(span), span.1),
                None => break (None, now),
            }
        };
        // A time that touches the one before is a part of it.
        let next = self.after(after).and_then(|first| self.joined(first));
        Standing { now: now_span.map(span_of), next: next.map(span_of) }
    }

    /// Finds the time that covers `now` among those that begin after `look`; and tells whether it may have begun earlier.
    fn covering(&self, look: i64, now: i64) -> (Option<(i64, i64)>, bool) {
        let mut start = self.after(look);
        let mut is_first = true;
        while let Some(first) = start.filter(|first| *first <= now) {
            let Some(span) = self.joined(first) else {
                return (Some((first, first + LONGEST_SECONDS)), false);
            };
            if now < span.1 {
                return (Some(span), is_first && first - look <= self.seconds);
            }
            is_first = false;
            start = self.after(span.1);
        }
        (None, false)
    }

    /// Joins the times that begin with one; none where they do not end within a year.
    fn joined(&self, first: i64) -> Option<(i64, i64)> {
        let (mut last, mut until) = (first, first + self.seconds);
        for _ in 0..MOST_JOINED {
            match self.after(last).filter(|next| *next <= until) {
                Some(next) => (last, until) = (next, next + self.seconds),
                None => return Some((first, until)).filter(|_| until - first <= LONGEST_SECONDS),
            }
        }
        None
    }

    /// Returns the first beginning after a moment, both in seconds since the epoch.
    fn after(&self, moment: i64) -> Option<i64> {
        let (mut from, mut inclusive) = (moment, false);
        for _ in 0..MOST_SHIFTS {
            let at = jiff::Timestamp::from_second(from).ok()?;
            let offset = i64::from(self.zone.to_offset(at).seconds());
            let wall = self.on_the_wall(from + offset, inclusive)?;
            let start = wall - offset;
            let shift = self.zone.following(at).next();
            if let Some(shift) = shift.filter(|shift| shift.timestamp().as_second() <= start) {
                let then = shift.timestamp().as_second();
                if wall < then + i64::from(shift.offset().seconds()) {
                    // The clock skips it.
                    return Some(then);
                }
                (from, inclusive) = (then, true);
            } else if self.is_fixed && self.comes_again(wall, start) {
                (from, inclusive) = (start, false);
            } else {
                return Some(start);
            }
        }
        None
    }

    /// The next match of the schedule, with wall clock times as if they were UTC.
    fn on_the_wall(&self, wall: i64, inclusive: bool) -> Option<i64> {
        let from = chrono::DateTime::from_timestamp(wall, 0)?;
        self.schedule.find_next_occurrence(&from, inclusive).ok().map(|found| found.timestamp())
    }

    /// Whether the clock showed this before, and was put back.
    fn comes_again(&self, wall: i64, start: i64) -> bool {
        let Ok(wall) = jiff::Timestamp::from_second(wall) else { return false };
        let first = self.zone.to_ambiguous_timestamp(Offset::UTC.to_datetime(wall));
        let is_twice = matches!(first.offset(), AmbiguousOffset::Fold { .. });
        is_twice && first.earlier().is_ok_and(|first| first.as_second() < start)
    }
}

/// Which moment is meant by a time of the clock that comes twice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum OfTwo {
    First,
    Second,
}

/// Reads a date and a time in a zone; and tells in a sentence where the clock shows it twice.
///
/// # Errors
/// What is no date and time, and what the clock skips; `field` names it.
pub(super) fn local_time(
    field: &str,
    text: &str,
    zone: &TimeZone,
    of_two: OfTwo,
) -> AppResult<(Timestamp, Option<String>)> {
    let invalid = |why: String| AppError::Invalid { field: field.into(), why };
    let text = text.trim().replace(' ', "T");
    // An offset or a zone behind it would be read over otherwise.
    let read =
        ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"].iter().find_map(|form| DateTime::strptime(form, &text).ok());
    let civil = read.ok_or_else(|| invalid("write a date and a time, e.g. 2026-12-03T18:00.".into()))?;
    let name = zone.iana_name().unwrap_or("UTC");
    let found = zone.to_ambiguous_timestamp(civil);
    let shown = civil.strftime("%Y-%m-%d %H:%M");
    let (moment, note) = match (found.offset(), of_two) {
        (AmbiguousOffset::Gap { .. }, _) => {
            return Err(invalid(format!(
                "{shown} does not exist in {name}, for the clock is put forward then: name a time before or after."
            )));
        }
        (AmbiguousOffset::Unambiguous { .. }, _) => (found.compatible(), None),
        (AmbiguousOffset::Fold { .. }, OfTwo::First) => {
            (found.earlier(), Some(format!("{shown} comes twice in {name}: the first one is meant.")))
        }
        (AmbiguousOffset::Fold { .. }, OfTwo::Second) => {
            (found.later(), Some(format!("{shown} comes twice in {name}: the second one is meant.")))
        }
    };
    let moment = moment.map_err(|_| invalid("it is too far away.".into()))?;
    Ok((moment.into(), note))
}

/// Finds a time zone; empty is UTC.
///
/// # Errors
/// A name that is none.
pub(super) fn zone_named(name: &str) -> AppResult<TimeZone> {
    match name.trim() {
        "" | "UTC" => Ok(TimeZone::UTC),
        name => TimeZone::get(name).map_err(|_| AppError::Invalid {
            field: "zone".into(),
            why: format!("there is no time zone {name:.40}: write a name such as Europe/Berlin."),
        }),
    }
}

/// Reads a duration such as `8h`, `1h30m` or `2d`, in seconds.
///
/// # Errors
/// What is none, less than a minute, or more than a year.
pub(super) fn duration(text: &str) -> AppResult<u32> {
    let invalid = |why: &str| AppError::Invalid { field: "duration".into(), why: why.into() };
    let form = || invalid("write days, hours and minutes, e.g. 8h, 1h30m or 2d.");
    let text: String = text.split_whitespace().collect();
    let (mut total, mut number, mut units) = (0_i64, String::new(), "dhm");
    for letter in text.chars() {
        if letter.is_ascii_digit() && number.len() < 7 {
            number.push(letter);
            continue;
        }
        let amount: i64 = number.parse().map_err(|_| form())?;
        number.clear();
        let place = units.find(letter).ok_or_else(form)?;
        units = &units[place + 1..];
        total += amount
            * match letter {
                'd' => 86_400,
                'h' => 3600,
                _ => 60,
            };
    }
    if total == 0 || !number.is_empty() {
        return Err(form());
    }
    if total > LONGEST_SECONDS {
        return Err(invalid("a freeze lasts at most a year at a time."));
    }
    u32::try_from(total).map_err(|_| form())
}

/// Down to the second: schedules know nothing finer.
fn seconds_of(moment: Timestamp) -> i64 {
    moment.0.div_euclid(1000)
}

fn span_of((from, until): (i64, i64)) -> Span {
    Span { from: Timestamp(from * 1000), until: Timestamp(until * 1000) }
}

#[cfg(test)]
mod tests;
