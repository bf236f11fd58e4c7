//! Calls to a provider: bounded in time and size, measured, and never led elsewhere.

use std::{
    pin::Pin,
    time::{Duration, Instant},
};

use openidconnect::{HttpRequest, HttpResponse};
use reqwest::{Certificate, Client, redirect::Policy};

use super::ProviderSetting;
use crate::{
    error::{Error, Result},
    metrics::Metrics,
};

/// Larger than any set of keys.
const LARGEST: usize = 1024 * 1024;

/// Calls one provider.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: Client,
    metrics: Metrics,
    timeout: Duration,
}

type Call = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send>>;

/// Why a provider did not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("it cannot be reached")]
    Reqwest(#[source] reqwest::Error),
    #[error("it did not answer within {0} s")]
    Timeout(u64),
    #[error("its answer is larger than 1 MiB")]
    TooLarge,
    #[error("its answer is no HTTP")]
    Http(#[from] http::Error),
}

impl Http {
    /// Returns what calls the provider of a setting.
    pub(super) fn new(setting: &ProviderSetting, metrics: Metrics) -> Result<Self> {
        let wrong = |why: String| Error::Setting(format!("sign_in.providers: {}: {why}", setting.id));
        // A redirect of a provider could lead to a place that only we reach.
        let mut builder = Client::builder().redirect(Policy::none()).use_rustls_tls().no_proxy();
        if let Some(path) = &setting.ca_file {
            let pem = std::fs::read(path)
                .map_err(|error| wrong(format!("its ca_file {} cannot be read: {error}", path.display())))?;
            let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| {
                wrong(format!("its ca_file {} has no certificate: {error}", path.display()))
            })?;
            for certificate in certificates {
                builder = builder.add_root_certificate(certificate);
            }
        }
        let client = builder.build().map_err(|error| wrong(format!("no client can be made: {error}")))?;
        Ok(Self { client, metrics, timeout: setting.timeout })
    }

    /// Returns what the crate makes its calls with.
    pub(super) fn caller(&self) -> impl Fn(HttpRequest) -> Call + Send + Sync + use<> {
        let http = self.clone();
        move |request| {
            let http = http.clone();
            Box::pin(async move { http.call(request).await })
        }
    }

    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let begin = Instant::now();
        let answer = tokio::time::timeout(self.timeout, self.answer(request)).await;
        let outcome = match &answer {
            Ok(Ok(_)) => "ok",
            Ok(Err(_)) => "error",
            Err(_) => "timeout",
        };
        self.metrics.external_call("identity_provider", outcome, begin.elapsed());
        answer.unwrap_or_else(|_| Err(HttpError::Timeout(self.timeout.as_secs())))
    }

    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let request = request.try_into().map_err(HttpError::Reqwest)?;
        let mut response = self.client.execute(request).await.map_err(HttpError::Reqwest)?;
        let mut answer = http::Response::builder().status(response.status());
        for (name, value) in response.headers() {
            answer = answer.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(HttpError::Reqwest)? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST {
                return Err(HttpError::TooLarge);
            }
        }
        Ok(answer.body(body)?)
    }
}
