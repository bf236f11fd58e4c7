//! Changes from the click to the commit, and what becomes of them when things go wrong: a real repository, PostgreSQL, and
//! Applications as Argo CD tells of them. R8 to R20 are the rules of promotion.

mod approvals;
mod argocd;
mod fleet;
mod gated;
mod house;
mod killed;
mod message;
mod once;
mod orders;
mod remote;
mod replica;
mod rollbacks;
mod trouble;
mod writing;
