//! One call of `git` over the network: its command line, its environment, and the private folder that goes with it.
//!
//! Nothing secret is in the command line or in the environment: it is in files that we alone may read, in a folder that
//! we alone may enter, for as long as the call takes. Git reads them by its own settings file.

use std::{
    ffi::OsString,
    fs,
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use tempfile::TempDir;
use tokio::process::Command;

use super::{Credentials, Remote, remote::Kind};

/// The settings that hold for every call: no hooks, no other programs, no submodules, no work behind our back.
const ALWAYS: &str = "\
[core]
\thooksPath = /dev/null
\tfsmonitor = false
[protocol]
\tallow = never
[credential]
\thelper =
\tinteractive = false
[fetch]
\trecurseSubmodules = false
\twriteCommitGraph = false
[submodule]
\trecurse = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[http]
\tlowSpeedLimit = 1
\tlowSpeedTime = 60
";

/// The private folder of one call.
pub(super) struct Call {
    folder: TempDir,
    remote: Remote,
    ssh: Option<OsString>,
    no_proxy: Option<String>,
}

impl Call {
    /// Writes what a call needs into a new folder below `parent`.
    pub(super) fn prepare(
        parent: &Path,
        remote: &Remote,
        credentials: &Credentials,
    ) -> std::io::Result<Self> {
        let private = fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix("call-").permissions(private).tempdir_in(parent)?;
        fs::create_dir(folder.path().join("home"))?;
        let mut call =
            Self { folder, remote: remote.clone(), ssh: None, no_proxy: credentials.no_proxy.clone() };
        let mut settings = ALWAYS.to_owned();
        match remote.kind() {
            Kind::Https | Kind::Http => call.prepare_web(credentials, &mut settings)?,
            Kind::Ssh => call.prepare_ssh(credentials, &mut settings)?,
            // Whoever allows files trusts them, whoever owns them.
            Kind::File => {
                settings.push_str("[protocol \"file\"]\n\tallow = always\n[safe]\n\tdirectory = *\n");
            }
        }
        call.write("settings", &settings.into())?;
        Ok(call)
    }

    /// Returns `git` with the arguments that all calls share.
    pub(super) fn command(&self, git: &Path) -> Command {
        let mut command = Command::new(git);
        command
            .env_clear()
            .current_dir(self.folder.path())
            .env("PATH", path())
            .env("LANG", "C")
            .env("LC_ALL", "C")
            .env("HOME", self.folder.path().join("home"))
            .env("TMPDIR", self.folder.path())
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", self.folder.path().join("settings"));
        if let Some(ssh) = &self.ssh {
            command.env("GIT_SSH_COMMAND", ssh).env("GIT_SSH_VARIANT", "ssh");
        }
        if let Some(hosts) = &self.no_proxy {
            command.env("NO_PROXY", hosts);
        }
        command
    }

    /// Returns `git` as [`Call::command`] does, writing down what it speaks with the other side.
    pub(super) fn traced_command(&self, git: &Path) -> Command {
        let mut command = self.command(git);
        command.env("GIT_TRACE_PACKET", self.trace());
        command
    }

    /// Tells whether the other side spoke Git's protocol to a traced command.
    pub(super) fn has_spoken(&self) -> bool {
        fs::metadata(self.trace()).is_ok_and(|trace| trace.len() > 0)
    }

    fn trace(&self) -> std::path::PathBuf {
        self.folder.path().join("trace")
    }

    /// Credentials by Git's own store, which gives them to this scheme, host and port alone, after redirects, too. A
    /// bearer token is a header, which would go along: with it no redirect is followed.
    fn prepare_web(&self, credentials: &Credentials, settings: &mut String) -> std::io::Result<()> {
        let (scheme, authority) = self.remote.origin();
        settings.push_str(&format!("[protocol \"{scheme}\"]\n\tallow = always\n[http]\n"));
        let mut set = |name: &str, value: &str| settings.push_str(&format!("\t{name} = {}\n", quoted(value)));
        let has_token = credentials.bearer_token.is_some();
        set("followRedirects", if has_token { "false" } else { "initial" });
        if credentials.insecure {
            set("sslVerify", "false");
        }
        if let Some(pem) = &credentials.authorities {
            set("sslCAInfo", &self.write("authorities.pem", &pem.as_str().into())?);
        }
        if let (Some(certificate), Some(key)) = (&credentials.client_certificate, &credentials.client_key) {
            set("sslCert", &self.write("certificate.pem", &certificate.as_str().into())?);
            set("sslKey", &self.write("key.pem", key)?);
        }
        if let Some(proxy) = &credentials.proxy {
            set("proxy", proxy.expose_secret());
        }
        if let Some(token) = &credentials.bearer_token {
            set("extraHeader", &format!("Authorization: Bearer {}", token.expose_secret()));
        } else if let Some((username, password)) = credentials.login() {
            let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
            let line = format!("{scheme}://{}:{}@{authority}\n", encoded(username), encoded(password));
            let file = self.write("login", &line.into())?;
            settings.push_str(&format!(
                "[credential]\n\thelper = {}\n",
                quoted(&format!("store --file={}", shell(&file)))
            ));
        }
        Ok(())
    }

    fn prepare_ssh(&mut self, credentials: &Credentials, settings: &mut String) -> std::io::Result<()> {
        settings.push_str("[protocol \"ssh\"]\n\tallow = always\n");
        let hosts = self.write("known_hosts", &format!("{}\n", credentials.known_hosts).into())?;
        let (strict, hosts) =
            if credentials.insecure { ("no", "/dev/null".to_owned()) } else { ("yes", shell(&hosts)) };
        // The first level of debugging tells the fingerprint of a key that is not known.
        let mut ssh = format!(
            "ssh -F /dev/null -o LogLevel=DEBUG1 -o BatchMode=yes -o StrictHostKeyChecking={strict} \
             -o UserKnownHostsFile={hosts} -o GlobalKnownHostsFile=/dev/null -o UpdateHostKeys=no \
             -o IdentitiesOnly=yes -o IdentityAgent=none -o ConnectTimeout=20 -o ServerAliveInterval=15 \
             -o ClearAllForwardings=yes -o ForwardAgent=no -o PermitLocalCommand=no"
        );
        if let Some(key) = &credentials.ssh_private_key {
            // OpenSSH wants line feeds alone, and one at the end.
            let key = key.expose_secret().replace("\r\n", "\n");
            let key = SecretString::from(format!("{}\n", key.trim_end()));
            ssh.push_str(&format!(" -i {}", shell(&self.write("identity", &key)?)));
        } else {
            ssh.push_str(" -o IdentityFile=none");
        }
        self.ssh = Some(ssh.into());
        Ok(())
    }

    fn write(&self, name: &str, content: &SecretString) -> std::io::Result<String> {
        let path = self.folder.path().join(name);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(content.expose_secret().as_bytes())?;
        path.into_os_string().into_string().map_err(|_| std::io::Error::other("its path is not text"))
    }
}

/// Returns `git` for a mirror on the disk: no network, no settings but the mirror's own.
pub(super) fn local_command(git: &Path, mirror: &Path) -> Command {
    let mut command = Command::new(git);
    command
        .env_clear()
        .env("PATH", path())
        .env("LANG", "C")
        .env("LC_ALL", "C")
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_ATTR_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .args(["-c", "core.hooksPath=/dev/null", "-c", "protocol.allow=never", "-c", "gc.auto=0"])
        .arg("--git-dir")
        .arg(mirror);
    command
}

fn path() -> OsString {
    std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into())
}

/// A value for Git's settings file.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A word for the shell that Git calls with.
fn shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
