//! From a cluster Secret to a client: what Argo CD stored, without ever showing it.
//!
//! Source: Argo CD's `types.go` (`ClusterConfig`, `RawRestConfig`) and `util/db/cluster.go`. The tokens in these
//! Secrets are cluster-admin: they live in [`SecretString`]s and in kube's own types alone.

use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::Secret;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::plugin::{AwsAuth, Credential, Plugin};

/// The URL under which Argo CD knows the cluster that it runs in.
pub const IN_CLUSTER: &str = "https://kubernetes.default.svc";

/// What the settings say of how clusters are reached.
#[derive(Clone, Debug, Default)]
pub struct AccessSettings {
    /// The commands of credential plugins that may be run, as cluster Secrets name them.
    pub plugins: Vec<String>,
    /// Kubeconfigs of our own, instead of what the Secrets hold: read-only, as a rule.
    pub own: Vec<OwnKubeconfig>,
}

impl AccessSettings {
    fn own_of(&self, control_plane: &str, cluster: &str) -> Option<&OwnKubeconfig> {
        self.own.iter().find(|own| {
            own.cluster == cluster && own.control_plane.as_deref().is_none_or(|plane| plane == control_plane)
        })
    }
}

/// A kubeconfig of our own for one cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OwnKubeconfig {
    /// None: of whichever control plane has a cluster of that name.
    pub control_plane: Option<String>,
    pub cluster: String,
    pub kubeconfig: PathBuf,
    /// None: the current one.
    pub context: Option<String>,
}

/// A cluster as its Secret describes it.
#[derive(Clone, Debug)]
pub struct Registration {
    pub secret: String,
    pub name: String,
    pub server: String,
    /// The project that alone may use it, where one is named.
    pub project: Option<String>,
    /// What to connect with; an error says which kind is not supported, in words.
    pub access: Result<Access, String>,
}

/// How to connect. `Debug` shows the kind alone.
#[derive(Clone)]
pub enum Access {
    /// As the control plane itself: the cluster that Argo CD runs in.
    ControlPlane,
    /// With what the Secret holds.
    Stored(Box<StoredConfig>),
    /// With what a program prints, and the Secret's TLS settings.
    Plugin(Box<StoredConfig>, Plugin),
    /// With a kubeconfig of the settings.
    Own(OwnKubeconfig),
}

/// How to connect now.
pub struct Connection {
    pub config: kube::Config,
    /// When the credentials end, where they do.
    pub expires: Option<jiff::Timestamp>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind())
    }
}

/// The `config` of a cluster Secret.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredConfig {
    username: Option<String>,
    password: Option<SecretString>,
    bearer_token: Option<SecretString>,
    #[serde(default)]
    tls_client_config: StoredTls,
    aws_auth_config: Option<AwsAuth>,
    exec_provider_config: Option<Plugin>,
    proxy_url: Option<String>,
    #[serde(default)]
    disable_compression: bool,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredTls {
    #[serde(default)]
    insecure: bool,
    server_name: Option<String>,
    ca_data: Option<String>,
    cert_data: Option<String>,
    key_data: Option<SecretString>,
}

impl Registration {
    /// The cluster that Argo CD runs in, which needs no Secret.
    pub fn in_cluster(control_plane: &str, settings: &AccessSettings) -> Self {
        let name = "in-cluster";
        let own = settings.own_of(control_plane, name).cloned();
        Self {
            secret: String::new(),
            name: name.into(),
            server: IN_CLUSTER.into(),
            project: None,
            access: Ok(own.map_or(Access::ControlPlane, Access::Own)),
        }
    }

    /// Reads a cluster Secret. `settings` say how it may be reached from `control_plane`.
    ///
    /// # Errors
    /// One sentence without any value of the Secret: a key that is missing or that cannot be read.
    pub fn read(secret: &Secret, control_plane: &str, settings: &AccessSettings) -> Result<Self, String> {
        let name_of_secret = secret.metadata.name.clone().unwrap_or_default();
        let field = |key: &str| -> Result<String, String> {
            let bytes = secret.data.as_ref().and_then(|data| data.get(key));
            let bytes = bytes.ok_or_else(|| format!("its key {key} is missing"))?;
            String::from_utf8(bytes.0.clone()).map_err(|_| format!("its key {key} is not text"))
        };
        let server = field("server")?.trim_end_matches('/').to_owned();
        if server.is_empty() {
            return Err("its key server is empty".into());
        }
        let name = field("name").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| server.clone());
        let access = match settings.own_of(control_plane, &name) {
            Some(own) => Ok(Access::Own(own.clone())),
            // From outside, the in-cluster URL leads nowhere; Argo CD, too, takes its own configuration for it.
            None if server == IN_CLUSTER => Ok(Access::ControlPlane),
            None => field("config").and_then(|config| Access::read(&config, &settings.plugins)),
        };
        let project = field("project").ok().filter(|project| !project.is_empty());
        Ok(Self { secret: name_of_secret, name, server, project, access })
    }
}

impl Access {
    fn read(config: &str, allowed: &[String]) -> Result<Self, String> {
        // The parser's own text may quote a value, so only the place is told.
        let mut config: StoredConfig = serde_json::from_str(config).map_err(|error| {
            format!("its key config is not valid (line {}, column {})", error.line(), error.column())
        })?;
        // Argo CD, too, looks at AWS first.
        let (kind, plugin) = match (config.aws_auth_config.take(), config.exec_provider_config.take()) {
            (Some(aws), _) => ("aws", Plugin::from(aws)),
            (None, Some(plugin)) => ("exec", plugin),
            (None, None) => return Ok(Self::Stored(Box::new(config))),
        };
        if !allowed.contains(&plugin.command) {
            return Err(format!(
                "credentials of kind {kind} need the command {}, which is not among the plugins that the settings allow",
                plugin.command
            ));
        }
        Ok(Self::Plugin(Box::new(config), plugin))
    }

    /// Names the kind of the credentials.
    pub fn kind(&self) -> &'static str {
        let config = match self {
            Self::ControlPlane => return "those of the control plane",
            Self::Plugin(..) => return "credential plugin",
            Self::Own(_) => return "kubeconfig of the settings",
            Self::Stored(config) => config,
        };
        match &**config {
            StoredConfig { tls_client_config: StoredTls { cert_data: Some(_), .. }, .. } => {
                "client certificate"
            }
            StoredConfig { bearer_token: Some(_), .. } => "bearer token",
            StoredConfig { username: Some(_), .. } => "user name and password",
            _ => "none",
        }
    }

    /// Finds out how to connect to the API server now, from the control plane's own configuration where that is meant.
    ///
    /// # Errors
    /// One sentence that says what cannot be read, without its value.
    pub async fn connection(&self, server: &str, control_plane: &kube::Config) -> Result<Connection, String> {
        let (mut config, expires) = match self {
            Self::ControlPlane => (control_plane.clone(), None),
            Self::Stored(stored) => (stored.client_config(server)?, None),
            Self::Plugin(stored, plugin) => {
                let credential = plugin.run().await?;
                let expires = credential.expires;
                (stored.client_config_with(server, credential)?, expires)
            }
            Self::Own(own) => (own.client_config().await?, None),
        };
        config.connect_timeout = control_plane.connect_timeout;
        config.default_retry = control_plane.default_retry;
        Ok(Connection { config, expires })
    }
}

impl StoredConfig {
    fn client_config(&self, server: &str) -> Result<kube::Config, String> {
        let url = server.parse().map_err(|_| format!("its server {server} is not a URL"))?;
        let mut config = kube::Config::new(url);
        let tls = &self.tls_client_config;
        config.accept_invalid_certs = tls.insecure;
        config.tls_server_name.clone_from(&tls.server_name);
        config.disable_compression = self.disable_compression;
        if let Some(ca) = &tls.ca_data {
            config.root_cert = Some(certificates(ca)?);
        }
        if let Some(proxy) = self.proxy_url.as_ref().filter(|proxy| !proxy.is_empty()) {
            config.proxy_url = Some(proxy.parse().map_err(|_| "its proxyUrl is not a URL".to_owned())?);
        }
        let secret = |value: &Option<SecretString>| {
            value.as_ref().filter(|value| !value.expose_secret().is_empty()).cloned()
        };
        config.auth_info = AuthInfo {
            username: self.username.clone().filter(|name| !name.is_empty()),
            password: secret(&self.password),
            token: secret(&self.bearer_token),
            client_certificate_data: tls.cert_data.clone(),
            client_key_data: tls.key_data.clone(),
            ..AuthInfo::default()
        };
        Ok(config)
    }

    /// A plugin prints its certificate as PEM, where Secrets and kubeconfigs hold PEM in base64.
    fn client_config_with(&self, server: &str, credential: Credential) -> Result<kube::Config, String> {
        let mut config = self.client_config(server)?;
        config.auth_info = AuthInfo {
            token: credential.token,
            client_certificate_data: credential.client_certificate.map(|pem| STANDARD.encode(pem)),
            client_key_data: credential.client_key.map(|pem| STANDARD.encode(pem.expose_secret()).into()),
            ..AuthInfo::default()
        };
        Ok(config)
    }
}

impl OwnKubeconfig {
    async fn client_config(&self) -> Result<kube::Config, String> {
        let unreadable = |error: &dyn std::error::Error| {
            format!("its kubeconfig {} cannot be used: {error}", self.kubeconfig.display())
        };
        let file = Kubeconfig::read_from(&self.kubeconfig).map_err(|error| unreadable(&error))?;
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        kube::Config::from_custom_kubeconfig(file, &options).await.map_err(|error| unreadable(&error))
    }
}

/// PEM in base64 to the DER of each certificate.
fn certificates(data: &str) -> Result<Vec<Vec<u8>>, String> {
    let not_valid = || "its caData is not a certificate in PEM".to_owned();
    let pem = STANDARD.decode(data.trim()).map_err(|_| not_valid())?;
    let pem = String::from_utf8(pem).map_err(|_| not_valid())?;
    let mut certificates = Vec::new();
    for block in pem.split("-----BEGIN CERTIFICATE-----").skip(1) {
        let body = block.split("-----END CERTIFICATE-----").next().unwrap_or_default();
        let body: String = body.split_whitespace().collect();
        certificates.push(STANDARD.decode(body).map_err(|_| not_valid())?);
    }
    if certificates.is_empty() { Err(not_valid()) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    fn secret(entries: &[(&str, &str)]) -> Secret {
        let data =
            entries.iter().map(|(key, value)| (key.to_string(), ByteString(value.as_bytes().to_vec())));
        Secret { data: Some(data.collect()), ..Secret::default() }
    }

    fn plane() -> kube::Config {
        kube::Config::new("https://plane".parse().expect("a URL"))
    }

    fn read(secret: &Secret) -> Result<Registration, String> {
        Registration::read(secret, "lab", &AccessSettings::default())
    }

    #[tokio::test]
    async fn a_token_becomes_a_client_and_is_never_shown() {
        let read = read(&secret(&[
            ("name", "prod"),
            ("server", "https://10.0.0.1:6443/"),
            ("config", r#"{"bearerToken":"s3cr3t-token","tlsClientConfig":{"insecure":true}}"#),
        ]))
        .expect("reads");
        assert_eq!((read.name.as_str(), read.server.as_str()), ("prod", "https://10.0.0.1:6443"));
        assert!(!format!("{read:?}").contains("s3cr3t"), "{read:?}");
        let access = read.access.expect("supported");
        assert_eq!(access.kind(), "bearer token");
        let connection = access.connection(&read.server, &plane()).await.expect("a connection");
        assert_eq!(connection.config.auth_info.token.expect("a token").expose_secret(), "s3cr3t-token");
    }

    #[tokio::test]
    async fn plugins_run_only_where_the_settings_name_their_command() {
        let exec = r#"{"execProviderConfig":{"command":"/bin/sh","args":["-c","echo '{\"status\":{\"token\":\"short-lived\"}}'"]}}"#;
        let secret = |config| secret(&[("server", "https://x"), ("config", config)]);
        let refused = |config| read(&secret(config)).expect("reads").access.expect_err("not allowed");
        assert!(refused(exec).contains("kind exec need the command /bin/sh"));
        assert!(refused(r#"{"awsAuthConfig":{"clusterName":"x"}}"#).contains("argocd-k8s-auth"));

        let settings = AccessSettings { plugins: vec!["/bin/sh".into()], own: Vec::new() };
        let access =
            Registration::read(&secret(exec), "lab", &settings).expect("reads").access.expect("allowed");
        let connection = access.connection("https://x", &plane()).await.expect("a connection");
        assert_eq!(connection.config.auth_info.token.expect("a token").expose_secret(), "short-lived");
    }

    #[tokio::test]
    async fn a_kubeconfig_of_the_settings_goes_before_the_secret() {
        let own = OwnKubeconfig {
            control_plane: Some("lab".into()),
            cluster: "prod".into(),
            kubeconfig: "/no/such/file".into(),
            context: None,
        };
        let settings = AccessSettings { plugins: Vec::new(), own: vec![own] };
        let secret = secret(&[("name", "prod"), ("server", "https://x"), ("config", "{}")]);
        let of =
            |plane| Registration::read(&secret, plane, &settings).expect("reads").access.expect("supported");
        assert_eq!(of("other").kind(), "none");
        assert_eq!(of("lab").kind(), "kubeconfig of the settings");
        let why = of("lab").connection("https://x", &plane()).await.err().expect("unreadable");
        assert!(why.contains("/no/such/file"), "{why}");
    }

    #[tokio::test]
    async fn errors_tell_the_place_and_no_value() {
        let error = read(&secret(&[("name", "x")])).expect_err("no server");
        assert!(error.contains("server is missing"), "{error}");
        let broken = secret(&[("server", "https://x"), ("config", r#"{"bearerToken": 12345678}"#)]);
        let error = read(&broken).expect("reads").access.expect_err("not valid");
        assert!(error.contains("line 1") && !error.contains("12345678"), "{error}");
        let bad_ca =
            secret(&[("server", "https://x"), ("config", r#"{"tlsClientConfig":{"caData":"bm8="}}"#)]);
        let access = read(&bad_ca).expect("reads").access.expect("supported");
        let why = access.connection("https://x", &plane()).await.err().expect("no CA");
        assert!(why.contains("caData"), "{why}");
    }
}
