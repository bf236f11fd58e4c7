//! PostgreSQL: the pool, its two roles, and the private server that runs where none is given.
//!
//! The user of the URL owns the tables and migrates them. The program itself works as [`PROGRAM_ROLE`], which every
//! connection of the pool takes on: it may not change tables, and may only add to the record. Nothing here knows what
//! the tables mean.

mod lease;
mod migrate;
mod moment;
mod private_server;
mod upkeep;

use std::{fmt, path::Path, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, Executor as _, PgConnection, PgPool, Postgres, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{
    error::{Error, Result},
    tasks::Tasks,
};

pub use lease::{release_lease, take_lease};
pub use moment::Moment;
pub use private_server::{PrivateServer, default_data_dir};
pub use upkeep::keep_up;

/// The role that the program works as.
pub const PROGRAM_ROLE: &str = "quarterdeck_program";

const MAX_CONNECTIONS: u32 = 10;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// What every connection of the pool does first. Statements of the program are short; one that is not is a fault.
const BEGIN_PROGRAM: &str = "SET ROLE quarterdeck_program; \
     SET statement_timeout = '10s'; SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '30s'";

/// The database; clones share one pool.
#[derive(Clone)]
pub struct Db {
    pool: PgPool,
    owner: PgConnectOptions,
}

impl Db {
    /// Connects to the server of `url`, and migrates its database.
    pub async fn connect(url: &str) -> Result<Self> {
        Self::open(options_of(url)?).await
    }

    /// Starts or adopts the private server under `data_dir`, and keeps it up by one of `tasks`.
    pub async fn private(data_dir: &Path, tasks: &Tasks) -> Result<(Self, PrivateServer)> {
        let (server, options) = PrivateServer::start(data_dir, tasks).await?;
        match Self::open(options).await {
            Ok(db) => Ok((db, server)),
            Err(error) => {
                server.stop().await?;
                Err(error)
            }
        }
    }

    /// Returns the pool of the program's connections.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Begins a transaction as the program.
    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>> {
        self.pool.begin().await.map_err(failed("begin a transaction"))
    }

    /// Opens a connection as the owner, for what the program may not do: to make and drop partitions.
    pub async fn as_owner(&self) -> Result<PgConnection> {
        connect_as_owner(&self.owner).await
    }

    /// Answers when the database does.
    pub async fn ping(&self) -> Result<()> {
        self.pool.execute("SELECT 1").await.map_err(failed("answer"))?;
        Ok(())
    }

    /// Closes all connections, once their work is done.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn open(options: PgConnectOptions) -> Result<Self> {
        let owner = options.application_name("quarterdeck").disable_statement_logging();
        migrate::run(&mut connect_as_owner(&owner).await?).await?;
        let pool = PgPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute(BEGIN_PROGRAM).await.map(drop) })
            })
            .connect_with(owner.clone())
            .await
            .map_err(failed("be reached"))?;
        Ok(Self { pool, owner })
    }
}

/// Without the options: they hold the password.
impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db").field("size", &self.pool.size()).finish_non_exhaustive()
    }
}

/// Connects as the owner to the server of `url`, and changes nothing.
pub(crate) async fn connect_to_url(url: &str) -> Result<PgConnection> {
    connect_as_owner(&options_of(url)?.application_name("quarterdeck")).await
}

/// Connects as the owner to the private server under `data_dir`, which a program that runs has started.
pub(crate) async fn connect_to_private(data_dir: &Path) -> Result<PgConnection> {
    connect_as_owner(&PrivateServer::running_in(data_dir)?.application_name("quarterdeck")).await
}

/// Names what the database could not do.
pub(crate) fn failed(what: &'static str) -> impl FnOnce(sqlx::Error) -> Error {
    move |source| Error::Db { what, source }
}

fn options_of(url: &str) -> Result<PgConnectOptions> {
    url.parse().map_err(|error| {
        Error::Setting(format!("DATABASE_URL is not a URL of a PostgreSQL database: {error}"))
    })
}

async fn connect_as_owner(options: &PgConnectOptions) -> Result<PgConnection> {
    let connect = PgConnection::connect_with(options);
    let connected = tokio::time::timeout(ACQUIRE_TIMEOUT, connect).await;
    connected.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(failed("be reached"))
}
