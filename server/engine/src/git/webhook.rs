//! What forges tell of pushes. The signature is checked before the body is looked at, and nothing of a body is ever
//! fetched, matched as a pattern or shown: it only picks among the repositories that are known anyhow.
//!
//! Source: Argo CD's `util/webhook/webhook.go` for the headers and the keys of `argocd-secret`. It takes every delivery
//! where no secret is set; here none is taken then.

mod body;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use http::HeaderMap;
use k8s_openapi::api::core::v1::Secret;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::mirror::Remote;

/// Larger bodies are refused; the route should not read more.
pub const MOST_BYTES: usize = 5 << 20;
/// How long a delivery is remembered, and how many are.
const REMEMBERED: Duration = Duration::from_secs(600);
const MOST_REMEMBERED: usize = 10_000;

/// What `argocd-secret` has for webhooks. `Debug` shows which are set.
#[derive(Clone, Default)]
pub struct WebhookSecrets {
    pub github: Option<SecretString>,
    pub gitlab: Option<SecretString>,
    /// Of Gogs, Gitea and Forgejo.
    pub gogs: Option<SecretString>,
    pub bitbucket_server: Option<SecretString>,
    /// Bitbucket Cloud's id of the webhook.
    pub bitbucket_uuid: Option<SecretString>,
    pub azure_username: Option<SecretString>,
    pub azure_password: Option<SecretString>,
}

/// Who sent a delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Forge {
    GitHub,
    GitLab,
    /// And Gitea and Forgejo.
    Gogs,
    BitbucketServer,
    BitbucketCloud,
    AzureDevOps,
}

/// A push that a forge told of. May be about no repository: other events are.
#[derive(Clone, Debug)]
pub struct Push {
    pub forge: Forge,
    /// Where the repository may be, in all the ways that the forge writes it.
    remotes: Vec<Remote>,
    /// The branches that changed, with the commit of each afterwards; none: not told, or deleted.
    branches: Vec<(String, Option<String>)>,
    /// The forge's id of the delivery, and the hash of the body.
    delivery: Option<String>,
    digest: [u8; 32],
}

/// Why a delivery is not taken. The texts name no repository, and do not tell which part of a signature is wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WebhookError {
    #[error("this is no delivery of a forge that is known here; look at the address of the webhook")]
    Unknown,
    #[error("no secret is set for this forge in argocd-secret, so its deliveries are not taken")]
    NoSecret,
    #[error("the signature is missing or wrong; enter the same secret at the forge and in argocd-secret")]
    NotSigned,
    #[error("the body is larger than {MOST_BYTES} bytes")]
    TooLarge,
    #[error("the body is not what this forge sends")]
    Malformed,
}

impl WebhookSecrets {
    /// Reads `argocd-secret`.
    pub fn of(secret: &Secret) -> Self {
        let get = |key: &str| {
            let bytes = &secret.data.as_ref()?.get(key)?.0;
            let text = std::str::from_utf8(bytes).ok()?.trim_end_matches(['\n', '\r']);
            (!text.is_empty()).then(|| text.to_owned().into())
        };
        Self {
            github: get("webhook.github.secret"),
            gitlab: get("webhook.gitlab.secret"),
            gogs: get("webhook.gogs.secret"),
            bitbucket_server: get("webhook.bitbucketserver.secret"),
            bitbucket_uuid: get("webhook.bitbucket.uuid"),
            azure_username: get("webhook.azuredevops.username"),
            azure_password: get("webhook.azuredevops.password"),
        }
    }
}

/// Checks a delivery's signature, and only then reads it.
///
/// # Errors
/// A delivery that is not signed as the secrets say, too large, or of an unknown kind.
pub fn verify(headers: &HeaderMap, body: &[u8], secrets: &WebhookSecrets) -> Result<Push, WebhookError> {
    if body.len() > MOST_BYTES {
        return Err(WebhookError::TooLarge);
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // Gitea and Gogs send GitHub's headers as well.
    let (forge, delivery) =
        if let Some(signature) = header("x-gitea-signature").or(header("x-gogs-signature")) {
            check_hmac(secrets.gogs.as_ref(), body, signature)?;
            (Forge::Gogs, header("x-gitea-delivery").or(header("x-gogs-delivery")))
        } else if headers.contains_key("x-github-event") {
            check_hmac(secrets.github.as_ref(), body, prefixed(header("x-hub-signature-256"))?)?;
            (Forge::GitHub, header("x-github-delivery"))
        } else if headers.contains_key("x-gitlab-event") {
            check_equal(secrets.gitlab.as_ref(), header("x-gitlab-token"))?;
            (Forge::GitLab, header("x-gitlab-event-uuid").or(header("idempotency-key")))
        } else if headers.contains_key("x-hook-uuid") {
            check_bitbucket_cloud(secrets, body, header("x-hook-uuid"), header("x-hub-signature"))?;
            (Forge::BitbucketCloud, header("x-request-uuid"))
        } else if headers.contains_key("x-event-key") {
            check_hmac(secrets.bitbucket_server.as_ref(), body, prefixed(header("x-hub-signature"))?)?;
            (Forge::BitbucketServer, header("x-request-id"))
        } else if headers.contains_key("x-vss-activityid") {
            check_basic(secrets, header("authorization"))?;
            (Forge::AzureDevOps, header("x-vss-activityid"))
        } else {
            return Err(WebhookError::Unknown);
        };
    let told = body::read(forge, body).ok_or(WebhookError::Malformed)?;
    let delivery = delivery.filter(|id| id.len() <= 200).map(ToOwned::to_owned);
    let digest = Sha256::digest(body).into();
    Ok(Push { forge, remotes: told.remotes(), branches: told.branches(), delivery, digest })
}

impl Push {
    /// Tells whether the push went to this repository, whatever the protocol.
    pub fn is_about(&self, remote: &Remote) -> bool {
        self.remotes.iter().any(|told| told.is_same_place(remote))
    }

    /// Tells whether nothing is to be fetched: all that changed is there.
    pub(super) fn is_in(&self, heads: &BTreeMap<String, String>) -> bool {
        !self.branches.is_empty()
            && self
                .branches
                .iter()
                .all(|(branch, after)| after.is_some() && heads.get(branch) == after.as_ref())
    }
}

/// The deliveries of the last minutes.
#[derive(Debug, Default)]
pub struct Deliveries {
    seen: Mutex<VecDeque<Seen>>,
}

/// When it came, the hash of its body, and its id.
type Seen = (Instant, [u8; 32], Option<String>);

impl Deliveries {
    /// Tells whether a push is new, and remembers it. A delivery's id is not signed, its body is: either makes it known.
    pub fn is_new(&self, push: &Push) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        while seen.front().is_some_and(|(at, ..)| seen.len() >= MOST_REMEMBERED || at.elapsed() > REMEMBERED)
        {
            seen.pop_front();
        }
        let is_known = seen.iter().any(|(_, digest, delivery)| {
            *digest == push.digest || (delivery.is_some() && *delivery == push.delivery)
        });
        if !is_known {
            seen.push_back((Instant::now(), push.digest, push.delivery.clone()));
        }
        !is_known
    }
}

fn prefixed(signature: Option<&str>) -> Result<&str, WebhookError> {
    signature.and_then(|it| it.strip_prefix("sha256=")).ok_or(WebhookError::NotSigned)
}

fn check_hmac(secret: Option<&SecretString>, body: &[u8], signature: &str) -> Result<(), WebhookError> {
    let secret = secret.ok_or(WebhookError::NoSecret)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .map_err(|_| WebhookError::NoSecret)?;
    mac.update(body);
    let signature = hex::decode(signature.trim()).map_err(|_| WebhookError::NotSigned)?;
    mac.verify_slice(&signature).map_err(|_| WebhookError::NotSigned)
}

fn check_equal(secret: Option<&SecretString>, shown: Option<&str>) -> Result<(), WebhookError> {
    let secret = secret.ok_or(WebhookError::NoSecret)?;
    let is_equal = is_equal(secret.expose_secret(), shown.unwrap_or_default());
    if is_equal { Ok(()) } else { Err(WebhookError::NotSigned) }
}

fn check_bitbucket_cloud(
    secrets: &WebhookSecrets,
    body: &[u8],
    id: Option<&str>,
    signature: Option<&str>,
) -> Result<(), WebhookError> {
    check_equal(secrets.bitbucket_uuid.as_ref(), id)?;
    // A signature that is there must hold: its secret is that of Bitbucket Server, for Argo CD has no other key.
    match (signature, &secrets.bitbucket_server) {
        (Some(signature), Some(_)) => {
            check_hmac(secrets.bitbucket_server.as_ref(), body, prefixed(Some(signature))?)
        }
        _ => Ok(()),
    }
}

fn check_basic(secrets: &WebhookSecrets, shown: Option<&str>) -> Result<(), WebhookError> {
    let (Some(username), Some(password)) = (&secrets.azure_username, &secrets.azure_password) else {
        return Err(WebhookError::NoSecret);
    };
    let expected = STANDARD.encode(format!("{}:{}", username.expose_secret(), password.expose_secret()));
    let shown = shown.and_then(|it| it.strip_prefix("Basic ")).unwrap_or_default();
    if is_equal(&expected, shown) { Ok(()) } else { Err(WebhookError::NotSigned) }
}

/// By their hashes, so that not even the length is told.
fn is_equal(a: &str, b: &str) -> bool {
    Sha256::digest(a).as_slice().ct_eq(Sha256::digest(b).as_slice()).into()
}

impl std::fmt::Debug for WebhookSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookSecrets")
            .field("github", &self.github.is_some())
            .field("gitlab", &self.gitlab.is_some())
            .field("gogs", &self.gogs.is_some())
            .field("bitbucket_server", &self.bitbucket_server.is_some())
            .field("bitbucket_cloud", &self.bitbucket_uuid.is_some())
            .field("azure", &self.azure_password.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests;
