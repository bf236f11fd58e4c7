//! What Quarterdeck does: the fleet's index, Argo CD's semantics, access and the record. Never reaches Leptos.
//!
//! [`Engine`] is the composition root; each noun implements its `Backend` trait in its own module.

pub mod access;
pub mod argo;
pub mod audit;
pub mod changes;
pub mod db;
pub mod error;
pub mod fleet;
pub mod gates;
pub mod git;
pub mod history;
pub mod metrics;
pub mod plans;
pub mod render;
pub mod repositories;
pub mod saved_views;
pub mod tasks;
pub mod webhooks;

mod engine;

pub use audit::AnchorSetting;
pub use engine::{DatabaseSetting, Engine, Settings};
pub use error::{Error, Result};
pub use repositories::RepositorySettings;
