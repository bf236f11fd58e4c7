//! When mirrors are fetched, and which has to go when there are too many.

use std::{
    collections::HashMap,
    fs::{self, File},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::fs::{FlockOperation, flock};

use super::{
    MirrorError, Mirrors,
    bare::Bare,
    call::local_command,
    child::{self, Bounds},
    fetching::folder,
    one::{Mirror, Wanted},
};

/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// How long the timer sleeps at most.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
const CHECK: Bounds =
    Bounds { deadline: Duration::from_secs(120), silence: Duration::from_secs(120), output: 1 << 20 };
const CALLS: &str = "calls";
const TRASH: &str = "trash";

/// Makes the folder of the mirrors, and locks it.
pub(super) fn take_folder(path: &Path) -> Result<File, MirrorError> {
    let made = fs::create_dir_all(path).and_then(|()| File::create(path.join("lock")));
    let lock = made.map_err(|error| folder("made", &error))?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| MirrorError::InUse { folder: path.display().to_string() })?;
    // What a killed program left: secrets of its calls, and mirrors half removed.
    let _none = fs::remove_dir_all(path.join(CALLS));
    for name in [CALLS, TRASH] {
        fs::create_dir_all(path.join(name)).map_err(|error| folder("made", &error))?;
    }
    Ok(lock)
}

/// Finds the mirrors that an earlier run has left.
pub(super) fn found(path: &Path) -> HashMap<String, Arc<Mirror>> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let mirrors = entries.filter_map(|entry| {
        let bare = Bare { path: entry.path() };
        let note = bare.note()?;
        let name = entry.file_name().into_string().ok()?;
        Some((name, Arc::new(Mirror::new(note.url, bare))))
    });
    mirrors.collect()
}

impl Mirrors {
    /// Fetches what is due, until it is stopped.
    pub(super) async fn keep_fetching(&self) -> crate::Result<()> {
        self.empty_trash().await;
        loop {
            let next = self.fetch_due();
            tokio::select! {
                () = tokio::time::sleep_until(next.into()) => {}
                () = self.shared.known_changed.notified() => {}
            }
        }
    }

    /// Starts what is due, and returns when something is again.
    fn fetch_due(&self) -> Instant {
        let now = Instant::now();
        let mut next = now + LONGEST_SLEEP;
        let all: Vec<_> = self.all().values().cloned().collect();
        for mirror in all {
            let reader = {
                let mut state = mirror.state();
                // Without its turn, what had to make room would come back at once, and another would have to go.
                if state.known.is_empty() || state.is_evicted {
                    continue;
                }
                if state.due > now || !state.flights.is_empty() {
                    next = next.min(state.due.max(now + Duration::from_secs(1)));
                    continue;
                }
                state.due = now + self.shared.settings.interval;
                state.turns += 1;
                // Each reader in turn, so that one whose rights ended is told.
                state.known[state.turns % state.known.len()].clone()
            };
            drop(self.start(&mirror, &reader, Wanted::Since(now)));
        }
        next
    }

    /// Sets when the timer is next for a mirror that was just fetched, or was not.
    pub(super) fn set_next(&self, mirror: &Mirror) {
        let mut state = mirror.state();
        let pause = self.shared.settings.interval * 2u32.saturating_pow(state.failures.min(10));
        let longest = LONGEST_PAUSE.max(self.shared.settings.interval);
        state.due = Instant::now() + pause.min(longest).mul_f64(rand::random_range(0.8..1.2));
    }

    /// Packs a mirror that has news, and makes room for it.
    pub(super) async fn keep_up(&self, mirror: &Arc<Mirror>) {
        self.make_room(mirror).await;
        if !mirror.bare.exists() {
            return;
        }
        if let Err(failure) = mirror.bare.keep_up(&self.shared.settings.git).await {
            mirror.state().is_dirty = true;
            tracing::warn!(url = mirror.url, "the mirror could not be packed: {failure:?}");
        }
        let bare = mirror.bare.clone();
        if let Ok(size) = tokio::task::spawn_blocking(move || bare.size()).await {
            mirror.state().size = size;
        }
    }

    /// Removes the mirrors that were read the longest ago, until all fit.
    async fn make_room(&self, newest: &Arc<Mirror>) {
        let most = self.shared.settings.most_bytes;
        let mut all: Vec<_> = self.all().values().cloned().collect();
        let mut total: u64 = all.iter().map(|mirror| mirror.state().size).sum();
        all.retain(|mirror| !Arc::ptr_eq(mirror, newest) && mirror.state().size > 0);
        all.sort_by_key(|mirror| mirror.state().used);
        for mirror in all {
            if total <= most {
                break;
            }
            let size = mirror.state().size;
            if mirror.evict(&self.place_in_trash()) {
                total -= size;
                tracing::info!(url = mirror.url, bytes = size, "a mirror was removed to make room");
            }
        }
        if total > most {
            tracing::warn!(bytes = total, bound = most, "the mirrors do not fit: those left are in use");
        }
        self.empty_trash().await;
    }

    /// A failure may be due to our own copy: then it is made anew.
    pub(super) async fn look_for_damage(&self, mirror: &Arc<Mirror>, error: MirrorError) -> MirrorError {
        let is_suspect = matches!(error, MirrorError::NotGit { .. } | MirrorError::Other { .. });
        if !is_suspect || mirror.state().note.fetched_at.is_none() {
            return error;
        }
        let mut command = local_command(&self.shared.settings.git, &mirror.bare.path);
        command.args(["fsck", "--connectivity-only", "--no-dangling", "--no-progress"]);
        match child::run(command, CHECK, || true).await {
            Err(child::Failure::Failed(_)) => self.set_aside(mirror, "objects are missing in it"),
            _ => error,
        }
    }

    /// Gives up a copy that cannot be read, unless changes are in it.
    pub(super) fn set_aside(&self, mirror: &Arc<Mirror>, why: &str) -> MirrorError {
        let error = MirrorError::Damaged { url: mirror.url.clone(), why: why.to_owned() };
        if mirror.bare.open().is_ok() && mirror.bare.has_changes() {
            return error;
        }
        mirror.give_up(&self.place_in_trash());
        error
    }

    fn place_in_trash(&self) -> std::path::PathBuf {
        self.shared.settings.folder.join(TRASH).join(hex::encode(rand::random::<[u8; 8]>()))
    }

    async fn empty_trash(&self) {
        let trash = self.shared.settings.folder.join(TRASH);
        let remove = move || {
            for entry in fs::read_dir(trash).into_iter().flatten().flatten() {
                let _later = fs::remove_dir_all(entry.path());
            }
        };
        let _stops = tokio::task::spawn_blocking(remove).await;
    }
}
