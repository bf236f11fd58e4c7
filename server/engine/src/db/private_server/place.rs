//! The folder of the private server, and the server that runs in it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::{
    net::UnixStream,
    process::Child,
    time::{Instant, sleep, timeout},
};

use crate::{
    db::private_server::binaries::{Binaries, last_lines, run},
    error::{Error, Result},
};

/// What a socket's path may have, on Linux and on the BSDs alike.
const LONGEST_SOCKET: usize = 103;
const SOCKET: &str = ".s.PGSQL.5432";
const SUPERUSER: &str = "quarterdeck";
const INIT_LIMIT: Duration = Duration::from_secs(120);
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// How long the children of a dead server may take to notice its death.
const LEFTOVERS_LIMIT: Duration = Duration::from_secs(10);
/// The log is begun anew at a start when it is larger.
const LARGEST_LOG: u64 = 10 << 20;

/// Where the private server lives, and its process where it is our child.
#[derive(Debug)]
pub(super) struct Place {
    root: PathBuf,
    binaries: Binaries,
    child: Mutex<Option<Child>>,
}

impl Place {
    /// Makes the folders, and finds the programs.
    pub(super) async fn prepare(data_dir: &Path) -> Result<Self> {
        // Others may pass through the data directory, as user postgres has to; they may not look into our folder.
        make_folder(data_dir, 0o711)?;
        let root = data_dir.join("postgres");
        make_folder(&root, 0o700)?;
        let root = root.canonicalize().map_err(io(&root))?;
        let socket = root.join("run").join(SOCKET);
        let length = socket.as_os_str().len();
        if length > LONGEST_SOCKET {
            return Err(Error::Setting(format!(
                "the data directory {} is too deep for PostgreSQL's socket: the path {} has {length} bytes, and \
                 {LONGEST_SOCKET} are allowed; choose a shorter data directory, or set DATABASE_URL",
                data_dir.display(),
                socket.display(),
            )));
        }
        let version = fs::read_to_string(root.join("data/PG_VERSION")).ok();
        let binaries = Binaries::find(version.as_deref().map(str::trim)).await?;
        let place = Self { root, binaries, child: Mutex::default() };
        make_folder(&place.run_folder(), 0o700)?;
        place.give_away(&place.root)?;
        place.give_away(&place.run_folder())?;
        Ok(place)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Locks the folder, for as long as the file is open.
    pub(super) fn lock(&self) -> Result<File> {
        let path = self.root.join("lock");
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Error::Setting(format!(
                "another Quarterdeck uses the private PostgreSQL in {}: stop that one, give this one its own data \
                 directory, or set DATABASE_URL for both",
                self.root.display()
            ))),
            Err(TryLockError::Error(source)) => Err(io(&path)(source)),
        }
    }

    /// Makes the data, unless they are there. A first start that was cut off leaves no half of them.
    pub(super) async fn init(&self) -> Result<()> {
        if self.data().join("PG_VERSION").exists() {
            return Ok(());
        }
        let unfinished = self.root.join("data.new");
        match fs::remove_dir_all(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(&unfinished)(error)),
            _ => {}
        }
        let mut command = self.binaries.command("initdb");
        command.arg("-D").arg(&unfinished).args(["-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C"]);
        let what = format!("making the private PostgreSQL in {}", self.root.display());
        run(command, &what, INIT_LIMIT).await?;
        fs::rename(&unfinished, self.data()).map_err(io(&unfinished))
    }

    /// Returns whether a server listens on the socket. One that is too busy to accept is one that lives.
    pub(super) async fn answers(&self) -> bool {
        self.reap();
        match UnixStream::connect(self.run_folder().join(SOCKET)).await {
            Ok(_) => true,
            Err(error) => !matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound),
        }
    }

    /// Returns whether a server runs that takes connections; one that is about to is waited for. The socket of one that
    /// dies may answer for a moment still.
    pub(super) async fn is_up(&self) -> bool {
        let until = Instant::now() + START_LIMIT;
        while self.answers().await && Instant::now() < until {
            if self.takes_connections().await {
                return true;
            }
            sleep(Duration::from_millis(50)).await;
        }
        false
    }

    /// Starts the server, and waits until it takes connections.
    pub(super) async fn start(&self) -> Result<()> {
        self.bury().await?;
        let log = self.open_log()?;
        let error_log = log.try_clone().map_err(io(&self.log()))?;
        let mut command = self.binaries.command("postgres");
        command.arg("-D").arg(self.data()).stdout(log).stderr(error_log);
        for setting in self.settings() {
            command.arg("-c").arg(setting);
        }
        let what = || format!("starting the private PostgreSQL in {}", self.root.display());
        let child = command.spawn().map_err(|source| Error::Io { what: what(), source })?;
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);

        let until = Instant::now() + START_LIMIT;
        while !self.takes_connections().await {
            if self.reap() || Instant::now() > until {
                let log = fs::read(self.log()).unwrap_or_default();
                let said = last_lines(&String::from_utf8_lossy(&log));
                return Err(Error::Io { what: what() + " failed", source: io::Error::other(said) });
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Stops the server, by a mode of `pg_ctl`.
    pub(super) async fn stop(&self, mode: &str) -> Result<()> {
        let mut command = self.binaries.command("pg_ctl");
        command.arg("stop").arg("-D").arg(self.data()).args(["-m", mode, "-w", "-t", "25"]);
        let what = format!("stopping the private PostgreSQL in {}", self.root.display());
        let stopped = run(command, &what, STOP_LIMIT).await;
        if self.answers().await { stopped.map(drop) } else { Ok(()) }
    }

    /// Returns how to connect as the superuser.
    pub(super) fn options(&self) -> PgConnectOptions {
        options_in(&self.run_folder())
    }

    /// Returns how to connect as the superuser to the server in `root`, where one listens.
    pub(super) fn options_of_running(root: &Path) -> Option<PgConnectOptions> {
        let folder = root.join("run").canonicalize().ok()?;
        std::os::unix::net::UnixStream::connect(folder.join(SOCKET)).ok()?;
        Some(options_in(&folder))
    }

    /// Clears away what a dead server left, where that would keep a new one from starting.
    async fn bury(&self) -> Result<()> {
        let until = Instant::now() + LEFTOVERS_LIMIT;
        while self.has_processes() {
            if Instant::now() > until {
                tracing::warn!(
                    "processes of a private PostgreSQL are left that do not answer; they are stopped"
                );
                return self.stop("immediate").await;
            }
            sleep(Duration::from_millis(50)).await;
        }
        let pid_file = self.data().join("postmaster.pid");
        let pid = fs::read_to_string(&pid_file).ok().and_then(|text| text.lines().next()?.parse().ok());
        // PostgreSQL itself ignores the file of a process that is gone; not that of one whose number was given away,
        // or that nobody waited for.
        if pid.is_some_and(|pid| self.is_stranger(pid)) {
            for file in [pid_file, self.run_folder().join(format!("{SOCKET}.lock"))] {
                match fs::remove_file(&file) {
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(&file)(error)),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Returns whether a process of this server is left: they all work in its data folder.
    fn has_processes(&self) -> bool {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
        pids.into_iter().any(|pid: u32| self.works_here(pid) == Some(true))
    }

    /// Returns whether a process that exists is none of this server's.
    fn is_stranger(&self, pid: u32) -> bool {
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { return false };
        let field = |name| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        field("State:").starts_with('Z')
            || field("Name:") != "postgres"
            || self.works_here(pid) == Some(false)
    }

    fn works_here(&self, pid: u32) -> Option<bool> {
        fs::read_link(format!("/proc/{pid}/cwd")).ok().map(|folder| folder == self.data())
    }

    async fn takes_connections(&self) -> bool {
        let options = self.options().database("postgres");
        let connect = timeout(Duration::from_secs(5), PgConnection::connect_with(&options)).await;
        match connect {
            Ok(Ok(connection)) => connection.close().await.is_ok(),
            _ => false,
        }
    }

    /// Waits for our child where it is dead, so that its number is free; returns whether there was one.
    fn reap(&self) -> bool {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let dead = child.as_mut().is_some_and(|child| !matches!(child.try_wait(), Ok(None)));
        if dead {
            *child = None;
        }
        dead
    }

    fn open_log(&self) -> Result<File> {
        let path = self.log();
        if fs::metadata(&path).is_ok_and(|log| log.len() > LARGEST_LOG) {
            fs::remove_file(&path).map_err(io(&path))?;
        }
        OpenOptions::new().create(true).append(true).open(&path).map_err(io(&path))
    }

    /// Given at each start, so that a data directory may be moved.
    fn settings(&self) -> [String; 5] {
        let run_folder = self.run_folder().display().to_string().replace('"', "\"\"");
        [
            "listen_addresses=".to_owned(),
            format!("unix_socket_directories=\"{run_folder}\""),
            "port=5432".to_owned(),
            "max_connections=40".to_owned(),
            "log_checkpoints=off".to_owned(),
        ]
    }

    fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    fn run_folder(&self) -> PathBuf {
        self.root.join("run")
    }

    fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    fn give_away(&self, path: &Path) -> Result<()> {
        let Some((user, group)) = self.binaries.user() else { return Ok(()) };
        chown(path, Some(user), Some(group)).map_err(io(path))
    }
}

/// Makes a folder where it is missing; one of ours alone is also closed where it is there.
fn make_folder(path: &Path, mode: u32) -> Result<()> {
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(io(path))?;
    if mode == 0o700 {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(io(path))?;
    }
    Ok(())
}

fn io(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let what = format!("{} could not be used", path.display());
    move |source| Error::Io { what, source }
}

fn options_in(run_folder: &Path) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass().socket(run_folder).port(5432).username(SUPERUSER)
}
