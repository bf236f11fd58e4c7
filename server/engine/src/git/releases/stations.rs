//! Where is my commit? What became of each release in each environment.

use std::collections::HashMap;

use model::apps::{CellState, Release, ReleaseRef, Station};

use super::ReleaseEntry;

/// An app in an environment: what it asked for, and what is known of what runs.
#[derive(Clone, Copy, Debug)]
pub struct Course<'a> {
    pub entries: &'a [ReleaseEntry],
    /// None where no cluster tells: then what Git asks for is on its way.
    pub runs: Option<Runs<'a>>,
}

/// What runs in an environment.
#[derive(Clone, Copy, Debug)]
pub struct Runs<'a> {
    /// None where it is not known or differs between clusters.
    pub version: Option<&'a str>,
    pub state: CellState,
}

/// Returns the releases of an app over its environments, in the order of promotions: the newest first, at most `most`.
///
/// A release is a version; the commit that asked for it first is its commit.
pub fn releases(courses: &[Course<'_>], most: usize) -> Vec<Release> {
    let mut first: HashMap<&str, (&ReleaseEntry, (usize, usize))> = HashMap::new();
    for (environment, course) in courses.iter().enumerate() {
        for (at, entry) in course.entries.iter().enumerate() {
            let Some(version) = entry.version.as_deref() else { continue };
            let known = first.entry(version).or_insert((entry, (environment, at)));
            if entry.at < known.0.at {
                *known = (entry, (environment, at));
            }
        }
    }
    let mut found: Vec<_> = first.into_iter().collect();
    // Commits of one second keep the order that they were asked for in.
    found.sort_by(|(left, a), (right, b)| (b.0.at, a.1.0, b.1.1, *left).cmp(&(a.0.at, b.1.0, a.1.1, *right)));
    let order: HashMap<&str, usize> =
        found.iter().rev().enumerate().map(|(at, (version, _))| (*version, at)).collect();
    let release = |(version, (entry, _)): &(&str, (&ReleaseEntry, (usize, usize)))| Release {
        release: ReleaseRef {
            version: (*version).to_owned(),
            commit: entry.commit.to_string(),
            subject: entry.subject.to_string(),
            author: entry.author.to_string(),
            at: entry.at,
        },
        stations: courses.iter().map(|it| station(it, version, |other| order.get(other).copied())).collect(),
    };
    found.iter().take(most).map(release).collect()
}

/// Tells what became of a version in an environment. `age` gives the place of a version among all of the app, the oldest
/// first; without one nothing counts as passed by.
pub fn station(course: &Course<'_>, version: &str, age: impl Fn(&str) -> Option<usize>) -> Station {
    let entries = course.entries;
    let is_it = |entry: &ReleaseEntry| entry.version.as_deref() == Some(version);
    let Some(last) = entries.iter().rposition(is_it) else {
        let own = age(version);
        let newer = |entry: &&ReleaseEntry| {
            let other = entry.version.as_deref().and_then(&age);
            matches!((own, other), (Some(own), Some(other)) if other > own)
        };
        let passed = entries.iter().find(newer).and_then(|it| it.version.as_deref());
        return passed.map_or(Station::None, |it| Station::Skipped { version: it.to_owned() });
    };
    // Where other images change in between, a version stays asked for.
    let begin = entries[..last].iter().rposition(|it| !is_it(it)).map_or(0, |at| at + 1);
    let from = entries[begin].at;
    let Some(next) = entries.get(last + 1) else { return asked(course, version, from) };
    let was_there = entries[..begin].iter().any(|it| it.version.is_some() && it.version == next.version);
    match was_there {
        true => Station::RolledBack { from, to: next.at },
        false => Station::WasLive { from, to: next.at },
    }
}

fn asked(course: &Course<'_>, version: &str, since: model::Timestamp) -> Station {
    match course.runs {
        Some(Runs { version: Some(running), state: CellState::Healthy }) if running == version => {
            Station::Live { since }
        }
        Some(Runs { state, .. }) => Station::OnTheWay { since, state },
        None => Station::OnTheWay { since, state: CellState::Unknown },
    }
}
