//! What a branch of anchors has: `anchors/<year>-<month>.ndjson`, a line of JSON for each anchor.

use std::path::Path;

use git2::Oid;
use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::AnchorError;
use crate::{
    audit::chain::{Hash, Place},
    error::Error,
    git::tree::{self, Tree},
};

const FOLDER: &str = "anchors";
const EXTENSION: &str = ".ndjson";

/// An anchor, and where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Anchor {
    pub place: Place,
    pub at: Timestamp,
    pub file: String,
    /// From 1.
    pub line: usize,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Line {
    seq: u64,
    hash: String,
    at: String,
}

/// Returns all anchors on a branch of a clone, sorted by their places: those of its own branch and those of `origin`, for
/// a clone may be behind with the one and not with the other.
///
/// # Errors
/// A folder that is no clone, a branch that is not there or has no anchors, and a line that is none.
pub fn read_clone(clone: &Path, branch: &str) -> Result<Vec<Anchor>, AnchorError> {
    let (shown, branch) = (clone.display().to_string(), branch.to_owned());
    let repository = tree::open(clone)?;
    let names = [format!("refs/heads/{branch}"), format!("refs/remotes/origin/{branch}")];
    let (mut anchors, mut read_at) = (Vec::new(), Vec::<Oid>::new());
    for name in names.iter().filter(|name| repository.find_reference(name).is_ok()) {
        let tree = Tree::at(&repository, name)?;
        if !read_at.contains(&tree.commit()) {
            anchors.extend(read(&tree)?);
            read_at.push(tree.commit());
        }
    }
    if read_at.is_empty() {
        return Err(AnchorError::NoBranch { clone: shown, branch });
    }
    if anchors.is_empty() {
        return Err(AnchorError::NoAnchors { clone: shown, branch });
    }
    anchors.sort_by_key(|anchor| anchor.place);
    anchors.dedup_by_key(|anchor| anchor.place);
    Ok(anchors)
}

/// Returns all anchors of a commit, sorted by their places.
pub(super) fn read(tree: &Tree<'_>) -> Result<Vec<Anchor>, AnchorError> {
    let (files, odd) = tree.files(FOLDER)?;
    if let Some(error) = odd.into_iter().next() {
        return Err(error.into());
    }
    let mut anchors = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(EXTENSION)) {
        anchors.extend(parse(&file.path, &tree.content(&file.path, file.id)?)?);
    }
    anchors.sort_by_key(|anchor| anchor.place);
    Ok(anchors)
}

/// Returns the file for the anchors of a moment's month.
pub(super) fn path_of(at: Timestamp) -> String {
    let month: String = at.iso().chars().take("2026-11".len()).collect();
    format!("{FOLDER}/{month}{EXTENSION}")
}

/// Adds an anchor to what a file has.
pub(super) fn append(text: &mut Vec<u8>, place: Place, at: Timestamp) -> Result<(), Error> {
    // Somebody may have cut off the last line's end by hand.
    if text.last().is_some_and(|last| *last != b'\n') {
        text.push(b'\n');
    }
    let line = Line { seq: place.seq, hash: place.hash.to_string(), at: at.iso() };
    serde_json::to_writer(&mut *text, &line).map_err(|error| Error::Bug(error.to_string()))?;
    text.push(b'\n');
    Ok(())
}

fn parse(file: &str, text: &[u8]) -> Result<Vec<Anchor>, AnchorError> {
    let lines = text.split(|byte| *byte == b'\n').enumerate();
    let filled = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    let anchors = filled.map(|(index, line)| {
        let (file, line_number) = (file.to_owned(), index + 1);
        match anchor_of(line) {
            Ok((place, at)) => Ok(Anchor { place, at, file, line: line_number }),
            Err(why) => Err(AnchorError::Line { file, line: line_number, why }),
        }
    });
    anchors.collect()
}

fn anchor_of(line: &[u8]) -> Result<(Place, Timestamp), String> {
    let Line { seq, hash, at } = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    if seq == 0 || i64::try_from(seq).is_err() {
        return Err(format!("the record has no place {seq}"));
    }
    let bytes = hex::decode(&hash).ok().and_then(|bytes| Hash::of_bytes(&bytes).ok());
    let hash = bytes.ok_or("its hash has not 64 hexadecimal digits")?;
    let at: jiff::Timestamp =
        at.parse().map_err(|_| format!("{at:?} is no moment like 2026-11-24T14:20:03Z"))?;
    Ok((Place { seq, hash }, at.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_795_530_003_000);

    fn file(text: &[u8]) -> Result<Vec<Anchor>, String> {
        parse("anchors/2026-11.ndjson", text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_appended_is_read_again_with_its_line() {
        let mut text = Vec::new();
        let places = [3, 12].map(|seq| Place { seq, ..Place::beginning() });
        for place in places {
            append(&mut text, place, AT).expect("appends");
            text.pop();
        }
        assert_eq!(path_of(AT), "anchors/2026-11.ndjson");
        let anchors = file(&text).expect("parses");
        assert_eq!(
            anchors.iter().map(|it| (it.place, it.line)).collect::<Vec<_>>(),
            [(places[0], 1), (places[1], 2)]
        );
        assert_eq!((anchors[1].at, anchors[1].file.as_str()), (AT, "anchors/2026-11.ndjson"));
    }

    #[test]
    fn a_line_that_makes_no_sense_is_told_with_its_place() {
        let good =
            format!("{{\"seq\":1,\"hash\":\"{0}\",\"at\":\"2026-11-24T14:20:03Z\"}}\r\n\n", "ab".repeat(32));
        assert_eq!(file(good.as_bytes()).expect("parses").len(), 1);
        for (bad, why) in [
            ("nonsense".to_owned(), "expected"),
            (good.replace("\"seq\":1", "\"seq\":0"), "no place 0"),
            (good.replace("\"seq\":1", "\"seq\":18446744073709551615"), "no place"),
            (good.replace("\"seq\":1", "\"seq\":1.5"), "invalid type"),
            (good.replace("abab", "ab"), "64 hexadecimal digits"),
            (good.replace("abab", "xyxy"), "64 hexadecimal digits"),
            (good.replace("2026-11-24T", ""), "no moment"),
            (good.replace("\"at\"", "\"when\""), "unknown field"),
            (good.replace("\"seq\":1", "\"seq\":1,\"seq\":2"), "duplicate field"),
        ] {
            let told = file(format!("{good}{bad}").as_bytes()).expect_err(&bad);
            assert!(
                told.starts_with("anchors/2026-11.ndjson, line 3, is no anchor: ") && told.contains(why),
                "{told}"
            );
        }
        let told = file(b"\xff\xfe\n").expect_err("no text");
        assert!(told.contains("line 1"), "{told}");
    }
}
