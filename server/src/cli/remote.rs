//! Asks a Quarterdeck that runs, by its API, as the owner of an API token.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
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

impl Remote {
    /// Posts to the API, and returns its answer.
    ///
    /// # Errors
    /// No server or token is named, the server does not answer, or it refuses: its own words.
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        let server = self.server.as_deref().context(
            "name a clone by --repo, or a Quarterdeck by --server (or the variable QUARTERDECK_SERVER)",
        )?;
        let token = self.token()?;
        let body = serde_json::to_vec(body)?;
        let url = format!("{}/api/v1{path}", server.trim_end_matches('/'));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
            let request = client
                .post(&url)
                .bearer_auth(token.expose_secret())
                .header("content-type", "application/json")
                .body(body);
            let answer = request.send().await.map_err(reqwest::Error::without_url);
            let answer = answer.with_context(|| format!("{server} does not answer"))?;
            let status = answer.status();
            let text = answer.text().await.with_context(|| format!("{server} broke off its answer"))?;
            if status.is_success() {
                return serde_json::from_str(&text).with_context(|| {
                    format!("{server} is of another version: its answer is not understood")
                });
            }
            let problem: Value = serde_json::from_str(&text).unwrap_or_default();
            match problem["detail"].as_str() {
                Some(detail) => bail!("{detail}"),
                None => bail!("{server} answered {status}"),
            }
        })
    }

    fn token(&self) -> anyhow::Result<SecretString> {
        if let Some(file) = &self.token_file {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("the token in {} cannot be read", file.display()))?;
            return Ok(text.trim().into());
        }
        let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
        let hint = "an API token is needed: make one on the page Settings, and give it in the variable \
                    QUARTERDECK_TOKEN or a file by --token-file";
        token.map(SecretString::from).context(hint)
    }
}
