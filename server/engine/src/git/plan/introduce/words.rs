//! The words by which folders, files and fields name an environment, and how one takes the place of another.

use crate::git::{
    layout::{App, Found},
    rules::EnvironmentWords,
};

/// From the words of one environment to that of another.
pub(super) struct Words {
    old: Vec<String>,
    name: String,
    new: String,
}

/// Returns the environment after which another one is made: the one before it in the order that the app is in, else one
/// after it, else any.
pub(super) fn nearest<'a>(app: &'a App, order: &[EnvironmentWords], to: &str) -> Option<&'a str> {
    let position = |name: &str| order.iter().position(|it| it.name == name);
    let wanted = position(to).unwrap_or(order.len());
    let distance = |name: &&String| match position(name) {
        Some(at) if at < wanted => (0, wanted - at),
        Some(at) => (1, at - wanted),
        None => (2, 0),
    };
    app.places.keys().min_by_key(distance).map(String::as_str)
}

/// Returns how the other apps' folders call an environment, if all do alike; else its name.
pub(super) fn word_of(found: &Found, app: &App, order: &[EnvironmentWords], to: &str) -> String {
    let words = words_of(order, to);
    let others = found.apps.iter().filter(|it| it.base_path != app.base_path && it.layout == app.layout);
    let places = others.filter_map(|it| it.places.get(to)).flatten();
    let mut used = places.filter_map(|place| {
        let folder = place.folder.as_deref()?;
        split(folder).find(|word| words.iter().any(|it| it == word))
    });
    match used.next() {
        Some(first) if used.all(|word| word == first) => first.to_owned(),
        _ => to.to_owned(),
    }
}

fn words_of(order: &[EnvironmentWords], name: &str) -> Vec<String> {
    let aliases = order.iter().find(|it| it.name == name).map(|it| it.aliases.clone()).unwrap_or_default();
    std::iter::once(name.to_owned()).chain(aliases).collect()
}

impl Words {
    /// From the words of `from` to this one.
    pub(super) fn new(order: &[EnvironmentWords], from: &str, word: &str) -> Self {
        Self { old: words_of(order, from), name: from.to_owned(), new: word.to_owned() }
    }

    /// The environment that is copied.
    pub(super) fn old(&self) -> &str {
        &self.name
    }

    /// Whether one of the words of a text names the old environment.
    pub(super) fn are_in(&self, text: &str) -> bool {
        split(text).any(|word| self.old.iter().any(|it| it.eq_ignore_ascii_case(word)))
    }

    /// Whether a text is such a word.
    pub(super) fn is_whole(&self, text: &str) -> bool {
        self.old.iter().any(|it| it == text)
    }

    /// Replaces the one word in a text; none where there is none, or several.
    pub(super) fn in_text(&self, text: &str) -> Option<String> {
        let mut hits = 0;
        let mut replaced = String::with_capacity(text.len() + self.new.len());
        for part in text.split_inclusive(is_between) {
            let word = part.trim_end_matches(is_between);
            let is_hit = self.is_whole(word);
            hits += usize::from(is_hit);
            replaced.push_str(if is_hit { &self.new } else { word });
            replaced.push_str(&part[word.len()..]);
        }
        (hits == 1).then_some(replaced)
    }
}

/// Words end at anything but letters and digits.
fn is_between(c: char) -> bool {
    !c.is_alphanumeric()
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_between).filter(|word| !word.is_empty())
}
