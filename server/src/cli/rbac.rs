//! `quarterdeck rbac can`: asks a policy from the terminal, as `argocd admin settings rbac can` does.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use engine::{
    access::policy::{Decision, Policy, ProjectRole, Request, Subjects},
    fleet::{index::ARGO_CD_POLICY, watch::ControlPlaneSetting},
};
use serde::Deserialize;

use crate::config::ARGOCD_NAMESPACE;

/// The flags of `quarterdeck rbac can`.
#[derive(clap::Args)]
pub struct Can {
    /// A user, a group or a role.
    subject: String,
    /// E.g. get or sync.
    verb: String,
    /// E.g. applications; argocd's short names will do.
    resource: String,
    /// E.g. shop/web-app-dev [default: all].
    object: Option<String>,
    /// A CSV, or a manifest of argocd-rbac-cm or quarterdeck-rbac-cm [default: argocd-rbac-cm of the control plane].
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The kubeconfig of the control plane [default: KUBECONFIG, or the default file].
    #[arg(long, value_name = "FILE", conflicts_with = "policy")]
    kubeconfig: Option<PathBuf>,
    /// The context of the control plane [default: the kubeconfig's current one].
    #[arg(long, conflicts_with = "policy")]
    context: Option<String>,
    /// The namespace of Argo CD.
    #[arg(long, default_value = ARGOCD_NAMESPACE, conflicts_with = "policy")]
    namespace: String,
    /// A manifest of an AppProject, whose roles count for its objects.
    #[arg(long, value_name = "FILE")]
    project: Option<PathBuf>,
    /// The groups of the subject.
    #[arg(long, value_delimiter = ',')]
    groups: Vec<String>,
    /// The role that everybody has; wins over policy.default.
    #[arg(long, value_name = "ROLE")]
    default_role: Option<String>,
}

/// argocd's short names (`cmd/argocd/commands/admin/settings_rbac.go`).
const SHORT: [(&str, &str); 19] = [
    ("account", "accounts"),
    ("app", "applications"),
    ("application", "applications"),
    ("apps", "applications"),
    ("applicationset", "applicationsets"),
    ("cert", "certificates"),
    ("certs", "certificates"),
    ("certificate", "certificates"),
    ("cluster", "clusters"),
    ("extension", "extensions"),
    ("gpgkey", "gpgkeys"),
    ("key", "gpgkeys"),
    ("log", "logs"),
    ("proj", "projects"),
    ("projs", "projects"),
    ("project", "projects"),
    ("repo", "repositories"),
    ("repos", "repositories"),
    ("repository", "repositories"),
];

impl Can {
    /// Asks; returns the answer with the line that it rests on.
    ///
    /// # Errors
    /// A file that cannot be read, with the place of what is wrong in it.
    pub fn ask(&self) -> anyhow::Result<Decision> {
        let mut policy = match &self.policy {
            Some(path) => read_policy(path, self.default_role.as_deref())?,
            None => self.live_policy()?,
        };
        if let Some(path) = &self.project {
            let project = read_project(path)?;
            policy = policy
                .with_project(&project.metadata.name, &project.spec.roles())
                .with_context(|| path.display().to_string())?;
        }
        let resource =
            SHORT.iter().find(|(short, _)| *short == self.resource).map_or(&*self.resource, |it| it.1);
        let all =
            if ["applications", "applicationsets", "logs", "exec"].contains(&resource) { "*/*" } else { "*" };
        let object = self.object.as_deref().unwrap_or(all);
        let subjects = Subjects { user: &self.subject, groups: &self.groups };
        Ok(policy.decide(subjects, Request { resource, action: &self.verb, object }))
    }

    /// The policy that Argo CD goes by now.
    fn live_policy(&self) -> anyhow::Result<Policy> {
        let plane = ControlPlaneSetting {
            name: self.context.clone().unwrap_or_else(|| "of the kubeconfig".into()),
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            namespace: self.namespace.clone(),
            ..ControlPlaneSetting::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut data = runtime.block_on(plane.read_config_map(ARGO_CD_POLICY))?;
        if let Some(role) = &self.default_role {
            data.insert("policy.default".into(), role.clone());
        }
        Policy::from_config_map(&data).with_context(|| format!("{ARGO_CD_POLICY} in {}", self.namespace))
    }
}

/// Says an answer in two lines.
pub fn words(decision: &Decision) -> String {
    let yes = if decision.allowed { "yes" } else { "no" };
    match (&decision.line, &decision.subject) {
        (Some(line), Some(subject)) => format!("{yes}\nfor {subject}, by {line}"),
        _ => format!("{yes}\nno line says anything of it"),
    }
}

#[derive(Deserialize)]
struct Manifest {
    kind: String,
    metadata: Metadata,
    #[serde(default)]
    data: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

#[derive(Deserialize)]
struct Project {
    metadata: Metadata,
    #[serde(default)]
    spec: ProjectSpec,
}

#[derive(Default, Deserialize)]
struct ProjectSpec {
    #[serde(default)]
    roles: Vec<Role>,
}

#[derive(Deserialize)]
struct Role {
    name: String,
    #[serde(default)]
    policies: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
}

impl ProjectSpec {
    fn roles(self) -> Vec<ProjectRole> {
        let roles = self.roles.into_iter();
        roles.map(|Role { name, policies, groups }| ProjectRole { name, policies, groups }).collect()
    }
}

fn read_policy(path: &Path, default_role: Option<&str>) -> anyhow::Result<Policy> {
    let text = read(path)?;
    let is_manifest = text.lines().any(|line| line.starts_with("kind:"));
    let mut manifest = if is_manifest {
        serde_saphyr::from_str(&text).with_context(|| format!("{} is no ConfigMap", path.display()))?
    } else {
        let data = BTreeMap::from([("policy.csv".to_owned(), text)]);
        Manifest { kind: "ConfigMap".into(), metadata: Metadata { name: String::new() }, data }
    };
    if manifest.kind != "ConfigMap" {
        bail!("{} is a {}: give a ConfigMap, or a CSV", path.display(), manifest.kind);
    }
    if let Some(role) = default_role {
        manifest.data.insert("policy.default".into(), role.into());
    }
    let policy = if manifest.metadata.name == "quarterdeck-rbac-cm" {
        Policy::own_from_config_map(&manifest.data, &Policy::empty())
    } else {
        Policy::from_config_map(&manifest.data)
    };
    policy.with_context(|| path.display().to_string())
}

fn read_project(path: &Path) -> anyhow::Result<Project> {
    serde_saphyr::from_str(&read(path)?).with_context(|| format!("{} is no AppProject", path.display()))
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}
