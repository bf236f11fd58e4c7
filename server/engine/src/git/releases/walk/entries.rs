//! Folders as Git stores them, and how two differ. Large ones mostly differ in one entry, so what is equal at both ends is
//! compared as bytes, and only what is between them entry by entry.

use std::rc::Rc;

use git2::Oid;

use super::At;

/// So many bytes are compared at once.
const STRETCH: usize = 256;
/// The bytes of an id, at the end of each entry.
const ID: usize = 20;

/// A folder: its bytes, and where its entries begin.
#[derive(Debug, Default)]
pub(super) struct Listing {
    bytes: Vec<u8>,
    /// The last one is where they end.
    starts: Rc<[usize]>,
}

impl Listing {
    /// Reads a folder; `before` is how it mostly looks but for one id.
    pub(super) fn read(bytes: &[u8], before: Option<&Self>) -> Self {
        let starts = before.and_then(|it| it.starts_if_alike(bytes)).unwrap_or_else(|| starts_of(bytes));
        Self { bytes: bytes.to_vec(), starts }
    }

    fn starts_if_alike(&self, bytes: &[u8]) -> Option<Rc<[usize]>> {
        if bytes.len() != self.bytes.len() {
            return None;
        }
        let same = common_start(&self.bytes, bytes);
        let end = bytes.len() - common_end(&self.bytes, bytes, same);
        let next = self.starts.partition_point(|start| *start <= same);
        let is_id = match self.starts.get(next) {
            Some(next) => next.saturating_sub(ID) <= same && end <= *next,
            None => same == bytes.len(),
        };
        is_id.then(|| Rc::clone(&self.starts))
    }
}

/// The entries in which two folders differ: mode, name and id, in one order.
pub(super) fn differences<'a>(old: &'a Listing, new: &'a Listing) -> Vec<(&'a [u8], At, At)> {
    let same = common_start(&old.bytes, &new.bytes);
    let begin = old.starts[..old.starts.partition_point(|start| *start <= same)].last().copied();
    let begin = begin.unwrap_or_default();
    let tail = common_end(&old.bytes, &new.bytes, same);
    let end = old.starts.partition_point(|start| *start < old.bytes.len() - tail);
    let ends = old.starts.get(end).and_then(|end| {
        let other = new.bytes.len() - (old.bytes.len() - end);
        new.starts.binary_search(&other).is_ok().then_some((*end, other))
    });
    let (old_end, new_end) = ends.unwrap_or((old.bytes.len(), new.bytes.len()));
    in_lockstep(&old.bytes[begin..old_end.max(begin)], &new.bytes[begin..new_end.max(begin)])
}

fn common_start(one: &[u8], other: &[u8]) -> usize {
    let stretches = one.chunks(STRETCH).zip(other.chunks(STRETCH));
    let same: usize = stretches.take_while(|(a, b)| a == b).map(|(a, _)| a.len()).sum();
    same + one[same..].iter().zip(&other[same..]).take_while(|(a, b)| a == b).count()
}

/// Of what is behind `start`.
fn common_end(one: &[u8], other: &[u8], start: usize) -> usize {
    let (one, other) = (&one[start..], &other[start..]);
    let stretches = one.rchunks(STRETCH).zip(other.rchunks(STRETCH));
    let same: usize = stretches.take_while(|(a, b)| a == b).map(|(a, _)| a.len()).sum();
    let (one, other) = (&one[..one.len() - same], &other[..other.len() - same]);
    same + one.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count()
}

fn starts_of(bytes: &[u8]) -> Rc<[usize]> {
    let mut entries = Entries(bytes);
    let mut starts = vec![0];
    while entries.next().is_some() {
        starts.push(bytes.len() - entries.0.len());
    }
    starts.into()
}

fn in_lockstep<'a>(old: &'a [u8], new: &'a [u8]) -> Vec<(&'a [u8], At, At)> {
    let (mut left, mut right) = (Entries(old), Entries(new));
    let (mut a, mut b) = (left.next(), right.next());
    let mut found = Vec::new();
    loop {
        match (&a, &b) {
            (None, None) => return found,
            (Some(x), Some(y)) if x.name == y.name && x.is_folder == y.is_folder => {
                if x.id != y.id {
                    found.push((x.name, x.at(), y.at()));
                }
                (a, b) = (left.next(), right.next());
            }
            (Some(x), y) if y.as_ref().is_none_or(|y| x.is_before(y)) => {
                found.push((x.name, x.at(), None));
                a = left.next();
            }
            (_, Some(y)) => {
                found.push((y.name, None, y.at()));
                b = right.next();
            }
            (Some(_), None) => return found,
        }
    }
}

/// The entries of a folder as Git stores it; ends where it is broken.
struct Entries<'a>(&'a [u8]);

struct Entry<'a> {
    is_folder: bool,
    name: &'a [u8],
    id: &'a [u8],
    is_followed: bool,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let space = self.0.iter().take(8).position(|it| *it == b' ')?;
        let (mode, rest) = (&self.0[..space], &self.0[space + 1..]);
        let end = rest.iter().position(|it| *it == 0)?;
        let id = rest.get(end + 1..end + 21)?;
        let name = &rest[..end];
        self.0 = &rest[end + 21..];
        let is_folder = mode == b"40000";
        // Links and submodules are never followed (A2).
        let is_followed = is_folder || mode.starts_with(b"100");
        Some(Entry { is_folder, name, id, is_followed })
    }
}

impl Entry<'_> {
    fn at(&self) -> At {
        if !self.is_followed {
            return None;
        }
        Some((self.is_folder, Oid::from_bytes(self.id).ok()?))
    }

    /// Git's order: the names of folders end with a slash.
    fn is_before(&self, other: &Self) -> bool {
        let key = |it: &Self| it.name.iter().copied().chain(it.is_folder.then_some(b'/')).collect::<Vec<_>>();
        key(self) < key(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(mode: &str, name: &str, id: u8) -> Vec<u8> {
        let mut bytes = format!("{mode} {name}\0").into_bytes();
        bytes.extend([id; ID]);
        bytes
    }

    fn listing(entries: &[Vec<u8>]) -> Listing {
        Listing::read(&entries.concat(), None)
    }

    type Told = Vec<(String, bool, bool)>;

    fn told(differences: Vec<(&[u8], At, At)>) -> Told {
        let name = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        differences.iter().map(|(it, before, after)| (name(it), before.is_some(), after.is_some())).collect()
    }

    #[test]
    fn a_file_that_becomes_a_folder_is_both_gone_and_new() {
        let old = listing(&[entry("100644", "a", 1), entry("100644", "b", 1), entry("100644", "b.c", 1)]);
        let new = listing(&[entry("100644", "a", 1), entry("100644", "b.c", 2), entry("40000", "b", 3)]);
        let name = |name: &str, before, after| (name.to_owned(), before, after);
        assert_eq!(
            told(differences(&old, &new)),
            [name("b", true, false), name("b.c", true, true), name("b", false, true)]
        );
    }

    #[test]
    fn what_is_left_out_at_both_ends_changes_nothing() {
        // Every pair of folders of these; ids that end or begin alike, and names that are parts of others.
        let all = ["a", "ab", "b", "b-c", "bc", "c"];
        let folders: Vec<Listing> = (0..729)
            .map(|number: u32| {
                let state = |at: usize| number / 3_u32.pow(u32::try_from(at).expect("few")) % 3;
                let entries = all.iter().enumerate().filter(|(at, _)| state(*at) > 0);
                let entries =
                    entries.map(|(at, name)| entry("100644", name, u8::try_from(state(at)).expect("few")));
                listing(&entries.collect::<Vec<_>>())
            })
            .collect();
        for old in folders.iter().step_by(7) {
            for new in &folders {
                let short = told(differences(old, new));
                assert_eq!(short, told(in_lockstep(&old.bytes, &new.bytes)));
                let again = Listing::read(&new.bytes, Some(old));
                assert_eq!(again.starts, new.starts);
            }
        }
    }

    #[test]
    fn a_folder_that_is_broken_tells_what_can_be_read() {
        let mut old = [entry("100644", "a", 1), entry("100644", "b", 1)].concat();
        let whole = listing(&[entry("100644", "a", 2), entry("100644", "b", 1)]);
        old.truncate(old.len() - 3);
        let broken = Listing::read(&old, Some(&whole));
        assert_eq!(told(differences(&broken, &whole)), told(in_lockstep(&broken.bytes, &whole.bytes)));
        assert_eq!(told(differences(&whole, &broken)), told(in_lockstep(&whole.bytes, &broken.bytes)));
    }
}
