use super::*;

const BERLIN: &str = "Europe/Berlin";

fn at(text: &str) -> Timestamp {
    text.parse::<jiff::Timestamp>().expect("a moment").into()
}

fn span(from: &str, until: &str) -> Option<Span> {
    Some(Span { from: at(from), until: at(until) })
}

fn repeating(schedule: &str, duration: &str, zone: &str) -> Times {
    let seconds = super::duration(duration).expect("a duration");
    Times::repeating(schedule, seconds, zone, at("2026-01-01T00:00:00Z")).expect("a schedule")
}

fn refused<T>(asked: AppResult<T>) -> (String, String) {
    match asked {
        Err(AppError::Invalid { field, why }) => (field, why),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("is taken"),
    }
}

#[test]
fn once_it_is_before_within_and_after() {
    let (from, until) = (at("2026-11-26T06:00:00Z"), at("2026-11-26T14:00:00Z"));
    let times = Times::once(from, until, "UTC", at("2026-11-25T00:00:00Z")).expect("good");
    let whole = Some(Span { from, until });
    let before = times.at(at("2026-11-26T05:59:59Z"));
    assert_eq!((before, before.turns_at()), (Standing { now: None, next: whole }, Some(from)));
    let within = times.at(from);
    assert_eq!((within, within.turns_at()), (Standing { now: whole, next: None }, Some(until)));
    assert_eq!((times.at(until), times.at(until).turns_at()), (Standing::default(), None));
}

#[test]
fn once_it_ends_after_it_begins_and_in_the_future_and_within_a_year() {
    let now = at("2026-11-25T00:00:00Z");
    let once = |from, until| Times::once(at(from), at(until), "UTC", now);
    for (from, until, says) in [
        ("2026-11-27T00:00:00Z", "2026-11-27T00:00:00Z", "after from"),
        ("2026-11-01T00:00:00Z", "2026-11-24T00:00:00Z", "in the past"),
        ("2026-11-27T00:00:00Z", "2027-11-29T00:00:00Z", "at most a year"),
    ] {
        let (field, why) = refused(once(from, until));
        assert!(field == "until" && why.contains(says), "{field}: {why}");
    }
    assert!(once("2026-11-01T00:00:00Z", "2026-11-26T00:00:00Z").is_ok(), "it may have begun");
}

#[test]
fn a_schedule_comes_by_the_clock_of_its_zone_in_summer_and_in_winter() {
    let nights = repeating("0 22 * * *", "8h", BERLIN);
    // 22:00 is 21:00 UTC in winter, 20:00 in summer.
    let winter = nights.at(at("2026-01-15T23:00:00Z"));
    assert_eq!(winter.now, span("2026-01-15T21:00:00Z", "2026-01-16T05:00:00Z"));
    assert_eq!(winter.next, span("2026-01-16T21:00:00Z", "2026-01-17T05:00:00Z"));
    let summer = nights.at(at("2026-07-15T12:00:00Z"));
    assert_eq!((summer.now, summer.next), (None, span("2026-07-15T20:00:00Z", "2026-07-16T04:00:00Z")));
}

#[test]
fn in_the_night_of_the_change_it_still_lasts_as_long_as_is_asked() {
    let nights = repeating("0 22 * * *", "8h", BERLIN);
    // The clock is put forward on 29 March 2026 at 01:00 UTC, and back on 25 October at 01:00 UTC.
    let spring = nights.at(at("2026-03-29T00:00:00Z"));
    assert_eq!(spring.now, span("2026-03-28T21:00:00Z", "2026-03-29T05:00:00Z"));
    assert_eq!(spring.next, span("2026-03-29T20:00:00Z", "2026-03-30T04:00:00Z"));
    let autumn = nights.at(at("2026-10-25T02:00:00Z"));
    assert_eq!(autumn.now, span("2026-10-24T20:00:00Z", "2026-10-25T04:00:00Z"));
    assert_eq!(autumn.next, span("2026-10-25T21:00:00Z", "2026-10-26T05:00:00Z"));
}

#[test]
fn what_the_clock_skips_begins_right_after() {
    let early = repeating("30 2 * * *", "1h", BERLIN);
    let skipped = early.at(at("2026-03-28T12:00:00Z")).next;
    assert_eq!(skipped, span("2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"));
    let after = early.at(at("2026-03-29T12:00:00Z")).next;
    assert_eq!(after, span("2026-03-30T00:30:00Z", "2026-03-30T01:30:00Z"));
}

#[test]
fn what_the_clock_shows_twice_counts_once_where_one_time_is_meant() {
    let early = repeating("30 2 * * *", "10m", BERLIN);
    let first = early.at(at("2026-10-24T12:00:00Z")).next;
    assert_eq!(first, span("2026-10-25T00:30:00Z", "2026-10-25T00:40:00Z"));
    let second = early.at(at("2026-10-25T00:50:00Z"));
    assert_eq!((second.now, second.next), (None, span("2026-10-26T01:30:00Z", "2026-10-26T01:40:00Z")));
    // Every hour means each of them.
    let hourly = repeating("30 * * * *", "10m", BERLIN).at(at("2026-10-25T00:50:00Z"));
    assert_eq!(hourly.next, span("2026-10-25T01:30:00Z", "2026-10-25T01:40:00Z"));
}

#[test]
fn the_ends_of_months_come_where_a_month_has_them() {
    let last_days = repeating("0 0 31 * *", "1d", "UTC");
    assert_eq!(
        last_days.at(at("2026-04-10T00:00:00Z")).next,
        span("2026-05-31T00:00:00Z", "2026-06-01T00:00:00Z")
    );
    let leap = repeating("0 0 29 2 *", "1d", "UTC");
    assert_eq!(
        leap.at(at("2026-04-10T00:00:00Z")).next,
        span("2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z")
    );
    let last = repeating("0 12 L * *", "1h", "UTC");
    assert_eq!(
        last.at(at("2026-02-10T00:00:00Z")).next,
        span("2026-02-28T12:00:00Z", "2026-02-28T13:00:00Z")
    );
}

#[test]
fn with_a_day_of_the_month_and_one_of_the_week_either_counts() {
    // 13 November 2026 is a Friday; 20 November is one, too, and 13 December is a Sunday.
    let either = repeating("0 0 13 * 5", "2h", "UTC");
    let mut starts = Vec::new();
    let mut now = at("2026-11-12T00:00:00Z");
    for _ in 0..6 {
        let next = either.at(now).next.expect("comes again");
        starts.push(next.from.iso()[..10].to_owned());
        now = next.until;
    }
    assert_eq!(starts, ["2026-11-13", "2026-11-20", "2026-11-27", "2026-12-04", "2026-12-11", "2026-12-13"]);
}

#[test]
fn times_that_touch_or_overlap_are_one() {
    let weekdays = repeating("0 * * * 1-5", "1h", "UTC");
    // Monday 23 to Friday 27 November 2026.
    let whole = span("2026-11-23T00:00:00Z", "2026-11-28T00:00:00Z");
    assert_eq!(weekdays.at(at("2026-11-25T13:30:00Z")).now, whole);
    assert_eq!(weekdays.at(at("2026-11-27T23:59:59Z")).now, whole);
    let weekend = weekdays.at(at("2026-11-28T00:00:00Z"));
    assert_eq!((weekend.now, weekend.next), (None, span("2026-11-30T00:00:00Z", "2026-12-05T00:00:00Z")));
    let long = repeating("0 20 * * 5,6", "30h", "UTC");
    let both = span("2026-11-27T20:00:00Z", "2026-11-30T02:00:00Z");
    assert_eq!(long.at(at("2026-11-29T12:00:00Z")).now, both, "Friday's is Saturday's, too");
}

#[test]
fn a_boundary_belongs_to_what_begins_there() {
    let times = repeating("0 12 * * *", "1h", "UTC");
    assert!(times.at(at("2026-11-25T12:00:00Z")).now.is_some());
    assert!(times.at(at("2026-11-25T11:59:59.999Z")).now.is_none());
    assert!(times.at(at("2026-11-25T12:59:59.999Z")).now.is_some());
    assert!(times.at(at("2026-11-25T13:00:00Z")).now.is_none());
}

#[test]
fn schedules_that_are_none_never_come_or_never_end_are_refused_with_their_field() {
    let now = at("2026-01-01T00:00:00Z");
    for (schedule, duration, field, says) in [
        ("@daily", "1h", "schedule", "five fields"),
        ("0 0 22 * * 5", "1h", "schedule", "five fields"),
        ("61 * * * *", "1h", "schedule", ""),
        ("0 0 31 2 *", "1h", "schedule", "no day"),
        ("0 * * * *", "1h", "duration", "begin again before it has ended"),
        ("* * * * *", "1m", "duration", "begin again before it has ended"),
    ] {
        let seconds = super::duration(duration).expect("a duration");
        let (named, why) = refused(Times::repeating(schedule, seconds, "UTC", now));
        assert!(named == field && why.contains(says), "{schedule}: {named}: {why}");
    }
    let (field, why) = refused(Times::repeating("0 1 * * *", 60, "Europe/Berlim", now));
    assert!(field == "zone" && why.contains("Europe/Berlim"), "{field}: {why}");
}

#[test]
fn durations_are_days_hours_and_minutes() {
    for (text, seconds) in
        [("8h", 28_800), ("1h30m", 5400), ("2d", 172_800), ("1d 12h", 129_600), ("90m", 5400)]
    {
        assert_eq!(duration(text).expect(text), seconds, "{text}");
    }
    for text in
        ["", "8", "h", "-1h", "1.5h", "30m1h", "1h1h", "8 hours", "0h", "367d", "99999999999999h", "8H"]
    {
        assert_eq!(refused(duration(text)).0, "duration", "{text}");
    }
}

#[test]
fn a_local_time_is_read_in_its_zone_and_an_odd_one_is_told() {
    let zone = zone_named(BERLIN).expect("a zone");
    let read = |text, of_two| local_time("from", text, &zone, of_two);
    let (plain, note) = read("2026-12-03T18:00", OfTwo::First).expect("a time");
    assert_eq!((plain, note), (at("2026-12-03T17:00:00Z"), None));
    assert_eq!(read("2026-12-03 18:00:30", OfTwo::First).expect("a time").0, at("2026-12-03T17:00:30Z"));
    let (first, note) = read("2026-10-25T02:30", OfTwo::First).expect("a time");
    assert_eq!(first, at("2026-10-25T00:30:00Z"));
    assert_eq!(
        note.as_deref(),
        Some("2026-10-25 02:30 comes twice in Europe/Berlin: the first one is meant.")
    );
    assert_eq!(read("2026-10-25T02:30", OfTwo::Second).expect("a time").0, at("2026-10-25T01:30:00Z"));
    let (field, why) = refused(read("2026-03-29T02:30", OfTwo::First));
    assert!(field == "from" && why.contains("2026-03-29 02:30 does not exist in Europe/Berlin"), "{why}");
    for odd in
        ["tomorrow", "2026-12-03", "2026-13-03T18:00", "18:00", "2026-12-03T18:00Z", "2026-12-03T18:00+05:00"]
    {
        assert_eq!(refused(read(odd, OfTwo::First)).0, "from", "{odd}");
    }
}

#[test]
fn a_schedule_is_told_in_no_time() {
    // The worst that is taken: five days of beginnings in a row.
    let times = repeating("*/5 * * * 1-5", "5m", BERLIN);
    let whole = times.at(at("2026-11-25T13:30:00Z")).now.expect("is frozen");
    assert_eq!(whole.until.0 - whole.from.0, 5 * 86_400_000);
}
