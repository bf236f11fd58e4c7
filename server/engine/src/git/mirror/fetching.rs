//! Fetches: one at a time per mirror, a few at once over all, each a task of its own, so that nobody who stops waiting
//! stops it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use model::Timestamp;

use super::{
    Credentials, MirrorError, Mirrors, Remote, Repo,
    bare::Heads,
    call::Call,
    child::{Bounds, Failure},
    error::Said,
    explain::{Asked, mask},
    one::{Flight, Landing, Mirror, Wanted, now},
    remote::Kind,
};

/// How long reading the credentials may take.
pub(super) const CREDENTIALS: Duration = Duration::from_secs(15);
/// How often the remote is asked for its default branch.
const HEAD_ASKED: Duration = Duration::from_secs(3600);
/// How much a fetch may print apart from what it says.
pub(super) const OUTPUT: usize = 1 << 20;

impl Mirrors {
    /// Returns the fetch that serves this reader: one that is on its way, or a new one.
    pub(super) fn start(&self, mirror: &Arc<Mirror>, repo: &Repo, wanted: Wanted) -> Arc<Flight> {
        let mut state = mirror.state();
        if let Some(flight) = state.flights.iter().find(|flight| flight.serves(repo, wanted)) {
            return flight.clone();
        }
        let (flight, landing) = Flight::new(repo.clone(), mirror.url.clone());
        state.flights.push(flight.clone());
        drop(state);
        let on_list = OnList { mirror: mirror.clone(), flight: flight.clone() };
        let mirrors = self.clone();
        self.shared.tasks.spawn_once(format!("fetch {}", mirror.url), async move {
            mirrors.fly(on_list, landing).await;
            Ok(())
        });
        flight
    }

    async fn fly(&self, on_list: OnList, landing: Landing) {
        let (mirror, flight) = (on_list.mirror.clone(), on_list.flight.clone());
        let _alone = mirror.work.lock().await;
        let before = mirror.state().heads.clone();
        let result = {
            let Ok(_permit) = self.shared.network.acquire().await else { return };
            let begin = mirror.begin(&flight);
            let result = self.fetch(&mirror, &flight.repo).await;
            let outcome = result.as_ref().map_or_else(MirrorError::outcome, |()| "ok");
            self.shared.metrics.external_call("git", outcome, begin.elapsed());
            mirror.ended(&flight.repo, begin, &result);
            self.set_next(&mirror);
            result
        };
        if let Err(error) = &result {
            tracing::warn!(control_plane = flight.repo.control_plane, "{error}");
        }
        let has_news = result.is_ok() && mirror.state().heads != before;
        drop(on_list);
        landing.send_replace(Some(result));
        if has_news {
            self.keep_up(&mirror).await;
        }
    }

    async fn fetch(&self, mirror: &Arc<Mirror>, repo: &Repo) -> Result<(), MirrorError> {
        let remote = Remote::read(&repo.url)?;
        let url = remote.to_string();
        let asked = tokio::time::timeout(CREDENTIALS, self.shared.credentials.credentials(repo)).await;
        let late = || Err(format!("its credentials were not read within {} s", CREDENTIALS.as_secs()));
        let credentials = asked.unwrap_or_else(|_| late()).map_err(|why| MirrorError::Credentials {
            url,
            why: mask(&why, &remote, &Credentials::default()),
        })?;
        let began_at = now();
        let is_first = mirror.state().note.fetched_at.is_none();
        mirror.bare.create()?;
        if mirror.state().is_dirty {
            mirror.bare.clear_leftovers().map_err(|error| folder("cleared", &error))?;
        }
        mirror.state().is_dirty = true;
        let fetched = self.call(mirror, &remote, &credentials, is_first).await;
        if let Err(error) = fetched {
            return Err(self.look_for_damage(mirror, error).await);
        }
        self.read_again(mirror, repo, began_at).await
    }

    /// Runs `git`, with what it needs in a folder that is gone afterwards.
    async fn call(
        &self,
        mirror: &Arc<Mirror>,
        remote: &Remote,
        credentials: &Credentials,
        is_first: bool,
    ) -> Result<(), MirrorError> {
        let settings = &self.shared.settings;
        let asked = Asked { remote, credentials, most_bytes: settings.most_bytes };
        let calls = settings.folder.join("calls");
        let call =
            Call::prepare(&calls, remote, credentials).map_err(|error| folder("written to", &error))?;
        let deadline = if is_first { settings.first_deadline } else { settings.deadline };
        let bounds = Bounds { deadline, silence: settings.deadline, output: OUTPUT };
        let git = &settings.git;
        let mut result = mirror.bare.fetch(&call, git, remote, bounds, settings.most_bytes).await;
        // To Git a page without a line feed is an empty repository of its oldest protocol: it would prune all branches.
        let is_web = matches!(remote.kind(), Kind::Https | Kind::Http);
        let is_doubtful = is_web && mirror.bare.heads().is_ok_and(|heads| heads.by_branch.is_empty());
        let is_due = mirror.state().head_asked.is_none_or(|at| at.elapsed() > HEAD_ASKED);
        if result.is_ok() && (is_first || is_due || is_doubtful) {
            let bounds = Bounds { deadline: settings.deadline, ..bounds };
            result = mirror.bare.follow_head(&call, git, remote, bounds).await;
            mirror.state().head_asked = Some(Instant::now());
        }
        if result.is_ok() && is_doubtful && !call.has_spoken() {
            let before = mirror.state().heads.clone();
            mirror.bare.restore(&before).map_err(|error| self.set_aside(mirror, error.message()))?;
            return Err(MirrorError::NotGit { url: remote.to_string(), said: Said::default() });
        }
        // What was made to end may not have cleared up; what ended by itself has.
        let ended = matches!(result, Ok(()) | Err(Failure::Failed(_) | Failure::NotStarted(_)));
        mirror.state().is_dirty = !ended;
        result.map_err(|failure| asked.explain(failure))
    }

    /// Reads what the fetch brought, and writes down whose credentials opened it.
    async fn read_again(&self, mirror: &Arc<Mirror>, repo: &Repo, at: Timestamp) -> Result<(), MirrorError> {
        let bare = mirror.bare.clone();
        let read = move || bare.heads().map(|heads| (heads, bare.size()));
        let read = tokio::task::spawn_blocking(read).await;
        let (heads, size): (Heads, u64) = match read {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => return Err(self.set_aside(mirror, error.message())),
            Err(_) => return Err(MirrorError::Interrupted { url: mirror.url.clone() }),
        };
        let is_empty = heads.by_branch.is_empty();
        let note = {
            let mut state = mirror.state();
            state.size = size;
            if heads.default.as_ref().is_some_and(|branch| !heads.by_branch.contains_key(branch)) {
                // The default branch was renamed or deleted: ask again with the next fetch.
                state.head_asked = None;
            }
            if *state.heads != heads {
                state.heads = Arc::new(heads);
            }
            state.note.url.clone_from(&mirror.url);
            state.note.fetched_at = Some(at);
            if !state.note.readers.contains(repo) {
                state.note.readers.push(repo.clone());
            }
            state.note.clone()
        };
        mirror.bare.write_note(&note.without_logins()).map_err(|error| folder("written to", &error))?;
        if is_empty { Err(MirrorError::Empty { url: mirror.url.clone() }) } else { Ok(()) }
    }
}

/// A flight on its mirror's list, until it is dropped.
struct OnList {
    mirror: Arc<Mirror>,
    flight: Arc<Flight>,
}

impl Drop for OnList {
    fn drop(&mut self) {
        self.mirror.forget(&self.flight);
    }
}

pub(super) fn folder(what: &'static str, error: &std::io::Error) -> MirrorError {
    MirrorError::Folder { what, why: error.to_string() }
}
