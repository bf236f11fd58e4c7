//! How far behind, and where is my commit: on histories written as lists of versions.

use model::apps::{CellState, Lag, Station};

use super::*;

/// An entry a minute, from a moment on.
fn history(from: i64, versions: &[&str]) -> Vec<ReleaseEntry> {
    let entry = |(at, version): (usize, &&str)| ReleaseEntry {
        version: Some(Arc::from(*version)).filter(|_| !version.is_empty()),
        images: Arc::from([]),
        commit: Oid::from_bytes(&[u8::try_from(at).expect("few"); 20]).expect("an id"),
        subject: Arc::from(format!("to {version}")),
        author: Arc::from("erin"),
        at: Timestamp((from + i64::try_from(at).expect("few")) * 60_000),
    };
    versions.iter().enumerate().map(entry).collect()
}

fn lag_of(left: &[&str], right: &[&str]) -> Lag {
    let (left, right) = (history(0, left), history(100, right));
    lag(&left, &right, right.last().and_then(|it| it.version.as_deref()))
}

#[test]
fn lag_counts_distinct_versions_that_are_in_force() {
    for (left, right, expected) in [
        (&["1"][..], &["1"][..], Lag::Even),
        (&["1", "2", "3"], &["1"], Lag::Behind(2)),
        (&["1", "2", "3"], &["2"], Lag::Behind(1)),
        (&["1", "2", "1", "3"], &["1"], Lag::Behind(1)),
        (&["1", "2", "3", "2", "4"], &["1"], Lag::Behind(2)),
        (&["1", "2", "3", "2", "4"], &["3"], Lag::Behind(1)),
        (&["1", "2", "2", "3"], &["1"], Lag::Behind(2)),
    ] {
        assert_eq!(lag_of(left, right), expected, "{left:?} {right:?}");
    }
}

#[test]
fn ahead_is_only_what_went_on_from_where_the_one_before_is() {
    assert_eq!(lag_of(&["1", "2"], &["1", "2", "3"]), Lag::Ahead);
    assert_eq!(lag_of(&["1", "2"], &["9"]), Lag::Differs, "nothing says which is newer");
    assert_eq!(lag_of(&["1", "2", "1"], &["2"]), Lag::Differs, "it runs what was taken back");
    assert_eq!(
        lag(&history(0, &["1", "2"]), &history(10, &["1", "2"]), Some("866db9b")),
        Lag::Differs,
        "runs a commit"
    );
    assert_eq!(lag_of(&[], &["1"]), Lag::Differs);
    assert_eq!(lag_of(&["1", ""], &["1"]), Lag::Differs, "the one before is gone");
    assert_eq!(lag(&history(0, &["1"]), &[], None), Lag::Differs);
}

#[test]
fn each_release_tells_what_became_of_it_in_each_environment() {
    let (dev, staging, prod) =
        (history(0, &["1", "2", "3", "4"]), history(10, &["1", "2", "1", "3"]), history(20, &["1", "3"]));
    let runs = |version, state| Some(Runs { version: Some(version), state });
    let courses = [
        Course { entries: &dev, runs: runs("4", CellState::Healthy) },
        Course { entries: &staging, runs: runs("3", CellState::Progressing) },
        Course { entries: &prod, runs: runs("1", CellState::Healthy) },
    ];
    let all = releases(&courses, 50);
    let versions: Vec<_> = all.iter().map(|it| it.release.version.as_str()).collect();
    assert_eq!(versions, ["4", "3", "2", "1"]);
    assert_eq!(all[1].release.subject, "to 3");
    let at = |minute: i64| Timestamp(minute * 60_000);
    let expected = |release: usize| all[release].stations.clone();
    assert_eq!(expected(0), [Station::Live { since: at(3) }, Station::None, Station::None]);
    assert_eq!(
        expected(1),
        [
            Station::WasLive { from: at(2), to: at(3) },
            Station::OnTheWay { since: at(13), state: CellState::Progressing },
            Station::OnTheWay { since: at(21), state: CellState::Healthy },
        ]
    );
    assert_eq!(
        expected(2),
        [
            Station::WasLive { from: at(1), to: at(2) },
            Station::RolledBack { from: at(11), to: at(12) },
            Station::Skipped { version: "3".to_owned() },
        ]
    );
    assert_eq!(expected(3)[1], Station::WasLive { from: at(12), to: at(13) });
    assert_eq!(releases(&courses, 2).len(), 2);
}

#[test]
fn a_version_stays_asked_for_while_other_images_change() {
    let entries = history(0, &["1", "2", "2", "2"]);
    let course = Course { entries: &entries, runs: None };
    let since = Timestamp(60_000);
    let expected = Station::OnTheWay { since, state: CellState::Unknown };
    assert_eq!(station(&course, "2", |_| None), expected);
}
