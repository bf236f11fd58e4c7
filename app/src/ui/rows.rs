//! Keys of the rows of live lists.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Returns the key of a row by what names it and all that it shows: a row that did not change keeps its place in the
/// document, and with it the focus.
pub(crate) fn row_key<Id: Clone, Row: Hash>(id: &Id, row: &Row) -> (Id, u64) {
    let mut hasher = DefaultHasher::new();
    row.hash(&mut hasher);
    (id.clone(), hasher.finish())
}

/// Returns the class of a row: hatched where it is not live.
pub(crate) fn row_class(is_live: bool) -> &'static str {
    if is_live {
        ""
    } else {
        "bg-[repeating-linear-gradient(-45deg,transparent_0_5px,color-mix(in_oklab,var(--color-mute)_8%,transparent)_5px_6px)]"
    }
}
