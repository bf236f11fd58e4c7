//! What a promotion or a rollback would do.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What a change would do, computed without doing it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Plan {
    pub kind: PlanKind,
    pub app: String,
    /// Where the app lives in the repository, e.g. `apps/web-app`.
    pub base_path: String,
    /// The environment, or of a rollback the revision, that values come from.
    pub from: String,
    /// The environment that changes.
    pub to: String,
    /// The commit that was read.
    pub commit: String,
    /// SHA-256, in hex, over what was read and would be written; a commit elsewhere leaves it as it is.
    pub hash: String,
    pub moves: Vec<Move>,
    pub stays: Vec<Stay>,
    /// Of a promotion, what it brings: the commits that changed the source since it had what the target has now. Of a
    /// rollback, what it takes back. The newest first.
    pub commits: Vec<CommitRef>,
    /// Who changed the file last that would change now.
    pub last_touched: Option<CommitRef>,
    /// What a person should know, in sentences.
    pub warnings: Vec<String>,
    pub files: Vec<FileChange>,
}

/// The ways to a plan.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanKind {
    Promote,
    Rollback,
}

/// A commit, as far as a list shows it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct CommitRef {
    pub id: String,
    pub subject: String,
    pub author: String,
    pub at: Timestamp,
}

/// A field that takes another value.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Move {
    pub file: String,
    /// E.g. `images[0].newTag`.
    pub field: String,
    /// None where it is absent.
    pub before: Option<String>,
    pub after: Option<String>,
}

/// A difference between the two environments that does not travel.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Stay {
    /// Relative to the folder of the environment.
    pub file: String,
    /// None where it is the whole file.
    pub field: Option<String>,
    /// What the environment that values come from has.
    pub source: Option<String>,
    /// What the environment that changes keeps.
    pub target: Option<String>,
    pub why: String,
}

/// A file that would change.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FileChange {
    pub path: String,
    /// A unified difference that `git apply` takes.
    pub patch: String,
}

impl Plan {
    /// Returns whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}
