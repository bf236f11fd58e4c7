//! Repositories over SSH, by an OpenSSH server of the test's own.

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use engine::git::mirror::{Credentials, MirrorError};
use tempfile::TempDir;

use super::{Lab, Origin, repo, run, until};

/// An SSH server that lets in one key.
struct Server {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

impl Server {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let here = folder.path();
        for name in ["host", "other-host", "user", "stranger"] {
            run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name], here);
        }
        std::fs::copy(here.join("user.pub"), here.join("authorized")).expect("copies");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
        let settings = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/host\nAuthorizedKeysFile {0}/authorized\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPidFile none\n",
            here.display()
        );
        std::fs::write(here.join("settings"), settings).expect("writes");
        if rustix::process::geteuid().is_root() {
            // Where it locks itself up before somebody has signed in; the service would make it.
            std::fs::create_dir_all("/run/sshd").expect("makes a folder");
        }
        let sshd = ["/usr/sbin/sshd", "/usr/bin/sshd"].into_iter().find(|it| Path::new(it).exists());
        let child = Command::new(sshd.expect("install openssh-server"))
            .args(["-D", "-e", "-f"])
            .arg(here.join("settings"))
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        until("it listens", || TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
        Self { child, port, folder }
    }

    fn url(&self, origin: &Origin) -> String {
        let name = Command::new("id").arg("-un").output().expect("runs").stdout;
        let name = String::from_utf8(name).expect("is text");
        format!("ssh://{}@127.0.0.1:{}{}", name.trim(), self.port, origin.path().display())
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).expect("is there")
    }

    /// Returns a key of `user`, and pins the key of `host`.
    fn credentials(&self, user: &str, host: Option<&str>) -> Credentials {
        let pinned =
            host.map(|host| format!("[127.0.0.1]:{} {}", self.port, self.read(&format!("{host}.pub"))));
        Credentials {
            secret: Some("repo-fleet".into()),
            // As Secrets often have it: without the last line feed.
            ssh_private_key: Some(self.read(user).trim_end().into()),
            known_hosts: pinned.unwrap_or_default(),
            ..Credentials::default()
        }
    }

    fn fingerprint(&self) -> String {
        let output =
            Command::new("ssh-keygen").args(["-l", "-f"]).arg(self.folder.path().join("host.pub")).output();
        let output = String::from_utf8(output.expect("runs").stdout).expect("is text");
        output.split(' ').nth(1).expect("a fingerprint").to_owned()
    }
}

#[tokio::test]
async fn a_key_opens_a_repository_whose_host_key_is_pinned() {
    let (lab, origin, server) = (Lab::new(), Origin::new(), Server::start().await);
    lab.given.set(server.credentials("user", Some("host")));
    let path = lab.mirrors.ensure(&repo(&server.url(&origin))).await.expect("is fetched");
    assert!(path.resolve("HEAD").is_ok());
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn an_unknown_and_a_changed_host_key_are_said_with_their_fingerprint() {
    let (lab, origin, server) = (Lab::new(), Origin::new(), Server::start().await);
    let it = repo(&server.url(&origin));
    let why = async |host| {
        lab.given.set(server.credentials("user", host));
        lab.mirrors.fresh(&it, Duration::ZERO).await.expect_err("is refused")
    };
    let unknown = why(None).await;
    assert!(matches!(unknown, MirrorError::UnknownHostKey { .. }), "{unknown}");
    assert!(unknown.to_string().contains(&server.fingerprint()), "{unknown}");
    assert!(unknown.to_string().contains("argocd-ssh-known-hosts-cm"), "{unknown}");
    let changed = why(Some("other-host")).await;
    assert!(matches!(changed, MirrorError::ChangedHostKey { .. }), "{changed}");
    assert!(changed.to_string().contains(&server.fingerprint()), "{changed}");
    lab.given.set(Credentials { insecure: true, ..server.credentials("user", None) });
    assert!(lab.mirrors.fresh(&it, Duration::ZERO).await.is_ok());
    lab.tasks.shutdown().await;
}

#[tokio::test]
async fn a_key_that_is_not_let_in_and_a_repository_that_is_not_there_are_said() {
    let (lab, origin, server) = (Lab::new(), Origin::new(), Server::start().await);
    let it = repo(&server.url(&origin));
    lab.given.set(server.credentials("stranger", Some("host")));
    let why = lab.mirrors.fresh(&it, Duration::ZERO).await.expect_err("is refused");
    assert!(why.to_string().contains("refused the SSH key of Secret repo-fleet"), "{why}");
    for line in server.read("stranger").lines().filter(|line| !line.starts_with('-')) {
        assert!(!format!("{why:?} {:?}", lab.mirrors).contains(line));
    }
    lab.given.set(Credentials {
        ssh_private_key: Some("no key".into()),
        ..server.credentials("user", Some("host"))
    });
    let why = lab.mirrors.fresh(&it, Duration::ZERO).await.expect_err("is refused");
    assert!(matches!(why, MirrorError::Refused { .. }), "{why}");
    lab.given.set(server.credentials("user", Some("host")));
    let it = repo(&server.url(&origin).replace("fleet.git", "other.git"));
    let why = lab.mirrors.fresh(&it, Duration::ZERO).await.expect_err("is not there");
    assert!(matches!(why, MirrorError::NotFound { .. }), "{why}");
    lab.tasks.shutdown().await;
}
