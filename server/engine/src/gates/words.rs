//! Moments, lengths and lists, as the sentences of gates say them.

use model::Timestamp;

/// How many names a sentence has; more say no more.
const MOST_NAMES: usize = 5;

/// Returns a moment with its clock and zone, e.g. `Thu 26 Nov 18:00 UTC`; with the year where that is not `now`'s.
pub(super) fn clock(at: Timestamp, now: Timestamp) -> String {
    let civil = |at: Timestamp| jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().to_zoned(UTC);
    let moment = civil(at);
    let form =
        if moment.year() == civil(now).year() { "%a %-d %b %H:%M UTC" } else { "%a %-d %b %Y %H:%M UTC" };
    moment.strftime(form).to_string()
}

/// Returns a length of time to the minute, e.g. `51 min`, `1 h 47 min`; below a minute to the second.
pub(super) fn length(seconds: i64) -> String {
    let kept = if seconds < 60 { seconds } else { seconds - seconds % 60 };
    Timestamp(0).took(Timestamp(0).plus_seconds(kept))
}

/// Returns names in a row, and how many more there are.
pub(super) fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    let shown = names[..names.len().min(MOST_NAMES)].join(", ");
    match names.len().saturating_sub(MOST_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

const UTC: jiff::tz::TimeZone = jiff::tz::TimeZone::UTC;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_their_clock_and_zone() {
        let at = |text: &str| text.parse::<jiff::Timestamp>().expect("a moment").into();
        let now = at("2026-11-25T13:32:00Z");
        assert_eq!(clock(at("2026-11-26T18:00:59Z"), now), "Thu 26 Nov 18:00 UTC");
        assert_eq!(clock(at("2027-01-02T08:00:00Z"), now), "Sat 2 Jan 2027 08:00 UTC");
    }

    #[test]
    fn lengths_are_to_the_minute() {
        assert_eq!(length(12), "12 s");
        assert_eq!(length(51 * 60 + 59), "51 min");
        assert_eq!(length(107 * 60), "1 h 47 min");
    }

    #[test]
    fn many_names_are_counted() {
        assert_eq!(names(["a", "b"]), "a, b");
        assert_eq!(names(["a", "b", "c", "d", "e", "f", "g"]), "a, b, c, d, e and 2 more");
    }
}
