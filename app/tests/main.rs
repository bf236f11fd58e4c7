//! Pages, rendered by the router that serves them, over a backend that holds what the test put there.

mod acts;
mod app;
mod audit;
mod change;
mod changes;
mod fake;
mod gates;
mod matrix;
mod pages;
mod plan;
mod repositories;
mod rollback;
mod waiting;
