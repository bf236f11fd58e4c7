//! The HTTP side against fakes, through the very router that the program serves.

mod api;
mod assets;
mod audit;
mod config;
mod coverage;
mod export;
mod health;
mod law;
mod lint;
mod listen;
mod live;
mod plan;
mod rbac;
mod safety;
mod sign_in;
mod support;
