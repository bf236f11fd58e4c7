//! Brings the database to the newest migration, as the owner.

use sqlx::{Connection as _, Executor as _, PgConnection, migrate::MigrateError};

use crate::{
    db::{PROGRAM_ROLE, failed},
    error::{Error, Result},
};

/// The key of the advisory lock that migrations run under: "qdeck" in ASCII.
const LOCK: i64 = 0x71_64_65_63_6b;

/// Roles belong to the server: databases that are migrated side by side race for this one, and losing is no failure.
/// The owner must be able to take the role on; only a superuser can without being its member.
const ENSURE_ROLE: &str = "
    DO $$
    BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'quarterdeck_program') THEN
            CREATE ROLE quarterdeck_program NOLOGIN;
        END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END $$;
    DO $$
    BEGIN
        SET LOCAL ROLE quarterdeck_program;
        RESET ROLE;
    EXCEPTION WHEN insufficient_privilege THEN
        GRANT quarterdeck_program TO CURRENT_USER;
    END $$";

/// Runs what is missing of the migrations: all of it or nothing, one program at a time.
pub(super) async fn run(connection: &mut PgConnection) -> Result<()> {
    ensure_role(connection).await?;
    let mut migrator = sqlx::migrate!("../../migrations");
    // sqlx's own lock is one of the session, which does not survive a pooler in transaction mode. Ours ends with the
    // transaction.
    migrator.set_locking(false);

    let mut tx = connection.begin().await.map_err(failed("begin to migrate"))?;
    tx.execute("SET LOCAL lock_timeout = '60s'").await.map_err(failed("begin to migrate"))?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *tx)
        .await
        .map_err(failed("lock itself for its migrations within 60 s"))?;
    migrator.run(&mut *tx).await.map_err(explain)?;
    tx.commit().await.map_err(failed("commit its migrations"))
}

async fn ensure_role(connection: &mut PgConnection) -> Result<()> {
    match connection.execute(ENSURE_ROLE).await {
        Ok(_) => Ok(()),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42501") => {
            Err(Error::Setting(format!(
                "the user of DATABASE_URL may not make the role {PROGRAM_ROLE} that the program works as; have an \
                 administrator run once: CREATE ROLE {PROGRAM_ROLE} NOLOGIN; GRANT {PROGRAM_ROLE} TO the user"
            )))
        }
        Err(error) => Err(failed("make the role that the program works as")(error)),
    }
}

fn explain(error: MigrateError) -> Error {
    match error {
        MigrateError::VersionMissing(version) => Error::Setting(format!(
            "the database was migrated by a newer Quarterdeck (to version {version}, at least): run that one"
        )),
        error => failed("be migrated")(error.into()),
    }
}
