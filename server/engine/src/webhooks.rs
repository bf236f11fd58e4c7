//! Deliveries of forges: checked by the secrets of every control plane, each taken once.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use http::HeaderMap;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};

use crate::{
    git::{
        mirror::Mirrors,
        webhook::{Deliveries, Push, WebhookError, WebhookSecrets, verify},
    },
    metrics::Metrics,
};

/// Where Argo CD keeps them.
const SECRET: &str = "argocd-secret";
/// How long a control plane may take, and how long what it said is kept.
const TIMEOUT: Duration = Duration::from_secs(5);
const KEPT: Duration = Duration::from_secs(45);

/// Takes deliveries.
pub struct Webhooks {
    mirrors: Mirrors,
    deliveries: Deliveries,
    /// Of each control plane, its client and the namespace of Argo CD.
    planes: Vec<(Client, String)>,
    metrics: Metrics,
    kept: Mutex<Option<(Instant, Arc<Vec<WebhookSecrets>>)>>,
}

impl Webhooks {
    /// Takes the control planes whose secrets count.
    pub fn new(mirrors: Mirrors, planes: Vec<(Client, String)>, metrics: Metrics) -> Self {
        Self { mirrors, deliveries: Deliveries::default(), planes, metrics, kept: Mutex::default() }
    }

    /// Checks a delivery and has fetched what it is about.
    ///
    /// # Errors
    /// A delivery that no control plane's secrets vouch for, or that makes no sense.
    pub async fn receive(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), WebhookError> {
        let push = self.check(headers, body).await?;
        if self.deliveries.is_new(&push) {
            let told = self.mirrors.on_push(&push);
            tracing::info!(repositories = told, "a forge told of a push");
        }
        Ok(())
    }

    async fn check(&self, headers: &HeaderMap, body: &[u8]) -> Result<Push, WebhookError> {
        let mut last = WebhookError::NoSecret;
        for secrets in self.secrets().await.iter() {
            match verify(headers, body, secrets) {
                Ok(push) => return Ok(push),
                Err(error @ WebhookError::NotSigned) => last = error,
                Err(error) if last != WebhookError::NotSigned => last = error,
                Err(_) => {}
            }
        }
        Err(last)
    }

    async fn secrets(&self) -> Arc<Vec<WebhookSecrets>> {
        if let Some(kept) = self.kept() {
            return kept;
        }
        let read = futures::future::join_all(
            self.planes.iter().map(|(client, namespace)| self.read(client, namespace)),
        );
        let secrets = Arc::new(read.await.into_iter().flatten().collect::<Vec<_>>());
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), Arc::clone(&secrets)));
        secrets
    }

    /// What is too old is dropped, not only passed over: it is secret.
    fn kept(&self) -> Option<Arc<Vec<WebhookSecrets>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_some_and(|(at, _)| at.elapsed() > KEPT) {
            *kept = None;
        }
        kept.as_ref().map(|(_, secrets)| Arc::clone(secrets))
    }

    async fn read(&self, client: &Client, namespace: &str) -> Option<WebhookSecrets> {
        let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let begin = Instant::now();
        let answer = tokio::time::timeout(TIMEOUT, api.get_opt(SECRET)).await;
        let (outcome, secret) = match answer {
            Ok(Ok(secret)) => ("ok", secret),
            Ok(Err(_)) => ("error", None),
            Err(_) => ("timeout", None),
        };
        self.metrics.external_call("control_plane", outcome, begin.elapsed());
        secret.as_ref().map(WebhookSecrets::of)
    }
}
