//! Changes: plans that were clicked, and what becomes of them.

pub mod rollout;
pub(crate) mod store;
