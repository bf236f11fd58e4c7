//! What is to be rendered: the shape of an Application's `spec.source`, and what Argo CD makes of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{error::NotRendered, files::Files, paths};

/// The files by which kustomize knows a folder, in its order.
pub(super) const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// An Application's `spec.source`. What is not known is let be, for Argo CD gets new fields.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceSpec {
    #[serde(deserialize_with = "lenient")]
    pub path: String,
    pub chart: Option<String>,
    pub helm: Option<Helm>,
    pub kustomize: Option<Kustomize>,
    pub directory: Option<Directory>,
    pub plugin: Option<Value>,
}

/// `spec.source.helm`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Helm {
    #[serde(deserialize_with = "lenient")]
    pub release_name: String,
    #[serde(deserialize_with = "lenient")]
    pub value_files: Vec<String>,
    #[serde(deserialize_with = "lenient")]
    pub ignore_missing_value_files: bool,
    #[serde(deserialize_with = "lenient")]
    pub values: String,
    pub values_object: Option<Value>,
    #[serde(deserialize_with = "lenient")]
    pub parameters: Vec<Parameter>,
    #[serde(deserialize_with = "lenient")]
    pub file_parameters: Vec<FileParameter>,
    #[serde(deserialize_with = "lenient")]
    pub skip_crds: bool,
    #[serde(deserialize_with = "lenient")]
    pub skip_tests: bool,
    #[serde(deserialize_with = "lenient")]
    pub skip_schema_validation: bool,
    #[serde(deserialize_with = "lenient")]
    pub namespace: String,
    #[serde(deserialize_with = "lenient")]
    pub kube_version: String,
    #[serde(deserialize_with = "lenient")]
    pub api_versions: Vec<String>,
}

/// A value of `spec.source.helm.parameters`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Parameter {
    pub name: String,
    #[serde(deserialize_with = "lenient")]
    pub value: String,
    #[serde(deserialize_with = "lenient")]
    pub force_string: bool,
}

/// A value of `spec.source.helm.fileParameters`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct FileParameter {
    pub name: String,
    pub path: String,
}

/// `spec.source.kustomize`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Kustomize {
    #[serde(deserialize_with = "lenient")]
    pub name_prefix: String,
    #[serde(deserialize_with = "lenient")]
    pub name_suffix: String,
    #[serde(deserialize_with = "lenient")]
    pub namespace: String,
    #[serde(deserialize_with = "lenient")]
    pub images: Vec<String>,
    #[serde(deserialize_with = "lenient")]
    pub replicas: Vec<Replicas>,
    #[serde(deserialize_with = "lenient")]
    pub patches: Vec<Value>,
    #[serde(deserialize_with = "lenient")]
    pub components: Vec<String>,
    #[serde(deserialize_with = "lenient")]
    pub ignore_missing_components: bool,
    #[serde(deserialize_with = "lenient")]
    pub common_labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "lenient")]
    pub common_annotations: BTreeMap<String, String>,
    #[serde(deserialize_with = "lenient")]
    pub common_annotations_envsubst: bool,
    #[serde(deserialize_with = "lenient")]
    pub force_common_labels: bool,
    #[serde(deserialize_with = "lenient")]
    pub force_common_annotations: bool,
    #[serde(deserialize_with = "lenient")]
    pub label_without_selector: bool,
    #[serde(deserialize_with = "lenient")]
    pub label_include_templates: bool,
    #[serde(deserialize_with = "lenient")]
    pub version: String,
}

/// A value of `spec.source.kustomize.replicas`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct Replicas {
    pub name: String,
    /// A number, or a number as text.
    pub count: Value,
}

/// `spec.source.directory`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct Directory {
    #[serde(deserialize_with = "lenient")]
    pub recurse: bool,
    #[serde(deserialize_with = "lenient")]
    pub include: String,
    #[serde(deserialize_with = "lenient")]
    pub exclude: String,
}

/// By what a source is rendered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Renders {
    Kustomize,
    Helm,
    Directory,
}

impl SourceSpec {
    /// Reads a `spec.source`.
    ///
    /// # Errors
    /// A field that is not what Argo CD has there.
    pub fn read(source: &Value) -> Result<Self, NotRendered> {
        Self::deserialize(source).map_err(|error| NotRendered::Source { why: error.to_string() })
    }

    /// Returns the source as the files beside the manifests change it: `.argocd-source.yaml`, then the Application's
    /// own. Source: Argo CD's `mergeSourceParameters`.
    pub(super) fn overridden(&self, files: &Files<'_>, application: &str) -> Result<Self, NotRendered> {
        let folder = paths::normal(&self.path, "", "spec.source.path")?;
        let unreadable = |file: &str, why: String| NotRendered::Unreadable { file: file.to_owned(), why };
        let mut source = None;
        for name in [".argocd-source.yaml".to_owned(), format!(".argocd-source-{application}.yaml")] {
            let file = paths::join(&folder, &name);
            if name.contains('/') || !files.is_file(&file)? {
                continue;
            }
            let patch = super::object::value_of(&files.read(&file)?).map_err(|why| unreadable(&file, why))?;
            let whole = match source.take() {
                Some(whole) => whole,
                None => serde_json::to_value(self).map_err(|error| unreadable(&file, error.to_string()))?,
            };
            let mut whole: Value = whole;
            json_patch::merge(&mut whole, &patch);
            source = Some(whole);
        }
        match source {
            Some(source) => {
                // Where it is does not change with what is there.
                Ok(Self { path: self.path.clone(), chart: self.chart.clone(), ..Self::read(&source)? })
            }
            None => Ok(self.clone()),
        }
    }

    /// Returns by what it is rendered. Source: Argo CD's `ExplicitType`, else its discovery.
    pub(super) fn renders(&self, files: &Files<'_>, folder: &str) -> Result<Renders, NotRendered> {
        if let Some(chart) = self.chart.as_ref().filter(|it| !it.is_empty()) {
            return Err(NotRendered::Registry { chart: chart.clone() });
        }
        if self.plugin.is_some() {
            let place = "the source".to_owned();
            return Err(NotRendered::Plugin { place, plugin: "a plugin for config management".to_owned() });
        }
        let given = [
            (self.kustomize.as_ref().is_some_and(|it| *it != Kustomize::default()), Renders::Kustomize),
            (self.helm.as_ref().is_some_and(|it| *it != Helm::default()), Renders::Helm),
            (self.directory.as_ref().is_some_and(|it| *it != Directory::default()), Renders::Directory),
        ];
        let mut given = given.into_iter().filter(|(is_given, _)| *is_given).map(|(_, renders)| renders);
        match (given.next(), given.next()) {
            (Some(renders), None) => return Ok(renders),
            (Some(_), Some(_)) => {
                let why = "it has fields of more than one of kustomize, helm and directory".to_owned();
                return Err(NotRendered::Source { why });
            }
            (None, _) => {}
        }
        if files.is_file(&paths::join(folder, "Chart.yaml"))? {
            return Ok(Renders::Helm);
        }
        for name in KUSTOMIZATIONS {
            if files.is_file(&paths::join(folder, name))? {
                return Ok(Renders::Kustomize);
            }
        }
        Ok(Renders::Directory)
    }
}

/// Takes null for nothing, as Kubernetes does.
fn lenient<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
