//! Globs of fields, paths and ids. Brackets are indexes here, so those of shells do not fit.

/// Whether a text matches: `*` stands for anything without the separator, `**` for anything; `**` and a separator at the
/// start or in the middle also stand for nothing.
pub(super) fn matches(pattern: &str, text: &str, separator: u8) -> bool {
    matches_bytes(pattern.as_bytes(), text.as_bytes(), separator, &mut 10_000)
}

/// `fuel` bounds what a pattern with many stars may cost.
fn matches_bytes(pattern: &[u8], text: &[u8], separator: u8, fuel: &mut u32) -> bool {
    let Some(left) = fuel.checked_sub(1) else { return false };
    *fuel = left;
    match pattern {
        [] => text.is_empty(),
        [b'*', b'*', rest @ ..] => {
            let after = rest.strip_prefix(&[separator]);
            after.is_some_and(|rest| matches_bytes(rest, text, separator, fuel))
                || (0..=text.len()).any(|at| matches_bytes(rest, &text[at..], separator, fuel))
        }
        [b'*', rest @ ..] => {
            let end = text.iter().position(|it| *it == separator).unwrap_or(text.len());
            (0..=end).any(|at| matches_bytes(rest, &text[at..], separator, fuel))
        }
        [first, rest @ ..] => text
            .split_first()
            .is_some_and(|(it, text)| it == first && matches_bytes(rest, text, separator, fuel)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stop_at_separators_and_double_ones_do_not() {
        for (pattern, text, expected) in [
            ("replicas[*].count", "replicas[12].count", true),
            ("replicas[*].count", "replicas[1].x.count", false),
            ("**.resources.**", "spec.template.spec.containers[0].resources.limits.cpu", true),
            ("**.resources.**", "resources.limits.cpu", true),
            ("**.host", "ingress.host", true),
            ("**.host", "ghost", false),
            ("metadata.annotations.**", "metadata.annotations.\"eks.amazonaws.com/role-arn\"", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, text, b'.'), expected, "{pattern} {text}");
        }
        assert!(matches("apps/*", "apps/web", b'/') && !matches("apps/*", "apps/web/x", b'/'));
    }

    #[test]
    fn a19_a_pattern_of_many_stars_ends_soon() {
        assert!(!matches(&"**a".repeat(40), &format!("{}b", "a".repeat(4000)), b'.'));
    }
}
