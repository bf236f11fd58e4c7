//! API tokens: for programs, with a part of what their owner may.
//!
//! A token's groups are those that its owner had when they last signed in, so a person who lost a group and came since
//! takes it from their tokens, too.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use model::{
    Actor, AppError,
    access::{CreateToken, LONGEST_TOKEN_DAYS, TokenRow},
    actor::ActorKind,
};
use serde_json::json;
use sqlx::{FromRow, Row as _, postgres::PgRow};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    access::{
        CACHED, Origin,
        scope::Scope,
        secret::{self, SecretHash, SecretToken},
    },
    audit::{self, AuditId, Intent, Outcome},
    db::{Db, Moment, failed},
    error::Result,
};

/// By this, scanners know a token that leaked.
const PREFIX: &str = "qd_";
const MANY_CACHED: usize = 1000;
/// A token rests when its owner has not signed in for so long: their groups may be out of date.
const OWNER_AWAY_DAYS: i32 = 90;
const LISTED: i64 = 200;
const LONGEST_NAME: usize = 80;
const MOST_SCOPES: usize = 50;
/// How many living tokens one person may have.
const MOST_TOKENS: i64 = 50;

/// All API tokens, and those asked for within the last moment.
#[derive(Debug)]
pub(super) struct Tokens {
    db: Db,
    cache: Mutex<HashMap<SecretHash, (Instant, Known)>>,
}

#[derive(Clone, Debug)]
struct Known {
    id: Uuid,
    name: String,
    owner: String,
    subject: String,
    groups: Vec<String>,
    scopes: Vec<String>,
}

impl Tokens {
    pub(super) fn new(db: Db) -> Self {
        Self { db, cache: Mutex::default() }
    }

    /// Returns who a token speaks for, where it lives.
    pub(super) async fn actor_of(&self, token: &str, origin: Origin<'_>) -> Result<Option<Actor>> {
        if !secret::is_well_formed(token, PREFIX) {
            return Ok(None);
        }
        let hash = secret::hash_of(token);
        let cached =
            self.cache().get(&hash).filter(|(at, _)| at.elapsed() < CACHED).map(|(_, it)| it.clone());
        let known = match cached {
            Some(known) => Some(known),
            None => self.read(hash, origin.address).await?,
        };
        Ok(known.map(|it| Actor {
            name: format!("{} ({})", it.owner, it.name),
            subject: it.subject,
            kind: ActorKind::Token,
            groups: it.groups,
            session: Some(it.id.to_string()),
            scopes: it.scopes,
            request_id: origin.request_id.to_owned(),
            address: origin.address.map(str::to_owned),
        }))
    }

    /// Makes a token of the person whose session it is, in one transaction with its record.
    pub(super) async fn create(
        &self,
        actor: &Actor,
        session: Uuid,
        request: &CreateToken,
    ) -> Result<(SecretToken, TokenRow)> {
        check(request)?;
        let token = SecretToken::new(PREFIX);
        let id = Uuid::now_v7();
        let mut tx = self.db.begin().await?;
        let living: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM api_tokens t JOIN sessions s USING (provider, subject)
             WHERE s.id = $1 AND t.revoked_at IS NULL AND t.expires_at > now()",
        )
        .bind(session)
        .fetch_one(&mut *tx)
        .await
        .map_err(failed(MAKE))?;
        if living >= MOST_TOKENS {
            let why = format!("You have {MOST_TOKENS} API tokens already; revoke one that is not used.");
            return Err(AppError::Conflict { why }.into());
        }
        let details = json!({"token": id, "scopes": request.scopes, "days": request.days});
        let object = format!("API token {}", request.name);
        let intent = Intent { verb: "create_token", object, environment: None, details };
        audit::record_in(&mut tx, actor, intent, Outcome::succeeded()).await?;
        let row = sqlx::query_as::<_, Listed>(
            "INSERT INTO api_tokens (id, token_hash, name, provider, subject, scopes, expires_at)
             SELECT $1, $2, $3, provider, subject, $4, now() + make_interval(days => $5) FROM sessions WHERE id = $6
             RETURNING *, $7 AS owner",
        )
        .bind(id)
        .bind(secret::hash_of(token.expose()))
        .bind(&request.name)
        .bind(&request.scopes)
        .bind(request.days as i32)
        .bind(session)
        .bind(&actor.name)
        .fetch_one(&mut *tx)
        .await
        .map_err(failed(MAKE))?;
        tx.commit().await.map_err(failed(MAKE))?;
        Ok((token, row.0))
    }

    /// Returns the tokens of the person whose session it is, or everybody's; the newest first.
    pub(super) async fn list(&self, session: Option<Uuid>) -> Result<Vec<TokenRow>> {
        let rows = sqlx::query_as::<_, Listed>(
            "SELECT t.*, p.name AS owner FROM api_tokens t JOIN people p USING (provider, subject)
             WHERE coalesce(t.revoked_at, t.expires_at) > now() - interval '30 days'
             AND ($1::uuid IS NULL OR (t.provider, t.subject) = (SELECT provider, subject FROM sessions WHERE id = $1))
             ORDER BY t.created_at DESC LIMIT $2",
        )
        .bind(session)
        .bind(LISTED)
        .fetch_all(self.db.pool())
        .await
        .map_err(failed("list API tokens"))?;
        Ok(rows.into_iter().map(|row| row.0).collect())
    }

    /// Tells whether a token is of the person whose session it is; none where there is no such token.
    pub(super) async fn is_own(&self, session: Uuid, id: Uuid) -> Result<Option<bool>> {
        sqlx::query_scalar(
            "SELECT (t.provider, t.subject) IS NOT DISTINCT FROM (s.provider, s.subject)
             FROM api_tokens t LEFT JOIN sessions s ON s.id = $2 WHERE t.id = $1",
        )
        .bind(id)
        .bind(session)
        .fetch_optional(self.db.pool())
        .await
        .map_err(failed("find an API token"))
    }

    /// Ends a token, with its record.
    pub(super) async fn revoke(&self, actor: &Actor, id: Uuid) -> Result<AuditId> {
        let mut tx = self.db.begin().await?;
        let name: Option<String> = sqlx::query_scalar(
            "UPDATE api_tokens SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING name",
        )
        .bind(id)
        .fetch_optional(&mut *tx)
        .await
        .map_err(failed(REVOKE))?;
        let object = format!("API token {}", name.unwrap_or_default());
        let intent =
            Intent { verb: "revoke_token", object, environment: None, details: json!({"token": id}) };
        let audit_id = audit::record_in(&mut tx, actor, intent, Outcome::succeeded()).await?;
        tx.commit().await.map_err(failed(REVOKE))?;
        self.cache().retain(|_, (_, known)| known.id != id);
        Ok(audit_id)
    }

    async fn read(&self, hash: SecretHash, address: Option<&str>) -> Result<Option<Known>> {
        let asked = Instant::now();
        let known = sqlx::query_as::<_, Known>(
            "SELECT t.id, t.name, t.subject, t.scopes, p.name AS owner, p.groups
             FROM api_tokens t JOIN people p USING (provider, subject)
             WHERE t.token_hash = $1 AND t.revoked_at IS NULL AND t.expires_at > now()
             AND p.signed_in_at > now() - make_interval(days => $2)",
        )
        .bind(hash)
        .bind(OWNER_AWAY_DAYS)
        .fetch_optional(self.db.pool())
        .await
        .map_err(failed("read an API token"))?;
        let Some(known) = known else {
            self.cache().remove(&hash);
            return Ok(None);
        };
        // To the minute, as with sessions.
        sqlx::query(
            "UPDATE api_tokens SET last_used_at = now(), last_address = $2
             WHERE id = $1 AND coalesce(last_used_at, 'epoch') < now() - interval '1 minute'",
        )
        .bind(known.id)
        .bind(address)
        .execute(self.db.pool())
        .await
        .map_err(failed("note the use of an API token"))?;
        let mut cache = self.cache();
        if cache.len() >= MANY_CACHED {
            cache.retain(|_, (at, _)| at.elapsed() < CACHED);
        }
        cache.insert(hash, (asked, known.clone()));
        Ok(Some(known))
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<SecretHash, (Instant, Known)>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const MAKE: &str = "make an API token";
const REVOKE: &str = "revoke an API token";

fn check(request: &CreateToken) -> Result<(), AppError> {
    let invalid = |field: &str, why: String| Err(AppError::Invalid { field: field.into(), why });
    let length = request.name.trim().chars().count();
    if length == 0 || length > LONGEST_NAME || request.name.chars().any(char::is_control) {
        return invalid("Name", format!("it has from 1 to {LONGEST_NAME} characters."));
    }
    if !(1..=LONGEST_TOKEN_DAYS).contains(&request.days) {
        return invalid("Days", format!("a token lives from 1 to {LONGEST_TOKEN_DAYS} days."));
    }
    if request.scopes.is_empty() || request.scopes.len() > MOST_SCOPES {
        return invalid("Scope", format!("a token has from 1 to {MOST_SCOPES} lines of scope."));
    }
    match request.scopes.iter().find_map(|line| Scope::parse(line).err()) {
        Some(why) => invalid("Scope", format!("{why}.")),
        None => Ok(()),
    }
}

impl FromRow<'_, PgRow> for Known {
    fn from_row(row: &PgRow) -> std::result::Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            owner: row.try_get("owner")?,
            subject: row.try_get("subject")?,
            groups: row.try_get("groups")?,
            scopes: row.try_get("scopes")?,
        })
    }
}

struct Listed(TokenRow);

impl FromRow<'_, PgRow> for Listed {
    fn from_row(row: &PgRow) -> std::result::Result<Self, sqlx::Error> {
        let moment = |column| row.try_get::<Option<Moment>, _>(column).map(|it| it.map(|moment| moment.0));
        Ok(Self(TokenRow {
            id: row.try_get::<Uuid, _>("id")?.to_string(),
            name: row.try_get("name")?,
            owner: row.try_get("owner")?,
            scopes: row.try_get("scopes")?,
            created_at: row.try_get::<Moment, _>("created_at")?.0,
            expires_at: row.try_get::<Moment, _>("expires_at")?.0,
            last_used_at: moment("last_used_at")?,
            last_address: row.try_get("last_address")?,
            revoked_at: moment("revoked_at")?,
        }))
    }
}
