//! From what Git and OpenSSH say to a sentence with the next step. Their words may hold anything: they are masked.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret as _;

use super::{
    Credentials, MirrorError, Remote,
    child::Failure,
    error::{Fingerprint, Said, Used},
};

/// Longer lines of Git are cut.
const LONGEST: usize = 200;
/// Shorter secrets would mask words.
const SHORTEST_MASKED: usize = 4;

/// Who is asked, and with what.
pub(super) struct Asked<'a> {
    pub(super) remote: &'a Remote,
    pub(super) credentials: &'a Credentials,
    /// How many bytes all mirrors may have.
    pub(super) most_bytes: u64,
}

impl Asked<'_> {
    /// Says why a call failed.
    pub(super) fn explain(&self, failure: Failure) -> MirrorError {
        let url = self.remote.to_string();
        match failure {
            Failure::NotStarted(error) => MirrorError::NoGit { why: error.to_string() },
            Failure::TimedOut(after) => MirrorError::TimedOut { url, seconds: after.as_secs() },
            Failure::Silent(after) => MirrorError::Stalled { url, seconds: after.as_secs() },
            Failure::TooMuchOutput => MirrorError::TooMuch { url },
            Failure::Stopped => MirrorError::TooLarge { url, bytes: self.most_bytes },
            Failure::Failed(text) => self.read(&text),
        }
    }

    fn read(&self, text: &str) -> MirrorError {
        let (url, host) = (self.remote.to_string(), self.remote.host().to_owned());
        let said = self.said(text);
        let lower = text.to_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
        let used = Used { kind: self.credentials.kind(), secret: self.credentials.secret.clone() };
        let asked_host = self.host_asked(&lower);
        if has(&["remote host identification has changed", "revoked host key"]) {
            return MirrorError::ChangedHostKey { url, host: self.remote.authority(), key: key(text) };
        }
        if has(&["host key verification failed", "host key is known for"]) {
            return MirrorError::UnknownHostKey { url, host: self.remote.authority(), key: key(text) };
        }
        if has(&["no space left on device", "disk quota exceeded", "file too large"]) {
            return MirrorError::NoSpace { url };
        }
        if asked_host.as_deref().is_some_and(|it| it != self.remote.authority()) {
            return MirrorError::Redirected {
                url,
                to: asked_host.map_or_else(String::new, |it| format!(", to {it}")),
            };
        }
        if has(&[
            "unable to update url base from redirection",
            "error: 301",
            "error: 302",
            "error: 307",
            "error: 308",
        ]) {
            return MirrorError::Redirected { url, to: String::new() };
        }
        if has(&["could not resolve host", "could not resolve hostname", "name or service not known"]) {
            return MirrorError::NoSuchHost { host };
        }
        if has(&["certificate", "ssl_error", "gnutls_handshake", "ssl connection", "ssl:"]) {
            return MirrorError::NotTrusted { host, said };
        }
        if has(&["could not read username", "could not read password"]) {
            return if used.kind == "none" {
                MirrorError::NoCredentials { url }
            } else {
                MirrorError::Refused { url, credentials: used, said: Said::default() }
            };
        }
        if has(&[
            "authentication failed",
            "permission denied (",
            "error: 401",
            "error: 403",
            "error in libcrypto",
            "too many authentication failures",
            "access denied",
        ]) {
            return MirrorError::Refused { url, credentials: used, said };
        }
        if has(&[
            "repository not found",
            "does not exist",
            "not found",
            "error: 404",
            "no such file or directory",
            "does not appear to be a git repository",
            "could not be found",
        ]) {
            return MirrorError::NotFound { url, credentials: used, said };
        }
        if has(&["timed out", "operation too slow"]) {
            return MirrorError::TimedOut { url, seconds: 60 };
        }
        if has(&[
            "connection refused",
            "failed to connect",
            "couldn't connect",
            "no route to host",
            "network is unreachable",
            "connection reset",
            "connection closed by",
        ]) {
            return MirrorError::NoConnection { host: self.remote.authority(), said };
        }
        if has(&[
            "is this a git repository",
            "protocol error",
            "bad line length",
            "hung up unexpectedly",
            "early eof",
            "index-pack failed",
            "bad object",
            "invalid",
            "corrupt",
            "not our ref",
            "did not send all",
            "expected flush",
            "inflate",
            "malformed",
            "unexpected",
            "bad pack",
            "fsck",
        ]) {
            return MirrorError::NotGit { url, said };
        }
        MirrorError::Other { url, said }
    }

    /// The host that Git found no credentials for: after a redirect it is another one.
    fn host_asked(&self, lower: &str) -> Option<String> {
        let (_, rest) = ["could not read username for '", "could not read password for '"]
            .iter()
            .find_map(|words| lower.split_once(words))?;
        let (_, place) = rest.split_once("://")?;
        let place = place.split(['\'', '/']).next()?;
        Some(place.rsplit_once('@').map_or(place, |(_, host)| host).to_owned())
    }

    /// The last line that says something, without secrets.
    fn said(&self, text: &str) -> Said {
        let noise = [
            "debug1:",
            "fatal: could not read from remote repository",
            "please make sure",
            "and the repository",
            "hint:",
            "authenticated to",
            "transferred:",
            "bytes per second",
        ];
        let mut lines = text.split(['\n', '\r']).map(str::trim).filter(|line| {
            let lower = line.to_lowercase();
            !lower.is_empty() && !noise.iter().any(|words| lower.starts_with(words))
        });
        Said(mask(lines.next_back().unwrap_or_default(), self.remote, self.credentials))
    }
}

/// Masks every secret of a call, in each way that it may be written, and whatever stands before an @ in an address.
pub(super) fn mask(text: &str, remote: &Remote, credentials: &Credentials) -> String {
    let mut line: String = text.chars().filter(|c| !c.is_control()).collect();
    let of_url = remote.login().map(|(user, password)| [user.as_str(), password.expose_secret()]);
    let all = credentials.secrets().map(|secret| secret.expose_secret()).chain(of_url.into_iter().flatten());
    for secret in all.filter(|secret| secret.len() >= SHORTEST_MASKED) {
        let encoded = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
        for written in [secret.to_owned(), encoded, STANDARD.encode(secret)] {
            line = line.replace(&written, "***");
        }
    }
    let words: Vec<_> = line.split(' ').map(without_login).collect();
    words.join(" ").chars().take(LONGEST).collect()
}

fn without_login(word: &str) -> String {
    match word.split_once("://") {
        Some((scheme, rest)) if rest.contains('@') => {
            let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
            format!("{scheme}://{rest}")
        }
        _ => word.to_owned(),
    }
}

/// The host key that OpenSSH was shown.
fn key(text: &str) -> Fingerprint {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("debug1: Server host key: "));
    let line = line.map(|line| line.chars().filter(|c| !c.is_control()).take(LONGEST).collect());
    Fingerprint(line.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explain(url: &str, credentials: &Credentials, text: &str) -> MirrorError {
        let remote = Remote::read(url).expect("a URL");
        Asked { remote: &remote, credentials, most_bytes: 7 }.explain(Failure::Failed(text.into()))
    }

    #[test]
    fn a_failure_becomes_a_sentence_with_the_next_step() {
        let url = "https://git.example.com/a";
        let said = [
            ("error: copy-fd: write returned: No space left on device", "make room"),
            (
                "fatal: unable to access 'https://git.example.com/a/': Could not resolve host: git.example.com",
                "DNS",
            ),
            (
                "fatal: unable to access 'x': server certificate verification failed. CAfile: none",
                "argocd-tls-certs-cm",
            ),
            (
                "fatal: unable to access 'x': Failed to connect to git.example.com port 443: Connection refused",
                "firewall",
            ),
            (
                "remote: Repository not found.\nfatal: repository 'https://git.example.com/a/' not found",
                "correct the address",
            ),
            (
                "fatal: could not read Username for 'https://git.example.com': terminal prompts disabled",
                "add one in Argo CD",
            ),
            (
                "fatal: could not read Username for 'https://evil.net': terminal prompts disabled",
                "to evil.net",
            ),
            ("fatal: unable to access 'x': The requested URL returned error: 403", "renew it"),
            ("fatal: https://git.example.com/a/info/refs not valid: is this a git repository?", "git clone"),
            ("fatal: protocol error: bad line length character: <htm", "git clone"),
            (
                "fatal: the remote end hung up unexpectedly\nfatal: early EOF\nfatal: index-pack failed",
                "damaged",
            ),
            ("something new", "Git said: something new"),
        ];
        for (text, expected) in said {
            let sentence = explain(url, &Credentials::default(), text).to_string();
            assert!(sentence.contains(expected), "{text}: {sentence}");
        }
    }

    #[test]
    fn the_last_line_of_git_is_masked() {
        let secret = "p4ss/w@rd";
        let credentials = Credentials {
            password: Some(secret.into()),
            username: Some("bot".into()),
            ..Credentials::default()
        };
        for text in [
            format!("fatal: odd {secret}"),
            "fatal: odd p4ss%2Fw%40rd".into(),
            format!("fatal: odd {}", STANDARD.encode(secret)),
            format!("fatal: odd https://bot:{secret}@git.example.com/a"),
            "fatal: odd https://other:s3cr3t@git.example.com/a".into(),
            format!("fatal: odd\r\x1b[31m{secret}\u{7}"),
        ] {
            let error = explain("https://git.example.com/a", &credentials, &text);
            for shown in [error.to_string(), format!("{error:?}")] {
                for secret in ["p4ss", "s3cr3t", &STANDARD.encode(secret), "\x1b"] {
                    assert!(!shown.contains(secret), "{shown}");
                }
            }
        }
    }
}
