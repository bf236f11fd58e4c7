//! What a control plane says of repositories, read through its API server.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client, api::ListParams};
use secrecy::SecretString;

use super::{CredentialSource, Credentials, Purpose, Registrations};
use crate::{
    error::explain_kube,
    git::mirror::{Remote, Repo},
    metrics::Metrics,
};

/// How long an API server may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long what was read is kept.
const KEPT: Duration = Duration::from_secs(45);
const OF_REPOSITORIES: &str =
    "argocd.argoproj.io/secret-type in (repository,repo-creds,repository-write,repo-write-creds)";

/// The credentials of all control planes.
pub struct ArgoSecrets {
    planes: HashMap<String, (Client, String)>,
    write: Vec<WriteSetting>,
    metrics: Metrics,
    kept: Mutex<HashMap<String, (Instant, Arc<Registrations>)>>,
}

impl ArgoSecrets {
    /// Takes each control plane's client and namespace, by the control plane's name, and what the settings name to push
    /// with.
    pub fn new(
        planes: HashMap<String, (Client, String)>,
        write: Vec<WriteSetting>,
        metrics: Metrics,
    ) -> Self {
        Self { planes, write, metrics, kept: Mutex::default() }
    }

    async fn of(&self, repo: &Repo, purpose: Purpose) -> Result<(Credentials, Remote), String> {
        let plane = &repo.control_plane;
        let read = self.registrations(plane).await;
        let read = read.map_err(|why| {
            format!("the repository Secrets of control plane {plane} cannot be read: {why}")
        })?;
        let remote = Remote::read(&repo.url).map_err(|error| error.to_string())?;
        Ok((read.of(repo, &remote, purpose)?, remote))
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
        Box::pin(async move { Ok(self.of(repo, Purpose::Read).await?.0) })
    }

    /// What the settings name goes before the Secrets; host keys and authorities are those of the control plane.
    fn write_credentials<'a>(&'a self, repo: &'a Repo) -> BoxFuture<'a, Result<Credentials, String>> {
        Box::pin(async move {
            let (of_secrets, remote) = self.of(repo, Purpose::Write).await?;
            let setting = self.write.iter().find(|it| it.is_for(&remote));
            let found = setting.map_or(of_secrets.clone(), |setting| setting.over(of_secrets));
            if found.is_empty() {
                return Err("there are no credentials to push with; make a Secret like the one it is fetched \
                            with, with the label argocd.argoproj.io/secret-type: repository-write, or name them in \
                            [[repositories.write]]"
                    .to_owned());
            }
            Ok(found)
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

/// Credentials to push to one repository with, of the settings.
#[derive(Clone, Debug, Default)]
pub struct WriteSetting {
    pub url: String,
    pub username: Option<String>,
    pub password: Option<SecretString>,
    pub ssh_private_key: Option<SecretString>,
    pub bearer_token: Option<SecretString>,
}

impl WriteSetting {
    fn is_for(&self, remote: &Remote) -> bool {
        Remote::read(&self.url)
            .is_ok_and(|it| it.origin() == remote.origin() && it.path_compared() == remote.path_compared())
    }

    fn over(&self, of_secrets: Credentials) -> Credentials {
        Credentials {
            secret: None,
            username: self.username.clone(),
            password: self.password.clone(),
            ssh_private_key: self.ssh_private_key.clone(),
            bearer_token: self.bearer_token.clone(),
            client_certificate: None,
            client_key: None,
            ..of_secrets
        }
    }
}
