//! How much one address or one actor may ask of this replica in a minute; kept in memory.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::http::Method;
use engine::access::network_of;
use model::{Actor, AppError, AppResult};
use tokio::time::Instant;

use super::Caller;

const WINDOW: Duration = Duration::from_secs(60);
/// Beyond so many keys, those whose window is over are removed.
const MANY_KEYS: usize = 10_000;

/// Counts attempts by key, in windows of a minute.
#[derive(Debug)]
struct RateLimit {
    allowed: u32,
    windows: Mutex<HashMap<String, Window>>,
}

/// A request too many.
#[derive(Debug, Eq, PartialEq)]
struct Limited {
    retry_seconds: u32,
}

#[derive(Debug)]
struct Window {
    begin: Instant,
    attempts: u32,
}

impl RateLimit {
    /// Returns a limit of `allowed` requests in a minute.
    fn new(allowed: u32) -> Self {
        Self { allowed, windows: Mutex::default() }
    }

    fn attempt(&self, key: &str) -> Result<(), Limited> {
        let now = Instant::now();
        let mut windows = self.windows();
        if windows.len() >= MANY_KEYS {
            windows.retain(|_, window| now - window.begin < WINDOW);
        }
        let window = windows.entry(key.to_owned()).or_insert(Window { begin: now, attempts: 0 });
        if now - window.begin >= WINDOW {
            *window = Window { begin: now, attempts: 0 };
        }
        window.attempts = window.attempts.saturating_add(1);
        if window.attempts <= self.allowed {
            return Ok(());
        }
        let left = WINDOW - (now - window.begin);
        Err(Limited { retry_seconds: left.as_secs() as u32 + 1 })
    }

    fn windows(&self) -> MutexGuard<'_, HashMap<String, Window>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The limits of the program.
#[derive(Debug)]
pub(super) struct Rates {
    strangers: RateLimit,
    actors: RateLimit,
    acts: RateLimit,
}

impl Rates {
    /// Returns the limits for so many requests of one actor in a minute.
    pub(super) fn new(per_minute: u32) -> Self {
        Self {
            strangers: RateLimit::new(per_minute.div_ceil(5)),
            actors: RateLimit::new(per_minute),
            acts: RateLimit::new(per_minute.div_ceil(10)),
        }
    }

    /// Counts a request of somebody unknown, by address.
    pub(super) fn stranger(&self, caller: &Caller) -> AppResult<()> {
        let address = caller.address_text().unwrap_or_default();
        answer(self.strangers.attempt(&network_of(&address)))
    }

    /// Counts a request of an actor, in whichever session or by whichever token; an act counts as such, too.
    pub(super) fn actor(&self, actor: &Actor, method: &Method) -> AppResult<()> {
        let key = format!("{:?} {}", actor.kind, actor.subject);
        answer(self.actors.attempt(&key))?;
        if method.is_safe() { Ok(()) } else { answer(self.acts.attempt(&key)) }
    }
}

fn answer(attempt: Result<(), Limited>) -> AppResult<()> {
    attempt.map_err(|Limited { retry_seconds }| AppError::RateLimited { retry_seconds })
}

#[cfg(test)]
mod tests {
    use super::RateLimit;

    #[test]
    fn attempts_beyond_the_limit_wait_for_the_window() {
        let limit = RateLimit::new(2);
        assert_eq!((limit.attempt("a"), limit.attempt("a")), (Ok(()), Ok(())));
        let first = limit.attempt("a").expect_err("the third is too many");
        assert!((1..=60).contains(&first.retry_seconds));
        assert!(limit.attempt("a").is_err());
        assert_eq!(limit.attempt("b"), Ok(()), "others are not concerned");
    }
}
