//! What an Application's `spec.source.kustomize` changes in the kustomization, as `kustomize edit` does it.

use serde_json::{Map, Value, json};

use crate::render::{
    error::{NotRendered, shown},
    source::{Kustomize, Replicas},
};

/// What stands for `$ARGOCD_APP_…` in texts of an Application.
pub(in crate::render) struct Naming<'a> {
    pub(in crate::render) application: &'a str,
    pub(in crate::render) namespace: &'a str,
    pub(in crate::render) project: &'a str,
    pub(in crate::render) path: &'a str,
    pub(in crate::render) revision: &'a str,
}

impl Naming<'_> {
    /// Puts Argo CD's variables into a text; those that are not known stay. Source: Argo CD's build environment.
    pub(in crate::render) fn fill(&self, text: &str) -> String {
        let short = self.revision.get(..7).unwrap_or(self.revision);
        let known = [
            ("ARGOCD_APP_NAMESPACE", self.namespace),
            ("ARGOCD_APP_NAME", self.application),
            ("ARGOCD_APP_PROJECT_NAME", self.project),
            ("ARGOCD_APP_REVISION_SHORT", short),
            ("ARGOCD_APP_REVISION", self.revision),
            ("ARGOCD_APP_SOURCE_PATH", self.path),
        ];
        if !text.contains('$') {
            return text.to_owned();
        }
        // The longer names first: some begin with others.
        let mut known = known.to_vec();
        known.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        known.into_iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("${{{name}}}"), value).replace(&format!("${name}"), value)
        })
    }
}

/// Makes the changes.
pub(super) fn apply(
    kustomization: &mut Value,
    changes: &Kustomize,
    naming: &Naming<'_>,
    exists: impl Fn(&str) -> Result<bool, NotRendered>,
) -> Result<(), NotRendered> {
    if kustomization.is_null() {
        *kustomization = json!({});
    }
    let Value::Object(fields) = kustomization else {
        return Err(NotRendered::Source { why: "its kustomization is no mapping".to_owned() });
    };
    for (name, value) in [
        ("namePrefix", &changes.name_prefix),
        ("nameSuffix", &changes.name_suffix),
        ("namespace", &changes.namespace),
    ] {
        if !value.is_empty() {
            fields.insert(name.to_owned(), json!(naming.fill(value)));
        }
    }
    for image in &changes.images {
        set_image(fields, &naming.fill(image));
    }
    for replicas in &changes.replicas {
        set_replicas(fields, replicas)?;
    }
    labels(fields, changes)?;
    annotations(fields, changes, naming)?;
    for component in &changes.components {
        if !changes.ignore_missing_components || exists(component)? {
            push(fields, "components", json!(component));
        }
    }
    for patch in &changes.patches {
        push(fields, "patches", patch.clone());
    }
    Ok(())
}

/// `kustomize edit set image`: an entry of this name is replaced, and parts given as `*` are kept.
fn set_image(fields: &mut Map<String, Value>, text: &str) {
    let (name, rest) = text.split_once('=').map_or((None, text), |(name, rest)| (Some(name), rest));
    let (rest, digest) = rest.split_once('@').map_or((rest, None), |(rest, digest)| (rest, Some(digest)));
    // A colon before a slash is that of a port.
    let colon = rest.rfind(':').filter(|at| !rest[*at..].contains('/'));
    let (new_name, tag) = colon.map_or((rest, None), |at| (&rest[..at], Some(&rest[at + 1..])));
    let own = name.unwrap_or(new_name);
    let mut entries = take_list(fields, "images");
    let old = entries.iter().position(|it| it.get("name").and_then(Value::as_str) == Some(own));
    let old = old.map(|at| entries.remove(at)).unwrap_or_default();
    let kept = |field: &str, value: Option<&str>| match value {
        Some("*") => old.get(field).cloned(),
        value => value.map(|text| json!(text)),
    };
    let mut entry = json!({"name": own});
    let parts = [("newName", name.map(|_| new_name)), ("newTag", tag), ("digest", digest)];
    for (field, value) in parts {
        if let Some(value) = kept(field, value)
            && value != json!("")
        {
            entry[field] = value;
        }
    }
    entries.push(entry);
    fields.insert("images".to_owned(), Value::Array(entries));
}

fn set_replicas(fields: &mut Map<String, Value>, replicas: &Replicas) -> Result<(), NotRendered> {
    let Replicas { name, count } = replicas;
    let number = count.as_i64().or_else(|| count.as_str().and_then(|text| text.parse().ok()));
    let number = number.ok_or_else(|| NotRendered::Source {
        why: format!("the replicas of {:?} are no number", shown(name)),
    })?;
    let mut entries = take_list(fields, "replicas");
    entries.retain(|it| it.get("name").and_then(Value::as_str) != Some(name));
    entries.push(json!({"name": name, "count": number}));
    fields.insert("replicas".to_owned(), Value::Array(entries));
    Ok(())
}

/// `kustomize edit add label`.
fn labels(fields: &mut Map<String, Value>, changes: &Kustomize) -> Result<(), NotRendered> {
    if changes.common_labels.is_empty() {
        return Ok(());
    }
    if changes.label_without_selector || changes.label_include_templates {
        let pairs = json!(changes.common_labels);
        let templates = changes.label_include_templates;
        push(fields, "labels", json!({"pairs": pairs, "includeTemplates": templates}));
        return Ok(());
    }
    let pairs = changes.common_labels.iter().map(|(key, value)| (key, value.clone()));
    add(fields, "commonLabels", pairs, changes.force_common_labels)
}

/// `kustomize edit add annotation`.
fn annotations(
    fields: &mut Map<String, Value>,
    changes: &Kustomize,
    naming: &Naming<'_>,
) -> Result<(), NotRendered> {
    let fill = |value: &String| {
        if changes.common_annotations_envsubst { naming.fill(value) } else { value.clone() }
    };
    let pairs = changes.common_annotations.iter().map(|(key, value)| (key, fill(value)));
    add(fields, "commonAnnotations", pairs, changes.force_common_annotations)
}

fn add<'k>(
    fields: &mut Map<String, Value>,
    field: &str,
    pairs: impl Iterator<Item = (&'k String, String)>,
    force: bool,
) -> Result<(), NotRendered> {
    for (key, value) in pairs {
        let there = fields.entry(field).or_insert_with(|| json!({}));
        if !there.is_object() {
            *there = json!({});
        }
        if !force && there.get(key).is_some() {
            let message =
                format!("{field} has {:?} already, and spec.source.kustomize does not force it", shown(key));
            return Err(NotRendered::Build { tool: "kustomize edit".to_owned(), message });
        }
        there[key] = json!(value);
    }
    Ok(())
}

fn push(fields: &mut Map<String, Value>, field: &str, item: Value) {
    let mut items = take_list(fields, field);
    items.push(item);
    fields.insert(field.to_owned(), Value::Array(items));
}

fn take_list(fields: &mut Map<String, Value>, field: &str) -> Vec<Value> {
    match fields.remove(field) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}
