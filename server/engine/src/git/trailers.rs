//! The last lines of the messages of our commits (rule R17): by them a commit is known as ours, and for what it stands.
//!
//! What people write becomes one line before it gets there, so that nobody writes a trailer through it (attack case A27).
//! Trailers say what a commit claims to be, for anybody who can push can write them. Whether that is so, the record
//! knows, and the token, which nobody else knew before the push.

use std::fmt::Write as _;

/// Longer texts of people are cut.
const LONGEST: usize = 500;

/// What a commit of ours did.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Act {
    #[default]
    Promote,
    Rollback,
    Introduce,
}

/// What the last paragraph of our commits says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Trailers {
    /// The number of the change.
    pub change: String,
    /// Nobody but us knows it before the push, so by it a commit is found again; empty where a commit has none.
    pub token: String,
    pub act: Act,
    /// The base paths of the apps.
    pub apps: Vec<String>,
    /// The environment, or of a rollback the revision, that values came from.
    pub from: String,
    /// The environment that changed.
    pub to: String,
    /// The commits that values were taken from.
    pub sources: Vec<String>,
    pub promoted_by: Option<String>,
    pub approved_by: Vec<String>,
}

impl Act {
    const ALL: [Self; 3] = [Self::Promote, Self::Rollback, Self::Introduce];

    fn word(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Rollback => "rollback",
            Self::Introduce => "introduce",
        }
    }
}

impl Trailers {
    /// Writes a whole message: a subject of one line, what people say to it, and the trailers at the end.
    pub fn message(&self, subject: &str, reason: Option<&str>) -> String {
        let mut message = one_line(subject);
        if let Some(reason) = reason.map(one_line).filter(|reason| !reason.is_empty()) {
            message = format!("{message}\n\n{reason}");
        }
        format!("{message}\n\n{}", self.paragraph())
    }

    /// Writes the last paragraph, with a line break at its end.
    pub fn paragraph(&self) -> String {
        let mut text = String::new();
        let mut line = |key: &str, value: &str| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{key}: {}", one_line(value));
        };
        line("Quarterdeck-Change", &self.change);
        if !self.token.is_empty() {
            line("Quarterdeck-Token", &self.token);
        }
        line("Quarterdeck-Act", self.act.word());
        self.apps.iter().for_each(|app| line("Quarterdeck-App", shown_path(app)));
        line("Quarterdeck-From", &self.from);
        line("Quarterdeck-To", &self.to);
        self.sources.iter().for_each(|source| line("Quarterdeck-Source", source));
        self.promoted_by.iter().for_each(|name| line("Promoted-By", name));
        self.approved_by.iter().for_each(|name| line("Approved-By", name));
        text
    }

    /// Reads the trailers of a message; none where it is not one of ours.
    ///
    /// Only the last paragraph counts, each of its lines must be a trailer, and what stands once in ours must stand once
    /// there: a message that quotes ours is none.
    pub fn parse(message: &str) -> Option<Self> {
        let message = message.trim_end();
        let (_, last) = message.rsplit_once("\n\n")?;
        let mut read = Reader::default();
        for line in last.lines() {
            read.line(line)?;
        }
        read.finish()
    }

    /// Returns whether the commit left the values of this app in this environment.
    pub fn concern(&self, base_path: &str, environment: &str) -> bool {
        let base_path = one_line(base_path);
        self.to == one_line(environment) && self.apps.iter().any(|it| *it == shown_path(&base_path))
    }
}

/// The root of a repository is an app's place, too, and an empty value is no trailer.
fn shown_path(base_path: &str) -> &str {
    if base_path.is_empty() { "." } else { base_path }
}

#[derive(Default)]
struct Reader {
    found: Trailers,
    once: [Option<String>; 6],
}

const ONCE: [&str; 6] = [
    "Quarterdeck-Change",
    "Quarterdeck-Token",
    "Quarterdeck-Act",
    "Quarterdeck-From",
    "Quarterdeck-To",
    "Promoted-By",
];

impl Reader {
    fn line(&mut self, line: &str) -> Option<()> {
        let (key, value) = line.split_once(": ")?;
        let is_token = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if key.is_empty() || !key.chars().all(is_token) || value.is_empty() {
            return None;
        }
        let value = value.to_owned();
        if let Some(position) = ONCE.iter().position(|it| *it == key) {
            return self.once[position].replace(value).is_none().then_some(());
        }
        match key {
            "Quarterdeck-App" => self.found.apps.push(value),
            "Quarterdeck-Source" => self.found.sources.push(value),
            "Approved-By" => self.found.approved_by.push(value),
            // What others add at the end is theirs, e.g. Signed-off-by.
            _ => {}
        }
        Some(())
    }

    fn finish(self) -> Option<Trailers> {
        let [change, token, act, from, to, promoted_by] = self.once;
        let act = act?;
        let act = Act::ALL.into_iter().find(|it| it.word() == act)?;
        let (change, token) = (change?, token.unwrap_or_default());
        let found = Trailers { change, token, act, from: from?, to: to?, promoted_by, ..self.found };
        (!found.apps.is_empty()).then_some(found)
    }
}

/// Makes one line of what people wrote: breaks and other controls become spaces, marks that hide or turn text go, what
/// is too long is cut.
pub fn one_line(text: &str) -> String {
    let is_break = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '\u{2028}' | '\u{2029}');
    let words = text.split(is_break).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !is_hidden(*c)).take(LONGEST).collect::<String>().trim().to_owned()
}

/// Whether a character is not to be seen, or turns those that follow.
pub(super) fn is_hidden(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests;
