//! What becomes of a change after its push: Argo CD sees the commit, syncs it, and the Applications come to be Healthy
//! and stay so (rule R20).
//!
//! ```text
//! index ──▶ judge (one Application) ──▶ course (the change) ──▶ step, by compare-and-set
//! mirror ─▶ git ──┘      └──▶ refresh or sync, through the Operator
//! ```
//! Nothing counts as success that was not seen: the commit, or a later one that still holds its values, synced, compared
//! again after the operation ended, and Healthy, in a cluster that answers.

mod course;
mod follow;
mod git;
mod judge;
mod rows;

pub use follow::Follower;
