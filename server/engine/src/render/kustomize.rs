//! kustomize: which files a kustomization needs, what Argo CD changes in it before it builds, and how it is built.
//!
//! Sources: kustomize's kustomization file, Argo CD's `kustomize.Build`, which runs `kustomize edit` for each field.

mod overrides;
mod references;

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    error::{NotRendered, shown},
    files::{Chosen, Files},
    object, paths,
    source::{KUSTOMIZATIONS, Kustomize},
};
use references::{Kind, Reference, is_remote, references};

pub(super) use overrides::Naming;

/// Kustomizations within kustomizations.
const MOST_ROOTS: usize = 500;

/// Chooses the files that a build of the folder reads, with Argo CD's changes made.
pub(super) fn choose(
    files: &Files<'_>,
    folder: &str,
    changes: Option<&Kustomize>,
    naming: &Naming<'_>,
) -> Result<Chosen, NotRendered> {
    let mut closure = Closure { files, chosen: Chosen::default(), seen: BTreeSet::new() };
    let Some(file) = file_of(files, folder)? else {
        return Err(NotRendered::Missing { path: format!("{}/kustomization.yaml", shown(folder)) });
    };
    let changes =
        changes.filter(|it| **it != Kustomize { version: it.version.clone(), ..Kustomize::default() });
    match changes {
        None => closure.root(folder)?,
        Some(changes) => {
            let unreadable = |why| NotRendered::Unreadable { file: shown(&file), why };
            let mut value = object::value_of(&files.read(&file)?).map_err(unreadable)?;
            let exists = |path: &str| {
                let path = paths::normal(path, folder, "spec.source.kustomize.components")?;
                Ok(files.is_folder(&path)? || files.is_file(&path)?)
            };
            overrides::apply(&mut value, changes, naming, exists)?;
            let text = serde_saphyr::to_string(&value).map_err(|error| unreadable(error.to_string()))?;
            closure.seen.insert(folder.to_owned());
            closure.kustomization(folder, &file, &value)?;
            closure.chosen.put(file, text.into_bytes())?;
        }
    }
    Ok(closure.chosen)
}

/// Returns the arguments of a build with Argo CD's `kustomize.buildOptions`, where all of them are known to be safe.
///
/// # Errors
/// The first option that is not honoured, with the reason.
pub(super) fn arguments(options: &str) -> Result<Vec<String>, NotRendered> {
    let mut arguments = vec!["build".to_owned(), ".".to_owned()];
    let mut words = options.split_whitespace();
    while let Some(word) = words.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word, None),
        };
        let refuse = |why| Err(NotRendered::BuildOption { option: shown(word), why });
        match name {
            "--load-restrictor" | "--load_restrictor" => {
                let value = value.or_else(|| words.next().map(str::to_owned)).unwrap_or_default();
                if !["LoadRestrictionsNone", "LoadRestrictionsRootOnly"].contains(&value.as_str()) {
                    return refuse("kustomize has no such restriction");
                }
                arguments.push(format!("--load-restrictor={value}"));
            }
            "--enable-helm"
            | "--helm-command"
            | "--helm-api-versions"
            | "--helm-kube-version"
            | "--helm-debug" => {
                return refuse("kustomize would start Helm, which may fetch charts");
            }
            "--enable-alpha-plugins"
            | "--enable-exec"
            | "--enable-star"
            | "--network"
            | "--network-name"
            | "--mount"
            | "--as-current-user"
            | "-e"
            | "--env" => {
                return refuse("programs of a repository are never run");
            }
            "--reorder" => {
                let value = value.or_else(|| words.next().map(str::to_owned)).unwrap_or_default();
                if !["legacy", "none"].contains(&value.as_str()) {
                    return refuse("kustomize has no such order");
                }
                arguments.push(format!("--reorder={value}"));
            }
            "--enable-managedby-label" if value.is_none() => arguments.push(name.to_owned()),
            _ => return refuse("it is not among those that are known to be safe"),
        }
    }
    Ok(arguments)
}

struct Closure<'a, 'r> {
    files: &'a Files<'r>,
    chosen: Chosen,
    seen: BTreeSet<String>,
}

impl Closure<'_, '_> {
    /// Chooses what a folder with a kustomization needs.
    fn root(&mut self, folder: &str) -> Result<(), NotRendered> {
        if !self.seen.insert(folder.to_owned()) {
            return Ok(());
        }
        if self.seen.len() > MOST_ROOTS {
            return Err(NotRendered::TooLarge { what: format!("more than {MOST_ROOTS} kustomizations") });
        }
        for name in KUSTOMIZATIONS {
            let file = paths::join(folder, name);
            if !self.files.is_file(&file)? {
                continue;
            }
            self.files.choose(&mut self.chosen, &file)?;
            // kustomize says better what it does not understand; what would blow up it does not get to see.
            let value = object::value_of(&self.files.read(&file)?)
                .map_err(|why| NotRendered::Unreadable { file: shown(&file), why })?;
            self.kustomization(folder, &file, &value)?;
        }
        Ok(())
    }

    fn kustomization(&mut self, folder: &str, file: &str, value: &Value) -> Result<(), NotRendered> {
        if ["helmCharts", "helmChartInflationGenerator"].iter().any(|it| !is_empty(value.get(*it))) {
            let place = format!("helmCharts in {}", shown(file));
            return Err(NotRendered::Plugin { place, plugin: "Helm from within kustomize".to_owned() });
        }
        for reference in references(value) {
            self.reference(folder, file, &reference)?;
        }
        Ok(())
    }

    fn reference(&mut self, folder: &str, file: &str, reference: &Reference<'_>) -> Result<(), NotRendered> {
        let text = reference.text;
        // A text that may be a path, or anything else: what is there is written, the rest is none of ours.
        if reference.kind == Kind::Maybe {
            if let Ok(path) = paths::normal(text, folder, file)
                && !path.is_empty()
                && self.files.is_file(&path).unwrap_or(false)
            {
                self.files.choose(&mut self.chosen, &path)?;
            }
            return Ok(());
        }
        if text.contains("://") {
            return Err(NotRendered::Remote { file: shown(file), reference: shown(text) });
        }
        let path = paths::normal(text, folder, file)?;
        if self.files.is_file(&path)? {
            self.files.choose(&mut self.chosen, &path)?;
            if reference.kind == Kind::Config {
                self.config(folder, &path)?;
            }
        } else if self.files.is_folder(&path)? {
            if reference.kind == Kind::File {
                // Left to kustomize to refuse.
                return Ok(());
            }
            if file_of(self.files, &path)?.is_none() {
                let why = "it is a folder without a kustomization.yaml".to_owned();
                return Err(NotRendered::Unreadable {
                    file: shown(&path),
                    why: format!("{why}, named by {file}"),
                });
            }
            self.root(&path)?;
        } else if is_remote(text) {
            return Err(NotRendered::Remote { file: shown(file), reference: shown(text) });
        } else {
            return Err(NotRendered::Missing {
                path: format!("{}, which {} names,", shown(&path), shown(file)),
            });
        }
        Ok(())
    }

    /// The configuration of a generator or transformer: it may name files in turn, and must not name programs.
    fn config(&mut self, folder: &str, file: &str) -> Result<(), NotRendered> {
        // What is no YAML is kustomize's to refuse.
        for value in object::values_of(&self.files.read(file)?).unwrap_or_default() {
            references::refuse_programs(&value, file)?;
            for reference in references::maybe(&value) {
                self.reference(folder, file, &reference)?;
            }
        }
        Ok(())
    }
}

fn file_of(files: &Files<'_>, folder: &str) -> Result<Option<String>, NotRendered> {
    for name in KUSTOMIZATIONS {
        let file = paths::join(folder, name);
        if files.is_file(&file)? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    }
}
