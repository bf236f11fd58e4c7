//! The hash of a plan (rules R8 and R12): over what was decided, read, taken and would be written; not over the commit.

use std::collections::BTreeMap;

use model::plan::{PlanKind, RowOutcome};
use sha2::{Digest as _, Sha256};

use super::{carried::Values, files::Write};

/// Collects parts; each counts with its length, so that no two lists of parts are one.
#[derive(Clone, Default)]
pub(super) struct Digest(Sha256);

impl Digest {
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub(super) fn flag(&mut self, flag: bool) -> &mut Self {
        self.bytes(&[u8::from(flag)])
    }

    pub(super) fn maybe(&mut self, bytes: Option<&[u8]>) -> &mut Self {
        self.flag(bytes.is_some()).bytes(bytes.unwrap_or_default())
    }

    pub(super) fn values(&mut self, values: &Values) -> &mut Self {
        self.text(&values.len().to_string());
        for (field, value) in values {
            self.text(field).maybe(value.as_ref().map(String::as_bytes));
        }
        self
    }

    pub(super) fn outcome(&mut self, outcome: &RowOutcome) -> &mut Self {
        match outcome {
            RowOutcome::Moves => self.text("moves"),
            RowOutcome::NothingToDo => self.text("nothing"),
            RowOutcome::Skipped { .. } => self.text("skipped"),
            RowOutcome::Stopped { .. } => self.text("stopped"),
        }
    }
}

/// Returns the hash in hex.
pub(super) fn hash_of(
    (kind, from, to): (PlanKind, &str, &str),
    rows: Vec<Digest>,
    writes: &BTreeMap<String, Write>,
) -> String {
    let mut hash = Digest::default();
    hash.text(match kind {
        PlanKind::Promote => "promote",
        PlanKind::Rollback => "rollback",
        PlanKind::Introduce => "introduce",
    });
    hash.text(from).text(to).text(&rows.len().to_string());
    for row in rows {
        hash.bytes(&row.0.finalize());
    }
    for (path, write) in writes {
        hash.text(path).maybe(write.before.as_deref()).maybe(write.after.as_deref()).flag(write.executable);
    }
    hex::encode(hash.0.finalize())
}
