//! Where PostgreSQL's programs are, and how they are run.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use crate::error::{Error, Result};

/// Where distributions put the programs that are not on PATH: `/usr/lib/postgresql/15/bin`.
const DEBIAN: &str = "/usr/lib/postgresql";

/// PostgreSQL's programs of one version, and the user that they run as.
#[derive(Debug)]
pub(super) struct Binaries {
    folder: PathBuf,
    /// User and group, where they are not ours.
    user: Option<(u32, u32)>,
}

impl Binaries {
    /// Finds the programs: those of the data's own `version` where there are data, else those on PATH, else the newest.
    pub(super) async fn find(version: Option<&str>) -> Result<Self> {
        let own = version.map(|version| Path::new(DEBIAN).join(version).join("bin"));
        let folder = own.into_iter().chain(on_path()).chain(installed()).find(|folder| is_complete(folder));
        let folder = folder.ok_or_else(|| {
            Error::Setting(
                "no PostgreSQL was found on this machine: install its server (Debian: `apt-get install \
                 postgresql`), or set DATABASE_URL to the database to use"
                    .into(),
            )
        })?;
        let user = if rustix::process::geteuid().is_root() { Some(postgres_user().await?) } else { None };
        Ok(Self { folder, user })
    }

    /// Returns the user and group that the programs run as, where they are not ours.
    pub(super) fn user(&self) -> Option<(u32, u32)> {
        self.user
    }

    /// Returns a command that runs one of the programs, as the right user, away from our terminal's signals.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.folder.join(program));
        command.stdin(Stdio::null()).current_dir("/").process_group(0).env("LC_ALL", "C");
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }
}

/// Runs a command to its end; its last words are in the error.
pub(super) async fn run(mut command: Command, what: &str, limit: Duration) -> Result<Output> {
    let io = |source| Error::Io { what: format!("{what} failed"), source };
    let output = timeout(limit, command.kill_on_drop(true).output()).await;
    let output = output.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())).map_err(io)?;
    if output.status.success() {
        return Ok(output);
    }
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    Err(io(std::io::Error::other(last_lines(&String::from_utf8_lossy(&said)))))
}

/// Returns the end of a program's output, in one line.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(5)..].join("; ")
}

fn is_complete(folder: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|program| folder.join(program).is_file())
}

fn on_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// Returns the folders of all installed versions, newest first.
fn installed() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let version =
        |folder: std::fs::DirEntry| Some((folder.file_name().to_str()?.parse::<u32>().ok()?, folder.path()));
    let mut folders: Vec<_> = folders.filter_map(version).collect();
    folders.sort_unstable_by(|one, other| other.cmp(one));
    folders.into_iter().map(|(_, folder)| folder.join("bin")).collect()
}

async fn postgres_user() -> Result<(u32, u32)> {
    Ok((postgres_id("-u").await?, postgres_id("-g").await?))
}

async fn postgres_id(which: &str) -> Result<u32> {
    let mut command = Command::new("id");
    command.args([which, "postgres"]).stdin(Stdio::null());
    let output = run(
        command,
        "looking up user postgres, for PostgreSQL refuses to run as root,",
        Duration::from_secs(5),
    );
    let output = output.await?.stdout;
    let id = String::from_utf8_lossy(&output).trim().parse();
    id.map_err(|_| Error::Bug("`id` printed something that is no number".into()))
}
