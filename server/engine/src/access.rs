//! Who may do what: the one [`authorize`], and the sessions of those who signed in.
//!
//! Until single sign-on comes there is one person, the local administrator. A session is a row that holds the hash of
//! a token; the token is in the person's browser and nowhere else. What is cached here ends within [`CACHED`].

mod authorize;
mod password;
pub mod policy;
mod rate_limit;
pub mod rights;
pub mod scope;
mod session;

use std::{path::PathBuf, time::Duration};

use model::{Actor, AppError, AppResult, actor::ActorKind};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::{
    audit::{self, Intent, Outcome},
    db::{Db, failed},
    error::{Error, Result},
};

pub use authorize::{NO_ENVIRONMENT, Object, Verb};
pub use session::SessionToken;

use password::Passwords;
use rate_limit::RateLimit;
use session::Sessions;

/// The name of the local administrator.
pub const ADMIN: &str = "admin";
/// A session ends when nothing was asked in it for this long.
pub const IDLE_LIMIT: Duration = Duration::from_secs(8 * 3600);
/// A session ends this long after signing in.
pub const ABSOLUTE_LIMIT: Duration = Duration::from_secs(24 * 3600);
/// How long a replica may go on with a session that was ended in another one.
pub const CACHED: Duration = Duration::from_secs(2);

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

/// Signs in and out, and says who asks.
#[derive(Debug)]
pub struct Access {
    db: Db,
    passwords: Passwords,
    sessions: Sessions,
    by_address: RateLimit,
    by_name: RateLimit,
}

impl Access {
    /// Returns the access to what `db` holds.
    pub fn new(db: Db) -> Self {
        let by_address = RateLimit::new(FAILURES_OF_ADDRESS);
        let by_name = RateLimit::new(FAILURES_OF_NAME);
        Self { passwords: Passwords::default(), sessions: Sessions::new(db.clone()), db, by_address, by_name }
    }

    /// Signs in by name and password. A wrong name is answered as a wrong password is, and as late.
    pub async fn sign_in(
        &self,
        name: &str,
        password: SecretString,
        request_id: &str,
        address: Option<&str>,
    ) -> AppResult<SessionToken> {
        let actor = attempting(name, request_id, address);
        self.limit(&actor).await?;
        let known = self.is_admin(name, password).await.map_err(|error| error.into_answer(&actor))?;
        if !known {
            let denied = Outcome::denied("wrong name or password");
            let recorded = audit::refuse(&self.db, &actor, sign_in_of(&actor), denied).await;
            recorded.map_err(|error| error.into_answer(&actor))?;
            return Err(AppError::Invalid {
                field: "Name or password".into(),
                why: "they do not match".into(),
            });
        }
        self.forgive(&actor);
        self.sessions.create(&actor, sign_in_of(&actor)).await.map_err(|error| error.into_answer(&actor))
    }

    /// Returns who a token speaks for; none where its session ended or never was.
    pub async fn actor_of(
        &self,
        token: &str,
        request_id: &str,
        address: Option<&str>,
    ) -> AppResult<Option<Actor>> {
        let actor = |name| Actor {
            name,
            kind: ActorKind::LocalAdmin,
            groups: Vec::new(),
            subject: "admin".into(),
            session: None,
            scopes: Vec::new(),
            request_id: request_id.to_owned(),
            address: address.map(str::to_owned),
        };
        match self.sessions.name_of(token).await {
            Ok(name) => Ok(name.map(actor)),
            Err(error) => Err(error.into_answer(&actor(String::new()))),
        }
    }

    /// Ends the session of a token.
    pub async fn sign_out(&self, actor: &Actor, token: &str) -> AppResult<()> {
        self.sessions.end(actor, token).await.map_err(|error| error.into_answer(actor))
    }

    /// Makes sure that the local administrator has a password. Returns a generated one, to be printed once.
    ///
    /// A password from the settings that is not the known one replaces it, and ends all sessions.
    pub async fn ensure_local_admin(&self, source: AdminPassword) -> Result<Option<SecretString>> {
        let known = password::hash_in(&self.db).await?;
        let given = match (source, &known) {
            (AdminPassword::Generate, Some(_)) => return Ok(None),
            (AdminPassword::Generate, None) => {
                let made = session::random_text();
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
        let of_address = match &actor.address {
            Some(address) => self.by_address.attempt(&rate_limit::network_of(address)),
            None => Ok(()),
        };
        let Err(limited) = of_address.and_then(|()| self.by_name.attempt(&actor.name)) else { return Ok(()) };
        if limited.first {
            let refused = Outcome::refused("too many attempts");
            let recorded = audit::refuse(&self.db, actor, sign_in_of(actor), refused).await;
            recorded.map_err(|error| error.into_answer(actor))?;
        }
        Err(AppError::RateLimited { retry_seconds: limited.retry_seconds })
    }

    fn forgive(&self, actor: &Actor) {
        if let Some(address) = &actor.address {
            self.by_address.forgive(&rate_limit::network_of(address));
        }
        self.by_name.forgive(&actor.name);
    }

    async fn is_admin(&self, name: &str, password: SecretString) -> Result<bool> {
        let hash = password::hash_in(&self.db).await?;
        let matches = self.passwords.verify(password, hash).await?;
        Ok(matches && name == ADMIN)
    }
}

/// Removes the sessions that ended long ago.
pub async fn prune(db: &Db) -> Result<()> {
    sqlx::query("DELETE FROM sessions WHERE expires_at < now() - interval '30 days'")
        .execute(db.pool())
        .await
        .map_err(failed("remove old sessions"))?;
    Ok(())
}

/// Who tries to sign in. An unknown name is not kept: people type passwords there.
fn attempting(name: &str, request_id: &str, address: Option<&str>) -> Actor {
    Actor {
        name: if name == ADMIN { name } else { "unknown" }.to_owned(),
        kind: if name == ADMIN { ActorKind::LocalAdmin } else { ActorKind::Person },
        groups: Vec::new(),
        subject: "admin".into(),
        session: None,
        scopes: Vec::new(),
        request_id: request_id.to_owned(),
        address: address.map(str::to_owned),
    }
}

fn sign_in_of(actor: &Actor) -> Intent {
    Intent {
        verb: "sign_in",
        object: format!("account {}", actor.name),
        environment: None,
        details: json!({}),
    }
}

fn read_password(path: PathBuf) -> Result<SecretString> {
    let text = std::fs::read_to_string(&path).map_err(|source| Error::Io {
        what: format!("the file {} of the administrator's password could not be read", path.display()),
        source,
    })?;
    Ok(text.lines().next().unwrap_or_default().into())
}
