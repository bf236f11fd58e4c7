//! `GET /events?view=…`: what one open page shows, live, as server-sent events.
//!
//! A stream holds no queue. It reads its view again when the index has a new snapshot, at most every
//! [`MERGE`], and sends what it finds if that differs from what it sent last: a slow reader gets the newest state.
//!
//! | event | data |
//! |---|---|
//! | `hello` | [`Hello`], once |
//! | `content` | [`Content`], at once and whenever it changed |
//! | `failed` | an [`AppError`]: the view cannot be read now, e.g. for its Application is gone; `content` follows if that changes |
//! | `beat` | `{"now": …}`, every [`BEAT_SECONDS`] |
//! | `ended` | `{"why": "session"}` or `{"why": "stopping"}`, last |

use std::{
    collections::{HashMap, hash_map::Entry},
    convert::Infallible,
    hash::{DefaultHasher, Hash, Hasher},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Extension,
    extract::{Query, State},
    http::{HeaderName, HeaderValue},
    response::{
        IntoResponse,
        sse::{Event, Sse},
    },
};
use futures::stream;
use model::{
    Actor, AppError, AppResult, Timestamp,
    backend::Backend,
    view::{BEAT_SECONDS, Content, Hello, View},
};
use prometheus_client::metrics::gauge::Gauge;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{
    sync::watch,
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until},
};

use super::{HttpState, auth::Session, error_page::Failure};

/// Changes within this time are one.
const MERGE: Duration = Duration::from_millis(250);
/// How often a stream looks whether its session lasts: with what is cached of it, a stream ends within 2 s.
const SESSION_CHECK: Duration = Duration::from_millis(500);
/// More than the tabs of a person who means no harm.
const STREAMS_PER_SESSION: usize = 20;
const STREAMS: usize = 2000;

/// The query of `/events`.
#[derive(Deserialize)]
pub(super) struct Watching {
    /// A [`View`] as JSON.
    view: String,
}

/// Counts the open streams, and refuses one too many; clones count together.
#[derive(Clone)]
pub(super) struct Streams {
    /// By session; a session without streams has no entry.
    by_session: Arc<Mutex<HashMap<String, usize>>>,
    open: Gauge,
}

impl Streams {
    /// Starts with none.
    pub(super) fn new(open: Gauge) -> Self {
        Self { by_session: Arc::default(), open }
    }

    /// Takes a place for one stream, which is free again when the place is dropped.
    fn take_place(&self, session: &str) -> AppResult<Place> {
        let mut by_session = self.lock();
        let all: usize = by_session.values().sum();
        let of_session = by_session.get(session).copied().unwrap_or_default();
        if all >= STREAMS || of_session >= STREAMS_PER_SESSION {
            return Err(AppError::RateLimited { retry_seconds: BEAT_SECONDS });
        }
        by_session.insert(session.to_owned(), of_session + 1);
        self.open.inc();
        Ok(Place { streams: self.clone(), session: session.to_owned() })
    }

    fn give_back(&self, session: &str) {
        let mut by_session = self.lock();
        if let Entry::Occupied(mut count) = by_session.entry(session.to_owned()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        self.open.dec();
    }

    /// The map is whole at every moment, so a panic elsewhere while it was locked means nothing.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.by_session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Place {
    streams: Streams,
    session: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.streams.give_back(&self.session);
    }
}

/// Opens a stream.
pub(super) async fn events(
    State(http): State<HttpState>,
    Extension(session): Extension<Session>,
    Query(watching): Query<Watching>,
) -> Result<impl IntoResponse, Failure> {
    let view = serde_json::from_str(&watching.view)
        .map_err(|error| AppError::Invalid { field: "view".into(), why: format!("{error}.") })?;
    let place = http.streams.take_place(&session.token)?;
    let live = Live::new(http, session, view, place);
    let events = stream::unfold(live, |mut live| async {
        let event = live.next().await?;
        Some((Ok::<_, Infallible>(event), live))
    });
    // Proxies of the nginx kind would hold events back.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(([unbuffered], Sse::new(events)))
}

/// One open stream.
struct Live {
    http: HttpState,
    session: Session,
    view: View,
    snapshots: watch::Receiver<u64>,
    greeted: bool,
    ended: bool,
    /// When the view is to be read; none while what was sent is the newest.
    read_due: Option<Instant>,
    /// The end of the time in which changes are one.
    merged_until: Instant,
    /// The hash of what was sent last.
    sent: Option<u64>,
    beat: Interval,
    session_check: Interval,
    /// Held for as long as the stream is open.
    _place: Place,
}

/// What a stream does next.
enum Turn {
    Stop,
    CheckSession,
    Read,
    Changed,
    Beat,
}

impl Live {
    fn new(http: HttpState, session: Session, view: View, place: Place) -> Self {
        let now = Instant::now();
        Self {
            snapshots: http.services.backend.snapshots(),
            http,
            session,
            view,
            greeted: false,
            ended: false,
            read_due: Some(now),
            merged_until: now,
            sent: None,
            beat: every(Duration::from_secs(BEAT_SECONDS.into())),
            session_check: every(SESSION_CHECK),
            _place: place,
        }
    }

    /// Waits for the next event; none after the last one.
    async fn next(&mut self) -> Option<Event> {
        if self.ended {
            return None;
        }
        if !mem::replace(&mut self.greeted, true) {
            return Some(event("hello", &Hello { build: self.http.build.to_string() }));
        }
        loop {
            let event = match self.turn().await {
                Turn::Stop => Some(self.end("stopping")),
                Turn::CheckSession => self.check_session().await,
                Turn::Read => self.read().await,
                Turn::Changed => {
                    self.read_due = Some(self.merged_until);
                    None
                }
                Turn::Beat => Some(event("beat", &json!({ "now": Timestamp::from(jiff::Timestamp::now()) }))),
            };
            if event.is_some() {
                return event;
            }
        }
    }

    async fn turn(&mut self) -> Turn {
        let due = self.read_due;
        tokio::select! {
            biased;
            () = self.http.stop.cancelled() => Turn::Stop,
            _ = self.session_check.tick() => Turn::CheckSession,
            _ = self.beat.tick() => Turn::Beat,
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Turn::Read,
            // Who made the snapshots is gone only when the program stops.
            changed = self.snapshots.changed(), if due.is_none() => changed.map_or(Turn::Stop, |()| Turn::Changed),
        }
    }

    /// Reads the view; returns an event if there is news in it.
    async fn read(&mut self) -> Option<Event> {
        self.snapshots.mark_unchanged();
        self.read_due = None;
        let read = read_view(&*self.http.services.backend, &self.session.actor, &self.view).await;
        self.merged_until = Instant::now() + MERGE;
        match read {
            Ok(mut content) => {
                // Only the clock went on: that is no news.
                let now = mem::take(now_of(&mut content));
                let is_news = self.is_news("content", &content);
                *now_of(&mut content) = now;
                is_news.then(|| event("content", &content))
            }
            Err(AppError::Unauthenticated) => Some(self.end("session")),
            Err(error) => self.is_news("failed", &error).then(|| event("failed", &error)),
        }
    }

    fn is_news(&mut self, name: &str, data: &impl Serialize) -> bool {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        // What cannot be written is never equal, and fails again where it is sent.
        serde_json::to_vec(data).unwrap_or_default().hash(&mut hasher);
        let hash = hasher.finish();
        self.sent.replace(hash) != Some(hash)
    }

    /// Ends the stream with the session. While nobody can tell, it lasts: nobody could have ended the session either.
    async fn check_session(&mut self) -> Option<Event> {
        let Session { token, caller, .. } = &self.session;
        match self.http.services.sessions.actor_of(token, caller).await {
            Ok(Some(actor)) => {
                self.session.actor = actor;
                None
            }
            Ok(None) => Some(self.end("session")),
            Err(_) => None,
        }
    }

    fn end(&mut self, why: &str) -> Event {
        self.ended = true;
        event("ended", &json!({ "why": why }))
    }
}

async fn read_view(backend: &dyn Backend, actor: &Actor, view: &View) -> AppResult<Content> {
    Ok(match view.clone() {
        View::Overview => Content::Overview(Box::new(backend.get_overview(actor).await?)),
        View::Applications(query) => {
            Content::Applications(Box::new(backend.list_applications(actor, query).await?))
        }
        View::Application(id) => Content::Application(Box::new(backend.get_application(actor, id).await?)),
        View::Clusters => Content::Clusters(Box::new(backend.list_clusters(actor).await?)),
        View::Cluster(id) => Content::Cluster(Box::new(backend.get_cluster(actor, id).await?)),
        View::Matrix(query) => Content::Matrix(Box::new(backend.get_matrix(actor, query).await?)),
        View::App { slug } => Content::App(Box::new(backend.get_app(actor, slug).await?)),
        View::Changes(query) => Content::Changes(Box::new(backend.list_changes(actor, query).await?)),
        View::Change { id } => Content::Change(Box::new(backend.get_change(actor, id).await?)),
        View::Waiting => Content::Waiting(Box::new(backend.list_waiting(actor).await?)),
        View::Gates => Content::Gates(Box::new(backend.list_gates(actor).await?)),
    })
}

fn now_of(content: &mut Content) -> &mut Timestamp {
    match content {
        Content::Overview(page) => &mut page.now,
        Content::Applications(page) => &mut page.now,
        Content::Application(page) => &mut page.now,
        Content::Clusters(page) => &mut page.now,
        Content::Cluster(page) => &mut page.now,
        Content::Matrix(page) => &mut page.now,
        Content::App(page) => &mut page.now,
        Content::Changes(page) => &mut page.now,
        Content::Change(page) => &mut page.now,
        Content::Waiting(page) => &mut page.now,
        Content::Gates(page) => &mut page.now,
    }
}

fn event(name: &str, data: &impl Serialize) -> Event {
    // Wire types have string keys, so writing them does not fail; JSON has no line ends, so the event is whole.
    Event::default().event(name).data(serde_json::to_string(data).unwrap_or_default())
}

fn every(period: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
