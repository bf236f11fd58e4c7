//! Helm: which files a chart needs, and the arguments that Argo CD gives. Source: Argo CD's `helmTemplate`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    error::{NotRendered, shown},
    files::{Chosen, Files},
    kustomize::Naming,
    object, paths,
    source::Helm,
};

/// The file that holds `values` and `valuesObject`, at the root, which no repository can have.
const OWN_VALUES: &str = ".quarterdeck/values.yaml";

/// What a cluster has, as far as it is known: charts ask for it.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Capabilities {
    /// E.g. 1.33.2; Helm's own where it is empty.
    pub kube_version: String,
    /// E.g. monitoring.coreos.com/v1, or with /Kind.
    pub api_versions: Vec<String>,
}

/// Chooses the files of a chart, and returns the arguments to render it with.
pub(super) fn choose(
    files: &Files<'_>,
    folder: &str,
    helm: &Helm,
    naming: &Naming<'_>,
    capabilities: &Capabilities,
) -> Result<(Chosen, Vec<String>), NotRendered> {
    let mut chosen = Chosen::default();
    for path in files.below(folder, true)? {
        files.choose(&mut chosen, &path)?;
    }
    dependencies(files, folder, &chosen)?;

    let name = if helm.release_name.is_empty() { naming.application } else { &helm.release_name };
    let namespace = if helm.namespace.is_empty() { naming.namespace } else { &helm.namespace };
    let mut arguments = vec!["template".to_owned(), ".".to_owned()];
    let mut flag = |name: &str, value: &str| arguments.push(format!("--{name}={value}"));
    flag("name-template", &naming.fill(name));
    flag("namespace", namespace);
    let version = if helm.kube_version.is_empty() { &capabilities.kube_version } else { &helm.kube_version };
    if !version.is_empty() {
        flag("kube-version", version);
    }
    for parameter in &helm.parameters {
        let set = if parameter.force_string { "set-string" } else { "set" };
        flag(set, &format!("{}={}", parameter.name, escaped(&naming.fill(&parameter.value))));
    }
    for parameter in &helm.file_parameters {
        let path = value_file(files, folder, &naming.fill(&parameter.path))?;
        files.choose(&mut chosen, &path)?;
        flag("set-file", &format!("{}={}", parameter.name, escaped(&from(folder, &path))));
    }
    for file in &helm.value_files {
        let file = naming.fill(file);
        let path = value_file(files, folder, &file)?;
        if files.is_file(&path)? {
            files.choose(&mut chosen, &path)?;
            flag("values", &from(folder, &path));
        } else if !helm.ignore_missing_value_files {
            return Err(NotRendered::Missing { path: format!("the value file {}", shown(&path)) });
        }
    }
    if let Some(values) = own_values(helm, naming)? {
        chosen.put(OWN_VALUES.to_owned(), values.into_bytes())?;
        flag("values", &from(folder, OWN_VALUES));
    }
    let versions = if helm.api_versions.is_empty() { &capabilities.api_versions } else { &helm.api_versions };
    for version in versions {
        flag("api-versions", version);
    }
    let switches = [
        (!helm.skip_crds, "--include-crds"),
        (helm.skip_tests, "--skip-tests"),
        (helm.skip_schema_validation, "--skip-schema-validation"),
    ];
    arguments.extend(switches.iter().filter(|(is_on, _)| *is_on).map(|(_, switch)| (*switch).to_owned()));
    Ok((chosen, arguments))
}

fn value_file(files: &Files<'_>, folder: &str, text: &str) -> Result<String, NotRendered> {
    const PLACE: &str = "spec.source.helm.valueFiles";
    if text.starts_with('$') {
        return Err(NotRendered::OtherSource { value_file: shown(text) });
    }
    if text.contains("://") {
        return Err(NotRendered::Remote { file: PLACE.to_owned(), reference: shown(text) });
    }
    // From the root of the repository, as Argo CD has it.
    let path = match text.strip_prefix('/') {
        Some(rooted) => paths::normal(rooted, "", PLACE)?,
        None => paths::normal(text, folder, PLACE)?,
    };
    // Something may stand where it leads, and still not be there: /etc/passwd is no file of the repository.
    if text.starts_with('/') && !files.is_file(&path)? && !files.is_file(&paths::join(folder, &path))? {
        return Err(NotRendered::Missing { path: format!("{}, named in {PLACE},", shown(text)) });
    }
    Ok(path)
}

/// Returns the path of a file as seen from a folder.
fn from(folder: &str, path: &str) -> String {
    let up = folder.split('/').filter(|part| !part.is_empty()).count();
    format!("{}{path}", "../".repeat(up))
}

fn own_values(helm: &Helm, naming: &Naming<'_>) -> Result<Option<String>, NotRendered> {
    match &helm.values_object {
        Some(Value::Object(fields)) if !fields.is_empty() => {
            let text = serde_saphyr::to_string(fields)
                .map_err(|error| NotRendered::Source { why: format!("helm.valuesObject: {error}") })?;
            Ok(Some(naming.fill(&text)))
        }
        _ => Ok((!helm.values.is_empty()).then(|| naming.fill(&helm.values))),
    }
}

/// Escapes commas, at which Helm would begin another value; a list in braces is meant as one.
fn escaped(value: &str) -> String {
    if value.starts_with('{') && value.ends_with('}') {
        return value.to_owned();
    }
    let mut text = String::new();
    let mut before = None;
    for c in value.chars() {
        if c == ',' && before != Some('\\') {
            text.push('\\');
        }
        text.push(c);
        before = Some(c);
    }
    text
}

/// Refuses a chart whose dependencies are not all in its folder `charts`.
fn dependencies(files: &Files<'_>, folder: &str, chosen: &Chosen) -> Result<(), NotRendered> {
    let charts = paths::join(folder, "charts/");
    let there: BTreeSet<&str> = chosen
        .files
        .keys()
        .filter_map(|path| path.strip_prefix(&charts))
        .filter_map(|rest| rest.split('/').next())
        .collect();
    for file in ["Chart.yaml", "requirements.yaml"] {
        let file = paths::join(folder, file);
        if !files.is_file(&file)? {
            continue;
        }
        let chart = object::value_of(&files.read(&file)?)
            .map_err(|why| NotRendered::Unreadable { file: shown(&file), why })?;
        for dependency in chart.get("dependencies").and_then(Value::as_array).into_iter().flatten() {
            let text = |field: &str| dependency.get(field).and_then(Value::as_str).unwrap_or_default();
            let name = text("name");
            let packed = format!("{name}-");
            let is_there = |it: &&str| **it == *name || (it.starts_with(&packed) && it.ends_with(".tgz"));
            if !name.is_empty() && !there.iter().any(is_there) {
                let from = text("repository");
                let from = if from.is_empty() { String::new() } else { format!(" of {}", shown(from)) };
                let (dependency, folder) = (shown(name), shown(charts.trim_end_matches('/')));
                return Err(NotRendered::Dependency { file: shown(&file), dependency, from, folder });
            }
        }
    }
    Ok(())
}
