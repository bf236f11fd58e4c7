//! Sessions of browsers: rows with the hash of a token, cached for a moment.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use model::{Actor, access::SessionRow, actor::ActorKind};
use serde_json::json;
use sqlx::{FromRow, Row as _, postgres::PgRow};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    access::{
        ABSOLUTE_LIMIT, CACHED, IDLE_LIMIT, Origin,
        secret::{self, SecretHash, SecretToken},
    },
    audit::{self, Context, Intent, Outcome},
    db::{Db, Moment, failed},
    error::Result,
};

/// Beyond so many cached sessions, the expired ones are removed.
const MANY_CACHED: usize = 1000;
/// How many sessions a page lists.
const LISTED: i64 = 200;
const LIVE: &str =
    "revoked_at IS NULL AND expires_at > now() AND last_seen_at > now() - make_interval(secs => $1)";

/// Whose session it is.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) kind: ActorKind,
    pub(super) provider: String,
    pub(super) subject: String,
    pub(super) groups: Vec<String>,
}

impl Signed {
    /// Returns the actor of a request in this session.
    pub(super) fn actor(self, origin: Origin<'_>) -> Actor {
        Actor {
            name: self.name,
            subject: self.subject,
            kind: self.kind,
            groups: self.groups,
            session: Some(self.id.to_string()),
            scopes: Vec::new(),
            request_id: origin.request_id.to_owned(),
            address: origin.address.map(str::to_owned),
        }
    }
}

/// All sessions, and those asked for within the last moment.
#[derive(Debug)]
pub(super) struct Sessions {
    db: Db,
    cache: Mutex<HashMap<SecretHash, (Instant, Signed)>>,
}

impl Sessions {
    pub(super) fn new(db: Db) -> Self {
        Self { db, cache: Mutex::default() }
    }

    /// Begins a session of the actor, in one transaction with its record. What `before` names ends: a sign-in never goes
    /// on with the token that a browser had.
    pub(super) async fn create(
        &self,
        actor: &Actor,
        provider: &str,
        origin: Origin<'_>,
        intent: Intent,
    ) -> Result<SecretToken> {
        let token = SecretToken::new("");
        let mut tx = self.db.begin().await?;
        let id = Uuid::new_v4();
        let context = Context { session: Some(id.to_string()), ..Context::default() };
        audit::record_in(&mut tx, actor, intent.within(context), Outcome::succeeded()).await?;
        if let Some(before) = origin.session_before {
            sqlx::query(
                "UPDATE sessions SET revoked_at = now() WHERE token_hash = $1 AND revoked_at IS NULL",
            )
            .bind(secret::hash_of(before))
            .execute(&mut *tx)
            .await
            .map_err(failed(BEGIN))?;
        }
        if actor.kind == ActorKind::Person {
            sqlx::query(
                "INSERT INTO people (provider, subject, name, groups) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (provider, subject) DO UPDATE
                 SET name = excluded.name, groups = excluded.groups, signed_in_at = now()",
            )
            .bind(provider)
            .bind(&actor.subject)
            .bind(&actor.name)
            .bind(&actor.groups)
            .execute(&mut *tx)
            .await
            .map_err(failed(BEGIN))?;
        }
        sqlx::query(
            "INSERT INTO sessions (id, token_hash, actor, kind, provider, subject, groups, address, browser,
                 expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + make_interval(secs => $10))",
        )
        .bind(id)
        .bind(secret::hash_of(token.expose()))
        .bind(&actor.name)
        .bind(if actor.kind == ActorKind::LocalAdmin { "local_admin" } else { "person" })
        .bind(provider)
        .bind(&actor.subject)
        .bind(&actor.groups)
        .bind(&actor.address)
        .bind(origin.browser.chars().take(200).collect::<String>())
        .bind(ABSOLUTE_LIMIT.as_secs_f64())
        .execute(&mut *tx)
        .await
        .map_err(failed(BEGIN))?;
        tx.commit().await.map_err(failed(BEGIN))?;
        if let Some(before) = origin.session_before {
            self.cache().remove(&secret::hash_of(before));
        }
        Ok(token)
    }

    /// Returns whose session it is, where it lives.
    pub(super) async fn find(&self, token: &str) -> Result<Option<Signed>> {
        if !secret::is_well_formed(token, "") {
            return Ok(None);
        }
        let hash = secret::hash_of(token);
        if let Some((at, signed)) = self.cache().get(&hash)
            && at.elapsed() < CACHED
        {
            return Ok(Some(signed.clone()));
        }
        let asked = Instant::now();
        let signed = self.read(&hash).await?;
        self.remember(hash, asked, signed.clone());
        Ok(signed)
    }

    /// Ends the session of a token; one that has ended is left alone.
    pub(super) async fn sign_out(&self, actor: &Actor, token: &str) -> Result<()> {
        let hash = secret::hash_of(token);
        let mut tx = self.db.begin().await?;
        let ended = sqlx::query(
            "UPDATE sessions SET revoked_at = now() WHERE token_hash = $1 AND revoked_at IS NULL",
        )
        .bind(hash)
        .execute(&mut *tx)
        .await
        .map_err(failed(END))?;
        if ended.rows_affected() > 0 {
            let object = format!("account {}", actor.name);
            let intent = Intent { verb: "sign_out", object, environment: None, details: json!({}) };
            audit::record_in(&mut tx, actor, intent, Outcome::succeeded()).await?;
        }
        tx.commit().await.map_err(failed(END))?;
        self.cache().remove(&hash);
        Ok(())
    }

    /// Returns the sessions that live, the newest first: those of one person, or everybody's.
    pub(super) async fn list(&self, of: Option<&Actor>) -> Result<Vec<SessionRow>> {
        let of_whom = "$2::uuid IS NULL OR (kind, provider, subject) = (SELECT kind, provider, subject FROM sessions WHERE id = $2)";
        let query = format!(
            "SELECT id, actor, provider, address, browser, created_at, last_seen_at, expires_at
             FROM sessions WHERE {LIVE} AND ({of_whom}) ORDER BY created_at DESC LIMIT $3"
        );
        let rows = sqlx::query_as::<_, ListedSession>(sqlx::AssertSqlSafe(query))
            .bind(IDLE_LIMIT.as_secs_f64())
            .bind(of.map(session_of))
            .bind(LISTED)
            .fetch_all(self.db.pool())
            .await
            .map_err(failed("list sessions"))?;
        Ok(rows.into_iter().map(|row| row.0).collect())
    }

    /// Tells whether a session is of the same person as the actor's own; none where there is no such session.
    pub(super) async fn is_own(&self, actor: &Actor, id: Uuid) -> Result<Option<bool>> {
        let own = sqlx::query_scalar(
            "SELECT (other.kind, other.provider, other.subject) IS NOT DISTINCT FROM (own.kind, own.provider, own.subject)
             FROM sessions other LEFT JOIN sessions own ON own.id = $2 WHERE other.id = $1",
        )
        .bind(id)
        .bind(session_of(actor))
        .fetch_optional(self.db.pool())
        .await
        .map_err(failed("find a session"))?;
        Ok(own)
    }

    /// Ends a session by its public id, with its record.
    pub(super) async fn end(&self, actor: &Actor, id: Uuid) -> Result<audit::AuditId> {
        let mut tx = self.db.begin().await?;
        let whose: Option<String> = sqlx::query_scalar(
            "UPDATE sessions SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL RETURNING actor",
        )
        .bind(id)
        .fetch_optional(&mut *tx)
        .await
        .map_err(failed(END))?;
        let object = format!("session {id}");
        let intent = Intent { verb: "end_session", object, environment: None, details: json!({"of": whose}) };
        let audit_id = audit::record_in(&mut tx, actor, intent, Outcome::succeeded()).await?;
        tx.commit().await.map_err(failed(END))?;
        self.cache().retain(|_, (_, signed)| signed.id != id);
        Ok(audit_id)
    }

    /// Forgets what is cached.
    pub(super) fn forget(&self) {
        self.cache().clear();
    }

    async fn read(&self, hash: &SecretHash) -> Result<Option<Signed>> {
        let query = format!(
            "SELECT id, actor, kind, provider, subject, groups FROM sessions WHERE {LIVE} AND token_hash = $2"
        );
        let signed = sqlx::query_as::<_, Signed>(sqlx::AssertSqlSafe(query))
            .bind(IDLE_LIMIT.as_secs_f64())
            .bind(hash)
            .fetch_optional(self.db.pool())
            .await
            .map_err(failed("read a session"))?;
        if signed.is_some() {
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
        Ok(signed)
    }

    fn remember(&self, hash: SecretHash, asked: Instant, signed: Option<Signed>) {
        let mut cache = self.cache();
        if cache.len() >= MANY_CACHED {
            cache.retain(|_, (at, _)| at.elapsed() < CACHED);
        }
        match signed {
            Some(signed) => cache.insert(hash, (asked, signed)),
            None => cache.remove(&hash),
        };
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<SecretHash, (Instant, Signed)>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const BEGIN: &str = "begin a session";
const END: &str = "end a session";

/// The session that an actor acts in; the nil id, which no row has, where there is none.
fn session_of(actor: &Actor) -> Uuid {
    actor.session.as_deref().and_then(|id| id.parse().ok()).unwrap_or_default()
}

struct ListedSession(SessionRow);

impl FromRow<'_, PgRow> for ListedSession {
    fn from_row(row: &PgRow) -> std::result::Result<Self, sqlx::Error> {
        Ok(Self(SessionRow {
            id: row.try_get::<Uuid, _>("id")?.to_string(),
            actor: row.try_get("actor")?,
            provider: row.try_get("provider")?,
            address: row.try_get("address")?,
            browser: row.try_get("browser")?,
            is_this: false,
            created_at: row.try_get::<Moment, _>("created_at")?.0,
            last_seen_at: row.try_get::<Moment, _>("last_seen_at")?.0,
            expires_at: row.try_get::<Moment, _>("expires_at")?.0,
        }))
    }
}

impl FromRow<'_, PgRow> for Signed {
    fn from_row(row: &PgRow) -> std::result::Result<Self, sqlx::Error> {
        let kind: &str = row.try_get("kind")?;
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("actor")?,
            kind: if kind == "local_admin" { ActorKind::LocalAdmin } else { ActorKind::Person },
            provider: row.try_get("provider")?,
            subject: row.try_get("subject")?,
            groups: row.try_get("groups")?,
        })
    }
}
