//! All settings of `quarterdeck serve`: a flag wins over the environment, the environment over the TOML file.
//!
//! Unknown keys and bad values of the file are refused with the line where they stand. Secrets come from the
//! environment or from files, never from flags, which every user of the machine can read.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs, io,
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use engine::{
    DatabaseSetting, RepositorySettings,
    access::{AdminPassword, SignInSettings, oidc::ProviderSetting},
    fleet::{
        apps::{AppSetting, AppSettings},
        credentials::{AccessSettings, OwnKubeconfig},
        environment::EnvironmentSetting,
        probe::ProbeSettings,
        watch::ControlPlaneSetting,
    },
    git::rules::Rules,
    history::Retention,
};
use secrecy::SecretString;
use serde::Deserialize;

use crate::{http, telemetry::LogFormat};

mod changes;
mod network;
mod public_url;

pub use network::Network;
pub use public_url::PublicUrl;

/// The namespace of Argo CD, where nothing else is said.
pub(crate) const ARGOCD_NAMESPACE: &str = "argocd";
/// The name of a control plane that has neither a name nor a context. It must not follow the kubeconfig's current
/// context, for links and history go by it.
const UNNAMED: &str = "default";

/// What the name of the variable with a provider's client secret begins with.
const CLIENT_SECRET: &str = "QUARTERDECK_CLIENT_SECRET_";

/// The flags of `quarterdeck serve`, each with its environment variable.
#[derive(clap::Args, Default)]
pub struct Flags {
    /// The TOML file with settings.
    #[arg(long, env = "QUARTERDECK_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The address to listen on [default: 127.0.0.1:3000].
    #[arg(long, env = "QUARTERDECK_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// The URL that people use, by https unless on loopback [default: http and the address listened on].
    #[arg(long, env = "QUARTERDECK_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<PublicUrl>,
    /// The proxies whose X-Forwarded-For counts: addresses or networks like 10.0.0.0/8, with commas between.
    #[arg(long, env = "QUARTERDECK_TRUSTED_PROXIES", value_name = "NETWORKS", value_delimiter = ',')]
    pub trusted_proxies: Option<Vec<Network>>,
    /// The kubeconfig of the control plane [default: as kubectl, else the cluster that we run in].
    #[arg(long, env = "QUARTERDECK_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the control plane [default: the kubeconfig's current one].
    #[arg(long, env = "QUARTERDECK_CONTEXT")]
    pub context: Option<String>,
    /// The namespace of Argo CD [default: argocd].
    #[arg(long, env = "QUARTERDECK_NAMESPACE")]
    pub namespace: Option<String>,
    /// The folder for what the program keeps, also the private PostgreSQL.
    #[arg(long, env = "QUARTERDECK_DATA_DIR", value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// The file with the password of the local administrator [default: one is made and printed once].
    #[arg(long, env = "QUARTERDECK_ADMIN_PASSWORD_FILE", value_name = "FILE")]
    pub admin_password_file: Option<PathBuf>,
    /// The folder with the files for the browser [default: `site` beside the program, else target/site].
    #[arg(long, env = "QUARTERDECK_SITE_ROOT", value_name = "FOLDER")]
    pub site_root: Option<PathBuf>,
    /// How many requests one actor may make in a minute, and a tenth as many acts [default: 3000].
    #[arg(long, env = "QUARTERDECK_REQUESTS_PER_MINUTE", value_name = "COUNT")]
    pub requests_per_minute: Option<NonZeroU32>,
    /// Follow repositories on this machine's disk (`file://`), too; else these are refused.
    #[arg(long, env = "QUARTERDECK_ALLOW_FILE_REPOSITORIES")]
    pub allow_file_repositories: bool,
    /// The form of the log [default: text].
    #[arg(long, env = "QUARTERDECK_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// What is logged, as tracing's filters say it [default: info].
    #[arg(long, env = "QUARTERDECK_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}

/// The settings that come from the environment alone.
#[derive(Debug, Default)]
pub struct Secrets {
    /// `DATABASE_URL`
    pub database_url: Option<SecretString>,
    /// `QUARTERDECK_ADMIN_PASSWORD`
    pub admin_password: Option<SecretString>,
    /// `QUARTERDECK_CLIENT_SECRET_<ID>`, by the id of the provider in capitals, with `_` for `-`.
    pub client_secrets: BTreeMap<String, SecretString>,
}

impl Secrets {
    /// Reads the environment. An empty variable counts as not set.
    pub fn from_environment() -> Self {
        let secret = |name| env::var(name).ok().filter(|value| !value.is_empty()).map(SecretString::from);
        let of_provider = |(name, value): (String, String)| {
            Some((name.strip_prefix(CLIENT_SECRET)?.to_owned(), SecretString::from(value)))
        };
        // A variable that is no text is none of ours.
        let all = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self {
            database_url: secret("DATABASE_URL"),
            admin_password: secret("QUARTERDECK_ADMIN_PASSWORD"),
            client_secrets: all.filter_map(of_provider).collect(),
        }
    }
}

/// The settings, checked.
#[derive(Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub http: http::Settings,
    pub log_format: LogFormat,
    pub log: String,
    pub engine: engine::Settings,
}

/// What is wrong with the settings, and where.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{} cannot be read", file.display())]
    Unreadable {
        file: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}, line {line}: {why}", file.display())]
    Refused { file: PathBuf, line: usize, why: String },
    #[error("{0}")]
    Contradiction(String),
}

impl Config {
    /// Puts flags, secrets and the file together.
    pub fn load(flags: Flags, secrets: Secrets) -> Result<Self, Error> {
        let file = flags.config.as_deref().map(File::read).transpose()?.unwrap_or_default();
        let listen = flags.listen.or(file.listen).unwrap_or((Ipv4Addr::LOCALHOST, 3000).into());
        let single = ControlPlane {
            name: None,
            kubeconfig: flags.kubeconfig.or(file.kubeconfig),
            context: flags.context.or(file.context),
            namespace: flags.namespace.or(file.namespace),
            cluster_secrets: file.cluster_secrets,
        };
        let password_file = flags.admin_password_file.or(file.admin_password_file);
        let data_dir = flags.data_dir.or(file.data_dir);
        Ok(Self {
            listen,
            engine: engine::Settings {
                control_planes: control_planes(single, file.control_planes)?,
                environments: file.environments.into_iter().map(Environment::into_setting).collect(),
                probes: file.clusters.probes(),
                access: file.clusters.access(),
                database: database_of(
                    secrets.database_url.or(file.database_url.map(SecretString::from)),
                    data_dir.clone(),
                ),
                admin_password: admin_password(password_file, secrets.admin_password),
                sign_in: file.sign_in.into_settings(&secrets.client_secrets)?,
                apps: file.grouping.into_setting(&file.apps),
                repositories: file
                    .repositories
                    .into_setting(data_dir.as_deref(), flags.allow_file_repositories)?,
                retention: file.retention.into_setting(),
                changes: file.changes.into_setting()?,
                anchor: file.audit.into_anchor(),
            },
            http: http::Settings {
                public_url: public_url(flags.public_url.or(file.public_url), listen)?,
                trusted_proxies: flags.trusted_proxies.or(file.trusted_proxies).unwrap_or_default(),
                requests_per_minute: flags
                    .requests_per_minute
                    .or(file.requests_per_minute)
                    .map_or(http::REQUESTS_PER_MINUTE, NonZeroU32::get),
                site_root: flags.site_root.or(file.site_root).unwrap_or_else(find_site),
            },
            log_format: flags.log_format.or(file.log_format).unwrap_or_default(),
            log: flags.log.or(file.log).unwrap_or_else(|| "info".to_owned()),
        })
    }
}

/// Returns where the database is, for commands that need no other setting.
pub fn database(
    config: Option<PathBuf>,
    data_dir: Option<PathBuf>,
    secrets: Secrets,
) -> Result<DatabaseSetting, Error> {
    let file = config.as_deref().map(File::read).transpose()?.unwrap_or_default();
    let url = secrets.database_url.or(file.database_url.map(SecretString::from));
    Ok(database_of(url, data_dir.or(file.data_dir)))
}

fn database_of(url: Option<SecretString>, data_dir: Option<PathBuf>) -> DatabaseSetting {
    match url {
        Some(url) => DatabaseSetting::Url(url),
        None => DatabaseSetting::Private(data_dir),
    }
}

/// The TOML file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<SocketAddr>,
    public_url: Option<PublicUrl>,
    trusted_proxies: Option<Vec<Network>>,
    kubeconfig: Option<PathBuf>,
    context: Option<String>,
    namespace: Option<String>,
    #[serde(default)]
    cluster_secrets: Vec<String>,
    /// The control planes, where there are several; the four settings above are for a single one.
    #[serde(default)]
    control_planes: Vec<ControlPlane>,
    /// In the order of promotions.
    #[serde(default)]
    environments: Vec<Environment>,
    /// Ids of apps; the first that matches counts.
    #[serde(default)]
    apps: Vec<App>,
    #[serde(default)]
    grouping: Grouping,
    #[serde(default)]
    repositories: Repositories,
    #[serde(default)]
    changes: changes::Changes,
    #[serde(default)]
    audit: changes::Audit,
    #[serde(default)]
    clusters: Clusters,
    #[serde(default)]
    retention: Days,
    #[serde(default)]
    sign_in: SignIn,
    /// `DATABASE_URL` wins.
    database_url: Option<String>,
    data_dir: Option<PathBuf>,
    admin_password_file: Option<PathBuf>,
    site_root: Option<PathBuf>,
    requests_per_minute: Option<NonZeroU32>,
    log_format: Option<LogFormat>,
    log: Option<String>,
}

/// One of several control planes, or the single one of the flags.
#[derive(Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
struct ControlPlane {
    name: Option<String>,
    kubeconfig: Option<PathBuf>,
    context: Option<String>,
    namespace: Option<String>,
    /// The Secrets that register clusters, by name, where not all Secrets may be listed.
    #[serde(default)]
    cluster_secrets: Vec<String>,
}

impl ControlPlane {
    fn into_setting(self) -> ControlPlaneSetting {
        let name = self.name.or_else(|| self.context.clone()).unwrap_or_else(|| UNNAMED.to_owned());
        let namespace = self.namespace.unwrap_or_else(|| ARGOCD_NAMESPACE.to_owned());
        ControlPlaneSetting {
            name,
            kubeconfig: self.kubeconfig,
            context: self.context,
            namespace,
            cluster_secrets: self.cluster_secrets,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Environment {
    name: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    clusters: Vec<String>,
    protected: Option<bool>,
    /// How many people have to approve a promotion to it.
    #[serde(default)]
    approvals: changes::Approvals,
    /// How long a release has to run Healthy there before it may go further.
    #[serde(default)]
    soak_minutes: changes::SoakMinutes,
}

impl Environment {
    fn into_setting(self) -> EnvironmentSetting {
        let Self { name, aliases, clusters, protected, approvals, soak_minutes } = self;
        let soak = changes::minutes(soak_minutes.get());
        EnvironmentSetting { name, aliases, clusters, protected, approvals: approvals.get(), soak }
    }
}

/// Gives what lives at a path an id.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct App {
    id: String,
    repository: Option<String>,
    path: String,
}

/// What else makes Applications one app.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grouping {
    /// The label whose value is the app's name.
    label: Option<String>,
    /// How Applications are named, e.g. `{app}-{environment}`.
    name: Option<String>,
}

impl Grouping {
    fn into_setting(self, apps: &[App]) -> AppSettings {
        let of_app = |App { id, repository, path }: &App| AppSetting {
            id: id.clone(),
            repository: repository.clone(),
            path: path.clone(),
        };
        AppSettings { apps: apps.iter().map(of_app).collect(), label: self.label, name: self.name }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Repositories {
    /// Where the mirrors lie.
    folder: Option<PathBuf>,
    fetch_seconds: Option<NonZeroU32>,
    timeout_seconds: Option<NonZeroU32>,
    /// What all mirrors may take on the disk.
    most_gigabytes: Option<NonZeroU32>,
    /// Whether repositories on this machine's disk are followed.
    #[serde(default)]
    allow_files: bool,
    /// A file with rules in the form of a `.quarterdeck.toml`: layouts, what travels, what is expected to differ.
    rules: Option<PathBuf>,
    /// The programs that render; found on PATH without them.
    kustomize: Option<PathBuf>,
    helm: Option<PathBuf>,
    /// Credentials to push with, beside Argo CD's own Secrets for it.
    #[serde(default)]
    write: Vec<changes::Write>,
}

impl Repositories {
    fn into_setting(self, data_dir: Option<&Path>, allow_files: bool) -> Result<RepositorySettings, Error> {
        let seconds = |set: Option<NonZeroU32>| set.map(|seconds| Duration::from_secs(seconds.get().into()));
        Ok(RepositorySettings {
            folder: self.folder.or_else(|| Some(data_dir?.join("mirrors"))),
            interval: seconds(self.fetch_seconds),
            timeout: seconds(self.timeout_seconds),
            most_bytes: self.most_gigabytes.map(|it| u64::from(it.get()) << 30),
            allow_files: self.allow_files || allow_files,
            rules: self.rules.as_deref().map(read_rules).transpose()?.unwrap_or_default(),
            kustomize: self.kustomize,
            helm: self.helm,
            write: changes::Write::into_settings(self.write)?,
        })
    }
}

fn read_rules(file: &Path) -> Result<Rules, Error> {
    let text =
        fs::read_to_string(file).map_err(|source| Error::Unreadable { file: file.to_owned(), source })?;
    Rules::parse(&text).map_err(|error| Error::Contradiction(format!("{}, {error}", file.display())))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Clusters {
    probe_seconds: Option<NonZeroU32>,
    timeout_seconds: Option<NonZeroU32>,
    /// The credential plugins that may be run.
    #[serde(default)]
    plugins: Vec<String>,
    #[serde(default)]
    kubeconfigs: Vec<ClusterKubeconfig>,
}

/// A kubeconfig for one cluster, instead of what Argo CD's Secret holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClusterKubeconfig {
    control_plane: Option<String>,
    cluster: String,
    kubeconfig: PathBuf,
    context: Option<String>,
}

impl Clusters {
    fn access(self) -> AccessSettings {
        let own = self.kubeconfigs.into_iter().map(|it| {
            let ClusterKubeconfig { control_plane, cluster, kubeconfig, context } = it;
            OwnKubeconfig { control_plane, cluster, kubeconfig, context }
        });
        AccessSettings { plugins: self.plugins, own: own.collect() }
    }

    fn probes(&self) -> ProbeSettings {
        let default = ProbeSettings::default();
        let seconds = |set: Option<NonZeroU32>| set.map(|seconds| Duration::from_secs(seconds.get().into()));
        ProbeSettings {
            interval: seconds(self.probe_seconds).unwrap_or(default.interval),
            timeout: seconds(self.timeout_seconds).unwrap_or(default.timeout),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Days {
    operations_days: Option<NonZeroU32>,
    transitions_days: Option<NonZeroU32>,
}

impl Days {
    fn into_setting(self) -> Retention {
        let default = Retention::default();
        Retention {
            operations_days: self.operations_days.map_or(default.operations_days, NonZeroU32::get),
            transitions_days: self.transitions_days.map_or(default.transitions_days, NonZeroU32::get),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    /// Whether the local administrator may sign in; as long as there is no provider, they may.
    local_admin: Option<bool>,
    /// A sentence on the sign-in page.
    #[serde(default)]
    notice: String,
    #[serde(default)]
    providers: Vec<IdentityProvider>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityProvider {
    id: String,
    name: Option<String>,
    issuer: String,
    client_id: String,
    /// The environment wins.
    client_secret_file: Option<PathBuf>,
    groups_claim: Option<String>,
    scopes: Option<Vec<String>>,
    #[serde(default)]
    userinfo: bool,
    prefix: Option<String>,
    ca_file: Option<PathBuf>,
    timeout_seconds: Option<NonZeroU32>,
}

impl SignIn {
    fn into_settings(self, secrets: &BTreeMap<String, SecretString>) -> Result<SignInSettings, Error> {
        let providers = self.providers.into_iter().enumerate();
        let providers = providers.map(|(index, provider)| provider.into_setting(index == 0, secrets));
        Ok(SignInSettings {
            providers: providers.collect::<Result<_, _>>()?,
            local_admin: self.local_admin,
            notice: self.notice,
        })
    }
}

impl IdentityProvider {
    /// The people of the first provider go by their names; those of another one by its id and a colon before them, so
    /// that no two providers speak for the same people unless a setting says so.
    fn into_setting(
        self,
        is_first: bool,
        secrets: &BTreeMap<String, SecretString>,
    ) -> Result<ProviderSetting, Error> {
        const SCOPES: [&str; 4] = ["openid", "profile", "email", "groups"];
        const TIMEOUT: Duration = Duration::from_secs(10);
        let secret = secrets.get(&self.id.to_uppercase().replace('-', "_")).cloned();
        let client_secret = match (secret, self.client_secret_file) {
            (Some(secret), _) => Some(secret),
            (None, Some(file)) => {
                let text = fs::read_to_string(&file).map_err(|source| Error::Unreadable { file, source })?;
                Some(SecretString::from(text.trim()))
            }
            (None, None) => None,
        };
        Ok(ProviderSetting {
            name: self.name.unwrap_or_else(|| self.id.clone()),
            issuer: self.issuer,
            client_id: self.client_id,
            client_secret,
            groups_claim: self.groups_claim.unwrap_or_else(|| "groups".to_owned()),
            scopes: self.scopes.unwrap_or_else(|| SCOPES.map(str::to_owned).to_vec()),
            userinfo: self.userinfo,
            prefix: self
                .prefix
                .unwrap_or_else(|| if is_first { String::new() } else { format!("{}:", self.id) }),
            ca_file: self.ca_file,
            timeout: self.timeout_seconds.map_or(TIMEOUT, |it| Duration::from_secs(it.get().into())),
            id: self.id,
        })
    }
}

impl File {
    fn read(path: &Path) -> Result<Self, Error> {
        let text =
            fs::read_to_string(path).map_err(|source| Error::Unreadable { file: path.to_owned(), source })?;
        toml::from_str(&text).map_err(|error| Error::Refused {
            file: path.to_owned(),
            line: line_of(&text, error.span()),
            why: error.message().trim_end().replace('\n', ", "),
        })
    }
}

fn line_of(text: &str, span: Option<std::ops::Range<usize>>) -> usize {
    let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
    1 + before.bytes().filter(|byte| *byte == b'\n').count()
}

/// Returns the control planes of the file, or else the single one.
fn control_planes(
    single: ControlPlane,
    several: Vec<ControlPlane>,
) -> Result<Vec<ControlPlaneSetting>, Error> {
    if several.is_empty() {
        return Ok(vec![single.into_setting()]);
    }
    if single != ControlPlane::default() {
        let why = "kubeconfig, context, namespace and cluster_secrets are for a single control plane: with [[control_planes]], \
                   set them there";
        return Err(Error::Contradiction(why.to_owned()));
    }
    let planes: Vec<_> = several.into_iter().map(ControlPlane::into_setting).collect();
    let mut names = BTreeSet::new();
    match planes.iter().find(|plane| !names.insert(&plane.name)) {
        Some(twice) => {
            Err(Error::Contradiction(format!("control_planes: the name `{}` stands twice", twice.name)))
        }
        None => Ok(planes),
    }
}

fn admin_password(file: Option<PathBuf>, environment: Option<SecretString>) -> AdminPassword {
    match (file, environment) {
        (Some(file), _) => AdminPassword::File(file),
        (None, Some(password)) => AdminPassword::Env(password),
        (None, None) => AdminPassword::Generate,
    }
}

/// Without a public URL people can come by loopback alone: elsewhere the session's cookie would not hold.
fn public_url(set: Option<PublicUrl>, listen: SocketAddr) -> Result<PublicUrl, Error> {
    set.or_else(|| PublicUrl::of_loopback(listen)).ok_or_else(|| {
        Error::Contradiction(format!(
            "{listen} is not a loopback address, so the URL that people use has to be known: \
             set --public-url https://… (a proxy that speaks https has to be in front)"
        ))
    })
}

/// Finds the files for the browser: beside the program, or where a build puts them.
fn find_site() -> PathBuf {
    let program = env::current_exe().ok();
    let beside = program.as_deref().and_then(Path::parent).map(|folder| folder.join("site"));
    beside.filter(|folder| folder.is_dir()).unwrap_or_else(|| PathBuf::from("target/site"))
}
