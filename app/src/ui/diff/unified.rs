//! Unified differences as lines, with the part of each that changed.

/// A line of a difference.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Line {
    pub(super) kind: LineKind,
    /// Its number before and after; none where it is not there.
    pub(super) before: Option<u32>,
    pub(super) after: Option<u32>,
    pub(super) parts: Vec<Part>,
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum LineKind {
    /// Where the next lines stand.
    Hunk,
    Kept,
    Added,
    Removed,
    /// What is said of the file or of its last line.
    Note,
}

/// A piece of a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Part {
    pub(super) text: String,
    /// Whether it differs from the line in whose place it stands.
    pub(super) changed: bool,
}

/// Returns the lines of `patch`, without the names of the file.
///
/// How long a hunk is, its head says: a removed line may look like the name of a file.
pub(super) fn lines(patch: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let (mut before, mut after) = (Side::default(), Side::default());
    for text in patch.strip_suffix('\n').unwrap_or(patch).split('\n') {
        let inside = before.left > 0 || after.left > 0;
        let line = match (text.chars().next(), inside) {
            (Some('@'), false) => {
                let Some((old, new, words)) = hunk(text) else { continue };
                (before, after) = (old, new);
                Line::new(LineKind::Hunk, words)
            }
            (Some('\\'), _) => Line::new(LineKind::Note, "no line break at the end"),
            (Some('+'), true) => Line::numbered(LineKind::Added, None, after.step(), &text[1..]),
            (Some('-'), true) => Line::numbered(LineKind::Removed, before.step(), None, &text[1..]),
            (Some(' '), true) => Line::numbered(LineKind::Kept, before.step(), after.step(), &text[1..]),
            (None, true) => Line::numbered(LineKind::Kept, before.step(), after.step(), ""),
            _ if is_note(text) => Line::new(LineKind::Note, text),
            _ => continue,
        };
        lines.push(line);
    }
    mark_words(&mut lines);
    lines
}

/// Returns how many lines `patch` adds and removes.
pub(super) fn counts(lines: &[Line]) -> (usize, usize) {
    let of = |kind| lines.iter().filter(|line| line.kind == kind).count();
    (of(LineKind::Added), of(LineKind::Removed))
}

/// Returns `text` with what has no shape of its own made visible: control characters, and those that turn the direction
/// of what follows.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\t' => out.push('\t'),
            '\0'..='\u{1f}' => out.extend(char::from_u32(0x2400 + u32::from(letter))),
            '\u{7f}' => out.push('␡'),
            '\u{80}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => out.push_str(&format!("⟨U+{:04X}⟩", u32::from(letter))),
            _ => out.push(letter),
        }
    }
    out
}

impl Line {
    fn new(kind: LineKind, text: &str) -> Self {
        Self::numbered(kind, None, None, text)
    }

    fn numbered(kind: LineKind, before: Option<u32>, after: Option<u32>, text: &str) -> Self {
        Self { kind, before, after, parts: vec![Part { text: visible(text), changed: false }] }
    }

    fn text(&self) -> String {
        self.parts.iter().map(|part| part.text.as_str()).collect()
    }
}

/// One side of a hunk: the number of its next line, and how many are to come.
#[derive(Clone, Copy, Default)]
struct Side {
    next: u32,
    left: u32,
}

impl Side {
    fn step(&mut self) -> Option<u32> {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        self.left = self.left.saturating_sub(1);
        Some(number)
    }
}

fn hunk(head: &str) -> Option<(Side, Side, &str)> {
    let (places, words) = head.strip_prefix("@@ -")?.split_once(" @@")?;
    let (before, after) = places.split_once(" +")?;
    let words = words.trim();
    Some((side(before)?, side(after)?, if words.is_empty() { "…" } else { words }))
}

fn side(place: &str) -> Option<Side> {
    let (next, left) = place.split_once(',').unwrap_or((place, "1"));
    Some(Side { next: next.parse().ok()?, left: left.parse().ok()? })
}

/// Whether a line before the first hunk tells what the names of the file do not.
fn is_note(text: &str) -> bool {
    const NOTES: [&str; 7] =
        ["new file", "deleted file", "old mode", "new mode", "rename ", "Binary files", "GIT binary patch"];
    NOTES.iter().any(|note| text.starts_with(note))
}

/// Marks in lines that replace each other what is not the same in both.
fn mark_words(lines: &mut [Line]) {
    let mut at = 0;
    while at < lines.len() {
        let run = |from: usize, kind| lines[from..].iter().take_while(|line| line.kind == kind).count();
        let removed = run(at, LineKind::Removed);
        let added = run(at + removed, LineKind::Added);
        for pair in 0..removed.min(added) {
            let (old, new) = (at + pair, at + removed + pair);
            if let Some((old_parts, new_parts)) = words_of(&lines[old].text(), &lines[new].text()) {
                lines[old].parts = old_parts;
                lines[new].parts = new_parts;
            }
        }
        at += (removed + added).max(1);
    }
}

/// Returns the parts of two lines; none where they have too little in common to be one line that changed.
fn words_of(old: &str, new: &str) -> Option<(Vec<Part>, Vec<Part>)> {
    let head = shared(old.chars().zip(new.chars()));
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = shared(old_rest.chars().rev().zip(new_rest.chars().rev()));
    let common = old[..head].trim_start().len() + old_rest[old_rest.len() - tail..].len();
    let longest = old.trim_start().len().max(new.trim_start().len());
    (common * 3 >= longest).then(|| (parts_of(old, head, tail), parts_of(new, head, tail)))
}

fn shared(pairs: impl Iterator<Item = (char, char)>) -> usize {
    pairs.take_while(|(old, new)| old == new).map(|(letter, _)| letter.len_utf8()).sum()
}

fn parts_of(text: &str, head: usize, tail: usize) -> Vec<Part> {
    let end = text.len() - tail;
    let parts = [(&text[..head], false), (&text[head..end], true), (&text[end..], false)];
    let some = parts.into_iter().filter(|(text, _)| !text.is_empty());
    some.map(|(text, changed)| Part { text: text.to_owned(), changed }).collect()
}

#[cfg(test)]
mod tests;
