//! The commands beside `serve`, one file each.

pub mod approve;
pub mod audit;
pub mod carry;
pub mod freeze;
pub mod hold;
pub mod lint;
pub mod plan;
pub mod print;
pub mod promote;
pub mod rbac;
pub mod remote;
pub mod rollback;
