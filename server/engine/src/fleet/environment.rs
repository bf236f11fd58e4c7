//! The environment of an Application, and the app that it belongs to: from where it deploys and from which path.
//!
//! Labels alone prove nothing. Where the signs contradict each other the answer says so, and acts are refused.

use std::{collections::BTreeMap, time::Duration};

use globset::{Glob, GlobMatcher};
use model::status::Environment;

use crate::{Error, Result, git::rules::EnvironmentWords};

/// One environment of the promotion order, as settings name it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct EnvironmentSetting {
    pub name: String,
    /// Other words for it in names of clusters and folders, e.g. `production`.
    pub aliases: Vec<String>,
    /// Globs of cluster names that are of this environment, whatever their words say.
    pub clusters: Vec<String>,
    /// None: protected if it is the last of the order.
    pub protected: Option<bool>,
    /// How many people have to approve a promotion to it.
    pub approvals: u32,
    /// How long a release has to run Healthy in it, before it is promoted further and before a change to it is done.
    pub soak: Duration,
}

/// What an environment asks of changes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Asked {
    /// How many people have to approve a promotion to it.
    pub approvals: u32,
    /// How long a release has to run Healthy in it.
    pub soak: Duration,
}

/// The promotion order, compiled.
#[derive(Debug)]
pub struct Environments {
    order: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    name: String,
    words: Vec<String>,
    clusters: Vec<GlobMatcher>,
    protected: bool,
    asked: Asked,
}

/// What the environment is told from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signs<'a> {
    pub cluster: &'a str,
    pub namespace: &'a str,
    pub path: &'a str,
    pub target_revision: &'a str,
}

impl Default for Environments {
    fn default() -> Self {
        let setting = |name: &str, aliases: &[&str]| EnvironmentSetting {
            name: name.into(),
            aliases: aliases.iter().map(ToString::to_string).collect(),
            ..EnvironmentSetting::default()
        };
        let order = [
            setting("dev", &["development", "develop"]),
            setting("staging", &["stage", "stg"]),
            setting("prod", &["production", "prd", "live"]),
        ];
        Self { order: order.iter().map(|setting| Rule::plain(setting, setting.name == "prod")).collect() }
    }
}

impl Rule {
    fn plain(setting: &EnvironmentSetting, protected: bool) -> Self {
        let words =
            std::iter::once(&setting.name).chain(&setting.aliases).map(|word| word.to_lowercase()).collect();
        let asked = Asked { approvals: setting.approvals, soak: setting.soak };
        Self { name: setting.name.clone(), words, clusters: Vec::new(), protected, asked }
    }

    fn compile(setting: &EnvironmentSetting, is_last: bool) -> Result<Self> {
        let compile = |pattern: &String| {
            Glob::new(pattern).map(|glob| glob.compile_matcher()).map_err(|error| {
                Error::Setting(format!(
                    "environments: {}: clusters: {pattern:?} is not a glob: {error}",
                    setting.name
                ))
            })
        };
        let clusters = setting.clusters.iter().map(compile).collect::<Result<_>>()?;
        Ok(Self { clusters, ..Self::plain(setting, setting.protected.unwrap_or(is_last)) })
    }

    /// Whether one of the words of `text` names this environment; words end at anything but letters and digits.
    fn is_named_in(&self, text: &str) -> bool {
        text.split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| self.words.iter().any(|it| word.eq_ignore_ascii_case(it)))
    }
}

impl Environments {
    /// Compiles the settings; an empty list is the default order dev, staging, prod.
    ///
    /// # Errors
    /// A name or alias that stands twice, or a pattern that is not a glob.
    pub fn new(settings: &[EnvironmentSetting]) -> Result<Self> {
        if settings.is_empty() {
            return Ok(Self::default());
        }
        let last = settings.len() - 1;
        let order: Vec<_> = settings
            .iter()
            .enumerate()
            .map(|(index, setting)| Rule::compile(setting, index == last))
            .collect::<Result<_>>()?;
        let mut words: Vec<_> = order.iter().flat_map(|rule| &rule.words).collect();
        words.sort();
        if let Some(twice) = words.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::Setting(format!(
                "environments: the name or alias {:?} stands twice",
                twice[0]
            )));
        }
        Ok(Self { order })
    }

    /// Returns the names of the environments, in the order of promotions.
    pub fn in_order(&self) -> Vec<String> {
        self.order.iter().map(|rule| rule.name.clone()).collect()
    }

    /// Returns the environments themselves, in the order of promotions.
    pub fn all(&self) -> Vec<Environment> {
        (0..self.order.len()).map(|rank| self.known(rank, "the settings name it".to_owned())).collect()
    }

    /// Returns what each environment asks of changes, by its name.
    pub fn asked(&self) -> BTreeMap<String, Asked> {
        self.order.iter().map(|rule| (rule.name.clone(), rule.asked)).collect()
    }

    /// Returns what folders and files call each environment, in the order of promotions.
    pub fn words(&self) -> Vec<EnvironmentWords> {
        let words = |rule: &Rule| EnvironmentWords {
            name: rule.name.clone(),
            aliases: rule.words.iter().filter(|word| **word != rule.name).cloned().collect(),
        };
        self.order.iter().map(words).collect()
    }

    /// Returns the place of an environment in the promotion order; one that is not in it comes last.
    pub fn rank(&self, environment: &Environment) -> usize {
        environment
            .name()
            .and_then(|name| self.order.iter().position(|rule| rule.name == name))
            .unwrap_or(self.order.len())
    }

    /// Tells the environment of a cluster from its name.
    pub fn of_cluster(&self, cluster: &str) -> Environment {
        match self.cluster_signs(cluster).as_slice() {
            [] => Environment::Unknown { why: format!("the name {cluster} holds no environment") },
            [rank] => self.known(*rank, format!("its name is {cluster}")),
            several => Environment::Contradictory {
                why: format!("the name {cluster} holds {}", self.names(several)),
            },
        }
    }

    /// Tells the environment of an Application. Cluster and path are strong signs; branch and namespace count only
    /// where both are silent.
    pub fn of_application(&self, signs: Signs<'_>) -> Environment {
        let clusters = self.cluster_signs(signs.cluster);
        let paths = self.path_signs(signs.path);
        let deploys = format!("it deploys to cluster {}", signs.cluster);
        let from = format!("from {}", signs.path);
        match (clusters.as_slice(), paths.as_slice()) {
            ([cluster], [path]) if cluster == path => self.known(*cluster, format!("{deploys} {from}")),
            ([cluster], []) if signs.path.is_empty() => self.known(*cluster, deploys),
            ([cluster], []) => self.known(*cluster, format!("{deploys}; the path {} names none", signs.path)),
            ([], [path]) => {
                self.known(*path, format!("it deploys {from}; the cluster {} names none", signs.cluster))
            }
            ([], []) => self.of_weak_signs(signs),
            (clusters, paths) => Environment::Contradictory {
                why: match (clusters, paths) {
                    ([], several) => format!("the path {} holds {}", signs.path, self.names(several)),
                    (several, []) => format!("the cluster {} holds {}", signs.cluster, self.names(several)),
                    (clusters, paths) => format!(
                        "it deploys to cluster {} ({}) from {} ({})",
                        signs.cluster,
                        self.names(clusters),
                        signs.path,
                        self.names(paths)
                    ),
                },
            },
        }
    }

    fn of_weak_signs(&self, signs: Signs<'_>) -> Environment {
        let branch = self.named_in(signs.target_revision);
        let namespace = self.named_in(signs.namespace);
        match (branch.as_slice(), namespace.as_slice()) {
            ([branch], [namespace]) if branch == namespace => self.known(
                *branch,
                format!("it follows {} into namespace {}", signs.target_revision, signs.namespace),
            ),
            ([branch], []) => self.known(*branch, format!("it follows {}", signs.target_revision)),
            ([], [namespace]) => {
                self.known(*namespace, format!("it deploys to namespace {}", signs.namespace))
            }
            ([], []) => Environment::Unknown {
                why: format!("neither the cluster {} nor its path names an environment", signs.cluster),
            },
            _ => Environment::Contradictory {
                why: format!(
                    "it follows {} ({}) into namespace {} ({})",
                    signs.target_revision,
                    self.names(&branch),
                    signs.namespace,
                    self.names(&namespace)
                ),
            },
        }
    }

    fn known(&self, rank: usize, why: String) -> Environment {
        let rule = &self.order[rank];
        Environment::Known {
            name: rule.name.clone(),
            rank: self.tag_rank(rank),
            protected: rule.protected,
            why,
        }
    }

    /// The last of the order always wears the last tag (2), whatever the number of environments.
    fn tag_rank(&self, rank: usize) -> u8 {
        if rank + 1 == self.order.len() {
            2
        } else {
            u8::try_from(if rank < 2 { rank } else { rank + 1 }).unwrap_or(u8::MAX)
        }
    }

    fn names(&self, ranks: &[usize]) -> String {
        let names: Vec<_> = ranks.iter().map(|rank| self.order[*rank].name.as_str()).collect();
        names.join(" and ")
    }

    fn named_in(&self, text: &str) -> Vec<usize> {
        (0..self.order.len()).filter(|rank| self.order[*rank].is_named_in(text)).collect()
    }

    fn cluster_signs(&self, cluster: &str) -> Vec<usize> {
        let listed: Vec<_> = (0..self.order.len())
            .filter(|rank| self.order[*rank].clusters.iter().any(|glob| glob.is_match(cluster)))
            .collect();
        if listed.is_empty() { self.named_in(cluster) } else { listed }
    }

    /// A folder is a sign when it is the word itself (`overlays/prod`); else words within folders (`values-prod`).
    fn path_signs(&self, path: &str) -> Vec<usize> {
        let whole: Vec<_> = (0..self.order.len())
            .filter(|rank| path.split('/').any(|folder| self.is_word_of(*rank, folder)))
            .collect();
        if whole.is_empty() { self.named_in(path) } else { whole }
    }

    fn is_word_of(&self, rank: usize, text: &str) -> bool {
        self.order[rank].words.iter().any(|word| text.eq_ignore_ascii_case(word))
    }

    /// Tells the app from the path: its last folder that names neither an environment nor a layer of kustomize. Without
    /// a path (a chart), from the Application's name without its environment.
    pub fn app_of(&self, path: &str, name: &str) -> String {
        let base_path = self.base_path_of(path);
        let folder = base_path.rsplit('/').find(|folder| !folder.is_empty());
        // A folder such as `apps` above `overlays/prod` is shared by all apps and names none of them.
        match folder.filter(|folder| *folder != "apps") {
            Some(folder) => folder.to_owned(),
            None => self.app_in_name(name, ""),
        }
    }

    /// Returns a path without the folders that name an environment or a layer of kustomize: where the app lives.
    pub fn base_path_of(&self, path: &str) -> String {
        const LAYERS: &[&str] = &["overlays", "overlay", "envs", "env", "environments", "base", "."];
        let is_own = |folder: &&str| !folder.is_empty() && !LAYERS.contains(folder) && !self.is_place(folder);
        path.split('/').filter(is_own).collect::<Vec<_>>().join("/")
    }

    /// Returns an Application's name without the words of environments and of its cluster's name; the name as it is
    /// where nothing would be left.
    pub fn app_in_name(&self, name: &str, cluster: &str) -> String {
        let of_cluster: Vec<_> = cluster.split('-').collect();
        let kept: Vec<_> =
            name.split('-').filter(|word| !self.is_environment(word) && !of_cluster.contains(word)).collect();
        if kept.is_empty() { name.to_owned() } else { kept.join("-") }
    }

    /// Tells whether a word is an environment's name or alias.
    pub fn is_environment(&self, word: &str) -> bool {
        (0..self.order.len()).any(|rank| self.is_word_of(rank, word))
    }

    /// Tells whether a folder is an environment's, perhaps in one region: `prod`, `prod-eu`, `eu-prod`.
    fn is_place(&self, folder: &str) -> bool {
        self.is_environment(folder)
            || folder.split_once('-').is_some_and(|(first, _)| self.is_environment(first))
            || folder.rsplit_once('-').is_some_and(|(_, last)| {
                // `web-app-prod` is an app's folder more likely than a region's.
                folder.matches('-').count() == 1 && self.is_environment(last)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(cluster: &str, path: &str) -> Environment {
        Environments::default().of_application(Signs { cluster, path, ..Signs::default() })
    }

    #[test]
    fn cluster_and_path_that_agree_make_an_environment_with_its_reason() {
        let Environment::Known { name, rank, protected, why } = tell("prod", "apps/web-app/overlays/prod")
        else {
            panic!("not known")
        };
        assert_eq!((name.as_str(), rank, protected), ("prod", 2, true));
        assert_eq!(why, "it deploys to cluster prod from apps/web-app/overlays/prod");
    }

    #[test]
    fn words_within_names_and_aliases_count() {
        assert_eq!(tell("production-eu-1", "").name(), Some("prod"));
        assert_eq!(tell("eu-stg-2", "charts/api").name(), Some("staging"));
        assert_eq!(tell("deviant", "products/api").name(), None, "a word inside a word is none");
    }

    #[test]
    fn contradictions_are_never_guessed_away() {
        assert!(matches!(tell("prod", "apps/web-app/overlays/dev"), Environment::Contradictory { .. }));
        assert!(matches!(tell("dev-prod", ""), Environment::Contradictory { .. }));
        assert!(matches!(tell("eu-1", "dev/overlays/prod"), Environment::Contradictory { .. }));
    }

    #[test]
    fn weak_signs_count_only_alone() {
        let tell = |namespace, target_revision, cluster| {
            Environments::default().of_application(Signs {
                cluster,
                namespace,
                target_revision,
                path: "chart",
            })
        };
        assert_eq!(tell("shop-prod", "main", "eu-1").name(), Some("prod"));
        assert_eq!(tell("shop", "env/staging", "eu-1").name(), Some("staging"));
        assert_eq!(tell("shop-prod", "main", "dev").name(), Some("dev"));
        assert!(matches!(tell("shop-prod", "env/dev", "eu-1"), Environment::Contradictory { .. }));
    }

    #[test]
    fn settings_name_other_orders() {
        let setting = |name: &str| EnvironmentSetting { name: name.into(), ..EnvironmentSetting::default() };
        let settings =
            [setting("test"), EnvironmentSetting { clusters: vec!["core-*".into()], ..setting("live") }];
        let environments = Environments::new(&settings).expect("compiles");
        let live = environments.of_cluster("core-eu");
        assert!(live.is_protected());
        assert_eq!(live.name(), Some("live"));
        assert!(Environments::new(&[setting("a"), setting("A")]).is_err());
    }

    #[test]
    fn the_app_is_the_folder_above_the_environment() {
        let environments = Environments::default();
        assert_eq!(environments.app_of("apps/web-app/overlays/prod", "web-app-prod"), "web-app");
        assert_eq!(environments.app_of("apps/worker/dev", "worker-dev"), "worker");
        assert_eq!(environments.app_of("apps/overlays/dev", "shop-dev"), "shop");
        assert_eq!(environments.app_of("", "redis-prod-eu"), "redis-eu");
        assert_eq!(environments.app_of("", "prod"), "prod");
    }
}
