//! What both halves speak: wire types, the error that crosses the border, and the [`backend`] traits.
//!
//! The words are those of the product (`ARCHITECTURE.md`): an *Application* is Argo CD's object, an *app* is one
//! product over its environments. Nothing here knows HTTP, Leptos, Kubernetes or SQL.

pub mod access;
pub mod actor;
pub mod application;
pub mod apps;
#[cfg(not(target_family = "wasm"))]
pub mod backend;
pub mod change;
pub mod cluster;
pub mod error;
pub mod gate;
pub mod history;
pub mod operation;
pub mod overview;
pub mod plan;
pub mod record;
pub mod repository;
pub mod status;
pub mod time;
pub mod view;

pub use actor::Actor;
pub use error::{AppError, AppResult};
pub use time::Timestamp;
