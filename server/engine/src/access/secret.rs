//! Random secrets that we hand out and keep only the hash of: tokens of sessions and of the API.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

/// The length of 32 bytes as base64.
const LENGTH: usize = 43;

/// What a browser or a program shows to be known again. Never logged.
#[derive(Clone, Debug)]
pub struct SecretToken(SecretString);

/// What is kept of a token. A fast hash will do: nobody guesses 256 random bits.
pub(super) type SecretHash = [u8; 32];

impl SecretToken {
    /// Makes a token of 32 random bytes, after a prefix by which scanners of leaked secrets know it.
    pub(super) fn new(prefix: &str) -> Self {
        Self(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())).into())
    }

    /// Returns the token, for the cookie or for the one time that it is shown.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Returns whether a text could be a token with this prefix: what could not is not looked for.
pub(super) fn is_well_formed(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| rest.len() == LENGTH)
}

/// Returns what is kept of a token.
pub(super) fn hash_of(token: &str) -> SecretHash {
    Sha256::digest(token).into()
}
