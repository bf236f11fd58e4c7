//! Which Applications are one app: by an id from the settings, a label or a name that the settings point to, else by the
//! repository and the base path that they come from.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use globset::{Glob, GlobMatcher};
use rustc_hash::FxHashMap as HashMap;
use sha2::{Digest as _, Sha256};

use super::environment::Environments;
use crate::{Error, Result, git::remote};

/// How Applications are gathered into apps, as settings say it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AppSettings {
    /// The first that matches gives its id.
    pub apps: Vec<AppSetting>,
    /// The label whose value is the app's name.
    pub label: Option<String>,
    /// How Applications are named, e.g. `{app}-{environment}`.
    pub name: Option<String>,
}

/// Gives what lives at a path an id.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AppSetting {
    pub id: String,
    /// The URL of the repository; none for any.
    pub repository: Option<String>,
    /// A glob of paths of Applications, or a base path.
    pub path: String,
}

/// The settings, compiled.
#[derive(Debug, Default)]
pub struct AppRules {
    apps: Vec<Rule>,
    label: Option<String>,
    name: Option<NamePattern>,
}

#[derive(Debug)]
struct Rule {
    id: Arc<str>,
    repository: Option<String>,
    path: GlobMatcher,
    base_path: String,
}

#[derive(Debug)]
struct NamePattern {
    before: String,
    between: String,
    after: String,
    environment_first: bool,
}

/// What the app is told from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin<'a> {
    pub repo_url: &'a str,
    /// The path in the repository, or the chart's name.
    pub path: &'a str,
    pub name: &'a str,
    pub cluster: &'a str,
    pub labels: Option<&'a BTreeMap<String, String>>,
}

/// The app that an Application belongs to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AppIdentity {
    /// Equal for the Applications of one app, and for no others.
    pub key: Arc<str>,
    /// By which people name it: the id, else the last folder of the base path where that is the app's alone.
    pub name: String,
    pub base_path: Option<String>,
    pub reason: Reason,
}

/// Why Applications are one app.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    Setting,
    Label,
    NamePattern,
    /// The same repository and base path.
    BasePath,
    /// The same source, and names that differ in environment and cluster alone.
    Name,
}

/// All apps of the fleet, whoever may see them: how each is named in URLs, its name with a mark behind it where several
/// apps have that name; and in which environments it is.
#[derive(Debug, Default)]
pub struct KnownApps {
    slugs: HashMap<Arc<str>, String>,
    by_slug: HashMap<String, Arc<str>>,
    environments: HashMap<Arc<str>, BTreeSet<String>>,
}

/// An app in an environment.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    pub key: &'a Arc<str>,
    pub name: &'a str,
    pub environment: Option<&'a str>,
}

impl AppRules {
    /// Compiles the settings.
    ///
    /// # Errors
    /// An id that is empty or has a slash, a path that is not a glob, a pattern without `{app}` and `{environment}`.
    pub fn new(settings: &AppSettings) -> Result<Self> {
        let apps = settings.apps.iter().map(Rule::compile).collect::<Result<_>>()?;
        let name = settings.name.as_deref().map(NamePattern::parse).transpose()?;
        Ok(Self { apps, label: settings.label.clone(), name })
    }

    /// Tells the app of an Application.
    pub fn identify(&self, environments: &Environments, origin: Origin<'_>) -> AppIdentity {
        let repository = remote::normalized(origin.repo_url);
        if let Some(rule) = self.apps.iter().find(|rule| rule.takes(&repository, origin.path)) {
            return AppIdentity {
                key: format!("id:{}", rule.id).into(),
                name: rule.id.to_string(),
                base_path: Some(environments.base_path_of(origin.path)).filter(|path| !path.is_empty()),
                reason: Reason::Setting,
            };
        }
        let named = |name: &str, reason| AppIdentity {
            key: format!("name:{name}").into(),
            name: name.to_owned(),
            base_path: Some(environments.base_path_of(origin.path)).filter(|path| !path.is_empty()),
            reason,
        };
        let label = self.label.as_ref().and_then(|label| origin.labels?.get(label));
        if let Some(name) = label.filter(|name| !name.is_empty()) {
            return named(name, Reason::Label);
        }
        if let Some(name) = self.name.as_ref().and_then(|pattern| pattern.app_in(origin.name, environments)) {
            return named(&name, Reason::NamePattern);
        }
        Self::from_source(environments, &repository, origin)
    }

    fn from_source(environments: &Environments, repository: &str, origin: Origin<'_>) -> AppIdentity {
        let base_path = environments.base_path_of(origin.path);
        let name = environments.app_of(origin.path, origin.name);
        // A folder that names the environment is one app's; others (a chart, a folder of many) are shared by apps.
        let is_own = base_path != origin.path.trim_matches('/') && base_path.ends_with(name.as_str());
        if is_own {
            return AppIdentity {
                key: format!("path:{repository}:{base_path}").into(),
                name,
                base_path: Some(base_path),
                reason: Reason::BasePath,
            };
        }
        let of_name = environments.app_in_name(origin.name, origin.cluster);
        let is_named = base_path.rsplit('/').next() == Some(name.as_str()) && !base_path.is_empty();
        AppIdentity {
            key: format!("name:{repository}:{base_path}:{of_name}").into(),
            name: if is_named && of_name == name { name } else { of_name },
            base_path: Some(base_path).filter(|path| !path.is_empty()),
            reason: Reason::Name,
        }
    }
}

impl Rule {
    fn compile(setting: &AppSetting) -> Result<Self> {
        let AppSetting { id, repository, path } = setting;
        let refuse = |why: String| Err(Error::Setting(format!("apps: {id:?}: {why}")));
        if id.is_empty() || id.contains(['/', '*']) || id.chars().any(char::is_control) {
            return refuse("an id is a word without slash, star and control characters".into());
        }
        match Glob::new(path) {
            Ok(glob) => Ok(Self {
                id: id.as_str().into(),
                repository: repository.as_deref().map(remote::normalized),
                path: glob.compile_matcher(),
                base_path: path.trim_matches('/').to_owned(),
            }),
            Err(error) => refuse(format!("path: {path:?} is not a glob: {error}")),
        }
    }

    fn takes(&self, repository: &str, path: &str) -> bool {
        let below = path
            .trim_matches('/')
            .strip_prefix(self.base_path.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.repository.as_deref().is_none_or(|wanted| wanted == repository)
            && (below || self.path.is_match(path))
    }
}

impl NamePattern {
    fn parse(pattern: &str) -> Result<Self> {
        let refuse = || {
            Error::Setting(format!(
                "app_name: {pattern:?} has to hold {{app}} and {{environment}} once each, e.g. {{app}}-{{environment}}"
            ))
        };
        let (app, environment) =
            pattern.find("{app}").zip(pattern.find("{environment}")).ok_or_else(refuse)?;
        let environment_first = environment < app;
        let (first, second) =
            if environment_first { ("{environment}", "{app}") } else { ("{app}", "{environment}") };
        let (before, rest) = pattern.split_once(first).ok_or_else(refuse)?;
        let (between, after) = rest.split_once(second).ok_or_else(refuse)?;
        if between.is_empty() || after.contains('{') {
            return Err(refuse());
        }
        let [before, between, after] = [before, between, after].map(str::to_owned);
        Ok(Self { before, between, after, environment_first })
    }

    /// The app in a name that is built so, with an environment that is known.
    fn app_in(&self, name: &str, environments: &Environments) -> Option<String> {
        let middle = name.strip_prefix(&self.before)?.strip_suffix(&self.after)?;
        let splits = middle.match_indices(&self.between).map(|(at, _)| {
            let (left, right) = (&middle[..at], &middle[at + self.between.len()..]);
            if self.environment_first { (right, left) } else { (left, right) }
        });
        splits
            .filter(|(app, environment)| !app.is_empty() && environments.is_environment(environment))
            .map(|(app, _)| app.to_owned())
            .last()
    }
}

impl Reason {
    /// Says in words why the Applications are one app.
    pub fn sentence(self, repository: &str, base_path: Option<&str>) -> String {
        match (self, base_path) {
            (Self::Setting, _) => "The settings give what deploys from there this id.".to_owned(),
            (Self::Label, _) => "Its Applications carry the same label, which the settings name.".to_owned(),
            (Self::NamePattern, _) => {
                "The names of its Applications differ in the environment alone, as the settings say."
                    .to_owned()
            }
            (Self::BasePath, Some(path)) => format!("Its Applications deploy from {path} of {repository}."),
            (Self::Name, Some(path)) => format!(
                "Its Applications deploy from {path} of {repository}, and their names differ in environment and cluster alone."
            ),
            (Self::BasePath | Self::Name, None) => format!(
                "Its Applications deploy from {repository}, and their names differ in environment and cluster alone."
            ),
        }
    }
}

impl KnownApps {
    /// Gathers the apps from what is seen of all Applications.
    pub fn new<'a>(sights: impl Iterator<Item = Sight<'a>>) -> Self {
        let mut names: BTreeMap<&str, BTreeSet<&Arc<str>>> = BTreeMap::new();
        let mut known = Self::default();
        for Sight { key, name, environment } in sights {
            names.entry(name).or_default().insert(key);
            if let Some(environment) = environment {
                let environments = known.environments.entry(Arc::clone(key)).or_default();
                if !environments.contains(environment) {
                    environments.insert(environment.to_owned());
                }
            }
        }
        for (name, keys) in names {
            for key in &keys {
                let slug = if keys.len() == 1 { name.to_owned() } else { format!("{name}~{}", mark(key)) };
                known.by_slug.insert(slug.clone(), Arc::clone(key));
                known.slugs.insert(Arc::clone(key), slug);
            }
        }
        known
    }

    /// Returns the slug of an app.
    pub fn slug_of(&self, key: &str) -> Option<&str> {
        self.slugs.get(key).map(String::as_str)
    }

    /// Returns the app of a slug.
    pub fn find(&self, slug: &str) -> Option<&Arc<str>> {
        self.by_slug.get(slug)
    }

    /// Tells whether an app is in an environment, whether or not somebody may see it there.
    pub fn is_in(&self, key: &str, environment: &str) -> bool {
        self.environments.get(key).is_some_and(|environments| environments.contains(environment))
    }
}

/// Tells apps of one name apart, the same at every start.
fn mark(key: &str) -> String {
    hex::encode(&Sha256::digest(key.as_bytes())[..3])
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPO: &str = "https://git.example.com/fleet.git";

    fn identify(rules: &AppRules, path: &str, name: &str, cluster: &str) -> AppIdentity {
        let origin = Origin { repo_url: REPO, path, name, cluster, labels: None };
        rules.identify(&Environments::default(), origin)
    }

    #[test]
    fn applications_of_one_base_path_are_one_app_whatever_their_environment() {
        let rules = AppRules::default();
        let dev = identify(&rules, "apps/web-app/overlays/dev", "web-app-dev", "dev");
        let prod = identify(&rules, "apps/web-app/overlays/prod", "web-app-prod-eu", "prod-eu");
        assert_eq!(dev.key, prod.key);
        assert_eq!((dev.name.as_str(), dev.base_path.as_deref()), ("web-app", Some("apps/web-app")));
        assert_eq!(dev.reason, Reason::BasePath);
        let plain = identify(&rules, "apps/worker/dev", "worker-dev", "dev");
        assert_eq!((plain.name.as_str(), plain.base_path.as_deref()), ("worker", Some("apps/worker")));
    }

    #[test]
    fn the_same_name_in_two_repositories_is_two_apps_with_their_own_slugs() {
        let rules = AppRules::default();
        let here = identify(&rules, "apps/api/overlays/dev", "api-dev", "dev");
        let origin = Origin {
            repo_url: "ssh://git@git.example.com/other",
            path: "api/overlays/dev",
            ..Origin::default()
        };
        let there = rules.identify(&Environments::default(), origin);
        assert_eq!(here.name, there.name);
        assert_ne!(here.key, there.key);
        let sight = |key, environment| Sight { key, name: "api", environment: Some(environment) };
        let sights = [sight(&here.key, "dev"), sight(&there.key, "dev"), sight(&here.key, "prod")];
        let known = KnownApps::new(sights.into_iter());
        let slug = known.slug_of(&here.key).expect("has a slug");
        assert_ne!(Some(slug), known.slug_of(&there.key));
        assert_eq!(known.find(slug), Some(&here.key));
        assert_eq!(known.find("api"), None, "the bare name would mean either");
        assert!(known.is_in(&here.key, "prod") && !known.is_in(&there.key, "prod"));
    }

    #[test]
    fn one_url_in_two_spellings_is_one_repository() {
        let rules = AppRules::default();
        let https = identify(&rules, "apps/api/overlays/dev", "api-dev", "dev");
        let origin = Origin {
            repo_url: "git@GIT.example.com:fleet",
            path: "apps/api/overlays/prod",
            ..Origin::default()
        };
        assert_eq!(https.key, rules.identify(&Environments::default(), origin).key);
    }

    #[test]
    fn a_chart_that_many_use_does_not_make_them_one() {
        let rules = AppRules::default();
        let orders = identify(&rules, "charts/generic", "orders-prod-eu", "prod-eu");
        let payments = identify(&rules, "charts/generic", "payments-prod-eu", "prod-eu");
        let orders_dev = identify(&rules, "charts/generic", "orders-dev", "dev");
        assert_ne!(orders.key, payments.key);
        assert_eq!(orders.key, orders_dev.key);
        assert_eq!(orders.name, "orders");
    }

    #[test]
    fn shared_overlays_are_told_apart_by_name() {
        let shop = identify(&AppRules::default(), "apps/overlays/dev", "shop-dev", "dev");
        assert_eq!((shop.name.as_str(), shop.base_path.as_deref()), ("shop", Some("apps")));
    }

    #[test]
    fn settings_win_and_say_so() {
        let settings = AppSettings {
            apps: vec![AppSetting { id: "storefront-api".into(), repository: None, path: "apps/api".into() }],
            label: Some("team/app".into()),
            name: Some("{environment}-{app}".into()),
        };
        let rules = AppRules::new(&settings).expect("compiles");
        let by_id = identify(&rules, "apps/api/overlays/prod", "x", "prod");
        assert_eq!((by_id.name.as_str(), by_id.reason), ("storefront-api", Reason::Setting));
        assert_ne!(identify(&rules, "apps/api-two/overlays/prod", "x", "prod").reason, Reason::Setting);
        let labels = BTreeMap::from([("team/app".to_owned(), "shop".to_owned())]);
        let origin = Origin { name: "anything", labels: Some(&labels), ..Origin::default() };
        assert_eq!(rules.identify(&Environments::default(), origin).reason, Reason::Label);
        let by_name = identify(&rules, "deploy", "staging-web-shop", "c1");
        assert_eq!((by_name.name.as_str(), by_name.reason), ("web-shop", Reason::NamePattern));
        for name in ["{app}", "{app}{environment}", "{app}-{environment}-{app}"] {
            assert!(
                AppRules::new(&AppSettings { name: Some(name.into()), ..AppSettings::default() }).is_err(),
                "{name}"
            );
        }
        let bad = AppSetting { id: "a/b".into(), ..AppSetting::default() };
        assert!(AppRules::new(&AppSettings { apps: vec![bad], ..AppSettings::default() }).is_err());
    }
}
