//! Why a mirror is not there or not fresh: one sentence with the next step, never a secret.

/// Why a repository cannot be read. Cheap to clone: all who waited for one fetch get the same one.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MirrorError {
    #[error("{shown:?} is no address of a Git repository that can be fetched: {why}")]
    Address { shown: String, why: &'static str },
    #[error(
        "{url} is a repository on this machine's disk, which only the setting that allows files makes readable"
    )]
    FilesNotAllowed { url: String },
    #[error("{url} cannot be fetched: {why}")]
    Credentials { url: String, why: String },
    #[error(
        "{url} was not fetched: the host key of {host} is not known{key}; compare it with the host's, then add it to `ssh_known_hosts` in ConfigMap argocd-ssh-known-hosts-cm"
    )]
    UnknownHostKey { url: String, host: String, key: Fingerprint },
    #[error(
        "{url} was not fetched: {host} showed another host key than the pinned one{key}; somebody may be in between: ask who runs the host, and only then replace its line in ConfigMap argocd-ssh-known-hosts-cm"
    )]
    ChangedHostKey { url: String, host: String, key: Fingerprint },
    #[error(
        "{url} refused {credentials}: it is wrong, has expired, or may not read this repository; renew it there and in the Secret{said}"
    )]
    Refused { url: String, credentials: Used, said: Said },
    #[error(
        "{url} asks for credentials, and no repository Secret of its control plane has any for it; add one in Argo CD"
    )]
    NoCredentials { url: String },
    #[error(
        "{url} is not found there, or {credentials} may not see it; correct the address or the rights{said}"
    )]
    NotFound { url: String, credentials: Used, said: Said },
    #[error(
        "{url} sends elsewhere{to}, and credentials do not go along; write the final address into the Application and the Secret"
    )]
    Redirected { url: String, to: String },
    #[error("{url} did not answer within {seconds} s; look whether its host is up, and reachable from here")]
    TimedOut { url: String, seconds: u64 },
    #[error("{url} sent nothing more for {seconds} s; look whether its host is well, and fetch again")]
    Stalled { url: String, seconds: u64 },
    #[error(
        "the certificate of {host} is not trusted{said}; add its authority to ConfigMap argocd-tls-certs-cm under the key {host}"
    )]
    NotTrusted { host: String, said: Said },
    #[error(
        "the name {host} is not found; correct the address, or look at the DNS of the place that this runs in"
    )]
    NoSuchHost { host: String },
    #[error(
        "{host} does not accept connections; look whether it is up, and whether a firewall is between{said}"
    )]
    NoConnection { host: String, said: Said },
    #[error("the disk is full: {url} was not fetched; make room, or set a smaller bound for the mirrors")]
    NoSpace { url: String },
    #[error("{url} is larger than the {bytes} bytes that all mirrors may have; raise that setting")]
    TooLarge { url: String, bytes: u64 },
    #[error("{url} lists more branches and tags than are read; delete some there")]
    TooMuch { url: String },
    #[error("{url} is empty; push a first commit")]
    Empty { url: String },
    #[error("{url} does not answer as a Git repository does, or is damaged; try `git clone` by hand{said}")]
    NotGit { url: String, said: Said },
    #[error(
        "{url} has no {revision:?}; it was deleted or is misspelt: correct targetRevision, or push it again"
    )]
    NoRevision { url: String, revision: String },
    #[error("{url} has no commit {id:.10}; it was never pushed, or its branch was deleted or rewritten")]
    NoCommit { url: String, id: String },
    #[error("the program `git` cannot be started: {why}; install it where this runs")]
    NoGit { why: String },
    #[error("the folder of the mirrors cannot be {what}: {why}; look at its disk and its rights")]
    Folder { what: &'static str, why: String },
    #[error("the folder {folder} is in use by another Quarterdeck; give each a data folder of its own")]
    InUse { folder: String },
    #[error("the mirror of {url} cannot be read: {why}; it is made anew with the next fetch")]
    Damaged { url: String, why: String },
    #[error("{url} was not fetched, because Quarterdeck stops or the fetch broke; fetch again")]
    Interrupted { url: String },
    #[error("{url} was not fetched{said}; try `git ls-remote` by hand")]
    Other { url: String, said: Said },
}

/// Git's own last line, masked, as the end of a sentence; may be empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Said(pub String);

/// The kind and the fingerprint of a host key; may be empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Fingerprint(pub String);

/// Which credentials were used, by their Secret.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Used {
    pub kind: &'static str,
    pub secret: Option<String>,
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " (Git said: {})", self.0) }
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " ({})", self.0) }
    }
}

impl std::fmt::Display for Used {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.secret, self.kind) {
            (Some(secret), kind) if kind != "none" => write!(f, "the {kind} of Secret {secret}"),
            (None, kind) if !kind.is_empty() && kind != "none" => write!(f, "the {kind} of its address"),
            _ => f.write_str("a fetch without credentials"),
        }
    }
}

impl MirrorError {
    /// Tells whether the repository itself said no: who asked must not go on to read its mirror.
    pub(super) fn is_denial(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::NoCredentials { .. } | Self::NotFound { .. })
    }

    /// Returns the word that the figures count it under.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::TimedOut { .. } | Self::Stalled { .. } => "timeout",
            _ => "error",
        }
    }
}
