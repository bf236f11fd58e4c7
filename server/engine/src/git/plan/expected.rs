//! What an environment holds once a plan is written: by it a change is known to last, or to have been overwritten.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::carried::{Held, alike};
use crate::git::{layout::What, tree::Tree};

/// What a file holds, as far as a plan moved it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Expected {
    /// The path in the repository.
    pub file: String,
    pub what: What,
    /// By the name of a field within: its value as plans show it, none where it is absent. Of a whole file the id of its
    /// content.
    pub values: BTreeMap<String, Option<String>>,
}

/// Returns whether a repository holds all of it; of nothing it does.
pub fn holds(tree: &Tree<'_>, expected: &[Expected]) -> bool {
    expected.iter().all(|it| {
        let Ok(bytes) = tree.read_if_there(&it.file) else { return false };
        let Ok(there) = Held::read(bytes.as_deref(), &it.what) else { return false };
        let there = there.values();
        it.values
            .iter()
            .all(|(field, value)| alike(there.get(field).and_then(Option::as_ref), value.as_ref()))
    })
}
