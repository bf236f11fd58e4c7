//! What an environment holds once a plan is written: by it a change is known to last, or to have been overwritten.

use std::collections::BTreeMap;

use git2::{ObjectType, Oid};
use serde::{Deserialize, Serialize};

use super::{
    carried::{Held, Values, WHOLE, alike},
    files::Files,
};
use crate::git::{
    layout::{App, Carrier, What, complete},
    tree::Tree,
};

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

/// Returns whether a repository holds all of it; of nothing it does. How a value is quoted does not count, and a file that
/// is gone or cannot be read holds nothing.
pub fn holds(tree: &Tree<'_>, expected: &[Expected]) -> bool {
    first_difference(tree, expected).is_none()
}

/// Returns what travels of an app as an environment has it now. What cannot be read is left out, and so is an environment
/// that the app is not in.
pub fn state_now(tree: &Tree<'_>, app: &App, environment: &str) -> Vec<Expected> {
    let mut app = app.clone();
    complete(tree, &mut app);
    let places = app.places(environment).unwrap_or_default();
    let carriers = places.iter().flat_map(|place| &place.carriers);
    let held = |it: &Carrier| Expected::some(it, values_at(tree, &it.file, &it.what)?);
    carriers.filter_map(held).collect()
}

/// Returns the first field that is not as expected.
pub(super) fn first_difference<'e>(
    tree: &Tree<'_>,
    expected: &'e [Expected],
) -> Option<(&'e str, &'e What, &'e str)> {
    let difference = |it: &'e Expected| {
        let there = values_at(tree, &it.file, &it.what);
        let value = |field: &String| there.as_ref().and_then(|there| there.get(field)?.as_ref());
        // What cannot be read is not alike with what is absent.
        let differs = |(field, wanted): &(&String, &Option<String>)| {
            there.is_none() || !alike(value(field), wanted.as_ref())
        };
        it.values.iter().find(differs).map(|(field, _)| (it.file.as_str(), &it.what, field.as_str()))
    };
    expected.iter().find_map(difference)
}

impl Expected {
    /// Of a carrier that held one thing before and another one now; none where they are alike.
    pub(super) fn of(carrier: &Carrier, before: &Held, after: &Held) -> Option<Self> {
        Self::some(carrier, after.moved_from(before))
    }

    fn some(carrier: &Carrier, values: Values) -> Option<Self> {
        let of_them = |values| Self { file: carrier.file.clone(), what: carrier.what.clone(), values };
        Some(values).filter(|it| !it.is_empty()).map(of_them)
    }
}

/// The files that the row at hand changes, each as a whole.
pub(super) fn whole_files(files: &Files<'_>) -> Vec<Expected> {
    let whole = |(path, write): (&String, &super::Write)| {
        let id = write.after.as_ref().and_then(|it| Oid::hash_object(ObjectType::Blob, it).ok());
        let values = BTreeMap::from([(WHOLE.to_owned(), id.map(|id| id.to_string()))]);
        Expected { file: path.clone(), what: What::File, values }
    };
    files.changed().map(whole).collect()
}

/// None where it cannot be read, or where there is no file that could hold fields.
fn values_at(tree: &Tree<'_>, file: &str, what: &What) -> Option<Values> {
    let entry = tree.entry(file).ok()?;
    if *what == What::File {
        // By its id alone, for a whole file may be large.
        return Some(BTreeMap::from([(WHOLE.to_owned(), entry.map(|it| it.id.to_string()))]));
    }
    let bytes = tree.content(file, entry?.id).ok()?;
    Some(Held::read(Some(&bytes), what).ok()?.values())
}
