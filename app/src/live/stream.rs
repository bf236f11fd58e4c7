//! The one stream of this tab. Called in the browser only.

use std::{cell::RefCell, time::Duration};

use leptos::{
    prelude::*,
    task::spawn_local,
    web_sys::{EventSource, MessageEvent, VisibilityState, js_sys},
};
use model::{
    AppError, AppResult, Timestamp,
    view::{Content, Hello, View},
};
use serde::{Deserialize, de::DeserializeOwned};
use wasm_bindgen::{JsCast, closure::Closure};

use super::{Link, Live};
use crate::{api, routes};

/// A stream that says nothing for this long is stale; the server sends a beat every five seconds.
const SILENCE_SECONDS: u32 = 12;
/// The longest pause between two tries.
const LONGEST_PAUSE_MS: u32 = 15_000;

thread_local! {
    static STREAM: RefCell<Stream> = RefCell::default();
}

#[derive(Default)]
struct Stream {
    /// What the open page shows.
    view: Option<View>,
    connection: Option<Connection>,
    /// Tries since the stream was alive.
    tries: u32,
    /// Counts connections, so that what is left of an old one is ignored.
    generation: u32,
    /// When an event came last, by the browser's clock.
    heard_ms: Option<f64>,
    /// The build of the page.
    build: Option<String>,
}

/// An open stream; dropping it closes it.
struct Connection {
    source: EventSource,
    _on_event: Vec<Closure<dyn FnMut(MessageEvent)>>,
    _on_error: Closure<dyn FnMut()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.source.close();
    }
}

#[derive(Deserialize)]
struct Beat {
    now: Timestamp,
}

/// Streams `view` from now on.
pub(super) fn open(live: Live, view: View) {
    let unchanged = with(|stream| {
        let unchanged = stream.view.as_ref() == Some(&view) && stream.connection.is_some();
        stream.view = Some(view);
        stream.tries = 0;
        unchanged
    });
    if !unchanged {
        connect(live);
    }
}

/// Closes the stream of `view`, if it is still that of the page.
pub(super) fn leave(view: &View) {
    with(|stream| {
        if stream.view.as_ref() == Some(view) {
            stream.view = None;
            stream.connection = None;
        }
    });
}

/// Closes the stream of a tab that is hidden, and opens that of one that is seen again.
pub(super) fn visibility(live: Live) {
    if is_hidden() {
        with(|stream| stream.connection = None);
    } else {
        with(|stream| stream.tries = 0);
        connect(live);
    }
}

/// Tells how long nothing came.
pub(super) fn tick(live: Live) {
    let (following, heard) = with(|stream| (stream.view.is_some(), stream.heard_ms));
    let Some(heard) = heard else { return };
    if !following || is_hidden() || live.link.get_untracked() == Link::SignedOut {
        return;
    }
    let silent = ((js_sys::Date::now() - heard) / 1000.0) as u32;
    let connected = with(|stream| stream.connection.is_some() && stream.tries == 0);
    let link =
        if connected && silent <= SILENCE_SECONDS { Link::Live } else { Link::Stale { seconds: silent } };
    set_link(live, link);
}

fn connect(live: Live) {
    let view = with(|stream| {
        stream.connection = None;
        stream.generation = stream.generation.wrapping_add(1);
        stream.view.clone()
    });
    let Some(view) = view else { return };
    if is_hidden() {
        return;
    }
    let generation = with(|stream| stream.generation);
    match connection(live, view, generation) {
        Some(connection) => with(|stream| stream.connection = Some(connection)),
        None => retry(live),
    }
}

fn connection(live: Live, view: View, generation: u32) -> Option<Connection> {
    let source = EventSource::new(&routes::events(&view).ok()?).ok()?;
    let on_event = vec![
        listen(&source, "hello", move |hello: Hello| greet(live, hello)),
        listen(&source, "content", {
            let view = view.clone();
            move |content: Content| show(live, &view, Ok(content))
        }),
        listen(&source, "failed", move |error: AppError| show(live, &view, Err(error))),
        listen(&source, "beat", move |beat: Beat| {
            heard(live);
            live.now.set(beat.now);
        }),
        listen(&source, "ended", move |_: serde_json::Value| broken(live, generation)),
    ];
    let on_error = Closure::<dyn FnMut()>::new(move || broken(live, generation));
    source.set_onerror(Some(on_error.as_ref().unchecked_ref()));
    Some(Connection { source, _on_event: on_event, _on_error: on_error })
}

/// Calls `take` with each event of that name; one that cannot be read is as good as none.
fn listen<T: DeserializeOwned>(
    source: &EventSource,
    name: &str,
    mut take: impl FnMut(T) + 'static,
) -> Closure<dyn FnMut(MessageEvent)> {
    let closure = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        let data = event.data().as_string().unwrap_or_default();
        if let Ok(value) = serde_json::from_str(if data.is_empty() { "null" } else { &data }) {
            take(value);
        }
    });
    let _ = source.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref());
    closure
}

fn greet(live: Live, hello: Hello) {
    heard(live);
    let same = with(|stream| *stream.build.get_or_insert_with(|| hello.build.clone()) == hello.build);
    if !same {
        live.outdated.set(true);
    }
}

fn show(live: Live, view: &View, content: AppResult<Content>) {
    heard(live);
    live.content.set(Some((view.clone(), content)));
}

fn heard(live: Live) {
    with(|stream| {
        stream.heard_ms = Some(js_sys::Date::now());
        stream.tries = 0;
    });
    set_link(live, Link::Live);
}

/// The stream is gone: finds out whether the session is, too, and tries again if not.
fn broken(live: Live, generation: u32) {
    let current = with(|stream| {
        let current = stream.generation == generation;
        if current {
            stream.connection = None;
            stream.heard_ms.get_or_insert_with(js_sys::Date::now);
        }
        current
    });
    if !current {
        return;
    }
    spawn_local(async move {
        if api::get_navigation().await == Err(AppError::Unauthenticated) {
            set_link(live, Link::SignedOut);
        } else {
            retry(live);
        }
    });
}

/// Connects again after a pause that grows with each try, and differs from tab to tab.
fn retry(live: Live) {
    let (tries, generation) = with(|stream| {
        stream.tries = stream.tries.saturating_add(1);
        (stream.tries, stream.generation)
    });
    let pause = (500_u32 << tries.min(5)).min(LONGEST_PAUSE_MS);
    let pause = f64::from(pause) * (0.75 + js_sys::Math::random() / 2.0);
    let again = move || {
        if with(|stream| stream.generation == generation && stream.connection.is_none()) {
            connect(live);
        }
    };
    set_timeout(again, Duration::from_millis(pause as u64));
}

fn set_link(live: Live, link: Link) {
    if live.link.get_untracked() != link {
        live.link.set(link);
    }
}

fn is_hidden() -> bool {
    document().visibility_state() == VisibilityState::Hidden
}

fn with<T>(act: impl FnOnce(&mut Stream) -> T) -> T {
    STREAM.with_borrow_mut(act)
}
