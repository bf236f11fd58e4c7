//! One program of several that share a database: its index, its mirrors, and its handle on changes.

use std::{path::PathBuf, sync::Arc, time::Duration};

use engine::{
    argo::operation::Operator,
    audit::Denials,
    changes::{ChangeSettings, Changes, LEASE, rollout::Follower},
    db::Db,
    fleet::{
        apps::AppRules,
        clients::Clients,
        detail::Details,
        environment::{EnvironmentSetting, Environments},
        index::{Index, Plane},
    },
    gates::Gates,
    git::{
        mirror::{CredentialSource, Credentials, MirrorError, MirrorSettings, Mirrors, Repo},
        rules::Rules,
    },
    metrics::Metrics,
    plans::Planner,
    render::{self, Mask, Renderer},
    repositories::Repositories,
    tasks::{TaskHandle, Tasks},
};
use futures::future::BoxFuture;
use model::status::Freshness;

use super::{
    fleet::{Fleet, PLANE},
    remote::ENVIRONMENTS,
};

/// What a replica is made from.
pub(crate) struct Setup {
    pub(crate) db: Db,
    /// The repository, as Applications name it.
    pub(crate) url: String,
    /// Of its mirrors; its alone.
    pub(crate) folder: PathBuf,
    pub(crate) git: PathBuf,
    pub(crate) environments: Vec<EnvironmentSetting>,
    pub(crate) settings: ChangeSettings,
    pub(crate) lease: Duration,
    /// Why nobody may push, where that is so.
    pub(crate) lacks: Option<&'static str>,
    pub(crate) clients: Clients,
}

/// One program.
pub(crate) struct Replica {
    pub(crate) db: Db,
    pub(crate) fleet: Fleet,
    pub(crate) planner: Planner,
    pub(crate) gates: Gates,
    pub(crate) changes: Changes,
    pub(crate) follower: Follower,
    pub(crate) tasks: Tasks,
}

impl Setup {
    pub(crate) fn new(db: Db, url: String, folder: PathBuf) -> Self {
        Self {
            db,
            url,
            folder,
            git: "git".into(),
            environments: environments(),
            settings: ChangeSettings::default(),
            lease: LEASE,
            lacks: None,
            clients: Clients::default(),
        }
    }
}

/// Dev, staging and prod, which ask for nothing.
pub(crate) fn environments() -> Vec<EnvironmentSetting> {
    let setting = |name: &&str| EnvironmentSetting { name: (*name).into(), ..EnvironmentSetting::default() };
    ENVIRONMENTS.iter().map(setting).collect()
}

impl Replica {
    /// Makes one of which no task runs yet.
    pub(crate) fn new(setup: Setup) -> Self {
        let (metrics, tasks, denials) = (Metrics::default(), Tasks::default(), Denials::default());
        let plane = Plane {
            freshness: Freshness::Live,
            namespace: "argocd".into(),
            server: "https://mgmt".into(),
            listed: false,
        };
        let environments = Environments::new(&setup.environments).expect("environments");
        let (order, words, asked) = (environments.all(), environments.words(), environments.asked());
        let planes = [(PLANE.to_owned(), plane)];
        let (index, indexer) = Index::new(planes, environments, AppRules::default(), metrics.clone());
        let mirrors = mirrors(&setup, &metrics, &tasks);
        let rules = Rules { environments: words, ..Rules::default() };
        let repositories = Repositories::new(mirrors.clone(), index.clone(), rules, order.clone());
        let details = Details::new(setup.clients.clone(), metrics.clone());
        let gates = Gates::new(setup.db.clone(), index.clone(), denials.clone(), order, asked);
        let planner = Planner {
            db: setup.db.clone(),
            index: index.clone(),
            details: details.clone(),
            repositories: repositories.clone(),
            renderer: Renderer::new(render::Settings::default(), Mask::new([7; 32]), metrics.clone())
                .expect("a renderer"),
            gates: gates.clone(),
            max_age: Duration::ZERO,
        };
        let operator = Operator {
            db: setup.db.clone(),
            denials: denials.clone(),
            index: index.clone(),
            clients: setup.clients,
            details,
            tasks: tasks.clone(),
        };
        let follower = Follower::new(operator, mirrors, setup.settings.rollout);
        let changes = Changes {
            db: setup.db.clone(),
            denials,
            index: index.clone(),
            planner: planner.clone(),
            repositories,
            gates: gates.clone(),
            committer: Arc::new(setup.settings.committer().expect("a committer")),
            settings: Arc::new(setup.settings),
            tasks: tasks.clone(),
            wake: Arc::default(),
            writing: Default::default(),
            holder: uuid::Uuid::new_v4().to_string().into(),
            lease: setup.lease,
        };
        let fleet = Fleet::new(index, indexer, &setup.url);
        Self { db: setup.db, fleet, planner, gates, changes, follower, tasks }
    }

    /// Starts to write what is queued.
    pub(crate) fn write(&self) -> TaskHandle {
        let changes = self.changes.clone();
        self.tasks.supervise("write changes", move || changes.clone().keep_written())
    }

    /// Starts to follow what is pushed.
    pub(crate) fn follow(&self) -> TaskHandle {
        let follower = self.follower.clone();
        self.tasks.supervise("follow changes", move || follower.clone().run())
    }
}

/// What a program before had in this folder it gives back a moment after its end.
fn mirrors(setup: &Setup, metrics: &Metrics, tasks: &Tasks) -> Mirrors {
    let settings = MirrorSettings {
        allow_files: true,
        git: setup.git.clone(),
        interval: Duration::from_secs(3600),
        ..MirrorSettings::new(setup.folder.clone())
    };
    let source = Arc::new(Given { lacks: setup.lacks });
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        match Mirrors::new(settings.clone(), source.clone(), metrics.clone(), tasks.clone()) {
            Err(MirrorError::InUse { .. }) if std::time::Instant::now() < deadline => {
                std::thread::park_timeout(Duration::from_millis(5));
            }
            made => return made.expect("mirrors"),
        }
    }
}

/// Nobody needs credentials for a folder.
struct Given {
    lacks: Option<&'static str>,
}

impl CredentialSource for Given {
    fn credentials<'a>(&'a self, _: &'a Repo) -> BoxFuture<'a, Result<Credentials, String>> {
        Box::pin(async { Ok(Credentials::default()) })
    }

    fn write_credentials<'a>(&'a self, _: &'a Repo) -> BoxFuture<'a, Result<Credentials, String>> {
        Box::pin(async { self.lacks.map_or_else(|| Ok(Credentials::default()), |why| Err(why.to_owned())) })
    }
}
