//! What plans are made on: what was found in a branch, and what is remembered of its history. Where only contents changed
//! since it was read, all of that still holds, so that a plan on a new head costs no look at the whole repository.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use git2::Oid;

use super::{Facts, Followed, Repositories};
use crate::git::{
    chronicle::{Chronicle, Memory, Recent, since},
    layout::discover,
    releases::Releases,
    tree::{Tree, TreeError},
};

/// So many commits are looked at one by one; of more, all is read anew.
pub(super) const MOST_SINCE: usize = 300;
/// So many commits are remembered after those that the background has read.
const MOST_RECENT: usize = 2_000;

/// What a plan on a commit needs to know.
#[derive(Clone, Debug)]
pub struct Ground {
    head: Oid,
    facts: Arc<Facts>,
    /// What the background has read, and what came after it.
    memory: Option<(Arc<Chronicle>, Vec<Recent>)>,
}

/// The newest ground of each branch. Whoever makes one is waited for.
pub(super) type Grounds = Mutex<HashMap<Followed, Arc<Mutex<Option<Arc<Ground>>>>>>;

impl Ground {
    /// Returns what was found.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Returns what is remembered of the history.
    pub fn memory(&self) -> Option<Memory<'_>> {
        self.memory.as_ref().map(|(chronicle, recent)| Memory { chronicle, recent })
    }

    fn of(facts: Arc<Facts>) -> Self {
        let memory = facts.releases.as_ref().map(|it: &Releases| (Arc::clone(it.chronicle()), Vec::new()));
        Self { head: facts.head, facts, memory }
    }

    /// The same after some more commits.
    fn after(&self, recent: Vec<Recent>, tree: &Tree<'_>, all: &Repositories) -> Result<Self, TreeError> {
        let facts = match self.facts.found.outlasts(&recent) {
            true => Arc::clone(&self.facts),
            false => found_in(tree, all)?,
        };
        let mut memory = self.memory.clone();
        if let Some((_, known)) = &mut memory {
            known.extend(recent);
        }
        let memory = memory.filter(|(_, known)| known.len() <= MOST_RECENT);
        Ok(Self { head: tree.commit(), facts, memory })
    }
}

impl Repositories {
    /// Returns what plans on the head of a branch are made on. Blocks, mostly for the time of a few lookups.
    ///
    /// # Errors
    /// A tree that cannot be read.
    pub fn ground(&self, tree: &Tree<'_>, followed: Option<&Followed>) -> Result<Arc<Ground>, TreeError> {
        let Some(followed) = followed else {
            return Ok(Arc::new(Ground::of(found_in(tree, self)?)));
        };
        let slot = Arc::clone(locked(&self.grounds).entry(followed.clone()).or_default());
        let mut newest = locked(&slot);
        if let Some(known) = newest.as_ref().filter(|it| it.head == tree.commit()) {
            return Ok(Arc::clone(known));
        }
        let read = self.book().facts(followed).cloned().map(Ground::of);
        let ground = Arc::new(self.nearest(tree, read, newest.as_deref())?);
        *newest = Some(Arc::clone(&ground));
        Ok(ground)
    }

    fn nearest(
        &self,
        tree: &Tree<'_>,
        read: Option<Ground>,
        newest: Option<&Ground>,
    ) -> Result<Ground, TreeError> {
        let bases: Vec<&Ground> = read.iter().chain(newest).collect();
        let heads: Vec<_> = bases.iter().map(|it| it.head).collect();
        let way = match heads.is_empty() {
            true => None,
            false => since(tree.repository(), tree.commit(), &heads, MOST_SINCE)?,
        };
        let base = way.and_then(|(at, recent)| Some((bases.into_iter().find(|it| it.head == at)?, recent)));
        match base {
            Some((base, recent)) => base.after(recent, tree, self),
            None => Ok(Ground::of(found_in(tree, self)?)),
        }
    }
}

fn found_in(tree: &Tree<'_>, all: &Repositories) -> Result<Arc<Facts>, TreeError> {
    let (rules, _) = all.rules.read(tree);
    let found = discover(tree, &rules)?;
    Ok(Arc::new(Facts::without_history(tree.commit(), rules, found)))
}

/// What is in there is whole at every moment.
fn locked<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}
