//! Signing in by an identity provider: OpenID Connect, the code flow with PKCE.
//!
//! Source: OpenID Connect Core 1.0 (3.1), Discovery 1.0, RP-Initiated Logout 1.0; RFC 7636; RFC 9700. State, nonce and
//! verifier are 256 random bits each and used once; the answer counts in the browser alone that began.

mod http;
mod person;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use model::access::ProviderLink;
use openidconnect::{
    AccessTokenHash, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IdToken, IdTokenFields, IssuerUrl, JsonWebKeySet, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, ProviderMetadataWithLogout, RedirectUrl,
    Scope, StandardErrorResponse, StandardTokenResponse, TokenResponse as _,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType, CoreGenderClaim,
        CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreRevocableToken,
        CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
    },
};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::Row as _;
use tokio::sync::Mutex;

use super::secret::{self, SecretToken};
use crate::{
    db::{Db, failed},
    error::{Error, Result},
    metrics::Metrics,
};

use http::Http;
use person::{Claims, UserInfo};
pub use person::{Person, PersonError};

/// How long a person may take at the provider.
const ATTEMPT: Duration = Duration::from_secs(600);
/// How many may be on their way at once.
const MOST_ATTEMPTS: i64 = 10_000;
/// How long what a provider tells of itself is believed.
const DISCOVERY: Duration = Duration::from_secs(3600);
/// An unknown key is asked for again no more often than this.
const KEYS_AGAIN: Duration = Duration::from_secs(10);
/// How far clocks may be apart, in seconds.
const LEEWAY: i64 = 60;
/// Neither `none` nor those that a client's secret, or a public key taken for one, could sign.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// An identity provider, as settings name it.
#[derive(Clone, Debug)]
pub struct ProviderSetting {
    /// In URLs and in the record: lower-case letters, digits and `-`.
    pub id: String,
    /// On the button.
    pub name: String,
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Option<SecretString>,
    pub groups_claim: String,
    pub scopes: Vec<String>,
    /// Whether groups come from the userinfo endpoint, as some providers want.
    pub userinfo: bool,
    /// What stands before each group and subject, so that no provider speaks for another's people.
    pub prefix: String,
    /// Certificates that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The longest that the provider may take to answer.
    pub timeout: Duration,
}

/// All identity providers; clones are the same ones.
#[derive(Clone, Debug)]
pub struct Providers {
    db: Db,
    all: Arc<BTreeMap<String, Provider>>,
    links: Vec<ProviderLink>,
}

/// A sign-in that goes to its provider.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser is sent.
    pub url: String,
    /// What the browser keeps until it comes back.
    pub browser: SecretToken,
}

/// What a browser comes back with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Callback<'a> {
    pub state: Option<&'a str>,
    pub code: Option<&'a str>,
    /// The provider's code of an error; its words are not shown.
    pub error: Option<&'a str>,
    /// The secret of [`Begun`].
    pub browser: Option<&'a str>,
}

/// Who signed in.
#[derive(Debug)]
pub struct SignedIn {
    pub person: Person,
    /// Where the person wanted to go.
    pub return_to: String,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error("there is no identity provider {0}")]
    NoProvider(String),
    /// No such attempt, it is too old, or it is another browser's.
    #[error("the sign-in was not begun in this browser, was used already, or took longer than 10 min")]
    Attempt,
    #[error("too many sign-ins are on their way")]
    TooMany,
    #[error("the person was refused by the provider: {0}")]
    RefusedThere(&'static str),
    #[error("{provider} does not answer as it should: {why}")]
    Provider { provider: String, why: String },
    /// The ID token proves nothing.
    #[error("the ID token of {provider} cannot be trusted: {why}")]
    Token { provider: String, why: String },
    #[error(transparent)]
    Person(#[from] PersonError),
    #[error(transparent)]
    Engine(#[from] Error),
}

impl SignInError {
    /// Returns the word for the sign-in page, which knows the sentence.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoProvider(_) => "no_provider",
            Self::Attempt => "attempt",
            Self::TooMany => "rate_limited",
            Self::RefusedThere(_) => "refused_there",
            Self::Provider { .. } => "provider",
            Self::Token { .. } => "token",
            Self::Person(error) => error.code(),
            Self::Engine(_) => "unavailable",
        }
    }
}

#[derive(Debug)]
struct Provider {
    setting: ProviderSetting,
    http: Http,
    known: Mutex<Option<Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    metadata: ProviderMetadataWithLogout,
    since: Instant,
    keys_asked: Option<Instant>,
}

type Fields = IdTokenFields<
    Claims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type OurIdToken =
    IdToken<Claims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
type OurClient = Client<
    Claims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

impl Providers {
    /// Returns the providers of the settings. None is asked for anything before somebody signs in.
    ///
    /// # Errors
    /// A setting that cannot be used, named.
    pub fn new(db: Db, settings: Vec<ProviderSetting>, metrics: &Metrics) -> Result<Self> {
        let links =
            settings.iter().map(|it| ProviderLink { id: it.id.clone(), name: it.name.clone() }).collect();
        let mut all = BTreeMap::new();
        for setting in settings {
            let wrong = |why: &str| Error::Setting(format!("sign_in.providers: {}: {why}", setting.id));
            if !is_id(&setting.id) {
                return Err(wrong("its id may have lower-case letters, digits and '-' alone"));
            }
            let issuer = IssuerUrl::new(setting.issuer.clone());
            issuer.map_err(|error| wrong(&format!("its issuer is no URL: {error}")))?;
            let http = Http::new(&setting, metrics.clone())?;
            let id = setting.id.clone();
            if all.insert(id.clone(), Provider { setting, http, known: Mutex::default() }).is_some() {
                return Err(Error::Setting(format!("sign_in.providers: the id {id} stands twice")));
            }
        }
        Ok(Self { db, all: Arc::new(all), links })
    }

    /// Returns the providers for the sign-in page, in the order of the settings.
    pub fn links(&self) -> &[ProviderLink] {
        &self.links
    }

    /// Begins a sign-in that comes back to `redirect_uri`, and then leads to `return_to`.
    pub async fn begin(
        &self,
        provider: &str,
        redirect_uri: &str,
        return_to: &str,
    ) -> Result<Begun, SignInError> {
        let provider = self.find(provider)?;
        let client = provider.client(redirect_uri).await?;
        let (state, nonce, browser) = (SecretToken::new(""), SecretToken::new(""), SecretToken::new(""));
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        self.remember(&provider.setting.id, &state, &browser, &nonce, &verifier, return_to).await?;
        let request = client.authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            move || CsrfToken::new(state.expose().to_owned()),
            move || Nonce::new(nonce.expose().to_owned()),
        );
        // The crate asks for openid by itself.
        let scopes = provider.setting.scopes.iter().filter(|scope| *scope != "openid");
        let request = request.add_scopes(scopes.cloned().map(Scope::new)).set_pkce_challenge(challenge);
        let (url, ..) = request.url();
        Ok(Begun { url: url.to_string(), browser })
    }

    /// Ends a sign-in: takes the attempt out, exchanges the code, and checks the ID token.
    pub async fn finish(
        &self,
        provider: &str,
        redirect_uri: &str,
        callback: Callback<'_>,
    ) -> Result<SignedIn, SignInError> {
        let provider = self.find(provider)?;
        // First, so that whatever comes of it, the state is used up.
        let attempt = self.take(&provider.setting.id, callback).await?;
        if let Some(error) = callback.error {
            return Err(SignInError::RefusedThere(known_error(error)));
        }
        let code = callback.code.ok_or(SignInError::Attempt)?;
        let client = provider.client(redirect_uri).await?;
        let request = client.exchange_code(AuthorizationCode::new(code.to_owned()));
        let request = request.map_err(|error| provider.odd(&error))?.set_pkce_verifier(attempt.verifier);
        let http = provider.http.caller();
        let answer = request.request_async(&http).await.map_err(|error| provider.odd(&error))?;
        let token = answer.id_token().ok_or_else(|| provider.odd_text("it sent no ID token"))?;
        let claims = provider.verify(&client, redirect_uri, token, &attempt.nonce).await?;
        if let Some(expected) = claims.access_token_hash() {
            let verifier = client.id_token_verifier();
            let algorithm = token.signing_alg().map_err(|error| provider.untrusted(&error))?;
            let key = token.signing_key(&verifier).map_err(|error| provider.untrusted(&error))?;
            let actual = AccessTokenHash::from_token(answer.access_token(), algorithm, key);
            if actual.map_err(|error| provider.untrusted(&error))? != *expected {
                return Err(provider.untrusted_text("its access token is another one"));
            }
        }
        let more = if provider.setting.userinfo {
            let request = client.user_info(answer.access_token().clone(), Some(claims.subject().clone()));
            let request = request.map_err(|error| provider.odd(&error))?;
            let answer: UserInfo =
                request.request_async(&http).await.map_err(|error| provider.odd(&error))?;
            Some(answer)
        } else {
            None
        };
        let person = Person::read(&provider.setting, &claims, more.as_ref())?;
        Ok(SignedIn { person, return_to: attempt.return_to })
    }

    /// Returns where a browser ends its session at the provider, where the provider has such a place. Without an ID
    /// token, which we do not keep, the provider asks the person.
    pub async fn logout_url(&self, provider: &str, back_to: &str) -> Option<String> {
        let provider = self.find(provider).ok()?;
        let known = provider.known().await.ok()?;
        let endpoint = known.metadata.additional_metadata().end_session_endpoint.as_ref()?;
        let mut url = endpoint.url().clone();
        url.query_pairs_mut()
            .append_pair("client_id", &provider.setting.client_id)
            .append_pair("post_logout_redirect_uri", back_to);
        Some(url.to_string())
    }

    fn find(&self, id: &str) -> Result<&Provider, SignInError> {
        self.all.get(id).ok_or_else(|| SignInError::NoProvider(id.chars().take(40).collect()))
    }

    async fn remember(
        &self,
        provider: &str,
        state: &SecretToken,
        browser: &SecretToken,
        nonce: &SecretToken,
        verifier: &PkceCodeVerifier,
        return_to: &str,
    ) -> Result<(), SignInError> {
        let stored = sqlx::query(
            "INSERT INTO provider_attempts
                 (state_hash, browser_hash, provider, nonce, pkce_verifier, return_to, expires_at)
             SELECT $1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7)
             WHERE (SELECT count(*) FROM provider_attempts WHERE expires_at > now()) < $8",
        )
        .bind(secret::hash_of(state.expose()))
        .bind(secret::hash_of(browser.expose()))
        .bind(provider)
        .bind(nonce.expose())
        .bind(verifier.secret())
        .bind(return_to)
        .bind(ATTEMPT.as_secs_f64())
        .bind(MOST_ATTEMPTS)
        .execute(self.db.pool())
        .await
        .map_err(failed("begin a sign-in"))?;
        if stored.rows_affected() == 0 { Err(SignInError::TooMany) } else { Ok(()) }
    }

    async fn take(&self, provider: &str, callback: Callback<'_>) -> Result<Attempt, SignInError> {
        let (Some(state), Some(browser)) = (callback.state, callback.browser) else {
            return Err(SignInError::Attempt);
        };
        let row = sqlx::query(
            "DELETE FROM provider_attempts WHERE state_hash = $1
             RETURNING nonce, pkce_verifier, return_to,
                 provider = $2 AND browser_hash = $3 AND expires_at > now() AS is_good",
        )
        .bind(secret::hash_of(state))
        .bind(provider)
        .bind(secret::hash_of(browser))
        .fetch_optional(self.db.pool())
        .await
        .map_err(failed(END))?;
        let row = row.ok_or(SignInError::Attempt)?;
        let is_good: bool = row.try_get("is_good").map_err(failed(END))?;
        if !is_good {
            return Err(SignInError::Attempt);
        }
        Ok(Attempt {
            nonce: Nonce::new(row.try_get("nonce").map_err(failed(END))?),
            verifier: PkceCodeVerifier::new(row.try_get("pkce_verifier").map_err(failed(END))?),
            return_to: row.try_get("return_to").map_err(failed(END))?,
        })
    }
}

/// Removes the sign-ins that did not come back in time.
pub(super) async fn prune(db: &Db) -> Result<()> {
    sqlx::query("DELETE FROM provider_attempts WHERE expires_at < now()")
        .execute(db.pool())
        .await
        .map_err(failed("remove old sign-ins"))?;
    Ok(())
}

const END: &str = "end a sign-in";

struct Attempt {
    nonce: Nonce,
    verifier: PkceCodeVerifier,
    return_to: String,
}

type IdClaims = openidconnect::IdTokenClaims<Claims, CoreGenderClaim>;

impl Provider {
    async fn client(&self, redirect_uri: &str) -> Result<OurClient, SignInError> {
        let known = self.known().await?;
        let redirect_uri = RedirectUrl::new(redirect_uri.to_owned()).map_err(|error| self.odd(&error))?;
        let secret = self.setting.client_secret.as_ref();
        let secret = secret.map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        let client_id = ClientId::new(self.setting.client_id.clone());
        let client = Client::from_provider_metadata(known.metadata, client_id, secret);
        Ok(client.set_redirect_uri(redirect_uri))
    }

    /// Checks signature, issuer, audience, times and nonce. A key that is not known is asked for once.
    async fn verify(
        &self,
        client: &OurClient,
        redirect_uri: &str,
        token: &OurIdToken,
        nonce: &Nonce,
    ) -> Result<IdClaims, SignInError> {
        use openidconnect::{
            ClaimsVerificationError::SignatureVerification, SignatureVerificationError::NoMatchingKey,
        };
        let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
        let claims = match token.claims(&verifier, nonce) {
            Err(SignatureVerification(NoMatchingKey)) if self.ask_keys_again().await? => {
                let client = self.client(redirect_uri).await?;
                let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
                token.claims(&verifier, nonce).map_err(|error| self.untrusted(&error))?.clone()
            }
            other => other.map_err(|error| self.untrusted(&error))?.clone(),
        };
        if claims.authorized_party().is_some_and(|party| **party != self.setting.client_id) {
            return Err(self.untrusted_text("it was made for another client"));
        }
        let now = jiff::Timestamp::now().as_second();
        if claims.additional_claims().not_before().is_some_and(|from| from > now + LEEWAY) {
            return Err(self.untrusted_text("it is not valid yet"));
        }
        Ok(claims)
    }

    /// Returns what the provider tells of itself, asked for when it is not known or too old.
    async fn known(&self) -> Result<Known, SignInError> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.since.elapsed() < DISCOVERY) {
            return Ok(known.clone());
        }
        let issuer = IssuerUrl::new(self.setting.issuer.clone()).map_err(|error| self.odd(&error))?;
        let http = self.http.caller();
        let metadata = ProviderMetadataWithLogout::discover_async(issuer, &http).await;
        let metadata = metadata.map_err(|error| self.odd(&error))?;
        let fresh = Known { metadata, since: Instant::now(), keys_asked: None };
        *known = Some(fresh.clone());
        Ok(fresh)
    }

    /// Asks for the provider's keys; false where that was done a moment ago.
    async fn ask_keys_again(&self) -> Result<bool, SignInError> {
        let mut guard = self.known.lock().await;
        let Some(known) = guard.as_mut() else { return Ok(false) };
        if known.keys_asked.is_some_and(|at| at.elapsed() < KEYS_AGAIN) {
            return Ok(false);
        }
        known.keys_asked = Some(Instant::now());
        let http = self.http.caller();
        let keys = JsonWebKeySet::fetch_async(known.metadata.jwks_uri(), &http).await;
        let keys = keys.map_err(|error| self.odd(&error))?;
        known.metadata = known.metadata.clone().set_jwks(keys);
        Ok(true)
    }

    fn odd(&self, error: &dyn std::error::Error) -> SignInError {
        self.odd_text(&innermost(error))
    }

    fn odd_text(&self, why: &str) -> SignInError {
        SignInError::Provider { provider: self.setting.name.clone(), why: why.to_owned() }
    }

    fn untrusted(&self, error: &dyn std::error::Error) -> SignInError {
        self.untrusted_text(&innermost(error))
    }

    fn untrusted_text(&self, why: &str) -> SignInError {
        SignInError::Token { provider: self.setting.name.clone(), why: why.to_owned() }
    }
}

/// Says what an error is about and what caused it.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

fn is_id(id: &str) -> bool {
    let is_letter = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
    !id.is_empty() && id.len() <= 40 && id.bytes().all(is_letter)
}

/// The codes of OAuth 2.0 and OpenID Connect: what else stands in a URL, anybody could have written.
fn known_error(code: &str) -> &'static str {
    const CODES: [&str; 8] = [
        "access_denied",
        "account_selection_required",
        "consent_required",
        "interaction_required",
        "invalid_scope",
        "login_required",
        "temporarily_unavailable",
        "unauthorized_client",
    ];
    CODES.into_iter().find(|known| *known == code).unwrap_or("an error without a known code")
}
