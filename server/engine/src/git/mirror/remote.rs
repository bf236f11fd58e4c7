//! Where a repository is: its URL, taken apart. What is secret in it is never shown.

use std::fmt;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::MirrorError;

/// Longer URLs are refused.
const LONGEST: usize = 2000;

/// The URL of a repository. `Display` and `Debug` leave out user and password of a web address.
#[derive(Clone)]
pub struct Remote {
    kind: Kind,
    /// The user of SSH.
    user: Option<String>,
    /// In lower case; with brackets for IPv6; empty for files.
    host: String,
    port: Option<u16>,
    /// As it was written, without a slash at its end.
    path: String,
    /// `host:path`, where the path begins in the user's home.
    is_short: bool,
    login: Option<(String, SecretString)>,
}

/// How a repository is reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Https,
    /// On loopback alone.
    Http,
    Ssh,
    File,
}

impl Remote {
    /// Reads a URL as Applications have it: `https://`, `ssh://`, `user@host:path`, `file://` or an absolute path.
    ///
    /// # Errors
    /// What Git would take for something else, other protocols, and http to anything but loopback.
    pub fn read(text: &str) -> Result<Self, MirrorError> {
        let refuse = |why| Err(MirrorError::Address { shown: shown(text), why });
        if text.is_empty() || text.len() > LONGEST {
            return refuse("it is empty or longer than 2000 characters");
        }
        if text.starts_with('-') || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return refuse("it begins with a dash, or has white space or control characters");
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return match scheme.to_ascii_lowercase().as_str() {
                "file" if rest.starts_with('/') => Self::of_file(rest),
                "file" => refuse("a file:// address needs an absolute path"),
                _ => Self::of_url(text),
            };
        }
        if text.contains("::") {
            return refuse("it names a helper program, and none is run");
        }
        match text.split_once(':') {
            Some((place, path)) if !place.contains('/') => Self::of_short(text, place, path),
            _ if text.starts_with('/') => Self::of_file(text),
            _ => refuse("it is neither a URL nor an absolute path"),
        }
    }

    /// Returns what goes to `git`: without a password, and without the user of a web address.
    pub(super) fn for_git(&self) -> String {
        self.to_string()
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Returns host and port as credentials and known hosts are filed under.
    pub(super) fn authority(&self) -> String {
        self.port.map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }

    /// Returns the scheme, host and port: what must be equal for credentials to be sent.
    pub(super) fn origin(&self) -> (&'static str, String) {
        (self.scheme(), self.authority())
    }

    /// Returns user and password that the URL itself has.
    pub(super) fn login(&self) -> Option<&(String, SecretString)> {
        self.login.as_ref()
    }

    /// Returns the path as Argo CD compares it: in lower case, without `.git`, without slashes at its ends.
    pub(super) fn path_compared(&self) -> String {
        compared(&self.path)
    }

    /// Tells whether two URLs mean one repository, by whatever protocol: a push that a forge tells by its web address
    /// is meant for who fetches by SSH.
    pub fn is_same_place(&self, other: &Self) -> bool {
        let bare = |remote: &Self| (remote.host.clone(), remote.path_compared());
        bare(self) == bare(other)
    }

    /// Returns the name of the mirror's folder: equal for URLs that differ in how they are written alone.
    pub(super) fn folder(&self) -> String {
        let path = self.path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        let user = self.user.as_deref().unwrap_or_default();
        let (scheme, authority) = self.origin();
        let name = [scheme, user, &authority, path, if self.is_short { "home" } else { "root" }].join("\n");
        hex::encode(&Sha256::digest(name)[..16])
    }

    fn of_url(text: &str) -> Result<Self, MirrorError> {
        let refuse = |why| MirrorError::Address { shown: shown(text), why };
        let url = Url::parse(text).map_err(|_| refuse("it is no URL"))?;
        let kind = match url.scheme() {
            "https" => Kind::Https,
            "ssh" => Kind::Ssh,
            "http" => Kind::Http,
            _ => return Err(refuse("its protocol is none of https, ssh and file")),
        };
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        if host.is_empty() || host.starts_with('-') {
            return Err(refuse("its host is missing or begins with a dash"));
        }
        if kind == Kind::Http && !["localhost", "127.0.0.1", "[::1]"].contains(&host.as_str()) {
            return Err(refuse("http is neither private nor safe: use https"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("it has a query or a fragment"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        if path.is_empty() {
            return Err(refuse("its path is missing"));
        }
        let decoded = |text: &str| {
            let text = percent_decode_str(text).decode_utf8().map_err(|_| refuse("its user is not text"))?;
            Ok::<_, MirrorError>(text.into_owned())
        };
        let user = decoded(url.username())?;
        let password = url.password().map(decoded).transpose()?;
        let (user, login) = match (kind, password) {
            (Kind::Ssh, _) => (Some(user).filter(|user| !user.is_empty()), None),
            (_, Some(password)) => (None, Some((user, password.into()))),
            // A token alone stands where the user does.
            (_, None) if !user.is_empty() => (None, Some((user, SecretString::default()))),
            _ => (None, None),
        };
        if user.as_deref().is_some_and(is_no_user) {
            return Err(refuse("its user has characters that no user has"));
        }
        let port = url.port().filter(|port| !(kind == Kind::Ssh && *port == 22));
        Ok(Self { kind, user, host, port, path, is_short: false, login })
    }

    fn of_short(text: &str, place: &str, path: &str) -> Result<Self, MirrorError> {
        let refuse = |why| Err(MirrorError::Address { shown: shown(text), why });
        let (user, host) = place.split_once('@').map_or((None, place), |(user, host)| (Some(user), host));
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if host.is_empty() || host.starts_with('-') || !host.chars().all(is_host) {
            return refuse("its host is missing or has characters that no host has");
        }
        if user.is_some_and(is_no_user) {
            return refuse("its user has characters that no user has");
        }
        let path = path.trim_end_matches('/');
        if path.is_empty() || path.starts_with('-') {
            return refuse("its path is missing or begins with a dash");
        }
        // SSH takes no password in an address: to Git all of this would be a path, and be shown.
        if path.split('/').next().is_some_and(|first| first.contains('@')) {
            return refuse("it seems to hold a password, which SSH takes in no address");
        }
        Ok(Self {
            kind: Kind::Ssh,
            user: user.map(ToOwned::to_owned),
            host: host.to_ascii_lowercase(),
            port: None,
            path: path.to_owned(),
            is_short: !path.starts_with('/'),
            login: None,
        })
    }

    fn of_file(path: &str) -> Result<Self, MirrorError> {
        if path.split('/').any(|part| part == "..") {
            return Err(MirrorError::Address { shown: shown(path), why: "its path has a part .." });
        }
        let path = path.trim_end_matches('/').to_owned();
        Ok(Self {
            kind: Kind::File,
            user: None,
            host: String::new(),
            port: None,
            path,
            is_short: false,
            login: None,
        })
    }

    fn scheme(&self) -> &'static str {
        match self.kind {
            Kind::Https => "https",
            Kind::Http => "http",
            Kind::Ssh => "ssh",
            Kind::File => "file",
        }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        if self.is_short {
            return write!(f, "{user}{}:{}", self.host, self.path);
        }
        write!(f, "{}://{user}{}/{}", self.scheme(), self.authority(), self.path.trim_start_matches('/'))
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Returns a URL as it may be shown: without control characters, and without what stands before an @ in a web address.
pub fn shown(text: &str) -> String {
    let line: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    let Some((scheme, rest)) = line.split_once("://") else {
        // The user of `user@host:path` is no secret; a password does not belong there, but people err.
        return match line.rsplit_once('@') {
            Some((user, rest)) if user.contains(':') => rest.to_owned(),
            _ => line,
        };
    };
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(place, path)| (place, Some(path)));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let has_port = |(_, port): (&str, &str)| port.ends_with(']') || port.chars().all(|c| c.is_ascii_digit());
    let is_place = host.rsplit_once(':').is_none_or(has_port);
    match path {
        Some(path) if is_place => format!("{scheme}://{host}/{path}"),
        // A password with a slash in it reaches into the path.
        Some(path) => format!("{scheme}://{}", path.rsplit_once('@').map_or("…", |(_, rest)| rest)),
        None if is_place => format!("{scheme}://{host}"),
        None => format!("{scheme}://…"),
    }
}

fn compared(path: &str) -> String {
    let path = path.trim_matches('/').to_lowercase();
    path.strip_suffix(".git").unwrap_or(&path).to_owned()
}

fn is_no_user(user: &str) -> bool {
    user.is_empty()
        || user.starts_with('-')
        || !user.chars().all(|c| c.is_ascii_alphanumeric() || "-._+~$".contains(c))
}

#[cfg(test)]
mod tests;
