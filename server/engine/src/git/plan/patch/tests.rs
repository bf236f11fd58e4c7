use super::*;

fn write(before: Option<&[u8]>, after: Option<&[u8]>) -> Write {
    Write { before: before.map(<[u8]>::to_vec), after: after.map(<[u8]>::to_vec), executable: false }
}

#[test]
fn nothing_changed_is_no_patch() {
    assert_eq!(patch_of("a", &write(Some(b"x"), Some(b"x"))), "");
}

#[test]
fn an_odd_name_is_written_as_git_writes_it() {
    let patch = patch_of("a b\"\\\n\tü", &write(None, Some(b"x\n")));
    assert!(patch.starts_with(r#"diff --git "a/a b\"\\\n\t\303\274" "b/a b\"\\\n\t\303\274""#), "{patch}");
    assert!(patch_of("a b", &write(None, Some(b"x\n"))).contains("+++ b/a b\t\n"));
}

#[test]
fn lines_end_at_line_feeds_alone() {
    let patch = patch_of("a", &write(Some(b"a\rb\r\nc"), Some(b"a\rB\r\nc")));
    assert!(
        patch.ends_with("@@ -1,2 +1,2 @@\n-a\rb\r\n+a\rB\r\n c\n\\ No newline at end of file\n"),
        "{patch:?}"
    );
}
