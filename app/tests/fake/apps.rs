//! Apps over dev, staging and prod, as the engine would answer for them.

use std::sync::Mutex;

use model::{
    Actor, AppError,
    application::FacetValue,
    apps::{
        Act, ActKind, AppDetail, AppEnvironment, AppFacets, AppRow, Cell, CellDetail, CellId, CellState,
        Column, Comparison, FieldDifference, Lag, ListApps, Mark, Matrix, Release, ReleaseRef, SavedView,
        Station,
    },
    backend::{Answer, Apps},
    operation::Outcome,
    repository::{RepositoryList, RepositoryRow},
    status::{Environment, Freshness, Health, Sync},
};

use super::{Fake, NOW, id, row};

/// What the fleet knows of apps, and what was asked of it.
pub(crate) struct KnownApps {
    pub(crate) matrix: Matrix,
    pub(crate) app: AppDetail,
    /// What a comparison answers; none for an error.
    pub(crate) comparison: Option<Comparison>,
    pub(crate) repositories: Vec<RepositoryRow>,
    pub(crate) asked: Mutex<Vec<ListApps>>,
    pub(crate) compared: Mutex<Vec<(String, String)>>,
    pub(crate) saved: Mutex<Vec<SavedView>>,
    pub(crate) deleted: Mutex<Vec<String>>,
    pub(crate) fetched: Mutex<Vec<String>>,
}

impl Default for KnownApps {
    fn default() -> Self {
        Self {
            matrix: matrix(),
            app: app(),
            comparison: Some(comparison()),
            repositories: Vec::new(),
            asked: Mutex::default(),
            compared: Mutex::default(),
            saved: Mutex::default(),
            deleted: Mutex::default(),
            fetched: Mutex::default(),
        }
    }
}

impl Apps for Fake {
    fn get_matrix<'a>(&'a self, _: &'a Actor, query: ListApps) -> Answer<'a, Matrix> {
        let matrix = Matrix { control_planes: self.planes.clone(), ..self.apps.matrix.clone() };
        self.apps.asked.lock().expect("unpoisoned").push(query);
        self.answer(Ok(matrix))
    }

    fn get_app<'a>(&'a self, _: &'a Actor, slug: String) -> Answer<'a, AppDetail> {
        let app = Some(self.apps.app.clone()).filter(|app| app.slug == slug);
        self.answer(app.ok_or_else(|| AppError::NotFound { what: format!("App {slug}") }))
    }

    fn get_cell<'a>(&'a self, _: &'a Actor, id: CellId) -> Answer<'a, CellDetail> {
        let app = &self.apps.app;
        let here = app.environments.iter().find(|it| it.environment == id.environment && app.slug == id.app);
        let detail = here.and_then(|here| {
            Some(CellDetail {
                now: NOW,
                id: id.clone(),
                name: app.name.clone(),
                environment: Environment::Known {
                    name: here.environment.clone(),
                    rank: here.rank,
                    protected: here.protected,
                    why: "its path".into(),
                },
                cell: here.cell.clone()?,
                release: app.releases.first().map(|it| it.release.clone()),
                acts: here.acts.clone(),
                applications: here.applications.clone(),
            })
        });
        self.answer(detail.ok_or_else(|| AppError::NotFound { what: format!("App {}", id.app) }))
    }

    fn compare_environments<'a>(
        &'a self,
        _: &'a Actor,
        _: String,
        from: String,
        to: String,
    ) -> Answer<'a, Comparison> {
        self.apps.compared.lock().expect("unpoisoned").push((from.clone(), to.clone()));
        let comparison = self.apps.comparison.clone().map(|it| Comparison { from, to, ..it });
        self.answer(comparison.ok_or_else(|| AppError::Unavailable {
            what: "The repository".into(),
            why: "its host key is not known".into(),
        }))
    }

    fn save_view<'a>(&'a self, _: &'a Actor, view: SavedView) -> Answer<'a, Outcome> {
        self.apps.saved.lock().expect("unpoisoned").push(view);
        self.act("The view is kept.")
    }

    fn delete_view<'a>(&'a self, _: &'a Actor, name: String) -> Answer<'a, Outcome> {
        self.apps.deleted.lock().expect("unpoisoned").push(name);
        self.act("The view is forgotten.")
    }

    fn list_repositories<'a>(&'a self, _: &'a Actor) -> Answer<'a, RepositoryList> {
        self.answer(Ok(RepositoryList { now: NOW, repositories: self.apps.repositories.clone() }))
    }

    fn fetch_repository<'a>(&'a self, _: &'a Actor, id: String) -> Answer<'a, Outcome> {
        self.apps.fetched.lock().expect("unpoisoned").push(id);
        self.act("The repository is fetched.")
    }
}

pub(crate) fn mark(application: &str, cluster: &str, state: CellState) -> Mark {
    Mark { application: id(application), cluster: cluster.into(), state }
}

/// A cell on one cluster.
pub(crate) fn cell(version: &str, state: CellState, lag: Lag) -> Cell {
    Cell {
        version: Some(version.into()),
        mixed: false,
        state,
        reason: String::new(),
        since: Some(NOW.plus_seconds(-7200)),
        stale_since: None,
        lag,
        marks: vec![mark("web-app-dev", "dev", state)],
        held: None,
        frozen: None,
        change: None,
    }
}

fn columns() -> Vec<Column> {
    let column =
        |environment: &str, rank, protected, clusters, unreachable, counts: &[(CellState, u32)]| Column {
            environment: environment.into(),
            rank,
            protected,
            clusters,
            unreachable,
            counts: counts.to_vec(),
        };
    vec![
        column("dev", 0, false, 1, 0, &[(CellState::Degraded, 1), (CellState::Healthy, 3)]),
        column("staging", 1, false, 2, 0, &[(CellState::SyncFailed, 1), (CellState::Healthy, 2)]),
        column(
            "prod",
            2,
            true,
            4,
            1,
            &[(CellState::Stale, 1), (CellState::OutOfSync, 1), (CellState::Healthy, 1)],
        ),
    ]
}

fn app_row(name: &str, project: &str, summary: &str, cells: [Option<Cell>; 3]) -> AppRow {
    AppRow {
        slug: name.into(),
        name: name.into(),
        project: project.into(),
        introducible: (0..3).map(|at| at > 0 && cells[at].is_none() && cells[at - 1].is_some()).collect(),
        cells: cells.into(),
        summary: summary.into(),
    }
}

pub(crate) fn matrix() -> Matrix {
    use CellState::{Degraded, Healthy, Missing, OutOfSync, Progressing, Stale, SyncFailed};
    let prod = |name: &str, states: &[CellState]| -> Vec<Mark> {
        let clusters =
            ["prod-eu-1", "prod-us-1", "prod-ap-1", "prod-sa-1", "prod-eu-2", "prod-us-2", "prod-ap-2"];
        states.iter().zip(clusters).map(|(state, cluster)| mark(name, cluster, *state)).collect()
    };
    let rows = vec![
        app_row(
            "billing",
            "payments",
            "2 releases to prod",
            [
                Some(Cell {
                    reason: "1 of 1 pods crash: CrashLoopBackOff".into(),
                    ..cell("6.3.0", Degraded, Lag::First)
                }),
                Some(cell("6.2.1", SyncFailed, Lag::Ahead)),
                Some(Cell {
                    marks: prod("billing-prod", &[Healthy, Healthy, Stale]),
                    stale_since: Some(NOW.plus_seconds(-660)),
                    ..cell("6.2.0", Stale, Lag::Behind(1))
                }),
            ],
        ),
        app_row(
            "search",
            "storefront",
            "even everywhere",
            [
                Some(cell("3.9.1", Progressing, Lag::First)),
                Some(cell("3.9.1", Healthy, Lag::Even)),
                Some(Cell {
                    marks: prod("search-prod", &[Stale]),
                    stale_since: Some(NOW.plus_seconds(-660)),
                    ..cell("3.9.1", Stale, Lag::Even)
                }),
            ],
        ),
        app_row(
            "notifications",
            "storefront",
            "not in prod",
            [Some(cell("1.6.2", Healthy, Lag::First)), Some(cell("1.6.2", Missing, Lag::Even)), None],
        ),
        app_row(
            "web-app",
            "storefront",
            "2 releases to prod",
            [
                None,
                Some(Cell { mixed: true, ..cell("2.14.1", Healthy, Lag::Differs) }),
                Some(Cell {
                    marks: prod(
                        "web-app-prod",
                        &[Healthy, Healthy, Healthy, Healthy, OutOfSync, Healthy, Healthy],
                    ),
                    ..cell("2.14.0", OutOfSync, Lag::Behind(2))
                }),
            ],
        ),
    ];
    let value = |value: &str, count| FacetValue { value: value.into(), count };
    Matrix {
        now: NOW,
        columns: columns(),
        matching: rows.len() as u32,
        total: rows.len() as u32,
        rows,
        page: 1,
        per_page: 100,
        facets: AppFacets {
            project: vec![value("payments", 1), value("storefront", 3)],
            health: vec![value("Degraded", 1), value("Sync failed", 1), value("Stale", 2)],
            environment: vec![value("dev", 3), value("staging", 4), value("prod", 3)],
        },
        views: vec![SavedView {
            name: "Behind in prod".into(),
            query: ListApps {
                q: "behind".into(),
                environment: vec!["staging".into(), "prod".into()],
                ..Default::default()
            },
        }],
        control_planes: Vec::new(),
        without_environment: 0,
    }
}

pub(crate) fn act(kind: ActKind, to: Option<&str>, denied: Option<&str>) -> Act {
    Act { kind, to: to.map(Into::into), denied: denied.map(Into::into) }
}

pub(crate) fn release(version: &str, commit: &str, subject: &str, stations: [Station; 3]) -> Release {
    Release {
        release: ReleaseRef {
            version: version.into(),
            commit: format!("{commit:0<40}"),
            subject: subject.into(),
            author: "Aiko Tanaka".into(),
            at: NOW.plus_seconds(-10_800),
        },
        stations: stations.into(),
    }
}

pub(crate) fn app() -> AppDetail {
    let ago = |hours: i64| NOW.plus_seconds(-hours * 3600);
    let was = |from: i64, to: i64| Station::WasLive { from: ago(from), to: ago(to) };
    let stale = Freshness::Stale { since: NOW.plus_seconds(-660), why: "the cluster does not answer".into() };
    let prod_ap = model::application::ApplicationRow {
        cluster: "prod-ap-1".into(),
        freshness: stale,
        ..row("web-app-prod-ap-1", Health::Healthy, Sync::Synced)
    };
    let environments = vec![
        AppEnvironment {
            environment: "dev".into(),
            rank: 0,
            protected: false,
            cell: Some(cell("2.15.0", CellState::Healthy, Lag::First)),
            applications: vec![row("web-app-dev", Health::Healthy, Sync::Synced)],
            acts: vec![
                act(ActKind::Promote, Some("staging"), None),
                act(ActKind::RollBack, None, None),
                act(ActKind::Sync, None, None),
                act(ActKind::Refresh, None, None),
            ],
        },
        AppEnvironment {
            environment: "staging".into(),
            rank: 1,
            protected: false,
            cell: Some(Cell {
                reason: "hook migrate failed: exit 1".into(),
                marks: vec![mark("web-app-staging", "staging-eu-1", CellState::SyncFailed)],
                ..cell("2.14.1", CellState::SyncFailed, Lag::Behind(1))
            }),
            applications: vec![row("web-app-staging", Health::Healthy, Sync::Synced)],
            acts: vec![
                act(ActKind::Promote, Some("prod"), Some("needs promotions/create")),
                act(ActKind::RollBack, None, Some("needs rollbacks/create")),
            ],
        },
        AppEnvironment {
            environment: "prod".into(),
            rank: 2,
            protected: true,
            cell: Some(Cell {
                marks: vec![
                    mark("web-app-prod-eu-1", "prod-eu-1", CellState::Healthy),
                    mark("web-app-prod-us-1", "prod-us-1", CellState::OutOfSync),
                    mark("web-app-prod-ap-1", "prod-ap-1", CellState::Stale),
                ],
                stale_since: Some(NOW.plus_seconds(-660)),
                ..cell("2.14.0", CellState::Stale, Lag::Behind(1))
            }),
            applications: vec![
                row("web-app-prod-eu-1", Health::Healthy, Sync::Synced),
                row("web-app-prod-us-1", Health::Healthy, Sync::OutOfSync),
                prod_ap,
            ],
            acts: vec![act(ActKind::Sync, None, None), act(ActKind::Refresh, None, None)],
        },
    ];
    let late = Station::OnTheWay { since: ago(1), state: CellState::Degraded };
    AppDetail {
        now: NOW,
        slug: "web-app".into(),
        name: "web-app".into(),
        project: "storefront".into(),
        why: "they deploy from apps/web-app of https://git.example.com/fleet.git".into(),
        repository: Some("https://git.example.com/fleet.git".into()),
        base_path: Some("apps/web-app".into()),
        environments,
        releases: vec![
            release(
                "2.15.0",
                "a41f09c",
                "Facet counts by availability",
                [Station::Live { since: ago(3) }, late, Station::None],
            ),
            release(
                "2.14.1",
                "5e0c771",
                "Fix price rounding in CHF",
                [was(47, 3), Station::Skipped { version: "2.15.0".into() }, Station::None],
            ),
            release(
                "2.14.0",
                "d19aa34",
                "Cache of the category tree",
                [
                    was(60, 47),
                    Station::RolledBack { from: ago(50), to: NOW.plus_seconds(-50 * 3600 + 2400) },
                    Station::Live { since: ago(50) },
                ],
            ),
        ],
        releases_note: None,
        control_planes: Vec::new(),
    }
}

fn comparison() -> Comparison {
    let difference =
        |file: &str, field: Option<&str>, from: Option<&str>, to: Option<&str>, why: &str| FieldDifference {
            file: file.into(),
            field: field.map(Into::into),
            from: from.map(Into::into),
            to: to.map(Into::into),
            why: why.into(),
        };
    Comparison {
        slug: "web-app".into(),
        name: "web-app".into(),
        from: "dev".into(),
        to: "staging".into(),
        commit: format!("{:0<40}", "c41d7e2"),
        travels: vec![difference(
            "kustomization.yaml",
            Some("images[0].newTag"),
            Some("2.15.0"),
            Some("2.14.1"),
            "",
        )],
        unlisted: vec![difference(
            "patch.yaml",
            None,
            Some("kind: Deployment"),
            None,
            "no rule names this file",
        )],
        expected: vec![difference(
            "kustomization.yaml",
            Some("namespace"),
            Some("web-app-dev"),
            Some("web-app-staging"),
            "namespaces differ",
        )],
    }
}
