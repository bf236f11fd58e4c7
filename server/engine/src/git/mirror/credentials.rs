//! What Argo CD's Secrets say of a repository: read when needed, never shown.
//!
//! Source: Argo CD's `util/db/repository.go` and `repository_secrets.go`. It finds templates (`repo-creds`) by the
//! longest prefix of the URL as a text; here scheme, host and port must be equal as well, so that a template for
//! `https://git.example.com` never serves `https://git.example.com.elsewhere.net`.

mod argo;

use std::fmt;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Secret;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Remote, Repo, remote::Kind};

pub use argo::{ArgoSecrets, WriteSetting};

/// Who knows what a repository is fetched with.
pub trait CredentialSource: Send + Sync {
    /// Returns what to fetch a repository with.
    ///
    /// # Errors
    /// One sentence without any value of a Secret: what cannot be read, or is not supported.
    fn credentials<'a>(&'a self, repo: &'a Repo) -> BoxFuture<'a, Result<Credentials, String>>;

    /// Returns what to push to a repository with, which is never what it is fetched with.
    ///
    /// # Errors
    /// As [`CredentialSource::credentials`]; also that there are none.
    fn write_credentials<'a>(&'a self, repo: &'a Repo) -> BoxFuture<'a, Result<Credentials, String>>;
}

/// What credentials are for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    Read,
    /// Argo CD's own kinds of Secrets for it, which its hydrator uses (`util/db/repository_secrets.go`).
    Write,
}

impl Purpose {
    /// The types of Secrets: of one repository, and of all that begin alike.
    fn types(self) -> (&'static str, &'static str) {
        match self {
            Self::Read => ("repository", "repo-creds"),
            Self::Write => ("repository-write", "repo-write-creds"),
        }
    }
}

/// What a repository is fetched with. `Debug` shows where it is from, and which kind it is.
#[derive(Clone, Default)]
pub struct Credentials {
    /// The Secret's name; none where no Secret has any.
    pub secret: Option<String>,
    pub username: Option<String>,
    pub password: Option<SecretString>,
    pub bearer_token: Option<SecretString>,
    pub ssh_private_key: Option<SecretString>,
    pub client_certificate: Option<String>,
    pub client_key: Option<SecretString>,
    /// Neither certificates nor host keys are checked.
    pub insecure: bool,
    /// May hold a password.
    pub proxy: Option<SecretString>,
    pub no_proxy: Option<String>,
    /// Lines as in OpenSSH's `known_hosts`.
    pub known_hosts: String,
    /// Certificates in PEM that alone are trusted; none: those of the system.
    pub authorities: Option<String>,
}

impl Credentials {
    /// Names the kind.
    pub fn kind(&self) -> &'static str {
        if self.ssh_private_key.is_some() {
            "SSH key"
        } else if self.bearer_token.is_some() {
            "bearer token"
        } else if self.password.is_some() {
            "user name and password or token"
        } else if self.client_key.is_some() {
            "client certificate"
        } else {
            "none"
        }
    }

    /// Returns all values that must not be seen.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        let all = [&self.password, &self.bearer_token, &self.ssh_private_key, &self.client_key, &self.proxy];
        all.into_iter().flatten()
    }

    fn is_empty(&self) -> bool {
        self.kind() == "none" && self.username.is_none()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Credentials");
        shown.field("secret", &self.secret).field("kind", &self.kind()).field("insecure", &self.insecure);
        shown.finish_non_exhaustive()
    }
}

/// What a control plane's namespace says of all repositories.
#[derive(Clone, Default)]
pub struct Registrations {
    pub secrets: Vec<Secret>,
    /// `ssh_known_hosts` of `argocd-ssh-known-hosts-cm`.
    pub known_hosts: String,
    /// `argocd-tls-certs-cm`: certificates in PEM by host.
    pub authorities: std::collections::BTreeMap<String, String>,
}

impl Registrations {
    /// Finds what a repository is fetched with: its Secret, or else the template with the longest prefix.
    ///
    /// # Errors
    /// One sentence: credentials of a kind that is not supported, or that cannot be read.
    pub fn of(&self, repo: &Repo, remote: &Remote, purpose: Purpose) -> Result<Credentials, String> {
        let own = self.own_secret(repo, remote, purpose);
        let mut found = own.map(read).transpose()?.unwrap_or_default();
        let takes_template = found.is_empty() && own.and_then(unsupported).is_none();
        let used = match self.template(remote, purpose).filter(|_| takes_template) {
            Some(template) => {
                let from = read(template)?;
                found = Credentials {
                    insecure: found.insecure,
                    proxy: found.proxy.or(from.proxy),
                    no_proxy: found.no_proxy.or(from.no_proxy),
                    ..from
                };
                Some(template)
            }
            None => own,
        };
        if let Some((what, secret)) = used.and_then(|secret| Some((unsupported(secret)?, name_of(secret)))) {
            return Err(format!(
                "Secret {secret} has {what}, which is not supported here: put a token, a password or an SSH key there"
            ));
        }
        if remote.kind() == Kind::Ssh && found.proxy.is_some() {
            return Err("a proxy for SSH is not supported here: use https for this repository".into());
        }
        if purpose == Purpose::Read
            && found.is_empty()
            && let Some((user, password)) = remote.login()
        {
            found.username = Some(user.clone());
            found.password = Some(password.clone());
        }
        found.known_hosts.clone_from(&self.known_hosts);
        found.authorities = self.authorities_of(remote.host());
        Ok(found)
    }

    /// A Secret of the Application's project goes before one that all may use; others' are not looked at.
    fn own_secret(&self, repo: &Repo, remote: &Remote, purpose: Purpose) -> Option<&Secret> {
        let of_project = |project: &str| {
            self.secrets.iter().find(|secret| {
                let is_project = text(secret, "project").unwrap_or_default() == project;
                is_project
                    && is_git(secret)
                    && type_of(secret) == Some(purpose.types().0)
                    && text(secret, "url").and_then(|url| Remote::read(&url).ok()).is_some_and(|url| {
                        url.origin() == remote.origin() && url.path_compared() == remote.path_compared()
                    })
            })
        };
        Some(&repo.project)
            .filter(|it| !it.is_empty())
            .and_then(|it| of_project(it))
            .or_else(|| of_project(""))
    }

    fn template(&self, remote: &Remote, purpose: Purpose) -> Option<&Secret> {
        let path = remote.path_compared();
        let fits = |secret: &&Secret| -> Option<usize> {
            if !is_git(secret) || type_of(secret) != Some(purpose.types().1) {
                return None;
            }
            let (origin, prefix) = prefix(&text(secret, "url")?)?;
            (origin == remote.origin() && path.starts_with(&prefix)).then_some(prefix.len())
        };
        let fitting = self.secrets.iter().filter_map(|secret| Some((fits(&secret)?, secret)));
        fitting.max_by_key(|(length, _)| *length).map(|(_, secret)| secret)
    }

    /// Argo CD's keys are hosts without a port.
    fn authorities_of(&self, host: &str) -> Option<String> {
        let found = self.authorities.iter().find(|(name, _)| name.eq_ignore_ascii_case(host));
        found.map(|(_, pem)| pem.clone()).filter(|pem| !pem.trim().is_empty())
    }
}

/// The origin and the path of a template's URL, which may be a host alone.
fn prefix(url: &str) -> Option<((&'static str, String), String)> {
    if let Ok(remote) = Remote::read(url) {
        return Some((remote.origin(), remote.path_compared()));
    }
    let whole =
        if url.contains("://") { format!("{}/x", url.trim_end_matches('/')) } else { format!("{url}x") };
    Remote::read(&whole).ok().map(|remote| (remote.origin(), String::new()))
}

fn read(secret: &Secret) -> Result<Credentials, String> {
    let name = name_of(secret);
    let value = |key: &str| -> Result<Option<String>, String> {
        let Some(bytes) = secret.data.as_ref().and_then(|data| data.get(key)) else { return Ok(None) };
        let text = String::from_utf8(bytes.0.clone());
        let text = text.map_err(|_| format!("key {key} of Secret {name} is not text: write it anew"))?;
        if key != "sshPrivateKey" && !key.starts_with("tls") && text.trim_end().contains(['\n', '\r', '\0']) {
            return Err(format!("key {key} of Secret {name} has more than one line: write it anew"));
        }
        Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned()).filter(|text| !text.is_empty()))
    };
    let hidden = |key: &str| value(key).map(|text| text.map(SecretString::from));
    let is_set = |key: &str| value(key).map(|text| text.is_some_and(|text| text == "true"));
    Ok(Credentials {
        username: value("username")?,
        password: hidden("password")?,
        bearer_token: hidden("bearerToken")?,
        ssh_private_key: hidden("sshPrivateKey")?,
        client_certificate: value("tlsClientCertData")?,
        client_key: hidden("tlsClientCertKey")?,
        insecure: is_set("insecure")? || is_set("insecureIgnoreHostKey")?,
        proxy: hidden("proxy")?,
        no_proxy: value("noProxy")?,
        secret: Some(name),
        ..Credentials::default()
    })
}

/// What a Secret has that we cannot use.
fn unsupported(secret: &Secret) -> Option<&'static str> {
    let has = |key: &str| text(secret, key).is_some();
    if has("password") || has("bearerToken") || has("sshPrivateKey") {
        return None;
    }
    if has("githubAppPrivateKey") {
        return Some("the key of a GitHub App");
    }
    if has("gcpServiceAccountKey") {
        return Some("the key of a Google service account");
    }
    let by_azure = has("azureServicePrincipalClientSecret")
        || text(secret, "useAzureWorkloadIdentity").is_some_and(|it| it == "true");
    by_azure.then_some("an Azure identity")
}

fn is_git(secret: &Secret) -> bool {
    text(secret, "type").is_none_or(|kind| kind == "git")
}

fn type_of(secret: &Secret) -> Option<&str> {
    secret.metadata.labels.as_ref()?.get("argocd.argoproj.io/secret-type").map(String::as_str)
}

fn name_of(secret: &Secret) -> String {
    secret.metadata.name.clone().unwrap_or_default()
}

fn text(secret: &Secret, key: &str) -> Option<String> {
    let bytes = secret.data.as_ref()?.get(key)?;
    let text = std::str::from_utf8(&bytes.0).ok()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

impl fmt::Debug for Registrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.secrets.iter().map(name_of).collect();
        f.debug_struct("Registrations").field("secrets", &names).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Returns a password as it is written where text must not be told apart: for the one file that `git` reads.
    pub(super) fn login(&self) -> Option<(&str, &str)> {
        let password = self.password.as_ref()?.expose_secret();
        let username = self.username.as_deref().unwrap_or_default();
        // Forges take any name beside a token; Git asks for one.
        Some((if username.is_empty() { "git" } else { username }, password))
    }
}

#[cfg(test)]
mod tests;
