//! From a cluster Secret to a client: what Argo CD stored, without ever showing it.
//!
//! Source: Argo CD's `types.go` (`ClusterConfig`, `RawRestConfig`) and `util/db/cluster.go`. The tokens in these
//! Secrets are cluster-admin: they live in [`SecretString`]s and in kube's own types alone.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::Secret;
use kube::config::AuthInfo;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

/// The URL under which Argo CD knows the cluster that it runs in.
pub const IN_CLUSTER: &str = "https://kubernetes.default.svc";

/// A cluster as its Secret describes it.
#[derive(Clone, Debug)]
pub struct Registration {
    pub secret: String,
    pub name: String,
    pub server: String,
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
    aws_auth_config: Option<serde::de::IgnoredAny>,
    exec_provider_config: Option<StoredExec>,
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

#[derive(Clone, Deserialize)]
struct StoredExec {
    #[serde(default)]
    command: String,
}

impl Registration {
    /// The cluster that Argo CD runs in, which needs no Secret.
    pub fn in_cluster() -> Self {
        Self {
            secret: String::new(),
            name: "in-cluster".into(),
            server: IN_CLUSTER.into(),
            access: Ok(Access::ControlPlane),
        }
    }

    /// Reads a cluster Secret.
    ///
    /// # Errors
    /// One sentence without any value of the Secret: a key that is missing or that cannot be read.
    pub fn read(secret: &Secret) -> Result<Self, String> {
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
        // From outside, the in-cluster URL leads nowhere; Argo CD, too, takes its own configuration for it.
        let access = if server == IN_CLUSTER {
            Ok(Access::ControlPlane)
        } else {
            field("config").and_then(|config| Access::read(&config))
        };
        Ok(Self { secret: name_of_secret, name, server, access })
    }
}

impl Access {
    fn read(config: &str) -> Result<Self, String> {
        // The parser's own text may quote a value, so only the place is told.
        let config: StoredConfig = serde_json::from_str(config).map_err(|error| {
            format!("its key config is not valid (line {}, column {})", error.line(), error.column())
        })?;
        if config.aws_auth_config.is_some() {
            return Err("credentials of kind aws are not supported here".into());
        }
        if let Some(exec) = &config.exec_provider_config {
            return Err(format!("credentials of kind exec ({}) are not supported here", exec.command));
        }
        Ok(Self::Stored(Box::new(config)))
    }

    /// Names the kind of the credentials.
    pub fn kind(&self) -> &'static str {
        let Self::Stored(config) = self else { return "those of the control plane" };
        match &**config {
            StoredConfig { tls_client_config: StoredTls { cert_data: Some(_), .. }, .. } => {
                "client certificate"
            }
            StoredConfig { bearer_token: Some(_), .. } => "bearer token",
            StoredConfig { username: Some(_), .. } => "user name and password",
            _ => "none",
        }
    }

    /// Makes the configuration of a client for the API server, from the control plane's own where that is meant.
    ///
    /// # Errors
    /// One sentence that says what cannot be read, without its value.
    pub fn client_config(&self, server: &str, control_plane: &kube::Config) -> Result<kube::Config, String> {
        let Self::Stored(stored) = self else { return Ok(control_plane.clone()) };
        let url = server.parse().map_err(|_| format!("its server {server} is not a URL"))?;
        let mut config = kube::Config::new(url);
        config.connect_timeout = control_plane.connect_timeout;
        config.default_retry = control_plane.default_retry;
        let tls = &stored.tls_client_config;
        config.accept_invalid_certs = tls.insecure;
        config.tls_server_name.clone_from(&tls.server_name);
        config.disable_compression = stored.disable_compression;
        if let Some(ca) = &tls.ca_data {
            config.root_cert = Some(certificates(ca)?);
        }
        if let Some(proxy) = stored.proxy_url.as_ref().filter(|proxy| !proxy.is_empty()) {
            config.proxy_url = Some(proxy.parse().map_err(|_| "its proxyUrl is not a URL".to_owned())?);
        }
        let secret = |value: &Option<SecretString>| {
            value.as_ref().filter(|value| !value.expose_secret().is_empty()).cloned()
        };
        config.auth_info = AuthInfo {
            username: stored.username.clone().filter(|name| !name.is_empty()),
            password: secret(&stored.password),
            token: secret(&stored.bearer_token),
            client_certificate_data: tls.cert_data.clone(),
            client_key_data: tls.key_data.clone(),
            ..AuthInfo::default()
        };
        Ok(config)
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

    #[test]
    fn a_token_becomes_a_client_and_is_never_shown() {
        let read = Registration::read(&secret(&[
            ("name", "prod"),
            ("server", "https://10.0.0.1:6443/"),
            ("config", r#"{"bearerToken":"s3cr3t-token","tlsClientConfig":{"insecure":true}}"#),
        ]))
        .expect("reads");
        assert_eq!((read.name.as_str(), read.server.as_str()), ("prod", "https://10.0.0.1:6443"));
        assert!(!format!("{read:?}").contains("s3cr3t"), "{read:?}");
        let access = read.access.expect("supported");
        assert_eq!(access.kind(), "bearer token");
        let config = access.client_config(&read.server, &plane()).expect("a client");
        assert_eq!(config.auth_info.token.expect("a token").expose_secret(), "s3cr3t-token");
    }

    #[test]
    fn unsupported_kinds_say_so() {
        let read = |config| {
            let secret = secret(&[("server", "https://x"), ("config", config)]);
            Registration::read(&secret).expect("reads").access.expect_err("not supported")
        };
        assert!(read(r#"{"execProviderConfig":{"command":"gcloud"}}"#).contains("exec (gcloud)"));
        assert!(read(r#"{"awsAuthConfig":{"clusterName":"x"}}"#).contains("aws"));
    }

    #[test]
    fn errors_tell_the_place_and_no_value() {
        let error = Registration::read(&secret(&[("name", "x")])).expect_err("no server");
        assert!(error.contains("server is missing"), "{error}");
        let broken = secret(&[("server", "https://x"), ("config", r#"{"bearerToken": 12345678}"#)]);
        let error = Registration::read(&broken).expect("reads").access.expect_err("not valid");
        assert!(error.contains("line 1") && !error.contains("12345678"), "{error}");
        let bad_ca =
            secret(&[("server", "https://x"), ("config", r#"{"tlsClientConfig":{"caData":"bm8="}}"#)]);
        let access = Registration::read(&bad_ca).expect("reads").access.expect("supported");
        assert!(access.client_config("https://x", &plane()).expect_err("no CA").contains("caData"));
    }
}
