use super::*;

const PATCH: &str = "diff --git a/k.yaml b/k.yaml\n--- a/k.yaml\n+++ b/k.yaml\n@@ -14,3 +14,3 @@ images:\n   - name: worker\n-    newTag: \"1.19.2\" # ours\n+    newTag: \"1.19.4\" # ours\n     x: y\n";

fn changed(line: &Line) -> Vec<&str> {
    line.parts.iter().filter(|part| part.changed).map(|part| part.text.as_str()).collect()
}

#[test]
fn lines_have_their_numbers_and_the_word_that_changed() {
    let lines = lines(PATCH);
    let places: Vec<_> = lines.iter().map(|line| (line.kind, line.before, line.after)).collect();
    assert_eq!(
        places,
        [
            (LineKind::Hunk, None, None),
            (LineKind::Kept, Some(14), Some(14)),
            (LineKind::Removed, Some(15), None),
            (LineKind::Added, None, Some(15)),
            (LineKind::Kept, Some(16), Some(16)),
        ]
    );
    assert_eq!(lines[0].text(), "images:");
    assert_eq!((changed(&lines[2]), changed(&lines[3])), (vec!["2"], vec!["4"]));
    assert_eq!(counts(&lines), (1, 1));
}

#[test]
fn a_removed_line_that_looks_like_a_file_name_is_a_line() {
    let lines = lines("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n--- a/evil\n-@@ -1 +1 @@\n+++ b/evil\n+y\n");
    assert_eq!(counts(&lines), (2, 2));
    assert_eq!(lines[1].text(), "-- a/evil");
}

#[test]
fn a_line_that_is_another_one_has_no_marks() {
    let lines = lines("@@ -1 +1 @@\n-replicas: 3\n+image: nginx\n");
    assert!(changed(&lines[1]).is_empty() && changed(&lines[2]).is_empty());
}

#[test]
fn what_cannot_be_seen_is_shown() {
    let lines = lines("@@ -1 +1 @@\n-a: b\r\n+a: b\n\\ No newline at end of file\n");
    assert_eq!(lines[1].text(), "a: b␍");
    assert_eq!(changed(&lines[1]), ["␍"]);
    assert_eq!(lines[3].kind, LineKind::Note);
    assert_eq!(visible("x\u{202e}y\u{0}"), "x⟨U+202E⟩y␀");
}

#[test]
fn letters_of_several_bytes_are_not_cut() {
    let lines = lines("@@ -1 +1 @@\n-name: größe ä\n+name: größe ö\n");
    assert_eq!((changed(&lines[1]), changed(&lines[2])), (vec!["ä"], vec!["ö"]));
}

#[test]
fn nonsense_is_no_line() {
    assert!(lines("").is_empty());
    assert!(lines("@@ what @@\nfoo\n").is_empty());
    assert_eq!(lines("new file mode 100644\n--- /dev/null\n+++ b/x\n").len(), 1);
}
