//! One supervised task per control plane: its client, its watches, and the probers of its clusters.
//!
//! A watch that breaks (410 Gone, a closed stream, an API server that was away) comes back by itself with backoff and
//! jitter; a malformed object is reported and skipped. Everything found goes to the index as a [`Change`].

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt::Debug,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use backon::ExponentialBuilder;
use futures::{
    StreamExt as _,
    stream::{BoxStream, SelectAll, select_all},
};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    config::{KubeConfigOptions, Kubeconfig},
    core::DeserializeGuard,
    runtime::{
        WatchStreamExt as _,
        utils::Backoff,
        watcher::{self, Event, ExponentialBackoff, watcher},
    },
};
use model::{Timestamp, cluster::ClusterId, status::Freshness};
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, watch};

use super::{
    clients::Clients,
    credentials::{AccessSettings, IN_CLUSTER, Registration},
    index::{ARGO_CD_POLICY, Change, Index, OWN_POLICY, unreadable},
    probe::{Link, ProbeSettings, Prober},
};
use crate::{
    Error, Result,
    access::rights::Data,
    argo::types::{AppProject, Application, ApplicationSet, GlobalProject},
    error::explain_kube,
    metrics::Metrics,
    tasks::{TaskHandle, Tasks},
};

/// How long nothing may have failed for a success to count as one.
const CALM: Duration = Duration::from_secs(30);

/// A control plane, as settings name it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ControlPlaneSetting {
    pub name: String,
    /// None: `KUBECONFIG`, the default file, or the pod's own account.
    pub kubeconfig: Option<PathBuf>,
    /// None: the current one.
    pub context: Option<String>,
    /// The namespace of Argo CD.
    pub namespace: String,
    /// The Secrets that register clusters, by name; empty: all with Argo CD's label.
    pub cluster_secrets: Vec<String>,
}

impl ControlPlaneSetting {
    /// Reads the kubeconfig, or the pod's account.
    ///
    /// # Errors
    /// One sentence that names the control plane, what could not be read, and what to set.
    pub async fn client_config(&self) -> Result<kube::Config> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let mut config = match (&self.kubeconfig, &self.context) {
            (Some(path), _) => {
                let file = Kubeconfig::read_from(path).map_err(|error| self.unreadable(&error))?;
                kube::Config::from_custom_kubeconfig(file, &options)
                    .await
                    .map_err(|error| self.unreadable(&error))?
            }
            (None, Some(_)) => {
                kube::Config::from_kubeconfig(&options).await.map_err(|error| self.unreadable(&error))?
            }
            (None, None) => kube::Config::infer().await.map_err(|error| self.unreadable(&error))?,
        };
        // A retry of our own comes with the next probe; one inside the client would only hide the time.
        config.connect_timeout = Some(Duration::from_secs(5));
        config.default_retry = false;
        Ok(config)
    }

    /// Reads a ConfigMap once, for commands; one that is not there is empty.
    ///
    /// # Errors
    /// A kubeconfig that cannot be used, or an API server that does not answer within 10 s or refuses.
    pub async fn read_config_map(&self, name: &str) -> Result<Data> {
        const PATIENCE: Duration = Duration::from_secs(10);
        let config = self.client_config().await?;
        let client = Client::try_from(config).map_err(|error| self.unreadable(&error))?;
        let api: Api<ConfigMap> = Api::namespaced(client, &self.namespace);
        let what = "read a ConfigMap";
        let server = || format!("control plane {}", self.name);
        match tokio::time::timeout(PATIENCE, api.get_opt(name)).await {
            Ok(Ok(map)) => Ok(map.and_then(|map| map.data).unwrap_or_default()),
            Ok(Err(source)) => Err(Error::Kube { server: server(), what, source: Box::new(source) }),
            Err(_) => Err(Error::Timeout { server: server(), what, seconds: PATIENCE.as_secs() }),
        }
    }

    fn unreadable(&self, error: &dyn std::error::Error) -> Error {
        let mut why = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            why = format!("{why}: {inner}");
            source = inner.source();
        }
        Error::Setting(format!(
            "control plane {}: its kubeconfig cannot be used: {why}. Set --kubeconfig and --context to a cluster with \
             Argo CD, or run inside of it",
            self.name
        ))
    }
}

/// Watches one control plane.
pub struct PlaneWatch {
    pub name: String,
    pub namespace: String,
    pub cluster_secrets: Vec<String>,
    pub config: kube::Config,
    pub client: Client,
    pub clients: Clients,
    pub index: Index,
    pub probes: ProbeSettings,
    pub access: Arc<AccessSettings>,
    pub surveys: Arc<Semaphore>,
    pub metrics: Metrics,
    pub tasks: Tasks,
    /// What the watch of Applications said last: none while it works.
    pub trouble: Arc<Mutex<Option<String>>>,
}

impl PlaneWatch {
    /// Watches until it is stopped; ends only when a watch ends, which none does by itself.
    pub async fn run(&self) -> Result<()> {
        let in_cluster = watch::Sender::new(true);
        tokio::select! {
            () = self.probe() => {}
            () = self.watch_applications() => {}
            () = self.watch_application_sets() => {}
            () = self.watch_projects() => {}
            () = self.watch_clusters(in_cluster.subscribe()) => {}
            () = self.watch_settings(&in_cluster) => {}
            () = self.watch_policy(ARGO_CD_POLICY, |plane, data| Change::ArgoCdPolicy { plane, data }) => {}
            () = self.watch_policy(OWN_POLICY, |plane, data| Change::OwnPolicy { plane, data }) => {}
        }
        Ok(())
    }

    /// Tells how fresh the control plane is: whether its API server answers, and whether the watch works.
    async fn probe(&self) {
        let mut last_contact = None;
        let mut failures = 0u32;
        loop {
            let begin = Instant::now();
            let answer = tokio::time::timeout(self.probes.timeout, self.client.apiserver_version()).await;
            let now = Timestamp::from(jiff::Timestamp::now());
            let (outcome, failed) = match answer {
                Ok(Ok(_)) => ("ok", None),
                Ok(Err(error)) => ("error", Some(explain_kube(&error))),
                Err(_) => {
                    ("timeout", Some(format!("it did not answer within {} s", self.probes.timeout.as_secs())))
                }
            };
            self.metrics.external_call("control_plane", outcome, begin.elapsed());
            let since = last_contact.unwrap_or(now);
            let freshness = match (failed, self.trouble()) {
                (None, None) => Freshness::Live,
                (None, Some(_)) if last_contact.is_none() => Freshness::Connecting,
                (None, Some(why)) => Freshness::Stale { since, why },
                (Some(why), _) if failures == 0 => Freshness::Stale { since, why },
                (Some(why), _) => Freshness::Unreachable { since, why },
            };
            let answered = !matches!(freshness, Freshness::Unreachable { .. } | Freshness::Stale { .. });
            failures = if answered { 0 } else { failures.saturating_add(1) };
            if freshness == Freshness::Live {
                last_contact = Some(now);
            }
            let is_live = freshness == Freshness::Live;
            self.index.send(Change::Plane { plane: self.name.clone(), freshness }).await;
            // Until the first list is there, and after a first failure, the next look is soon.
            let rest = if failures == 1 || (!is_live && answered) {
                Duration::from_millis(500)
            } else {
                self.probes.interval.saturating_sub(begin.elapsed())
            };
            tokio::time::sleep(rest.max(Duration::from_millis(200))).await;
        }
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    async fn watch_applications(&self) {
        let mut present: Option<HashSet<(String, String)>> = None;
        let mut events = self.events::<Application>(watcher::Config::default());
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => present = Some(HashSet::new()),
                Ok(Event::InitApply(guard)) => {
                    if let Some(present) = &mut present {
                        present.insert((guard.namespace().unwrap_or_default(), guard.name_any()));
                    }
                    self.put_application(guard).await;
                }
                Ok(Event::InitDone) => {
                    let present = present.take().unwrap_or_default();
                    self.index.send(Change::ApplicationsListed { plane: self.name.clone(), present }).await;
                    self.set_trouble(None);
                }
                Ok(Event::Apply(guard)) => self.put_application(guard).await,
                Ok(Event::Delete(guard)) => {
                    let (namespace, name) = (guard.namespace().unwrap_or_default(), guard.name_any());
                    self.index
                        .send(Change::ApplicationGone { plane: self.name.clone(), namespace, name })
                        .await;
                }
                Err(error) => self.set_trouble(Some(explain_watch(&error))),
            }
        }
    }

    async fn put_application(&self, DeserializeGuard(object): DeserializeGuard<Application>) {
        let plane = self.name.clone();
        let change = match object {
            Ok(application) => Change::Application { plane, application: Box::new(application) },
            Err(invalid) => {
                let namespace = invalid.metadata.namespace.unwrap_or_default();
                let name = invalid.metadata.name.unwrap_or_default();
                tracing::warn!(control_plane = %self.name, "Application {namespace}/{name} cannot be read: {}", invalid.error);
                Change::Invalid { plane, namespace, name, why: invalid.error }
            }
        };
        self.index.send(change).await;
    }

    async fn watch_projects(&self) {
        let mut watched = self.watched::<AppProject>(Part::everything());
        while watched.changed(&self.name).await {
            let projects = watched.objects.values().cloned().collect();
            self.warn("AppProject", watched.unreadable()).await;
            if !watched.refused.is_empty() {
                continue;
            }
            self.index.send(Change::Projects { plane: self.name.clone(), projects }).await;
        }
    }

    /// Says where an ApplicationSet cannot make its Applications: Argo CD shows that nowhere but in the object.
    async fn watch_application_sets(&self) {
        let mut watched = self.watched::<ApplicationSet>(Part::everything());
        while watched.changed(&self.name).await {
            let troubles =
                watched.objects.iter().filter_map(|(name, set)| Some((name.clone(), set.trouble()?)));
            self.warn("ApplicationSet", watched.unreadable().chain(troubles)).await;
        }
    }

    async fn watch_settings(&self, in_cluster: &watch::Sender<bool>) {
        let mut watched = self.watched::<ConfigMap>(Part::named("argocd-cm"));
        while watched.changed(&self.name).await {
            if !watched.refused.is_empty() {
                self.warn("ConfigMap", watched.unreadable()).await;
                continue;
            }
            let data = watched.objects.values().next().and_then(|map| map.data.clone()).unwrap_or_default();
            in_cluster.send_replace(data.get("cluster.inClusterEnabled").is_none_or(|text| text != "false"));
            let options = data.get("kustomize.buildOptions").cloned().unwrap_or_default();
            self.index.send(Change::BuildOptions { plane: self.name.clone(), options }).await;
            let globals =
                data.get("globalProjects").map(|text| serde_saphyr::from_str::<Vec<GlobalProject>>(text));
            let mut wrong = Vec::new();
            match globals.unwrap_or_else(|| Ok(Vec::new())) {
                Ok(globals) => {
                    self.index.send(Change::GlobalProjects { plane: self.name.clone(), globals }).await;
                }
                Err(error) => {
                    wrong.push(("argocd-cm".to_owned(), unreadable(&format!("globalProjects: {error}"))));
                }
            }
            self.warn("ConfigMap", watched.unreadable().chain(wrong)).await;
        }
    }

    /// Hands on what a ConfigMap of policy says; one that is not there says nothing.
    async fn watch_policy(&self, name: &str, change: impl Fn(String, Data) -> Change) {
        let mut watched = self.watched::<ConfigMap>(Part::named(name));
        while watched.changed(&self.name).await {
            if watched.invalid.is_empty() && watched.refused.is_empty() {
                let data = watched.objects.values().next().and_then(|map| map.data.clone());
                self.index.send(change(self.name.clone(), data.unwrap_or_default())).await;
            }
        }
    }

    /// Keeps a prober for each registered cluster; starts one anew when its registration changes.
    async fn watch_clusters(&self, mut in_cluster: watch::Receiver<bool>) {
        let mut probers = Probers::default();
        let mut watched = self.watched_parts::<Secret>(self.cluster_parts());
        loop {
            tokio::select! {
                goes_on = watched.changed(&self.name) => if !goes_on { return },
                changed = in_cluster.changed() => if changed.is_err() || watched.is_listing() { continue },
            }
            let with_own = *in_cluster.borrow_and_update();
            let Registered { registrations, versions, warnings } =
                Registered::read(watched.objects.values(), &self.name, &self.access, with_own);
            probers.keep(&versions);
            self.warn("Secret", watched.unreadable().chain(warnings)).await;
            let change = Change::Clusters { plane: self.name.clone(), registrations: registrations.clone() };
            self.index.send(change).await;
            self.clients.retain(&self.name, |name| versions.contains_key(name));
            for registration in registrations {
                if !probers.0.contains_key(&registration.name)
                    && let Some(handle) = self.start_prober(&registration)
                {
                    let version = versions.get(&registration.name).cloned().unwrap_or_default();
                    probers.0.insert(registration.name, (version, handle));
                }
            }
        }
    }

    /// What registers clusters: all Secrets with Argo CD's label, or each of those that the settings name.
    fn cluster_parts(&self) -> Vec<(Part, watcher::Config)> {
        const LABEL: &str = "argocd.argoproj.io/secret-type=cluster";
        if self.cluster_secrets.is_empty() {
            return vec![(Part::All(LABEL), watcher::Config::default().labels(LABEL))];
        }
        self.cluster_secrets.iter().map(|name| Part::named(name)).collect()
    }

    /// Starts a prober; none where there is nothing to connect with, which the cluster's row says.
    fn start_prober(&self, registration: &Registration) -> Option<TaskHandle> {
        let link = Arc::new(Link {
            access: registration.access.clone().ok()?,
            server: registration.server.clone(),
            control_plane: self.config.clone(),
            clients: self.clients.clone(),
            prober: Prober {
                cluster: ClusterId { control_plane: self.name.clone(), name: registration.name.clone() },
                instance_namespace: self.namespace.clone(),
                settings: self.probes,
                index: self.index.clone(),
                metrics: self.metrics.clone(),
                surveys: self.surveys.clone(),
            },
        });
        let name = format!("probe {}/{}", self.name, registration.name);
        Some(self.tasks.supervise(name, move || {
            let link = link.clone();
            async move { link.run().await }
        }))
    }

    async fn warn(&self, kind: &'static str, warnings: impl Iterator<Item = (String, String)>) {
        let warnings = warnings.collect();
        self.index.send(Change::Warnings { plane: self.name.clone(), kind, warnings }).await;
    }

    fn watched<K: Watchable>(&self, part: (Part, watcher::Config)) -> Watched<K> {
        self.watched_parts(vec![part])
    }

    fn watched_parts<K: Watchable>(&self, parts: Vec<(Part, watcher::Config)>) -> Watched<K> {
        let listing = parts.iter().map(|(part, _)| (part.clone(), BTreeSet::new())).collect();
        let tagged =
            |(part, config): (Part, _)| self.events(config).map(move |event| (part.clone(), event)).boxed();
        Watched {
            events: select_all(parts.into_iter().map(tagged)),
            objects: BTreeMap::new(),
            invalid: BTreeMap::new(),
            listing,
            refused: BTreeMap::new(),
        }
    }

    fn events<K: Watchable>(&self, config: watcher::Config) -> Events<K> {
        let api: Api<DeserializeGuard<K>> = Api::namespaced(self.client.clone(), &self.namespace);
        // Back within seconds of the API server's return; the jitter keeps the watches apart.
        let backoff = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(5))
            .with_jitter()
            .without_max_times();
        let backoff = Patience { backoff: ExponentialBackoff::from(backoff), failed: None };
        watcher(api, config.any_semantic()).backoff(backoff).boxed()
    }
}

/// Events, each with the watch that it comes from.
type Tagged<K> = BoxStream<'static, (Part, Result<Event<DeserializeGuard<K>>, watcher::Error>)>;
type Events<K> = BoxStream<'static, Result<Event<DeserializeGuard<K>>, watcher::Error>>;

/// What can be watched in a namespace.
trait Watchable:
    Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + 'static
{
}

impl<K> Watchable for K where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + 'static
{
}

/// A backoff that a success soon after a failure does not reset: each try to list begins with one.
struct Patience {
    backoff: ExponentialBackoff,
    failed: Option<Instant>,
}

impl Iterator for Patience {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.failed = Some(Instant::now());
        self.backoff.next()
    }
}

impl Backoff for Patience {
    fn reset(&mut self) {
        if self.failed.is_none_or(|at| at.elapsed() > CALM) {
            self.backoff.reset();
        }
    }
}

/// What one watch of a set sees.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Part {
    /// All objects that a selector takes, which stands for them in warnings.
    All(&'static str),
    Named(String),
}

impl Part {
    /// A watch of one object, which a right to that name is enough for.
    fn named(name: &str) -> (Self, watcher::Config) {
        (Self::Named(name.to_owned()), watcher::Config::default().fields(&format!("metadata.name={name}")))
    }

    /// A watch of everything there is.
    fn everything() -> (Self, watcher::Config) {
        (Self::All("all"), watcher::Config::default())
    }

    fn name(&self) -> &str {
        match self {
            Self::All(selector) => selector,
            Self::Named(name) => name,
        }
    }

    fn covers(&self, object: &str) -> bool {
        match self {
            Self::All(_) => true,
            Self::Named(name) => name == object,
        }
    }
}

/// A set of objects that watches keep true.
struct Watched<K> {
    events: SelectAll<Tagged<K>>,
    objects: BTreeMap<String, K>,
    /// Those that could not be read, and why.
    invalid: BTreeMap<String, String>,
    /// The watches that have not told all they have, with what is known from before and was not told again.
    listing: BTreeMap<Part, BTreeSet<String>>,
    /// Those that the API server refuses, and in which words.
    refused: BTreeMap<Part, String>,
}

impl<K: Watchable> Watched<K> {
    /// Waits until the set has changed and is complete; false when the watch has ended.
    async fn changed(&mut self, control_plane: &str) -> bool {
        while let Some((part, event)) = self.events.next().await {
            match event {
                Ok(Event::Init) => {
                    self.begin(part);
                    continue;
                }
                Ok(Event::InitApply(guard)) => {
                    if let Some(before) = self.listing.get_mut(&part) {
                        before.remove(&guard.name_any());
                    }
                    self.put(guard);
                }
                Ok(Event::InitDone) => self.end(&part),
                Ok(Event::Apply(guard)) => self.put(guard),
                Ok(Event::Delete(guard)) => self.forget(&guard.name_any()),
                Err(error) => {
                    let kind = K::kind(&());
                    tracing::warn!(control_plane, "the watch of {kind}s broke: {}", explain_watch(&error));
                    if !is_refusal(&error) || !self.refuse(part, explain_watch(&error)) {
                        continue;
                    }
                }
            }
            if !self.is_listing() {
                return true;
            }
        }
        false
    }

    fn is_listing(&self) -> bool {
        !self.listing.is_empty()
    }

    /// Returns the objects that could not be read, each with a sentence.
    fn unreadable(&self) -> impl Iterator<Item = (String, String)> {
        let refused = |(part, why): (&Part, &String)| {
            (part.name().to_owned(), format!("Quarterdeck may not watch it: {why}. See deploy/rbac."))
        };
        let invalid = self.invalid.iter().map(|(name, why)| (name.clone(), unreadable(why)));
        invalid.chain(self.refused.iter().map(refused))
    }

    fn put(&mut self, guard: DeserializeGuard<K>) {
        let name = guard.name_any();
        self.forget(&name);
        match guard.0 {
            Ok(object) => drop(self.objects.insert(name, object)),
            Err(invalid) => drop(self.invalid.insert(name, invalid.error)),
        }
    }

    /// A watch tells anew all that it has. Until it has told all, what was known stays.
    fn begin(&mut self, part: Part) {
        let known = self.objects.keys().chain(self.invalid.keys());
        let before = known.filter(|name| part.covers(name)).cloned().collect();
        self.listing.insert(part, before);
    }

    /// A watch has told all: the rest is gone.
    fn end(&mut self, part: &Part) {
        self.refused.remove(part);
        for name in self.listing.remove(part).unwrap_or_default() {
            self.forget(&name);
        }
    }

    /// What may not be watched is not waited for; returns whether that is news.
    fn refuse(&mut self, part: Part, why: String) -> bool {
        self.listing.remove(&part);
        self.refused.insert(part, why.clone()).is_none_or(|known| known != why)
    }

    fn forget(&mut self, name: &str) {
        self.objects.remove(name);
        self.invalid.remove(name);
    }
}

/// What the Secrets register: the clusters, the version of each one's Secret, and what could not be read.
#[derive(Default)]
struct Registered {
    registrations: Vec<Registration>,
    versions: BTreeMap<String, String>,
    warnings: Vec<(String, String)>,
}

impl Registered {
    /// Reads what Secrets register; if `with_own`, the cluster that Argo CD runs in is there, too, with or without one.
    fn read<'a>(
        secrets: impl Iterator<Item = &'a Secret>,
        control_plane: &str,
        access: &AccessSettings,
        with_own: bool,
    ) -> Self {
        let mut all = Self::default();
        for secret in secrets {
            match Registration::read(secret, control_plane, access) {
                Ok(registration) if !with_own && registration.server == IN_CLUSTER => {}
                Ok(registration) if all.versions.contains_key(&registration.name) => {
                    let why = format!("another Secret has the name {} too", registration.name);
                    all.warnings.push((registration.secret, unreadable(&why)));
                }
                Ok(registration) => all.add(registration, secret.resource_version().unwrap_or_default()),
                Err(why) => all.warnings.push((secret.name_any(), unreadable(&why))),
            }
        }
        if with_own && !all.registrations.iter().any(|it| it.server == IN_CLUSTER) {
            all.add(Registration::in_cluster(control_plane, access), String::new());
        }
        all
    }

    fn add(&mut self, registration: Registration, version: String) {
        self.versions.insert(registration.name.clone(), version);
        self.registrations.push(registration);
    }
}

/// The running probers by cluster, with the version of the Secret that each was started from. They end with the watch,
/// which starts them anew.
#[derive(Default)]
struct Probers(BTreeMap<String, (String, TaskHandle)>);

impl Probers {
    /// Ends those whose Secret is gone or has changed.
    fn keep(&mut self, versions: &BTreeMap<String, String>) {
        for (_, (_, handle)) in
            self.0.extract_if(.., |name, (version, _)| versions.get(name) != Some(version))
        {
            handle.abort();
        }
    }
}

impl Drop for Probers {
    fn drop(&mut self) {
        self.keep(&BTreeMap::new());
    }
}

/// Whether the account may not do it: that does not heal by trying again.
fn is_refusal(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.code == 403,
        watcher::Error::WatchError(status) => status.code == 403,
        _ => false,
    }
}

fn explain_watch(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => explain_kube(error),
        watcher::Error::WatchError(status) => format!("it answered {}: {}", status.code, status.message),
        watcher::Error::NoResourceVersion => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use k8s_openapi::ByteString;

    use super::*;

    fn secret(name: &str, server: &str) -> Secret {
        let data = [("name", name), ("server", server), ("config", "{}")]
            .map(|(key, value)| (key.to_owned(), ByteString(value.into())));
        let mut secret = Secret { data: Some(BTreeMap::from(data)), ..Secret::default() };
        secret.metadata.name = Some(format!("cluster-{name}"));
        secret
    }

    fn names(secrets: &[Secret], with_own: bool) -> Vec<String> {
        let read = Registered::read(secrets.iter(), "lab", &AccessSettings::default(), with_own);
        read.registrations.into_iter().map(|it| it.name).collect()
    }

    #[test]
    fn the_cluster_of_argo_cd_is_there_unless_its_settings_say_otherwise() {
        let prod = secret("prod", "https://prod");
        assert_eq!(names(std::slice::from_ref(&prod), true), ["prod", "in-cluster"]);
        assert_eq!(names(std::slice::from_ref(&prod), false), ["prod"]);
        let own = [prod, secret("home", IN_CLUSTER)];
        assert_eq!(names(&own, true), ["prod", "home"]);
        assert_eq!(names(&own, false), ["prod"]);
    }

    #[test]
    fn of_two_clusters_with_one_name_the_first_counts_and_the_other_is_told() {
        let secrets = [secret("prod", "https://one"), secret("prod", "https://other")];
        let read = Registered::read(secrets.iter(), "lab", &AccessSettings::default(), false);
        assert_eq!(read.registrations[0].server, "https://one");
        assert!(read.warnings[0].1.contains("another Secret has the name prod"), "{:?}", read.warnings);
    }

    /// Secrets that a watch sees by these events, all of one watch.
    fn watched(events: Vec<Result<Event<DeserializeGuard<Secret>>, watcher::Error>>) -> Watched<Secret> {
        let part = Part::All("all");
        let tag = part.clone();
        Watched {
            events: select_all([stream::iter(events).map(move |event| (tag.clone(), event)).boxed()]),
            objects: BTreeMap::new(),
            invalid: BTreeMap::new(),
            listing: BTreeMap::from([(part, BTreeSet::new())]),
            refused: BTreeMap::new(),
        }
    }

    fn listed(name: &str) -> Result<Event<DeserializeGuard<Secret>>, watcher::Error> {
        Ok(Event::InitApply(DeserializeGuard(Ok(secret(name, "https://x")))))
    }

    fn refused() -> Result<Event<DeserializeGuard<Secret>>, watcher::Error> {
        let status = kube::core::Status { code: 403, message: "forbidden".into(), ..Default::default() };
        Err(watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status))))
    }

    #[tokio::test]
    async fn what_a_new_list_does_not_have_is_gone_once_it_is_whole() {
        let mut watched = watched(vec![
            Ok(Event::Init),
            listed("one"),
            listed("two"),
            Ok(Event::InitDone),
            Ok(Event::Init),
            listed("two"),
            Ok(Event::InitDone),
        ]);
        assert!(watched.changed("lab").await && watched.objects.len() == 2);
        assert!(watched.changed("lab").await);
        assert_eq!(watched.objects.keys().collect::<Vec<_>>(), ["cluster-two"]);
    }

    #[tokio::test]
    async fn a_refusal_is_told_once_and_what_was_known_stays() {
        let mut watched = watched(vec![
            Ok(Event::Init),
            listed("one"),
            Ok(Event::InitDone),
            Ok(Event::Init),
            refused(),
            Ok(Event::Init),
            refused(),
            Ok(Event::Init),
            listed("one"),
            Ok(Event::InitDone),
        ]);
        assert!(watched.changed("lab").await && watched.unreadable().next().is_none());
        assert!(watched.changed("lab").await && watched.objects.len() == 1);
        let (name, why) = watched.unreadable().next().expect("a warning");
        assert!(name == "all" && why.contains("may not watch it") && why.contains("deploy/rbac"), "{why}");
        assert!(watched.changed("lab").await && watched.unreadable().next().is_none(), "it is over");
        assert!(!watched.changed("lab").await, "the second refusal was no news");
    }
}
