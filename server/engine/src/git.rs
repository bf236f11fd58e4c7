//! Git: repositories read at a commit, what they lay out, and what a promotion or a rollback would change in them.
//!
//! Nothing here writes to anybody's repository: mirrors are our own copies. Plans are pure functions of commits.

pub mod chronicle;
pub mod edit;
pub mod history;
pub mod layout;
pub mod lint;
pub mod mirror;
pub mod plan;
pub mod releases;
pub mod remote;
pub mod rules;
pub mod trailers;
pub mod tree;
pub mod webhook;
