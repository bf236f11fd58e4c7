//! How far an environment is behind the one before it, by what both have asked for.

use std::sync::Arc;

use model::apps::Lag;

use super::ReleaseEntry;

/// Returns the versions that were asked for and not taken back, the oldest first: where an earlier version comes again,
/// what came between is taken back. Each stands once.
pub fn in_force(entries: &[ReleaseEntry]) -> Vec<&Arc<str>> {
    let mut line: Vec<&Arc<str>> = Vec::new();
    for version in entries.iter().filter_map(|it| it.version.as_ref()) {
        match line.iter().position(|it| *it == version) {
            Some(at) => line.truncate(at + 1),
            None => line.push(version),
        }
    }
    line
}

/// Tells how far `right` is behind `left`, the environment before it. `version` is what right has: what runs there, or
/// the last that it asked for.
///
/// - Even: it is what left asks for.
/// - Behind: left asked for it before; the number is of the distinct versions that left asked for after it for the last
///   time and that are in force. Where left took it back, so that only newer ones count, and none of them is in force,
///   the two differ.
/// - Ahead: left never asked for it, and right had what left asks for now before it came to this one.
/// - Differs: all else; also where one of the two names no version.
pub fn lag(left: &[ReleaseEntry], right: &[ReleaseEntry], version: Option<&str>) -> Lag {
    let (Some(version), Some(newest)) = (version, left.last().and_then(|it| it.version.as_deref())) else {
        return Lag::Differs;
    };
    if version == newest {
        return Lag::Even;
    }
    let is_it = |entry: &ReleaseEntry| entry.version.as_deref() == Some(version);
    let Some(last) = left.iter().rposition(is_it) else {
        return if had_before(right, newest, version) { Lag::Ahead } else { Lag::Differs };
    };
    let (line, before) = (in_force(left), in_force(&left[..=last]));
    let newer = line.iter().filter(|it| !before.contains(it)).count();
    match u32::try_from(newer) {
        Ok(0) | Err(_) => Lag::Differs,
        Ok(count) => Lag::Behind(count),
    }
}

/// Whether one version was asked for before the last time of another.
fn had_before(entries: &[ReleaseEntry], earlier: &str, later: &str) -> bool {
    let of = |version: &str, entry: &ReleaseEntry| entry.version.as_deref() == Some(version);
    // A version that nobody asked for here is neither newer nor older.
    let Some(end) = entries.iter().rposition(|it| of(later, it)) else { return false };
    entries[..end].iter().any(|it| of(earlier, it))
}
