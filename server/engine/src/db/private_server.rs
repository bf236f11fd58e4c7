//! The private PostgreSQL: an ordinary server from the installed binaries, for us alone.
//!
//! It lives in `<data directory>/postgres` (`data`, `run` with its socket, `log`, `lock`), listens on no port, and is
//! closed to other users by the permissions of that folder. It is not tied to the life of this program: a server that
//! outlived us is adopted, one that died is started again, and only [`PrivateServer::stop`] ends it.
//!
//! Started as root, everything of it runs as user `postgres`, for PostgreSQL refuses root.

mod binaries;
mod place;

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions};
use tokio::time::sleep;

use crate::{
    db::failed,
    error::{Error, Result},
    tasks::{TaskHandle, Tasks},
};

use place::Place;

const DATABASE: &str = "quarterdeck";
/// How often the supervisor looks whether the server answers.
const LOOK: Duration = Duration::from_millis(500);

/// A private server that runs. Dropped without [`PrivateServer::stop`], it goes on, to be adopted later.
#[derive(Debug)]
pub struct PrivateServer {
    place: Arc<Place>,
    supervisor: TaskHandle,
    /// Locked for as long as it is open: two programs never share a server.
    _lock: File,
}

/// Returns the data directory for where the settings name none.
pub fn default_data_dir() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return "/var/lib/quarterdeck".into();
    }
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
    data.unwrap_or_else(std::env::temp_dir).join("quarterdeck")
}

impl PrivateServer {
    /// Starts or adopts the server under `data_dir`, and keeps it up by one of `tasks`. Returns how to connect to it.
    pub(super) async fn start(data_dir: &Path, tasks: &Tasks) -> Result<(Self, PgConnectOptions)> {
        let place = Arc::new(Place::prepare(data_dir).await?);
        let lock = place.lock()?;
        place.init().await?;
        let adopted = place.is_up().await;
        if !adopted {
            place.start().await?;
        }
        let options = place.options().disable_statement_logging();
        ensure_database(&options).await?;
        tracing::info!(
            adopted,
            "a private PostgreSQL runs in {}, for DATABASE_URL is not set",
            place.root().display()
        );

        let watched = place.clone();
        let supervisor = tasks.supervise("private PostgreSQL", move || keep_up(watched.clone()));
        Ok((Self { place, supervisor, _lock: lock }, options.database(DATABASE)))
    }

    /// Returns how to connect to the server under `data_dir`, where another program has started it.
    pub(super) fn running_in(data_dir: &Path) -> Result<PgConnectOptions> {
        let options = Place::options_of_running(&data_dir.join("postgres")).ok_or_else(|| {
            Error::Setting(format!(
                "no private PostgreSQL runs in {}: start `quarterdeck serve` with this data directory and try again \
                 beside it, name another one with --data-dir, or set DATABASE_URL",
                data_dir.display()
            ))
        })?;
        Ok(options.disable_statement_logging().database(DATABASE))
    }

    /// Stops the server, once the pool is closed.
    pub async fn stop(self) -> Result<()> {
        self.supervisor.abort();
        self.place.stop("fast").await
    }
}

async fn keep_up(place: Arc<Place>) -> Result<()> {
    loop {
        sleep(LOOK).await;
        if !place.answers().await {
            tracing::warn!("the private PostgreSQL is gone; it is started again");
            place.start().await?;
        }
    }
}

async fn ensure_database(options: &PgConnectOptions) -> Result<()> {
    let connect = options.clone().database("postgres");
    let mut connection = PgConnection::connect_with(&connect).await.map_err(failed("be reached"))?;
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(DATABASE)
        .fetch_one(&mut connection)
        .await
        .map_err(failed("list its databases"))?;
    if !exists {
        connection.execute("CREATE DATABASE quarterdeck").await.map_err(failed("create our database"))?;
    }
    connection.close().await.map_err(failed("close a connection"))
}
