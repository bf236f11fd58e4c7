//! The earlier states of a cell, in its popover: from the matrix to any of them in three clicks.

use leptos::prelude::*;
use model::{
    AppResult, Timestamp,
    apps::CellId,
    plan::{EarlierState, EarlierStates, Ran},
};

use crate::{
    pages::rollback::how_it_went,
    routes,
    ui::{
        badge::{Revision, Status},
        diff::visible,
        time::Age,
    },
};

/// What an app had in an environment before: each leads to what going back to it would do.
#[component]
pub(super) fn Earlier(
    id: CellId,
    states: Option<AppResult<EarlierStates>>,
    now: Signal<Timestamp>,
) -> impl IntoView {
    let body = match states {
        None => view! { <p class="px-2 text-mute" role="status">"Asking what it had before…"</p> }.into_any(),
        Some(Err(error)) => {
            view! { <p class="px-2 text-soft wrap-anywhere">{error.to_string()}</p> }.into_any()
        }
        Some(Ok(states)) => list(&id, states, now),
    };
    view! {
        <section class="border-t border-line p-1 text-small" aria-label="Earlier states">
            <p class="px-2 py-0.5 text-mute">"Back to…"</p>
            {body}
        </section>
    }
}

fn list(id: &CellId, states: EarlierStates, now: Signal<Timestamp>) -> AnyView {
    let earlier: Vec<_> = states.states.into_iter().filter(is_another).collect();
    if earlier.is_empty() {
        return view! { <p class="px-2 text-soft">"Nothing else is known of it."</p> }.into_any();
    }
    let rows = earlier.into_iter().map(|state| view! { <State id=id.clone() state now/> }).collect_view();
    view! { <ul class="max-h-44 overflow-y-auto">{rows}</ul> }.into_any()
}

/// Whether going back to it would change something.
fn is_another(state: &EarlierState) -> bool {
    !matches!(state.ran, Ran::Now { .. }) && !state.moves.is_empty()
}

#[component]
fn State(id: CellId, state: EarlierState, now: Signal<Timestamp>) -> impl IntoView {
    let EarlierState { commit, version, ran, .. } = state;
    let href = routes::rollback_to(&id, &commit.id);
    let (look, word) = how_it_went(&ran, now.get_untracked());
    view! {
        <li>
            <a class="menu-item h-auto! flex-wrap gap-x-2! gap-y-0! py-1" href=href>
                <span class="ver min-w-0 wrap-anywhere">
                    {version.map_or_else(|| "no version".to_owned(), |it| visible(&it))}
                </span>
                <span class="text-mute"><Revision revision=commit.id/></span>
                <span class="ml-auto text-mute"><Age at=commit.at now/></span>
                <span class="w-full text-mute"><Status look word/></span>
            </a>
        </li>
    }
}
