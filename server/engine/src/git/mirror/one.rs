//! What is known of one mirror, and who waits for which fetch of it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use model::Timestamp;
use tokio::sync::watch;

use super::{
    Failing, MirrorError, MirrorPath, Repo, RepoState,
    bare::{Bare, Heads, Note},
};

/// A failure is not tried again on demand before this.
const TRIED_AGAIN: Duration = Duration::from_secs(15);
/// How often a commit that is not there is looked for by a fetch.
const LOOKED_FOR: Duration = Duration::from_secs(60);

/// How fresh somebody wants a mirror.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    Any,
    /// Its fetch began then, or later; a failure of a moment ago is an answer.
    Since(Instant),
    /// Its fetch began then, or later, whatever came of others before.
    Anew(Instant),
}

/// One mirror. Its folder may not be there yet, or no more.
pub(super) struct Mirror {
    pub(super) url: String,
    pub(super) bare: Bare,
    /// Held by whoever changes what is on the disk.
    pub(super) work: tokio::sync::Mutex<()>,
    held: Arc<()>,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) note: Note,
    pub(super) heads: Arc<Heads>,
    pub(super) size: u64,
    /// Those of its readers that Applications of now have.
    pub(super) known: Vec<Repo>,
    /// When the timer is next for it, and how often it was.
    pub(super) due: Instant,
    pub(super) turns: usize,
    pub(super) failures: u32,
    pub(super) flights: Vec<Arc<Flight>>,
    pub(super) used: Instant,
    pub(super) is_evicted: bool,
    /// When the default branch was asked for.
    pub(super) head_asked: Option<Instant>,
    /// A call may have left locks behind.
    pub(super) is_dirty: bool,
    fetched: Option<Instant>,
    fetching_since: Option<Timestamp>,
    failing: Option<(Repo, Instant, Failing)>,
    /// Readers that were refused, and when.
    refused: Vec<(Repo, Instant, MirrorError)>,
    looked_for: Option<Instant>,
}

/// One fetch, waiting or on its way.
pub(super) struct Flight {
    pub(super) repo: Repo,
    began: Mutex<Option<Instant>>,
    landed: watch::Receiver<Option<Result<(), MirrorError>>>,
    url: String,
}

/// The other end of a [`Flight`].
pub(super) type Landing = watch::Sender<Option<Result<(), MirrorError>>>;

impl Mirror {
    /// Reads what the disk has of it.
    pub(super) fn new(url: String, bare: Bare) -> Self {
        let note = bare.note().unwrap_or_default();
        let heads = if bare.exists() { bare.heads().unwrap_or_default() } else { Heads::default() };
        let age = note
            .fetched_at
            .map(|at| Duration::from_millis(now().0.saturating_sub(at.0).max(0).unsigned_abs()));
        let state = State {
            fetched: age.and_then(|age| Instant::now().checked_sub(age)),
            size: if note.fetched_at.is_some() { bare.size() } else { 0 },
            note,
            heads: Arc::new(heads),
            known: Vec::new(),
            due: Instant::now(),
            turns: 0,
            failures: 0,
            flights: Vec::new(),
            used: Instant::now(),
            is_evicted: false,
            head_asked: None,
            is_dirty: true,
            fetching_since: None,
            failing: None,
            refused: Vec::new(),
            looked_for: None,
        };
        Self {
            url,
            bare,
            work: tokio::sync::Mutex::default(),
            held: Arc::default(),
            state: Mutex::new(state),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the mirror where it is there for this reader, and fresh enough.
    pub(super) fn hold_if(&self, repo: &Repo, wanted: Wanted) -> Option<MirrorPath> {
        let mut state = self.state();
        let is_fresh = match wanted {
            Wanted::Any => true,
            Wanted::Since(since) | Wanted::Anew(since) => {
                state.fetched.is_some_and(|fetched| fetched >= since)
            }
        };
        let is_there = state.note.fetched_at.is_some() && state.note.readers.contains(repo);
        if !is_fresh || !is_there || state.heads.by_branch.is_empty() || !self.bare.exists() {
            return None;
        }
        state.used = Instant::now();
        Some(self.hold())
    }

    /// Keeps the mirror from being evicted.
    pub(super) fn hold(&self) -> MirrorPath {
        MirrorPath { bare: self.bare.clone(), url: self.url.clone(), _held: self.held.clone() }
    }

    /// Moves the folder away, unless somebody holds it or it has what nobody else has. Returns whether it was moved.
    pub(super) fn evict(&self, to: &std::path::Path) -> bool {
        let Ok(_alone) = self.work.try_lock() else { return false };
        let mut state = self.state();
        // Whoever wants to hold it waits for the state.
        if Arc::strong_count(&self.held) > 1 || !state.flights.is_empty() || self.bare.has_changes() {
            return false;
        }
        if std::fs::rename(&self.bare.path, to).is_err() {
            return false;
        }
        state.forget_disk();
        state.is_evicted = true;
        true
    }

    /// Moves away a folder that cannot be read, whoever holds it.
    pub(super) fn give_up(&self, to: &std::path::Path) {
        if std::fs::rename(&self.bare.path, to).is_ok() {
            self.state().forget_disk();
        }
    }

    /// Returns why the last fetch for this reader failed, where that was a moment ago.
    pub(super) fn failed_just_now(&self, repo: &Repo, wanted: Wanted) -> Option<MirrorError> {
        let is_recent = |at: Instant| !matches!(wanted, Wanted::Anew(_)) && at.elapsed() < TRIED_AGAIN;
        let state = self.state();
        let refused = state.refused.iter().find(|(reader, at, _)| reader == repo && is_recent(*at));
        let failed = state.failing.as_ref().filter(|(reader, at, _)| reader == repo && is_recent(*at));
        refused.map(|(_, _, why)| why.clone()).or_else(|| failed.map(|(_, _, failing)| failing.why.clone()))
    }

    /// Tells whether a fetch may be made for a commit that is not there; at most once a minute.
    pub(super) fn may_look_for(&self) -> bool {
        let mut state = self.state();
        let may = state.looked_for.is_none_or(|at| at.elapsed() >= LOOKED_FOR);
        if may {
            state.looked_for = Some(Instant::now());
        }
        may
    }

    pub(super) fn begin(&self, flight: &Flight) -> Instant {
        let begin = Instant::now();
        *flight.began.lock().unwrap_or_else(PoisonError::into_inner) = Some(begin);
        self.state().fetching_since = Some(now());
        begin
    }

    /// Writes down how a fetch ended that began at `begin`.
    pub(super) fn ended(&self, repo: &Repo, begin: Instant, result: &Result<(), MirrorError>) {
        let mut state = self.state();
        state.refused.retain(|(reader, at, _)| reader != repo && at.elapsed() < Duration::from_secs(3600));
        match result {
            Ok(()) => {
                state.fetched = Some(begin);
                state.failures = 0;
                state.failing = None;
                state.is_evicted = false;
            }
            Err(why) => {
                state.failures = state.failures.saturating_add(1);
                if why.is_denial() {
                    state.note.readers.retain(|reader| reader != repo);
                    state.refused.push((repo.clone(), Instant::now(), why.clone()));
                }
                let since = state.failing.as_ref().map_or_else(now, |(_, _, failing)| failing.since);
                state.failing = Some((repo.clone(), Instant::now(), Failing { since, why: why.clone() }));
            }
        }
    }

    /// Takes a flight off the list, whether it landed or not.
    pub(super) fn forget(&self, flight: &Arc<Flight>) {
        let mut state = self.state();
        state.flights.retain(|it| !Arc::ptr_eq(it, flight));
        if flight.has_begun() {
            state.fetching_since = None;
        }
    }

    pub(super) fn shown(&self, repo: Repo) -> RepoState {
        let state = self.state();
        let refused = state.refused.iter().find(|(reader, ..)| *reader == repo);
        let refused = refused.map(|(_, at, why)| {
            let ago = i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX);
            Failing { since: Timestamp(now().0.saturating_sub(ago)), why: why.clone() }
        });
        // One reader's refusal is not another's failure.
        let failing = state.failing.as_ref().filter(|(reader, _, it)| *reader == repo || !it.why.is_denial());
        RepoState {
            url: self.url.clone(),
            fetched_at: state.note.fetched_at.filter(|_| state.note.readers.contains(&repo)),
            fetching_since: state.fetching_since,
            failing: refused.or_else(|| failing.map(|(_, _, failing)| failing.clone())),
            size: state.size,
            is_evicted: state.is_evicted,
            heads: state.heads.by_branch.clone().into_iter().collect(),
            default_branch: state.heads.default.clone(),
            repo,
        }
    }
}

impl State {
    fn forget_disk(&mut self) {
        self.note = Note::default();
        self.heads = Arc::default();
        self.size = 0;
        self.fetched = None;
        self.head_asked = None;
    }
}

impl Flight {
    pub(super) fn new(repo: Repo, url: String) -> (Arc<Self>, Landing) {
        let (landing, landed) = watch::channel(None);
        (Arc::new(Self { repo, began: Mutex::default(), landed, url }), landing)
    }

    /// Tells whether somebody may wait for it who wants the mirror that fresh: what began too early may have missed a
    /// push.
    pub(super) fn serves(&self, repo: &Repo, wanted: Wanted) -> bool {
        let began = *self.began.lock().unwrap_or_else(PoisonError::into_inner);
        self.repo == *repo
            && match (wanted, began) {
                (Wanted::Any, _) | (_, None) => true,
                (Wanted::Since(since) | Wanted::Anew(since), Some(began)) => began >= since,
            }
    }

    /// Waits for its end.
    pub(super) async fn landed(&self) -> Result<(), MirrorError> {
        let mut landed = self.landed.clone();
        match landed.wait_for(Option::is_some).await {
            Ok(result) => result.clone().unwrap_or(Ok(())),
            Err(_) => Err(MirrorError::Interrupted { url: self.url.clone() }),
        }
    }

    fn has_begun(&self) -> bool {
        self.began.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

pub(super) fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}
