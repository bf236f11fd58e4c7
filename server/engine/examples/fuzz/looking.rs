//! The loop of the fuzzers: seed after seed until the time is up; what fails is told with its seed.

use std::{
    io::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

/// Tries seeds for `--seconds N` (60), from `--seed S` (1) on.
///
/// # Errors
/// Flags that are none, and seeds that failed.
pub(crate) fn look(
    mut attempt: impl FnMut(u64) -> Result<(), String>,
) -> Result<(), Box<dyn std::error::Error>> {
    let (seconds, first) = (flag("--seconds", 60)?, flag("--seed", 1)?);
    let (began, mut seed, mut failed) = (Instant::now(), first, 0_u32);
    let mut out = std::io::stdout();
    while began.elapsed() < Duration::from_secs(seconds) {
        let tried = catch_unwind(AssertUnwindSafe(|| attempt(seed)));
        if let Err(why) = tried.unwrap_or_else(|_| Err("it panicked".to_owned())) {
            failed += 1;
            writeln!(out, "seed {seed}: {why}")?;
        }
        seed += 1;
    }
    writeln!(out, "{} cases in {} s, {failed} failed", seed - first, began.elapsed().as_secs())?;
    if failed == 0 { Ok(()) } else { Err(format!("{failed} cases failed").into()) }
}

fn flag(name: &str, usual: u64) -> Result<u64, Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip_while(|it| it != name).skip(1);
    match arguments.next() {
        Some(value) => Ok(value.parse().map_err(|_| format!("{name} {value}: not a number"))?),
        None => Ok(usual),
    }
}
