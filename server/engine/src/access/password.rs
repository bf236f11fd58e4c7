//! Passwords, as argon2 hashes. Hashing takes 19 MB and some 50 ms on purpose: few at a time, and off the async threads.

use std::sync::Arc;

use argon2::{
    Argon2, PasswordHash, PasswordHasher as _, PasswordVerifier as _,
    password_hash::{SaltString, rand_core::OsRng},
};
use model::{Actor, actor::ActorKind};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::{
    access::ADMIN,
    audit::{self, Intent, Outcome},
    db::{Db, failed},
    error::{Error, Result},
};

const AT_ONCE: usize = 2;

/// Hashes and verifies, a few at a time.
#[derive(Debug)]
pub(super) struct Passwords {
    permits: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Passwords {
    /// Returns the hash of a password, with parameters and salt in it.
    pub(super) async fn hash(&self, password: SecretString) -> Result<String> {
        self.work(move || hash(&password)).await
    }

    /// Returns whether the password is the one of the hash. Without a hash it is not, and that takes as long.
    pub(super) async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<bool> {
        self.work(move || verify(&password, hash.as_deref())).await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let bug =
            |error: &dyn std::error::Error| Error::Bug(format!("a password could not be worked on: {error}"));
        let permit = self.permits.clone().acquire_owned().await.map_err(|error| bug(&error))?;
        // The permit goes along: a caller that goes away does not end the work.
        let done = tokio::task::spawn_blocking(move || (work(), permit)).await;
        done.map_err(|error| bug(&error))?.0
    }
}

/// Returns the hash of the local administrator's password, where one is set.
pub(super) async fn hash_in(db: &Db) -> Result<Option<String>> {
    sqlx::query_scalar("SELECT password_hash FROM local_admin")
        .fetch_optional(db.pool())
        .await
        .map_err(failed("read the administrator's password"))
}

/// Sets the password where none is set; returns whether it did, for several replicas may start at once.
pub(super) async fn insert(db: &Db, hash: &str) -> Result<bool> {
    let inserted = sqlx::query("INSERT INTO local_admin (password_hash) VALUES ($1) ON CONFLICT DO NOTHING")
        .bind(hash)
        .execute(db.pool())
        .await
        .map_err(failed(SET))?;
    Ok(inserted.rows_affected() == 1)
}

/// Sets the password, and ends the sessions that were begun with another one.
pub(super) async fn replace(db: &Db, hash: &str) -> Result<()> {
    let mut tx = db.begin().await?;
    let intent = Intent {
        verb: "set_password",
        object: format!("account {ADMIN}"),
        environment: None,
        details: json!({}),
    };
    audit::record_in(&mut tx, &system(), intent, Outcome::succeeded()).await?;
    sqlx::query(
        "INSERT INTO local_admin (password_hash) VALUES ($1)
         ON CONFLICT (only_row) DO UPDATE SET password_hash = excluded.password_hash, created_at = now()",
    )
    .bind(hash)
    .execute(&mut *tx)
    .await
    .map_err(failed(SET))?;
    sqlx::query("UPDATE sessions SET revoked_at = now() WHERE actor = $1 AND revoked_at IS NULL")
        .bind(ADMIN)
        .execute(&mut *tx)
        .await
        .map_err(failed(SET))?;
    tx.commit().await.map_err(failed(SET))
}

const SET: &str = "set the administrator's password";

fn system() -> Actor {
    Actor {
        name: "quarterdeck".into(),
        kind: ActorKind::System,
        groups: Vec::new(),
        subject: "quarterdeck".into(),
        session: None,
        scopes: Vec::new(),
        request_id: "start".into(),
        address: None,
    }
}

fn hash(password: &SecretString) -> Result<String> {
    let salt = SaltString::generate(&mut OsRng);
    let hash = Argon2::default().hash_password(password.expose_secret().as_bytes(), &salt);
    Ok(hash.map_err(|error| Error::Bug(format!("a password could not be hashed: {error}")))?.to_string())
}

fn verify(password: &SecretString, known: Option<&str>) -> Result<bool> {
    let Some(known) = known else {
        hash(password)?;
        return Ok(false);
    };
    let known = PasswordHash::new(known)
        .map_err(|error| Error::Bug(format!("the administrator's password hash makes no sense: {error}")))?;
    Ok(Argon2::default().verify_password(password.expose_secret().as_bytes(), &known).is_ok())
}
