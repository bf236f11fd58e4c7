//! One `git` as a child process: in a group of its own, with bounds on time and output, killed as a group.

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, Command},
    time::{Instant, sleep_until, timeout},
};

/// How long a child that was asked to end may take: it removes its locks meanwhile.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the caller's own bound is looked at.
const LOOKED_AT: Duration = Duration::from_millis(500);
/// How much of the error output is kept, of its beginning and of its end.
const KEPT: usize = 16 * 1024;

/// The bounds of one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) deadline: Duration,
    /// How long it may say nothing at all.
    pub(super) silence: Duration,
    pub(super) output: usize,
}

/// Why a call did not come to a good end.
#[derive(Debug)]
pub(super) enum Failure {
    NotStarted(std::io::Error),
    TimedOut(Duration),
    Silent(Duration),
    TooMuchOutput,
    /// The caller's own bound was passed.
    Stopped,
    /// It ended with an error; what it said.
    Failed(String),
}

/// Runs a command to its end and returns what it printed. `goes_on` is asked twice a second.
///
/// # Errors
/// A command that does not start, fails, or passes a bound. Its whole process group is gone then; so it is when the
/// returned future is dropped.
pub(super) async fn run(
    mut command: Command,
    bounds: Bounds,
    goes_on: impl Fn() -> bool,
) -> Result<Vec<u8>, Failure> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut group = Group(command.spawn().map_err(Failure::NotStarted)?);
    let mut read = Read::default();
    let ended = timeout(bounds.deadline, read.follow(&mut group.0, bounds, goes_on)).await;
    match ended.unwrap_or(Err(Failure::TimedOut(bounds.deadline))) {
        Ok(status) if status.success() => Ok(read.output),
        Ok(_) => Err(Failure::Failed(read.said.text())),
        Err(failure) => {
            group.end().await;
            Err(failure)
        }
    }
}

/// What a child printed so far.
#[derive(Default)]
struct Read {
    output: Vec<u8>,
    said: Said,
}

impl Read {
    async fn follow(
        &mut self,
        child: &mut Child,
        bounds: Bounds,
        goes_on: impl Fn() -> bool,
    ) -> Result<ExitStatus, Failure> {
        let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
        let (mut from_out, mut from_err) = (vec![0; KEPT], vec![0; KEPT]);
        let mut looks = tokio::time::interval(LOOKED_AT);
        let mut silent_at = Instant::now() + bounds.silence;
        while out.is_some() || err.is_some() {
            let read = tokio::select! {
                read = next(&mut out, &mut from_out), if out.is_some() => {
                    self.output.extend_from_slice(&from_out[..read]);
                    read
                }
                read = next(&mut err, &mut from_err), if err.is_some() => {
                    self.said.add(&from_err[..read]);
                    read
                }
                _ = looks.tick() => {
                    if !goes_on() {
                        return Err(Failure::Stopped);
                    }
                    continue;
                }
                () = sleep_until(silent_at) => return Err(Failure::Silent(bounds.silence)),
            };
            if self.output.len() > bounds.output {
                return Err(Failure::TooMuchOutput);
            }
            if read > 0 {
                silent_at = Instant::now() + bounds.silence;
            }
        }
        child.wait().await.map_err(Failure::NotStarted)
    }
}

/// Reads on; forgets the pipe at its end.
async fn next(pipe: &mut Option<impl AsyncRead + Unpin>, buffer: &mut [u8]) -> usize {
    let read = match pipe {
        Some(open) => open.read(buffer).await.unwrap_or(0),
        None => 0,
    };
    if read == 0 {
        *pipe = None;
    }
    read
}

/// The beginning and the end of the error output.
#[derive(Default)]
struct Said {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Said {
    fn add(&mut self, bytes: &[u8]) {
        let (first, rest) = bytes.split_at(bytes.len().min(KEPT - self.head.len()));
        self.head.extend_from_slice(first);
        self.tail.extend_from_slice(rest);
        if self.tail.len() > 2 * KEPT {
            self.tail.drain(..self.tail.len() - KEPT);
        }
    }

    fn text(&self) -> String {
        let between: &[u8] = if self.tail.is_empty() { b"" } else { b"\n" };
        String::from_utf8_lossy(&[&self.head, between, &self.tail].concat()).into_owned()
    }
}

/// A child and its process group, which ends with it.
struct Group(Child);

impl Group {
    /// Asks all to end, so that they remove their locks, then makes them.
    async fn end(&mut self) {
        self.signal(Signal::TERM);
        let _late = timeout(PATIENCE, self.0.wait()).await;
        self.signal(Signal::KILL);
        let _reaped = timeout(PATIENCE, self.0.wait()).await;
    }

    /// Nothing is done once the child is waited for: its number may be another's then.
    fn signal(&self, signal: Signal) {
        let pid = self.0.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _gone = kill_process_group(pid, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds =
        Bounds { deadline: Duration::from_secs(20), silence: Duration::from_secs(20), output: 1000 };

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn is_gone(pid: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
    }

    #[tokio::test]
    async fn what_it_says_is_bounded_and_its_end_is_kept() {
        let printed = run(shell("echo yes"), BOUNDS, || true).await.expect("runs");
        assert_eq!(printed, b"yes\n");
        let endless = run(shell("yes"), BOUNDS, || true).await;
        assert!(matches!(endless, Err(Failure::TooMuchOutput)), "{endless:?}");
        let script = "echo first >&2; seq 100000 >&2; echo last >&2; exit 1";
        let Err(Failure::Failed(said)) = run(shell(script), BOUNDS, || true).await else {
            panic!("it fails");
        };
        assert!(said.starts_with("first\n") && said.ends_with("last\n"), "{}", said.len());
        assert!(said.len() < 4 * KEPT, "{}", said.len());
    }

    #[tokio::test]
    async fn a_deadline_ends_the_whole_group() {
        let folder = tempfile::tempdir().expect("a folder");
        let pid = folder.path().join("pid");
        let script = format!("sleep 1000 & echo $! >{0}.new; mv {0}.new {0}; wait", pid.display());
        let bounds = Bounds { deadline: Duration::from_secs(2), ..BOUNDS };
        let ended = run(shell(&script), bounds, || true).await;
        assert!(matches!(ended, Err(Failure::TimedOut(_))), "{ended:?}");
        let pid = std::fs::read_to_string(pid).expect("it began");
        while !is_gone(&pid) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_dropped_call_ends_the_whole_group() {
        let folder = tempfile::tempdir().expect("a folder");
        let pid = folder.path().join("pid");
        let script =
            format!("trap '' TERM; sleep 1000 & echo $! >{0}.new; mv {0}.new {0}; wait", pid.display());
        let call = run(shell(&script), BOUNDS, || true);
        let began = async {
            while !pid.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! { _ = call => panic!("it goes on"), () = began => {} }
        let pid = std::fs::read_to_string(pid).expect("it began");
        while !is_gone(&pid) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn silence_and_the_callers_bound_end_it() {
        let bounds = Bounds { silence: Duration::from_millis(100), ..BOUNDS };
        let silent = run(shell("sleep 1000"), bounds, || true).await;
        assert!(matches!(silent, Err(Failure::Silent(_))), "{silent:?}");
        let stopped = run(shell("sleep 1000"), BOUNDS, || false).await;
        assert!(matches!(stopped, Err(Failure::Stopped)), "{stopped:?}");
    }
}
