//! Commits without a work tree: files of a tree are replaced, and the tree is committed. Optionally signed by an SSH key,
//! in the form that `git log --show-signature` and forges verify (OpenSSH's PROTOCOL.sshsig, with the namespace `git`).

use std::fmt;

use git2::{FileMode, Oid, Repository, Signature, build::TreeUpdateBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use ssh_key::{HashAlg, LineEnding, PrivateKey};

use super::plan::PlannedFile;

/// Who commits.
#[derive(Clone, Debug)]
pub struct Committer {
    pub name: String,
    pub email: String,
    /// Without it commits are not signed.
    pub key: Option<SigningKey>,
}

/// A key that signs commits. `Debug` shows its fingerprint.
#[derive(Clone)]
pub struct SigningKey(PrivateKey);

/// Why there is no commit.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    #[error(
        "the key that signs commits cannot be used: {0}; give a private key of OpenSSH without a passphrase"
    )]
    Key(#[source] ssh_key::Error),
    #[error("the commit cannot be signed: {0}")]
    Signature(#[source] ssh_key::Error),
    #[error("the commit cannot be made: {}", .0.message())]
    Git(#[from] git2::Error),
}

impl Committer {
    /// Commits the files on top of a commit, or of nothing; returns the new one, which nothing refers to yet.
    ///
    /// # Errors
    /// A repository that cannot be written to, or a key that does not sign.
    pub fn commit(
        &self,
        repository: &Repository,
        parent: Option<Oid>,
        files: &[PlannedFile],
        message: &str,
    ) -> Result<Oid, CommitError> {
        let parent = parent.map(|id| repository.find_commit(id)).transpose()?;
        let mut update = TreeUpdateBuilder::new();
        for file in files {
            match &file.after {
                Some(bytes) => {
                    let mode = if file.executable { FileMode::BlobExecutable } else { FileMode::Blob };
                    update.upsert(file.path.as_str(), repository.blob(bytes)?, mode);
                }
                None => {
                    update.remove(file.path.as_str());
                }
            }
        }
        let base = match &parent {
            Some(parent) => parent.tree()?,
            None => repository.find_tree(repository.treebuilder(None)?.write()?)?,
        };
        let tree = repository.find_tree(update.create_updated(repository, &base)?)?;
        let parents: Vec<_> = parent.iter().collect();
        let bot = Signature::now(&self.name, &self.email)?;
        let content = repository.commit_create_buffer(&bot, &bot, message, &tree, &parents)?;
        let content =
            std::str::from_utf8(&content).map_err(|error| git2::Error::from_str(&error.to_string()))?;
        Ok(match &self.key {
            Some(key) => {
                let signature = key.sign(content.as_bytes())?;
                repository.commit_signed(content, &signature, None)?
            }
            None => repository.odb()?.write(git2::ObjectType::Commit, content.as_bytes())?,
        })
    }
}

impl SigningKey {
    /// Reads a private key in OpenSSH's form.
    ///
    /// # Errors
    /// A text that is none, and a key with a passphrase.
    pub fn read(text: &SecretString) -> Result<Self, CommitError> {
        let key = PrivateKey::from_openssh(text.expose_secret()).map_err(CommitError::Key)?;
        if key.is_encrypted() {
            return Err(CommitError::Key(ssh_key::Error::Encrypted));
        }
        Ok(Self(key))
    }

    fn sign(&self, content: &[u8]) -> Result<String, CommitError> {
        let signature = self.0.sign("git", HashAlg::Sha512, content).map_err(CommitError::Signature)?;
        signature.to_pem(LineEnding::LF).map_err(CommitError::Signature)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.0.fingerprint(HashAlg::Sha256))
    }
}
