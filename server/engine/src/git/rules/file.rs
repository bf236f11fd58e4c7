//! The form of `.quarterdeck.toml`.

use serde::Deserialize;
use toml::{Spanned, de::DeTable};

use super::{AppRule, ExpectedRule, LayoutRule, Rules, Travel, TravelRule};
use crate::git::{
    edit::{Field, Path},
    layout::is_pattern,
};

/// Keys that would say who may do what, and the like, by words in them (A25).
const NOT_HERE: [(&[&str], &str); 4] = [
    (
        &[
            "policy",
            "policies",
            "right",
            "rights",
            "role",
            "roles",
            "group",
            "groups",
            "user",
            "users",
            "access",
            "rbac",
            "admin",
            "approver",
            "approvers",
        ],
        "who may do what is never a repository's to say; it is in the program's settings and in Argo CD's policies",
    ),
    (
        &[
            "gate",
            "gates",
            "approval",
            "approvals",
            "freeze",
            "freezes",
            "soak",
            "hold",
            "window",
            "windows",
            "override",
            "overrides",
        ],
        "gates are never a repository's to say; they are in the program's settings",
    ),
    (
        &["environment", "environments", "protected", "protection"],
        "environments and their protection are never a repository's to say; they are in the program's settings",
    ),
    (
        &[
            "credential",
            "credentials",
            "token",
            "tokens",
            "password",
            "secret",
            "secrets",
            "url",
            "urls",
            "webhook",
            "webhooks",
            "repository",
            "repositories",
            "ssh",
        ],
        "addresses and credentials are never a repository's to say; they are in Argo CD's Secrets and the program's settings",
    ),
];

/// Why rules are refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RulesError {
    #[error("line {line}: this is no file of rules ({reason}); correct it")]
    Syntax { line: usize, reason: String },
    #[error("line {line}: {key}: {why}; remove it here")]
    NotHere { line: usize, key: String, why: &'static str },
    #[error("line {line}: {value:?} cannot stay: {why}; correct it")]
    Value { line: usize, value: String, why: String },
    #[error(
        "environments are never a repository's to name: they are in the program's settings; remove them here"
    )]
    Environments,
    #[error(
        "the id {id:?} cannot be given here: the program's settings call {path} {known}; choose another id, or remove it"
    )]
    Clash { id: String, known: String, path: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    apps: Vec<App>,
    #[serde(default)]
    layouts: Vec<Layout>,
    #[serde(default)]
    travels: Vec<Carried>,
    #[serde(default)]
    expected: Vec<Expected>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct App {
    id: Spanned<String>,
    path: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layout {
    pattern: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Carried {
    #[serde(default)]
    apps: Option<Spanned<String>>,
    file: Option<Spanned<String>>,
    field: Option<Spanned<String>>,
    helm_value: Option<Spanned<String>>,
    #[serde(default)]
    whole: Option<Spanned<bool>>,
    #[serde(default)]
    chart_version: Option<Spanned<bool>>,
    #[serde(default)]
    target_revision: Option<Spanned<bool>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(default)]
    apps: String,
    #[serde(default)]
    file: String,
    #[serde(default)]
    field: String,
}

pub(super) fn parse(text: &str) -> Result<Rules, RulesError> {
    let lines = Lines(text);
    let syntax = |error: &toml::de::Error| RulesError::Syntax {
        line: error.span().map_or(1, |span| lines.at(span.start)),
        reason: error.message().replace('\n', " "),
    };
    let table = DeTable::parse(text).map_err(|error| syntax(&error))?;
    lines.refuse_keys(table.get_ref())?;
    let file: File = toml::from_str(text).map_err(|error| syntax(&error))?;
    let mut rules = Rules::default();
    for App { id, path } in file.apps {
        lines.check_app(&id, &path, &rules)?;
        rules.apps.push(AppRule { id: id.into_inner(), path: path.into_inner() });
    }
    for Layout { pattern } in file.layouts {
        let rule = LayoutRule { pattern: pattern.get_ref().clone() };
        is_pattern(&rule).map_err(|why| lines.value(&pattern, why))?;
        rules.layouts.push(rule);
    }
    for carried in file.travels {
        rules.travels.push(carried.rule(&lines)?);
    }
    for Expected { apps, file, field } in file.expected {
        rules.expected.push(ExpectedRule { apps, file, field });
    }
    Ok(rules)
}

struct Lines<'a>(&'a str);

impl Lines<'_> {
    fn at(&self, position: usize) -> usize {
        self.0.as_bytes()[..position.min(self.0.len())].iter().filter(|it| **it == b'\n').count() + 1
    }

    fn value(&self, value: &Spanned<String>, why: impl Into<String>) -> RulesError {
        let (line, value) = (self.at(value.span().start), value.get_ref().clone());
        RulesError::Value { line, value, why: why.into() }
    }

    /// Tells what is not for a repository to say, before what is simply unknown.
    fn refuse_keys(&self, table: &DeTable<'_>) -> Result<(), RulesError> {
        for (key, value) in table {
            self.refuse_key(key.get_ref(), key.span().start)?;
            if let Some(table) = value.get_ref().as_table() {
                self.refuse_keys(table)?;
            }
            for item in value.get_ref().as_array().into_iter().flatten() {
                if let Some(table) = item.get_ref().as_table() {
                    self.refuse_keys(table)?;
                }
            }
        }
        Ok(())
    }

    fn refuse_key(&self, key: &str, position: usize) -> Result<(), RulesError> {
        let mut words = key.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
        let found = words.find_map(|word| NOT_HERE.iter().find(|(keys, _)| keys.contains(&word.as_str())));
        match found {
            Some((_, why)) => Err(RulesError::NotHere { line: self.at(position), key: key.to_owned(), why }),
            None => Ok(()),
        }
    }

    fn check_app(
        &self,
        id: &Spanned<String>,
        path: &Spanned<String>,
        known: &Rules,
    ) -> Result<(), RulesError> {
        let is_odd = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if id.get_ref().is_empty() || id.get_ref().len() > 100 || id.get_ref().contains(is_odd) {
            return Err(self.value(id, "an id is 1 to 100 letters, digits, dots, dashes and underscores"));
        }
        if known.apps.iter().any(|it| it.id == *id.get_ref()) {
            return Err(self.value(id, "another app has this id"));
        }
        if known.apps.iter().any(|it| it.path == *path.get_ref()) {
            return Err(self.value(path, "this path has an id already"));
        }
        let is_odd = |part: &str| part.is_empty() || part == "." || part == "..";
        if path.get_ref().split('/').any(is_odd) || path.get_ref().contains(char::is_control) {
            let why =
                "a path is of folders in the repository, without a slash at its ends and without . or ..";
            return Err(self.value(path, why));
        }
        Ok(())
    }
}

impl Carried {
    fn rule(self, lines: &Lines<'_>) -> Result<TravelRule, RulesError> {
        let apps = self.apps.as_ref().map(|it| it.get_ref().clone()).unwrap_or_default();
        let is_set = |flag: &Option<Spanned<bool>>| flag.as_ref().is_some_and(|it| *it.get_ref());
        let (whole, chart, target) =
            (is_set(&self.whole), is_set(&self.chart_version), is_set(&self.target_revision));
        if let Some(file) = &self.file {
            lines.check_file(file)?;
        }
        let what = match (&self.file, &self.field, &self.helm_value) {
            (Some(file), Some(field), None) if !whole && !chart && !target => {
                Travel::Field { file: file.get_ref().clone(), field: lines.field(field)? }
            }
            (Some(file), None, None) if whole && !chart && !target => {
                Travel::File { file: file.get_ref().clone() }
            }
            (None, None, Some(field)) if !whole && !chart && !target => {
                Travel::HelmValue { field: lines.field(field)? }
            }
            (None, None, None) if chart && !whole && !target => Travel::ChartVersion,
            (None, None, None) if target && !whole && !chart => Travel::TargetRevision,
            _ => {
                let spans = [&self.file, &self.field, &self.helm_value, &self.apps];
                let span = spans.into_iter().flatten().map(|it| it.span().start).min();
                let line = span.map_or(1, |it| lines.at(it));
                let why = "says one of: file and field; file and whole = true; helm_value; chart_version = true; \
                           target_revision = true";
                return Err(RulesError::Value { line, value: "travels".to_owned(), why: why.to_owned() });
            }
        };
        Ok(TravelRule { apps, what })
    }
}

impl Lines<'_> {
    fn field(&self, text: &Spanned<String>) -> Result<Field, RulesError> {
        let path: Path = text
            .get_ref()
            .parse()
            .map_err(|error: crate::git::edit::PathError| self.value(text, error.to_string()))?;
        Ok(Field::new(path))
    }

    fn check_file(&self, file: &Spanned<String>) -> Result<(), RulesError> {
        let is_odd = |part: &str| part.is_empty() || part == "." || part == "..";
        match file.get_ref().split('/').any(is_odd) || file.get_ref().contains(['\\', '\0']) {
            true => Err(self
                .value(file, "a file is named relative to the environment's folder, and does not leave it")),
            false => Ok(()),
        }
    }
}
