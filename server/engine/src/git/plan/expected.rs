//! What an environment holds once a plan is written. A stand-in until the plans' own.

use git2::Oid;
use serde::{Deserialize, Serialize};

use crate::git::{
    layout::{App, complete},
    tree::Tree,
};

/// What a file holds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Expected {
    pub file: String,
    pub id: Option<String>,
}

/// Returns whether a repository holds all of it.
pub fn holds(tree: &Tree<'_>, expected: &[Expected]) -> bool {
    expected.iter().all(|it| id_at(tree, &it.file) == it.id)
}

/// Returns what travels of an app as an environment has it now.
pub fn state_now(tree: &Tree<'_>, app: &App, environment: &str) -> Vec<Expected> {
    let mut app = app.clone();
    complete(tree, &mut app);
    let places = app.places(environment).unwrap_or_default();
    let files = places.iter().flat_map(|place| &place.carriers).map(|it| it.file.clone());
    files.map(|file| Expected { id: id_at(tree, &file), file }).collect()
}

fn id_at(tree: &Tree<'_>, file: &str) -> Option<String> {
    tree.id(file).ok().flatten().map(|id: Oid| id.to_string())
}
