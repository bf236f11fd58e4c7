//! All kinds of edits at all places of the files in `tests/corpus`: real shapes, and nasty ones.

use std::{collections::BTreeMap, fs};

use super::*;

pub(super) fn files() -> BTreeMap<String, Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.expect("an entry");
        (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).expect("reads"))
    };
    fs::read_dir(folder).expect("the corpus").map(read).collect()
}

/// What two texts do not have in common, as (before, after).
fn middle<'a>(before: &'a [u8], after: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let same = |(a, b): &(&u8, &u8)| a == b;
    let head = before.iter().zip(after).take_while(same).count();
    let tail = before[head..].iter().rev().zip(after[head..].iter().rev()).take_while(same).count();
    (&before[head..before.len() - tail], &after[head..after.len() - tail])
}

/// The edits of a leaf, by name.
pub(super) fn edits(leaf: &Change) -> [(&'static str, Edit); 5] {
    let field = |path: Path| Field { document: Document::Index(leaf.document), path };
    let path = leaf.path.clone();
    let entry = vec![("name".to_owned(), Scalar::text("x")), ("newTag".to_owned(), Scalar::text("1.0"))];
    [
        ("set", Edit::Set { field: field(path.clone()), value: Scalar::text("1.20") }),
        ("number", Edit::Set { field: field(path.clone()), value: Scalar::Number("42".to_owned()) }),
        ("insert", Edit::Set { field: field(path.clone().key("digest")), value: Scalar::text("sha256:1") }),
        ("append", Edit::Append { field: field(path.clone()), entry }),
        ("remove", Edit::Remove { field: field(path) }),
    ]
}

#[test]
fn every_edit_of_every_file_is_minimal_or_refused() {
    let (mut made, mut refused) = (BTreeMap::new(), BTreeMap::<_, Vec<String>>::new());
    for (name, bytes) in files() {
        let Ok(tree) = Tree::read(&bytes, &Limits::default()) else { continue };
        for leaf in tree.leaves() {
            for (kind, edit) in edits(&leaf) {
                let Ok(edited) = apply(&bytes, std::slice::from_ref(&edit), &Limits::default()) else {
                    refused.entry((name.clone(), kind)).or_default().push(leaf.path.to_string());
                    continue;
                };
                *made.entry((name.clone(), kind)).or_insert(0) += 1;
                let (before, after) = middle(&bytes, &edited.bytes);
                let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
                let place = format!("{name} {edit:?}: {before:?} became {after:?}");
                let lines = |text: &str| text.matches('\n').count();
                match kind {
                    "remove" => assert!(after.is_empty() && !before.is_empty(), "{place}"),
                    "append" => assert!(before.len() < 6 && lines(&after) <= 3, "{place}"),
                    "insert" => assert!(before.is_empty() && lines(&after) <= 1, "{place}"),
                    _ => assert!(!after.contains(['\n', '#']) && edited.changes.len() <= 1, "{place}"),
                }
            }
        }
    }
    // Whatever is a single value, neither shared nor a block text, can be set.
    for (name, expected) in [
        ("application.yaml", "spec.source.helm.values"),
        ("crlf.yaml", "note"),
        ("json.yaml", "empty none"),
        ("kustomization.yaml", "patches[0].patch"),
        ("no-newline-block.yaml", "images patches[0].patch"),
        ("odd-indentation.yaml", "null-list[2] null-list[3]"),
        ("quotes.yaml", ""),
        (
            "values.yaml",
            "global.registry global.pullPolicy image.<<.registry image.<<.pullPolicy imagePullSecrets \
             serviceAccount.annotations extraConfig script",
        ),
    ] {
        let refused = refused.remove(&(name.to_owned(), "set")).unwrap_or_default();
        assert_eq!(refused.join(" "), expected, "{name}");
    }
    assert_eq!(made[&("no-newline.yaml".to_owned(), "remove")], 2);
}

#[test]
fn every_value_can_be_set_to_what_it_is() {
    for (name, bytes) in files() {
        let Ok(tree) = Tree::read(&bytes, &Limits::default()) else { continue };
        for leaf in tree.leaves() {
            let Some(Value::Scalar(value)) = leaf.after.clone() else { continue };
            let field = Field { document: Document::Index(leaf.document), path: leaf.path.clone() };
            match apply(&bytes, &[Edit::Set { field, value }], &Limits::default()) {
                Ok(edited) => assert_eq!(edited.bytes, bytes, "{name} {}", leaf.path),
                Err(EditError::Refused { reason: Reason::Alias | Reason::Merge, .. }) => {}
                Err(error) => panic!("{name}: {error}"),
            }
        }
    }
}

#[test]
fn what_cannot_be_read_says_why() {
    let files = files();
    let error = |name: &str| Tree::read(&files[name], &Limits::default()).expect_err(name).to_string();
    assert!(error("latin1.yaml").contains("not UTF-8: the byte at position 8"));
    assert!(error("hidden-line.yaml").contains("readers of YAML differ about images[0].digest"));
    assert!(error("tab-indented.yaml").contains("line 2"));
    for (name, bytes) in &files {
        let readable = !matches!(name.as_str(), "latin1.yaml" | "hidden-line.yaml" | "tab-indented.yaml");
        assert_eq!(Tree::read(bytes, &Limits::default()).map(|_| ()).is_ok(), readable, "{name}");
    }
}

#[test]
fn promotions_of_real_files_touch_one_line() {
    let files = files();
    for (name, image, identity, before, after) in [
        ("kustomization.yaml", "web-app", tag("1.21"), "\"1.20\"", "\"1.21\""),
        ("kustomization.yaml", "ghcr.io/acme/worker", tag("v4.2.0"), "newTag: v4.1.0", "newTag: v4.2.0"),
        (
            "kustomization.yaml",
            "ghcr.io/acme/worker",
            digest("sha256:ab"),
            "newTag: v4.1.0",
            "digest: sha256:ab",
        ),
        ("crlf.yaml", "web-app", tag("v9"), "newTag: v1 \t\r\n", "newTag: v9 \t\r\n"),
        ("crlf.yaml", "api", digest("sha256:ab"), "  newTag: 'v2'\r\n", "  digest: 'sha256:ab'\r\n"),
        ("no-newline.yaml", "web-app", digest("sha256:ab"), "newTag: v1", "digest: sha256:ab"),
        ("no-newline-block.yaml", "web", tag("v1"), "images: []", "images:\n- name: web\n  newTag: v1"),
        ("json.yaml", "api", tag("1.30"), "\"1.20\"", "\"1.30\""),
        ("odd-indentation.yaml", "b", tag("v3"), "newTag: v2", "newTag: v3"),
        ("directive.yaml", "a", tag("c"), "newTag: b", "newTag: c"),
        ("duplicates.yaml", "web", tag("v3"), "", ""),
    ] {
        let text = String::from_utf8(files[name].clone()).expect("UTF-8");
        let expected = match before {
            "" => text.replacen("newTag: v1", "newTag: v3", 2),
            _ => text.replacen(before, after, 1),
        };
        assert_eq!(promoted(&text, image, &identity), Ok(expected), "{name}");
    }
    let text = String::from_utf8(files["duplicates.yaml"].clone()).expect("UTF-8");
    assert!(matches!(promoted(&text, "api", &tag("v3")), Err(EditError::Several { .. })));
}
