//! Patterns of policy lines: Argo CD's globs, in which `*` spans everything, slashes too; or regular expressions.

use std::sync::OnceLock;

use globset::{Glob, GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};
use regex::{Regex, RegexSet};

/// How the patterns of a policy are meant (`policy.matchMode`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Matching {
    Glob,
    Regex,
}

/// One field of a line.
#[derive(Debug)]
pub(super) enum Pattern {
    Literal(String),
    /// Compiled when it is asked for the first time: most fields never are.
    Glob(Glob, OnceLock<GlobMatcher>),
    /// Found anywhere in the text, as Go's `MatchString` does.
    Regex(Regex),
    /// It cannot be compiled: Argo CD logs that, and goes on.
    Nothing,
}

impl Pattern {
    pub(super) fn new(text: &str, matching: Matching) -> Self {
        match matching {
            Matching::Regex => Regex::new(text).map_or(Self::Nothing, Self::Regex),
            Matching::Glob if !text.contains(['*', '?', '[', '{', '\\']) => Self::Literal(text.to_owned()),
            Matching::Glob => glob(text),
        }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Literal(literal) => literal == text,
            Self::Glob(glob, matcher) => matcher.get_or_init(|| glob.compile_matcher()).is_match(text),
            Self::Regex(regex) => regex.is_match(text),
            Self::Nothing => false,
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}

fn glob(text: &str) -> Pattern {
    // Two stars mean a whole path component to globset; without separators they are one.
    let mut single = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter != '*' || !single.ends_with('*') || single.ends_with("\\*") {
            single.push(letter);
        }
    }
    let glob = GlobBuilder::new(&single)
        .literal_separator(false)
        .backslash_escape(true)
        .empty_alternates(true)
        .build();
    glob.map_or(Pattern::Nothing, |glob| Pattern::Glob(glob, OnceLock::new()))
}

/// Many patterns, asked at once whether any matches: thousands cost little more than one.
#[derive(Debug, Default)]
pub(super) struct AnyOf {
    literals: rustc_hash::FxHashSet<String>,
    globs: GlobSet,
    regexes: Option<RegexSet>,
}

impl AnyOf {
    /// Returns the union; none where it is too large to be compiled.
    pub(super) fn new<'p>(patterns: impl Iterator<Item = &'p Pattern>) -> Option<Self> {
        let mut literals = rustc_hash::FxHashSet::default();
        let mut globs = GlobSetBuilder::new();
        let mut regexes = Vec::new();
        for pattern in patterns {
            match pattern {
                Pattern::Literal(literal) => {
                    literals.insert(literal.clone());
                }
                Pattern::Glob(glob, _) => {
                    globs.add(glob.clone());
                }
                Pattern::Regex(regex) => regexes.push(regex.as_str()),
                Pattern::Nothing => {}
            }
        }
        let regexes = if regexes.is_empty() { None } else { Some(RegexSet::new(regexes).ok()?) };
        Some(Self { literals, globs: globs.build().ok()?, regexes })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        self.literals.contains(text)
            || self.globs.is_match(text)
            || self.regexes.as_ref().is_some_and(|regexes| regexes.is_match(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_spans_slashes_and_the_rest_is_as_in_every_glob() {
        for (pattern, text, expected) in [
            ("*", "shop/argocd/web", true),
            ("**", "shop/web", true),
            ("shop/*", "shop/ns/web", true),
            ("shop/**/web", "shop/web", false),
            ("shop/*-dev", "shop/web-dev", true),
            ("shop/*-dev", "shop/web-prod", false),
            ("action/*", "action/apps/Deployment/restart", true),
            ("w?b", "web", true),
            ("w?b", "wb", false),
            ("{get,sync}", "sync", true),
            ("{get,sync}", "update", false),
            ("[a-c]*", "beta", true),
            ("[!a-c]*", "beta", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("Get", "get", false),
            ("", "", true),
        ] {
            let pattern_of = || Pattern::new(pattern, Matching::Glob);
            assert_eq!(pattern_of().matches(text), expected, "{pattern} on {text}");
            let union = AnyOf::new([pattern_of()].iter()).expect("compiles");
            assert_eq!(union.matches(text), expected, "{pattern} on {text}, in a union");
        }
    }

    #[test]
    fn what_cannot_be_compiled_matches_nothing() {
        for pattern in ["[", "{a", "a[z-a]"] {
            assert!(!Pattern::new(pattern, Matching::Glob).matches(pattern), "{pattern}");
        }
        assert!(!Pattern::new("(", Matching::Regex).matches("("));
    }

    #[test]
    fn regular_expressions_are_found_anywhere() {
        assert!(Pattern::new("web", Matching::Regex).matches("shop/web-dev"));
        assert!(!Pattern::new("^web$", Matching::Regex).matches("shop/web-dev"));
    }
}
