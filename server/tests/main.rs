//! The HTTP side against fakes, through the very router that the program serves.

mod api;
mod assets;
mod audit;
mod changes;
mod config;
mod coverage;
mod export;
mod gates;
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
