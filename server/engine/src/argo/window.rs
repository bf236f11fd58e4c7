//! Sync windows: whether a person, or the controller by itself, may sync an Application now.
//!
//! Source: Argo CD's `pkg/apis/application/v1alpha1/types.go` (`SyncWindows.Matches`, `active`, `CanSync`), without
//! `syncOverrun`, which concerns operations that run already.

use chrono::{DateTime, TimeDelta, Utc};
use croner::Cron;
use globset::GlobBuilder;
use model::application::WindowVerdict;

use super::types::{Destination, SyncWindow};

/// The windows of an Application's project and of the global projects that apply to it, with the name of each.
pub type Windows<'a> = &'a [(String, SyncWindow)];

/// Who would sync.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Syncer {
    /// Somebody who asks for it.
    Person,
    /// The controller, for auto-sync is on: that a window lets people sync does not help it.
    Controller,
}

/// Tells whether a person may sync now; none where no window concerns the Application.
pub fn verdict(
    windows: Windows<'_>,
    application: &str,
    destination: &Destination,
    now: DateTime<Utc>,
) -> Option<WindowVerdict> {
    verdict_for(Syncer::Person, windows, application, destination, now)
}

/// Tells whether a window is open; none where it cannot be read.
pub fn is_open(window: &SyncWindow, now: DateTime<Utc>) -> Option<bool> {
    window.is_open(now).ok()
}

/// Tells whether `syncer` may sync now; none where no window concerns the Application.
pub fn verdict_for(
    syncer: Syncer,
    windows: Windows<'_>,
    application: &str,
    destination: &Destination,
    now: DateTime<Utc>,
) -> Option<WindowVerdict> {
    let matching: Vec<_> =
        windows.iter().filter(|(_, window)| window.matches(application, destination)).collect();
    if matching.is_empty() {
        return None;
    }
    // Argo CD refuses to evaluate a project with a window that it cannot read; so does this.
    if let Some((project, window, why)) = matching
        .iter()
        .find_map(|(project, window)| window.is_open(now).err().map(|why| (project, window, why)))
    {
        return Some(WindowVerdict {
            allowed: false,
            why: format!("{} of project {project} cannot be read: {why}", window.name()),
        });
    }
    let open = |window: &SyncWindow| window.is_open(now).unwrap_or(false);
    let of_kind = |kind: &str, is_open: bool| {
        matching
            .iter()
            .filter(|(_, window)| window.kind == kind && open(window) == is_open)
            .collect::<Vec<_>>()
    };
    let (denies, allows, closed) = (of_kind("deny", true), of_kind("allow", true), of_kind("allow", false));
    let (allowed, why) = if let Some((project, window)) = blocked_by(syncer, &denies) {
        (false, format!("{} of project {project} is open", window.name()))
    } else if let Some((project, window)) = denies.first() {
        (true, format!("{} of project {project} is open, but lets people sync", window.name()))
    } else if let Some((project, window)) = allows.first() {
        (true, format!("{} of project {project} is open", window.name()))
    } else if let Some((project, window)) = blocked_by(syncer, &closed) {
        (false, format!("{} of project {project} is not open", window.name()))
    } else if let Some((project, window)) = closed.first() {
        (true, format!("{} of project {project} is not open, but lets people sync", window.name()))
    } else {
        (true, "no deny window is open".to_owned())
    };
    Some(WindowVerdict { allowed, why })
}

impl SyncWindow {
    fn name(&self) -> String {
        let zone = if self.time_zone.is_empty() { "UTC" } else { &self.time_zone };
        format!("the {} window \"{}\" for {} ({zone})", self.kind, self.schedule, self.duration)
    }

    /// By default one hit in any of the three lists is enough; with `andOperator` each list that is not empty must hit.
    fn matches(&self, application: &str, destination: &Destination) -> bool {
        let hit = |list: &[String], values: &[&str]| {
            list.iter().any(|pattern| values.iter().any(|value| !value.is_empty() && glob(pattern, value)))
        };
        let hits = [
            (self.applications.is_empty(), hit(&self.applications, &[application])),
            (self.namespaces.is_empty(), hit(&self.namespaces, &[&destination.namespace])),
            (self.clusters.is_empty(), hit(&self.clusters, &[&destination.name, &destination.server])),
        ];
        if self.and_operator {
            hits.iter().any(|(empty, _)| !empty) && hits.iter().all(|(empty, hit)| *empty || *hit)
        } else {
            hits.iter().any(|(_, hit)| *hit)
        }
    }

    /// Open when a start lies strictly inside the last `duration`, with the zone's offset as it is now.
    fn is_open(&self, now: DateTime<Utc>) -> Result<bool, String> {
        let duration: jiff::SignedDuration =
            self.duration.parse().map_err(|_| format!("\"{}\" is not a duration", self.duration))?;
        // Five fields only; the parser would also take seconds and descriptors.
        if self.schedule.split_whitespace().count() != 5 {
            return Err(format!("\"{}\" is not a cron schedule of five fields", self.schedule));
        }
        let schedule: Cron =
            self.schedule.parse().map_err(|error| format!("\"{}\": {error}", self.schedule))?;
        let local = now + zone_offset(&self.time_zone, now);
        let begin =
            local - TimeDelta::milliseconds(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2));
        let next = schedule.find_next_occurrence(&begin, false).map_err(|error| error.to_string())?;
        Ok(next < local)
    }
}

/// The first window that does not let the syncer in; one such is enough to block.
fn blocked_by<'a>(syncer: Syncer, list: &[&&'a (String, SyncWindow)]) -> Option<&'a (String, SyncWindow)> {
    let blocks = |window: &SyncWindow| syncer == Syncer::Controller || !window.manual_sync;
    list.iter().find(|(_, window)| blocks(window)).map(|window| **window)
}

/// The zone's offset from UTC now; zero for no zone and, as Argo CD does, for one that is not known.
fn zone_offset(zone: &str, now: DateTime<Utc>) -> TimeDelta {
    let offset = jiff::tz::TimeZone::get(zone).ok().zip(jiff::Timestamp::from_second(now.timestamp()).ok());
    offset.map_or_else(TimeDelta::zero, |(zone, now)| {
        TimeDelta::seconds(i64::from(zone.to_offset(now).seconds()))
    })
}

/// Matches as Argo CD does: `*` crosses `/`; a pattern that cannot be read matches nothing.
fn glob(pattern: &str, value: &str) -> bool {
    GlobBuilder::new(pattern)
        .literal_separator(false)
        .build()
        .is_ok_and(|glob| glob.compile_matcher().is_match(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(kind: &str, schedule: &str, duration: &str) -> SyncWindow {
        SyncWindow {
            kind: kind.into(),
            schedule: schedule.into(),
            duration: duration.into(),
            applications: vec!["*".into()],
            ..SyncWindow::default()
        }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    fn ask(windows: Vec<SyncWindow>, now: &str) -> Option<(bool, String)> {
        let windows: Vec<_> = windows.into_iter().map(|window| ("shop".to_owned(), window)).collect();
        let destination =
            Destination { name: "prod-eu".into(), namespace: "web".into(), ..Destination::default() };
        verdict(&windows, "web-app-prod", &destination, at(now)).map(|verdict| (verdict.allowed, verdict.why))
    }

    fn allowed(windows: Vec<SyncWindow>, now: &str) -> Option<bool> {
        ask(windows, now).map(|(allowed, _)| allowed)
    }

    #[test]
    fn without_a_matching_window_there_is_no_verdict() {
        assert_eq!(allowed(vec![], "2026-11-23T12:00:00Z"), None);
        let other = SyncWindow { applications: vec!["api-*".into()], ..window("deny", "* * * * *", "1h") };
        assert_eq!(allowed(vec![other], "2026-11-23T12:00:00Z"), None);
    }

    #[test]
    fn an_open_deny_blocks_and_says_which() {
        let (allowed, why) =
            ask(vec![window("deny", "0 22 * * *", "8h")], "2026-11-23T23:00:00Z").expect("a verdict");
        assert!(!allowed);
        assert!(why.contains("0 22 * * *") && why.contains("shop"), "{why}");
        assert_eq!(
            super::tests::allowed(vec![window("deny", "0 22 * * *", "8h")], "2026-11-23T12:00:00Z"),
            Some(true)
        );
    }

    #[test]
    fn all_open_denies_must_let_people_sync() {
        let manual = SyncWindow { manual_sync: true, ..window("deny", "* * * * *", "1h") };
        let strict = window("deny", "* * * * *", "1h");
        assert_eq!(allowed(vec![manual.clone()], "2026-11-23T12:00:00Z"), Some(true));
        assert_eq!(allowed(vec![manual, strict], "2026-11-23T12:00:00Z"), Some(false));
    }

    #[test]
    fn what_lets_people_sync_does_not_let_the_controller() {
        let by_controller = |window: SyncWindow| {
            let windows = [("shop".to_owned(), window)];
            let destination = Destination { name: "prod-eu".into(), ..Destination::default() };
            let now = at("2026-11-23T12:00:00Z");
            verdict_for(Syncer::Controller, &windows, "web-app-prod", &destination, now)
                .map(|verdict| verdict.allowed)
        };
        let manual = SyncWindow { manual_sync: true, ..window("deny", "* * * * *", "1h") };
        assert_eq!(allowed(vec![manual.clone()], "2026-11-23T12:00:00Z"), Some(true));
        assert_eq!(by_controller(manual), Some(false));
        let closed = SyncWindow { manual_sync: true, ..window("allow", "0 1 * * *", "1h") };
        assert_eq!(allowed(vec![closed.clone()], "2026-11-23T12:00:00Z"), Some(true));
        assert_eq!(by_controller(closed), Some(false));
        assert_eq!(by_controller(window("allow", "0 11 * * *", "2h")), Some(true));
    }

    #[test]
    fn a_closed_allow_blocks_unless_another_is_open() {
        let night = window("allow", "0 1 * * *", "1h");
        assert_eq!(allowed(vec![night.clone()], "2026-11-23T12:00:00Z"), Some(false));
        assert_eq!(
            allowed(vec![night, window("allow", "0 11 * * *", "2h")], "2026-11-23T12:00:00Z"),
            Some(true)
        );
    }

    #[test]
    fn the_zone_moves_the_window() {
        let berlin = SyncWindow { time_zone: "Europe/Berlin".into(), ..window("deny", "0 12 * * *", "30m") };
        assert_eq!(allowed(vec![berlin.clone()], "2026-11-23T11:10:00Z"), Some(false));
        assert_eq!(allowed(vec![berlin], "2026-11-23T12:10:00Z"), Some(true));
    }

    #[test]
    fn the_start_is_strictly_inside() {
        let noon = window("deny", "0 12 * * *", "1h");
        assert_eq!(allowed(vec![noon.clone()], "2026-11-23T12:00:00Z"), Some(true), "not at the very start");
        assert_eq!(allowed(vec![noon.clone()], "2026-11-23T12:00:01Z"), Some(false));
        assert_eq!(allowed(vec![noon], "2026-11-23T13:00:00Z"), Some(true));
    }

    #[test]
    fn with_and_every_list_that_is_there_must_match() {
        let both = SyncWindow {
            and_operator: true,
            clusters: vec!["prod-*".into()],
            namespaces: vec!["other".into()],
            ..window("deny", "* * * * *", "1h")
        };
        assert_eq!(allowed(vec![both.clone()], "2026-11-23T12:00:00Z"), None);
        let or = SyncWindow { and_operator: false, ..both };
        assert_eq!(allowed(vec![or], "2026-11-23T12:00:00Z"), Some(false));
    }

    #[test]
    fn a_window_that_cannot_be_read_blocks_with_its_reason() {
        for (schedule, duration) in [("@daily", "1h"), ("* * * * *", "often"), ("61 * * * *", "1h")] {
            let (allowed, why) =
                ask(vec![window("deny", schedule, duration)], "2026-11-23T12:00:00Z").expect("a verdict");
            assert!(!allowed && why.contains("cannot be read"), "{why}");
        }
    }
}
