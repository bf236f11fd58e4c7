//! Where a change goes next, from how its Applications are judged. A pure function.
//!
//! ```text
//! pushed ─▶ rolling out ─▶ healthy ─▶ soaking ─▶ done
//!              │  ▲  ▲───────┴──────────┘ worse
//!   too long,  ▼  │ all Healthy
//!   trouble  needs attention ─▶ failed: all of it was taken back
//! ```

use std::time::Duration;

use model::{Timestamp, change::ChangeState};

use super::judge::{Outlook, short};

/// So many are named in a sentence.
const NAMED: usize = 3;
/// How the reason of what takes too long begins.
const LATE: &str = "It takes longer than";

/// A change, and how its Applications are judged.
#[derive(Clone, Debug)]
pub(super) struct Stand<'a> {
    pub(super) state: ChangeState,
    pub(super) commit: &'a str,
    pub(super) environment: &'a str,
    /// Those that no other change has taken over; never empty.
    pub(super) apps: &'a [AppStand],
    /// How long all of it has to stay Healthy.
    pub(super) soak: Duration,
    /// Since when all of it is Healthy, as the change has it, and as its Applications have it now.
    pub(super) healthy_at: Option<Timestamp>,
    pub(super) healthy_now: Option<Timestamp>,
    /// When it came to its state, and how long a rollout may take.
    pub(super) since: Timestamp,
    pub(super) limit: Duration,
    pub(super) now: Timestamp,
}

/// An app of a change.
#[derive(Clone, Debug)]
pub(super) struct AppStand {
    pub(super) name: String,
    pub(super) base_path: String,
    pub(super) applications: Vec<ApplicationStand>,
}

/// An Application of an app.
#[derive(Clone, Debug)]
pub(super) struct ApplicationStand {
    pub(super) name: String,
    /// What Argo CD compared it with.
    pub(super) revision: Option<String>,
    pub(super) outlook: Outlook,
    pub(super) why: String,
}

/// The next step of a change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Next {
    pub(super) to: ChangeState,
    pub(super) why: String,
    /// What happened, in a sentence with its evidence.
    pub(super) text: String,
}

impl Stand<'_> {
    /// Returns the next step; none where the change stays where it is.
    pub(super) fn next(&self) -> Option<Next> {
        if let Some(lost) = self.lost() {
            return Some(lost);
        }
        match self.state {
            ChangeState::Pushed => {
                let text =
                    format!("Argo CD is to bring commit {} to {}.", short(self.commit), self.environment);
                Some(self.step(ChangeState::RollingOut, self.waits_for(), text))
            }
            ChangeState::RollingOut => self.after_rolling_out(),
            ChangeState::NeedsAttention if self.is_well() => {
                let text = format!("It mended: {}", self.evidence());
                Some(self.step(ChangeState::RollingOut, String::new(), text))
            }
            ChangeState::Healthy | ChangeState::Soaking => self.after_healthy(),
            _ => None,
        }
    }

    /// Says what is waited for, or what is wrong; empty where nothing is.
    pub(super) fn waits_for(&self) -> String {
        let trouble = self.named(Outlook::ForPerson, Outlook::TakenBack);
        let mut said =
            if trouble.is_empty() { self.named(Outlook::Waits, Outlook::NotKnown) } else { trouble };
        let unknown = self.apps.iter().filter(|app| app.applications.is_empty());
        said.extend(unknown.map(|app| {
            format!(
                "No Application deploys {} to {} yet: make one for {}, or let an ApplicationSet make it.",
                app.name, self.environment, app.base_path
            )
        }));
        let more = said.len().saturating_sub(NAMED);
        said.truncate(NAMED);
        if more > 0 {
            said.push(format!("And {more} more."));
        }
        said.join(" ")
    }

    /// Returns what a change that stays where it is has to say now, after what it said before.
    pub(super) fn why(&self, before: &str) -> String {
        let why = self.waits_for();
        let was_late = self.state == ChangeState::NeedsAttention && before.starts_with(LATE);
        match self.state {
            ChangeState::RollingOut | ChangeState::NeedsAttention if why.is_empty() => before.to_owned(),
            ChangeState::NeedsAttention if was_late && !self.has_trouble() => self.late(&why),
            ChangeState::RollingOut | ChangeState::NeedsAttention => why,
            _ => before.to_owned(),
        }
    }

    fn late(&self, why: &str) -> String {
        format!("{LATE} {}. {why}", words(self.limit))
    }

    fn after_rolling_out(&self) -> Option<Next> {
        if self.is_well() {
            return Some(self.step(ChangeState::Healthy, String::new(), self.evidence()));
        }
        let why = self.waits_for();
        if self.has_trouble() {
            return Some(self.step(ChangeState::NeedsAttention, why.clone(), why));
        }
        if self.age() < self.limit {
            return None;
        }
        let why = self.late(&why);
        Some(self.step(ChangeState::NeedsAttention, why.clone(), why))
    }

    fn after_healthy(&self) -> Option<Next> {
        let all = || self.apps.iter().flat_map(|app| &app.applications);
        if all().any(|it| it.outlook == Outlook::NotKnown) {
            return None;
        }
        if !self.is_well() {
            let to = if self.has_trouble() { ChangeState::NeedsAttention } else { ChangeState::RollingOut };
            return Some(self.worse(to, self.waits_for()));
        }
        // It went and came between two looks.
        if self.healthy_now > self.healthy_at {
            return Some(self.worse(ChangeState::RollingOut, "It was not Healthy for a moment.".to_owned()));
        }
        let healthy_for = self.healthy_at.map_or(Duration::ZERO, |at| between(at, self.now));
        if healthy_for >= self.soak {
            return Some(self.step(ChangeState::Done, String::new(), self.done()));
        }
        (self.state == ChangeState::Healthy).then(|| {
            let text = format!("It has to stay Healthy for {}.", words(self.soak));
            self.step(ChangeState::Soaking, String::new(), text)
        })
    }

    fn worse(&self, to: ChangeState, why: String) -> Next {
        let text = match self.soak.is_zero() {
            true => why.clone(),
            false => format!("{why} Its {} of being Healthy begin again.", words(self.soak)),
        };
        self.step(to, why, text)
    }

    /// All of it was taken back by others: there is nothing left to follow.
    fn lost(&self) -> Option<Next> {
        let is_lost = |app: &AppStand| app.applications.iter().any(|it| it.outlook == Outlook::TakenBack);
        if self.state == ChangeState::Pushed || !self.apps.iter().all(is_lost) {
            return None;
        }
        let why = self.waits_for();
        Some(self.step(ChangeState::Failed, why.clone(), why))
    }

    fn is_well(&self) -> bool {
        let is_well = |app: &AppStand| {
            let mut applications = app.applications.iter();
            !app.applications.is_empty() && applications.all(|it| it.outlook == Outlook::Well)
        };
        self.apps.iter().all(is_well)
    }

    fn has_trouble(&self) -> bool {
        let mut all = self.apps.iter().flat_map(|app| &app.applications);
        all.any(|it| matches!(it.outlook, Outlook::ForPerson | Outlook::TakenBack))
    }

    /// The Applications that look so, with their reasons; the worst of both first.
    fn named(&self, one: Outlook, other: Outlook) -> Vec<String> {
        let all = self.apps.iter().flat_map(|app| &app.applications);
        let named = all.filter(|it| it.outlook == one || it.outlook == other);
        named.map(|it| format!("{}: {}", it.name, it.why)).collect()
    }

    fn evidence(&self) -> String {
        let all: Vec<_> = self.apps.iter().flat_map(|app| &app.applications).collect();
        let shown = all.iter().take(NAMED).map(|it| {
            let revision = it.revision.as_deref().map_or("", short);
            format!("{} at {revision}", it.name)
        });
        let mut shown: Vec<_> = shown.collect();
        if let more @ 1.. = all.len().saturating_sub(NAMED) {
            shown.push(format!("{more} more"));
        }
        format!("Synced and Healthy with commit {}: {}.", short(self.commit), shown.join(", "))
    }

    fn done(&self) -> String {
        match self.soak.is_zero() {
            true => "Nothing more is asked of it.".to_owned(),
            false => format!("It stayed Healthy for {}.", words(self.soak)),
        }
    }

    fn age(&self) -> Duration {
        between(self.since, self.now)
    }

    fn step(&self, to: ChangeState, why: String, text: String) -> Next {
        Next { to, why, text }
    }
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0))
}

/// A duration for people, e.g. `30 min`.
fn words(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds >= 3600 && seconds.is_multiple_of(3600) => format!("{} h", seconds / 3600),
        seconds if seconds >= 60 && seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests;
