//! The months of the history: made ahead, and dropped when they are too old.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::{
    db::{Db, failed},
    error::Result,
};

/// So many months after this one have their partitions.
const MONTHS_AHEAD: i32 = 2;
const PARTITION: &str = "make the months of the history";
const DROP: &str = "drop old months of the history";

/// How long the history is kept, in days.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Retention {
    pub operations_days: u32,
    /// Changes of health and sync; 700,000 a day in a large and busy fleet.
    pub transitions_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { operations_days: 400, transitions_days: 90 }
    }
}

/// A partitioned table, and the column that it is partitioned by.
struct Table {
    name: &'static str,
    time: &'static str,
    days: u32,
}

/// Makes the partitions of the months to come, and drops those that are over by the retention.
pub async fn prune(db: &Db, retention: &Retention) -> Result<()> {
    let mut owner = db.as_owner().await?;
    owner
        .execute("SET TIME ZONE 'UTC'; SET lock_timeout = '5s'; SET statement_timeout = '120s'")
        .await
        .map_err(failed(PARTITION))?;
    let tables = [
        Table { name: "operations", time: "started_at", days: retention.operations_days },
        Table { name: "transitions", time: "at", days: retention.transitions_days },
    ];
    for table in tables {
        for ahead in 0..=MONTHS_AHEAD {
            make_month(&mut owner, &table, ahead).await?;
        }
        drop_old(&mut owner, &table).await?;
    }
    forget_gone(&mut owner, retention).await?;
    owner.close().await.map_err(failed("close a connection"))
}

/// Makes one month. What the default partition holds of it moves over: PostgreSQL would refuse to attach it otherwise.
async fn make_month(owner: &mut PgConnection, table: &Table, ahead: i32) -> Result<()> {
    let Table { name, time, .. } = table;
    let mut tx = owner.begin().await.map_err(failed(PARTITION))?;
    let (partition, begin, end, exists): (String, String, String, bool) = sqlx::query_as(
        "SELECT partition, month::date::text, (month + interval '1 month')::date::text,
             to_regclass(quote_ident(partition)) IS NOT NULL
         FROM (SELECT month, $1 || to_char(month, '_YYYY_MM') AS partition
               FROM (SELECT date_trunc('month', now()) + make_interval(months => $2) AS month) AS months) AS named",
    )
    .bind(name)
    .bind(ahead)
    .fetch_one(&mut *tx)
    .await
    .map_err(failed(PARTITION))?;
    if exists {
        return Ok(());
    }
    // Names and dates are made above, of letters that need no quoting.
    let make = AssertSqlSafe(format!(
        "LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE;
         CREATE TABLE {partition} (LIKE {name} INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
         WITH moved AS (
             DELETE FROM {name}_default WHERE {time} >= '{begin}' AND {time} < '{end}' RETURNING *
         ) INSERT INTO {partition} SELECT * FROM moved;
         ALTER TABLE {name} ATTACH PARTITION {partition} FOR VALUES FROM ('{begin}') TO ('{end}')"
    ));
    sqlx::raw_sql(make).execute(&mut *tx).await.map_err(failed(PARTITION))?;
    tx.commit().await.map_err(failed(PARTITION))
}

/// Drops the months that ended before the retention, and what the default partition holds from before it.
async fn drop_old(owner: &mut PgConnection, table: &Table) -> Result<()> {
    let Table { name, time, days } = table;
    let partitions: Vec<String> = sqlx::query_scalar(
        "SELECT child.relname::text FROM pg_inherits
         JOIN pg_class child ON child.oid = inhrelid
         WHERE inhparent = to_regclass($1) AND child.relname ~ '_[0-9]{4}_[0-9]{2}$'
             AND to_date(right(child.relname, 7), 'YYYY_MM') + interval '1 month'
                 < now() - make_interval(days => $2)",
    )
    .bind(name)
    .bind(*days as i32)
    .fetch_all(&mut *owner)
    .await
    .map_err(failed(DROP))?;
    for partition in partitions {
        let drop = AssertSqlSafe(format!("DROP TABLE {partition}"));
        sqlx::raw_sql(drop).execute(&mut *owner).await.map_err(failed(DROP))?;
        tracing::info!(partition, "a month of the history is over its retention and was dropped");
    }
    let delete =
        AssertSqlSafe(format!("DELETE FROM {name}_default WHERE {time} < now() - make_interval(days => $1)"));
    sqlx::query(delete).bind(*days as i32).execute(owner).await.map_err(failed(DROP))?;
    Ok(())
}

/// Forgets the last state of Applications of which nothing was seen for longer than any history is kept.
async fn forget_gone(owner: &mut PgConnection, retention: &Retention) -> Result<()> {
    let days = retention.operations_days.max(retention.transitions_days);
    sqlx::query("DELETE FROM application_states WHERE seen_at < now() - make_interval(days => $1)")
        .bind(days as i32)
        .execute(owner)
        .await
        .map_err(failed(DROP))?;
    Ok(())
}
