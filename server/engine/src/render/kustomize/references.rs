//! What a kustomization names: files, folders, and what lies elsewhere.

use serde_json::Value;

use crate::render::error::{NotRendered, shown};

/// Deeper values are not looked into: a kustomization has none.
const DEEPEST: usize = 16;

pub(super) struct Reference<'v> {
    pub(super) kind: Kind,
    pub(super) text: &'v str,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A file, or a folder with a kustomization.
    Root,
    /// As [`Kind::Root`]; a file configures a plugin.
    Config,
    File,
    /// A file where there is one, else a text.
    Maybe,
}

/// Returns all that a kustomization names.
pub(super) fn references(value: &Value) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    let mut list = |field: &str, kind: Kind| {
        let items = value.get(field).and_then(Value::as_array).into_iter().flatten();
        found.extend(items.filter_map(Value::as_str).map(|text| {
            // The same fields take YAML in place of its file.
            let kind = if text.contains('\n') { Kind::Maybe } else { kind };
            Reference { kind, text }
        }));
    };
    for field in ["resources", "bases", "components"] {
        list(field, Kind::Root);
    }
    for field in ["generators", "transformers", "validators"] {
        list(field, Kind::Config);
    }
    for field in ["crds", "configurations", "patchesStrategicMerge"] {
        list(field, Kind::File);
    }
    for field in ["patches", "patchesJson6902", "replacements"] {
        let items = value.get(field).and_then(Value::as_array).into_iter().flatten();
        let paths = items.filter_map(|item| item.get("path").and_then(Value::as_str));
        found.extend(paths.map(|text| Reference { kind: Kind::File, text }));
    }
    let schema = value.pointer("/openapi/path").and_then(Value::as_str);
    found.extend(schema.map(|text| Reference { kind: Kind::File, text }));
    for field in ["configMapGenerator", "secretGenerator"] {
        generated(value.get(field), &mut found);
    }
    // Fields that are not known here.
    found.extend(maybe(value));
    found
}

/// Returns the texts of a value that may be paths.
pub(super) fn maybe(value: &Value) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    texts(value, DEEPEST, &mut |text| {
        let path = text.split_once('=').map_or(text, |(_, path)| path);
        if !path.is_empty() && path.len() <= 1_000 && !path.contains('\n') {
            found.push(Reference { kind: Kind::Maybe, text: path });
        }
    });
    found
}

/// Refuses a configuration that names a program or an image to run.
pub(super) fn refuse_programs(value: &Value, file: &str) -> Result<(), NotRendered> {
    let annotation = "/metadata/annotations/config.kubernetes.io~1function";
    let is_function = value.pointer(annotation).is_some();
    let is_chart = value.get("kind").and_then(Value::as_str) == Some("HelmChartInflationGenerator");
    let is_foreign = value
        .get("apiVersion")
        .and_then(Value::as_str)
        .is_some_and(|version| version != "builtin" && !version.is_empty());
    if is_function || is_chart || is_foreign {
        let plugin =
            if is_chart { "Helm from within kustomize" } else { "a program that the repository names" };
        return Err(NotRendered::Plugin { place: shown(file), plugin: plugin.to_owned() });
    }
    Ok(())
}

/// Whether kustomize would take a text, which names nothing in the repository, for a place to fetch from.
pub(super) fn is_remote(text: &str) -> bool {
    let text = text.to_lowercase();
    let starts = ["git@", "git::", "ssh:", "gh:", "github.com"];
    let host = text.split(['/', ':']).next().unwrap_or_default();
    text.contains("://")
        || text.contains("?ref=")
        || text.contains("//")
        || starts.iter().any(|it| text.starts_with(it))
        || (text.contains('/') && host.contains('.') && !host.starts_with('.'))
}

fn generated<'v>(generators: Option<&'v Value>, found: &mut Vec<Reference<'v>>) {
    for generator in generators.and_then(Value::as_array).into_iter().flatten() {
        for field in ["files", "envs"] {
            let items = generator.get(field).and_then(Value::as_array).into_iter().flatten();
            let texts = items.filter_map(Value::as_str);
            // Of a file, its key may be given.
            let paths = texts.map(|text| text.split_once('=').map_or(text, |(_, path)| path));
            found.extend(paths.map(|text| Reference { kind: Kind::File, text }));
        }
        let env = generator.get("env").and_then(Value::as_str);
        found.extend(env.map(|text| Reference { kind: Kind::File, text }));
    }
}

fn texts<'v>(value: &'v Value, depth: usize, take: &mut impl FnMut(&'v str)) {
    if depth == 0 {
        return;
    }
    match value {
        Value::String(text) => take(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, depth - 1, take)),
        Value::Object(fields) => fields.values().for_each(|item| texts(item, depth - 1, take)),
        _ => {}
    }
}
