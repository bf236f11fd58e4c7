//! The earlier states, newest first, each with how it went. Each is a link that chooses it.

use leptos::prelude::*;
use model::{
    Timestamp,
    apps::CellId,
    plan::{EarlierState, EarlierStates, Ran},
};

use super::counted;
use crate::{
    routes,
    ui::{
        badge::{Look, Revision, Status},
        diff::visible,
        empty::Empty,
        time::Age,
    },
};

/// The list of earlier states.
#[component]
pub(super) fn States(
    states: EarlierStates,
    chosen: String,
    /// Whether it was not chosen by the person.
    is_offered: bool,
    cell: CellId,
) -> impl IntoView {
    let EarlierStates { now, states: list, total, note, .. } = states;
    let shown = list.len() as u32;
    let is_empty = list.is_empty();
    let good = list.iter().position(is_good);
    let is_listed = chosen.is_empty() || list.iter().any(|it| is_same(&it.commit.id, &chosen));
    let rows = list
        .into_iter()
        .enumerate()
        .map(|(place, state)| {
            let is_chosen = is_same(&state.commit.id, &chosen);
            let href = routes::rollback_to(&cell, &state.commit.id);
            view! { <State state href is_chosen is_good=good == Some(place) now/> }
        })
        .collect_view();
    view! {
        <section class="card min-w-0 overflow-hidden" aria-labelledby="states">
            <div class="card-head">
                <h2 id="states">"1. Choose a revision"</h2>
                <span class="count">{format!("{shown} of {total}")}</span>
            </div>
            {is_empty
                .then(|| {
                    view! {
                        <Empty
                            icon="commit"
                            title="No earlier state is known"
                            why="Neither Git nor the sync history tells of one."
                        />
                    }
                })}
            {is_offered
                .then(|| {
                    view! {
                        <p class="border-b border-line px-3.5 py-2 text-small text-soft">
                            "The last good one is chosen for you. Choose another as you like."
                        </p>
                    }
                })}
            <ol class="rows">{rows}</ol>
            {(!is_listed)
                .then(|| {
                    view! {
                        <p class="border-t border-line px-3.5 py-2 text-small text-soft">
                            "Chosen: " <Revision revision=chosen/> ", which is not among them."
                        </p>
                    }
                })}
            <p class="border-t border-line px-3.5 py-2 text-small text-mute">
                {note.unwrap_or_else(|| "Only those that touched it in this environment.".to_owned())}
            </p>
        </section>
    }
}

/// Returns the commit of the last state that was Healthy in its end, where one is known.
pub(super) fn last_good(states: &[EarlierState]) -> Option<String> {
    states.iter().find(|it| is_good(it)).map(|it| it.commit.id.clone())
}

fn is_good(state: &EarlierState) -> bool {
    matches!(state.ran, Ran::Was { healthy: Some(true), .. })
}

/// Whether a chosen revision, which may be cut short, is this commit.
fn is_same(commit: &str, chosen: &str) -> bool {
    chosen.len() >= 7 && commit.starts_with(chosen)
}

#[component]
fn State(state: EarlierState, href: String, is_chosen: bool, is_good: bool, now: Timestamp) -> impl IntoView {
    let is_now = matches!(state.ran, Ran::Now { .. });
    let body = view! { <Words state is_good now/> };
    let class = if is_chosen {
        "block bg-accent/10 px-3.5 py-2.5 shadow-[inset_2px_0_0_var(--color-accent)]"
    } else {
        "block px-3.5 py-2.5 hover:bg-hover"
    };
    view! {
        <li>
            {if is_now {
                view! { <div class="px-3.5 py-2.5">{body}</div> }.into_any()
            } else {
                view! { <a class=class href=href aria-current=is_chosen.then_some("true")>{body}</a> }.into_any()
            }}
        </li>
    }
}

#[component]
fn Words(state: EarlierState, is_good: bool, now: Timestamp) -> impl IntoView {
    let EarlierState { commit, version, ran, synced_by, moves } = state;
    let is_now = matches!(ran, Ran::Now { .. });
    let (look, words) = how_it_went(&ran, now);
    let differs = match moves.len() as u32 {
        _ if is_now => String::new(),
        0 => "the same as now".to_owned(),
        count => format!("{} not as now", counted(count, "field", "fields")),
    };
    let synced = synced_by.map(|who| format!("synced by {who}"));
    let beside: Vec<_> = [Some(differs).filter(|it| !it.is_empty()), synced].into_iter().flatten().collect();
    view! {
        <span class="flex flex-wrap items-baseline gap-x-2">
            <span class="ver wrap-anywhere">{version.map_or_else(|| "no version".to_owned(), |it| visible(&it))}</span>
            <Revision revision=commit.id/>
            {is_now.then(|| view! { <span class="badge badge-plain">"running"</span> })}
            {is_good.then(|| view! { <span class="badge text-accent">"last good"</span> })}
            <span class="ml-auto text-small text-mute">
                <Age at=commit.at now/>
            </span>
        </span>
        <bdi class="block wrap-anywhere text-soft">{visible(&commit.subject)}</bdi>
        <span class="flex flex-wrap items-center gap-x-2 text-small text-mute">
            <bdi>{visible(&commit.author)}</bdi>
            <span class="ml-auto">
                <Status look word=words/>
            </span>
        </span>
        {(!beside.is_empty()).then(|| view! { <span class="block text-small text-mute">{beside.join(", ")}</span> })}
    }
}

/// Returns how it went with a state, as an icon and in words.
pub(in crate::pages) fn how_it_went(ran: &Ran, now: Timestamp) -> (Look, String) {
    let (from, to, healthy) = match ran {
        Ran::Asked { from, to } => {
            return (Look::Unknown, format!("Asked for {}, no sync is known", from.took(*to)));
        }
        Ran::Now { since, healthy } => (*since, now, *healthy),
        Ran::Was { from, to, healthy } => (*from, *to, *healthy),
    };
    let length = from.took(to);
    match healthy {
        Some(true) => (Look::Healthy, format!("Healthy, ran {length}")),
        Some(false) => (Look::Degraded, format!("Not Healthy, ran {length}")),
        None => (Look::Unknown, format!("Ran {length}, health not known")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_says_how_it_went() {
        let (at, later) = (Timestamp(0), Timestamp(86_400_000 * 40));
        let ran = |healthy| how_it_went(&Ran::Was { from: at, to: later, healthy }, later).1;
        assert_eq!(ran(Some(true)), "Healthy, ran 40 d");
        assert_eq!(ran(Some(false)), "Not Healthy, ran 40 d");
        assert_eq!(ran(None), "Ran 40 d, health not known");
        let asked = Ran::Asked { from: at, to: Timestamp(3_600_000) };
        assert_eq!(how_it_went(&asked, later).1, "Asked for 1 h, no sync is known");
    }

    #[test]
    fn a_revision_may_be_cut_short_but_not_empty() {
        assert!(is_same("09be1f4a0b1c", "09be1f4"));
        assert!(!is_same("09be1f4a0b1c", "") && !is_same("09be1f4a0b1c", "09be"));
    }
}
