//! The environments of an app, in the order of promotions: what runs in each, how well, and what comes next.

use std::collections::HashMap;

use leptos::prelude::*;
use model::{
    Timestamp,
    application::ApplicationRow,
    apps::{ActKind, AppDetail, AppEnvironment, Cell, CellId, CellState},
    status::Freshness,
};

use super::acts::ActButtons;
use crate::{
    api::RefreshApplication,
    pages::Shelf,
    routes,
    ui::{
        badge::{FreshnessStatus, Look, StageTag, Status},
        cell::{CellStatus, CellVersion, GateLines, cluster_words, clusters_of, is_stale},
        time::Age,
    },
};

/// So many Applications of an environment are listed at once; the rest is folded.
const LISTED: usize = 8;

/// One card for each environment.
#[component]
pub(super) fn Environments(
    shelf: Shelf<AppDetail>,
    refresh: ServerAction<RefreshApplication>,
) -> impl IntoView {
    let environments = shelf.part(|it| it.environments.clone());
    let class = move || match environments.with(Vec::len) {
        ..=1 => "grid grid-cols-1 gap-3",
        2 => "grid grid-cols-1 gap-3 md:grid-cols-2",
        4 => "grid grid-cols-1 gap-3 md:grid-cols-2 xl:grid-cols-4",
        _ => "grid grid-cols-1 gap-3 md:grid-cols-3",
    };
    // One primary button on the page: the first promotion that can be made.
    let primary = Memo::new(move |_| {
        environments.with(|environments| {
            let may = |it: &&AppEnvironment| {
                it.acts.iter().any(|act| act.kind == ActKind::Promote && act.denied.is_none())
            };
            environments.iter().find(may).map(|it| it.environment.clone())
        })
    });
    let slug = shelf.part(|it| it.slug.clone());
    let name = shelf.part(|it| it.name.clone());
    let now = shelf.now;
    view! {
        <div class=class>
            <For each=move || environments.get() key=|it| it.environment.clone() let:first>
                {
                    let environment = first.environment.clone();
                    let state = Memo::new(move |_| {
                        environments
                            .with(|all| all.iter().find(|it| it.environment == first.environment).cloned())
                            .unwrap_or_else(|| first.clone())
                    });
                    view! { <EnvironmentCard state environment slug name primary refresh now/> }
                }
            </For>
        </div>
    }
}

#[component]
fn EnvironmentCard(
    state: Memo<AppEnvironment>,
    environment: String,
    slug: Memo<String>,
    name: Memo<String>,
    primary: Memo<Option<String>>,
    refresh: ServerAction<RefreshApplication>,
    now: Signal<Timestamp>,
) -> impl IntoView {
    let heading = format!("heading-{environment}");
    let (rank, protected) = state.with_untracked(|it| (it.rank, it.protected));
    let class = move || {
        let stale = state.with(|it| it.cell.as_ref().is_some_and(is_stale));
        match (protected, stale) {
            (true, false) => "card prod-frame flex min-w-0 scroll-mt-16 flex-col",
            (true, true) => "card prod-frame is-stale flex min-w-0 scroll-mt-16 flex-col",
            (false, false) => "card flex min-w-0 scroll-mt-16 flex-col overflow-hidden",
            (false, true) => "card is-stale flex min-w-0 scroll-mt-16 flex-col overflow-hidden",
        }
    };
    let is_primary = {
        let environment = environment.clone();
        Memo::new(move |_| primary.with(|primary| primary.as_ref() == Some(&environment)))
    };
    let id = {
        let environment = environment.clone();
        Signal::derive(move || CellId { app: slug.get(), environment: environment.clone() })
    };
    let body = {
        let environment = environment.clone();
        move || match state.with(|it| it.cell.clone()) {
            Some(cell) => {
                let applications = state.with(|it| it.applications.clone());
                view! { <Runs cell applications now/> }.into_any()
            }
            None => {
                let words = format!("{} is not in {environment}.", name.get());
                view! { <p class="card-body flex-1 text-mute wrap-anywhere">{words}</p> }.into_any()
            }
        }
    };
    let (anchor, labelled) = (environment.clone(), heading.clone());
    let clusters = move || {
        state.with(|it| {
            it.cell.as_ref().map(|cell| {
                let (all, unreachable) = clusters_of(&cell.marks);
                cluster_words(all, unreachable)
            })
        })
    };
    view! {
        <section id=anchor class=class aria-labelledby=labelled>
            <div class="card-head">
                <h2 id=heading>
                    <StageTag name=environment rank protected/>
                </h2>
                <span class="text-small text-mute">{clusters}</span>
                <span class="ml-auto">
                    {move || state.with(|it| it.cell.clone()).map(|cell| view! { <CellStatus cell now/> })}
                </span>
            </div>
            {body}
            <ActButtons id state is_primary refresh/>
        </section>
    }
}

/// What runs, since when, and why it is not well; and the Applications that are it.
#[component]
fn Runs(cell: Cell, applications: Vec<ApplicationRow>, now: Signal<Timestamp>) -> impl IntoView {
    let states: HashMap<_, _> =
        cell.marks.iter().map(|mark| (mark.application.clone(), mark.state)).collect();
    let rows: Vec<_> = applications
        .into_iter()
        .map(|row| {
            let state = states.get(&row.id).copied();
            view! { <ApplicationItem row state now/> }.into_any()
        })
        .collect();
    let mut rows = rows.into_iter();
    let listed: Vec<_> = rows.by_ref().take(LISTED).collect();
    let folded: Vec<_> = rows.collect();
    let count = folded.len();
    let more = (count > 0).then(|| {
        view! {
            <details class="mt-1 text-small">
                <summary class="link">{format!("{count} more")}</summary>
                <ul class="mt-1 grid gap-1">{folded}</ul>
            </details>
        }
    });
    let reason = cell.reason.clone();
    view! {
        <div class="card-body flex-1">
            <p class="flex flex-wrap items-baseline gap-x-2">
                <CellVersion cell=cell.clone() class="text-lead!"/>
                <span class="ml-auto text-small text-mute">{cell.since.map(|at| view! { <Age at now/> })}</span>
            </p>
            {(!reason.is_empty()).then(|| view! { <p class="mt-1 text-small text-soft wrap-anywhere">{reason}</p> })}
            <GateLines cell/>
            <ul class="mt-2 grid gap-1 text-small">{listed}</ul>
            {more}
        </div>
    }
}

#[component]
fn ApplicationItem(
    row: ApplicationRow,
    /// The worst of its health, operation and sync.
    state: Option<CellState>,
    now: Signal<Timestamp>,
) -> impl IntoView {
    let status = match (&row.freshness, state) {
        (Freshness::Live, Some(state)) => view! { <Status look=state word=state.word()/> }.into_any(),
        (Freshness::Live, None) => {
            view! { <Status look=Look::from(row.health) word=row.health.word()/> }.into_any()
        }
        (freshness, _) => view! { <FreshnessStatus freshness=freshness.clone() now/> }.into_any(),
    };
    let name = row.id.name.clone();
    view! {
        <li class="flex items-center gap-2">
            <a
                class="min-w-0 truncate text-soft hover:underline"
                href=routes::application(&row.id)
                title=format!("{name} on {}", row.cluster)
            >
                {name.clone()}
            </a>
            <span class="ml-auto whitespace-nowrap">{status}</span>
        </li>
    }
}
