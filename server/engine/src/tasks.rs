//! Background work: the one place that spawns.
//!
//! A supervised task is an idempotent loop that never ends by itself. When it returns, fails or panics, it is started
//! again after a pause that doubles from 1 s to 30 s, with jitter, so that many tasks that fail together do not come
//! back together. What runs, and what ailed it last, is readable by [`Tasks::status`].

use std::{
    any::Any,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::FutureExt as _;
use model::Timestamp;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    error::Result,
    metrics::{Metrics, Task},
};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A run this long was a healthy one: the next pause is the first again.
const HEALTHY_RUN: Duration = Duration::from_secs(60);
/// How long [`Tasks::shutdown`] waits for tasks to end.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// All background tasks of one program; clones are the same ones.
#[derive(Clone, Debug)]
pub struct Tasks {
    tracker: TaskTracker,
    token: CancellationToken,
    list: Arc<Mutex<List>>,
    metrics: Metrics,
    first_pause: Duration,
}

/// What is known of one task.
#[derive(Clone, Debug)]
pub struct TaskStatus {
    pub name: String,
    pub state: TaskState,
    /// How often it was started again.
    pub restarts: u64,
    /// Why it stopped the last time, with its causes.
    pub last_error: Option<String>,
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TaskState {
    /// It runs since then.
    Running { since: Timestamp },
    /// It stopped, and is started again then.
    Restarting { at: Timestamp },
}

/// One task, to end it. Dropping the handle leaves the task alone.
#[derive(Clone, Debug)]
pub struct TaskHandle {
    token: CancellationToken,
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new(Metrics::default())
    }
}

#[derive(Debug, Default)]
struct List {
    next: u64,
    tasks: BTreeMap<u64, TaskStatus>,
}

impl Tasks {
    /// Returns an empty set of tasks that counts restarts into `metrics`.
    pub fn new(metrics: Metrics) -> Self {
        let (tracker, token, list) = (TaskTracker::new(), CancellationToken::new(), Arc::default());
        Self { tracker, token, list, metrics, first_pause: FIRST_PAUSE }
    }

    /// Runs what `start` returns, and again whenever it ends, until the handle aborts it or the program stops.
    pub fn supervise<F, Fut>(&self, name: impl Into<String>, start: F) -> TaskHandle
    where
        F: Fn() -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let token = self.token.child_token();
        let (entry, first_pause) = (Entry::add(self, name.into()), self.first_pause);
        self.spawn(&token, async move {
            let mut pause = first_pause;
            loop {
                let begin = Instant::now();
                let run = catch_unwind(AssertUnwindSafe(&start));
                let why = end_of(run).await;
                if begin.elapsed() >= HEALTHY_RUN {
                    pause = first_pause;
                }
                let jittered = pause.mul_f64(rand::random_range(0.5..1.0));
                entry.restarting(why, jittered);
                sleep(jittered).await;
                entry.running();
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        });
        TaskHandle { token }
    }

    /// Runs a future to its end, once; a failure or a panic goes to the log.
    pub fn spawn_once<Fut>(&self, name: impl Into<String>, future: Fut) -> TaskHandle
    where
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let token = self.token.child_token();
        let entry = Entry::add(self, name.into());
        self.spawn(&token, async move {
            match AssertUnwindSafe(future).catch_unwind().await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(task = entry.name, error = chain(&error), "task failed"),
                Err(panic) => {
                    tracing::error!(task = entry.name, error = panic_text(&*panic), "task panicked");
                }
            }
        });
        TaskHandle { token }
    }

    /// Returns what is known of every task, in the order that they were started in.
    pub fn status(&self) -> Vec<TaskStatus> {
        self.list().tasks.values().cloned().collect()
    }

    /// Returns the token that is cancelled when the program stops; streams end with it.
    pub fn stopping(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Ends all tasks, and waits for them, at most 5 s.
    pub async fn shutdown(&self) {
        self.token.cancel();
        self.tracker.close();
        if timeout(SHUTDOWN_LIMIT, self.tracker.wait()).await.is_err() {
            let names: Vec<_> = self.status().into_iter().map(|task| task.name).collect();
            tracing::warn!(tasks = ?names, "tasks did not end within {} s", SHUTDOWN_LIMIT.as_secs());
        }
    }

    fn spawn(&self, token: &CancellationToken, future: impl Future<Output = ()> + Send + 'static) {
        let token = token.clone();
        self.tracker.spawn(async move { token.run_until_cancelled(future).await });
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TaskHandle {
    /// Ends the task at its next await.
    pub fn abort(&self) {
        self.token.cancel();
    }
}

/// A task's own line in the list; it leaves the list when the task ends, however that happens.
struct Entry {
    tasks: Tasks,
    id: u64,
    name: String,
}

impl Entry {
    fn add(tasks: &Tasks, name: String) -> Self {
        let mut list = tasks.list();
        let id = list.next;
        list.next += 1;
        let state = TaskState::Running { since: now() };
        list.tasks.insert(id, TaskStatus { name: name.clone(), state, restarts: 0, last_error: None });
        drop(list);
        Self { tasks: tasks.clone(), id, name }
    }

    fn restarting(&self, why: String, pause: Duration) {
        let pause_ms = pause.as_millis();
        tracing::warn!(task = self.name, error = why, pause_ms, "task stopped; it starts again");
        self.tasks.metrics.task_restarts.get_or_create(&Task { task: self.name.clone() }).inc();
        let at = Timestamp(now().0.saturating_add_unsigned(pause.as_millis() as u64));
        self.update(|status| {
            status.state = TaskState::Restarting { at };
            status.restarts += 1;
            status.last_error = Some(why);
        });
    }

    fn running(&self) {
        self.update(|status| status.state = TaskState::Running { since: now() });
    }

    fn update(&self, change: impl FnOnce(&mut TaskStatus)) {
        if let Some(status) = self.tasks.list().tasks.get_mut(&self.id) {
            change(status);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.tasks.list().tasks.remove(&self.id);
        self.tasks.metrics.task_restarts.remove(&Task { task: self.name.clone() });
    }
}

/// Waits for one run of a supervised task and says why it ended.
async fn end_of<Fut: Future<Output = Result<()>>>(run: std::thread::Result<Fut>) -> String {
    let ended = match run {
        Ok(future) => AssertUnwindSafe(future).catch_unwind().await,
        Err(panic) => Err(panic),
    };
    match ended {
        Ok(Ok(())) => "it returned".to_owned(),
        Ok(Err(error)) => chain(&error),
        Err(panic) => panic_text(&*panic),
    }
}

/// Returns an error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("no message"))
}

fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
        time::Duration,
    };

    use super::{TaskState, Tasks};
    use crate::Error;

    #[tokio::test]
    async fn a_task_is_started_again_after_return_error_and_panic() {
        let runs = Arc::new(AtomicU32::new(0));
        let tasks = Tasks { first_pause: Duration::from_millis(1), ..Tasks::default() };
        let counter = runs.clone();
        tasks.supervise("flaky", move || {
            let run = counter.fetch_add(1, Ordering::SeqCst);
            async move {
                match run {
                    0 => Ok(()),
                    1 => Err(Error::Bug("broken".into())),
                    2 => panic!("at the disco"),
                    _ => std::future::pending().await,
                }
            }
        });
        while runs.load(Ordering::SeqCst) < 4 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let status = tasks.status().remove(0);
        assert!(matches!(status.state, TaskState::Running { .. }));
        assert_eq!((status.restarts, status.last_error.as_deref()), (3, Some("panic: at the disco")));
        tasks.shutdown().await;
        assert!(tasks.status().is_empty());
    }

    #[tokio::test]
    async fn one_task_can_be_ended_and_the_others_stay() {
        let tasks = Tasks::default();
        let first = tasks.supervise("first", std::future::pending);
        tasks.supervise("second", std::future::pending);
        first.abort();
        while tasks.status().len() > 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(tasks.status()[0].name, "second");
        tasks.shutdown().await;
    }
}
