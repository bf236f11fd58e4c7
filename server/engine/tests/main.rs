//! The engine with a real PostgreSQL. One binary; each test has a database of its own.

mod access;
mod audit;
mod db;
mod history;
mod mirror;
mod oidc;
mod plan;
mod plans;
mod policy;
mod private_server;
mod saved_views;
mod render;
mod support;
