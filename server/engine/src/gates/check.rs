//! Whether a change passes: a pure function of what is known, asked at the click, from the queue and before the push.

use std::time::Duration;

use model::{
    Timestamp,
    application::WindowVerdict,
    gate::{Gate, GateKind},
    plan::{PlanKind, Verified},
};

use super::{
    book::GateBook,
    words::{clock, length, names},
};

/// What is asked about.
#[derive(Clone, Debug)]
pub struct GateInput<'a> {
    pub kind: PlanKind,
    /// The environment, or of a rollback the revision, that values come from.
    pub from: &'a str,
    /// The environment that changes.
    pub to: &'a str,
    /// Those that move.
    pub apps: &'a [GateApp],
    /// How long the source has to be Healthy.
    pub soak: Duration,
    pub approvals: Approvals,
    pub book: &'a GateBook,
    pub now: Timestamp,
}

/// An app that would change.
#[derive(Clone, Debug)]
pub struct GateApp {
    pub name: String,
    /// Its key in the fleet; empty where it is not known there.
    pub key: String,
    /// The projects of its Applications in the environment that changes; where there are none, in the source.
    pub projects: Vec<String>,
    /// Whether the source ran well with what would be taken.
    pub verified: Verified,
    /// Whether somebody asked for its newest commit by name, verified or not.
    pub is_taken_by_name: bool,
    /// What the sync windows say of its Applications in the environment that changes, by name.
    pub windows: Vec<(String, WindowVerdict)>,
}

/// How many people approved.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Approvals {
    pub quorum: u32,
    /// Those that count.
    pub given: u32,
    /// Those that counted and have expired.
    pub expired: u32,
}

/// Tells of each gate how it stands, in the order that they are shown in. What is not asked of a rollback is left out.
pub fn gates(input: &GateInput<'_>) -> Vec<Gate> {
    let is_rollback = input.kind == PlanKind::Rollback;
    let mut gates = Vec::new();
    if !is_rollback {
        gates.extend([health(input), soak(input)]);
    }
    gates.extend([freeze(input, is_rollback), window(input), hold(input, is_rollback)]);
    if !is_rollback {
        gates.push(approval(input));
    }
    gates
}

impl GateInput<'_> {
    fn names(&self) -> String {
        names(self.apps.iter().map(|app| app.name.as_str()))
    }

    /// Those whose source has to be well.
    fn verified(&self) -> impl Iterator<Item = &GateApp> {
        self.apps.iter().filter(|app| !app.is_taken_by_name)
    }

    fn by_name(&self) -> String {
        names(self.apps.iter().filter(|app| app.is_taken_by_name).map(|app| app.name.as_str()))
    }
}

fn health(input: &GateInput<'_>) -> Gate {
    let unwell: Vec<_> = input
        .verified()
        .filter_map(|app| match &app.verified {
            Verified::Healthy { .. } => None,
            Verified::Not { why } => Some(format!("{}: {why}", app.name)),
            Verified::NotKnown => {
                Some(format!("{}: it is not known how it runs in {}", app.name, input.from))
            }
        })
        .collect();
    let well = names(input.verified().map(|app| app.name.as_str()));
    let by_name = input.by_name();
    let taken = || format!("taken by name, verified or not: {by_name}");
    let why = match (unwell.is_empty(), well.is_empty(), by_name.is_empty()) {
        (false, ..) => unwell.join("; "),
        (true, false, true) => format!("Healthy in {}: {well}", input.from),
        (true, false, false) => format!("Healthy in {}: {well}; {}", input.from, taken()),
        (true, true, false) => taken(),
        (true, true, true) => "nothing moves".to_owned(),
    };
    Gate { kind: GateKind::Health, passed: unwell.is_empty(), why }
}

fn soak(input: &GateInput<'_>) -> Gate {
    let gate = |passed, why| Gate { kind: GateKind::Soak, passed, why };
    let asked = i64::try_from(input.soak.as_secs()).unwrap_or(i64::MAX);
    if asked == 0 {
        return gate(true, format!("none is asked in {}", input.from));
    }
    let mut shortest: Option<(i64, &str)> = None;
    let mut short = Vec::new();
    for app in input.verified() {
        let Verified::Healthy { since } = app.verified else {
            short.push(format!("{} is not Healthy in {}", app.name, input.from));
            continue;
        };
        let Some(since) = since else {
            short.push(format!("since when {} is Healthy in {} is not known", app.name, input.from));
            continue;
        };
        let seconds = (input.now.0 - since.0).max(0) / 1000;
        if seconds < asked {
            let ready = clock(since.plus_seconds(asked), input.now);
            short.push(format!(
                "{} is Healthy in {} for {}, until {ready}",
                app.name,
                input.from,
                length(seconds)
            ));
        }
        if shortest.is_none_or(|(least, _)| seconds < least) {
            shortest = Some((seconds, &app.name));
        }
    }
    let is_asked = format!("{} asked", length(asked));
    if !short.is_empty() {
        return gate(false, format!("{}; {is_asked}", short.join("; ")));
    }
    let why = match shortest {
        Some((seconds, _)) if input.verified().count() == 1 => {
            format!("Healthy in {} for {}, {is_asked}", input.from, length(seconds))
        }
        Some((seconds, name)) => {
            format!("Healthy in {} for {} at least ({name}), {is_asked}", input.from, length(seconds))
        }
        None => format!("{is_asked}, and not of what is taken by name: {}", input.by_name()),
    };
    gate(true, why)
}

fn freeze(input: &GateInput<'_>, is_rollback: bool) -> Gate {
    let gate = |passed, why| Gate { kind: GateKind::Freeze, passed, why };
    let mut sentences: Vec<String> = Vec::new();
    for app in input.apps {
        let projects = app.projects.iter().map(String::as_str);
        if let Some((freeze, until)) = input.book.freeze_of_any(input.to, projects, input.now) {
            let sentence = freeze.sentence(until, input.now);
            if !sentences.contains(&sentence) {
                sentences.push(sentence);
            }
        }
    }
    let now = sentences.join("; ");
    match (sentences.is_empty(), is_rollback) {
        (true, true) => gate(true, "a rollback passes freezes".into()),
        (false, true) => gate(true, format!("a rollback passes freezes, so this one, too: {now}")),
        (false, false) => gate(false, now),
        (true, false) if input.apps.is_empty() => gate(true, "nothing moves".into()),
        (true, false) => {
            let to_come = input
                .apps
                .iter()
                .filter_map(|app| input.book.next_freeze_of_any(input.to, &app.projects, input.now));
            let next = to_come.min_by_key(|(_, from)| *from).map(|(freeze, from)| {
                format!("; the next begins {}: {}", clock(from, input.now), freeze.reason)
            });
            gate(true, format!("none covers {} in {}{}", input.names(), input.to, next.unwrap_or_default()))
        }
    }
}

fn window(input: &GateInput<'_>) -> Gate {
    let verdicts = || input.apps.iter().flat_map(|app| &app.windows);
    let closed: Vec<_> = verdicts()
        .filter(|(_, verdict)| !verdict.allowed)
        .map(|(name, verdict)| format!("{name}: {}", verdict.why))
        .collect();
    let why = if !closed.is_empty() {
        format!("Argo CD would not sync {}", closed.join("; "))
    } else if verdicts().next().is_none() {
        "no sync window of Argo CD is about it".to_owned()
    } else {
        format!("Argo CD's sync windows let {} in", names(verdicts().map(|(name, _)| name.as_str())))
    };
    Gate { kind: GateKind::Window, passed: closed.is_empty(), why }
}

fn hold(input: &GateInput<'_>, is_rollback: bool) -> Gate {
    let held: Vec<_> = input
        .apps
        .iter()
        .filter_map(|app| {
            let hold = input.book.hold_of(&app.key, input.to, input.now)?;
            Some(format!("{} is {}", app.name, hold.sentence(input.now)))
        })
        .collect();
    let why = match (held.is_empty(), is_rollback) {
        (true, _) if input.apps.is_empty() => "nothing moves".to_owned(),
        (true, _) => format!("none on {} in {}", input.names(), input.to),
        (false, false) => held.join("; "),
        (false, true) => format!("a rollback passes holds, so this one, too: {}", held.join("; ")),
    };
    Gate { kind: GateKind::Hold, passed: held.is_empty() || is_rollback, why }
}

fn approval(input: &GateInput<'_>) -> Gate {
    let Approvals { quorum, given, expired } = input.approvals;
    let why = match (quorum, expired) {
        (0, _) => format!("none is asked in {}", input.to),
        (_, 0) => format!("{quorum} asked, {given} given"),
        (_, 1) => format!("{quorum} asked, {given} given; 1 has expired"),
        (_, more) => format!("{quorum} asked, {given} given; {more} have expired"),
    };
    Gate { kind: GateKind::Approval, passed: given >= quorum, why }
}

#[cfg(test)]
mod tests {
    use super::{
        super::book::tests::{at, change, freeze, hold},
        *,
    };

    const NOW: &str = "2026-11-25T13:32:00Z";

    fn app(name: &str, since: Option<&str>) -> GateApp {
        GateApp {
            name: name.into(),
            key: name.into(),
            projects: vec!["shop".into()],
            verified: Verified::Healthy { since: since.map(at) },
            is_taken_by_name: false,
            windows: Vec::new(),
        }
    }

    fn input<'a>(apps: &'a [GateApp], book: &'a GateBook) -> GateInput<'a> {
        GateInput {
            kind: PlanKind::Promote,
            from: "staging",
            to: "prod",
            apps,
            soak: Duration::from_secs(1800),
            approvals: Approvals::default(),
            book,
            now: at(NOW),
        }
    }

    fn told(input: &GateInput<'_>, kind: GateKind) -> (bool, String) {
        let gate = gates(input).into_iter().find(|gate| gate.kind == kind).expect("is asked");
        (gate.passed, gate.why)
    }

    fn frozen(from: &str, until: &str) -> GateBook {
        GateBook::new(vec![freeze(Some("prod"), None, from, until)], vec![], vec![], at(NOW))
    }

    #[test]
    fn all_are_told_in_their_order_passed_ones_too() {
        let (apps, book) = ([app("web", Some("2026-11-25T12:41:00Z"))], GateBook::default());
        let told: Vec<_> =
            gates(&input(&apps, &book)).into_iter().map(|it| (it.kind, it.passed, it.why)).collect();
        let told: Vec<_> = told.iter().map(|(kind, passed, why)| (*kind, *passed, why.as_str())).collect();
        assert_eq!(
            told,
            [
                (GateKind::Health, true, "Healthy in staging: web"),
                (GateKind::Soak, true, "Healthy in staging for 51 min, 30 min asked"),
                (GateKind::Freeze, true, "none covers web in prod"),
                (GateKind::Window, true, "no sync window of Argo CD is about it"),
                (GateKind::Hold, true, "none on web in prod"),
                (GateKind::Approval, true, "none is asked in prod"),
            ]
        );
    }

    #[test]
    fn a_rollback_asks_for_windows_alone_and_says_that_it_passes_the_rest() {
        let apps = [GateApp { verified: Verified::NotKnown, ..app("web", None) }];
        let holds = vec![hold("web", "prod", None)];
        let freezes = vec![freeze(Some("prod"), None, "2026-11-25T12:00:00Z", "2026-11-26T18:00:00Z")];
        let book = GateBook::new(freezes, holds, vec![], at(NOW));
        let input = GateInput {
            kind: PlanKind::Rollback,
            approvals: Approvals { quorum: 2, ..Approvals::default() },
            ..input(&apps, &book)
        };
        let kinds: Vec<_> = gates(&input).iter().map(|gate| (gate.kind, gate.passed)).collect();
        assert_eq!(kinds, [(GateKind::Freeze, true), (GateKind::Window, true), (GateKind::Hold, true)]);
        assert!(told(&input, GateKind::Freeze).1.starts_with("a rollback passes freezes"));
        assert!(told(&input, GateKind::Hold).1.contains("web is held at 3.8.2 by priya"));
        let none = GateBook::default();
        let free = GateInput { book: &none, ..input };
        assert_eq!(told(&free, GateKind::Freeze).1, "a rollback passes freezes");
        let closed = WindowVerdict { allowed: false, why: "the deny window is open".into() };
        let apps = [GateApp { windows: vec![("web-prod".into(), closed)], ..apps[0].clone() }];
        let (passed, why) = told(&GateInput { apps: &apps, ..free }, GateKind::Window);
        assert_eq!(
            (passed, why.as_str()),
            (false, "Argo CD would not sync web-prod: the deny window is open")
        );
    }

    #[test]
    fn r3_what_is_not_healthy_in_the_source_does_not_pass_unless_taken_by_name() {
        let why = "Degraded in staging for 5 min".to_owned();
        let sick = GateApp { verified: Verified::Not { why }, ..app("web", None) };
        let well = app("api", Some("2026-11-25T10:00:00Z"));
        let book = GateBook::default();
        let apps = [sick.clone(), well.clone()];
        assert_eq!(
            told(&input(&apps, &book), GateKind::Health),
            (false, "web: Degraded in staging for 5 min".into())
        );
        let (passed, why) = told(&input(&apps, &book), GateKind::Soak);
        assert!(!passed && why.starts_with("web is not Healthy in staging"), "{why}");
        let apps = [GateApp { is_taken_by_name: true, ..sick }, well];
        assert_eq!(
            told(&input(&apps, &book), GateKind::Health),
            (true, "Healthy in staging: api; taken by name, verified or not: web".into())
        );
        assert_eq!(
            told(&input(&apps, &book), GateKind::Soak),
            (true, "Healthy in staging for 3 h 32 min, 30 min asked".into())
        );
    }

    #[test]
    fn the_soak_counts_for_each_app_and_says_when_it_will_do() {
        let book = GateBook::default();
        let apps = [app("web", Some("2026-11-25T13:20:00Z")), app("api", Some("2026-11-25T10:00:00Z"))];
        assert_eq!(
            told(&input(&apps, &book), GateKind::Soak),
            (false, "web is Healthy in staging for 12 min, until Wed 25 Nov 13:50 UTC; 30 min asked".into())
        );
        let later = GateInput { now: at("2026-11-25T13:50:00Z"), ..input(&apps, &book) };
        assert_eq!(
            told(&later, GateKind::Soak),
            (true, "Healthy in staging for 30 min at least (web), 30 min asked".into())
        );
        let unknown = [app("web", None)];
        assert!(!told(&input(&unknown, &book), GateKind::Soak).0, "not known is not long enough");
        let none = GateInput { soak: Duration::ZERO, ..input(&unknown, &book) };
        assert_eq!(told(&none, GateKind::Soak), (true, "none is asked in staging".into()));
    }

    #[test]
    fn a_freeze_is_told_once_and_the_next_one_is_told_before() {
        let apps = [app("web", Some("2026-11-25T10:00:00Z")), app("api", Some("2026-11-25T10:00:00Z"))];
        let book = frozen("2026-11-25T12:00:00Z", "2026-11-26T18:00:00Z");
        let sentence = "prod is frozen until Thu 26 Nov 18:00 UTC: quarter-end close (set by jonas)";
        assert_eq!(told(&input(&apps, &book), GateKind::Freeze), (false, sentence.into()));
        let introduced = GateInput { kind: PlanKind::Introduce, ..input(&apps, &book) };
        assert!(!told(&introduced, GateKind::Freeze).0, "an introduction is stopped, too");
        let book = frozen("2026-11-27T00:00:00Z", "2026-12-01T08:00:00Z");
        let next = "none covers web, api in prod; the next begins Fri 27 Nov 00:00 UTC: quarter-end close";
        assert_eq!(told(&input(&apps, &book), GateKind::Freeze), (true, next.into()));
    }

    #[test]
    fn a_hold_names_its_app() {
        let apps = [app("web", Some("2026-11-25T10:00:00Z")), app("api", Some("2026-11-25T10:00:00Z"))];
        let holds = vec![hold("api", "prod", Some("2026-11-26T17:44:00Z"))];
        let book = GateBook::new(vec![], holds, vec![change(7, "web", "prod")], at(NOW));
        let sentence = "api is held at 3.8.2 by priya until Thu 26 Nov 17:44 UTC: p99 latency";
        assert_eq!(told(&input(&apps, &book), GateKind::Hold), (false, sentence.into()));
        let over = GateInput { now: at("2026-11-26T17:44:00Z"), ..input(&apps, &book) };
        assert_eq!(told(&over, GateKind::Hold), (true, "none on web, api in prod".into()));
    }

    #[test]
    fn r12_approvals_pass_at_the_quorum_and_expired_ones_are_told() {
        let (apps, book) = ([app("web", Some("2026-11-25T10:00:00Z"))], GateBook::default());
        let ask = |quorum, given, expired| {
            let approvals = Approvals { quorum, given, expired };
            told(&GateInput { approvals, ..input(&apps, &book) }, GateKind::Approval)
        };
        assert_eq!(ask(2, 1, 0), (false, "2 asked, 1 given".into()));
        assert_eq!(ask(2, 1, 1), (false, "2 asked, 1 given; 1 has expired".into()));
        assert_eq!(ask(2, 2, 2), (true, "2 asked, 2 given; 2 have expired".into()));
    }
}
