//! Damaged YAML by numbers: the same seed gives the same file and edits. `examples/fuzz_edit.rs` looks for those that
//! break something; the seeds that did are replayed with the tests.

use engine::git::edit::{
    Change, Document, Edit, Field, Identity, Images, Limits, Path, Scalar, Tree, apply, difference, promote,
    read,
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

const PIECES: [&str; 44] = [
    "- ",
    "a: ",
    "b:",
    "\n",
    "\n  ",
    "\n- ",
    "*a",
    "&a ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "'",
    "\"",
    "|",
    "|+\n",
    "|2-\n",
    ">",
    " #",
    "!",
    "!!str ",
    "---\n",
    "...\n",
    "\r\n",
    "\t",
    "%",
    "? ",
    ": ",
    "<<: ",
    "\u{85}",
    "é",
    "~",
    "x",
    "1",
    "\u{feff}",
    "images:\n",
    "- name: x\n",
    "  newTag: y\n",
    "\\",
    "!<",
    "\u{2028}",
    "newTag: 1.20\n",
    "\0",
];
const VALUES: [&str; 12] =
    ["v2", "1.20", "", "yes", "a: b", "# x", "é\u{202e}", "\n", "'", "*a", "0x1f", "sha256:ab"];

/// Makes the file of a seed and edits it in all ways.
///
/// # Errors
/// What does not hold, in words, with the file.
pub(crate) fn try_seed(seed: u64, corpus: &[Vec<u8>]) -> Result<(), String> {
    let mut random = StdRng::seed_from_u64(seed);
    let bytes = file(&mut random, corpus);
    try_edits(&mut random, &bytes).map_err(|why| format!("{why}\n{}", String::from_utf8_lossy(&bytes)))
}

/// The files of `tests/corpus`.
pub(crate) fn corpus() -> std::io::Result<Vec<Vec<u8>>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let mut paths =
        std::fs::read_dir(folder)?.map(|it| Ok(it?.path())).collect::<std::io::Result<Vec<_>>>()?;
    // Seeds mean the same files everywhere.
    paths.sort();
    paths.iter().map(std::fs::read).collect()
}

fn file(random: &mut StdRng, corpus: &[Vec<u8>]) -> Vec<u8> {
    if random.random_range(0..3) == 0 {
        let pieces = (0..random.random_range(0..40)).filter_map(|_| PIECES.choose(random).copied());
        return pieces.collect::<String>().into_bytes();
    }
    let mut bytes = corpus.choose(random).cloned().unwrap_or_default();
    for _ in 0..random.random_range(0..6) {
        let at = random.random_range(0..=bytes.len());
        let end = (at + random.random_range(0..9)).min(bytes.len());
        let piece = PIECES.choose(random).copied().unwrap_or_default();
        bytes.splice(at..end, piece.bytes());
    }
    bytes
}

fn try_edits(random: &mut StdRng, bytes: &[u8]) -> Result<(), String> {
    let limits = Limits::default();
    let _ = Images::read(bytes, &limits);
    let identity = Identity { new_tag: Some("v2".to_owned()), ..Identity::default() };
    for name in ["x", "web-app"] {
        if let Ok(edited) = promote(bytes, name, &identity, &limits) {
            let images = Images::read(&edited.bytes, &limits).map_err(|error| error.to_string())?;
            if images.of(name).any(|it| it.new_tag.as_deref() != Some("v2")) {
                return Err(format!("{name} has not the tag that it was given"));
            }
        }
    }
    let Ok(tree) = Tree::read(bytes, &limits) else { return Ok(()) };
    for leaf in tree.leaves().iter().take(60) {
        try_leaf(random, bytes, &tree, leaf)?;
    }
    Ok(())
}

fn try_leaf(random: &mut StdRng, bytes: &[u8], tree: &Tree, leaf: &Change) -> Result<(), String> {
    let limits = Limits::default();
    let field = |path: Path| Field { document: Document::Index(leaf.document), path };
    let value = Scalar::text(VALUES.choose(random).copied().unwrap_or_default());
    let entry = vec![("name".to_owned(), Scalar::text("x")), ("newTag".to_owned(), value.clone())];
    let edits = [
        Edit::Set { field: field(leaf.path.clone()), value: value.clone() },
        Edit::Set { field: field(leaf.path.clone().key("digest")), value: value.clone() },
        Edit::Append { field: field(leaf.path.clone()), entry },
        Edit::Remove { field: field(leaf.path.clone()) },
    ];
    for edit in edits {
        let Ok(edited) = apply(bytes, std::slice::from_ref(&edit), &limits) else { continue };
        let after = Tree::read(&edited.bytes, &limits).map_err(|error| format!("{edit:?}: {error}"))?;
        if difference(tree, &after) != edited.changes {
            return Err(format!("{edit:?} changed something else than it says"));
        }
        if let Edit::Set { field, value } = &edit {
            let now = read(&edited.bytes, field, &limits).map_err(|error| format!("{edit:?}: {error}"))?;
            if now.as_ref() != Some(&value.clone().into()) {
                return Err(format!("{edit:?} made {now:?}"));
            }
        }
    }
    Ok(())
}
