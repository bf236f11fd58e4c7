//! Credential plugins: programs that print a short-lived token, run only where the settings allow their command.
//!
//! Source: client-go's exec plugins (`ExecCredential` of `client.authentication.k8s.io`), and Argo CD's
//! `RawRestConfig`, which turns `awsAuthConfig` into a call of `argocd-k8s-auth`.

use std::{collections::BTreeMap, fmt, process::Stdio, time::Duration};

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
};

/// How long a plugin may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How much a plugin may print.
const MOST_BYTES: u64 = 256 * 1024;
/// The program that Argo CD signs in to AWS with.
const AWS_COMMAND: &str = "argocd-k8s-auth";
const BETA: &str = "client.authentication.k8s.io/v1beta1";

/// A program to run for credentials. `Debug` shows the command alone.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plugin {
    pub command: String,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, SecretString>,
    #[serde(default = "beta")]
    api_version: String,
    #[serde(default)]
    install_hint: String,
}

/// The `awsAuthConfig` of a cluster Secret.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AwsAuth {
    cluster_name: String,
    #[serde(rename = "roleARN", default)]
    role_arn: String,
    #[serde(default)]
    profile: String,
}

/// What a plugin printed.
pub struct Credential {
    pub token: Option<SecretString>,
    pub client_certificate: Option<String>,
    pub client_key: Option<SecretString>,
    /// When a new one is needed; none: with the next connection.
    pub expires: Option<Timestamp>,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("command", &self.command).finish_non_exhaustive()
    }
}

impl From<AwsAuth> for Plugin {
    fn from(aws: AwsAuth) -> Self {
        let mut args = vec!["aws".to_owned(), "--cluster-name".to_owned(), aws.cluster_name];
        for (flag, value) in [("--role-arn", aws.role_arn), ("--profile", aws.profile)] {
            if !value.is_empty() {
                args.extend([flag.to_owned(), value]);
            }
        }
        Self {
            command: AWS_COMMAND.to_owned(),
            args,
            env: BTreeMap::new(),
            api_version: beta(),
            install_hint: String::new(),
        }
    }
}

impl Plugin {
    /// Runs the program and reads what it printed.
    ///
    /// # Errors
    /// One sentence: it is not installed, failed, took too long, or printed something else. What it printed is never
    /// repeated, for a token may be in it; its error output goes to the log alone.
    pub async fn run(&self) -> Result<Credential, String> {
        let command = &self.command;
        let printed = tokio::time::timeout(TIMEOUT, self.output())
            .await
            .map_err(|_| format!("the plugin {command} did not end within {} s", TIMEOUT.as_secs()))??;
        read(&printed).map_err(|why| format!("the plugin {command} printed no credential: {why}"))
    }

    async fn output(&self) -> Result<String, String> {
        let command = &self.command;
        let mut child = self.command().spawn().map_err(|error| {
            let hint = self.install_hint.lines().next().map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("the plugin {command} does not start: {error}{hint}")
        })?;
        let unread = |error: std::io::Error| format!("the plugin {command} could not be read: {error}");
        let (out, err) = tokio::join!(text(child.stdout.take()), text(child.stderr.take()));
        let status = child.wait().await.map_err(unread)?;
        if !status.success() {
            tracing::warn!(
                command,
                "a credential plugin failed ({status}): {}",
                err.unwrap_or_default().trim()
            );
            return Err(format!("the plugin {command} failed ({status}); the log has what it said"));
        }
        out.map_err(unread)
    }

    /// With its own environment and ours, but without our secrets.
    fn command(&self) -> Command {
        let info =
            json!({"apiVersion": self.api_version, "kind": "ExecCredential", "spec": {"interactive": false}});
        let ours = std::env::vars_os().map(|(name, _)| name).filter(|name| {
            let name = name.to_string_lossy();
            name == "DATABASE_URL" || name.starts_with("QUARTERDECK_")
        });
        let mut command = Command::new(&self.command);
        for name in ours {
            command.env_remove(name);
        }
        command
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value.expose_secret())))
            .env("KUBERNETES_EXEC_INFO", info.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

async fn text(pipe: Option<impl AsyncRead + Unpin>) -> std::io::Result<String> {
    let mut text = String::new();
    if let Some(pipe) = pipe {
        pipe.take(MOST_BYTES).read_to_string(&mut text).await?;
    }
    Ok(text)
}

fn read(printed: &str) -> Result<Credential, String> {
    #[derive(Deserialize)]
    struct Printed {
        status: Option<Status>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Status {
        token: Option<SecretString>,
        client_certificate_data: Option<String>,
        client_key_data: Option<SecretString>,
        expiration_timestamp: Option<Timestamp>,
    }
    let printed: Printed = serde_json::from_str(printed).map_err(|error| {
        format!("it is no ExecCredential (line {}, column {})", error.line(), error.column())
    })?;
    let status = printed.status.ok_or("its status is missing")?;
    if status.token.is_none() && status.client_certificate_data.is_none() {
        return Err("it has neither a token nor a client certificate".into());
    }
    Ok(Credential {
        token: status.token,
        client_certificate: status.client_certificate_data,
        client_key: status.client_key_data,
        expires: status.expiration_timestamp,
    })
}

fn beta() -> String {
    BETA.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Plugin {
        let plugin =
            json!({"command": "/bin/sh", "args": ["-c", script], "env": {"TOKEN": "from-the-secret"}});
        serde_json::from_value(plugin).expect("a plugin")
    }

    #[tokio::test]
    async fn a_token_and_its_end_are_read() {
        let script = r#"echo '{"status":{"token":"'$TOKEN'","expirationTimestamp":"2026-11-24T10:00:00Z"}}'"#;
        let credential = shell(script).run().await.expect("a credential");
        assert_eq!(credential.token.expect("a token").expose_secret(), "from-the-secret");
        assert_eq!(credential.expires.expect("an end").to_string(), "2026-11-24T10:00:00Z");
    }

    #[tokio::test]
    async fn a_plugin_that_fails_or_is_not_there_says_so_without_what_it_printed() {
        let why = async |plugin: Plugin| plugin.run().await.err().expect("an error");
        assert!(why(shell("echo s3cr3t; exit 3")).await.contains("failed (exit status: 3)"));
        let missing = json!({"command": "no-such-plugin", "installHint": "install it from there"});
        let missing = why(serde_json::from_value(missing).expect("a plugin")).await;
        assert!(missing.contains("does not start") && missing.contains("install it from there"), "{missing}");
        for printed in ["s3cr3t", r#"{"status":{"token":5,"s3cr3t":1}}"#, r#"{"status":{}}"#] {
            let why = why(shell(&format!("echo '{printed}'"))).await;
            assert!(why.contains("no credential") && !why.contains("s3cr3t"), "{why}");
        }
    }

    #[test]
    fn what_argo_cd_does_for_aws_is_done() {
        let aws = json!({"clusterName": "prod", "roleARN": "arn:aws:iam::1:role/x"});
        let plugin = Plugin::from(serde_json::from_value::<AwsAuth>(aws).expect("reads"));
        assert_eq!(plugin.command, "argocd-k8s-auth");
        assert_eq!(plugin.args, ["aws", "--cluster-name", "prod", "--role-arn", "arn:aws:iam::1:role/x"]);
    }
}
