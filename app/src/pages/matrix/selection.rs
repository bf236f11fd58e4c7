//! The bar of the chosen apps: from where to where they are promoted. It is the foot of a plain form.

use std::collections::BTreeSet;

use leptos::{ev::SubmitEvent, prelude::*};
use leptos_router::hooks::use_navigate;
use model::apps::Matrix;

use super::board::Board;
use crate::{pages::Shelf, routes, ui::icon::Icon};

/// The ids of the fields.
const FROM: &str = "promote-from";
const TO: &str = "promote-to";

/// Returns what sends the form: it goes to the same page as the plain form, without loading the program again.
pub(super) fn submit(shelf: Shelf<Matrix>, board: Board) -> impl Fn(SubmitEvent) + Clone + 'static {
    let navigate = use_navigate();
    move |event: SubmitEvent| {
        event.prevent_default();
        let apps: Vec<String> = board.chosen.with_untracked(|chosen| chosen.iter().cloned().collect());
        let (from, to) = untrack(|| ends_of(board, &names(shelf)));
        navigate(&routes::promote(&apps, &from, &to), Default::default());
    }
}

/// The bar; with JavaScript it is there while apps are chosen, without it always.
#[component]
pub(super) fn Bar(shelf: Shelf<Matrix>, board: Board) -> impl IntoView {
    let stages = shelf.part(|it| {
        let stages = it.columns.iter();
        stages.map(|column| (column.environment.clone(), column.protected)).collect::<Vec<_>>()
    });
    let class = move || {
        if board.chosen.with(BTreeSet::is_empty) {
            "pop select-bar hidden noscript:flex"
        } else {
            "pop select-bar flex"
        }
    };
    let ends = Memo::new(move |_| {
        let names: Vec<String> = stages.with(|stages| stages.iter().map(|(name, _)| name.clone()).collect());
        ends_of(board, &names)
    });
    let is_empty = shelf.part(|it| it.rows.is_empty());
    let options = move |is_from: bool| {
        let (from, to) = ends.get();
        let chosen = if is_from { from } else { to };
        stages
            .get()
            .into_iter()
            .map(|(name, _)| {
                let selected = name == chosen;
                view! { <option value=name.clone() selected=selected>{name.clone()}</option> }
            })
            .collect_view()
    };
    let protected = move || {
        let to = ends.with(|(_, to)| to.clone());
        stages.with(|stages| stages.iter().any(|(name, protected)| *name == to && *protected))
    };
    move || {
        let any = !is_empty.get() || board.chosen.with(|chosen| !chosen.is_empty());
        let offered = any && stages.with(|stages| stages.len() > 1);
        offered.then(|| {
            view! {
                <div class=class role="group" aria-label="Chosen apps">
                    <span class="mr-1 font-medium noscript:hidden" role="status">
                        {move || count_words(shelf, board)}
                    </span>
                    <Elsewhere shelf board/>
                    <span class="inline-flex items-center gap-1.5">
                        <label class="text-small text-mute" for=FROM>"From"</label>
                        <select
                            id=FROM
                            name="from"
                            class="input w-auto"
                            on:change:target=move |event| board.from.set(Some(event.target().value()))
                        >
                            {move || options(true)}
                        </select>
                        <label class="text-small text-mute" for=TO>"to"</label>
                        <select
                            id=TO
                            name="to"
                            class="input w-auto"
                            on:change:target=move |event| board.to.set(Some(event.target().value()))
                        >
                            {move || options(false)}
                        </select>
                    </span>
                    <button type="submit" class=move || if protected() { "btn btn-prod" } else { "btn btn-primary" }>
                        <Icon name="promote"/>
                        {move || button_words(board, &ends.get().1)}
                    </button>
                    <button
                        type="button"
                        class="btn btn-ghost btn-icon noscript:hidden"
                        aria-label="Clear the selection"
                        on:click=move |_| board.chosen.update(|chosen| chosen.clear())
                    >
                        <Icon name="x"/>
                    </button>
                </div>
            }
        })
    }
}

/// The chosen apps that no row of this page carries into the form.
#[component]
fn Elsewhere(shelf: Shelf<Matrix>, board: Board) -> impl IntoView {
    move || {
        elsewhere(shelf, board)
            .into_iter()
            .map(|slug| view! { <input type="hidden" name="apps" value=slug/> })
            .collect_view()
    }
}

fn elsewhere(shelf: Shelf<Matrix>, board: Board) -> Vec<String> {
    board.chosen.with(|chosen| {
        shelf.data.with(|it| {
            let gone = chosen.iter().filter(|slug| it.rows.iter().all(|row| row.slug != **slug));
            gone.cloned().collect()
        })
    })
}

fn count_words(shelf: Shelf<Matrix>, board: Board) -> String {
    let count = board.chosen.with(BTreeSet::len);
    let noun = if count == 1 { "app" } else { "apps" };
    match elsewhere(shelf, board).len() {
        0 => format!("{count} {noun} selected"),
        hidden => format!("{count} {noun} selected, {hidden} not shown"),
    }
}

fn button_words(board: Board, to: &str) -> String {
    match board.chosen.with(BTreeSet::len) {
        0 => "Promote the ticked apps…".into(),
        1 => format!("Promote 1 app to {to}…"),
        count => format!("Promote {count} apps to {to}…"),
    }
}

/// Returns from where to where a promotion goes: by default into the last environment, out of the one before it.
fn ends_of(board: Board, names: &[String]) -> (String, String) {
    let known = |chosen: Option<String>| chosen.filter(|it| names.contains(it));
    let last = names.len().saturating_sub(1);
    let by_default = |place: usize| names.get(place).cloned().unwrap_or_default();
    let from = known(board.from.get()).unwrap_or_else(|| by_default(last.saturating_sub(1)));
    let to = known(board.to.get()).unwrap_or_else(|| by_default(last));
    (from, to)
}

fn names(shelf: Shelf<Matrix>) -> Vec<String> {
    shelf.data.with_untracked(|it| it.columns.iter().map(|column| column.environment.clone()).collect())
}
