//! The index: an immutable [`Snapshot`] of the fleet behind an atomic pointer.
//!
//! ```text
//! watches, probes ──Change──▶ Indexer (one task owns all writes) ──Snapshot──▶ pages, streams
//!                                     └──Observation──▶ history
//! ```
//! Changes are applied in batches every 50 ms. Rows are small and shared between snapshots; what only one page shows
//! (resources, results) is not here. The rights in force are part of it; what an actor may see of it, [`Snapshot::seen_by`] says.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use model::{
    Timestamp,
    application::ApplicationId,
    cluster::ClusterId,
    status::{Environment, Freshness, Health, Phase, Sync, Warning},
};
use tokio::sync::{mpsc, watch};

use super::{
    apps::{AppIdentity, AppRules, KnownApps, Origin, Reason, Sight},
    credentials::{IN_CLUSTER, Registration},
    environment::{Environments, Signs},
    probe::{Contact, Survey},
};
use crate::{
    access::{
        Object,
        policy::{PolicyError, ProjectRole},
        rights::{Data, Rights},
    },
    argo::{
        types::{
            AppProject, Application, Deploy, Destination, GlobalProject, REFRESH, SyncWindow, version_number,
        },
        window,
    },
    history::{Observation, ObservedOperation, PastDeploy},
    metrics::{Kind, Metrics},
};

/// How long changes are gathered before they become a snapshot.
const BATCH: Duration = Duration::from_millis(50);

/// How long a change may wait for the indexer before its sender does.
const QUEUE: usize = 8192;

/// The kind whose warnings come and go one by one.
const APPLICATION: &str = "Application";

/// The kinds of warnings of policies.
const POLICY: &str = "ConfigMap of policy";
const PROJECT_ROLES: &str = "Roles of AppProject";

/// The names of what holds the policies.
pub const ARGO_CD_POLICY: &str = "argocd-rbac-cm";
pub const OWN_POLICY: &str = "quarterdeck-rbac-cm";

/// What the watches and probes tell the index.
#[derive(Debug)]
pub enum Change {
    /// How fresh a control plane is.
    Plane { plane: String, freshness: Freshness },
    /// An Application is there, or has changed.
    Application { plane: String, application: Box<Application> },
    /// An Application is gone.
    ApplicationGone { plane: String, namespace: String, name: String },
    /// A whole list was read: Applications and warnings that are not in it are gone.
    ApplicationsListed { plane: String, present: HashSet<(String, String)> },
    /// An Application could not be read.
    Invalid { plane: String, namespace: String, name: String, why: String },
    /// What is wrong with the objects of a kind in a control plane's namespace, all of it: names and sentences.
    Warnings { plane: String, kind: &'static str, warnings: Vec<(String, String)> },
    /// The clusters of a control plane, all of them.
    Clusters { plane: String, registrations: Vec<Registration> },
    /// The projects of a control plane, all of them.
    Projects { plane: String, projects: Vec<AppProject> },
    /// `argocd-rbac-cm`, empty where there is none.
    ArgoCdPolicy { plane: String, data: Data },
    /// `quarterdeck-rbac-cm`, empty where there is none.
    OwnPolicy { plane: String, data: Data },
    /// The global projects of argocd-cm.
    GlobalProjects { plane: String, globals: Vec<GlobalProject> },
    /// The options of kustomize in argocd-cm.
    BuildOptions { plane: String, options: String },
    /// A cluster answered, or did not.
    Contact { cluster: ClusterId, contact: Contact },
    /// What repositories lay out was read anew: what shows it is drawn again.
    RepositoriesRead,
    /// Changes, freezes or holds have moved: what shows them is drawn again.
    ChangesMoved,
    /// A cluster was looked into.
    Survey { cluster: ClusterId, survey: Arc<Survey> },
}

/// The fleet at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    pub generation: u64,
    pub planes: BTreeMap<String, Plane>,
    pub clusters: Arc<Clusters>,
    /// Sorted by id.
    pub rows: Vec<Arc<Row>>,
    pub warnings: Vec<Warning>,
    /// Who may do what.
    pub rights: Arc<Rights>,
    /// All apps, whoever may see them: an app has one name for everybody, and none is introduced where it is.
    pub apps: Arc<KnownApps>,
    /// All clusters: what ails an Application's pods may be told where its cluster is not shown.
    all_clusters: Arc<Clusters>,
    /// How fresh our knowledge is of what is at each [`Place`].
    freshness: Arc<Vec<Freshness>>,
    projects: Arc<BTreeMap<(String, String), Project>>,
    globals: Arc<BTreeMap<String, Vec<GlobalProject>>>,
    build_options: Arc<BTreeMap<String, String>>,
}

/// The clusters by id.
pub type Clusters = BTreeMap<ClusterId, Arc<Cluster>>;

/// A number for a destination cluster, so that readers of all rows look nothing up by name.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place(usize);

/// A number for all that the rights on an Application depend on: while it is the same, so is the answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Standing(usize);

/// A control plane.
#[derive(Clone, Debug)]
pub struct Plane {
    pub freshness: Freshness,
    pub namespace: String,
    pub server: String,
    /// Whether the Applications were listed once.
    pub listed: bool,
}

/// A cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub id: ClusterId,
    pub server: String,
    /// The project that alone may use it, where one is named.
    pub project: Option<String>,
    /// The Secret that registers it; none for the control plane's own cluster.
    pub secret: Option<String>,
    /// The kind of its credentials, or why they cannot be used.
    pub credentials: Result<&'static str, String>,
    pub environment: Environment,
    pub freshness: Freshness,
    pub last_contact: Option<Timestamp>,
    pub latency_ms: Option<u32>,
    pub version: Option<String>,
    pub survey: Option<Arc<Survey>>,
}

/// An Application, as lists show it.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: ApplicationId,
    pub uid: String,
    /// The version of the object that this was read from.
    pub resource_version: i64,
    pub project: String,
    /// The app's name, by which policies know it.
    pub app: String,
    pub identity: AppIdentity,
    pub environment: Environment,
    /// The destination's name, also where no such cluster is registered.
    pub cluster: ClusterId,
    pub place: Place,
    pub standing: Standing,
    pub destination: Destination,
    pub repo_url: Arc<str>,
    /// The place of this source where several are listed.
    pub source: usize,
    /// In the repository, or the chart's name.
    pub path: String,
    pub is_chart: bool,
    pub target_revision: String,
    pub health: Health,
    pub health_since: Option<Timestamp>,
    pub sync: Sync,
    pub operation: Option<Operation>,
    /// An operation that is written and not picked up: its id in the record, where it is ours, and when we saw it first.
    pub requested: Option<Requested>,
    pub version: Option<String>,
    /// Whether pods with other versions of the same image run beside it, as they do while one takes the place of another.
    pub is_mixed: bool,
    pub revision: Option<String>,
    /// The first condition, in one line.
    pub condition: Option<String>,
    pub auto_sync: bool,
    pub deleting: bool,
    pub changed_at: Option<Timestamp>,
    pub reconciled_at: Option<Timestamp>,
    /// Whether a refresh is asked for and not done.
    pub refreshing: bool,
}

/// An operation that is written and not picked up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Requested {
    pub audit_id: Option<String>,
    pub seen_at: Timestamp,
}

/// The operation that runs or ran last.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Operation {
    pub phase: Phase,
    pub message: String,
    /// What the first resource that failed says, where one did.
    pub failure: Option<String>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub revision: Option<String>,
    pub started_by: Option<String>,
    pub automated: bool,
    /// Whether it only tries what a sync would do.
    pub dry_run: bool,
    pub audit_id: Option<String>,
}

impl Operation {
    /// Returns why it failed, as near to the cause as is known.
    pub fn cause(&self) -> &str {
        self.failure.as_deref().unwrap_or(&self.message)
    }
}

#[derive(Clone, Debug)]
struct Project {
    labels: BTreeMap<String, String>,
    windows: Vec<SyncWindow>,
}

impl Snapshot {
    /// Finds an Application.
    pub fn row(&self, id: &ApplicationId) -> Option<&Arc<Row>> {
        self.rows.binary_search_by(|row| row.id.cmp(id)).ok().map(|index| &self.rows[index])
    }

    /// Returns a snapshot with these rows and clusters alone.
    pub(super) fn limited_to(&self, rows: Vec<Arc<Row>>, clusters: Arc<Clusters>) -> Self {
        Self {
            rows,
            clusters,
            generation: self.generation,
            planes: self.planes.clone(),
            warnings: self.warnings.clone(),
            rights: Arc::clone(&self.rights),
            apps: Arc::clone(&self.apps),
            all_clusters: Arc::clone(&self.all_clusters),
            freshness: Arc::clone(&self.freshness),
            projects: Arc::clone(&self.projects),
            globals: Arc::clone(&self.globals),
            build_options: Arc::clone(&self.build_options),
        }
    }

    /// Returns the options that a control plane has kustomize run with.
    pub fn build_options(&self, plane: &str) -> &str {
        self.build_options.get(plane).map_or("", String::as_str)
    }

    /// Returns what we know of an Application's cluster.
    pub fn cluster_of(&self, row: &Row) -> Option<&Arc<Cluster>> {
        self.all_clusters.get(&row.cluster)
    }

    /// Returns an Application as rights know it.
    pub fn object_of<'a>(&'a self, row: &'a Row) -> Object<'a> {
        let home = self.planes.get(&row.id.control_plane).map(|plane| plane.namespace.as_str());
        Object::Application {
            id: &row.id,
            project: &row.project,
            environment: row.environment.name(),
            app: &row.app,
            home: home.unwrap_or_default(),
        }
    }

    /// Returns the names of a control plane's projects.
    pub fn projects_of<'a>(&'a self, plane: &'a str) -> impl Iterator<Item = &'a str> {
        self.projects.keys().filter(move |(of, _)| of == plane).map(|(_, name)| name.as_str())
    }

    /// Tells how fresh our knowledge of an Application is: the worse of its control plane and its cluster. A cluster
    /// that we cannot probe leaves its Applications as their objects say.
    pub fn freshness(&self, row: &Row) -> &Freshness {
        self.freshness.get(row.place.0).unwrap_or(&Freshness::Connecting)
    }

    /// Returns the sync windows that may concern an Application: its project's, and those of the global projects.
    pub fn windows(&self, plane: &str, project: &str) -> Vec<(String, SyncWindow)> {
        let find = |name: &str| self.projects.get(&(plane.to_owned(), name.to_owned()));
        let Some(own) = find(project) else { return Vec::new() };
        let globals = self.globals.get(plane).map_or(&[][..], Vec::as_slice);
        let inherited = globals
            .iter()
            .filter(|global| global.project_name != project && global.label_selector.matches(&own.labels))
            .filter_map(|global| find(&global.project_name).map(|it| (global.project_name.as_str(), it)));
        std::iter::once((project, own))
            .chain(inherited)
            .flat_map(|(name, project)| {
                project.windows.iter().map(move |window| (name.to_owned(), window.clone()))
            })
            .collect()
    }

    /// Tells whether a person may sync an Application now, by the windows.
    pub fn window_verdict(&self, row: &Row) -> Option<model::application::WindowVerdict> {
        let windows = self.windows(&row.id.control_plane, &row.project);
        window::verdict(&windows, &row.id.name, &row.destination, chrono::Utc::now())
    }

    /// Tells whether what Git asks for would be synced now, by the windows: by the controller where auto-sync is on, else
    /// by a sync that Quarterdeck asks for.
    pub fn rollout_verdict(&self, row: &Row) -> Option<model::application::WindowVerdict> {
        let windows = self.windows(&row.id.control_plane, &row.project);
        let syncer = if row.auto_sync { window::Syncer::Controller } else { window::Syncer::Person };
        window::verdict_for(syncer, &windows, &row.id.name, &row.destination, chrono::Utc::now())
    }
}

impl Standing {
    /// Returns the number; the numbers given so far are less than the greatest plus one.
    pub fn index(self) -> usize {
        self.0
    }
}

/// The readers' and senders' side of the index.
#[derive(Clone, Debug)]
pub struct Index {
    snapshot: Arc<ArcSwap<Snapshot>>,
    generation: watch::Sender<u64>,
    changes: mpsc::Sender<Change>,
}

impl Index {
    /// Makes an empty index of these control planes, and the task that owns it.
    pub fn new(
        planes: impl IntoIterator<Item = (String, Plane)>,
        environments: Environments,
        apps: AppRules,
        metrics: Metrics,
    ) -> (Self, Indexer) {
        let (changes, queue) = mpsc::channel(QUEUE);
        let planes: BTreeMap<_, _> = planes.into_iter().collect();
        let snapshot = Snapshot { planes: planes.clone(), ..Snapshot::default() };
        let index = Self {
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
            generation: watch::Sender::new(0),
            changes,
        };
        let indexer = Indexer {
            index: index.clone(),
            queue,
            environments,
            apps,
            known_apps: Arc::default(),
            apps_changed: false,
            repositories: HashSet::new(),
            planes,
            clusters: BTreeMap::new(),
            rows: BTreeMap::new(),
            places: BTreeMap::new(),
            warnings: BTreeMap::new(),
            rights: Arc::default(),
            standings: 0,
            projects: Arc::default(),
            globals: Arc::default(),
            build_options: Arc::default(),
            generation: 0,
            metrics,
        };
        (index, indexer)
    }

    /// Returns the newest snapshot.
    pub fn load(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Returns a receiver that changes with each snapshot.
    pub fn generations(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// Hands a change to the indexer; waits where it is behind. Nothing is lost but at the program's end.
    pub async fn send(&self, change: Change) {
        if self.changes.send(change).await.is_err() {
            tracing::debug!("the index has ended; a change is dropped");
        }
    }
}

/// The one writer of the index.
#[derive(Debug)]
pub struct Indexer {
    index: Index,
    queue: mpsc::Receiver<Change>,
    environments: Environments,
    apps: AppRules,
    known_apps: Arc<KnownApps>,
    /// Whether an app came, went or moved since they were gathered.
    apps_changed: bool,
    /// Every URL ever seen, once.
    repositories: HashSet<Arc<str>>,
    planes: BTreeMap<String, Plane>,
    clusters: BTreeMap<ClusterId, Arc<Cluster>>,
    rows: BTreeMap<ApplicationId, Arc<Row>>,
    /// Every destination ever seen, by name.
    places: BTreeMap<ClusterId, Place>,
    warnings: BTreeMap<(String, &'static str, String, String), Warning>,
    rights: Arc<Rights>,
    standings: usize,
    projects: Arc<BTreeMap<(String, String), Project>>,
    globals: Arc<BTreeMap<String, Vec<GlobalProject>>>,
    build_options: Arc<BTreeMap<String, String>>,
    generation: u64,
    metrics: Metrics,
}

impl Indexer {
    /// Applies changes until all senders are gone; what history must know goes to `observations`.
    pub async fn run(
        &mut self,
        observations: &mpsc::UnboundedSender<Vec<Observation>>,
        now: impl Fn() -> Timestamp,
    ) {
        let mut batch = Vec::new();
        while self.queue.recv_many(&mut batch, QUEUE).await > 0 {
            // What comes within the same moment becomes one snapshot.
            tokio::time::sleep(BATCH).await;
            while let Ok(change) = self.queue.try_recv() {
                batch.push(change);
            }
            let seen = self.apply(batch.drain(..), now());
            if !seen.is_empty() && observations.send(seen).is_err() {
                tracing::error!("history has ended; changes of state are not recorded");
            }
        }
    }

    /// Applies a batch and publishes the snapshot; returns what history must know.
    pub fn apply(&mut self, changes: impl IntoIterator<Item = Change>, now: Timestamp) -> Vec<Observation> {
        let mut seen = Vec::new();
        for change in changes {
            self.apply_one(change, now, &mut seen);
        }
        self.publish();
        seen
    }

    fn publish(&mut self) {
        self.generation += 1;
        if std::mem::take(&mut self.apps_changed) {
            let sights = self.rows.values().map(|row| Sight {
                key: &row.identity.key,
                name: &row.identity.name,
                environment: row.environment.name(),
            });
            self.known_apps = Arc::new(KnownApps::new(sights));
        }
        for (kind, count) in [("applications", self.rows.len()), ("clusters", self.clusters.len())] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.metrics.index_rows.get_or_create(&Kind { kind }).set(count);
        }
        let clusters = Arc::new(self.clusters.clone());
        self.index.snapshot.store(Arc::new(Snapshot {
            generation: self.generation,
            planes: self.planes.clone(),
            clusters: clusters.clone(),
            all_clusters: clusters,
            rights: self.rights.clone(),
            apps: self.known_apps.clone(),
            rows: self.rows.values().cloned().collect(),
            warnings: self.warnings.values().cloned().collect(),
            freshness: Arc::new(self.freshness()),
            projects: self.projects.clone(),
            globals: self.globals.clone(),
            build_options: self.build_options.clone(),
        }));
        self.index.generation.send_replace(self.generation);
    }

    fn freshness(&self) -> Vec<Freshness> {
        let mut freshness = vec![Freshness::Connecting; self.places.len()];
        for (id, place) in &self.places {
            let Some(plane) = self.planes.get(&id.control_plane) else { continue };
            let of_cluster = self.clusters.get(id).filter(|cluster| {
                let is_known = cluster.credentials.is_ok() && cluster.freshness != Freshness::Connecting;
                plane.freshness.is_live() && is_known
            });
            freshness[place.0] = of_cluster.map_or(&plane.freshness, |cluster| &cluster.freshness).clone();
        }
        freshness
    }

    fn place_of(&mut self, cluster: &ClusterId) -> Place {
        if let Some(place) = self.places.get(cluster) {
            return *place;
        }
        let place = Place(self.places.len());
        self.places.insert(cluster.clone(), place);
        place
    }

    fn apply_one(&mut self, change: Change, now: Timestamp, seen: &mut Vec<Observation>) {
        match change {
            Change::Plane { plane, freshness } => {
                if let Some(plane) = self.planes.get_mut(&plane) {
                    plane.freshness = freshness;
                }
            }
            Change::Application { plane, application } => self.put(&plane, *application, now, seen),
            Change::ApplicationGone { plane, namespace, name } => {
                self.warnings.remove(&(plane.clone(), APPLICATION, namespace.clone(), name.clone()));
                self.rows.remove(&ApplicationId { control_plane: plane, namespace, name });
                self.apps_changed = true;
            }
            Change::ApplicationsListed { plane, present } => {
                let is_present =
                    |namespace: &String, name: &String| present.contains(&(namespace.clone(), name.clone()));
                self.rows.retain(|id, _| id.control_plane != plane || is_present(&id.namespace, &id.name));
                self.apps_changed = true;
                self.warnings.retain(|(of, kind, namespace, name), _| {
                    *of != plane || *kind != APPLICATION || is_present(namespace, name)
                });
                if let Some(plane) = self.planes.get_mut(&plane) {
                    plane.listed = true;
                }
            }
            Change::Invalid { plane, namespace, name, why } => {
                self.warn(&plane, APPLICATION, namespace, name, unreadable(&why));
            }
            Change::Warnings { plane, kind, warnings } => {
                let namespace = self.planes.get(&plane).map(|it| it.namespace.clone()).unwrap_or_default();
                self.warnings.retain(|(of, other, ..), _| *of != plane || *other != kind);
                for (name, why) in warnings {
                    self.warn(&plane, kind, namespace.clone(), name, why);
                }
            }
            Change::Clusters { plane, registrations } => self.set_clusters(&plane, registrations),
            Change::Projects { plane, projects } => {
                self.set_project_roles(&plane, &projects);
                let mut all = BTreeMap::clone(&self.projects);
                all.retain(|(of, _), _| *of != plane);
                all.extend(projects.into_iter().map(|project| {
                    let name = project.metadata.name.unwrap_or_default();
                    let labels = project.metadata.labels.unwrap_or_default();
                    ((plane.clone(), name), Project { labels, windows: project.spec.sync_windows })
                }));
                self.projects = Arc::new(all);
            }
            Change::ArgoCdPolicy { plane, data } => {
                let changed = self.rights.with_argo_cd(&plane, &data);
                self.set_policy(&plane, ARGO_CD_POLICY, changed);
            }
            Change::OwnPolicy { plane, data } => {
                let changed = self.rights.with_own(&plane, data);
                self.set_policy(&plane, OWN_POLICY, changed);
            }
            Change::GlobalProjects { plane, globals } => {
                let mut all = BTreeMap::clone(&self.globals);
                all.insert(plane, globals);
                self.globals = Arc::new(all);
            }
            Change::BuildOptions { plane, options } => {
                let mut all = BTreeMap::clone(&self.build_options);
                all.insert(plane, options);
                self.build_options = Arc::new(all);
            }
            Change::Contact { cluster, contact } => {
                self.change_cluster(&cluster, |cluster| contact.apply_to(cluster, now));
            }
            Change::RepositoriesRead | Change::ChangesMoved => {}
            Change::Survey { cluster, survey } => {
                self.change_cluster(&cluster, |cluster| cluster.survey = Some(survey));
            }
        }
    }

    /// A policy that cannot be loaded leaves the last good one in force, and is told.
    fn set_policy(&mut self, plane: &str, name: &'static str, changed: Result<Rights, PolicyError>) {
        let namespace = self.planes.get(plane).map(|it| it.namespace.clone()).unwrap_or_default();
        let broken = match changed {
            Ok(rights) => {
                self.warnings.remove(&(plane.to_owned(), POLICY, namespace, name.to_owned()));
                self.rights = Arc::new(rights);
                0
            }
            Err(error) => {
                tracing::error!(
                    control_plane = plane,
                    "{name} cannot be loaded, the last good policy stays: {error}"
                );
                let why = format!("It cannot be loaded, so the last good one stays in force: {error}");
                self.warn(plane, POLICY, namespace, name.to_owned(), why);
                1
            }
        };
        self.metrics.policy_broken.get_or_create(&Kind { kind: name }).set(broken);
    }

    fn set_project_roles(&mut self, plane: &str, projects: &[AppProject]) {
        let roles = projects.iter().filter(|project| !project.spec.roles.is_empty()).map(|project| {
            let roles = project.spec.roles.iter().map(|role| ProjectRole {
                name: role.name.clone(),
                policies: role.policies.clone(),
                groups: role.groups.clone(),
            });
            (project.metadata.name.clone().unwrap_or_default(), roles.collect())
        });
        let roles: BTreeMap<String, Vec<ProjectRole>> = roles.collect();
        if self.rights.plane(plane).is_some_and(|it| *it.project_roles() == roles) {
            return;
        }
        let (rights, broken) = self.rights.with_projects(plane, roles);
        self.rights = Arc::new(rights);
        let namespace = self.planes.get(plane).map(|it| it.namespace.clone()).unwrap_or_default();
        self.warnings.retain(|(of, kind, ..), _| of != plane || *kind != PROJECT_ROLES);
        for (project, error) in broken {
            let why = format!("Its roles cannot be loaded and give nobody anything: {error}");
            self.warn(plane, PROJECT_ROLES, namespace.clone(), project, why);
        }
    }

    fn change_cluster(&mut self, id: &ClusterId, change: impl FnOnce(&mut Cluster)) {
        if let Some(cluster) = self.clusters.get_mut(id) {
            change(Arc::make_mut(cluster));
        }
    }

    fn warn(&mut self, plane: &str, kind: &'static str, namespace: String, name: String, why: String) {
        let what = format!("{kind} {namespace}/{name} in control plane {plane}");
        let warning = Warning { control_plane: plane.to_owned(), what, why };
        self.warnings.insert((plane.to_owned(), kind, namespace, name), warning);
    }

    fn set_clusters(&mut self, plane: &str, registrations: Vec<Registration>) {
        let (mut kept, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.clusters).into_iter().partition(|(id, _)| id.control_plane == plane);
        self.clusters = others;
        for registration in registrations {
            let id = ClusterId { control_plane: plane.to_owned(), name: registration.name.clone() };
            let known = kept.remove(&id).filter(|known| known.server == registration.server);
            let mut cluster = known.map_or_else(
                || Cluster {
                    environment: self.environments.of_cluster(&id.name),
                    id: id.clone(),
                    server: String::new(),
                    project: None,
                    secret: None,
                    credentials: Ok(""),
                    freshness: Freshness::Connecting,
                    last_contact: None,
                    latency_ms: None,
                    version: None,
                    survey: None,
                },
                Arc::unwrap_or_clone,
            );
            cluster.server = registration.server;
            cluster.project = registration.project;
            cluster.secret = Some(registration.secret).filter(|secret| !secret.is_empty());
            cluster.credentials = registration.access.map(|access| access.kind());
            self.clusters.insert(id, Arc::new(cluster));
        }
        self.resolve_rows_of(plane);
    }

    /// Names of clusters may have changed: tells anew where each Application of the control plane goes.
    fn resolve_rows_of(&mut self, plane: &str) {
        let ids: Vec<_> = self.rows.keys().filter(|id| id.control_plane == plane).cloned().collect();
        for id in ids {
            let Some(row) = self.rows.get(&id) else { continue };
            let cluster = self.resolve(plane, &row.destination);
            if cluster != row.cluster {
                let mut row = Row::clone(row);
                row.place = self.place_of(&cluster);
                row.cluster = cluster;
                self.tell_environment(&mut row);
                row.standing = self.standing_of(&row);
                self.apps_changed = true;
                self.rows.insert(id, Arc::new(row));
            }
        }
    }

    /// The cluster of a destination: by name, or by server. One that is not registered keeps what is written.
    fn resolve(&self, plane: &str, destination: &Destination) -> ClusterId {
        let id = |name: &str| ClusterId { control_plane: plane.to_owned(), name: name.to_owned() };
        if !destination.name.is_empty() {
            return id(&destination.name);
        }
        let server = destination.server.trim_end_matches('/');
        let registered = self
            .clusters
            .values()
            .find(|cluster| cluster.id.control_plane == plane && cluster.server == server);
        match registered {
            Some(cluster) => cluster.id.clone(),
            None if server == IN_CLUSTER => id("in-cluster"),
            None => id(server),
        }
    }

    /// The standing of the row before, where nothing that rights depend on has changed, or else a new one.
    fn standing_of(&mut self, row: &Row) -> Standing {
        let key =
            |row: &Row| (row.project.clone(), row.app.clone(), row.environment.name().map(str::to_owned));
        match self.rows.get(&row.id).filter(|before| key(before) == key(row)) {
            Some(before) => before.standing,
            None => {
                self.standings += 1;
                Standing(self.standings - 1)
            }
        }
    }

    /// One text for all Applications of a repository.
    fn repository(&mut self, url: String) -> Arc<str> {
        if let Some(known) = self.repositories.get(url.as_str()) {
            return Arc::clone(known);
        }
        let url: Arc<str> = url.into();
        self.repositories.insert(Arc::clone(&url));
        url
    }

    fn tell_environment(&self, row: &mut Row) {
        row.environment = self.environments.of_application(Signs {
            cluster: &row.cluster.name,
            namespace: &row.destination.namespace,
            path: if row.is_chart { "" } else { &row.path },
            target_revision: &row.target_revision,
        });
    }

    fn put(&mut self, plane: &str, application: Application, now: Timestamp, seen: &mut Vec<Observation>) {
        let (row, past) = self.row_of(plane, application, now);
        self.warnings.remove(&(plane.to_owned(), APPLICATION, row.id.namespace.clone(), row.id.name.clone()));
        let before = self.rows.get(&row.id).filter(|before| before.uid == row.uid);
        self.apps_changed |= before.is_none_or(|before| {
            (&before.identity.key, before.environment.name()) != (&row.identity.key, row.environment.name())
        });
        let is_news = before.is_none_or(|before| {
            (before.health, before.sync, &before.operation) != (row.health, row.sync, &row.operation)
        });
        if is_news {
            seen.push(row.observation(now, if before.is_none() { past } else { Vec::new() }));
        }
        let mut row = row;
        if let Some(before) = before {
            row.changed_at = if is_news { Some(now) } else { before.changed_at };
            if let (Some(requested), Some(earlier)) = (&mut row.requested, &before.requested)
                && requested.audit_id == earlier.audit_id
            {
                requested.seen_at = earlier.seen_at;
            }
        }
        self.rows.insert(row.id.clone(), Arc::new(row));
    }

    fn row_of(&mut self, plane: &str, application: Application, now: Timestamp) -> (Row, Vec<Deploy>) {
        let Application { metadata, spec, status, operation } = application;
        let id = ApplicationId {
            control_plane: plane.to_owned(),
            namespace: metadata.namespace.unwrap_or_default(),
            name: metadata.name.unwrap_or_default(),
        };
        let (place, source) = spec.main_source();
        let state = status.operation_state.and_then(|state| {
            Some(Operation {
                phase: Phase::parse(&state.phase)?,
                message: shorten(&state.message),
                failure: state.sync_result.failure().map(|failure| shorten(&failure)),
                started_at: state.started_at.map(Timestamp::from),
                finished_at: state.finished_at.map(Timestamp::from),
                revision: state
                    .sync_result
                    .revision
                    .revision(place)
                    .map(str::to_owned)
                    .or_else(|| state.operation.commit(place)),
                started_by: state.operation.initiated_by.person(),
                automated: state.operation.initiated_by.automated,
                dry_run: state.operation.sync.as_ref().is_some_and(|sync| sync.dry_run),
                audit_id: state.operation.audit_id().map(str::to_owned),
            })
        });
        let is_running = state.as_ref().is_some_and(|state| !state.phase.is_over());
        let requested = operation
            .filter(|_| !is_running)
            .map(|operation| Requested { audit_id: operation.audit_id().map(str::to_owned), seen_at: now });
        let health_since = status.health.last_transition_time.map(Timestamp::from);
        let cluster = self.resolve(plane, &spec.destination);
        let operation_at = state.as_ref().and_then(|state| state.finished_at.or(state.started_at));
        let is_chart = !source.chart.is_empty();
        let path = if is_chart { source.chart } else { source.path };
        let identity = self.apps.identify(
            &self.environments,
            Origin {
                repo_url: &source.repo_url,
                path: &path,
                name: &id.name,
                cluster: &cluster.name,
                labels: metadata.labels.as_ref(),
            },
        );
        // An id of the settings, else the last folder of the base path: what policies say must not hang on a name that
        // its owner can choose.
        let app = match identity.reason {
            Reason::Setting => identity.name.clone(),
            _ if is_chart => self.environments.app_of("", &id.name),
            _ => self.environments.app_of(&path, &id.name),
        };
        let mut row = Row {
            identity,
            repo_url: self.repository(source.repo_url),
            source: place,
            is_chart,
            place: self.place_of(&cluster),
            standing: Standing(0),
            cluster,
            uid: metadata.uid.unwrap_or_default(),
            resource_version: version_number(metadata.resource_version.as_deref()),
            project: spec.project().to_owned(),
            environment: Environment::Unknown { why: String::new() },
            path,
            target_revision: source.target_revision,
            health: Health::parse(&status.health.status),
            health_since,
            sync: Sync::parse(&status.sync.status),
            operation: state,
            requested,
            is_mixed: has_several(&status.summary.images, &app),
            version: version_among(&status.summary.images, &app),
            revision: status.sync.revision(place).map(str::to_owned),
            condition: status
                .conditions
                .first()
                .map(|condition| shorten(&format!("{}: {}", condition.kind, condition.message))),
            app,
            auto_sync: spec.sync_policy.is_automated(),
            deleting: metadata.deletion_timestamp.is_some(),
            changed_at: health_since.max(operation_at),
            reconciled_at: status.reconciled_at.map(Timestamp::from),
            refreshing: metadata.annotations.is_some_and(|annotations| annotations.contains_key(REFRESH)),
            destination: spec.destination,
            id,
        };
        self.tell_environment(&mut row);
        row.standing = self.standing_of(&row);
        (row, status.history)
    }
}

impl Row {
    fn observation(&self, now: Timestamp, past: Vec<Deploy>) -> Observation {
        Observation {
            id: self.id.clone(),
            uid: self.uid.clone(),
            app: self.app.clone(),
            environment: self.environment.name().map(str::to_owned),
            at: now,
            version: self.resource_version,
            health: self.health,
            sync: self.sync,
            operation: self.operation.as_ref().and_then(|operation| {
                Some(ObservedOperation {
                    started_at: operation.started_at?,
                    finished_at: operation.finished_at.filter(|_| operation.phase.is_over()),
                    phase: operation.phase,
                    message: operation.message.clone(),
                    revision: operation.revision.clone(),
                    started_by: operation.started_by.clone(),
                    automated: operation.automated,
                    audit_id: operation.audit_id.clone(),
                })
            }),
            past: past
                .into_iter()
                .filter_map(|deploy| {
                    Some(PastDeploy {
                        revision: deploy.revision.revision(self.source)?.to_owned(),
                        deploy_started_at: deploy.deploy_started_at?.into(),
                        deployed_at: deploy.deployed_at?.into(),
                        started_by: deploy.initiated_by.person(),
                        automated: deploy.initiated_by.automated,
                    })
                })
                .collect(),
        }
    }
}

/// The version of the image that is named like the app, else of the first: Argo CD sorts them, and a database beside the
/// app may come before it.
fn version_among(images: &[String], app: &str) -> Option<String> {
    let of_app = images.iter().find(|image| name_of(image) == app);
    of_app.or(images.first()).map(|image| version_of(image))
}

/// Whether several versions of the image that is named like the app are there.
fn has_several(images: &[String], app: &str) -> bool {
    let versions: BTreeSet<_> =
        images.iter().filter(|image| name_of(image) == app).map(|image| version_of(image)).collect();
    versions.len() > 1
}

/// The last part of an image's name.
fn name_of(image: &str) -> &str {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split_once(':').map_or(last, |(name, _)| name)
}

/// The version of an image: its tag, else the beginning of its digest, else its name.
fn version_of(image: &str) -> String {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let last = name.rsplit('/').next().unwrap_or(name);
    match (last.split_once(':'), digest) {
        (Some((_, tag)), _) => tag.to_owned(),
        (None, Some(digest)) => digest.rsplit(':').next().unwrap_or(digest).chars().take(12).collect(),
        (None, None) => "latest".to_owned(),
    }
}

/// Says of an object that it is not shown as it is.
pub(super) fn unreadable(why: &str) -> String {
    format!("It cannot be read and is not shown as it is: {why}")
}

/// One line of at most 300 characters: the whole text is on the Application's page.
fn shorten(text: &str) -> String {
    const MOST: usize = 300;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MOST { line } else { line.chars().take(MOST).chain("…".chars()).collect() }
}

#[cfg(test)]
mod tests;
