//! Argo CD's semantics: its objects, its rules of health and sync windows, and how to act through its objects.
//!
//! Knows Kubernetes objects; must not know HTTP, pages or sessions.

mod event;
pub mod health;
pub mod operation;
pub mod types;
pub mod window;
