//! Edits of generated files: whatever they look like, one field changes and no byte beside it.

use std::ops::Range;

use proptest::prelude::*;

use super::*;

/// A value as it is to be written.
#[derive(Clone, Debug)]
enum Sample {
    /// As it stands.
    Plain(String),
    Single(String),
    Double(String),
    Block(Vec<String>),
    Absent,
    List(Vec<(Self, Noise)>),
    Map(Vec<(Self, Noise)>),
    FlowList(Vec<Self>),
    FlowMap(Vec<Self>),
}

/// What stands around a value.
#[derive(Clone, Copy, Debug)]
struct Noise {
    comment_above: bool,
    comment_beside: bool,
    empty_line: bool,
    anchor: bool,
    blanks: usize,
    indent: usize,
}

/// A file, and where its single values are.
#[derive(Clone, Debug)]
struct File {
    text: String,
    leaves: Vec<(Path, Range<usize>)>,
    maps: Vec<Path>,
}

struct Writer {
    file: File,
    anchors: usize,
}

impl Writer {
    fn put(&mut self, text: &str) {
        self.file.text.push_str(text);
    }

    fn leaf(&mut self, path: &Path, written: &str) {
        let start = self.file.text.len();
        self.put(written);
        self.file.leaves.push((path.clone(), start..start + written.len()));
    }

    fn scalar(&mut self, path: &Path, sample: &Sample) -> bool {
        match sample {
            Sample::Plain(text) => self.leaf(path, text),
            Sample::Single(text) => self.leaf(path, &format!("'{}'", text.replace('\'', "''"))),
            Sample::Double(text) => self.leaf(path, &format!("{text:?}")),
            _ => return false,
        }
        true
    }

    fn flow(&mut self, path: &Path, sample: &Sample) {
        match sample {
            Sample::FlowList(items) => {
                self.put("[");
                for (index, item) in items.iter().enumerate() {
                    self.put(if index > 0 { ", " } else { " " });
                    self.flow(&path.clone().index(index), item);
                }
                self.put("]");
            }
            Sample::FlowMap(items) => {
                self.file.maps.push(path.clone());
                self.put("{");
                for (index, item) in items.iter().enumerate() {
                    self.put(&format!("{}k{index}: ", if index > 0 { ", " } else { "" }));
                    self.flow(&path.clone().key(format!("k{index}")), item);
                }
                self.put("}");
            }
            other => {
                if !self.scalar(path, other) {
                    self.put("0");
                }
            }
        }
    }

    fn above(&mut self, noise: Noise, indent: usize) {
        if noise.empty_line {
            self.put("\n");
        }
        if noise.comment_above {
            self.put(&format!("{}# über {{x: [y\n", " ".repeat(indent)));
        }
        self.put(&" ".repeat(indent));
    }

    fn beside(&mut self, noise: Noise) {
        self.put(&" ".repeat(noise.blanks - 1));
        self.put(if noise.comment_beside { " # ß: 'q\n" } else { "\n" });
    }

    fn value(&mut self, path: &Path, sample: &Sample, noise: Noise, indent: usize) {
        if noise.anchor && !matches!(sample, Sample::Absent) {
            self.anchors += 1;
            self.put(&format!(" &a{}", self.anchors));
        }
        match sample {
            Sample::List(items) if !items.is_empty() => {
                self.beside(noise);
                self.list(path, items, indent + noise.indent);
            }
            Sample::Map(items) if !items.is_empty() => {
                self.beside(noise);
                self.map(path, items, indent + noise.indent);
            }
            Sample::List(_) | Sample::Map(_) | Sample::Absent => self.beside(noise),
            Sample::Block(lines) => {
                self.put(" |-\n");
                for line in lines {
                    self.put(&format!("{}{line}\n", " ".repeat(indent + 2)));
                }
            }
            other => {
                self.put(&" ".repeat(noise.blanks));
                self.flow(path, other);
                self.beside(noise);
            }
        }
    }

    fn map(&mut self, path: &Path, items: &[(Sample, Noise)], indent: usize) {
        self.file.maps.push(path.clone());
        for (index, (item, noise)) in items.iter().enumerate() {
            self.above(*noise, indent);
            self.put(&format!("k{index}:"));
            self.value(&path.clone().key(format!("k{index}")), item, *noise, indent);
        }
    }

    fn list(&mut self, path: &Path, items: &[(Sample, Noise)], indent: usize) {
        for (index, (item, noise)) in items.iter().enumerate() {
            self.above(*noise, indent);
            self.put("-");
            let path = path.clone().index(index);
            match item {
                // A mapping that begins on the line of its dash.
                Sample::Map(items) if !noise.anchor && !items.is_empty() && !items[0].1.comment_above => {
                    self.put(&" ".repeat(noise.blanks));
                    let inner = indent + 1 + noise.blanks;
                    let first = self.file.text.len();
                    self.map(&path, items, inner);
                    let cut = first..first + inner + usize::from(items[0].1.empty_line);
                    self.cut(cut);
                }
                _ => self.value(&path, item, *noise, indent),
            }
        }
    }

    fn cut(&mut self, range: Range<usize>) {
        self.file.text.replace_range(range.clone(), "");
        for (_, leaf) in &mut self.file.leaves {
            if leaf.start >= range.end {
                *leaf = leaf.start - range.len()..leaf.end - range.len();
            }
        }
    }
}

fn noise() -> impl Strategy<Value = Noise> + Clone {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), prop::bool::weighted(0.2));
    (flags, 1..4usize, 1..5usize).prop_map(
        |((comment_above, comment_beside, empty_line, anchor), blanks, indent)| Noise {
            comment_above,
            comment_beside,
            empty_line,
            anchor,
            blanks,
            indent,
        },
    )
}

fn sample() -> impl Strategy<Value = Sample> {
    let plain =
        prop_oneof!["[a-xz][a-mo-z0-9./-]{1,8}", "[1-9][0-9]{0,4}", "true", "ghcr\\.io:[0-9]{2}/[é-ü]{1,3}"];
    let scalar = prop_oneof![
        4 => plain.prop_map(Sample::Plain),
        2 => "[a-z0-9é #:'{},-]{0,10}".prop_map(Sample::Single),
        2 => "[a-z0-9é #:'{},\\\\\"-]{0,10}".prop_map(Sample::Double),
    ];
    let flow = scalar.clone().prop_recursive(2, 6, 3, |inner| {
        let items = prop::collection::vec(inner, 0..3);
        prop_oneof![items.clone().prop_map(Sample::FlowList), items.prop_map(Sample::FlowMap)]
    });
    let leaf = prop_oneof![
        5 => scalar,
        2 => flow,
        1 => Just(Sample::Absent),
        1 => prop::collection::vec("[a-z#:][a-z #:]{0,6}[a-z]", 1..3).prop_map(Sample::Block),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let items = prop::collection::vec((inner, noise()), 1..4);
        prop_oneof![items.clone().prop_map(Sample::List), items.prop_map(Sample::Map)]
    })
}

fn file() -> impl Strategy<Value = File> {
    let items = prop::collection::vec((sample(), noise()), 1..4);
    (items, any::<[bool; 4]>()).prop_map(|(items, [crlf, unfinished, mark, later])| {
        let file = File { text: String::new(), leaves: Vec::new(), maps: Vec::new() };
        let mut writer = Writer { file, anchors: 0 };
        writer.put(if mark { "\u{feff}" } else { "" });
        writer.put(if later { "# head\n---\n" } else { "" });
        writer.map(&Path::root(), &items, 0);
        let mut file = writer.file;
        if unfinished {
            file.text.truncate(file.text.trim_end_matches('\n').len());
        }
        if crlf { with_crlf(&file) } else { file }
    })
}

fn with_crlf(file: &File) -> File {
    let moved = |at: usize| at + file.text[..at].matches('\n').count();
    let leaves =
        file.leaves.iter().map(|(path, it)| (path.clone(), moved(it.start)..moved(it.end))).collect();
    File { text: file.text.replace('\n', "\r\n"), leaves, maps: file.maps.clone() }
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        4 => any::<String>().prop_map(Scalar::Text),
        4 => "[a-z0-9.:_+# '\"-]{0,8}".prop_map(Scalar::Text),
        1 => any::<i64>().prop_map(|it| Scalar::Number(it.to_string())),
        1 => any::<bool>().prop_map(Scalar::Bool),
        1 => Just(Scalar::Null),
    ]
}

fn apply_one(text: &str, edit: Edit) -> Result<Edited, EditError> {
    apply(text.as_bytes(), &[edit], &Limits::default())
}

fn soup() -> impl Strategy<Value = String> {
    let pieces = [
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
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..24).prop_map(|it| it.concat())
}

/// Makes all kinds of edits at all places; what is accepted is read again.
fn try_everything(bytes: &[u8]) {
    let limits = Limits::default();
    let _ = Images::read(bytes, &limits);
    let _ = promote(bytes, "x", &tag("v2"), &limits);
    let Ok(tree) = Tree::read(bytes, &limits) else { return };
    for leaf in tree.leaves() {
        try_edits(bytes, &tree, &leaf);
    }
}

fn try_edits(bytes: &[u8], tree: &Tree, leaf: &Change) {
    for (_, edit) in corpus::edits(leaf) {
        let Ok(edited) = apply(bytes, &[edit], &Limits::default()) else { continue };
        let after = Tree::read(&edited.bytes, &Limits::default()).expect("what was proven");
        assert_eq!(difference(tree, &after), edited.changes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn an_edit_changes_its_field_and_no_byte_beside(file in file(), value in scalar(), pick in any::<prop::sample::Index>()) {
        prop_assume!(!file.leaves.is_empty());
        let (path, place) = &file.leaves[pick.index(file.leaves.len())];
        let before = read(file.text.as_bytes(), &path.clone().into(), &Limits::default()).expect("reads");
        let edit = Edit::Set { field: path.clone().into(), value: value.clone() };
        let edited = apply_one(&file.text, edit).unwrap_or_else(|error| panic!("{error}\n{}", file.text));
        let after = String::from_utf8(edited.bytes).expect("UTF-8");
        prop_assert!(after.starts_with(&file.text[..place.start]) && after.ends_with(&file.text[place.end..]));
        let value = Some(Value::Scalar(value));
        prop_assert_eq!(&read(after.as_bytes(), &path.clone().into(), &Limits::default()).expect("reads"), &value);
        if before == value {
            prop_assert_eq!(&after, &file.text);
            prop_assert!(edited.changes.is_empty());
        } else {
            let change = Change { document: 0, path: path.clone(), before: before.clone(), after: value };
            prop_assert_eq!(edited.changes, vec![change]);
        }
        let Some(Value::Scalar(before)) = before else { panic!("a scalar") };
        let undone = apply_one(&after, Edit::Set { field: path.clone().into(), value: before }).expect("undoes");
        let opening = |text: &str| text[place.start..].chars().next().filter(|it| matches!(it, '\'' | '"'));
        if opening(&after) == opening(&file.text) {
            prop_assert_eq!(String::from_utf8(undone.bytes).expect("UTF-8"), file.text);
        }
    }

    #[test]
    fn what_is_inserted_can_be_removed_without_a_trace(file in file(), value in scalar(), pick in any::<prop::sample::Index>()) {
        let path = file.maps[pick.index(file.maps.len())].clone().key("new");
        match apply_one(&file.text, Edit::Set { field: path.clone().into(), value }) {
            Ok(inserted) => {
                let text = String::from_utf8(inserted.bytes).expect("UTF-8");
                prop_assert_eq!(inserted.changes.len(), 1);
                let removed = apply_one(&text, Edit::Remove { field: path.into() });
                let removed = removed.unwrap_or_else(|error| panic!("{error}\n{text}"));
                prop_assert_eq!(String::from_utf8(removed.bytes).expect("UTF-8"), file.text);
            }
            Err(error) => prop_assert!(error.to_string().contains("block text without a line break"), "{error}\n{}", file.text),
        }
    }

    #[test]
    fn a_text_stays_a_text_wherever_it_is_written(value in any::<String>(), style in 0..4usize) {
        let file = ["a: x\nb: 1\n", "a: 'x'\nb: 1\n", "a: \"x\"\nb: 1\n", "{a: x, b: 1}"][style];
        let edited = apply_one(file, text("a", &value)).expect("is set");
        prop_assert_eq!(&read(&edited.bytes, &path("a").into(), &Limits::default()), &Ok(Some(Value::Scalar(Scalar::Text(value)))));
    }

    #[test]
    fn paths_read_back_as_they_are_written(keys in prop::collection::vec((any::<String>(), any::<String>(), 0..3usize), 0..5)) {
        let step = |(key, value, kind): (String, String, usize)| match kind {
            0 => Step::Key(key),
            1 => Step::Index(value.len()),
            _ => Step::Where { key, value },
        };
        let path: Path = keys.into_iter().map(step).collect();
        prop_assert_eq!(path.to_string().parse::<Path>(), Ok(path));
    }

    #[test]
    fn no_path_makes_it_panic(text in any::<String>()) {
        if let Ok(path) = text.parse::<Path>() {
            prop_assert_eq!(path.to_string().parse::<Path>(), Ok(path));
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in soup()) {
        try_everything(text.as_bytes());
    }

    #[test]
    fn no_damage_to_a_real_file_makes_it_panic(pick in any::<[prop::sample::Index; 3]>(), piece in soup(), cut in 0..9usize) {
        let files = corpus::files();
        let bytes = files.values().nth(pick[0].index(files.len())).expect("a file");
        let at = pick[1].index(bytes.len());
        let mut damaged = bytes.clone();
        damaged.splice(at..bytes.len().min(at + cut), piece.bytes());
        let limits = Limits::default();
        let _ = promote(&damaged, "web-app", &tag("v2"), &limits);
        if let Ok(tree) = Tree::read(&damaged, &limits) {
            let leaves = tree.leaves();
            if !leaves.is_empty() {
                try_edits(&damaged, &tree, &leaves[pick[2].index(leaves.len())]);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        try_everything(&bytes);
    }
}
