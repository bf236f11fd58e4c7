//! What a person sees of a change.

use std::time::Duration;

use similar::TextDiff;

/// Returns the unified diff of a file, with three lines of context; empty where nothing changed.
///
/// Bytes that are not UTF-8 are shown as replacement characters. After half a second of search the diff may be longer
/// than needed.
pub fn unified_diff(name: &str, before: &[u8], after: &[u8]) -> String {
    if before == after {
        return String::new();
    }
    let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
    let name = name.escape_debug();
    TextDiff::configure()
        .timeout(Duration::from_millis(500))
        .diff_lines(before.as_ref(), after.as_ref())
        .unified_diff()
        .context_radius(3)
        .header(&format!("a/{name}"), &format!("b/{name}"))
        .to_string()
}
