//! The engine with a real PostgreSQL. One binary; each test has a database of its own.

mod access;
mod audit;
mod bare;
mod changes;
mod chronicle;
mod damaged;
mod db;
mod fuzzed;
mod gates;
mod history;
mod hostile;
mod layout;
mod lint;
mod mirror;
mod oidc;
mod plan;
mod plans;
mod policy;
mod private_server;
mod releases;
mod render;
mod rollout;
mod saved_views;
mod support;
