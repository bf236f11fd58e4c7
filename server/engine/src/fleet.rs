//! The fleet: control planes, their clusters and their Applications. Watch → index → view.
//!
//! [`watch`] and [`probe`] feed the [`index`]; [`view`] answers the face from snapshots alone, but for the page of one
//! Application, whose [`detail`] is read from its objects.

pub mod app;
pub mod apps;
pub mod clients;
pub mod credentials;
pub mod detail;
pub mod environment;
pub mod index;
pub mod matrix;
mod plugin;
pub mod probe;
pub mod view;
mod visible;
pub mod watch;
