//! What a tool says when it fails, fit for a page: paths as the repository has them, and no secrets.

use std::{collections::BTreeSet, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{
    files::{Chosen, Files},
    object,
    tool::TREE,
};

/// Characters of a message.
const LONGEST: usize = 2_000;
/// Shorter texts are in every message.
const SHORTEST: usize = 4;
/// Words in the names of what is secret.
const NAMES: [&str; 8] =
    ["password", "passwd", "secret", "token", "apikey", "api_key", "private", "credential"];

/// Texts of the files that were rendered, which a message must not hold.
pub(super) struct Secrets(BTreeSet<String>);

impl Secrets {
    /// Collects what Secrets, generators of Secrets and values with telling names hold.
    pub(super) fn of(files: &Files<'_>, chosen: &Chosen, arguments: &[String]) -> Self {
        let mut secrets = Self(BTreeSet::new());
        for path in chosen.files.keys() {
            // What is no YAML has no fields; what is named as secret is one by its name.
            let Ok(bytes) = files.read(path) else { continue };
            if is_secret_name(path) {
                String::from_utf8_lossy(&bytes).lines().for_each(|line| secrets.assignment(line));
            }
            for value in object::values_of(&bytes).unwrap_or_default() {
                secrets.look(&value);
            }
        }
        for argument in arguments.iter().filter(|it| is_secret_name(it)) {
            secrets.assignment(argument.split_once('=').map_or("", |(_, set)| set));
        }
        secrets
    }

    fn look(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.look(item)),
            Value::Object(fields) => {
                let is_secret = fields.get("kind").and_then(Value::as_str) == Some("Secret");
                for (name, value) in fields {
                    if (is_secret && ["data", "stringData"].contains(&name.as_str())) || is_secret_name(name)
                    {
                        self.all(value);
                    }
                    self.look(value);
                }
            }
            _ => {}
        }
    }

    fn all(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.all(item)),
            Value::Object(fields) => fields.values().for_each(|value| self.all(value)),
            Value::String(text) => self.assignment(text),
            Value::Number(number) => self.add(&number.to_string()),
            _ => {}
        }
    }

    /// Adds a text, what stands behind its equals sign, and what it is decoded.
    fn assignment(&mut self, text: &str) {
        self.add(text);
        if let Some((_, value)) = text.split_once('=') {
            self.add(value);
        }
        if let Some(plain) = STANDARD.decode(text.trim()).ok().and_then(|it| String::from_utf8(it).ok()) {
            self.add(&plain);
        }
    }

    fn add(&mut self, text: &str) {
        let lines = text.lines().map(|line| line.trim().trim_matches(['"', '\'']));
        self.0.extend(lines.filter(|line| line.len() >= SHORTEST).map(str::to_owned));
    }
}

/// Makes a message of what a tool printed to its standard error.
pub(super) fn message(complaint: &str, root: &Path, secrets: &Secrets) -> String {
    let tree = format!("{}/{TREE}", root.display());
    let mut text = complaint.to_owned();
    for place in [format!("{tree}/"), format!("/{TREE}/")] {
        text = text.replace(&place, "");
    }
    for place in [tree, format!("/{TREE}"), root.display().to_string()] {
        text = text.replace(&place, "the repository");
    }
    let mut longest_first: Vec<_> = secrets.0.iter().collect();
    longest_first.sort_by_key(|text| std::cmp::Reverse(text.len()));
    for secret in longest_first {
        text = text.replace(secret, "(hidden)");
    }
    // Warnings come first, and the error last.
    let begins = text.lines().position(|line| line.starts_with("Error"));
    let lines: Vec<_> = text.lines().skip(begins.unwrap_or_default()).map(str::trim).collect();
    let text = lines.join(" ");
    let text = text.strip_prefix("Error: ").unwrap_or(&text);
    let plain: String = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    if plain.is_empty() { "it says nothing".to_owned() } else { plain }
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase();
    NAMES.iter().any(|it| name.contains(it))
}
