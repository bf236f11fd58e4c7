//! Freezes and holds of a test: what it put there, and what was asked.

use std::sync::Mutex;

use model::{
    Actor,
    backend::{Answer, Gates},
    gate::{CreateFreeze, Freeze, FreezeTimes, GateList, Hold, PlaceHold, Span, SyncWindowRow},
    operation::Outcome,
    plan::CommitRef,
    status::Environment,
};

use super::{Fake, NOW};

/// What a test holds of gates, and what was asked of it.
pub(crate) struct KnownGates {
    pub(crate) list: GateList,
    pub(crate) frozen: Mutex<Vec<CreateFreeze>>,
    pub(crate) ended: Mutex<Vec<u64>>,
    pub(crate) held: Mutex<Vec<PlaceHold>>,
    pub(crate) released: Mutex<Vec<u64>>,
}

impl Default for KnownGates {
    fn default() -> Self {
        Self {
            list: gates(),
            frozen: Mutex::default(),
            ended: Mutex::default(),
            held: Mutex::default(),
            released: Mutex::default(),
        }
    }
}

impl Gates for Fake {
    fn list_gates<'a>(&'a self, _: &'a Actor) -> Answer<'a, GateList> {
        self.answer(Ok(self.gates.list.clone()))
    }

    fn create_freeze<'a>(&'a self, _: &'a Actor, request: CreateFreeze) -> Answer<'a, Outcome> {
        self.gates.frozen.lock().expect("unpoisoned").push(request);
        self.act("prod is frozen.")
    }

    fn end_freeze<'a>(&'a self, _: &'a Actor, id: u64) -> Answer<'a, Outcome> {
        self.gates.ended.lock().expect("unpoisoned").push(id);
        self.act("The freeze has ended.")
    }

    fn place_hold<'a>(&'a self, _: &'a Actor, request: PlaceHold) -> Answer<'a, Outcome> {
        self.gates.held.lock().expect("unpoisoned").push(request);
        self.act("web-app is held.")
    }

    fn release_hold<'a>(&'a self, _: &'a Actor, id: u64) -> Answer<'a, Outcome> {
        self.gates.released.lock().expect("unpoisoned").push(id);
        self.act("The hold is released.")
    }
}

fn environment(name: &str, rank: u8, protected: bool) -> Environment {
    Environment::Known { name: name.into(), rank, protected, why: "the order of promotions".into() }
}

/// prod of project payments, until tomorrow at six in the evening.
pub(crate) fn freeze() -> Freeze {
    let (from, until) = (NOW.plus_seconds(-5640), NOW.plus_seconds(98_880));
    Freeze {
        id: 7,
        environment: Some("prod".into()),
        project: Some("payments".into()),
        reason: "quarter-end close".into(),
        by: "Jonas Weber".into(),
        made_at: NOW.plus_seconds(-86_400),
        times: FreezeTimes::Once { from, until, zone: "Europe/Berlin".into() },
        now: Some(Span { from, until }),
        next: None,
        denied: None,
    }
}

/// All environments, each Friday night; nobody asked may end it.
fn repeating() -> Freeze {
    let from = NOW.plus_seconds(55 * 3600 + 28 * 60);
    Freeze {
        id: 8,
        environment: None,
        project: None,
        reason: "Nobody is there".into(),
        times: FreezeTimes::Repeating {
            schedule: "0 22 * * 5".into(),
            seconds: 8 * 3600,
            zone: "UTC".into(),
        },
        now: None,
        next: Some(Span { from, until: from.plus_seconds(8 * 3600) }),
        denied: Some("needs freezes/delete".into()),
        ..freeze()
    }
}

/// search in prod, by the rollback of a change; somebody pushed against it.
fn hold() -> Hold {
    Hold {
        id: 3,
        app: "search".into(),
        slug: "search".into(),
        project: "storefront".into(),
        environment: environment("prod", 2, true),
        version: Some("3.8.2".into()),
        reason: "p99 latency".into(),
        owner: "Priya Nair".into(),
        placed_at: NOW.plus_seconds(-21 * 3600),
        expires_at: Some(NOW.plus_seconds(3 * 3600 + 720)),
        change: Some(1836),
        broken_by: Some(CommitRef {
            id: format!("{:0<40}", "3f9e2b7"),
            subject: "Bump search".into(),
            author: "Sam Okafor".into(),
            at: NOW.plus_seconds(-1800),
        }),
        denied: None,
    }
}

/// What a fleet with a bit of each has.
pub(crate) fn gates() -> GateList {
    let window = |project: &str, kind: &str, is_open| SyncWindowRow {
        control_plane: "mgmt".into(),
        project: project.into(),
        kind: kind.into(),
        schedule: "0 8 * * 1-5".into(),
        duration: "10h".into(),
        zone: "Europe/Berlin".into(),
        applies_to: "applications *-prod; clusters prod-*".into(),
        manual_sync: kind == "allow",
        is_open,
    };
    GateList {
        now: NOW,
        freezes: vec![freeze(), repeating()],
        holds: vec![
            hold(),
            Hold {
                id: 4,
                app: "media".into(),
                slug: "media".into(),
                project: "fulfilment".into(),
                version: None,
                reason: "Event is over".into(),
                owner: "Aiko Tanaka".into(),
                placed_at: NOW.plus_seconds(-9 * 86_400),
                expires_at: None,
                change: None,
                broken_by: None,
                denied: Some("needs holds/release".into()),
                ..hold()
            },
        ],
        windows: vec![
            window("storefront", "allow", Some(true)),
            window("fulfilment", "deny", Some(true)),
            window("platform", "deny", None),
        ],
        environments: vec![
            environment("dev", 0, false),
            environment("staging", 1, false),
            environment("prod", 2, true),
        ],
        projects: vec!["fulfilment".into(), "payments".into(), "storefront".into()],
        freeze_denied: None,
    }
}
