//! The difference of a file as `git apply` takes it, whatever the file is called and holds.
//!
//! Lines end at line feeds alone, as for Git. What is no text becomes a binary patch (git's `diff.c` and `base85.c`).

use std::{fmt::Write as _, io::Write as _, time::Duration};

use flate2::{Compression, write::ZlibEncoder};
use git2::{ObjectType, Oid};
use similar::{ChangeTag, TextDiff};

use super::files::Write;

/// The lines around a change.
const CONTEXT: usize = 3;
/// After that, a difference may be longer than needed.
const PATIENCE: Duration = Duration::from_millis(500);
const NO_NEWLINE: &str = "\n\\ No newline at end of file\n";

/// Returns the patch of a file; empty where nothing changes.
pub(super) fn patch_of(path: &str, write: &Write) -> String {
    let (before, after) = (write.before.as_deref(), write.after.as_deref());
    if before == after {
        return String::new();
    }
    let (old, new) = (quoted("a/", path), quoted("b/", path));
    let mut patch = format!("diff --git {old} {new}\n");
    let mode = if write.executable { "100755" } else { "100644" };
    // Writing to a string does not fail.
    let _ = match (before, after) {
        (None, _) => writeln!(patch, "new file mode {mode}"),
        (_, None) => writeln!(patch, "deleted file mode {mode}"),
        _ => Ok(()),
    };
    match (text_of(before), text_of(after)) {
        (Some(before), Some(after)) => {
            let _ = writeln!(
                patch,
                "index {:.10}..{:.10}",
                id_of(write.before.as_deref()),
                id_of(write.after.as_deref())
            );
            if !before.is_empty() || !after.is_empty() {
                let name =
                    |name: String, there: bool| if there { ended(name) } else { "/dev/null".to_owned() };
                let (old, new) = (name(old, write.before.is_some()), name(new, write.after.is_some()));
                let _ = write!(patch, "--- {old}\n+++ {new}\n");
                hunks(&mut patch, before, after);
            }
        }
        _ => {
            let _ = write!(patch, "index {}..{}\nGIT binary patch\n", id_of(before), id_of(after));
            literal(&mut patch, after.unwrap_or_default());
            literal(&mut patch, before.unwrap_or_default());
        }
    }
    patch
}

/// What a person can read, and a database can store.
fn text_of(bytes: Option<&[u8]>) -> Option<&str> {
    std::str::from_utf8(bytes.unwrap_or_default()).ok().filter(|text| !text.contains('\0'))
}

fn id_of(bytes: Option<&[u8]>) -> Oid {
    bytes.and_then(|bytes| Oid::hash_object(ObjectType::Blob, bytes).ok()).unwrap_or(Oid::ZERO_SHA1)
}

fn hunks(patch: &mut String, before: &str, after: &str) {
    let (old, new) = (lines(before), lines(after));
    let diff = TextDiff::configure().timeout(PATIENCE).diff_slices(&old, &new);
    for group in diff.grouped_ops(CONTEXT) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let old = first.old_range().start..last.old_range().end;
        let new = first.new_range().start..last.new_range().end;
        let _ = writeln!(patch, "@@ -{} +{} @@", span(&old), span(&new));
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let line = change.value();
            patch.push(match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            });
            patch.push_str(line);
            if !line.ends_with('\n') {
                patch.push_str(NO_NEWLINE);
            }
        }
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Where a hunk is, from 1; an empty one stands after the line that it names.
fn span(range: &std::ops::Range<usize>) -> String {
    match range.len() {
        0 => format!("{},0", range.start),
        1 => (range.start + 1).to_string(),
        length => format!("{},{length}", range.start + 1),
    }
}

/// A name as Git writes it (`quote.c`): in quotes where it is odd.
fn quoted(prefix: &str, path: &str) -> String {
    let is_odd = |byte: u8| !(0x20..0x7f).contains(&byte) || matches!(byte, b'"' | b'\\');
    if !path.bytes().any(is_odd) {
        return format!("{prefix}{path}");
    }
    let mut name = format!("\"{prefix}");
    for byte in path.bytes() {
        let _ = match byte {
            b'"' | b'\\' => write!(name, "\\{}", char::from(byte)),
            b'\n' => write!(name, "\\n"),
            b'\t' => write!(name, "\\t"),
            b'\r' => write!(name, "\\r"),
            byte if is_odd(byte) => write!(name, "\\{byte:03o}"),
            byte => write!(name, "{}", char::from(byte)),
        };
    }
    name.push('"');
    name
}

/// A name with a space ends at a tab.
fn ended(name: String) -> String {
    if name.contains(' ') && !name.starts_with('"') { name + "\t" } else { name }
}

fn literal(patch: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 85] =
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
    const LONGEST_LINE: usize = 52;
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    let packed = encoder.finish().unwrap_or_default();
    let _ = writeln!(patch, "literal {}", bytes.len());
    for line in packed.chunks(LONGEST_LINE) {
        let length = u8::try_from(line.len()).unwrap_or_default();
        patch.push(char::from(if length <= 26 { b'A' + length - 1 } else { b'a' + length - 27 }));
        for word in line.chunks(4) {
            let mut four = [0; 4];
            four[..word.len()].copy_from_slice(word);
            let mut left = u32::from_be_bytes(four) as usize;
            let mut digits = ['0'; 5];
            for digit in digits.iter_mut().rev() {
                *digit = char::from(DIGITS[left % 85]);
                left /= 85;
            }
            patch.extend(digits);
        }
        patch.push('\n');
    }
    patch.push('\n');
}

#[cfg(test)]
mod tests;
