//! Children without rights: what renders content that others wrote runs in here, or not at all.
//!
//! A child starts as our own program once more (`/proc/self/exe`), with [`ASKED`] as its argument and its orders on
//! standard input. It takes its own rights away, and becomes the tool. Nothing of this needs privileges:
//!
//! - Landlock: it reads its own folder and executes the tool; it writes nothing, binds and connects nothing.
//! - seccomp: no sockets, no second process, no namespaces, mounts, tracing, keys, or changes of what it cannot open.
//! - Limits: processor time, memory, descriptors. It is one process, so limits of a process are limits of all of it.
//! - A folder as its root where that can be had, so that it cannot even ask what exists elsewhere.
//! - No environment, descriptors or capabilities of ours; a process group of its own; it dies with us.
//!
//! Whether the kernel holds to that is tried, not assumed: [`Sandbox::prove`]. Must not know what is rendered.

mod child;
mod filter;

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
};

pub use child::main_if_asked;

/// The first argument that makes a program the launcher of a child.
pub const ASKED: &str = "__sandbox";
/// The exit status of a child that could not take its rights away, or could not start the tool.
const REFUSED: i32 = 120;
/// What a child says where all failed that had to: a launcher that does nothing proves nothing.
const PROVEN: &str = "proven";
/// The end of what a tool says is enough to say what it wants.
const MOST_COMPLAINT: u64 = 64 * 1024;

/// What a child may use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bounds {
    pub time: Duration,
    /// Bytes of memory that are its own.
    pub memory: u64,
    /// Bytes that it may print.
    pub output: u64,
}

/// How far a child is from the rest of the machine. The first is the stronger one.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Wall {
    /// Its folder is its root: other paths do not exist for it.
    Root,
    /// Other paths cannot be opened; whether they exist can be asked.
    Rules,
}

/// How children are started.
#[derive(Clone, Debug)]
pub struct Sandbox {
    launcher: PathBuf,
    bounds: Bounds,
}

/// What is to be run. The paths are as the machine sees them.
pub(super) struct Job<'a> {
    pub(super) wall: Wall,
    /// The folder with all that it may read, the tool included.
    pub(super) root: &'a Path,
    /// The program, below the root.
    pub(super) program: &'a str,
    pub(super) args: Vec<String>,
    /// Where it starts, below the root.
    pub(super) folder: &'a str,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) status: ExitStatus,
    pub(super) printed: Vec<u8>,
    pub(super) complaint: String,
}

/// Why there is nothing to read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("a child cannot be started: {0}")]
    Start(std::io::Error),
    #[error("{0}")]
    Refused(String),
    #[error("it did not end within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    #[error("it needs more than {} MiB of memory", .0 >> 20)]
    Memory(u64),
    #[error("it prints more than {} MiB", .0 >> 20)]
    Output(u64),
}

/// What a child is told.
#[derive(Deserialize, Serialize)]
struct Orders {
    parent: i32,
    wall: Wall,
    root: PathBuf,
    folder: String,
    memory: u64,
    seconds: u64,
    task: Task,
}

#[derive(Deserialize, Serialize)]
enum Task {
    Run {
        program: String,
        args: Vec<String>,
        env: Vec<(String, String)>,
    },
    /// Tries what must fail.
    Prove,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { time: Duration::from_secs(10), memory: 1 << 30, output: 32 << 20 }
    }
}

impl Sandbox {
    /// Starts children through a program that calls [`main_if_asked`] first of all.
    pub fn new(launcher: PathBuf, bounds: Bounds) -> Self {
        Self { launcher, bounds }
    }

    /// Tries whether the kernel keeps a child from what it must not do, and returns the strongest wall that holds.
    ///
    /// # Errors
    /// One sentence: what is missing.
    pub(super) async fn prove(&self, root: &Path) -> Result<Wall, String> {
        let mut why = String::new();
        for wall in [Wall::Root, Wall::Rules] {
            match self.start(self.orders(wall, root, "", Task::Prove)).await {
                Ok(output) if output.printed == PROVEN.as_bytes() => return Ok(wall),
                Ok(output) => why = output.complaint.trim().to_owned(),
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }

    /// Runs a program.
    ///
    /// # Errors
    /// What kept it from an end of its own. A status other than 0 is none.
    pub(super) async fn run(&self, job: Job<'_>) -> Result<Output, Failure> {
        let memory = self.bounds.memory;
        let env = [
            ("HOME", "/nonexistent".to_owned()),
            // Two cores are enough, and each has memory of its own.
            ("GOMAXPROCS", "2".to_owned()),
            // Go's collector does what it can before the limit ends it.
            ("GOMEMLIMIT", (memory / 10 * 8).to_string()),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let task = Task::Run { program: job.program.to_owned(), args: job.args, env };
        let output = self.start(self.orders(job.wall, job.root, job.folder, task)).await?;
        // So Go and Rust say it.
        let out_of_memory = ["out of memory", "cannot allocate memory", "memory allocation of"];
        if !output.status.success() && out_of_memory.iter().any(|it| output.complaint.contains(it)) {
            return Err(Failure::Memory(memory));
        }
        Ok(output)
    }

    fn orders(&self, wall: Wall, root: &Path, folder: &str, task: Task) -> Orders {
        Orders {
            parent: rustix::process::getpid().as_raw_nonzero().get(),
            wall,
            root: root.to_owned(),
            folder: folder.to_owned(),
            memory: self.bounds.memory,
            // More than the time it has: this one is for when we are gone.
            seconds: self.bounds.time.as_secs() * 2 + 1,
            task,
        }
    }

    async fn start(&self, orders: Orders) -> Result<Output, Failure> {
        let mut child = Group(self.command().spawn().map_err(Failure::Start)?);
        let talk = self.talk(&mut child.0, &orders);
        let output = tokio::time::timeout(self.bounds.time, talk)
            .await
            .map_err(|_| Failure::TimedOut(self.bounds.time))??;
        if output.status.code() == Some(REFUSED) && !matches!(orders.task, Task::Prove) {
            return Err(Failure::Refused(output.complaint.trim().to_owned()));
        }
        Ok(output)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.launcher);
        command
            .arg(ASKED)
            .env_clear()
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn talk(&self, child: &mut Child, orders: &Orders) -> Result<Output, Failure> {
        let most = self.bounds.output;
        let orders = serde_json::to_vec(orders).map_err(|error| Failure::Start(error.into()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A child that is gone says why with its status.
            let _ = stdin.write_all(&orders).await;
        }
        let printed = async {
            let printed = read(child.stdout.take(), most + 1).await?;
            if printed.len() as u64 > most { Err(Failure::Output(most)) } else { Ok(printed) }
        };
        let complaint = async {
            let mut stderr = child.stderr.take();
            let complaint = read(stderr.as_mut(), MOST_COMPLAINT).await?;
            // The rest is let go, so that it does not wait for a reader.
            if let Some(mut rest) = stderr {
                let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
            }
            Ok(String::from_utf8_lossy(&complaint).into_owned())
        };
        let (printed, complaint) = tokio::try_join!(printed, complaint)?;
        let status = child.wait().await.map_err(Failure::Start)?;
        Ok(Output { status, printed, complaint })
    }
}

/// A child that is ended with its group.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        let pid = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

async fn read(pipe: Option<impl AsyncRead + Unpin>, most: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(most).read_to_end(&mut bytes).await.map_err(Failure::Start)?;
    }
    Ok(bytes)
}
