//! Leases: what must happen in one replica at a time.

use std::time::Duration;

use crate::{
    db::{Db, failed},
    error::Result,
};

/// Takes or renews the lease `name` for `holder`; returns whether it is theirs until `ttl` from now.
///
/// A lease saves work and is no proof: whoever holds one must still write so that two holders do no harm. One that lasts
/// longer than any could is of a clock that was set back, and counts as over.
pub async fn take_lease(db: &Db, name: &str, holder: &str, ttl: Duration) -> Result<bool> {
    let taken = sqlx::query(
        "INSERT INTO leases (name, holder, until) VALUES ($1, $2, now() + make_interval(secs => $3))
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
         WHERE leases.holder = excluded.holder OR leases.until < now()
             OR leases.until > now() + make_interval(secs => 2 * $3 + 1)",
    )
    .bind(name)
    .bind(holder)
    .bind(ttl.as_secs_f64())
    .execute(db.pool())
    .await
    .map_err(failed("take a lease"))?;
    Ok(taken.rows_affected() == 1)
}

/// Gives a lease back, where it is still the holder's.
pub async fn release_lease(db: &Db, name: &str, holder: &str) -> Result<()> {
    sqlx::query("DELETE FROM leases WHERE name = $1 AND holder = $2")
        .bind(name)
        .bind(holder)
        .execute(db.pool())
        .await
        .map_err(failed("release a lease"))?;
    Ok(())
}
