//! What the tables need from time to time: partitions ahead, old rows gone, sizes measured.

use std::time::Duration;

use sqlx::Row as _;
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    access,
    db::{Db, failed, take_lease},
    error::Result,
    history::{self, Retention},
    metrics::{Metrics, Table},
    plans,
};

const PERIOD: Duration = Duration::from_secs(3600);

/// Partitions are counted with the table that they belong to.
const SIZES: &str = "
    SELECT root.relname::text, sum(pg_total_relation_size(part.oid))::bigint
    FROM pg_class part
    JOIN pg_class root ON root.oid = coalesce(pg_partition_root(part.oid), part.oid)
    WHERE part.relkind IN ('r', 'p') AND part.relnamespace = current_schema()::text::regnamespace
    GROUP BY 1";

/// Keeps the tables in order, hourly, in whichever replica has the lease; measures their sizes in each. A supervised
/// task: it ends by an error alone.
pub async fn keep_up(db: Db, metrics: Metrics, retention: Retention) -> Result<()> {
    let holder = Uuid::now_v7().to_string();
    loop {
        if take_lease(&db, "upkeep", &holder, PERIOD).await? {
            history::prune(&db, &retention).await?;
            access::prune(&db).await?;
            plans::prune(&db).await?;
        }
        measure(&db, &metrics).await?;
        sleep(PERIOD).await;
    }
}

async fn measure(db: &Db, metrics: &Metrics) -> Result<()> {
    let sizes = sqlx::query(SIZES).fetch_all(db.pool()).await.map_err(failed("measure its tables"))?;
    for row in sizes {
        let table = row.try_get(0).map_err(failed("measure its tables"))?;
        let bytes = row.try_get(1).map_err(failed("measure its tables"))?;
        metrics.table_bytes.get_or_create(&Table { table }).set(bytes);
    }
    Ok(())
}
