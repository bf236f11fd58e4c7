//! Asks a Quarterdeck that runs, by its API, as the owner of an API token.

use std::{io, path::PathBuf, time::Duration};

use clap::Args;
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Longer than the slowest answer of the server.
const TIMEOUT: Duration = Duration::from_secs(60);
const TOKEN: &str = "QUARTERDECK_TOKEN";

/// Which Quarterdeck, and as whom.
#[derive(Args, Debug, Default)]
pub struct Remote {
    /// The URL of the Quarterdeck to ask.
    #[arg(long, env = "QUARTERDECK_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// The file with the API token [default: the variable `QUARTERDECK_TOKEN`].
    #[arg(long, env = "QUARTERDECK_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// Why a Quarterdeck gave no answer, or not the one that was wanted.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error("name a Quarterdeck by --server (or the variable QUARTERDECK_SERVER)")]
    NoServer,
    #[error(
        "an API token is needed: make one on the page Settings, and give it in the variable QUARTERDECK_TOKEN or a file by \
         --token-file"
    )]
    NoToken,
    #[error("the token in {} cannot be read", file.display())]
    TokenFile {
        file: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{server} does not answer")]
    Silent {
        server: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("{server} is of another version: its answer is not understood")]
    NotUnderstood {
        server: String,
        #[source]
        source: serde_json::Error,
    },
    /// It refuses, in its own words.
    #[error("{words}")]
    Refused { status: u16, words: String },
}

impl RemoteError {
    /// Returns whether the same question may have an answer in a moment.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Silent { .. } => true,
            Self::Refused { status, .. } => matches!(status, 429 | 502 | 503 | 504),
            _ => false,
        }
    }
}

impl Remote {
    /// Returns the URL of the Quarterdeck, without a slash at its end.
    ///
    /// # Errors
    /// None is named.
    pub fn url(&self) -> Result<&str, RemoteError> {
        Ok(self.server.as_deref().ok_or(RemoteError::NoServer)?.trim_end_matches('/'))
    }

    /// Reads from the API.
    ///
    /// # Errors
    /// No server or token is named, the server does not answer, or it refuses: its own words.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, RemoteError> {
        self.ask(Method::GET, path, None::<&()>).await
    }

    /// Posts to the API, and returns its answer.
    ///
    /// # Errors
    /// As [`Remote::get`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, RemoteError> {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// Deletes by the API, and returns its answer.
    ///
    /// # Errors
    /// As [`Remote::get`].
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, RemoteError> {
        self.ask(Method::DELETE, path, None::<&()>).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, RemoteError> {
        let server = self.url()?;
        let silent = |source: reqwest::Error| RemoteError::Silent {
            server: server.to_owned(),
            source: source.without_url(),
        };
        let not_understood = |source| RemoteError::NotUnderstood { server: server.to_owned(), source };
        let client = reqwest::Client::builder().timeout(TIMEOUT).build().map_err(silent)?;
        let mut request = client
            .request(method, format!("{server}/api/v1{path}"))
            .bearer_auth(self.token()?.expose_secret());
        if let Some(body) = body {
            let body = serde_json::to_vec(body).map_err(not_understood)?;
            request = request.header("content-type", "application/json").body(body);
        }
        let answer = request.send().await.map_err(silent)?;
        let status = answer.status();
        let text = answer.text().await.map_err(silent)?;
        if status.is_success() {
            return serde_json::from_str(&text).map_err(not_understood);
        }
        let problem: Value = serde_json::from_str(&text).unwrap_or_default();
        let words =
            problem["detail"].as_str().map_or_else(|| format!("{server} answered {status}"), str::to_owned);
        Err(RemoteError::Refused { status: status.as_u16(), words })
    }

    fn token(&self) -> Result<SecretString, RemoteError> {
        if let Some(file) = &self.token_file {
            let text = std::fs::read_to_string(file)
                .map_err(|source| RemoteError::TokenFile { file: file.clone(), source })?;
            return Ok(text.trim().into());
        }
        let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
        token.map(SecretString::from).ok_or(RemoteError::NoToken)
    }
}
