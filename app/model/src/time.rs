//! Moments and ages, as people read them.
//!
//! Nothing here looks at a clock: a page shows ages against the `now` that came with its data, so that the server and
//! the browser draw the same text.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A moment, in milliseconds since the Unix epoch (UTC).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Returns the age of this moment at `now`, in words: `12 s`, `4 min`, `3 h`, `6 d`; a date beyond 30 days.
    pub fn age(self, now: Self) -> String {
        let seconds = (now.0 - self.0).max(0) / 1000;
        match seconds {
            0..60 => format!("{seconds} s"),
            60..3600 => format!("{} min", seconds / 60),
            3600..86_400 => format!("{} h", seconds / 3600),
            86_400..=2_592_000 => format!("{} d", seconds / 86_400),
            _ => self.iso().chars().take(10).collect(),
        }
    }

    /// Returns the length of time from this moment to `end`, in words: `14 s`, `2 min 58 s`, `9 h 5 min`, `1 d 20 h`.
    pub fn took(self, end: Self) -> String {
        let seconds = (end.0 - self.0).max(0) / 1000;
        if seconds >= 86_400 {
            let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
            return if hours == 0 { format!("{days} d") } else { format!("{days} d {hours} h") };
        }
        match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
            (0, 0, seconds) => format!("{seconds} s"),
            (0, minutes, 0) => format!("{minutes} min"),
            (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
            (hours, 0, _) => format!("{hours} h"),
            (hours, minutes, _) => format!("{hours} h {minutes} min"),
        }
    }

    /// Returns the moment in RFC 3339, to the second, in UTC; the epoch for a moment out of range.
    pub fn iso(self) -> String {
        let moment =
            jiff::Timestamp::from_second(self.0.div_euclid(1000)).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        moment.to_string()
    }

    /// Returns the moment as a clock shows it, in UTC: `Thu 26 Nov 18:00 UTC`; with its year where that is not the year
    /// of `now`. The epoch for a moment out of range.
    pub fn clock(self, now: Self) -> String {
        format!("{} {} UTC", self.day(now), self.time_of_day())
    }

    /// Returns the time from this moment until `end` as a clock shows it: `Thu 26 Nov 06:00 to 14:00 UTC`.
    pub fn clock_until(self, end: Self, now: Self) -> String {
        let (first, last) = (self.day(now), end.day(now));
        let last = if first == last { String::new() } else { format!("{last} ") };
        format!("{first} {} to {last}{} UTC", self.time_of_day(), end.time_of_day())
    }

    fn day(self, now: Self) -> String {
        const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let date = self.in_utc().date();
        let name = |names: &[&'static str], place: i8| {
            usize::try_from(place).ok().and_then(|place| names.get(place).copied()).unwrap_or_default()
        };
        let day = name(&DAYS, date.weekday().to_monday_zero_offset());
        let month = name(&MONTHS, date.month() - 1);
        let year =
            if date.year() == now.in_utc().year() { String::new() } else { format!(" {}", date.year()) };
        format!("{day} {} {month}{year}", date.day())
    }

    fn time_of_day(self) -> String {
        let time = self.in_utc().time();
        format!("{:02}:{:02}", time.hour(), time.minute())
    }

    fn in_utc(self) -> jiff::civil::DateTime {
        let moment =
            jiff::Timestamp::from_second(self.0.div_euclid(1000)).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        jiff::tz::Offset::UTC.to_datetime(moment)
    }

    /// Returns the moment this many seconds later (earlier where negative).
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iso())
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(moment: jiff::Timestamp) -> Self {
        Self(moment.as_millisecond())
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn ages_read_as_people_say_them() {
        let now = Timestamp(1_800_000_000_000);
        let ago = |seconds: i64| now.plus_seconds(-seconds).age(now);
        assert_eq!(ago(0), "0 s");
        assert_eq!(ago(-5), "0 s", "a clock ahead of ours is not a negative age");
        assert_eq!(ago(59), "59 s");
        assert_eq!(ago(60), "1 min");
        assert_eq!(ago(7200), "2 h");
        assert_eq!(ago(86_400 * 30), "30 d");
        assert_eq!(ago(86_400 * 31), "2026-12-15");
    }

    #[test]
    fn lengths_keep_two_units() {
        let begin = Timestamp(0);
        assert_eq!(begin.took(Timestamp(178_000)), "2 min 58 s");
        assert_eq!(begin.took(Timestamp(120_000)), "2 min");
        assert_eq!(begin.took(Timestamp(32_700_000)), "9 h 5 min");
        assert_eq!(begin.took(begin.plus_seconds(86_400 + 20 * 3600 + 59)), "1 d 20 h");
        assert_eq!(begin.took(begin.plus_seconds(86_400 * 8)), "8 d");
    }

    #[test]
    fn clocks_tell_the_day_and_the_zone_and_the_year_where_it_is_another() {
        let now = Timestamp(1_795_617_120_000);
        assert_eq!(now.iso(), "2026-11-25T14:32:00Z");
        assert_eq!(now.clock(now), "Wed 25 Nov 14:32 UTC");
        assert_eq!(now.plus_seconds(86_400 * 60).clock(now), "Sun 24 Jan 2027 14:32 UTC");
        assert_eq!(now.clock_until(now.plus_seconds(3600), now), "Wed 25 Nov 14:32 to 15:32 UTC");
        assert_eq!(
            now.clock_until(now.plus_seconds(86_400), now),
            "Wed 25 Nov 14:32 to Thu 26 Nov 14:32 UTC"
        );
        assert_eq!(Timestamp(i64::MAX).clock(now), "Thu 1 Jan 1970 00:00 UTC");
    }

    #[test]
    fn absurd_moments_do_not_panic() {
        assert_eq!(Timestamp(i64::MAX).iso(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp(0).iso(), "1970-01-01T00:00:00Z");
    }
}
