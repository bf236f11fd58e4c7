//! Layouts that rules name: patterns of folders or files with `{app}`, `{environment}` and `{region}`.

use regex::Regex;

use super::{
    Layout, Place,
    helm::VALUES,
    kustomize, last_of,
    shelf::{Shelf, is_yaml},
    sketch::{Sketch, Where},
    split,
    words::{Named, Words},
};
use crate::git::rules::{LayoutRule, Rules};

/// Finds what the patterns match; it is taken before what is found without rules.
pub(super) fn find(shelf: &Shelf<'_>, rules: &Rules, words: &Words, sketch: &mut Sketch) {
    for rule in &rules.layouts {
        // A pattern that is none was refused where the rules were read.
        let Ok(pattern) = Pattern::compile(rule) else { continue };
        for (folder, files) in shelf.folders() {
            if sketch.is_taken(folder) {
                continue;
            }
            if pattern.of_files {
                for file in files.iter().filter(|file| is_yaml(file)) {
                    if let Some((base, at)) = pattern.matching(&file.path, words, sketch) {
                        let files = vec![(VALUES.to_owned(), file.path.clone())];
                        sketch.add(&base, Layout::Helm, at, Place { files, ..Place::default() });
                    }
                }
            } else if let Some((base, at)) = pattern.matching(folder, words, sketch) {
                let folder_of =
                    |layout| (layout, Place { folder: Some(folder.to_owned()), ..Place::default() });
                let is_values = |name: &str| name.starts_with("values") || name == "Chart.yaml";
                let (layout, place) = match kustomize::kustomization(files) {
                    Some(file) => (Layout::Kustomize, kustomize::place(folder, file)),
                    None if files.iter().any(|it| is_values(last_of(&it.path))) => folder_of(Layout::Helm),
                    None => folder_of(Layout::Plain),
                };
                sketch.add(&base, layout, at, place);
            }
        }
    }
}

/// A pattern of paths.
pub(in crate::git) struct Pattern {
    regex: Regex,
    /// With the environment and the region as stars.
    base: String,
    of_files: bool,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What is no pattern, in words.
    pub(in crate::git) fn compile(rule: &LayoutRule) -> Result<Self, String> {
        let text = &rule.pattern;
        if text.split('/').any(|part| ["", ".", ".."].contains(&part)) {
            return Err(
                "it is a path in the repository, without a slash at its ends and without . or ..".to_owned()
            );
        }
        let (mut regex, mut rest, mut seen) = ("^".to_owned(), text.as_str(), Vec::new());
        while let Some((literal, tail)) = rest.split_once('{') {
            let (name, tail) = tail.split_once('}').ok_or("a brace is not closed")?;
            regex.push_str(&literal_of(literal)?);
            let group = match name {
                "app" | "region" => "[^/]+",
                "environment" => "[^/]+?",
                _ => {
                    return Err(format!(
                        "{{{name}}} is not known; use {{app}}, {{environment}} and {{region}}"
                    ));
                }
            };
            if seen.contains(&name) {
                return Err(format!("{{{name}}} stands twice"));
            }
            seen.push(name);
            regex.push_str(&format!("(?P<{name}>{group})"));
            rest = tail;
        }
        regex.push_str(&literal_of(rest)?);
        regex.push('$');
        if !seen.contains(&"environment") {
            return Err("it needs {environment}".to_owned());
        }
        let regex = Regex::new(&regex).map_err(|error| error.to_string())?;
        let of_files = [".yaml", ".yml", ".json"].iter().any(|end| text.ends_with(end));
        Ok(Self { regex, base: base_of_pattern(text, of_files), of_files })
    }

    fn matching(&self, path: &str, words: &Words, sketch: &mut Sketch) -> Option<(String, Where)> {
        let found = self.regex.captures(path)?;
        let environment = found.name("environment")?.as_str();
        let named_region = found.name("region").map(|it| it.as_str().to_owned());
        let at = match words.named_in(environment) {
            Named::One(stage) => {
                let region = named_region.or_else(|| stage.region());
                Where { environment: stage.environment, region }
            }
            Named::Nothing => Where { environment: environment.to_owned(), region: named_region },
            Named::Several(environments) => {
                sketch
                    .tell(path, format!("its environment could be {}; rename it", environments.join(" or ")));
                return None;
            }
        };
        let app = found.name("app").map_or("", |it| it.as_str());
        let base = self.base.replace("{app}", app);
        if !app.is_empty() {
            sketch.name(&base, app);
        }
        Some((base, at))
    }
}

/// The base path that a pattern gives: what stands before the environment, or, where the app comes later, all of it with
/// a star for the rest.
fn base_of_pattern(text: &str, of_files: bool) -> String {
    let folder = if of_files { split(text).0 } else { text };
    let parts: Vec<_> = folder.split('/').collect();
    let is_other = |part: &&str| part.contains("{environment}") || part.contains("{region}");
    let at = parts.iter().position(is_other).unwrap_or(parts.len());
    let app = text.split('/').position(|part| part.contains("{app}"));
    if app.is_none_or(|app| app < at) {
        let is_holder = parts[..at].last().is_some_and(|part| kustomize::HOLDERS.contains(part));
        return parts[..at - usize::from(is_holder)].join("/");
    }
    text.replace("{environment}", "*").replace("{region}", "*")
}

fn literal_of(text: &str) -> Result<String, String> {
    match text.contains(['*', '}', '\\']) {
        true => {
            Err("only {app}, {environment} and {region} stand for something; stars and backslashes do not"
                .to_owned())
        }
        false => Ok(regex::escape(text)),
    }
}
