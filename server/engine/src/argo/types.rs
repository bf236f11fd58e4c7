//! Argo CD's objects, as far as Quarterdeck reads them: what no page shows is dropped while parsing.
//!
//! Lenient on purpose: each field that is not needed to name an object has a default, and words are parsed later, so
//! that a newer Argo CD (3.3 to 3.6 add fields and words) is read as well. Source: Argo CD's
//! `pkg/apis/application/v1alpha1/types.go`.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;
use k8s_openapi::{NamespaceResourceScope, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::Resource;
use serde::{Deserialize, Deserializer, Serialize};

/// The annotation that asks the controller to compare again (`normal` or `hard`).
pub const REFRESH: &str = "argocd.argoproj.io/refresh";

/// The `operation.info` entry that names our row in the record.
pub const AUDIT_ID: &str = "quarterdeck-audit-id";

/// A resourceVersion as a number, which it is for all built-in storage.
pub fn version_number(version: Option<&str>) -> i64 {
    version.and_then(|version| version.parse().ok()).unwrap_or(0)
}

macro_rules! argo_resource {
    ($type:ty, $kind:literal, $plural:literal) => {
        impl Resource for $type {
            type DynamicType = ();
            type Scope = NamespaceResourceScope;

            fn kind(_: &()) -> Cow<'_, str> {
                $kind.into()
            }
            fn group(_: &()) -> Cow<'_, str> {
                "argoproj.io".into()
            }
            fn version(_: &()) -> Cow<'_, str> {
                "v1alpha1".into()
            }
            fn plural(_: &()) -> Cow<'_, str> {
                $plural.into()
            }
            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }
            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

/// An Application as the index wants it: without resources, results and texts that only its own page shows.
#[derive(Clone, Debug, Deserialize)]
pub struct Application {
    pub metadata: ObjectMeta,
    pub spec: ApplicationSpec,
    #[serde(default, deserialize_with = "or_default")]
    pub status: ApplicationStatus,
    pub operation: Option<Operation>,
}

/// An Application in full, for its own page and for acts.
#[derive(Clone, Debug, Deserialize)]
pub struct FullApplication {
    pub metadata: ObjectMeta,
    pub spec: ApplicationSpec,
    #[serde(default, deserialize_with = "or_default")]
    pub status: FullStatus,
    pub operation: Option<Operation>,
}

/// An Application for its sources, whole, as rendering needs them.
#[derive(Clone, Debug, Deserialize)]
pub struct SourcesOnly {
    pub metadata: ObjectMeta,
    #[serde(default, deserialize_with = "or_default")]
    pub spec: RawSources,
}

/// The sources of an Application as they stand in its object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RawSources {
    source: Option<serde_json::Value>,
    #[serde(default, deserialize_with = "or_default")]
    sources: Vec<serde_json::Value>,
    source_hydrator: Option<serde_json::Value>,
}

impl RawSources {
    /// Returns the sources; of a hydrated Application what the hydrator writes to, which is plain manifests.
    pub fn into_sources(self) -> Vec<serde_json::Value> {
        if !self.sources.is_empty() {
            return self.sources;
        }
        let hydrated = self.source_hydrator.and_then(|it| it.pointer("/syncSource").cloned());
        hydrated.or(self.source).into_iter().collect()
    }
}

/// A project: here for its sync windows.
#[derive(Clone, Debug, Deserialize)]
pub struct AppProject {
    pub metadata: ObjectMeta,
    #[serde(default, deserialize_with = "or_default")]
    pub spec: AppProjectSpec,
}

/// An ApplicationSet: here for what keeps it from making its Applications.
#[derive(Clone, Debug, Deserialize)]
pub struct ApplicationSet {
    pub metadata: ObjectMeta,
    #[serde(default, deserialize_with = "or_default")]
    status: ApplicationSetStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct ApplicationSetStatus {
    #[serde(default, deserialize_with = "or_default")]
    conditions: Vec<ApplicationSetCondition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct ApplicationSetCondition {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    message: String,
}

impl ApplicationSet {
    /// Says why it cannot make its Applications; none where it can.
    pub fn trouble(&self) -> Option<String> {
        let error =
            self.status.conditions.iter().find(|it| it.kind == "ErrorOccurred" && it.status == "True")?;
        Some(format!("It cannot make its Applications as they should be: {}", error.message))
    }
}

argo_resource!(Application, "Application", "applications");
argo_resource!(ApplicationSet, "ApplicationSet", "applicationsets");
argo_resource!(FullApplication, "Application", "applications");
argo_resource!(SourcesOnly, "Application", "applications");
argo_resource!(AppProject, "AppProject", "appprojects");

/// `spec` of an Application.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationSpec {
    #[serde(default)]
    pub project: String,
    pub source: Option<Source>,
    #[serde(default, deserialize_with = "or_default")]
    pub sources: Vec<Source>,
    pub source_hydrator: Option<SourceHydrator>,
    pub destination: Destination,
    #[serde(default, deserialize_with = "or_default")]
    pub sync_policy: SyncPolicy,
}

impl ApplicationSpec {
    /// Returns the project; an empty name means `default`.
    pub fn project(&self) -> &str {
        if self.project.is_empty() { "default" } else { &self.project }
    }

    /// Returns the source whose manifests are applied, with its place among [`sources`](Self::sources): the first one
    /// that does not only lend its files to others, for such a one names no path of its own.
    pub fn main_source(&self) -> (usize, Source) {
        let main = self.sources().into_iter().enumerate().find(|(_, source)| source.reference.is_empty());
        main.unwrap_or_default()
    }

    /// Returns the sources: `sources` where it is not empty, else `source`, else what the hydrator writes to.
    pub fn sources(&self) -> Vec<Source> {
        if !self.sources.is_empty() {
            return self.sources.clone();
        }
        match (&self.source, &self.source_hydrator) {
            (_, Some(hydrator)) => vec![hydrator.source()],
            (Some(source), None) => vec![source.clone()],
            (None, None) => Vec::new(),
        }
    }
}

/// One source of manifests.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    #[serde(rename = "repoURL", default)]
    pub repo_url: String,
    #[serde(default)]
    pub path: String,
    #[serde(default)]
    pub target_revision: String,
    #[serde(default)]
    pub chart: String,
    #[serde(rename = "ref", default)]
    pub reference: String,
}

/// The source hydrator: a dry source, and the branch that the rendered manifests go to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceHydrator {
    #[serde(default, deserialize_with = "or_default")]
    pub dry_source: Source,
    #[serde(default, deserialize_with = "or_default")]
    pub sync_source: HydratedSource,
}

/// Where the hydrator writes to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HydratedSource {
    #[serde(default)]
    pub target_branch: String,
    #[serde(default)]
    pub path: String,
}

impl SourceHydrator {
    fn source(&self) -> Source {
        Source {
            repo_url: self.dry_source.repo_url.clone(),
            path: self.sync_source.path.clone(),
            target_revision: self.sync_source.target_branch.clone(),
            ..Source::default()
        }
    }
}

/// Where an Application deploys to: a cluster by name or by server, and a namespace.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
pub struct Destination {
    #[serde(default)]
    pub server: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub namespace: String,
}

/// How an Application follows Git.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncPolicy {
    pub automated: Option<Automated>,
    #[serde(default, deserialize_with = "or_default")]
    pub sync_options: Vec<String>,
    /// Copied into each operation as it stands.
    pub retry: Option<serde_json::Value>,
}

impl SyncPolicy {
    /// Returns whether Argo CD syncs by itself: `automated` is there and not switched off (`enabled`, since 3.1).
    pub fn is_automated(&self) -> bool {
        self.automated.as_ref().is_some_and(|automated| automated.enabled != Some(false))
    }
}

/// The automated part of the policy.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Automated {
    pub enabled: Option<bool>,
    pub prune: Option<bool>,
    pub self_heal: Option<bool>,
}

/// `operation`: what the controller is asked to do.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    #[serde(default, deserialize_with = "or_default")]
    pub initiated_by: InitiatedBy,
    #[serde(default, deserialize_with = "or_default")]
    pub info: Vec<Info>,
    pub sync: Option<SyncOperation>,
}

impl Operation {
    /// Returns the id of our row in the record, where the operation is ours.
    pub fn audit_id(&self) -> Option<&str> {
        self.info.iter().find(|info| info.name == AUDIT_ID).map(|info| info.value.as_str())
    }

    /// Returns the commit that it asks for of a source, by the place of that; none where it names a branch or nothing. An
    /// operation that fails early has it nowhere else.
    pub fn commit(&self, source: usize) -> Option<String> {
        let sync = self.sync.as_ref()?;
        let revision = one_of(&sync.revision, &sync.revisions, source)?;
        let is_commit = revision.len() == 40 && revision.chars().all(|c| c.is_ascii_hexdigit());
        is_commit.then(|| revision.to_owned())
    }
}

/// Who started an operation.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct InitiatedBy {
    #[serde(default)]
    pub username: String,
    #[serde(default)]
    pub automated: bool,
}

impl InitiatedBy {
    /// Returns the person; none where Argo CD did by itself.
    pub fn person(&self) -> Option<String> {
        (!self.automated && !self.username.is_empty()).then(|| self.username.clone())
    }
}

/// A name and a value.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Info {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub value: String,
}

/// The sync that an operation asks for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncOperation {
    #[serde(default)]
    pub prune: bool,
    #[serde(default)]
    pub dry_run: bool,
    #[serde(default)]
    pub revision: String,
    #[serde(default, deserialize_with = "or_default")]
    pub revisions: Vec<String>,
}

/// `status` of an Application, for the index.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationStatus {
    #[serde(default, deserialize_with = "or_default")]
    pub sync: SyncStatus,
    #[serde(default, deserialize_with = "or_default")]
    pub health: HealthStatus,
    pub operation_state: Option<OperationState>,
    #[serde(default, deserialize_with = "or_default")]
    pub conditions: Vec<Condition>,
    #[serde(default, deserialize_with = "or_default")]
    pub summary: Summary,
    #[serde(default, deserialize_with = "or_default")]
    pub history: Vec<Deploy>,
    pub reconciled_at: Option<Timestamp>,
}

/// `status` of an Application, in full.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FullStatus {
    #[serde(default, deserialize_with = "or_default")]
    pub sync: SyncStatus,
    #[serde(default, deserialize_with = "or_default")]
    pub health: HealthStatus,
    pub operation_state: Option<FullOperationState>,
    #[serde(default, deserialize_with = "or_default")]
    pub conditions: Vec<Condition>,
    #[serde(default, deserialize_with = "or_default")]
    pub resources: Vec<ResourceStatus>,
    pub reconciled_at: Option<Timestamp>,
}

/// `status.sync`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct SyncStatus {
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub revision: String,
    #[serde(default, deserialize_with = "or_default")]
    pub revisions: Vec<String>,
}

impl SyncStatus {
    /// Returns the revision of a source, by the place of that, which was compared with.
    pub fn revision(&self, source: usize) -> Option<&str> {
        one_of(&self.revision, &self.revisions, source)
    }
}

/// A health, of an Application or of a resource.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthStatus {
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub message: String,
    pub last_transition_time: Option<Timestamp>,
}

/// `status.operationState`, for the index.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationState {
    #[serde(default)]
    pub phase: String,
    #[serde(default)]
    pub message: String,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_default")]
    pub operation: Operation,
    #[serde(default, deserialize_with = "or_default")]
    pub sync_result: SyncResult,
}

/// The revision of a sync result.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct RevisionOnly {
    #[serde(default)]
    pub revision: String,
    #[serde(default, deserialize_with = "or_default")]
    pub revisions: Vec<String>,
}

impl RevisionOnly {
    /// Returns the revision of a source, by the place of that, which was synced to.
    pub fn revision(&self, source: usize) -> Option<&str> {
        one_of(&self.revision, &self.revisions, source)
    }
}

/// Argo CD has the revision of one source in one field, and those of several in another.
fn one_of<'a>(revision: &'a str, revisions: &'a [String], source: usize) -> Option<&'a str> {
    let one = Some(revision).filter(|revision| !revision.is_empty());
    one.or_else(|| revisions.get(source).map(String::as_str))
}

/// `status.operationState`, in full.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FullOperationState {
    #[serde(default)]
    pub phase: String,
    #[serde(default)]
    pub message: String,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_default")]
    pub retry_count: i64,
    #[serde(default, deserialize_with = "or_default")]
    pub operation: Operation,
    #[serde(default, deserialize_with = "or_default")]
    pub sync_result: SyncResult,
}

/// What an operation did.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct SyncResult {
    #[serde(flatten)]
    pub revision: RevisionOnly,
    #[serde(default, deserialize_with = "or_default")]
    pub resources: Vec<ResourceResult>,
}

impl SyncResult {
    /// Returns what the first resource that failed says: Argo CD's own message tells only that some did.
    pub fn failure(&self) -> Option<String> {
        let has_failed = |it: &&ResourceResult| {
            it.status == "SyncFailed" || matches!(it.hook_phase.as_str(), "Failed" | "Error")
        };
        self.resources.iter().find(has_failed).map(|it| format!("{} {}: {}", it.kind, it.name, it.message))
    }
}

/// What an operation did to one resource.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceResult {
    #[serde(default)]
    pub group: String,
    #[serde(default)]
    pub kind: String,
    #[serde(default)]
    pub namespace: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub hook_type: String,
    #[serde(default)]
    pub hook_phase: String,
    #[serde(default)]
    pub sync_phase: String,
}

/// A condition that Argo CD reports.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default)]
    pub message: String,
    pub last_transition_time: Option<Timestamp>,
}

/// `status.summary`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Summary {
    #[serde(default, deserialize_with = "or_default")]
    pub images: Vec<String>,
}

/// An entry of `status.history`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deploy {
    #[serde(flatten)]
    pub revision: RevisionOnly,
    pub deploy_started_at: Option<Timestamp>,
    pub deployed_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_default")]
    pub initiated_by: InitiatedBy,
}

/// An entry of `status.resources`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceStatus {
    #[serde(default)]
    pub group: String,
    #[serde(default)]
    pub version: String,
    #[serde(default)]
    pub kind: String,
    #[serde(default)]
    pub namespace: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub status: String,
    pub health: Option<HealthStatus>,
    #[serde(default)]
    pub hook: bool,
    #[serde(default)]
    pub requires_pruning: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub sync_wave: i64,
}

/// `spec` of a project.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppProjectSpec {
    #[serde(default, deserialize_with = "or_default")]
    pub sync_windows: Vec<SyncWindow>,
    #[serde(default, deserialize_with = "or_default")]
    pub roles: Vec<AppProjectRole>,
}

/// A role of a project: lines of policy, and the groups that have it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct AppProjectRole {
    #[serde(default)]
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub policies: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub groups: Vec<String>,
}

/// A sync window of a project.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncWindow {
    #[serde(default)]
    pub kind: String,
    #[serde(default)]
    pub schedule: String,
    #[serde(default)]
    pub duration: String,
    #[serde(default, deserialize_with = "or_default")]
    pub applications: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub namespaces: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub clusters: Vec<String>,
    #[serde(default)]
    pub manual_sync: bool,
    #[serde(default)]
    pub time_zone: String,
    /// Its Go name is `UseAndOperator`.
    #[serde(default)]
    pub and_operator: bool,
}

/// A global project's selector, of `globalProjects` in argocd-cm.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GlobalProject {
    #[serde(default)]
    pub project_name: String,
    #[serde(default)]
    pub label_selector: LabelSelector,
}

/// A label selector.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    #[serde(default)]
    pub match_labels: BTreeMap<String, String>,
    #[serde(default)]
    pub match_expressions: Vec<LabelRequirement>,
}

/// One expression of a label selector.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct LabelRequirement {
    pub key: String,
    pub operator: String,
    #[serde(default)]
    pub values: Vec<String>,
}

impl LabelSelector {
    /// Returns whether the labels match, by Kubernetes' rules; an unknown operator matches nothing.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let equal = self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value));
        equal
            && self.match_expressions.iter().all(|requirement| {
                let value = labels.get(&requirement.key);
                let listed = value.is_some_and(|value| requirement.values.contains(value));
                match requirement.operator.as_str() {
                    "In" => listed,
                    "NotIn" => !listed,
                    "Exists" => value.is_some(),
                    "DoesNotExist" => value.is_none(),
                    _ => false,
                }
            })
    }
}

/// Reads `null` as the default: Go writes it for empty lists and maps.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
