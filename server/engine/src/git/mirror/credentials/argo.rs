//! What a control plane says of repositories, read through its API server.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client, api::ListParams};

use super::{CredentialSource, Credentials, Registrations};
use crate::{
    error::explain_kube,
    git::mirror::{Remote, Repo},
    metrics::Metrics,
};

/// How long an API server may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long what was read is kept.
const KEPT: Duration = Duration::from_secs(45);
const OF_REPOSITORIES: &str = "argocd.argoproj.io/secret-type in (repository,repo-creds)";

/// The credentials of all control planes.
pub struct ArgoSecrets {
    planes: HashMap<String, (Client, String)>,
    metrics: Metrics,
    kept: Mutex<HashMap<String, (Instant, Arc<Registrations>)>>,
}

impl ArgoSecrets {
    /// Takes each control plane's client and namespace, by the control plane's name.
    pub fn new(planes: HashMap<String, (Client, String)>, metrics: Metrics) -> Self {
        Self { planes, metrics, kept: Mutex::default() }
    }

    async fn registrations(&self, plane: &str) -> Result<Arc<Registrations>, String> {
        if let Some(kept) = self.kept(plane) {
            return Ok(kept);
        }
        let (client, namespace) = self.planes.get(plane).ok_or("its control plane is not in the settings")?;
        let begin = Instant::now();
        let answer = tokio::time::timeout(TIMEOUT, fetch(client.clone(), namespace)).await;
        let outcome = match &answer {
            Ok(Ok(_)) => "ok",
            Ok(Err(_)) => "error",
            Err(_) => "timeout",
        };
        self.metrics.external_call("control_plane", outcome, begin.elapsed());
        let read = match answer {
            Ok(Ok(read)) => Arc::new(read),
            Ok(Err(why)) => return Err(explain_kube(&why)),
            Err(_) => return Err(format!("no answer within {} s", TIMEOUT.as_secs())),
        };
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(plane.to_owned(), (Instant::now(), read.clone()));
        Ok(read)
    }

    /// What is too old is dropped, not only passed over: it is secret.
    fn kept(&self, plane: &str) -> Option<Arc<Registrations>> {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (at, _)| at.elapsed() < KEPT);
        all.get(plane).map(|(_, kept)| kept.clone())
    }
}

impl CredentialSource for ArgoSecrets {
    fn credentials<'a>(&'a self, repo: &'a Repo) -> BoxFuture<'a, Result<Credentials, String>> {
        Box::pin(async move {
            let plane = &repo.control_plane;
            let read = self.registrations(plane).await;
            let read = read.map_err(|why| {
                format!("the repository Secrets of control plane {plane} cannot be read: {why}")
            })?;
            let remote = Remote::read(&repo.url).map_err(|error| error.to_string())?;
            read.of(repo, &remote)
        })
    }
}

async fn fetch(client: Client, namespace: &str) -> kube::Result<Registrations> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let maps: Api<ConfigMap> = Api::namespaced(client, namespace);
    let selected = ListParams::default().labels(OF_REPOSITORIES);
    let (secrets, hosts, authorities) = tokio::try_join!(
        secrets.list(&selected),
        maps.get_opt("argocd-ssh-known-hosts-cm"),
        maps.get_opt("argocd-tls-certs-cm"),
    )?;
    let data = |map: Option<ConfigMap>| -> BTreeMap<String, String> {
        map.and_then(|map| map.data).unwrap_or_default()
    };
    let known_hosts = data(hosts).remove("ssh_known_hosts").unwrap_or_default();
    Ok(Registrations { secrets: secrets.items, known_hosts, authorities: data(authorities) })
}
