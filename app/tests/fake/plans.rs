//! Plans, earlier states and repositories of a test: what it put there, and what was asked.

use std::sync::Mutex;

use model::{
    Actor, AppError, AppResult, Timestamp,
    application::ApplicationRow,
    apps::{AppFacets, AppRow, Cell, CellId, CellState, Column, Lag, Matrix},
    backend::{Answer, Plans},
    gate::{Gate, GateKind},
    plan::{
        AskPlan, AskPromotion, AskRollback, ChangeKind, CommitRef, EarlierState, EarlierStates, FileChange,
        ForeignEdit, Move, ObjectChange, Plan, PlanDetail, PlanKind, PlanRow, Ran, RenderedApplication,
        RowOutcome, Standing, Stay, Touched, TouchedApplication, Verified,
    },
    repository::{Branch, Finding, FoundApp, MirrorState, NotUnderstood, RepositoryRow, Severity},
    status::{Environment, Freshness, Health, Sync},
};

use super::{Fake, NOW, id, row};

pub(crate) const HASH: &str = "b71e90c45d2a0f3e8d2f6a1c41d7e2a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6";
pub(crate) const HEAD: &str = "8d2f6a1a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e";
pub(crate) const GOOD: &str = "09be1f4a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e";

/// What a test holds of plans, and what was asked of it.
pub(crate) struct Planned {
    pub(crate) detail: PlanDetail,
    pub(crate) preview: AppResult<PlanDetail>,
    pub(crate) states: EarlierStates,
    pub(crate) asked: Mutex<Vec<AskPlan>>,
    pub(crate) previewed: Mutex<Vec<AskPlan>>,
}

impl Default for Planned {
    fn default() -> Self {
        Self {
            detail: promotion(),
            preview: Ok(rollback()),
            states: states(),
            asked: Mutex::default(),
            previewed: Mutex::default(),
        }
    }
}

impl Plans for Fake {
    fn preview_plan<'a>(&'a self, _: &'a Actor, ask: AskPlan) -> Answer<'a, PlanDetail> {
        self.planned.previewed.lock().expect("unpoisoned").push(ask);
        self.answer(self.planned.preview.clone())
    }

    fn make_plan<'a>(&'a self, _: &'a Actor, ask: AskPlan) -> Answer<'a, PlanDetail> {
        self.planned.asked.lock().expect("unpoisoned").push(ask);
        self.answer(self.refusing.clone().map_or(Ok(self.planned.detail.clone()), Err))
    }

    fn get_plan<'a>(&'a self, _: &'a Actor, hash: String) -> Answer<'a, PlanDetail> {
        let known = self.planned.detail.plan.hash == hash;
        let missing = AppError::NotFound { what: format!("Plan {hash}") };
        self.answer(if known { Ok(self.planned.detail.clone()) } else { Err(missing) })
    }

    fn list_earlier_states<'a>(&'a self, _: &'a Actor, _: CellId) -> Answer<'a, EarlierStates> {
        self.answer(Ok(self.planned.states.clone()))
    }
}

/// Returns a matrix of four apps, those whose names contain `q`.
pub(crate) fn matrix(q: &str) -> Matrix {
    let rows = [
        app(
            "web-app",
            [Some("1.5.0"), Some("1.4.2"), Some("1.4.2")],
            [Lag::First, Lag::Behind(2), Lag::Even],
        ),
        app("api", [Some("2.1.0"), Some("2.0.1"), Some("2.0.1")], [Lag::First, Lag::Behind(1), Lag::Even]),
        app("auth", [Some("4.3.0"), Some("4.3.0"), Some("4.2.7")], [Lag::First, Lag::Even, Lag::Behind(1)]),
        app("ledger", [Some("0.3.1"), None, None], [Lag::First, Lag::First, Lag::First]),
    ];
    let rows: Vec<_> = rows.into_iter().filter(|row| row.name.contains(q)).collect();
    let column = |environment: &str, rank, protected| Column {
        environment: environment.into(),
        rank,
        protected,
        clusters: 1,
        unreachable: 0,
        counts: Vec::new(),
    };
    Matrix {
        now: NOW,
        columns: vec![column("dev", 0, false), column("staging", 1, false), column("prod", 2, true)],
        matching: rows.len() as u32,
        total: 4,
        rows,
        page: 1,
        per_page: 500,
        facets: AppFacets::default(),
        views: Vec::new(),
        control_planes: Vec::new(),
        without_environment: 0,
    }
}

/// Returns a repository that is fresh, and one that cannot be fetched.
pub(crate) fn repositories() -> Vec<RepositoryRow> {
    vec![fleet(), failing()]
}

fn app(name: &str, versions: [Option<&str>; 3], lags: [Lag; 3]) -> AppRow {
    let cell = |version: Option<&str>, lag| {
        version.map(|version| Cell {
            version: Some(version.into()),
            mixed: false,
            state: CellState::Healthy,
            reason: String::new(),
            since: None,
            stale_since: None,
            lag,
            marks: Vec::new(),
            held: None,
            frozen: None,
            change: None,
        })
    };
    AppRow {
        slug: name.into(),
        name: name.into(),
        project: "storefront".into(),
        introducible: vec![false; 3],
        cells: versions.into_iter().zip(lags).map(|(version, lag)| cell(version, lag)).collect(),
        summary: String::new(),
    }
}

pub(crate) fn prod() -> Environment {
    Environment::Known { name: "prod".into(), rank: 2, protected: true, why: "its cluster".into() }
}

pub(crate) fn commit(id: &str, subject: &str, author: &str, hours: i64) -> CommitRef {
    CommitRef {
        id: format!("{id:0<40}"),
        subject: subject.into(),
        author: author.into(),
        at: NOW.plus_seconds(-3600 * hours),
    }
}

/// A row that moves from one tag to another.
pub(crate) fn moving(app: &str, before: &str, after: &str) -> PlanRow {
    PlanRow {
        app: app.into(),
        slug: Some(app.into()),
        base_path: format!("apps/{app}"),
        outcome: RowOutcome::Moves,
        before: Some(before.into()),
        after: Some(after.into()),
        source_commit: HEAD.into(),
        later: None,
        moves: vec![Move {
            file: format!("apps/{app}/overlays/prod/kustomization.yaml"),
            field: "images[0].newTag".into(),
            before: Some(before.into()),
            after: Some(after.into()),
        }],
        stays: Vec::new(),
        foreign: Vec::new(),
        commits: vec![
            commit("3f9e2b7", &format!("Release {app} {after}"), "erin", 5),
            commit("77ad03c", &format!("Tune {app}"), "Priya Nair", 40),
        ],
        last_touched: None,
        verified: Verified::Healthy { since: Some(NOW.plus_seconds(-6 * 3600)) },
        warnings: Vec::new(),
    }
}

pub(crate) fn file(app: &str, before: &str, after: &str) -> FileChange {
    let path = format!("apps/{app}/overlays/prod/kustomization.yaml");
    let patch = format!(
        "diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -4,3 +4,3 @@ images:\n images:\n   - name: registry.example/{app}\n-    newTag: {before} # moved by promotion only\n+    newTag: {after} # moved by promotion only\n"
    );
    FileChange { path, patch }
}

fn stay(field: &str, source: &str, target: &str, expected: bool) -> Stay {
    Stay {
        file: "kustomization.yaml".into(),
        field: Some(field.into()),
        source: Some(source.into()),
        target: Some(target.into()),
        why: if expected { "replicas differ by environment" } else { "not listed as what travels" }.into(),
        expected,
    }
}

fn touched(name: &str, cluster: &str, freshness: Freshness) -> TouchedApplication {
    TouchedApplication {
        id: id(name),
        app: name.trim_end_matches("-prod").into(),
        environment: prod(),
        cluster: cluster.into(),
        namespace: "shop".into(),
        freshness,
        shares: None,
    }
}

pub(crate) fn change(what: ChangeKind, kind: &str, name: &str, noise: bool) -> ObjectChange {
    ObjectChange {
        what,
        api_version: if kind == "Job" { "batch/v1".into() } else { "apps/v1".into() },
        kind: kind.into(),
        namespace: "shop".into(),
        name: name.into(),
        noise,
        patch: "@@ -38,3 +38,3 @@\n       containers:\n-          image: registry.example/web-app:1.4.1\n+          image: registry.example/web-app:1.4.2\n         - name: web-app\n".into(),
    }
}

fn rendered(name: &str, cluster: &str) -> RenderedApplication {
    RenderedApplication {
        application: id(name),
        cluster: cluster.into(),
        not_rendered: None,
        objects: 12,
        changes: vec![
            change(ChangeKind::Changed, "Deployment", "web-app", false),
            change(ChangeKind::Added, "ConfigMap", "web-app-config-7f8", true),
            change(ChangeKind::Removed, "CronJob", "web-app-report", false),
        ],
        findings: Vec::new(),
    }
}

/// web-app from staging to prod.
pub(crate) fn promotion() -> PlanDetail {
    let row = PlanRow {
        stays: vec![
            stay("replicas[0].count", "2", "6", true),
            stay("configMapGenerator[0].literals[0]", "LOG_LEVEL=debug", "LOG_LEVEL=info", false),
        ],
        ..moving("web-app", "1.4.1", "1.4.2")
    };
    let silent =
        Freshness::Unreachable { since: NOW.plus_seconds(-660), why: "TLS handshake timeout".into() };
    PlanDetail {
        now: NOW,
        plan: Plan {
            kind: PlanKind::Promote,
            repository: Some("https://git.example/fleet.git".into()),
            from: "staging".into(),
            to: "prod".into(),
            commit: HEAD.into(),
            hash: HASH.into(),
            rows: vec![row],
            files: vec![file("web-app", "1.4.1", "1.4.2")],
            warnings: Vec::new(),
        },
        ask: AskPlan::Promote(AskPromotion {
            apps: vec!["web-app".into()],
            from: "staging".into(),
            to: "prod".into(),
            ..AskPromotion::default()
        }),
        target: prod(),
        asked_by: "Tomás Rivera".into(),
        asked_at: NOW.plus_seconds(-540),
        standing: Standing::Valid,
        touched: Touched {
            applications: vec![
                touched("web-app-prod", "prod-eu-1", Freshness::Live),
                touched("web-app-prod-ap", "prod-ap-1", silent),
            ],
            hidden: 0,
        },
        unseen_unrendered: 0,
        rendered: vec![rendered("web-app-prod", "prod-eu-1"), rendered("web-app-prod-ap", "prod-ap-1")],
        denied: None,
        gates: vec![
            gate(GateKind::Health, true, "Healthy in staging: web-app"),
            gate(GateKind::Freeze, true, "None for web-app in prod"),
            gate(GateKind::Approval, false, "2 asked, 0 given"),
        ],
        typed_environment: Some("prod".into()),
        needs_reason: true,
        change: None,
    }
}

pub(crate) fn gate(kind: GateKind, passed: bool, why: &str) -> Gate {
    Gate { kind, passed, why: why.into() }
}

/// Several apps at once, one of each outcome.
pub(crate) fn train() -> PlanDetail {
    let outcome = |app: &str, outcome| PlanRow {
        outcome,
        moves: Vec::new(),
        commits: Vec::new(),
        verified: Verified::NotKnown,
        ..moving(app, "1.0.0", "1.1.0")
    };
    let foreign = ForeignEdit {
        file: "apps/search/overlays/prod/kustomization.yaml".into(),
        field: "images[0].newTag".into(),
        base: Some("2.10.2".into()),
        promoted_by: Some(commit("aa11bb2", "Promote search 2.10.2 to prod", "Maya Lindqvist", 90)),
        ours: Some("2.10.4-hotfix".into()),
        changed_by: Some(commit("cc33dd4", "Hotfix by hand", "Sam Okafor", 20)),
        theirs: Some("2.11.0".into()),
        source_changed_by: None,
    };
    let mut detail = promotion();
    detail.plan.rows = vec![
        moving("web-app", "1.4.1", "1.4.2"),
        moving("catalog", "3.7.4", "3.8.0"),
        PlanRow {
            foreign: vec![foreign],
            ..outcome("search", RowOutcome::Stopped { why: "Others changed images[0].newTag since.".into() })
        },
        outcome("billing", RowOutcome::Skipped { why: "It is not verified: Degraded in staging.".into() }),
        outcome("auth", RowOutcome::NothingToDo),
        outcome("gateway", RowOutcome::NothingToDo),
    ];
    detail.plan.files = vec![file("web-app", "1.4.1", "1.4.2"), file("catalog", "3.7.4", "3.8.0")];
    detail.ask = AskPlan::Promote(AskPromotion {
        from: "staging".into(),
        to: "prod".into(),
        ..AskPromotion::default()
    });
    detail
}

/// checkout in prod back to 5.8.2.
pub(crate) fn rollback() -> PlanDetail {
    let mut detail = promotion();
    let row = PlanRow { verified: Verified::NotKnown, ..moving("checkout", "5.9.0", "5.8.2") };
    detail.plan = Plan {
        kind: PlanKind::Rollback,
        from: GOOD.into(),
        rows: vec![PlanRow { stays: vec![stay("replicas[0].count", "2", "6", true)], ..row }],
        files: vec![file("checkout", "5.9.0", "5.8.2")],
        ..detail.plan
    };
    detail.ask = AskPlan::Rollback(AskRollback {
        app: "checkout".into(),
        environment: "prod".into(),
        revision: GOOD.into(),
        whole_path: false,
    });
    let application = RenderedApplication {
        changes: vec![
            change(ChangeKind::Changed, "Deployment", "checkout", false),
            change(ChangeKind::Changed, "Job", "checkout-migrate", false),
        ],
        ..rendered("checkout-prod", "prod-eu-1")
    };
    detail.rendered = vec![application];
    detail.gates = vec![gate(GateKind::Freeze, true, "A rollback passes a freeze")];
    detail.touched.applications = vec![touched("checkout-prod", "prod-eu-1", Freshness::Live)];
    detail
}

fn states() -> EarlierStates {
    let day = |days: i64| NOW.plus_seconds(-86_400 * days);
    let state = |id: &str, subject: &str, version: &str, ran| EarlierState {
        commit: commit(id, subject, "Tomás Rivera", 24),
        version: Some(version.into()),
        ran,
        synced_by: None,
        moves: moving("checkout", "5.9.0", version).moves,
    };
    let was = |from, to, healthy| Ran::Was { from: day(from), to: day(to), healthy };
    EarlierStates {
        now: NOW,
        slug: "checkout".into(),
        name: "checkout".into(),
        environment: prod(),
        applications: vec![row("checkout-prod", Health::Degraded, Sync::Synced)],
        states: vec![
            EarlierState {
                moves: Vec::new(),
                ..state(
                    "c41d7e2",
                    "Promote checkout 5.9.0",
                    "5.9.0",
                    Ran::Now { since: NOW.plus_seconds(-2280), healthy: Some(false) },
                )
            },
            state("52c6d10", "Promote checkout 5.8.3", "5.8.3", was(1, 0, Some(false))),
            EarlierState {
                commit: CommitRef {
                    id: GOOD.into(),
                    ..commit("09be1f4", "Promote checkout 5.8.2", "Maya Lindqvist", 150)
                },
                synced_by: Some("maya".into()),
                ..state("", "", "5.8.2", was(7, 1, Some(true)))
            },
            state("77ad03c", "Promote checkout 5.8.1", "5.8.1", was(14, 7, None)),
            state("e01f9ab", "Never synced", "5.8.0", Ran::Asked { from: day(20), to: day(14) }),
        ],
        total: 148,
        note: None,
        denied: None,
    }
}

pub(crate) fn finding(severity: Severity, what: &str) -> Finding {
    Finding {
        severity,
        check: "foreign-namespace".into(),
        path: "apps/web-app/overlays/staging/kustomization.yaml".into(),
        line: Some(3),
        what: what.into(),
        mend: "Set namespace to shop-staging.".into(),
    }
}

fn fleet() -> RepositoryRow {
    RepositoryRow {
        id: "0123456789ab".into(),
        url: "https://git.example/fleet.git".into(),
        control_plane: "mgmt".into(),
        mirror: MirrorState::Fresh { fetched_at: NOW.plus_seconds(-120) },
        bytes: 3 << 20,
        branches: vec![
            Branch { name: "main".into(), head: Some(commit("8d2f6a1", "Release web-app 1.5.0", "erin", 2)) },
            Branch { name: "gone".into(), head: None },
        ],
        applications: 36,
        apps: vec![FoundApp {
            name: "web-app".into(),
            base_path: "apps/web-app".into(),
            layout: "kustomize overlays".into(),
            environments: vec!["dev".into(), "staging".into(), "prod".into()],
        }],
        not_understood: vec![NotUnderstood {
            path: "apps/odd".into(),
            why: "It has overlays and no base.".into(),
        }],
        findings: vec![
            finding(Severity::Error, "It renders into shop-prod, the namespace of prod."),
            finding(Severity::Hint, "Every other app is in prod."),
        ],
    }
}

fn failing() -> RepositoryRow {
    RepositoryRow {
        id: "ba9876543210".into(),
        url: "ssh://git@git.example/other.git".into(),
        mirror: MirrorState::Failing {
            since: NOW.plus_seconds(-1200),
            why: "The host key of git.example is not pinned. Add it to argocd-ssh-known-hosts-cm.".into(),
            fetched_at: None,
        },
        bytes: 0,
        branches: Vec::new(),
        applications: 2,
        apps: Vec::new(),
        not_understood: Vec::new(),
        findings: Vec::new(),
        ..fleet()
    }
}

/// Returns the rows of the Applications that a rollback page names.
pub(crate) fn by_hand(name: &str) -> ApplicationRow {
    ApplicationRow { auto_sync: false, ..row(name, Health::Healthy, Sync::Synced) }
}

/// The moment of the fake, some hours earlier.
pub(crate) fn hours_ago(hours: i64) -> Timestamp {
    NOW.plus_seconds(-3600 * hours)
}
