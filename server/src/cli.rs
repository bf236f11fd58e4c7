//! The commands beside `serve`, one file each.

pub mod audit;
pub mod lint;
pub mod plan;
pub mod rbac;
pub mod remote;
