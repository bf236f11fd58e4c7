//! Who may do what: the policies and the one `authorize` over them; and who comes: sessions of browsers, tokens of
//! programs.
//!
//! A session or token is a row that holds the hash of a secret; the secret is with its owner and nowhere else. What is
//! cached here ends within [`CACHED`]. The local administrator is for the first days and to break glass: with single
//! sign-on set up, a setting has to let them in.

mod attempts;
mod authorize;
mod explain;
pub mod oidc;
mod password;
pub mod policy;
pub mod rights;
pub mod scope;
mod secret;
mod session;
mod token;

use std::{path::PathBuf, time::Duration};

use model::{
    Actor, AppError, AppResult,
    access::{CreateToken, CreatedToken, SessionList, SignInOptions, TokenList},
    actor::ActorKind,
    operation,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use uuid::Uuid;

use crate::{
    audit::{self, Intent, Outcome},
    db::{Db, failed},
    error::{Error, Result},
    metrics::Metrics,
};

pub use attempts::network_of;
pub use authorize::{NO_ENVIRONMENT, Object, Verb};
pub use explain::permissions;
pub use secret::SecretToken;

use oidc::{Begun, Callback, ProviderSetting, Providers, SignInError, SignedIn};
use password::Passwords;
use rights::Rights;
use session::Sessions;
use token::Tokens;

/// The name of the local administrator.
pub const ADMIN: &str = "admin";
/// A session ends when nothing was asked in it for this long.
pub const IDLE_LIMIT: Duration = Duration::from_secs(8 * 3600);
/// A session ends this long after signing in.
pub const ABSOLUTE_LIMIT: Duration = Duration::from_secs(24 * 3600);
/// How long a replica may go on with a session that was ended in another one.
pub const CACHED: Duration = Duration::from_secs(1);

const SHORTEST_PASSWORD: usize = 8;
/// Failures in a minute from one address, and with one name from wherever. The second bar is higher, for whoever
/// reaches it keeps the administrator out.
const FAILURES_OF_ADDRESS: u32 = 5;
const FAILURES_OF_NAME: u32 = 20;

/// Where the local administrator's password comes from.
#[derive(Clone, Debug)]
pub enum AdminPassword {
    /// The first line of a file.
    File(PathBuf),
    /// The environment.
    Env(SecretString),
    /// Made at the first start.
    Generate,
}

/// From where a request comes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin<'a> {
    pub request_id: &'a str,
    pub address: Option<&'a str>,
    /// What the browser calls itself.
    pub browser: &'a str,
    /// The session that the browser had: it ends when another begins.
    pub session_before: Option<&'a str>,
}

/// How one may sign in.
#[derive(Debug, Default)]
pub struct SignInSettings {
    pub providers: Vec<ProviderSetting>,
    /// Whether the local administrator may sign in; none where they may as long as there is no provider.
    pub local_admin: Option<bool>,
    /// A sentence for the sign-in page.
    pub notice: String,
}

/// Signs in and out, and says who asks.
#[derive(Debug)]
pub struct Access {
    db: Db,
    options: SignInOptions,
    providers: Providers,
    passwords: Passwords,
    sessions: Sessions,
    tokens: Tokens,
}

impl Access {
    /// Returns the access to what `db` holds.
    ///
    /// # Errors
    /// A setting of a provider that cannot be used.
    pub fn new(db: Db, settings: SignInSettings, metrics: &Metrics) -> Result<Self> {
        let (sessions, tokens) = (Sessions::new(db.clone()), Tokens::new(db.clone()));
        let local_admin = settings.local_admin.unwrap_or(settings.providers.is_empty());
        let providers = Providers::new(db.clone(), settings.providers, metrics)?;
        let options =
            SignInOptions { providers: providers.links().to_vec(), local_admin, notice: settings.notice };
        if local_admin && !options.providers.is_empty() {
            tracing::warn!(
                "the local administrator may sign in beside single sign-on: sign_in.local_admin is set"
            );
        }
        Ok(Self { db, options, providers, passwords: Passwords::default(), sessions, tokens })
    }

    /// Begins a sign-in at a provider.
    pub async fn begin_sign_in(
        &self,
        provider: &str,
        redirect_uri: &str,
        return_to: &str,
    ) -> Result<Begun, SignInError> {
        self.providers.begin(provider, redirect_uri, return_to).await
    }

    /// Ends a sign-in at a provider: returns the token of a new session, and where the person wanted to go.
    pub async fn finish_sign_in(
        &self,
        provider: &str,
        redirect_uri: &str,
        callback: Callback<'_>,
        origin: Origin<'_>,
    ) -> Result<(SecretToken, String), SignInError> {
        let object = format!("provider {provider}");
        let intent = |details| Intent { verb: "sign_in", object, environment: None, details };
        match self.providers.finish(provider, redirect_uri, callback).await {
            Ok(SignedIn { person, return_to }) => {
                let details = json!({"groups": person.groups, "subject": person.subject});
                let actor = Actor {
                    name: person.name,
                    subject: person.subject,
                    groups: person.groups,
                    ..stranger(origin)
                };
                let token = self.sessions.create(&actor, &person.provider, origin, intent(details)).await?;
                Ok((token, return_to))
            }
            Err(error) => {
                // What nobody began here anybody could send, and fill the record with it.
                if !matches!(
                    error,
                    SignInError::Attempt | SignInError::NoProvider(_) | SignInError::Engine(_)
                ) {
                    let denied = Outcome::denied(error.to_string());
                    audit::refuse(&self.db, &stranger(origin), intent(json!({})), denied).await?;
                }
                Err(error)
            }
        }
    }

    /// Returns where a session ends at its provider, too, if the provider has such a place.
    pub async fn logout_url(&self, token: &str, back_to: &str) -> Option<String> {
        let signed = self.sessions.find(token).await.ok()??;
        self.providers.logout_url(&signed.provider, back_to).await
    }

    /// Returns how one may sign in.
    pub fn options(&self) -> &SignInOptions {
        &self.options
    }

    /// Signs in by name and password. A wrong name is answered as a wrong password is, and as late.
    pub async fn sign_in(
        &self,
        name: &str,
        password: SecretString,
        origin: Origin<'_>,
    ) -> AppResult<SecretToken> {
        let actor = attempting(name, origin);
        self.limit(&actor).await?;
        let known = self.is_admin(name, password).await.map_err(|error| error.into_answer(&actor))?;
        if !known || !self.options.local_admin {
            let why =
                if known { "the local administrator is switched off" } else { "wrong name or password" };
            let denied = Outcome::denied(why);
            let recorded = audit::refuse(&self.db, &actor, self.sign_in_of(&actor), denied).await;
            recorded.map_err(|error| error.into_answer(&actor))?;
            return Err(AppError::Invalid {
                field: "Name or password".into(),
                why: "they do not match".into(),
            });
        }
        if self.is_break_glass() {
            tracing::warn!(
                address = origin.address,
                "the local administrator broke glass: signed in beside single sign-on"
            );
        }
        self.forgive(&actor).await.map_err(|error| error.into_answer(&actor))?;
        let intent = self.sign_in_of(&actor);
        let begun = self.sessions.create(&actor, "", origin, intent).await;
        begun.map_err(|error| error.into_answer(&actor))
    }

    /// Returns who a session's token speaks for; none where the session ended or never was.
    pub async fn actor_of(&self, token: &str, origin: Origin<'_>) -> AppResult<Option<Actor>> {
        match self.sessions.find(token).await {
            Ok(Some(signed)) if signed.kind == ActorKind::LocalAdmin && !self.options.local_admin => Ok(None),
            Ok(signed) => Ok(signed.map(|signed| signed.actor(origin))),
            Err(error) => Err(error.into_answer(&stranger(origin))),
        }
    }

    /// Returns who an API token speaks for; none where it ended or never was.
    pub async fn actor_of_token(&self, token: &str, origin: Origin<'_>) -> AppResult<Option<Actor>> {
        let actor = self.tokens.actor_of(token, origin).await;
        actor.map_err(|error| error.into_answer(&stranger(origin)))
    }

    /// Ends the session of a token.
    pub async fn sign_out(&self, actor: &Actor, token: &str) -> AppResult<()> {
        self.sessions.sign_out(actor, token).await.map_err(|error| error.into_answer(actor))
    }

    /// Returns the sessions that live: the actor's, or everybody's.
    pub async fn list_sessions(
        &self,
        rights: &Rights,
        actor: &Actor,
        of_all: bool,
    ) -> AppResult<SessionList> {
        let others = everybodys("sessions");
        if of_all {
            rights.authorize(actor, Verb::Get, &others)?;
        }
        let rows = self.sessions.list(Some(actor).filter(|_| !of_all)).await;
        let mut rows = rows.map_err(|error| error.into_answer(actor))?;
        for row in &mut rows {
            row.is_this = actor.session.as_ref() == Some(&row.id);
        }
        let may_see_all = rights.allows(actor, Verb::Get, &others);
        Ok(SessionList { now: jiff::Timestamp::now().into(), rows, of_all, may_see_all })
    }

    /// Ends a session by its public id.
    pub async fn end_session(
        &self,
        rights: &Rights,
        actor: &Actor,
        id: &str,
    ) -> AppResult<operation::Outcome> {
        let absent = || AppError::NotFound { what: format!("Session {id}") };
        let uuid: Uuid = id.parse().map_err(|_| absent())?;
        let is_own = self.sessions.is_own(actor, uuid).await.map_err(|error| error.into_answer(actor))?;
        self.authorize_own(rights, actor, is_own, "sessions", "end_session", absent).await?;
        let audit_id = self.sessions.end(actor, uuid).await.map_err(|error| error.into_answer(actor))?;
        let sentence = "The session has ended; its streams end within 2 s.".into();
        Ok(operation::Outcome { audit_id: audit_id.to_string(), sentence })
    }

    /// Returns API tokens: the actor's, or everybody's.
    pub async fn list_tokens(&self, rights: &Rights, actor: &Actor, of_all: bool) -> AppResult<TokenList> {
        let others = everybodys("tokens");
        if of_all {
            rights.authorize(actor, Verb::Get, &others)?;
        }
        let rows = self.tokens.list(Some(session_id(actor)).filter(|_| !of_all)).await;
        Ok(TokenList {
            now: jiff::Timestamp::now().into(),
            rows: rows.map_err(|error| error.into_answer(actor))?,
            of_all,
            may_see_all: rights.allows(actor, Verb::Get, &others),
            cannot_create: cannot_create(actor),
        })
    }

    /// Makes an API token of the actor's.
    pub async fn create_token(&self, actor: &Actor, request: &CreateToken) -> AppResult<CreatedToken> {
        if let Some(why) = cannot_create(actor) {
            return Err(AppError::Conflict { why });
        }
        let made = self.tokens.create(actor, session_id(actor), request).await;
        let (token, row) = made.map_err(|error| error.into_answer(actor))?;
        Ok(CreatedToken { row, token: token.expose().to_owned() })
    }

    /// Ends an API token.
    pub async fn revoke_token(
        &self,
        rights: &Rights,
        actor: &Actor,
        id: &str,
    ) -> AppResult<operation::Outcome> {
        let absent = || AppError::NotFound { what: format!("API token {id}") };
        let uuid: Uuid = id.parse().map_err(|_| absent())?;
        let is_own = self.tokens.is_own(session_id(actor), uuid).await;
        let is_own = is_own.map_err(|error| error.into_answer(actor))?;
        self.authorize_own(rights, actor, is_own, "tokens", "revoke_token", absent).await?;
        let audit_id = self.tokens.revoke(actor, uuid).await.map_err(|error| error.into_answer(actor))?;
        let sentence = "The API token is revoked; it is refused within 2 s.".into();
        Ok(operation::Outcome { audit_id: audit_id.to_string(), sentence })
    }

    /// One may end what is one's own; for others', there is a right. A token may neither.
    async fn authorize_own(
        &self,
        rights: &Rights,
        actor: &Actor,
        is_own: Option<bool>,
        resource: &'static str,
        verb: &'static str,
        absent: impl Fn() -> AppError,
    ) -> AppResult<()> {
        let is_own = is_own.ok_or_else(&absent)?;
        if (is_own && actor.kind != ActorKind::Token)
            || rights.allows(actor, Verb::Delete, &everybodys(resource))
        {
            return Ok(());
        }
        let intent =
            Intent { verb, object: format!("{resource} of others"), environment: None, details: json!({}) };
        let recorded = audit::refuse(&self.db, actor, intent, Outcome::denied("not their own")).await;
        recorded.map_err(|error| error.into_answer(actor))?;
        Err(absent())
    }

    /// Returns whether an actor is the local administrator, in beside single sign-on.
    pub fn breaks_glass(&self, actor: &Actor) -> bool {
        actor.kind == ActorKind::LocalAdmin && self.is_break_glass()
    }

    fn is_break_glass(&self) -> bool {
        !self.options.providers.is_empty()
    }

    fn sign_in_of(&self, actor: &Actor) -> Intent {
        let details = if self.is_break_glass() { json!({"break_glass": true}) } else { json!({}) };
        Intent { verb: "sign_in", object: format!("account {}", actor.name), environment: None, details }
    }

    /// Makes sure that the local administrator has a password. Returns a generated one, to be printed once.
    ///
    /// A password from the settings that is not the known one replaces it, and ends all sessions.
    pub async fn ensure_local_admin(&self, source: AdminPassword) -> Result<Option<SecretString>> {
        let known = password::hash_in(&self.db).await?;
        let given = match (source, &known) {
            (AdminPassword::Generate, Some(_)) => return Ok(None),
            (AdminPassword::Generate, None) => {
                let made = SecretString::from(SecretToken::new("").expose());
                let hash = self.passwords.hash(made.clone()).await?;
                return Ok(password::insert(&self.db, &hash).await?.then_some(made));
            }
            (AdminPassword::Env(password), _) => password,
            (AdminPassword::File(path), _) => read_password(path)?,
        };
        if given.expose_secret().chars().count() < SHORTEST_PASSWORD {
            return Err(Error::Setting(format!(
                "the administrator's password has less than {SHORTEST_PASSWORD} characters: choose a longer one"
            )));
        }
        if !self.passwords.verify(given.clone(), known).await? {
            let hash = self.passwords.hash(given).await?;
            password::replace(&self.db, &hash).await?;
            self.sessions.forget();
        }
        Ok(None)
    }

    /// Refuses an attempt beyond the limits. The record has the first of a row of refusals; one row for each would let
    /// anybody fill it.
    async fn limit(&self, actor: &Actor) -> AppResult<()> {
        let keys = keys_of(actor);
        for (key, allowed) in keys {
            let attempt = attempts::attempt(&self.db, &key, allowed).await;
            let Err(limited) = attempt.map_err(|error| error.into_answer(actor))? else { continue };
            if limited.first {
                let refused = Outcome::refused("too many attempts");
                let recorded = audit::refuse(&self.db, actor, self.sign_in_of(actor), refused).await;
                recorded.map_err(|error| error.into_answer(actor))?;
            }
            return Err(AppError::RateLimited { retry_seconds: limited.retry_seconds });
        }
        Ok(())
    }

    async fn forgive(&self, actor: &Actor) -> Result<()> {
        for (key, _) in keys_of(actor) {
            attempts::forgive(&self.db, &key).await?;
        }
        Ok(())
    }

    async fn is_admin(&self, name: &str, password: SecretString) -> Result<bool> {
        let hash = password::hash_in(&self.db).await?;
        let matches = self.passwords.verify(password, hash).await?;
        Ok(matches && name == ADMIN)
    }
}

/// Removes the sessions that ended long ago, and what else no longer counts.
pub async fn prune(db: &Db) -> Result<()> {
    sqlx::query("DELETE FROM sessions WHERE expires_at < now() - interval '30 days'")
        .execute(db.pool())
        .await
        .map_err(failed("remove old sessions"))?;
    attempts::prune(db).await?;
    oidc::prune(db).await
}

/// What attempts are counted by: the address first, so that one address cannot use up what its name may.
fn keys_of(actor: &Actor) -> Vec<(String, u32)> {
    let of_address = actor
        .address
        .as_deref()
        .map(|address| (format!("address {}", network_of(address)), FAILURES_OF_ADDRESS));
    of_address.into_iter().chain([(format!("name {}", actor.name), FAILURES_OF_NAME)]).collect()
}

/// Who tries to sign in. An unknown name is not kept: people type passwords there.
fn attempting(name: &str, origin: Origin<'_>) -> Actor {
    let is_admin = name == ADMIN;
    Actor {
        name: if is_admin { ADMIN } else { "unknown" }.to_owned(),
        subject: if is_admin { ADMIN } else { "" }.to_owned(),
        kind: if is_admin { ActorKind::LocalAdmin } else { ActorKind::Person },
        ..stranger(origin)
    }
}

fn stranger(origin: Origin<'_>) -> Actor {
    Actor {
        name: "unknown".into(),
        subject: String::new(),
        kind: ActorKind::Person,
        groups: Vec::new(),
        session: None,
        scopes: Vec::new(),
        request_id: origin.request_id.to_owned(),
        address: origin.address.map(str::to_owned),
    }
}

/// Whoever changed something in a cluster, which does not tell.
pub fn somebody_else() -> Actor {
    Actor { kind: ActorKind::System, ..stranger(Origin::default()) }
}

/// Quarterdeck itself, in a task that nobody asked for.
pub fn quarterdeck() -> Actor {
    Actor { name: "quarterdeck".into(), subject: "quarterdeck".into(), ..somebody_else() }
}

/// Everybody's sessions or tokens; they belong to no control plane.
fn everybodys(resource: &str) -> Object<'_> {
    Object::Own { resource, control_plane: None, name: "*" }
}

/// Says why an actor can have no API tokens, where that is so.
fn cannot_create(actor: &Actor) -> Option<String> {
    match actor.kind {
        ActorKind::Person => None,
        ActorKind::Token => Some("An API token makes no others: sign in to make one.".into()),
        ActorKind::LocalAdmin | ActorKind::System => Some(
            "The local administrator has no API tokens: sign in with an identity provider to make one."
                .into(),
        ),
    }
}

fn session_id(actor: &Actor) -> Uuid {
    actor.session.as_deref().and_then(|id| id.parse().ok()).unwrap_or_default()
}

fn read_password(path: PathBuf) -> Result<SecretString> {
    let text = std::fs::read_to_string(&path).map_err(|source| Error::Io {
        what: format!("the file {} of the administrator's password could not be read", path.display()),
        source,
    })?;
    Ok(text.lines().next().unwrap_or_default().into())
}
