//! The live layer: one stream of server-sent events for what the open page shows.
//!
//! Runs in the browser alone; on the server nothing here is ever more than its initial state, so that both sides
//! draw the same. A hidden tab closes its stream (browsers allow few per host) and catches up when seen again. When
//! the stream breaks, the page says how old it is, and this module tries again with growing pauses.

mod stream;

use std::time::Duration;

use leptos::{ev, prelude::*};
use model::{
    AppResult, Timestamp,
    view::{Content, View},
};

/// How often the age of a silent stream is looked at.
const TICK: Duration = Duration::from_secs(1);

/// How the page is connected.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Link {
    /// Without a stream so far: the page is as it was loaded.
    #[default]
    Loaded,
    /// The stream is alive.
    Live,
    /// Nothing came for this many seconds.
    Stale { seconds: u32 },
    /// The session ended.
    SignedOut,
}

/// What the stream brings, for all components.
#[derive(Clone, Copy)]
pub(crate) struct Live {
    /// How the page is connected.
    pub(crate) link: RwSignal<Link>,
    /// Whether the server runs another build than the page.
    pub(crate) outdated: RwSignal<bool>,
    now: RwSignal<Timestamp>,
    content: RwSignal<Option<(View, AppResult<Content>)>>,
}

impl Live {
    /// Returns what the stream brought last for `view`, made out by `pick`; or why it cannot be read any more.
    pub(crate) fn content_of<T>(self, view: &View, pick: fn(&Content) -> Option<T>) -> Option<AppResult<T>> {
        self.content.with(|content| match content {
            Some((shown, Ok(content))) if shown == view => pick(content).map(Ok),
            Some((shown, Err(error))) if shown == view => Some(Err(error.clone())),
            _ => None,
        })
    }

    /// Returns the moment that ages count against: the newer of `loaded` and what the server told last, and from then
    /// on as long as nothing came.
    pub(crate) fn moment(self, loaded: Timestamp) -> Timestamp {
        let silent = if let Link::Stale { seconds } = self.link.get() { seconds } else { 0 };
        loaded.max(self.now.get()).plus_seconds(silent.into())
    }

    /// Streams what `view` names for as long as the page is open.
    pub(crate) fn follow(self, view: Signal<View>) {
        Effect::new(move |_| stream::open(self, view.get()));
        on_cleanup(move || {
            if let Some(view) = view.try_get_untracked() {
                stream::leave(&view);
            }
        });
    }
}

/// Gives all components the live layer, and keeps its clock.
pub(crate) fn provide_live() {
    let live = Live {
        link: RwSignal::new(Link::default()),
        outdated: RwSignal::new(false),
        now: RwSignal::new(Timestamp::default()),
        content: RwSignal::new(None),
    };
    provide_context(live);
    Effect::new(move |_| {
        let _ = set_interval_with_handle(move || stream::tick(live), TICK);
        let _ =
            window_event_listener_untyped("visibilitychange", move |_: ev::Event| stream::visibility(live));
    });
}

/// Returns the live layer.
pub(crate) fn use_live() -> Option<Live> {
    use_context()
}
