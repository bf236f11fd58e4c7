//! The commits that changed some files, asked for once and read as often as needed: asking costs a child process.

use std::{cell::RefCell, rc::Rc};

use git2::Oid;

use super::history::{Commits, History, HistoryError};

/// Most questions are answered by the newest few, so those are asked for first, and then at most so many.
const FEW: usize = 12;
const MOST: usize = 500;

/// The commits from one on that changed one of some files, the newest first.
pub(super) struct Touches<'h> {
    history: &'h dyn History,
    from: Oid,
    files: Vec<String>,
    listed: RefCell<Listed<'h>>,
}

struct Listed<'h> {
    seen: Vec<Result<Oid, HistoryError>>,
    next: Commits<'h>,
    /// How many were asked for.
    asked: usize,
}

impl<'h> Touches<'h> {
    pub(super) fn new<'f>(
        history: &'h dyn History,
        from: Oid,
        files: impl Iterator<Item = &'f str>,
    ) -> Rc<Self> {
        let mut files: Vec<_> = files.map(str::to_owned).collect();
        files.sort_unstable();
        files.dedup();
        let listed = Listed { seen: Vec::new(), next: Box::new(std::iter::empty()), asked: 0 };
        Rc::new(Self { history, from, files, listed: RefCell::new(listed) })
    }

    /// Returns one by its position.
    pub(super) fn at(&self, position: usize) -> Option<Result<Oid, HistoryError>> {
        let mut listed = self.listed.borrow_mut();
        while listed.seen.len() <= position {
            if listed.seen.len() == listed.asked && listed.asked < MOST {
                let limit = if listed.asked == 0 { FEW } else { MOST };
                listed.next = Box::new(self.ask(limit).skip(listed.asked));
                listed.asked = limit;
            }
            let next = listed.next.next()?;
            listed.seen.push(next);
        }
        listed.seen.get(position).cloned()
    }

    /// Returns what a file held at a commit, where the history knows.
    pub(super) fn content_at(&self, commit: Oid, file: &str) -> Option<Option<Oid>> {
        self.history.content_at(commit, file)
    }

    fn ask(&self, limit: usize) -> Commits<'h> {
        let files: Vec<_> = self.files.iter().map(String::as_str).collect();
        self.history.touches(self.from, &files, limit)
    }
}
