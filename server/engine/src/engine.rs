//! The composition root: settings in, everything running out.

mod apps;
mod changes;
mod gates;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use kube::Client;
use model::{
    Actor, Timestamp,
    access::{AskPermission, CreateToken, CreatedToken, Permissions, SessionList, SignInOptions, TokenList},
    application::{ApplicationDetail, ApplicationId, ApplicationList, ListApplications},
    backend::{self, Answer, Fleet, Operations, Record},
    cluster::{ClusterDetail, ClusterId, ClusterList},
    operation::{Outcome, RefreshKind, SyncApplication, SyncPreview},
    overview::{Navigation, Overview},
    record::{EventDetail, EventList, ExportPart, ListEvents},
    status::Freshness,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::{
    Error, Result,
    access::{self, Access, AdminPassword, SignInSettings, Verb},
    argo::operation::Operator,
    audit::{
        self, AnchorSetting, Denials, Extent, RecordReader,
        anchor::{Anchoring, keep_anchored},
        verify::LastVerification,
    },
    changes::{ChangeSettings, Changes, LEASE, Writing, rollout::Follower},
    db::{Db, PrivateServer, default_data_dir, keep_up},
    error::explain_kube,
    fleet::{
        apps::{AppRules, AppSettings},
        clients::Clients,
        credentials::AccessSettings,
        detail::{Details, not_found},
        environment::{EnvironmentSetting, Environments},
        index::{Index, Indexer, Plane, Snapshot},
        probe::ProbeSettings,
        view,
        watch::{ControlPlaneSetting, PlaneWatch},
    },
    gates::{Gates, watch_changes, watch_holds},
    history::{self, Observation, Retention},
    metrics::Metrics,
    plans::{self, Planner},
    repositories::{Repositories, RepositorySettings},
    tasks::Tasks,
    webhooks::Webhooks,
};

/// What an engine is made from.
#[derive(Debug)]
pub struct Settings {
    pub control_planes: Vec<ControlPlaneSetting>,
    /// The promotion order; empty for dev, staging, prod.
    pub environments: Vec<EnvironmentSetting>,
    pub probes: ProbeSettings,
    pub access: AccessSettings,
    pub database: DatabaseSetting,
    pub admin_password: AdminPassword,
    pub sign_in: SignInSettings,
    pub retention: Retention,
    /// How Applications are gathered into apps.
    pub apps: AppSettings,
    pub repositories: RepositorySettings,
    pub changes: ChangeSettings,
    /// Where heads of the record are anchored; none for nowhere.
    pub anchor: Option<AnchorSetting>,
}

/// Where PostgreSQL is.
#[derive(Debug)]
pub enum DatabaseSetting {
    /// A server of somebody's.
    Url(SecretString),
    /// A private server under this folder; none for the default one.
    Private(Option<PathBuf>),
}

/// How many surveys of clusters run at once.
const SURVEYS_AT_ONCE: usize = 8;
/// How many entries of history a page of one Application shows, and how many operations the overview.
const HISTORY_SHOWN: u32 = 50;
const OPERATIONS_SHOWN: u32 = 10;

/// Everything that runs.
pub struct Engine {
    access: Access,
    /// In the order of promotions.
    environments: Vec<String>,
    db: Db,
    private_server: Mutex<Option<PrivateServer>>,
    index: Index,
    details: Details,
    operator: Operator,
    repositories: Repositories,
    planner: Planner,
    gates: Gates,
    changes: Changes,
    follower: Follower,
    webhooks: Webhooks,
    record: RecordReader,
    verification: LastVerification,
    denials: Denials,
    tasks: Tasks,
    metrics: Metrics,
    generated_password: Option<SecretString>,
}

impl Engine {
    /// Connects to the database, reads the kubeconfigs, and starts all background tasks.
    ///
    /// # Errors
    /// A setting that cannot be used, or a database that does not answer. A control plane that does not answer is no
    /// error: its state is shown.
    pub async fn start(mut settings: Settings) -> Result<Self> {
        let metrics = Metrics::default();
        let tasks = Tasks::new(metrics.clone());
        let environments = Environments::new(&settings.environments)?;
        let (environment_names, order) = (environments.in_order(), environments.all());
        let asked = environments.asked();
        let apps = AppRules::new(&settings.apps)?;
        let committer = settings.changes.committer()?;
        let rules = settings.repositories.rules(&settings.apps, environments.words());
        let mut planes = Vec::new();
        for setting in &settings.control_planes {
            let config = setting.client_config().await?;
            planes.push((setting.clone(), client(&setting.name, &config)?, config));
        }
        let states = planes.iter().map(|(setting, _, config)| {
            let plane = Plane {
                freshness: Freshness::Connecting,
                namespace: setting.namespace.clone(),
                server: config.cluster_url.to_string(),
                listed: false,
            };
            (setting.name.clone(), plane)
        });
        let (index, indexer) = Index::new(states, environments, apps, metrics.clone());
        let of_planes = planes.iter().map(|(setting, client, _)| (setting.name.clone(), client.clone()));
        let clients = Clients::new(of_planes.collect());
        let details = Details::new(clients.clone(), metrics.clone());
        let of_planes: Vec<_> = planes
            .iter()
            .map(|(setting, client, _)| (setting.name.clone(), client.clone(), setting.namespace.clone()))
            .collect();
        let mirrors = settings.repositories.mirrors(&of_planes, &metrics, &tasks)?;
        let renderer = settings.repositories.renderer(&metrics)?;
        let repositories = Repositories::new(mirrors.clone(), index.clone(), rules, order.clone());
        let webhook_planes = of_planes.into_iter().map(|(_, client, namespace)| (client, namespace));
        let webhooks = Webhooks::new(mirrors, webhook_planes.collect(), metrics.clone());

        let (db, private_server) = open(&settings.database, &tasks).await?;
        let (denials, verification) = (Denials::default(), LastVerification::default());
        let gates = Gates::new(db.clone(), index.clone(), denials.clone(), order, asked);
        let operator = Operator {
            db: db.clone(),
            denials: denials.clone(),
            index: index.clone(),
            clients: clients.clone(),
            details: details.clone(),
            tasks: tasks.clone(),
        };
        let sign_in = std::mem::take(&mut settings.sign_in);
        let access = match Access::new(db.clone(), sign_in, &metrics) {
            Ok(access) => access,
            Err(error) => {
                stop(private_server).await;
                return Err(error);
            }
        };
        let planner = Planner {
            db: db.clone(),
            index: index.clone(),
            details: details.clone(),
            repositories: repositories.clone(),
            renderer,
            gates: gates.clone(),
            max_age: plans::MAX_AGE,
        };
        let follower =
            Follower::new(operator.clone(), repositories.mirrors.clone(), settings.changes.rollout);
        let changes = Changes {
            db: db.clone(),
            denials: denials.clone(),
            index: index.clone(),
            planner: planner.clone(),
            repositories: repositories.clone(),
            gates: gates.clone(),
            committer: Arc::new(committer),
            settings: Arc::new(std::mem::take(&mut settings.changes)),
            tasks: tasks.clone(),
            wake: Arc::default(),
            writing: Writing::default(),
            holder: rand::random::<u128>().to_string().into(),
            lease: LEASE,
        };
        let mut engine = Self {
            access,
            changes,
            follower,
            repositories,
            planner,
            gates,
            webhooks,
            environments: environment_names,
            record: RecordReader::new(db.clone(), verification.clone()),
            verification,
            denials,
            db,
            private_server: Mutex::new(private_server),
            index,
            details,
            operator,
            tasks,
            metrics,
            generated_password: None,
        };
        if let Err(error) = engine.begin(settings, indexer, planes, clients).await {
            // Not without the private database, which would go on by itself.
            engine.shutdown().await;
            return Err(error);
        }
        Ok(engine)
    }

    async fn begin(
        &mut self,
        settings: Settings,
        indexer: Indexer,
        planes: Vec<(ControlPlaneSetting, Client, kube::Config)>,
        clients: Clients,
    ) -> Result<()> {
        self.generated_password = self.access.ensure_local_admin(settings.admin_password).await?;
        // Before anybody is served: an empty book would let everything pass.
        self.gates.reload().await?;
        self.start_tasks(indexer, settings.retention);
        if let (Some(setting), Some((first, ..))) = (settings.anchor, planes.first()) {
            self.start_anchors(setting, first.name.clone());
        }
        let (access, surveys) = (Arc::new(settings.access), Arc::new(Semaphore::new(SURVEYS_AT_ONCE)));
        for (setting, client, config) in planes {
            let watch = Arc::new(PlaneWatch {
                name: setting.name,
                namespace: setting.namespace,
                cluster_secrets: setting.cluster_secrets,
                client,
                config,
                clients: clients.clone(),
                index: self.index.clone(),
                probes: settings.probes,
                access: access.clone(),
                surveys: surveys.clone(),
                metrics: self.metrics.clone(),
                tasks: self.tasks.clone(),
                trouble: Arc::new(Mutex::new(Some("its Applications are not listed yet".into()))),
            });
            self.tasks.supervise(format!("watch control plane {}", watch.name), move || {
                let watch = watch.clone();
                async move { watch.run().await }
            });
        }
        self.operator.resume().await
    }

    fn start_tasks(&self, indexer: Indexer, retention: Retention) {
        let (observations, queue) = mpsc::unbounded_channel();
        let indexer = Arc::new(tokio::sync::Mutex::new(indexer));
        self.tasks.supervise("keep the index", move || {
            let (indexer, observations) = (indexer.clone(), observations.clone());
            async move {
                indexer.lock().await.run(&observations, now).await;
                Ok(())
            }
        });
        let (db, queue) =
            (self.db.clone(), Arc::new(tokio::sync::Mutex::new(HistoryQueue { queue, waiting: Vec::new() })));
        self.tasks.supervise("write history", move || {
            let (db, queue) = (db.clone(), queue.clone());
            async move { queue.lock().await.write(&db).await }
        });
        let repositories = self.repositories.clone();
        self.tasks.supervise("read repositories", move || repositories.clone().keep_read());
        let gates = self.gates.clone();
        self.tasks.supervise("watch changes", move || watch_changes(gates.clone()));
        let changes = self.changes.clone();
        self.tasks.supervise("write changes", move || changes.clone().keep_written());
        let follower = self.follower.clone();
        self.tasks.supervise("follow changes", move || follower.clone().run());
        let (gates, repositories) = (self.gates.clone(), self.repositories.clone());
        self.tasks.supervise("watch holds", move || watch_holds(gates.clone(), repositories.clone()));
        let (db, index) = (self.db.clone(), self.index.clone());
        self.tasks
            .supervise("record changes of policy", move || audit::watch_policies(db.clone(), index.clone()));
        let (db, metrics) = (self.db.clone(), self.metrics.clone());
        self.tasks.supervise("keep the tables in order", move || {
            keep_up(db.clone(), metrics.clone(), retention.clone())
        });
        self.start_record();
    }

    fn start_anchors(&self, setting: AnchorSetting, control_plane: String) {
        let anchoring = Anchoring {
            db: self.db.clone(),
            mirrors: self.repositories.mirrors.clone(),
            committer: self.changes.committer.clone(),
            metrics: self.metrics.clone(),
            control_plane,
            setting,
        };
        self.tasks.supervise("anchor the record", move || keep_anchored(anchoring.clone()));
    }

    fn start_record(&self) {
        let (db, metrics) = (self.db.clone(), self.metrics.clone());
        self.tasks
            .supervise("seal the record", move || audit::chain::keep_sealed(db.clone(), metrics.clone()));
        let (db, last) = (self.db.clone(), self.verification.clone());
        self.tasks
            .supervise("verify the record", move || audit::verify::keep_verified(db.clone(), last.clone()));
        let (db, denials) = (self.db.clone(), self.denials.clone());
        self.tasks.supervise("write denials", move || audit::keep_flushed(db.clone(), denials.clone()));
    }

    /// Returns who signs in, and who is signed in.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Returns the figures for Prometheus.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Returns the background tasks.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Returns the password that was made at the first start, once, to be printed.
    pub fn take_generated_password(&mut self) -> Option<SecretString> {
        self.generated_password.take()
    }

    /// Tells whether requests can be served: the database answers, and each control plane was listed or is known not
    /// to answer.
    ///
    /// # Errors
    /// One sentence that says what is waited for.
    pub async fn readiness(&self) -> Result<(), String> {
        self.db.ping().await.map_err(|error| format!("the database does not answer: {error}"))?;
        let snapshot = self.index.load();
        let waited_for = snapshot.planes.iter().find(|(name, plane)| {
            let is_read = plane.listed && snapshot.rights.is_known(name);
            !is_read && plane.freshness == Freshness::Connecting
        });
        match waited_for {
            Some((name, plane)) if plane.listed => {
                Err(format!("the policies of control plane {name} are not read yet"))
            }
            Some((name, _)) => Err(format!("the Applications of control plane {name} are not listed yet")),
            None => Ok(()),
        }
    }

    /// Ends all tasks and the private database.
    pub async fn shutdown(&self) {
        self.tasks.shutdown().await;
        if let Err(error) = self.denials.flush_all(&self.db).await {
            tracing::error!(error = &error as &dyn std::error::Error, "counted denials could not be written");
        }
        self.db.close().await;
        // Taken out in a statement of its own, so that the lock is not held while it stops.
        let server = self.private_server.lock().unwrap_or_else(PoisonError::into_inner).take();
        stop(server).await;
    }

    /// Returns the fleet as far as the actor may see it.
    fn snapshot(&self, actor: &Actor) -> Arc<Snapshot> {
        self.index.load().seen_by(actor)
    }
}

impl Fleet for Engine {
    fn get_overview<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Overview> {
        Box::pin(async move {
            let snapshot = self.snapshot(actor);
            let may_see = |id: &ApplicationId| snapshot.row(id).is_some();
            let operations = history::latest_operations(&self.db, OPERATIONS_SHOWN, may_see).await;
            let operations = operations.map_err(|error| error.into_answer(actor))?;
            Ok(Overview {
                changes: self.changes.open(actor).await.map_err(|error| error.into_answer(actor))?,
                freezes: self.gates.freezes_now(&snapshot, actor),
                ..view::overview(&snapshot, operations, now())
            })
        })
    }

    fn get_navigation<'a>(&'a self, actor: &'a Actor) -> Answer<'a, Navigation> {
        Box::pin(async move {
            let whole = self.index.load();
            let seen = whole.seen_by(actor);
            let (changes, waiting) =
                self.changes.counts(actor).await.map_err(|error| error.into_answer(actor))?;
            Ok(Navigation {
                changes,
                waiting,
                gates: self.gates.count(&seen, actor),
                may_read_record: Extent::of(&whole, actor, Verb::Get).is_ok(),
                breaks_glass: self.access.breaks_glass(actor),
                ..view::navigation(&seen, &actor.name)
            })
        })
    }

    fn list_applications<'a>(
        &'a self,
        actor: &'a Actor,
        query: ListApplications,
    ) -> Answer<'a, ApplicationList> {
        Box::pin(async move { Ok(view::application_list(&self.snapshot(actor), &query, now())) })
    }

    fn get_application<'a>(&'a self, actor: &'a Actor, id: ApplicationId) -> Answer<'a, ApplicationDetail> {
        Box::pin(async move {
            let snapshot = self.snapshot(actor);
            let row = snapshot.row(&id).ok_or_else(|| not_found(&id).into_answer(actor))?;
            let sync_denied = snapshot.rights.missing(actor, Verb::Sync, &snapshot.object_of(row));
            let history = history::of_application(&self.db, &id, HISTORY_SHOWN).await;
            let history = history.map_err(|error| error.into_answer(actor))?;
            Ok(ApplicationDetail { sync_denied, ..self.details.draw(&snapshot, row, history, now()).await })
        })
    }

    fn list_clusters<'a>(&'a self, actor: &'a Actor) -> Answer<'a, ClusterList> {
        Box::pin(async move { Ok(view::cluster_list(&self.snapshot(actor), now())) })
    }

    fn get_cluster<'a>(&'a self, actor: &'a Actor, id: ClusterId) -> Answer<'a, ClusterDetail> {
        Box::pin(async move {
            let snapshot = self.snapshot(actor);
            view::cluster_detail(&snapshot, &id, now()).ok_or_else(|| model::AppError::NotFound {
                what: format!("Cluster {} of control plane {}", id.name, id.control_plane),
            })
        })
    }

    fn snapshots(&self) -> watch::Receiver<u64> {
        self.index.generations()
    }
}

impl backend::Access for Engine {
    fn sign_in_options(&self) -> SignInOptions {
        self.access.options().clone()
    }

    fn list_sessions<'a>(&'a self, actor: &'a Actor, of_all: bool) -> Answer<'a, SessionList> {
        Box::pin(async move { self.access.list_sessions(&self.index.load().rights, actor, of_all).await })
    }

    fn end_session<'a>(&'a self, actor: &'a Actor, id: String) -> Answer<'a, Outcome> {
        Box::pin(async move { self.access.end_session(&self.index.load().rights, actor, &id).await })
    }

    fn list_tokens<'a>(&'a self, actor: &'a Actor, of_all: bool) -> Answer<'a, TokenList> {
        Box::pin(async move { self.access.list_tokens(&self.index.load().rights, actor, of_all).await })
    }

    fn create_token<'a>(&'a self, actor: &'a Actor, request: CreateToken) -> Answer<'a, CreatedToken> {
        Box::pin(async move { self.access.create_token(actor, &request).await })
    }

    fn revoke_token<'a>(&'a self, actor: &'a Actor, id: String) -> Answer<'a, Outcome> {
        Box::pin(async move { self.access.revoke_token(&self.index.load().rights, actor, &id).await })
    }

    fn get_permissions<'a>(&'a self, actor: &'a Actor, ask: AskPermission) -> Answer<'a, Permissions> {
        Box::pin(async move {
            let snapshot = self.index.load();
            let seen = snapshot.seen_by(actor);
            Ok(access::permissions(&snapshot, &seen, self.environments.clone(), actor, ask))
        })
    }
}

impl Operations for Engine {
    fn preview_sync<'a>(&'a self, actor: &'a Actor, id: ApplicationId) -> Answer<'a, SyncPreview> {
        Box::pin(
            async move { self.operator.preview_sync(actor, &id).await.map_err(|it| it.into_answer(actor)) },
        )
    }

    fn sync_application<'a>(&'a self, actor: &'a Actor, request: SyncApplication) -> Answer<'a, Outcome> {
        Box::pin(async move { self.operator.sync(actor, &request).await.map_err(|it| it.into_answer(actor)) })
    }

    fn refresh_application<'a>(
        &'a self,
        actor: &'a Actor,
        id: ApplicationId,
        kind: RefreshKind,
    ) -> Answer<'a, Outcome> {
        Box::pin(
            async move { self.operator.refresh(actor, &id, kind).await.map_err(|it| it.into_answer(actor)) },
        )
    }

    fn terminate_operation<'a>(&'a self, actor: &'a Actor, id: ApplicationId) -> Answer<'a, Outcome> {
        Box::pin(async move { self.operator.terminate(actor, &id).await.map_err(|it| it.into_answer(actor)) })
    }
}

impl Record for Engine {
    fn list_events<'a>(&'a self, actor: &'a Actor, query: ListEvents) -> Answer<'a, EventList> {
        Box::pin(async move {
            let extent = Extent::of(&self.index.load(), actor, Verb::Get)?;
            self.record.list(actor, &extent, &query).await
        })
    }

    fn get_event<'a>(&'a self, actor: &'a Actor, id: String) -> Answer<'a, EventDetail> {
        Box::pin(async move {
            let extent = Extent::of(&self.index.load(), actor, Verb::Get)?;
            self.record.get(actor, &extent, &id).await
        })
    }

    fn export_events<'a>(
        &'a self,
        actor: &'a Actor,
        query: ListEvents,
        after: u64,
    ) -> Answer<'a, ExportPart> {
        Box::pin(async move {
            let extent = Extent::of(&self.index.load(), actor, Verb::Export)?;
            if after == 0 {
                let (verb, object, details) = ("export", "the record".to_owned(), json!({"filters": query}));
                let intent = audit::Intent { verb, object, environment: None, details };
                let recorded = audit::refuse(&self.db, actor, intent, audit::Outcome::succeeded()).await;
                recorded.map_err(|error| error.into_answer(actor))?;
            }
            self.record.export(actor, &extent, &query, after).await
        })
    }
}

/// What the index saw and history has not written yet. It outlives a failed write, so nothing is lost.
struct HistoryQueue {
    queue: mpsc::UnboundedReceiver<Vec<Observation>>,
    waiting: Vec<Observation>,
}

impl HistoryQueue {
    async fn write(&mut self, db: &Db) -> Result<()> {
        loop {
            if self.waiting.is_empty() {
                match self.queue.recv().await {
                    Some(observations) => self.waiting = observations,
                    None => std::future::pending().await,
                }
            }
            while let Ok(more) = self.queue.try_recv() {
                self.waiting.extend(more);
            }
            history::record(db, &self.waiting).await?;
            self.waiting.clear();
        }
    }
}

async fn open(setting: &DatabaseSetting, tasks: &Tasks) -> Result<(Db, Option<PrivateServer>)> {
    match setting {
        DatabaseSetting::Url(url) => Ok((Db::connect(url.expose_secret()).await?, None)),
        DatabaseSetting::Private(folder) => {
            let folder = folder.clone().unwrap_or_else(default_data_dir);
            let (db, server) = Db::private(&folder, tasks).await?;
            Ok((db, Some(server)))
        }
    }
}

async fn stop(server: Option<PrivateServer>) {
    if let Some(server) = server
        && let Err(error) = server.stop().await
    {
        tracing::error!(error = &error as &dyn std::error::Error, "the private PostgreSQL did not stop");
    }
}

fn client(name: &str, config: &kube::Config) -> Result<Client> {
    Client::try_from(config.clone()).map_err(|error| {
        Error::Setting(format!(
            "control plane {name}: its kubeconfig cannot be used: {}",
            explain_kube(&error)
        ))
    })
}

fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}
