//! Edits as people would check them in a diff: before, edit, after.

use super::*;

mod corpus;
mod property;

fn path(text: &str) -> Path {
    text.parse().expect("a path")
}

fn set(field: &str, value: Scalar) -> Edit {
    Edit::Set { field: path(field).into(), value }
}

fn text(field: &str, value: &str) -> Edit {
    set(field, Scalar::text(value))
}

fn remove(field: &str) -> Edit {
    Edit::Remove { field: path(field).into() }
}

fn append(field: &str, entry: &[(&str, &str)]) -> Edit {
    let entry = entry.iter().map(|(key, value)| ((*key).to_owned(), Scalar::text(*value))).collect();
    Edit::Append { field: path(field).into(), entry }
}

fn edited(before: &str, edits: &[Edit]) -> Result<String, EditError> {
    let edited = apply(before.as_bytes(), edits, &Limits::default())?;
    Ok(String::from_utf8(edited.bytes).expect("UTF-8"))
}

#[track_caller]
fn becomes(before: &str, edit: Edit, after: &str) {
    match edited(before, std::slice::from_ref(&edit)) {
        Ok(text) => assert_eq!(text, after, "\n{before}\n{edit:?}"),
        Err(error) => panic!("{error}\n{before}\n{edit:?}"),
    }
}

#[track_caller]
fn refuses(before: &str, edit: Edit, reason: &str) {
    match edited(before, std::slice::from_ref(&edit)) {
        Ok(text) => panic!("was made of\n{before}\n{edit:?}\n{text}"),
        Err(error) => assert!(error.to_string().contains(reason), "{error}\n{before}\n{edit:?}"),
    }
}

fn value_at(file: &str, field: &str) -> Result<Option<Value>, EditError> {
    read(file.as_bytes(), &path(field).into(), &Limits::default())
}

#[test]
fn a_scalar_is_set_in_its_own_style_and_nothing_else_moves() {
    for (before, new, after) in [
        ("a: x\n", "v2", "a: v2\n"),
        ("a: x", "v2", "a: v2"),
        ("a:   x   \n", "v2", "a:   v2   \n"),
        ("a: 'x' # why\n", "v2", "a: 'v2' # why\n"),
        ("a: \"x\"\n", "v2", "a: \"v2\"\n"),
        ("a: \"x\"\n", "say \"hi\"\\", "a: \"say \\\"hi\\\"\\\\\"\n"),
        ("a: 'x'\n", "it's", "a: 'it''s'\n"),
        ("a: 'x'\n", "two\nlines", "a: \"two\\nlines\"\n"),
        ("a: x\n", "1.20", "a: \"1.20\"\n"),
        ("a: x\n", "true", "a: \"true\"\n"),
        ("a: x\n", "007", "a: \"007\"\n"),
        ("a: x\n", "1e3", "a: \"1e3\"\n"),
        ("a: x\n", "4e12345", "a: \"4e12345\"\n"),
        ("a: x\n", "1234567", "a: \"1234567\"\n"),
        ("a: x\n", "0x1F", "a: \"0x1F\"\n"),
        ("a: x\n", "1_000", "a: \"1_000\"\n"),
        ("a: x\n", "1:30", "a: \"1:30\"\n"),
        ("a: x\n", "2024-01-15", "a: \"2024-01-15\"\n"),
        ("a: x\n", "no", "a: \"no\"\n"),
        ("a: x\n", "", "a: \"\"\n"),
        ("a: x\n", "~", "a: \"~\"\n"),
        ("a: x\n", ".inf", "a: \".inf\"\n"),
        ("a: x\n", "- x", "a: \"- x\"\n"),
        ("a: x\n", "a: b", "a: \"a: b\"\n"),
        ("a: x\n", "a #b", "a: \"a #b\"\n"),
        ("a: x\n", "*y", "a: \"*y\"\n"),
        ("a: x\n", "@\"q\"", "a: '@\"q\"'\n"),
        ("a: x\n", "1.2.3", "a: 1.2.3\n"),
        ("a: x\n", "v1.2.3-rc.1+build", "a: v1.2.3-rc.1+build\n"),
        ("a: x\n", "sha256:24a0c4b4", "a: sha256:24a0c4b4\n"),
        ("a: x\n", "ghcr.io:5000/a/b", "a: ghcr.io:5000/a/b\n"),
        ("a: x\n", "grün ✓ 🚀", "a: grün ✓ 🚀\n"),
        ("a: x\n", "\u{202e}x", "a: \"\\u202Ex\"\n"),
        ("a: x\n", "\u{85}", "a: \"\\u0085\"\n"),
        ("a: &n x\n", "v2", "a: &n v2\n"),
        ("a: !!str x\n", "1.20", "a: !!str \"1.20\"\n"),
        ("a: !!str &n 'x'\n", "v2", "a: !!str &n 'v2'\n"),
        ("a: one\n  two\nb: 1\n", "v2", "a: v2\nb: 1\n"),
        ("a: \"one\n\n  two\" # c\n", "v2", "a: \"v2\" # c\n"),
        ("a:\n  x\nb: 1\n", "v2", "a:\n  v2\nb: 1\n"),
        ("a:\n", "v2", "a: v2\n"),
        ("a: # later\n", "v2", "a: v2 # later\n"),
        ("a:", "v2", "a: v2"),
        ("a: &n\n", "v2", "a: &n v2\n"),
        ("a: ~\n", "v2", "a: v2\n"),
        ("\u{feff}a: x\r\nb: y\r\n", "v2", "\u{feff}a: v2\r\nb: y\r\n"),
        ("é: ü # ß\r\na: x # ö\r\n", "v2", "é: ü # ß\r\na: v2 # ö\r\n"),
        ("{b: 1, a: x, c: 2}\n", "v2", "{b: 1, a: v2, c: 2}\n"),
        ("{b: 1, a: x, c: 2}\n", "v,2", "{b: 1, a: \"v,2\", c: 2}\n"),
        ("{b: 1,\n a: , # none\n c: 2}\n", "v2", "{b: 1,\n a: v2 , # none\n c: 2}\n"),
        ("{\"a\":\"x\"}", "1.20", "{\"a\":\"1.20\"}"),
        ("? a\n: x\n", "v2", "? a\n: v2\n"),
        ("a\t: x\t# tab\n", "v2", "a\t: v2\t# tab\n"),
        ("a: <<\n", "v2", "a: v2\n"),
        ("---\n# c\na: x\n...\n", "v2", "---\n# c\na: v2\n...\n"),
    ] {
        becomes(before, text("a", new), after);
    }
}

#[test]
fn types_are_those_that_are_asked_for() {
    for (before, new, after) in [
        ("a: 1\n", Scalar::Number("2".into()), "a: 2\n"),
        ("a: 1\n", Scalar::Number("1.50".into()), "a: 1.50\n"),
        ("a: 1\n", Scalar::text("2"), "a: \"2\"\n"),
        ("a: \"1\"\n", Scalar::text("2"), "a: \"2\"\n"),
        ("a: \"1\"\n", Scalar::Number("2".into()), "a: 2\n"),
        ("a: 1\n", Scalar::text("1"), "a: \"1\"\n"),
        ("a: true\n", Scalar::Bool(false), "a: false\n"),
        ("a: x\n", Scalar::Null, "a: null\n"),
        ("a: yes # old\n", Scalar::Bool(true), "a: yes # old\n"),
        ("a: !!int 1\n", Scalar::Number("2".into()), "a: !!int 2\n"),
    ] {
        becomes(before, set("a", new), after);
    }
    refuses("a: 1\n", set("a", Scalar::Number("1.2.3".into())), "is not a number");
    refuses("a: !!int 1\n", text("a", "x"), "tag");
    refuses("a: !Ref x\n", text("a", "y"), "tag \"!Ref\"");
}

#[test]
fn what_is_there_already_stays_byte_for_byte() {
    for file in
        ["a: 'x'\n", "a: \"\\x78\" # c", "a: |-\n  x\n", "a: >-\r\n  x\r\n", "a: !!str x", "b: &n x\na: *n\n"]
    {
        becomes(file, text("a", "x"), file);
    }
    becomes("a: b", remove("c"), "a: b");
}

#[test]
fn a_missing_key_comes_after_its_siblings() {
    for (before, at, after) in [
        ("a:\n  b: 1\nc: 2\n", "a.tag", "a:\n  b: 1\n  tag: v2\nc: 2\n"),
        ("a:\n  b: 1", "a.tag", "a:\n  b: 1\n  tag: v2"),
        ("a:\r\n   b: 1 # c\r\nc: 2\r\n", "a.tag", "a:\r\n   b: 1 # c\r\n   tag: v2\r\nc: 2\r\n"),
        ("l:\n- name: x\n- name: y\n", "l[0].tag", "l:\n- name: x\n  tag: v2\n- name: y\n"),
        ("l:\n  -   name: x\n", "l[0].tag", "l:\n  -   name: x\n      tag: v2\n"),
        ("l:\n  -\n     name: x\n", "l[name=x].tag", "l:\n  -\n     name: x\n     tag: v2\n"),
        ("l:\n- - a: 1\n", "l[0][0].tag", "l:\n- - a: 1\n    tag: v2\n"),
        (
            "a:\n  b:\n    c: 1\n    d:\n    - 1\n\n# end\n",
            "a.tag",
            "a:\n  b:\n    c: 1\n    d:\n    - 1\n  tag: v2\n\n# end\n",
        ),
        ("a:\n  b: |\n    t\n\n\nc: 1\n", "a.tag", "a:\n  b: |\n    t\n  tag: v2\n\n\nc: 1\n"),
        ("a:\n  b: |+\n    t\n\n\nc: 1\n", "a.tag", "a:\n  b: |+\n    t\n\n\n  tag: v2\nc: 1\n"),
        ("a:\n  b: >-\n    t\n    u\n", "a.tag", "a:\n  b: >-\n    t\n    u\n  tag: v2\n"),
        ("a:\n  b: \"x\"\n", "a.tag", "a:\n  b: \"x\"\n  tag: \"v2\"\n"),
        ("a:\n  'b': 'x'\n", "a.tag", "a:\n  'b': 'x'\n  'tag': 'v2'\n"),
        ("a:\n  b:\n", "a.tag", "a:\n  b:\n  tag: v2\n"),
        ("a: {b: 1}\n", "a.tag", "a: {b: 1, tag: v2}\n"),
        ("a: {b: 1,}\n", "a.tag", "a: {b: 1, tag: v2,}\n"),
        ("a: {}\n", "a.tag", "a: {tag: v2}\n"),
        ("a: { b: 1 }\n", "a.tag", "a: { b: 1, tag: v2 }\n"),
        ("{\"a\":{\"b\":\"1\"}}", "a.tag", "{\"a\":{\"b\":\"1\", \"tag\": \"v2\"}}"),
        ("a: {\n  b: 1, # c\n  d: 2 # e\n}\n", "a.tag", "a: {\n  b: 1, # c\n  d: 2, tag: v2 # e\n}\n"),
        ("a: 1\n---\nb: 1\n", "tag", ""),
        ("--- # first\na: 1\n...\n# tail\n", "tag", "--- # first\na: 1\ntag: v2\n...\n# tail\n"),
        ("\u{feff}a: 1\n", "tag", "\u{feff}a: 1\ntag: v2\n"),
        ("\u{feff}a: 1", "tag", "\u{feff}a: 1\ntag: v2"),
    ] {
        match after.is_empty() {
            true => refuses(before, text(at, "v2"), "2 documents"),
            false => becomes(before, text(at, "v2"), after),
        }
    }
    refuses("a: 1\n", text("b.tag", "v2"), "b is missing");
    refuses("a: 1\n", text("a.tag", "v2"), "a is 1");
    refuses("l: [a: 1]\n", text("l[0].tag", "v2"), "no braces");
}

#[test]
fn a_key_goes_with_its_line() {
    for (before, at, after) in [
        ("a: 1\nb: 2 # c\nc: 3\n", "b", "a: 1\nc: 3\n"),
        ("a: 1\nb: 2", "b", "a: 1"),
        ("a: 1\r\nb: 2", "b", "a: 1"),
        ("a: 1\nb:\n  c: 2\n  d: [1,\n   2]\ne: 3\n", "b", "a: 1\ne: 3\n"),
        ("a: 1\nb: |\n  t\n\nc: 1\n", "b", "a: 1\n\nc: 1\n"),
        ("l:\n- a: 1\n  b: 2\n", "l[0].a", "l:\n- b: 2\n"),
        ("l:\n- a: 1\n  b: 2\n", "l[0].b", "l:\n- a: 1\n"),
        ("a: {b: 1, c: 2, d: 3}", "a.b", "a: {c: 2, d: 3}"),
        ("a: {b: 1, c: 2, d: 3}", "a.c", "a: {b: 1, d: 3}"),
        ("a: {b: 1, c: 2, d: 3}", "a.d", "a: {b: 1, c: 2}"),
        ("a: {b: 1}", "a.b", "a: {}"),
        ("a: {b: , c: 2}", "a.b", "a: {c: 2}"),
    ] {
        becomes(before, remove(at), after);
    }
    refuses("a:\n  b: 1\n", remove("a.b"), "only field");
    refuses("l:\n- a: 1\n  # on b\n  b: 2\n", remove("l[0].a"), "comment");
    refuses("a: {b: 1, # on c\n c: 2}\n", remove("a.c"), "comment");
    refuses("a: &x 1\nb: *x\n", remove("a"), "alias elsewhere");
    refuses("a: &x {k: 1}\nb: {<<: *x, c: 2}\n", remove("b.k"), "merge");
    refuses("l: [1, 2]\n", remove("l[0]"), "only keys");
}

#[test]
fn keys_change_places_in_one_go() {
    let swap = [remove("l[name=x].newTag"), text("l[name=x].digest", "sha256:1")];
    for (before, after) in [
        ("l:\n- name: x\n  newTag: v1\n", "l:\n- name: x\n  digest: sha256:1\n"),
        ("l:\n- name: x\n  newTag: v1", "l:\n- name: x\n  digest: sha256:1"),
        ("l:\n- newTag: v1\n  name: x\n", "l:\n- name: x\n  digest: sha256:1\n"),
        ("l: [{name: x, newTag: v1}]\n", "l: [{name: x, digest: sha256:1}]\n"),
    ] {
        assert_eq!(edited(before, &swap).as_deref(), Ok(after));
    }
}

#[test]
fn a_list_grows_at_its_end() {
    let entry = [("name", "x"), ("newTag", "1.0")];
    for (before, after) in [
        ("a: 1\n", "a: 1\nimages:\n- name: x\n  newTag: \"1.0\"\n"),
        ("a: 1", "a: 1\nimages:\n- name: x\n  newTag: \"1.0\""),
        ("a:\r\n  - 1\r\n", "a:\r\n  - 1\r\nimages:\r\n  - name: x\r\n    newTag: \"1.0\"\r\n"),
        ("images: []\nb: 1\n", "images:\n- name: x\n  newTag: \"1.0\"\nb: 1\n"),
        ("images: [] # none\n", "images: [{name: x, newTag: \"1.0\"}] # none\n"),
        ("images:\nb: 1\n", "images:\n- name: x\n  newTag: \"1.0\"\nb: 1\n"),
        ("images: # none\nb: 1\n", "images: [{name: x, newTag: \"1.0\"}] # none\nb: 1\n"),
        ("images: null", "images:\n- name: x\n  newTag: \"1.0\""),
        ("images:\n- name: a\n# end\n", "images:\n- name: a\n- name: x\n  newTag: \"1.0\"\n# end\n"),
        ("images:\n  -  name: a", "images:\n  -  name: a\n  -  name: x\n     newTag: \"1.0\""),
        (
            "images:\n- name: 'a'\n  newTag: 'b'\n",
            "images:\n- name: 'a'\n  newTag: 'b'\n- name: 'x'\n  newTag: '1.0'\n",
        ),
        ("images: [{name: a}]\n", "images: [{name: a}, {name: x, newTag: \"1.0\"}]\n"),
        ("images: [\n  {name: a}, # c\n]\n", "images: [\n  {name: a}, {name: x, newTag: \"1.0\"}, # c\n]\n"),
        ("{\"images\": []}", "{\"images\": [{name: x, newTag: \"1.0\"}]}"),
        ("images: &i []\n", "images: &i [{name: x, newTag: \"1.0\"}]\n"),
    ] {
        becomes(before, append("images", &entry), after);
    }
    refuses("images: x\n", append("images", &entry), "not a list");
    refuses("i: &i []\nimages: *i\n", append("images", &entry), "alias");
    refuses(
        "images: &i\n- name: a\nother: *i\n",
        append("images", &entry),
        "would also change other[1].name",
    );
    refuses("", append("images", &entry), "0 documents");
}

#[test]
fn what_is_shared_is_not_edited() {
    refuses(
        "a: &x 1\nb: *x\n",
        text("b", "v2"),
        "line 2, column 4: b cannot be edited: its value is an alias",
    );
    refuses("a: &x 1\nb: *x\n", text("a", "v2"), "would also change b from 1 to \"v2\" (an anchor");
    refuses("a: &x {k: 1}\nb: *x\n", text("b.k", "v2"), "alias");
    refuses("a: &x {k: 1}\nb: *x\n", text("a.k", "v2"), "would also change b.k");
    refuses("a: &x {k: 1}\nb:\n  <<: *x\n  c: 1\n", text("b.k", "v2"), "merge");
    refuses("a: &x {k: 1}\nb:\n  <<: *x\n  c: 1\n", text("a.k", "v2"), "would also change b.<<.k");
    becomes(
        "a: &x {k: 1}\nb:\n  <<: *x\n  c: 1\n",
        text("b.c", "v2"),
        "a: &x {k: 1}\nb:\n  <<: *x\n  c: v2\n",
    );
    refuses("a:\n  b: 1\n", text("a", "v2"), "it is a mapping of 1, not a single value");
    refuses("a: |\n  x\n", text("a", "v2"), "block text");
}

#[test]
fn twins_are_edited_together_or_not_at_all() {
    let twins = "images:\n- name: x\n  newTag: a\n- name: y\n  newTag: b\n- name: x\n  newTag: a\n";
    let after = "images:\n- name: x\n  newTag: c\n- name: y\n  newTag: b\n- name: x\n  newTag: c\n";
    becomes(twins, text("images[name=x].newTag", "c"), after);
    let different = twins.replacen("newTag: a", "newTag: z", 1);
    let reason = "is in the file 2 times with different values (\"z\", \"a\")";
    refuses(&different, text("images[name=x].newTag", "c"), reason);
    assert!(value_at(&different, "images[name=x].newTag").is_err());
    refuses(
        "images:\n- name: x\n- name: x\n  newTag: a\n",
        text("images[name=x].newTag", "c"),
        "nothing, \"a\"",
    );
    refuses(twins, text("images[name=q].newTag", "c"), "no element of the list matches");
}

#[test]
fn documents_are_told_apart() {
    let file = "kind: A\nmetadata: {name: x}\nv: 1\n---\n# second\nkind: A\nmetadata: {name: y}\nv: 1\n---\n";
    let edit = |document| {
        let edit =
            Edit::Set { field: Field { document, path: path("v") }, value: Scalar::Number("2".into()) };
        edited(file, &[edit])
    };
    let second = file.replacen("y}\nv: 1", "y}\nv: 2", 1);
    assert_eq!(edit(Document::Index(1)), Ok(second.clone()));
    assert_eq!(edit(Document::of_object("A", "y")), Ok(second));
    assert!(edit(Document::Only).expect_err("two").to_string().contains("2 documents of the file"));
    assert!(edit(Document::of_object("A", "z")).expect_err("none").to_string().contains("0 documents"));
    assert!(edit(Document::Index(7)).is_err());
    assert!(edit(Document::Index(2)).expect_err("empty").to_string().contains(". is null"));
}

#[test]
fn edits_are_all_made_or_none() {
    let file = "a: 1\nb: 2\n";
    assert_eq!(edited(file, &[text("b", "w"), text("a", "x")]).as_deref(), Ok("a: x\nb: w\n"));
    assert_eq!(
        edited(file, &[text("k", "1"), text("m", "2")]).as_deref(),
        Ok("a: 1\nb: 2\nk: \"1\"\nm: \"2\"\n")
    );
    assert!(matches!(edited(file, &[text("a", "x"), text("a", "y")]), Err(EditError::Overlap { .. })));
    assert!(matches!(edited(file, &[text("n", "x"), text("n", "y")]), Err(EditError::Overlap { .. })));
    assert!(matches!(edited(file, &[text("a", "x"), remove("a")]), Err(EditError::Overlap { .. })));
    assert!(edited(file, &[text("a", "x"), text("q.r", "y")]).is_err());
    assert!(edited("l: []\n", &[append("l", &[("a", "1")]), append("l", &[("a", "2")])]).is_err());
}

#[test]
fn unreadable_files_say_where() {
    let read = |file: &[u8], limits: &Limits| Tree::read(file, limits).expect_err("unreadable").to_string();
    let limits = Limits::default();
    for (file, expected) in [
        (&b"a: \xff\n"[..], "position 3"),
        (b"a: 1\nb: [\n", "line 2, column 4: this is no YAML"),
        (b"a: 1\na: 2\n", "line 2, column 1: the key \"a\" stands here a second time"),
        (b"x: {a: 1, \"a\": 2}\n", "line 1, column 11: the key"),
        (b"? [a]\n: 1\n", "line 1, column 3: a key that is not a single value"),
        (b"a: &x\n  b: *x\n", "line 2, column 6: an alias points to what contains it"),
        (b"a: *x\n", "line 1, column 4"),
        (b"a\t- b: [\n", "line 1"),
    ] {
        assert!(read(file, &limits).contains(expected), "{}", read(file, &limits));
    }
    assert!(read(b"a: 12345", &Limits { bytes: 7, ..limits }).contains("8 bytes, more than the 7"));
    assert!(
        read(("[".repeat(200) + &"]".repeat(200)).as_bytes(), &limits)
            .contains("the levels exceed the limit of 64")
    );
    assert!(
        read(b"- &a 1\n- *a\n- *a\n", &Limits { aliases: 1, ..limits })
            .contains("line 3, column 3: the aliases")
    );
    assert!(read(b"- 1\n- 2\n- 3\n", &Limits { nodes: 2, ..limits }).contains("line 3"));
}

#[test]
fn an_alias_bomb_is_refused_before_it_goes_off() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, inner) in ["b", "c", "d", "e", "f", "g", "h", "i", "j"].iter().zip("abcdefghi".chars()) {
        bomb += &format!("{name}: &{name} [{}]\n", vec![format!("*{inner}"); 9].join(", "));
    }
    let error = Tree::read(bomb.as_bytes(), &Limits::default()).expect_err("a bomb").to_string();
    assert!(error.contains("aliases expanded, exceed the limit"), "{error}");
    let mut ladder = "a0: &a0 [x]\n".to_owned();
    for rung in 1..100 {
        ladder += &format!("a{rung}: &a{rung} [*a{}]\n", rung - 1);
    }
    let error = Tree::read(ladder.as_bytes(), &Limits::default()).expect_err("deep").to_string();
    assert!(error.contains("the levels, aliases expanded, exceed the limit of 64"), "{error}");
    // Each of many documents may be small.
    let document = "- &a [x, x, x, x, x, x, x, x, x]\n- [*a, *a, *a, *a, *a]\n---\n".repeat(40);
    assert!(Tree::read(document.as_bytes(), &Limits::default()).is_ok());
    assert!(Tree::read(document.as_bytes(), &Limits { nodes: 2_000, ..Limits::default() }).is_err());
}

#[test]
fn what_readers_see_differently_is_not_edited() {
    // To YAML 1.1, and so to libyaml and go-yaml, the next line character ends a line.
    refuses("b: x\u{85}  w\na: 1\n", text("a", "v2"), "line 1, column 4: readers of YAML differ about b");
    // What looks like a comment is a key to them.
    refuses(
        "a: 1 # c\u{85}b: 2\nc: 3\n",
        remove("a"),
        "readers of YAML differ about b: for one it is nothing",
    );
    assert!(value_at("a: 1 # c\u{2028}a: 2\n", "a").expect_err("twice").to_string().contains("second time"));
    // To go-yaml, a block text whose last line has no end is another than one with it.
    refuses("b: |\n  t", text("c", "v2"), "the file ends in a block text without a line break");
    becomes("b: |\n  t\nc: 1", remove("c"), "b: |\n  t\n");
    becomes("a: 1\nb: |\n  t", text("a", "v2"), "a: v2\nb: |\n  t");
    // What libyaml-safer panics on.
    for odd in ["a: !%C3%A9 x\n", "a: [!x, y]\n", "a: !<x> y\n"] {
        let _ = Tree::read(odd.as_bytes(), &Limits::default());
    }
}

#[test]
fn values_are_read_through_aliases_and_merges() {
    let file = "a: &x {k: 1, l: old}\nb:\n  <<: [*x, {m: 2}]\n  l: new\nc: *x\nd: [{n: x, v: 1}]\n";
    for (at, expected) in [
        ("b.k", Some(Scalar::Number("1".into()))),
        ("b.l", Some(Scalar::text("new"))),
        ("b.m", Some(Scalar::Number("2".into()))),
        ("c.l", Some(Scalar::text("old"))),
        ("d[n=x].v", Some(Scalar::Number("1".into()))),
        ("d[n=q].v", None),
        ("d[7]", None),
        ("b.q", None),
        ("q.r.s", None),
    ] {
        assert_eq!(value_at(file, at).expect("reads"), expected.map(Value::Scalar), "{at}");
    }
    assert_eq!(value_at(file, "d").expect("reads"), Some(Value::List(1)));
    assert_eq!(value_at(file, ".").expect("reads"), Some(Value::Map(4)));
}

#[test]
fn plain_values_have_the_types_that_kubernetes_tools_see() {
    let number = |text: &str| Scalar::Number(text.to_owned());
    for text in [
        "0", "-1", "+1", "1.20", "1e3", ".5", "0x1F", "0o17", "0b11", "017", "08", "1_000", "-.inf", ".NaN",
        "1.",
    ] {
        assert_eq!(Scalar::of_plain(text), number(text));
    }
    for text in [
        "1.2.3",
        "v1",
        "1e",
        "0xZ",
        "1e999",
        "--1",
        "+-1",
        "2024-01-15",
        "1:30",
        "-",
        ".",
        "tRUE",
        "e3",
        "٣",
        "inf",
    ] {
        assert_eq!(Scalar::of_plain(text), Scalar::text(text));
    }
    assert_eq!(Scalar::of_plain("yes"), Scalar::Bool(true));
    assert_eq!(Scalar::of_plain("OFF"), Scalar::Bool(false));
    assert_eq!(Scalar::of_plain(""), Scalar::Null);
}

#[test]
fn two_files_are_compared_field_by_field() {
    let tree = |text: &str| Tree::read(text.as_bytes(), &Limits::default()).expect("reads");
    let before = tree("a: 1\nb: [x, w]\nc: {d: 1}\ngone: {k: [1, {}]}\nkind: 1\n---\nz: 1\n");
    let after = tree("a: '1'\nc: {d: 1, e: 2}\nb: [x, z, q]\nkind: {n: 1}\nnew: []\n");
    let shown = |it: &Option<Value>| it.as_ref().map_or("-".to_owned(), Value::to_string);
    let changes = difference(&before, &after);
    let lines: Vec<_> = changes
        .iter()
        .map(|it| format!("{} {} {} {}", it.document, it.path, shown(&it.before), shown(&it.after)))
        .collect();
    assert_eq!(
        lines,
        [
            "0 a 1 \"1\"",
            "0 b[1] \"w\" \"z\"",
            "0 b[2] - \"q\"",
            "0 c.e - 2",
            "0 gone.k[0] 1 -",
            "0 gone.k[1] a mapping of 0 -",
            "0 kind.n - 1",
            "0 kind 1 a mapping of 1",
            "0 new - a list of 0",
            "1 z 1 -",
        ]
    );
    assert!(difference(&before, &before).is_empty());
    assert_eq!(tree("a: {b: [1, 2]}").leaves().len(), 2);
}

#[test]
fn paths_are_read_and_written() {
    for text in [
        "a",
        "image.tag",
        "a.b[0].c",
        "a.b[name=x].c",
        "\"a.b\".c",
        "[0].a",
        "[k=v]",
        ".",
        "a[name=ghcr.io/x/y:1 2].t",
    ] {
        assert_eq!(path(text).to_string(), text);
    }
    assert_eq!(path("\"a.b\".c"), Path::root().key("a.b").key("c"));
    assert_eq!(path("a[name=ghcr.io/x].t"), Path::root().key("a").element("name", "ghcr.io/x").key("t"));
    assert_eq!(path("a[\"k=\"=\"x]\"]"), Path::root().key("a").element("k=", "x]"));
    assert_eq!(path("a.0[0]"), Path::root().key("a").key("0").index(0));
    let odd = Path::root().key("a\nb\"\\\u{202e}").element("", " \t").key("");
    assert_eq!(odd.to_string(), "\"a\\nb\\\"\\\\\\u{202e}\"[\"\"=\" \\t\"].\"\"");
    assert_eq!(path(&odd.to_string()), odd);
    for (text, expected) in [
        ("", "a key is missing or needs double quotes at character 1"),
        ("a.", "a key is missing or needs double quotes at character 3"),
        ("a..b", "at character 3"),
        ("a[0", "a bracket holds a number or key=value"),
        ("a[x]", "a bracket holds a number or key=value"),
        ("a[x=y", "a bracket is not closed"),
        ("a[x=]", "a value is missing"),
        ("\"a", "a quote is not closed"),
        ("\"a\\q\"", "an escape is unknown"),
        ("\"\\u{110000}\"", "is broken"),
        ("a b", "a dot or a bracket is missing at character 2"),
        ("\"a\"b", "a dot or a bracket is missing at character 4"),
        ("a[99999999999999999999]", "too large"),
    ] {
        let error = text.parse::<Path>().expect_err(text).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn messages_stay_on_one_line() {
    let file = "\"a\\nb\": &x 1\nc: *x\n";
    let edit = Edit::Set { field: Path::root().key("a\nb").into(), value: Scalar::text("v\n2") };
    let error = edited(file, &[edit]).expect_err("shared").to_string();
    assert!(error.contains("would also change c from 1 to \"v\\n2\""), "{error}");
    let error = edited("a: 1\n", &[Edit::Remove { field: Path::root().key("x\ny").key("z").into() }])
        .expect_err("none");
    assert!(!error.to_string().contains('\n'), "{error}");
}

const KUSTOMIZATION: &str = "\
resources: [../base]
images:
- name: web # the shop
  newTag: v1
- name: api
  newName: ghcr.io/x/api
  digest: sha256:aa
- name: ghcr.io/x/y
";

fn promoted(file: &str, name: &str, identity: &Identity) -> Result<String, EditError> {
    let edited = promote(file.as_bytes(), name, identity, &Limits::default())?;
    Ok(String::from_utf8(edited.bytes).expect("UTF-8"))
}

fn tag(tag: &str) -> Identity {
    Identity { new_tag: Some(tag.to_owned()), ..Identity::default() }
}

fn digest(digest: &str) -> Identity {
    Identity { digest: Some(digest.to_owned()), ..Identity::default() }
}

#[test]
fn images_are_read_with_what_kustomize_would_refuse() {
    let images = Images::read(KUSTOMIZATION.as_bytes(), &Limits::default()).expect("reads");
    let names: Vec<_> = images.entries.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["web", "api", "ghcr.io/x/y"]);
    assert_eq!(images.entries[0].new_tag.as_deref(), Some("v1"));
    assert_eq!(images.entries[1].new_name.as_deref(), Some("ghcr.io/x/api"));
    assert_eq!(images.of("api").next().and_then(|it| it.digest.as_deref()), Some("sha256:aa"));
    assert!(images.unquoted.is_empty());
    let odd =
        b"images: [{name: a, newTag: 1.20}, {name: b, newTag: 120, newName: ''}, {name: c, newTag: 007}]";
    let odd = Images::read(odd, &Limits::default()).expect("reads");
    let unquoted: Vec<_> = odd.unquoted.iter().map(|it| it.path.to_string()).collect();
    assert_eq!(unquoted, ["images[0].newTag", "images[1].newTag", "images[2].newTag"]);
    assert_eq!(odd.entries[0].new_tag.as_deref(), Some("1.20"));
    assert_eq!(odd.entries[1].new_name, None);
    for (none, count) in [("a: 1", 0), ("images:", 0), ("images: []", 0)] {
        assert_eq!(Images::read(none.as_bytes(), &Limits::default()).expect("reads").entries.len(), count);
    }
    for odd in ["images: x", "images: [x]", "images: [{name: [x]}]", ""] {
        assert!(Images::read(odd.as_bytes(), &Limits::default()).is_err(), "{odd}");
    }
}

#[test]
fn an_image_takes_its_new_identity() {
    for (name, identity, from, to) in [
        ("web", tag("v2"), "newTag: v1\n", "newTag: v2\n"),
        ("web", tag("1.20"), "newTag: v1\n", "newTag: \"1.20\"\n"),
        ("web", digest("sha256:bb"), "  newTag: v1\n", "  digest: sha256:bb\n"),
        ("api", digest("sha256:bb"), "sha256:aa", "sha256:bb"),
        ("api", tag("v2"), "digest: sha256:aa", "newTag: v2"),
        ("ghcr.io/x/y", tag("v2"), "ghcr.io/x/y\n", "ghcr.io/x/y\n  newTag: v2\n"),
        ("new", tag("v2"), "ghcr.io/x/y\n", "ghcr.io/x/y\n- name: new\n  newTag: v2\n"),
    ] {
        assert_eq!(
            promoted(KUSTOMIZATION, name, &identity),
            Ok(KUSTOMIZATION.replacen(from, to, 1)),
            "{name}"
        );
    }
    let both = Identity { digest: Some("sha256:bb".to_owned()), ..tag("v2") };
    let expected = KUSTOMIZATION.replacen("newTag: v1\n", "newTag: v2\n  digest: sha256:bb\n", 1);
    assert_eq!(promoted(KUSTOMIZATION, "web", &both), Ok(expected));
    let without_name = Identity { new_name: NewName::Remove, ..digest("sha256:aa") };
    let expected = KUSTOMIZATION.replacen("  newName: ghcr.io/x/api\n", "", 1);
    assert_eq!(promoted(KUSTOMIZATION, "api", &without_name), Ok(expected));
    let moved = Identity { new_name: NewName::Set("r/web".to_owned()), ..tag("v1") };
    let expected = KUSTOMIZATION.replacen("newTag: v1\n", "newTag: v1\n  newName: r/web\n", 1);
    assert_eq!(promoted(KUSTOMIZATION, "web", &moved), Ok(expected));
    assert_eq!(promoted(KUSTOMIZATION, "web", &tag("v1")).as_deref(), Ok(KUSTOMIZATION));
    for odd in [Identity::default(), tag(""), tag("v 2"), tag("v2\n- name: evil")] {
        assert!(matches!(promoted(KUSTOMIZATION, "web", &odd), Err(EditError::Identity { .. })));
    }
}

#[test]
fn a_diff_shows_the_change() {
    let diff = unified_diff("a\nb.yaml", b"a: 1\nb: 2\n", b"a: 1\nb: 3");
    assert_eq!(
        diff,
        "--- a/a\\nb.yaml\n+++ b/a\\nb.yaml\n@@ -1,2 +1,2 @@\n a: 1\n-b: 2\n+b: 3\n\\ No newline at end of file\n"
    );
    assert_eq!(unified_diff("x", b"a", b"a"), "");
}
