//! Sessions: rows with the hash of a token, cached for a moment.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use model::Actor;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::{
    access::{ABSOLUTE_LIMIT, CACHED, IDLE_LIMIT},
    audit::{self, Intent, Outcome},
    db::{Db, failed},
    error::Result,
};

/// Beyond so many cached sessions, the expired ones are removed.
const MANY_CACHED: usize = 1000;
/// The length of a token: 32 bytes as base64.
const TOKEN_LENGTH: usize = 43;

/// What a browser shows to be known again. Never logged.
#[derive(Clone, Debug)]
pub struct SessionToken(SecretString);

impl SessionToken {
    /// Returns the token, for the cookie.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

type TokenHash = [u8; 32];

/// All sessions, and those asked for within the last moment.
#[derive(Debug)]
pub(super) struct Sessions {
    db: Db,
    cache: Mutex<HashMap<TokenHash, (Instant, String)>>,
}

impl Sessions {
    pub(super) fn new(db: Db) -> Self {
        Self { db, cache: Mutex::default() }
    }

    /// Begins a session of the actor, in one transaction with its record.
    pub(super) async fn create(&self, actor: &Actor, intent: Intent) -> Result<SessionToken> {
        let token = SessionToken(random_text());
        let mut tx = self.db.begin().await?;
        audit::record_in(&mut tx, actor, intent, Outcome::succeeded()).await?;
        sqlx::query(
            "INSERT INTO sessions (token_hash, actor, address, expires_at)
             VALUES ($1, $2, $3, now() + make_interval(secs => $4))",
        )
        .bind(hash_of(token.expose()))
        .bind(&actor.name)
        .bind(&actor.address)
        .bind(ABSOLUTE_LIMIT.as_secs_f64())
        .execute(&mut *tx)
        .await
        .map_err(failed("begin a session"))?;
        tx.commit().await.map_err(failed("begin a session"))?;
        Ok(token)
    }

    /// Returns whose session it is, where it lives.
    pub(super) async fn name_of(&self, token: &str) -> Result<Option<String>> {
        if token.len() != TOKEN_LENGTH {
            return Ok(None);
        }
        let hash = hash_of(token);
        if let Some((at, name)) = self.cache().get(&hash)
            && at.elapsed() < CACHED
        {
            return Ok(Some(name.clone()));
        }
        let asked = Instant::now();
        let name = self.read(&hash).await?;
        self.remember(hash, asked, name.as_deref());
        Ok(name)
    }

    /// Ends a session; one that has ended is left alone.
    pub(super) async fn end(&self, actor: &Actor, token: &str) -> Result<()> {
        let hash = hash_of(token);
        let mut tx = self.db.begin().await?;
        let ended = sqlx::query(
            "UPDATE sessions SET revoked_at = now() WHERE token_hash = $1 AND revoked_at IS NULL",
        )
        .bind(hash)
        .execute(&mut *tx)
        .await
        .map_err(failed("end a session"))?;
        if ended.rows_affected() > 0 {
            let object = format!("account {}", actor.name);
            let intent = Intent { verb: "sign_out", object, environment: None, details: json!({}) };
            audit::record_in(&mut tx, actor, intent, Outcome::succeeded()).await?;
        }
        tx.commit().await.map_err(failed("end a session"))?;
        self.cache().remove(&hash);
        Ok(())
    }

    /// Forgets what is cached.
    pub(super) fn forget(&self) {
        self.cache().clear();
    }

    async fn read(&self, hash: &TokenHash) -> Result<Option<String>> {
        let name = sqlx::query_scalar(
            "SELECT actor FROM sessions WHERE token_hash = $1 AND revoked_at IS NULL AND expires_at > now()
             AND last_seen_at > now() - make_interval(secs => $2)",
        )
        .bind(hash)
        .bind(IDLE_LIMIT.as_secs_f64())
        .fetch_optional(self.db.pool())
        .await
        .map_err(failed("read a session"))?;
        if name.is_some() {
            // To the minute is enough for the idle limit, and spares most of the writes.
            sqlx::query(
                "UPDATE sessions SET last_seen_at = now()
                 WHERE token_hash = $1 AND last_seen_at < now() - interval '1 minute'",
            )
            .bind(hash)
            .execute(self.db.pool())
            .await
            .map_err(failed("keep a session alive"))?;
        }
        Ok(name)
    }

    fn remember(&self, hash: TokenHash, asked: Instant, name: Option<&str>) {
        let mut cache = self.cache();
        if cache.len() >= MANY_CACHED {
            cache.retain(|_, (at, _)| at.elapsed() < CACHED);
        }
        match name {
            Some(name) => cache.insert(hash, (asked, name.to_owned())),
            None => cache.remove(&hash),
        };
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<TokenHash, (Instant, String)>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns 32 random bytes as text: a token, or a password that nobody has to remember.
pub(super) fn random_text() -> SecretString {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()).into()
}

fn hash_of(token: &str) -> TokenHash {
    Sha256::digest(token).into()
}
