//! What the history says to a plan: who changed a field last, what the last promotion left there, what is brought along.

use std::{
    cell::{OnceCell, RefCell},
    collections::{BTreeSet, HashMap},
    rc::Rc,
};

use git2::{Oid, Repository};
use model::plan::{CommitRef, ForeignEdit};

use super::{
    carried::{Held, Values, alike, name_of},
    history::{History, HistoryError},
    touches::Touches,
};
use crate::git::{layout::Carrier, trailers::Trailers, tree::Tree};

/// How many of them a plan lists.
const MOST_LISTED: usize = 100;
/// A branch that was merged is searched so far for our commit.
const MOST_ON_A_BRANCH: usize = 50;

/// The values of all carriers, in their order.
pub(super) type State = Vec<Values>;
/// A carrier, by its position, and a field of it.
pub(super) type Key = (usize, String);

/// The history of some carriers, back from a commit.
pub(super) struct Past<'a> {
    tree: &'a Tree<'a>,
    touches: Rc<Touches<'a>>,
    carriers: &'a [Carrier],
    /// By the id of a blob: what a carrier holds in it.
    read: RefCell<HashMap<(usize, Oid), Values>>,
    states: RefCell<HashMap<Oid, State>>,
}

/// A commit that changed values.
pub(super) struct Step {
    pub(super) commit: Oid,
    pub(super) before: State,
    pub(super) after: State,
}

/// What is known of the fields that would change.
#[derive(Default)]
pub(super) struct Known {
    pub(super) authors: HashMap<Key, Oid>,
    /// The commit that changed one of them last.
    pub(super) last: Option<Oid>,
    /// Our last commit for this app and environment, and what it left.
    pub(super) base: Option<(Oid, State)>,
    /// Why nothing is known further back.
    pub(super) gap: Option<HistoryError>,
}

/// What a promotion brings, or a rollback takes back.
pub(super) struct Along {
    pub(super) commits: Vec<CommitRef>,
    /// Whether they begin where the other side is now.
    pub(super) complete: bool,
}

impl<'a> Past<'a> {
    /// Of the carriers alone.
    pub(super) fn new(tree: &'a Tree<'a>, history: &'a dyn History, carriers: &'a [Carrier]) -> Self {
        let files = carriers.iter().map(|it| it.file.as_str());
        Self::within(tree, Touches::new(history, tree.commit(), files), carriers)
    }

    /// Among commits that may have changed other files, too.
    pub(super) fn within(tree: &'a Tree<'a>, touches: Rc<Touches<'a>>, carriers: &'a [Carrier]) -> Self {
        Self { tree, touches, carriers, read: RefCell::default(), states: RefCell::default() }
    }

    /// Returns the commits that changed what the carriers hold, the newest first.
    pub(super) fn steps(&self) -> impl Iterator<Item = Result<Step, HistoryError>> {
        self.touches().filter(|step| step.as_ref().map_or(true, |it| it.before != it.after))
    }

    /// Asks the history of the fields that would change; and for the last commit that is ours, if it matters.
    pub(super) fn known(&self, keys: &[Key], ours: Option<&Ours<'_>>) -> Known {
        let mut known = Known::default();
        for commit in self.commits() {
            let commit = match commit {
                Ok(commit) => commit,
                Err(gap) => {
                    known.gap = Some(gap);
                    break;
                }
            };
            if known.base.is_none()
                && let Some(ours) = ours.and_then(|it| it.at(self.tree.repository(), commit))
            {
                known.base = Some((ours, self.state_at(ours)));
            }
            // Values cost more to read than messages.
            if keys.iter().any(|key| !known.authors.contains_key(key)) {
                known.note(&self.step(commit), keys);
            } else if known.base.is_some() || ours.is_none() {
                break;
            }
        }
        known
    }

    /// Returns the commits since these fields had other values, told by their keys.
    pub(super) fn since(&self, until: &[(Key, Option<String>)]) -> Along {
        let mut along = Along { commits: Vec::new(), complete: false };
        for step in self.touches() {
            let Ok(step) = step else { break };
            let changed =
                |(key, _): &(Key, Option<String>)| value(&step.before, key) != value(&step.after, key);
            if !until.iter().any(changed) {
                continue;
            }
            along.commits.extend(self.tree.reference(step.commit));
            along.complete =
                until.iter().all(|(key, wanted)| alike(value(&step.before, key), wanted.as_ref()));
            if along.complete || along.commits.len() == MOST_LISTED {
                break;
            }
        }
        along
    }

    /// Returns who changed a field last.
    pub(super) fn author(&self, key: &Key) -> Option<CommitRef> {
        let mut steps = self.touches().map_while(Result::ok);
        let step = steps.find(|step| value(&step.before, key) != value(&step.after, key))?;
        self.tree.reference(step.commit)
    }

    /// Returns what the carriers hold at a commit.
    pub(super) fn state_at(&self, commit: Oid) -> State {
        if let Some(known) = self.states.borrow().get(&commit) {
            return known.clone();
        }
        let at = At { past: self, commit, tree: OnceCell::new() };
        let state: State = self.carriers.iter().enumerate().map(|it| self.values(&at, it)).collect();
        self.states.borrow_mut().insert(commit, state.clone());
        state
    }

    /// Returns what people called the version at a commit.
    pub(super) fn version_at(&self, commit: Oid) -> Option<String> {
        let at = At { past: self, commit, tree: OnceCell::new() };
        let held = |carrier: &Carrier| {
            let bytes = self.tree.content(&carrier.file, at.content(&carrier.file)?).ok()?;
            Held::read(Some(&bytes), &carrier.what).ok()
        };
        self.carriers.iter().filter_map(held).find_map(|held| held.versions(&held).1)
    }

    fn commits(&self) -> impl Iterator<Item = Result<Oid, HistoryError>> {
        (0..).map_while(|position| self.touches.at(position))
    }

    fn touches(&self) -> impl Iterator<Item = Result<Step, HistoryError>> {
        self.commits().map(|commit| commit.map(|commit| self.step(commit)))
    }

    fn step(&self, commit: Oid) -> Step {
        let parent = self.tree.repository().find_commit(commit).and_then(|it| it.parent_id(0));
        let nothing = |_| vec![Values::new(); self.carriers.len()];
        let before = parent.map_or_else(nothing, |parent| self.state_at(parent));
        Step { commit, before, after: self.state_at(commit) }
    }

    /// What cannot be read there held nothing.
    fn values(&self, at: &At<'_, '_>, (position, carrier): (usize, &Carrier)) -> Values {
        let Some(id) = at.content(&carrier.file) else { return Values::new() };
        let mut read = self.read.borrow_mut();
        let values = || {
            let bytes = self.tree.content(&carrier.file, id).ok()?;
            Some(Held::read(Some(&bytes), &carrier.what).ok()?.values())
        };
        read.entry((position, id)).or_insert_with(|| values().unwrap_or_default()).clone()
    }
}

/// A commit, whose files are looked at only where the history does not know them.
struct At<'p, 'a> {
    past: &'p Past<'a>,
    commit: Oid,
    tree: OnceCell<Option<Tree<'a>>>,
}

impl At<'_, '_> {
    /// The id of a file's content; none where it was not there.
    fn content(&self, file: &str) -> Option<Oid> {
        if let Some(known) = self.past.touches.content_at(self.commit, file) {
            return known;
        }
        let tree = self.tree.get_or_init(|| self.past.tree.at_commit(self.commit).ok());
        Some(tree.as_ref()?.entry(file).ok()??.id)
    }
}

impl Known {
    fn note(&mut self, step: &Step, keys: &[Key]) {
        for key in keys.iter().filter(|key| value(&step.before, key) != value(&step.after, key)) {
            self.authors.entry(key.clone()).or_insert(step.commit);
            self.last.get_or_insert(step.commit);
        }
    }

    /// Returns what others changed since the last promotion (rule R5): neither what it left, nor what would be written.
    pub(super) fn foreign(
        &self,
        target: &Past<'_>,
        source: &Past<'_>,
        wanted: &State,
        there: &State,
    ) -> Vec<ForeignEdit> {
        let Some((base_commit, base)) = &self.base else { return Vec::new() };
        let reference = |commit: Oid| target.tree.reference(commit);
        let mut foreign = Vec::new();
        for (position, (wanted, there)) in wanted.iter().zip(there).enumerate() {
            for (field, theirs) in wanted {
                let key = (position, field.clone());
                let ours = there.get(field).cloned().flatten();
                let base = value(base, &key).cloned();
                if alike(ours.as_ref(), theirs.as_ref()) || alike(ours.as_ref(), base.as_ref()) {
                    continue;
                }
                let carrier = &target.carriers[position];
                foreign.push(ForeignEdit {
                    file: carrier.file.clone(),
                    field: name_of(&carrier.what, field),
                    base,
                    promoted_by: reference(*base_commit),
                    ours,
                    changed_by: self.authors.get(&key).copied().and_then(reference),
                    theirs: theirs.clone(),
                    source_changed_by: source.author(&key),
                });
            }
        }
        foreign
    }
}

pub(super) fn value<'s>(state: &'s State, (position, field): &Key) -> Option<&'s String> {
    state.get(*position)?.get(field)?.as_ref()
}

/// Which commits are ours, for an app in an environment.
pub(super) struct Ours<'a> {
    pub(super) base_path: &'a str,
    pub(super) environment: &'a str,
    /// Those that the record knows; none where there is no record, and trailers alone must do.
    pub(super) known: Option<&'a BTreeSet<Oid>>,
}

impl Ours<'_> {
    /// Returns our commit: this one, or of a merge one on the branch that it brought.
    pub(super) fn at(&self, repository: &Repository, commit: Oid) -> Option<Oid> {
        let commit = repository.find_commit(commit).ok()?;
        if self.is_one(&commit) {
            return Some(commit.id());
        }
        let (main, branch) = (commit.parent_id(0).ok()?, commit.parent_id(1).ok()?);
        let fork = repository.merge_base(main, branch).ok();
        let mut next = repository.find_commit(branch).ok();
        for _ in 0..MOST_ON_A_BRANCH {
            let commit = next.filter(|it| Some(it.id()) != fork)?;
            if self.is_one(&commit) {
                return Some(commit.id());
            }
            next = commit.parent(0).ok();
        }
        None
    }

    fn is_one(&self, commit: &git2::Commit<'_>) -> bool {
        let trailers = || commit.message().ok().and_then(Trailers::parse);
        self.known.is_none_or(|known| known.contains(&commit.id()))
            && trailers().is_some_and(|it| it.concern(self.base_path, self.environment))
    }
}
