//! The engine with a real PostgreSQL. One binary; each test has a database of its own.

mod access;
mod audit;
mod db;
mod history;
mod oidc;
mod plan;
mod policy;
mod private_server;
mod render;
mod support;
