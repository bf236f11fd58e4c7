//! The objects that came of rendering, read within bounds. What is secret is masked here, before anything keeps it.

use std::{collections::BTreeMap, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use serde::Serialize;
use serde_json::Value;
use serde_saphyr::{DuplicateKeyPolicy, Options};
use sha2::Sha256;

use super::error::shown;

/// More objects are not looked at.
const MOST_OBJECTS: usize = 20_000;
/// What kubectl keeps a whole object in, secrets included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Which object it is. All of it comes from the repository: never a path, never a part of one (attack case A3).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectId {
    pub api_version: String,
    pub kind: String,
    /// None where the manifest gives none: the destination's then, or the object has none.
    pub namespace: Option<String>,
    pub name: String,
}

/// An object with its secrets masked.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    pub id: ObjectId,
    pub value: Value,
}

/// Makes marks of secrets: equal ones for equal values, and nothing that tells the value.
#[derive(Clone)]
pub struct Mask([u8; 32]);

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask")
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", shown(&self.kind), shown(&self.name))?;
        match &self.namespace {
            Some(namespace) => write!(f, " in {}", shown(namespace)),
            None => Ok(()),
        }
    }
}

impl ObjectId {
    /// Returns the API group; empty for the core.
    pub fn group(&self) -> &str {
        self.api_version.rsplit_once('/').map_or("", |(group, _)| group)
    }
}

impl Mask {
    /// Marks by this key. Whoever has it could try values out: it is a secret itself.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Returns the mark of a value.
    pub fn mark(&self, value: &[u8]) -> String {
        let mark = Hmac::<Sha256>::new_from_slice(&self.0).map(|hmac| hmac.chain_update(value).finalize());
        let mark = mark.map(|mark| hex::encode(&mark.into_bytes()[..6])).unwrap_or_default();
        format!("hidden:{mark}")
    }

    /// Masks the Secrets in an object, wherever in it they are.
    fn hide(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide(item)),
            Value::Object(fields) => {
                if fields.get("kind").and_then(Value::as_str) == Some("Secret") {
                    for (name, encoded) in [("data", true), ("stringData", false)] {
                        if let Some(values) = fields.get_mut(name) {
                            self.hide_values(values, encoded);
                        }
                    }
                }
                if let Some(Value::Object(annotations)) = fields.get_mut("annotations") {
                    annotations.remove(LAST_APPLIED);
                }
                fields.values_mut().for_each(|value| self.hide(value));
            }
            _ => {}
        }
    }

    fn hide_values(&self, values: &mut Value, encoded: bool) {
        match values {
            Value::Object(fields) => fields.values_mut().for_each(|value| self.hide_values(value, encoded)),
            Value::Null => {}
            value => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let plain = encoded.then(|| STANDARD.decode(text.trim()).ok()).flatten();
                *value = Value::String(self.mark(&plain.unwrap_or_else(|| text.into_bytes())));
            }
        }
    }
}

/// Reads a single document, e.g. a kustomization; null where there is none.
pub(super) fn value_of(bytes: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| sentence(&error))
}

/// Reads all documents; those without content are left out.
pub(super) fn values_of(bytes: &[u8]) -> Result<Vec<Value>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let values: Vec<Value> =
        serde_saphyr::from_multiple_with_options(text, options()).map_err(|error| sentence(&error))?;
    Ok(values.into_iter().filter(|value| !value.is_null()).collect())
}

/// Makes objects of documents, lists taken apart, secrets masked.
pub(super) fn objects_of(values: Vec<Value>, mask: &Mask) -> Result<Vec<Object>, String> {
    let mut objects = Vec::new();
    for mut value in values {
        mask.hide(&mut value);
        take(value, &mut objects)?;
    }
    // Of two with one identity Argo CD takes the later one.
    let mut last = BTreeMap::new();
    for (at, object) in objects.iter().enumerate() {
        last.insert(object.id.clone(), at);
    }
    let mut at = 0..;
    objects.retain(|object| last.get(&object.id) == at.next().as_ref());
    Ok(objects)
}

fn take(value: Value, objects: &mut Vec<Object>) -> Result<(), String> {
    let text = |value: &Value, at: &str| match value.pointer(at) {
        Some(Value::String(text)) => Some(text.clone()),
        // A name like 1.0 without quotes.
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let kind = text(&value, "/kind").filter(|kind| !kind.is_empty());
    let kind = kind.ok_or("a document has no kind, so it is no object of Kubernetes")?;
    if kind.ends_with("List") && value.get("items").is_some_and(Value::is_array) {
        let Value::Object(mut fields) = value else { return Ok(()) };
        let Some(Value::Array(items)) = fields.remove("items") else { return Ok(()) };
        return items.into_iter().try_for_each(|item| take(item, objects));
    }
    if objects.len() >= MOST_OBJECTS {
        return Err(format!("there are more than {MOST_OBJECTS} objects"));
    }
    let name = text(&value, "/metadata/name")
        .or_else(|| text(&value, "/metadata/generateName"))
        .ok_or_else(|| format!("an object of kind {} has no name", shown(&kind)))?;
    let id = ObjectId {
        api_version: text(&value, "/apiVersion").unwrap_or_default(),
        kind,
        namespace: text(&value, "/metadata/namespace").filter(|it| !it.is_empty()),
        name,
    };
    objects.push(Object { id, value });
    Ok(())
}

/// The bounds are those of edits, for many documents. What YAML 1.1 reads as numbers and truths, Kubernetes does, too.
fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 64,
            max_nodes: 2_000_000,
            max_events: 5_000_000,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_documents: MOST_OBJECTS,
            max_total_scalar_bytes: 64_000_000,
        },
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        legacy_octal_numbers: true,
        with_snippet: false,
    }
}

/// The first line alone: others may quote what is written there.
fn sentence(error: &serde_saphyr::Error) -> String {
    shown(error.to_string().lines().next().unwrap_or_default())
}
