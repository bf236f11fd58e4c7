//! How often somebody may fail to sign in: per replica, in memory.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(60);
/// Beyond so many keys, those whose window is over are removed.
const MANY_KEYS: usize = 10_000;

/// Counts attempts by key, in windows of a minute.
#[derive(Debug)]
pub(super) struct RateLimit {
    allowed: u32,
    windows: Mutex<HashMap<String, Window>>,
}

/// An attempt too many.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Limited {
    pub(super) retry_seconds: u32,
    /// Whether it is the first of its window.
    pub(super) first: bool,
}

#[derive(Debug)]
struct Window {
    begin: Instant,
    attempts: u32,
}

impl RateLimit {
    /// Returns a limit of `allowed` failures in a minute.
    pub(super) fn new(allowed: u32) -> Self {
        Self { allowed, windows: Mutex::default() }
    }

    /// Counts an attempt before it is made, so that many at once do not slip through.
    pub(super) fn attempt(&self, key: &str) -> Result<(), Limited> {
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
        Err(Limited { retry_seconds: left.as_secs() as u32 + 1, first: window.attempts == self.allowed + 1 })
    }

    /// Takes the attempts of a key back, for the last one was no failure.
    pub(super) fn forgive(&self, key: &str) {
        self.windows().remove(key);
    }

    fn windows(&self) -> MutexGuard<'_, HashMap<String, Window>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns what of an address tells one caller from another: with IPv6, everybody has a whole network of them.
pub(super) fn network_of(address: &str) -> String {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(address)) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).to_string(),
        Ok(address) => address.to_string(),
        Err(_) => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{RateLimit, network_of};

    #[test]
    fn attempts_beyond_the_limit_wait_for_the_window() {
        let limit = RateLimit::new(2);
        assert_eq!((limit.attempt("a"), limit.attempt("a")), (Ok(()), Ok(())));
        let first = limit.attempt("a").expect_err("the third is too many");
        assert!(first.first && (1..=60).contains(&first.retry_seconds));
        assert!(!limit.attempt("a").expect_err("so is the fourth").first);
        assert_eq!(limit.attempt("b"), Ok(()), "others are not concerned");
        limit.forgive("a");
        assert_eq!(limit.attempt("a"), Ok(()));
    }

    #[test]
    fn addresses_of_one_network_count_as_one() {
        assert_eq!(network_of("2001:db8:1:2:3::4"), network_of("2001:db8:1:2::ffff"));
        assert_ne!(network_of("2001:db8:1:2::4"), network_of("2001:db8:1:3::4"));
        assert_eq!(network_of("::ffff:127.0.0.1"), "127.0.0.1");
        assert_eq!(network_of("unix"), "unix");
    }
}
