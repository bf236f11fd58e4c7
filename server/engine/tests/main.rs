//! The engine with a real PostgreSQL. One binary; each test has a database of its own.

mod access;
mod audit;
mod bare;
mod db;
mod history;
mod mirror;
mod layout;
mod oidc;
mod plan;
mod plans;
mod policy;
mod private_server;
mod saved_views;
mod render;
mod support;
