//! Who acts.

use serde::{Deserialize, Serialize};

/// Who acts, with what the record needs to know of the request. Every engine call takes one.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Actor {
    /// The name as people know it, e.g. `admin` or `alice@example.com`.
    pub name: String,
    /// What policies call them: `admin`, or the provider's id of the person. Names may change and repeat, this does not.
    pub subject: String,
    /// What kind of actor it is.
    pub kind: ActorKind,
    /// The groups from single sign-on; empty for the local administrator.
    pub groups: Vec<String>,
    /// The public id of the session or token, as lists of them show it; none for Quarterdeck itself.
    pub session: Option<String>,
    /// What a token was made for, of its owner's rights; empty for all others.
    pub scopes: Vec<String>,
    /// The id of the request that the call serves, as in the log.
    pub request_id: String,
    /// The address that the request came from, where known.
    pub address: Option<String>,
}

/// The kinds of actors.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// The one local administrator: until single sign-on is set up, and to break glass.
    LocalAdmin,
    /// A person from single sign-on.
    Person,
    /// A program, by an API token that a person made.
    Token,
    /// Quarterdeck itself, in a background task.
    System,
}
