//! What mirrors, rules and rendering are made from.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use kube::Client;

use crate::{
    Error, Result,
    db::default_data_dir,
    fleet::apps::AppSettings,
    git::{
        mirror::{ArgoSecrets, MirrorSettings, Mirrors},
        rules::{AppRule, EnvironmentWords, ExpectedRule, LayoutRule, Rules, TravelRule},
    },
    metrics::Metrics,
    render::{RenderSettings, Renderer},
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
    pub layouts: Vec<LayoutRule>,
    pub travels: Vec<TravelRule>,
    pub expected: Vec<ExpectedRule>,
    /// The programs that render; none for those on `PATH`.
    pub kustomize: Option<PathBuf>,
    pub helm: Option<PathBuf>,
}

impl RepositorySettings {
    /// Returns the operator's rules.
    pub fn rules(&self, apps: &AppSettings, environments: Vec<EnvironmentWords>) -> Rules {
        let ids = apps.apps.iter().filter(|it| !it.path.contains(['*', '?', '[', '{']));
        Rules {
            environments,
            apps: ids.map(|it| AppRule { id: it.id.clone(), path: it.path.trim_matches('/').to_owned() }).collect(),
            layouts: self.layouts.clone(),
            travels: self.travels.clone(),
            expected: self.expected.clone(),
        }
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
        let credentials = Arc::new(ArgoSecrets::new(of_planes, metrics.clone()));
        Mirrors::new(settings, credentials, metrics.clone(), tasks.clone())
            .map_err(|error| Error::Setting(format!("repositories: {error}")))
    }

    /// Makes what renders.
    pub(crate) fn renderer(&self, metrics: &Metrics) -> Renderer {
        let defaults = RenderSettings::default();
        let settings = RenderSettings {
            kustomize: self.kustomize.clone().or(defaults.kustomize),
            helm: self.helm.clone().or(defaults.helm),
            ..defaults
        };
        Renderer::new(settings, metrics.clone())
    }
}
