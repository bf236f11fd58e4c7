//! Git: repositories read at a commit, what they lay out, and what a promotion or a rollback would change in them.
//!
//! Nothing here writes to a repository. Plans are pure functions of commits.

pub mod edit;
pub mod layout;
pub mod plan;
pub mod rules;
pub mod trailers;
pub mod tree;
