//! What mirrors, rules and rendering are made from.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use kube::Client;

use crate::{
    Error, Result,
    db::default_data_dir,
    fleet::apps::AppSettings,
    git::{
        mirror::{ArgoSecrets, MirrorSettings, Mirrors, WriteSetting},
        rules::{AppRule, EnvironmentWords, Rules},
    },
    metrics::Metrics,
    render::{self, Mask, Renderer},
    tasks::Tasks,
};

/// The settings of repositories; what is none has its default.
#[derive(Clone, Debug, Default)]
pub struct RepositorySettings {
    /// Where the mirrors lie; none for a folder of the program's data.
    pub folder: Option<PathBuf>,
    /// From one fetch to the next.
    pub interval: Option<Duration>,
    /// How long a fetch may take.
    pub timeout: Option<Duration>,
    /// How many bytes all mirrors may take.
    pub most_bytes: Option<u64>,
    /// Whether repositories on this machine's disk are followed.
    pub allow_files: bool,
    /// The operator's own rules, beside environments and ids.
    pub rules: Rules,
    /// The programs that render; none for those on `PATH`.
    pub kustomize: Option<PathBuf>,
    pub helm: Option<PathBuf>,
    /// Credentials to push with, beside Argo CD's own Secrets for it.
    pub write: Vec<WriteSetting>,
}

impl RepositorySettings {
    /// Returns the operator's rules.
    pub fn rules(&self, apps: &AppSettings, environments: Vec<EnvironmentWords>) -> Rules {
        let ids = apps.apps.iter().filter(|it| !it.path.contains(['*', '?', '[', '{']));
        let ids = ids.map(|it| AppRule { id: it.id.clone(), path: it.path.trim_matches('/').to_owned() });
        let mut rules = self.rules.clone();
        rules.environments = environments;
        rules.apps.extend(ids);
        rules
    }

    /// Opens the mirrors.
    ///
    /// # Errors
    /// A folder that cannot be used.
    pub(crate) fn mirrors(
        &self,
        planes: &[(String, Client, String)],
        metrics: &Metrics,
        tasks: &Tasks,
    ) -> Result<Mirrors> {
        let folder = self.folder.clone().unwrap_or_else(|| default_data_dir().join("mirrors"));
        let defaults = MirrorSettings::new(folder);
        let settings = MirrorSettings {
            most_bytes: self.most_bytes.unwrap_or(defaults.most_bytes),
            interval: self.interval.unwrap_or(defaults.interval),
            deadline: self.timeout.unwrap_or(defaults.deadline),
            allow_files: self.allow_files,
            ..defaults
        };
        let of_planes: HashMap<_, _> = planes
            .iter()
            .map(|(name, client, namespace)| (name.clone(), (client.clone(), namespace.clone())))
            .collect();
        let credentials = Arc::new(ArgoSecrets::new(of_planes, self.write.clone(), metrics.clone()));
        Mirrors::new(settings, credentials, metrics.clone(), tasks.clone())
            .map_err(|error| Error::Setting(format!("repositories: {error}")))
    }

    /// Makes what renders.
    ///
    /// # Errors
    /// A temporary folder that cannot be written to.
    pub(crate) fn renderer(&self, metrics: &Metrics) -> Result<Renderer> {
        let settings = render::Settings {
            kustomize: self.kustomize.clone(),
            helm: self.helm.clone(),
            ..render::Settings::default()
        };
        // Marks of secrets mean nothing beyond this run of the program.
        let mask = Mask::new(rand::random());
        Renderer::new(settings, mask, metrics.clone())
            .map_err(|error| Error::Setting(format!("repositories: {error}")))
    }
}
