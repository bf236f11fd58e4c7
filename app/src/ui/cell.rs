//! An app in an environment: its state in words, how far it is behind, and its clusters.

use std::collections::BTreeSet;

use leptos::prelude::*;
use model::{
    Timestamp,
    apps::{Cell, CellState, Lag, Mark},
};

use crate::routes;

use super::{
    badge::{Look, short_revision},
    diff::visible,
    icon::glyph,
};

/// More clusters than this are told by their number.
const MARKS: usize = 6;

/// The state of an app in an environment, in a word; of what is not live its age, or how much of it is known.
#[component]
pub(crate) fn CellStatus(cell: Cell, #[prop(into)] now: Signal<Timestamp>) -> impl IntoView {
    let look = look_of(&cell);
    view! {
        <span class=format!("status {}", look.class())>
            {glyph(look.icon(), look.icon_class())}
            {match cell.stale_since.filter(|_| is_stale(&cell)) {
                Some(since) => (move || format!("Stale {}", since.age(now.get()))).into_any(),
                None => words_of(&cell).into_any(),
            }}
        </span>
    }
}

/// The version that runs, whole; whether clusters differ in it; and how far it is behind.
#[component]
pub(crate) fn CellVersion(cell: Cell, #[prop(optional)] class: &'static str) -> impl IntoView {
    let version = match cell.version {
        Some(version) => {
            let short = short_revision(&version);
            view! { <span class=format!("ver min-w-0 wrap-anywhere {class}") title=version>{short}</span> }
                .into_any()
        }
        None => view! { <span class="text-mute">"not known"</span> }.into_any(),
    };
    let mixed = cell.mixed.then(|| {
        view! {
            <span class="text-small text-drift" title="Several versions run: on different clusters, or while one takes the place of another">
                "mixed"
            </span>
        }
    });
    view! {
        {version}
        {mixed}
        <LagWords lag=cell.lag/>
    }
}

/// How far an environment is behind the one before it; even says nothing.
#[component]
pub(crate) fn LagWords(lag: Lag) -> impl IntoView {
    let (icon, words, title) = match lag {
        Lag::First | Lag::Even | Lag::Behind(0) => return ().into_any(),
        Lag::Behind(count) => {
            let noun = if count == 1 { "release" } else { "releases" };
            ("down", format!("{count} behind"), format!("{count} {noun} behind the environment before"))
        }
        Lag::Ahead => {
            ("arrow", "ahead".into(), "It runs what the environment before does not have yet".into())
        }
        Lag::Differs => (
            "drift",
            "differs".into(),
            "It differs from the environment before; the repository does not tell by how much".into(),
        ),
    };
    view! {
        <span class="lag" title=title>
            {glyph(icon, "")}
            {words}
        </span>
    }
    .into_any()
}

/// One mark for each Application where there are several, in the order of their clusters; many are told by their number.
#[component]
pub(crate) fn Marks(marks: Vec<Mark>) -> impl IntoView {
    if marks.len() < 2 {
        return ().into_any();
    }
    let each: Vec<String> =
        marks.iter().map(|mark| format!("{}: {}", mark.cluster, mark.state.word())).collect();
    let title = each.join(", ");
    if marks.len() > MARKS {
        return view! { <span class="hidden whitespace-nowrap lg:inline" title=title>{count_words(&marks)}</span> }.into_any();
    }
    let icons = marks
        .iter()
        .map(|mark| {
            let look = Look::from(mark.state);
            view! { <span class=format!("status {}", look.class())>{glyph(look.icon(), look.icon_class())}</span> }
        })
        .collect_view();
    let words = title.clone();
    view! {
        <span class="pips hidden lg:inline-flex" title=title>
            {icons}
            <span class="sr-only">{words}</span>
        </span>
    }
    .into_any()
}

/// What is in the way of an app here, and what is on its way to it, as marks; pointed at, or read aloud, each says its
/// word and its cause.
#[component]
pub(crate) fn GateMarks(cell: Cell) -> impl IntoView {
    let Cell { held, frozen, change, .. } = cell;
    let mark = |look: Look, word: &'static str, title: String| {
        view! {
            <span class=format!("status {}", look.class()) title=title>
                {glyph(look.icon(), "")}
                <span class="max-xl:sr-only">{word}</span>
            </span>
        }
    };
    let held = held.map(|why| mark(Look::Held, "Held", why));
    let frozen = frozen.map(|why| mark(Look::Frozen, "Frozen", why));
    let change = change.map(|change| {
        let words = format!("Change {change} is in flight");
        view! {
            <span class="status s-progressing" title=words.clone()>
                {glyph("promote", "")}
                <span class="sr-only">{words.clone()}</span>
            </span>
        }
    });
    let is_any = held.is_some() || frozen.is_some() || change.is_some();
    is_any.then(|| view! { <span class="cell-marks ml-auto self-center">{held} {frozen} {change}</span> })
}

/// What is in the way of an app in an environment, and what is on its way to it, in words that lead there.
#[component]
pub(crate) fn GateLines(cell: Cell) -> impl IntoView {
    let Cell { held, frozen, change, .. } = cell;
    let line = |class: &'static str, icon: &'static str, href: String, words: String| {
        view! {
            <li>
                <a class=format!("status items-start hover:underline {class}") href=href>
                    {glyph(icon, "mt-0.5 self-start!")}
                    <span class="min-w-0 wrap-anywhere">{words}</span>
                </a>
            </li>
        }
    };
    let held = held.map(|why| line("s-held", "held", routes::holds(), told("Held", &why)));
    let frozen = frozen.map(|why| line("s-frozen", "frozen", routes::FREEZES.into(), told("Frozen", &why)));
    let change = change
        .map(|it| line("s-progressing", "promote", routes::change(it), format!("Change {it} is in flight")));
    let is_any = held.is_some() || frozen.is_some() || change.is_some();
    is_any.then(|| view! { <ul class="mt-1.5 grid gap-1 text-small">{held} {frozen} {change}</ul> })
}

/// Returns a cause with its word before it, unless it says that itself. Environments stay in lower case.
fn told(word: &str, why: &str) -> String {
    let why = visible(why);
    let mut words = why.split(' ');
    match words.position(|it| it.eq_ignore_ascii_case(word)) {
        None => format!("{word}: {why}"),
        Some(0) => format!("{word}{}", &why[word.len()..]),
        Some(_) => why,
    }
}

/// Returns whether nothing of what is shown is live.
pub(crate) fn is_stale(cell: &Cell) -> bool {
    cell.state == CellState::Stale && cell.marks.iter().all(|mark| mark.state == CellState::Stale)
}

/// Returns in words on how many clusters an app runs, and how many of them do not answer.
pub(crate) fn cluster_words(clusters: u32, unreachable: u32) -> String {
    let noun = if clusters == 1 { "cluster" } else { "clusters" };
    match unreachable {
        0 => format!("{clusters} {noun}"),
        unreachable => format!("{clusters} {noun}, {unreachable} unreachable"),
    }
}

/// Counts the clusters of marks, and those of them that do not answer.
pub(crate) fn clusters_of(marks: &[Mark]) -> (u32, u32) {
    let all: BTreeSet<&str> = marks.iter().map(|mark| mark.cluster.as_str()).collect();
    let stale = marks.iter().filter(|mark| mark.state == CellState::Stale);
    let unreachable: BTreeSet<&str> = stale.map(|mark| mark.cluster.as_str()).collect();
    (all.len() as u32, unreachable.len() as u32)
}

fn look_of(cell: &Cell) -> Look {
    if cell.state == CellState::Stale && !is_stale(cell) { Look::Unknown } else { cell.state.into() }
}

fn words_of(cell: &Cell) -> String {
    if cell.state == CellState::Stale && !is_stale(cell) {
        let healthy = cell.marks.iter().filter(|mark| mark.state == CellState::Healthy).count();
        format!("{healthy} of {} healthy", cell.marks.len())
    } else {
        cell.state.word().to_owned()
    }
}

fn count_words(marks: &[Mark]) -> String {
    match marks.iter().filter(|mark| mark.state != CellState::Healthy).count() {
        0 if clusters_of(marks).0 as usize == marks.len() => format!("{} clusters", marks.len()),
        0 => format!("{} Applications", marks.len()),
        unwell => format!("{unwell} of {} unwell", marks.len()),
    }
}
