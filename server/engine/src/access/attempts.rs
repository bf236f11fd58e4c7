//! How often somebody may fail to sign in by password: counted in the database, so that neither a restart nor another
//! replica begins anew.

use std::net::{IpAddr, Ipv6Addr};

use sqlx::Row as _;

use crate::{
    db::{Db, failed},
    error::Result,
};

/// An attempt too many.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Limited {
    pub(super) retry_seconds: u32,
    /// Whether it is the first of its window.
    pub(super) first: bool,
}

/// Counts an attempt before it is made, so that many at once do not slip through; of one key, `allowed` a minute are
/// let pass.
pub(super) async fn attempt(db: &Db, key: &str, allowed: u32) -> Result<Result<(), Limited>> {
    let row = sqlx::query(
        "INSERT INTO sign_in_attempts AS it (key, began_at, count) VALUES ($1, now(), 1)
         ON CONFLICT (key) DO UPDATE SET
             count = CASE WHEN it.began_at < now() - interval '1 minute' THEN 1 ELSE least(it.count, 1000000) + 1 END,
             began_at = CASE WHEN it.began_at < now() - interval '1 minute' THEN now() ELSE it.began_at END
         RETURNING count, ceil(extract(epoch FROM began_at + interval '1 minute' - now()))::int AS left_seconds",
    )
    .bind(key)
    .fetch_one(db.pool())
    .await
    .map_err(failed(COUNT))?;
    let count: i32 = row.try_get("count").map_err(failed(COUNT))?;
    let left: i32 = row.try_get("left_seconds").map_err(failed(COUNT))?;
    let count = count.unsigned_abs();
    if count <= allowed {
        return Ok(Ok(()));
    }
    Ok(Err(Limited { retry_seconds: left.max(1).unsigned_abs(), first: count == allowed + 1 }))
}

/// Takes the attempts of a key back, for the last one was no failure.
pub(super) async fn forgive(db: &Db, key: &str) -> Result<()> {
    sqlx::query("DELETE FROM sign_in_attempts WHERE key = $1")
        .bind(key)
        .execute(db.pool())
        .await
        .map_err(failed(COUNT))?;
    Ok(())
}

/// Removes what no longer counts.
pub(super) async fn prune(db: &Db) -> Result<()> {
    sqlx::query("DELETE FROM sign_in_attempts WHERE began_at < now() - interval '1 hour'")
        .execute(db.pool())
        .await
        .map_err(failed("remove old attempts to sign in"))?;
    Ok(())
}

/// Returns what of an address tells one caller from another: with IPv6, everybody has a whole network of them.
pub fn network_of(address: &str) -> String {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(address)) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).to_string(),
        Ok(address) => address.to_string(),
        Err(_) => address.to_owned(),
    }
}

const COUNT: &str = "count an attempt to sign in";

#[cfg(test)]
mod tests {
    use super::network_of;

    #[test]
    fn addresses_of_one_network_count_as_one() {
        assert_eq!(network_of("2001:db8:1:2:3::4"), network_of("2001:db8:1:2::ffff"));
        assert_ne!(network_of("2001:db8:1:2::4"), network_of("2001:db8:1:3::4"));
        assert_eq!(network_of("::ffff:127.0.0.1"), "127.0.0.1");
        assert_eq!(network_of("unix"), "unix");
    }
}
