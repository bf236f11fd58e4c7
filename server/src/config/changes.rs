//! The settings of what is written to Git: how changes are committed and pushed, how long they wait, and where heads of
//! the record are anchored.

use std::{
    fs,
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use engine::{
    AnchorSetting,
    changes::ChangeSettings,
    git::mirror::{Remote, WriteSetting},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::Error;

const MINUTE: u32 = 60;
const HOUR: u32 = 3600;
/// The branch that heads of the record are anchored on, and how often.
const ANCHOR_BRANCH: &str = "quarterdeck-record";
const ANCHOR_MINUTES: u32 = 60;
/// The first line of a key in OpenSSH's form.
const OPENSSH: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
/// What follows where it has no passphrase: `openssh-key-v1`, and as its cipher `none`.
const WITHOUT_PASSPHRASE: &str = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU";

/// A number of at most `MOST`, so that a slip of the finger is told and not waited for.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(try_from = "u32")]
pub(super) struct UpTo<const MOST: u32>(u32);

impl<const MOST: u32> UpTo<MOST> {
    pub(super) fn get(self) -> u32 {
        self.0
    }
}

impl<const MOST: u32> TryFrom<u32> for UpTo<MOST> {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        if number > MOST {
            return Err(format!("{number} is more than {MOST}, the most that can be"));
        }
        Ok(Self(number))
    }
}

/// As many approvals as can be asked for one change.
pub(super) type Approvals = UpTo<20>;
/// Up to 30 days.
pub(super) type SoakMinutes = UpTo<43_200>;

pub(super) fn minutes(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * u64::from(MINUTE))
}

/// How changes are committed, and how long they wait.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Changes {
    /// How long an approval counts.
    approval_hours: Option<NonZeroU32>,
    /// After so long a change that does not run yet needs a person.
    rollout_minutes: Option<NonZeroU32>,
    /// Who commits.
    committer_name: Option<CommitterName>,
    committer_email: Option<CommitterEmail>,
    /// A private key of OpenSSH; commits are signed with it.
    signing_key_file: Option<PathBuf>,
}

impl Changes {
    pub(super) fn into_setting(self) -> Result<ChangeSettings, Error> {
        let default = ChangeSettings::default();
        let of = |set: Option<NonZeroU32>, unit: u32, default: Duration| {
            set.map_or(default, |it| Duration::from_secs(u64::from(it.get()) * u64::from(unit)))
        };
        Ok(ChangeSettings {
            approval: of(self.approval_hours, HOUR, default.approval),
            rollout: of(self.rollout_minutes, MINUTE, default.rollout),
            committer_name: self.committer_name.map_or(default.committer_name, |it| it.0),
            committer_email: self.committer_email.map_or(default.committer_email, |it| it.0),
            signing_key: self.signing_key_file.as_deref().map(read_signing_key).transpose()?,
        })
    }
}

/// A name as Git can write it into a commit.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct CommitterName(String);

impl TryFrom<String> for CommitterName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let name = name.trim();
        if name.is_empty() || name.chars().any(|c| c.is_control() || matches!(c, '<' | '>')) {
            return Err(format!(
                "{name:?} cannot be the name of a committer: Git takes no <, > or line end in it"
            ));
        }
        Ok(Self(name.to_owned()))
    }
}

/// An address as Git can write it into a commit.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct CommitterEmail(String);

impl TryFrom<String> for CommitterEmail {
    type Error = String;

    fn try_from(email: String) -> Result<Self, String> {
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>');
        if !email.contains('@') || email.chars().any(is_odd) {
            return Err(format!("{email:?} is no address of a committer like quarterdeck@example.com"));
        }
        Ok(Self(email))
    }
}

/// Credentials to push to one repository with.
#[derive(Deserialize)]
#[serde(try_from = "WriteTable")]
pub(super) struct Write {
    url: String,
    with: Credentials,
}

/// What a table `[[repositories.write]]` has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WriteTable {
    url: String,
    username: Option<String>,
    password_file: Option<PathBuf>,
    ssh_private_key_file: Option<PathBuf>,
    bearer_token_file: Option<PathBuf>,
}

enum Credentials {
    Password { username: String, file: PathBuf },
    Key(PathBuf),
    Token(PathBuf),
}

impl TryFrom<WriteTable> for Write {
    type Error = String;

    fn try_from(table: WriteTable) -> Result<Self, String> {
        let WriteTable { url, username, password_file, ssh_private_key_file, bearer_token_file } = table;
        check_url(&url)?;
        let with = match (username, password_file, ssh_private_key_file, bearer_token_file) {
            (Some(username), Some(file), None, None) => Credentials::Password { username, file },
            (None, None, Some(file), None) => Credentials::Key(file),
            (None, None, None, Some(file)) => Credentials::Token(file),
            _ => {
                return Err("one of these is needed: username and password_file, ssh_private_key_file, or \
                            bearer_token_file"
                    .into());
            }
        };
        let is_web = url.starts_with("http://") || url.starts_with("https://");
        match (&with, is_web) {
            (Credentials::Key(_), true) => {
                Err(format!("{url} is not reached by SSH, so no SSH key opens it"))
            }
            (Credentials::Password { .. } | Credentials::Token(_), false) => {
                Err(format!("{url} is not reached by https, so neither password nor token opens it"))
            }
            _ => Ok(Self { url, with }),
        }
    }
}

impl Write {
    /// Reads the files of all of them.
    pub(super) fn into_settings(all: Vec<Self>) -> Result<Vec<WriteSetting>, Error> {
        for (index, one) in all.iter().enumerate() {
            if all[..index].iter().any(|other| other.url == one.url) {
                let why = format!("repositories.write: the url {} stands twice", one.url);
                return Err(Error::Contradiction(why));
            }
        }
        all.into_iter().map(Self::into_setting).collect()
    }

    fn into_setting(self) -> Result<WriteSetting, Error> {
        let mut setting = WriteSetting {
            url: self.url,
            username: None,
            password: None,
            ssh_private_key: None,
            bearer_token: None,
        };
        match self.with {
            Credentials::Password { username, file } => {
                setting.username = Some(username);
                setting.password = Some(read_secret(&file)?);
            }
            Credentials::Key(file) => setting.ssh_private_key = Some(read_key(&file)?),
            Credentials::Token(file) => setting.bearer_token = Some(read_secret(&file)?),
        }
        Ok(setting)
    }
}

/// The record's own settings.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Audit {
    anchor: Option<Anchor>,
}

/// Where heads of the record are anchored.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Anchor {
    repository: RepositoryUrl,
    branch: Option<Branch>,
    minutes: Option<AnchorMinutes>,
}

impl Audit {
    pub(super) fn into_anchor(self) -> Option<AnchorSetting> {
        self.anchor.map(|Anchor { repository, branch, minutes: every }| AnchorSetting {
            repository: repository.0,
            branch: branch.map_or_else(|| ANCHOR_BRANCH.to_owned(), |it| it.0),
            interval: minutes(every.map_or(ANCHOR_MINUTES, |it| it.0)),
        })
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct RepositoryUrl(String);

impl TryFrom<String> for RepositoryUrl {
    type Error = String;

    fn try_from(url: String) -> Result<Self, String> {
        check_url(&url).map(|()| Self(url))
    }
}

/// From a minute to a week: rarer, an anchor says little.
#[derive(Deserialize)]
#[serde(try_from = "u32")]
struct AnchorMinutes(u32);

impl TryFrom<u32> for AnchorMinutes {
    type Error = String;

    fn try_from(minutes: u32) -> Result<Self, String> {
        if !(1..=10_080).contains(&minutes) {
            return Err(format!("{minutes} is not between 1 minute and 10080, a week"));
        }
        Ok(Self(minutes))
    }
}

/// The name of a branch, without `refs/heads/`.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Branch(String);

impl TryFrom<String> for Branch {
    type Error = String;

    /// A part of the rules of `git check-ref-format`: letters, digits and `-`, `_`, `.`, `/` between them.
    fn try_from(name: String) -> Result<Self, String> {
        let is_part = |part: &str| {
            !part.is_empty()
                && !part.starts_with(['.', '-'])
                && !part.ends_with('.')
                && !part.ends_with(".lock")
                && !part.contains("..")
                && part.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_.".contains(&it))
        };
        if name.starts_with("refs/") || !name.split('/').all(is_part) {
            return Err(format!("{name:?} is not the name of a branch like {ANCHOR_BRANCH}"));
        }
        Ok(Self(name))
    }
}

/// Where a repository is; what is secret has files of its own.
fn check_url(url: &str) -> Result<(), String> {
    // In a web address, a user alone may be a token.
    let holds_secret = url.split_once("://").is_some_and(|(scheme, rest)| {
        let authority = rest.split('/').next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| scheme != "ssh" || user.contains(':'))
    });
    if holds_secret {
        return Err(
            "neither user nor password belongs into a url: put what is secret into a file, and name that"
                .into(),
        );
    }
    Remote::read(url).map(drop).map_err(|error| error.to_string())
}

fn read_secret(file: &Path) -> Result<SecretString, Error> {
    let text =
        fs::read_to_string(file).map_err(|source| Error::Unreadable { file: file.to_owned(), source })?;
    let text = text.trim();
    if text.is_empty() || text.contains(['\n', '\r', '\0']) {
        let why = format!("{}: one line with a secret is needed, and it has none or several", file.display());
        return Err(Error::Contradiction(why));
    }
    Ok(text.into())
}

/// Commits are signed without the help of another program, which reads OpenSSH's form alone.
fn read_signing_key(file: &Path) -> Result<SecretString, Error> {
    let key = read_key(file)?;
    if !key.expose_secret().starts_with(OPENSSH) {
        let why = format!(
            "{} is not in OpenSSH's form, which signs commits: make one by ssh-keygen -t ed25519 -N ''",
            file.display()
        );
        return Err(Error::Contradiction(why));
    }
    Ok(key)
}

/// Nobody is there to give a passphrase, so a key that has one is refused here and not at the first change.
fn read_key(file: &Path) -> Result<SecretString, Error> {
    let text =
        fs::read_to_string(file).map_err(|source| Error::Unreadable { file: file.to_owned(), source })?;
    let text = text.trim();
    if !text.starts_with("-----BEGIN ") || !text.contains("PRIVATE KEY-----") {
        let why =
            format!("{} is no private key: the public half does not do, nor a key of GnuPG", file.display());
        return Err(Error::Contradiction(why));
    }
    let of_openssh = text.strip_prefix(OPENSSH).map(str::trim_start);
    if text.contains("ENCRYPTED") || of_openssh.is_some_and(|body| !body.starts_with(WITHOUT_PASSPHRASE)) {
        let why = format!(
            "{} has a passphrase, and nobody is there to type it: make a key without one",
            file.display()
        );
        return Err(Error::Contradiction(why));
    }
    // SSH takes a key only with the line end behind it.
    Ok(format!("{text}\n").into())
}
