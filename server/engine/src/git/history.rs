//! Which commits changed a path. Asked of `git log`, a child process with bounds, since libgit2 does not use the filters
//! of changed paths: over 20,000 commits it took seconds where Git takes milliseconds.

use std::{
    io::Read as _,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

use git2::Oid;
use model::Timestamp;
use rustix::process::{Pid, Signal, kill_process_group};

use super::tree::{Touch, plain};

/// How long one question may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// How much may be printed for one commit, roughly.
const LONGEST_ENTRY: u64 = 4096;
const FIELDS: &str = "--format=%H%x00%an%x00%at%x00%s";

/// The history of a repository on the disk.
#[derive(Clone, Debug)]
pub struct History {
    git: PathBuf,
    repository: PathBuf,
}

/// Why a history cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error("the program `git` cannot be started; install it where this runs")]
    NoGit(#[source] std::io::Error),
    #[error("the history of {path:?} was not read within {} s; try again later", DEADLINE.as_secs())]
    TimedOut { path: String },
    #[error("the history of {path:?} at {commit:.10} cannot be read; look at the repository with `git fsck`")]
    Failed { path: String, commit: Oid },
}

impl History {
    /// Reads by the program `git`. `repository` is a bare one, or the `.git` of a clone.
    pub fn new(git: &Path, repository: &Path) -> Self {
        Self { git: git.to_owned(), repository: repository.to_owned() }
    }

    /// Returns the commits that changed a file or folder, the newest first, along first parents from `commit` on, at
    /// most `limit` of them. What their authors wrote is plain text of one line. Blocks, for at most 10 s.
    ///
    /// # Errors
    /// A commit that is not there, and a history that is too long for the time.
    pub fn touches(&self, commit: Oid, path: &str, limit: usize) -> Result<Vec<Touch>, HistoryError> {
        let mut found = entries(&self.printed(commit, &[path], limit)?, path);
        found.truncate(limit);
        Ok(found)
    }

    /// Returns the commits that changed one of several files or folders, as [`Self::touches`] does.
    ///
    /// # Errors
    /// As [`Self::touches`].
    pub fn commits(&self, commit: Oid, paths: &[&str], limit: usize) -> Result<Vec<Oid>, HistoryError> {
        let found = entries(&self.printed(commit, paths, limit)?, "");
        Ok(found.into_iter().take(limit).map(|touch| touch.commit).collect())
    }

    fn printed(&self, commit: Oid, paths: &[&str], limit: usize) -> Result<Vec<u8>, HistoryError> {
        let failed = || HistoryError::Failed { path: paths.join(", "), commit };
        let mut child = self.command(commit, paths, limit).spawn().map_err(HistoryError::NoGit)?;
        let Some(pipe) = child.stdout.take() else { return Err(failed()) };
        let (ended, waits) = mpsc::channel::<()>();
        let mut printed = Vec::new();
        let group = Group(child);
        let (read, is_late) = std::thread::scope(|scope| {
            let group = &group;
            let watchdog = scope.spawn(move || {
                let is_late = waits.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Timeout);
                if is_late {
                    group.kill();
                }
                is_late
            });
            let most = LONGEST_ENTRY.saturating_mul(limit.max(1) as u64);
            let read = pipe.take(most).read_to_end(&mut printed);
            drop(ended);
            (read, watchdog.join().unwrap_or(true))
        });
        if is_late {
            return Err(HistoryError::TimedOut { path: paths.join(", ") });
        }
        let status = group.wait();
        if read.is_err() || !status {
            return Err(failed());
        }
        Ok(printed)
    }

    fn command(&self, commit: Oid, paths: &[&str], limit: usize) -> Command {
        let mut command = Command::new(&self.git);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C")
            .env("HOME", "/nonexistent")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .args([
                "-c",
                "core.hooksPath=/dev/null",
                "-c",
                "core.fsmonitor=false",
                "-c",
                "log.showSignature=false",
            ])
            .args(["-c", "protocol.allow=never", "--literal-pathspecs", "--no-pager", "--git-dir"])
            .arg(&self.repository)
            .args([
                "log",
                "--first-parent",
                "--raw",
                "--no-abbrev",
                "--no-renames",
                "--no-ext-diff",
                "--no-textconv",
                "--no-color",
                "-z",
                FIELDS,
            ])
            .arg(format!("--max-count={limit}"))
            .args([&commit.to_string(), "--"])
            .args(paths)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0);
        command
    }
}

/// A child and its process group, which ends with it.
struct Group(Child);

impl Group {
    fn kill(&self) {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _gone = kill_process_group(pid, Signal::KILL);
        }
    }

    /// The pipe has ended, so the child does as well: by itself, or since nobody reads on.
    fn wait(mut self) -> bool {
        self.0.wait().is_ok_and(|status| status.success())
    }
}

/// Takes what was printed apart, by NULs alone, for no author can write one: id, author, time and subject, then for each
/// file `:modes before after status` and its path. `asked` is the path whose content before is told.
fn entries(printed: &[u8], asked: &str) -> Vec<Touch> {
    let mut parts = printed.split(|byte| *byte == 0).map(String::from_utf8_lossy).peekable();
    let mut found = Vec::new();
    while let Some(id) = parts.next() {
        // Between two commits there may be one NUL more.
        if id.trim().is_empty() {
            continue;
        }
        let (Some(author), Some(at), Some(subject)) = (parts.next(), parts.next(), parts.next()) else {
            break;
        };
        let mut before = None;
        while parts.peek().is_some_and(|part| part.is_empty() || part.trim_start().starts_with(':')) {
            let change = parts.next().unwrap_or_default();
            if !change.is_empty() && parts.next().is_some_and(|path| path == asked) {
                before = change.split(' ').nth(2).and_then(|id| Oid::from_str(id).ok());
            }
        }
        let (Ok(commit), Ok(seconds)) = (Oid::from_str(id.trim()), at.parse::<i64>()) else { break };
        found.push(Touch {
            commit,
            subject: plain(&subject),
            author: plain(&author),
            at: Timestamp(seconds.saturating_mul(1000)),
            before: before.filter(|id| !id.is_zero()),
        });
    }
    found
}
