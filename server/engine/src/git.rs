//! Git: repositories read at a commit, what they lay out, and what a promotion or a rollback would change in them.
//!
//! Mirrors are our own copies, and plans are pure functions of commits. What writes to somebody's repository is one call,
//! [`mirror::Mirrors::push`].

pub mod chronicle;
pub mod commit;
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
