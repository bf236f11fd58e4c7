//! The program `quarterdeck`: settings in, HTTP out.
//!
//! Nothing here knows Kubernetes, Argo CD or SQL: what the engine does comes through `model::backend` and the few traits
//! in [`http`], so that every route is tested against a fake.
//!
//! ```text
//! config ──> engine::Settings ──> Engine ──┐
//!        └─> http::Settings ──────────────> http::router ──> axum::serve
//! ```

pub mod cli;
pub mod config;
pub mod http;
pub mod telemetry;
