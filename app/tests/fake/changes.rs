//! Changes of a test: what it put there, and what was asked.

use std::sync::Mutex;

use model::{
    Actor, AppError, Timestamp,
    backend::{Answer, Changes},
    change::{
        Approval, ChangeApp, ChangeDetail, ChangeGroup, ChangeList, ChangeRow, ChangeState, DecideChange,
        ListChanges, May, Rollout, RolloutStage, StartChange, Started, Step, Verdict, WaitingList,
    },
    gate::GateKind,
    operation::Outcome,
    plan::PlanKind,
    status::{Environment, Health},
};

use super::{
    Fake, NOW, id,
    plans::{HASH, file, gate, prod},
};

pub(crate) const COMMIT: &str = "3f9e2b7a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e";

/// What a test holds of changes, and what was asked of it.
pub(crate) struct KnownChanges {
    pub(crate) list: ChangeList,
    pub(crate) detail: ChangeDetail,
    pub(crate) waiting: WaitingList,
    /// Whether what is asked for had been asked for before.
    pub(crate) existed: bool,
    pub(crate) listed: Mutex<Vec<ListChanges>>,
    pub(crate) started: Mutex<Vec<StartChange>>,
    pub(crate) cancelled: Mutex<Vec<u64>>,
    pub(crate) decided: Mutex<Vec<DecideChange>>,
}

impl Default for KnownChanges {
    fn default() -> Self {
        Self {
            list: list(),
            detail: rolling_out(),
            waiting: WaitingList { now: NOW, to_decide: Vec::new(), asked: Vec::new(), decided: Vec::new() },
            existed: false,
            listed: Mutex::default(),
            started: Mutex::default(),
            cancelled: Mutex::default(),
            decided: Mutex::default(),
        }
    }
}

impl Changes for Fake {
    fn start_change<'a>(&'a self, _: &'a Actor, request: StartChange) -> Answer<'a, Started> {
        self.changes.started.lock().expect("unpoisoned").push(request);
        let (change, existed) = (self.changes.detail.row.id, self.changes.existed);
        let started = Started { change, existed, sentence: "It begins.".into() };
        self.answer(self.refusing.clone().map_or(Ok(started), Err))
    }

    fn get_change<'a>(&'a self, _: &'a Actor, id: u64) -> Answer<'a, ChangeDetail> {
        let known = self.changes.detail.row.id == id;
        let missing = AppError::NotFound { what: format!("Change {id}") };
        self.answer(if known { Ok(self.changes.detail.clone()) } else { Err(missing) })
    }

    fn list_changes<'a>(&'a self, _: &'a Actor, query: ListChanges) -> Answer<'a, ChangeList> {
        self.changes.listed.lock().expect("unpoisoned").push(query);
        self.answer(Ok(self.changes.list.clone()))
    }

    fn cancel_change<'a>(&'a self, _: &'a Actor, id: u64) -> Answer<'a, Outcome> {
        self.changes.cancelled.lock().expect("unpoisoned").push(id);
        self.act("The change is cancelled.")
    }

    fn decide_change<'a>(&'a self, _: &'a Actor, request: DecideChange) -> Answer<'a, Outcome> {
        self.changes.decided.lock().expect("unpoisoned").push(request);
        self.act("Your word is on the record.")
    }

    fn list_waiting<'a>(&'a self, _: &'a Actor) -> Answer<'a, WaitingList> {
        self.answer(Ok(self.changes.waiting.clone()))
    }
}

fn staging() -> Environment {
    Environment::Known { name: "staging".into(), rank: 1, protected: false, why: "its path".into() }
}

fn minutes_ago(minutes: i64) -> Timestamp {
    NOW.plus_seconds(-60 * minutes)
}

pub(crate) fn change_app(name: &str, before: &str, after: &str) -> ChangeApp {
    ChangeApp {
        name: name.into(),
        slug: name.into(),
        before: Some(before.into()),
        after: Some(after.into()),
        by: None,
    }
}

/// web-app to prod, by Maya, half an hour ago.
pub(crate) fn change_row(id: u64, state: ChangeState, steps: u8) -> ChangeRow {
    ChangeRow {
        id,
        kind: PlanKind::Promote,
        title: "Promote web-app".into(),
        from: "staging".into(),
        environment: prod(),
        apps: vec![change_app("web-app", "1.4.1", "1.4.2")],
        state,
        why: String::new(),
        who: "Maya Lindqvist".into(),
        reason: "Release train 48".into(),
        asked_at: minutes_ago(30),
        since: minutes_ago(4),
        ended_at: None,
        commit: Some(COMMIT.to_owned()).filter(|_| steps >= 3),
        steps,
        by: None,
    }
}

/// Returns a page with a change of each kind of state.
fn list() -> ChangeList {
    let ended = |row: ChangeRow, began: i64, took: i64| ChangeRow {
        asked_at: minutes_ago(began),
        since: minutes_ago(began - took),
        ended_at: Some(minutes_ago(began - took)),
        ..row
    };
    let train = ChangeRow {
        title: "Promote 3 apps".into(),
        environment: staging(),
        apps: vec![
            change_app("api", "8.1.9", "8.2.0"),
            change_app("worker", "1.19.3", "1.19.4"),
            change_app("catalog", "1.41.0", "1.42.0"),
        ],
        who: "Priya Nair".into(),
        ..change_row(1841, ChangeState::Soaking, 5)
    };
    let one = |title: &str, app: ChangeApp, row: ChangeRow| ChangeRow {
        title: title.into(),
        apps: vec![app],
        ..row
    };
    let day = 24 * 60;
    let rows = vec![
        ChangeRow {
            why: "1 of 2 Applications is at 3f9e2b7 and Healthy".into(),
            ..change_row(1842, ChangeState::RollingOut, 3)
        },
        train,
        one(
            "Promote ledger",
            change_app("ledger", "2.8.0", "2.8.1"),
            ChangeRow {
                why: "prod is frozen for payments until Thu 26 Nov 18:00 UTC: quarter-end close".into(),
                ..change_row(1839, ChangeState::Waiting, 2)
            },
        ),
        one(
            "Promote auth",
            change_app("auth", "4.3.9", "4.4.0"),
            ChangeRow { why: "1 of 2 given".into(), ..change_row(1843, ChangeState::AwaitingApproval, 1) },
        ),
        one(
            "Promote checkout",
            change_app("checkout", "5.8.2", "5.9.0"),
            ChangeRow {
                why: "checkout-prod is Degraded".into(),
                ..change_row(1840, ChangeState::NeedsAttention, 3)
            },
        ),
        one(
            "Promote worker",
            change_app("worker", "1.19.2", "1.19.3"),
            ended(change_row(1838, ChangeState::Done, 6), 90, 34),
        ),
        one(
            "Promote search",
            change_app("search", "3.8.2", "3.8.4"),
            ChangeRow { by: Some(1837), ..ended(change_row(1836, ChangeState::RolledBack, 6), day * 3, 48) },
        ),
        one(
            "Promote session-cache",
            change_app("session-cache", "7.3.0", "7.4.1"),
            ChangeRow {
                why: "The remote refused the push: protected branch".into(),
                ..ended(change_row(1826, ChangeState::Failed, 2), day * 5, 2)
            },
        ),
    ];
    ChangeList {
        now: NOW,
        matching: 1843,
        total: 1843,
        page: 1,
        per_page: 50,
        groups: vec![
            (ChangeGroup::InFlight, 3),
            (ChangeGroup::ForPerson, 2),
            (ChangeGroup::Done, 1772),
            (ChangeGroup::Failed, 20),
            (ChangeGroup::RolledBack, 38),
            (ChangeGroup::Superseded, 8),
        ],
        people: vec!["Maya Lindqvist".into(), "Priya Nair".into(), "token ci-release".into()],
        environments: vec![staging(), prod()],
        rows,
    }
}

fn step(minutes: i64, state: ChangeState, who: &str, text: &str) -> Step {
    Step { at: minutes_ago(minutes), state, who: who.into(), text: text.into() }
}

pub(crate) fn rollout(name: &str, cluster: &str, stage: RolloutStage, health: Health) -> Rollout {
    Rollout {
        application: id(name),
        cluster: cluster.into(),
        stage,
        health,
        revision: Some(COMMIT.into()).filter(|_| stage > RolloutStage::Committed),
        why: String::new(),
        since: minutes_ago(3),
        took_seconds: (stage >= RolloutStage::Healthy).then_some(72),
    }
}

pub(crate) fn approval(who: &str, comment: &str) -> Approval {
    Approval {
        who: who.into(),
        verdict: Verdict::Approve,
        comment: comment.into(),
        at: minutes_ago(12),
        expires_at: NOW.plus_seconds(3600 * 20),
        void: None,
        is_own: false,
    }
}

/// A change whose commit is made, and that Argo CD brings to two clusters.
pub(crate) fn rolling_out() -> ChangeDetail {
    ChangeDetail {
        now: NOW,
        row: change_row(1842, ChangeState::RollingOut, 3),
        plan: HASH.into(),
        repository: "https://git.example/fleet.git".into(),
        branch: "main".into(),
        message: Some(
            "Promote web-app 1.4.2 to prod\n\nQuarterdeck-Change: 0b1c\nQuarterdeck-Actor: maya@example.org\n".into(),
        ),
        files: vec![file("web-app", "1.4.1", "1.4.2")],
        timeline: vec![
            step(30, ChangeState::AwaitingApproval, "Maya Lindqvist", "From staging at 1.4.2. 1 file, 1 field."),
            step(12, ChangeState::Queued, "Priya Nair", "2 of 2 approved."),
            step(4, ChangeState::Pushed, "", "3f9e2b7 on main, pushed at the second try."),
            step(3, ChangeState::RollingOut, "", "Argo CD saw 3f9e2b7 in prod-eu-1."),
        ],
        gates: vec![
            gate(GateKind::Health, true, "web-app Healthy in staging-eu-1 at 14:02:11"),
            gate(GateKind::Approval, true, "2 of 2, both bound to plan b71e 90c4 5d2a"),
        ],
        rollout: vec![
            rollout("web-app-prod-eu-1", "prod-eu-1", RolloutStage::Healthy, Health::Healthy),
            Rollout {
                why: "waits for wave 1: Deployment/web-app, 2 pods start".into(),
                ..rollout("web-app-prod-us-1", "prod-us-1", RolloutStage::Syncing, Health::Progressing)
            },
        ],
        approvals: vec![approval("Priya Nair", "Smoke tests green."), approval("Jonas Weber", "")],
        quorum: 2,
        soak_seconds: 1800,
        decide: None,
        cancel: None,
        undo: Some(May::Yes),
    }
}

/// A change that nobody decided about yet.
pub(crate) fn awaiting_approval() -> ChangeDetail {
    ChangeDetail {
        row: ChangeRow { why: "0 of 2 given".into(), ..change_row(1842, ChangeState::AwaitingApproval, 1) },
        message: None,
        timeline: vec![step(
            30,
            ChangeState::AwaitingApproval,
            "Maya Lindqvist",
            "From staging at 1.4.2. 1 file, 1 field.",
        )],
        gates: vec![gate(GateKind::Approval, false, "0 of 2 given")],
        rollout: Vec::new(),
        approvals: Vec::new(),
        decide: Some(May::Yes),
        cancel: Some(May::Yes),
        undo: None,
        ..rolling_out()
    }
}
