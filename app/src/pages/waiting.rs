//! What waits for the person who is signed in: changes to decide about, with enough to decide; what they asked for
//! themselves; and what they decided.

mod card;

use leptos::prelude::*;
use leptos_meta::Title;
use model::{
    Timestamp,
    change::{ChangeRow, Decided, Verdict, WaitingList},
    view::View,
};

use self::card::ToDecide;
use super::{Shelf, live_page};
use crate::{
    api::list_waiting,
    routes,
    ui::{
        badge::EnvironmentTag,
        card::Card,
        change::{ChangeStatus, heading},
        diff::visible,
        empty::Empty,
        icon::glyph,
        rows::row_key,
        shell::{Crumb, TopBar},
        time::Age,
    },
};

/// The page of what waits for the actor.
#[component]
pub(crate) fn WaitingPage() -> impl IntoView {
    live_page(|| View::Waiting, crumbs, |_| list_waiting(), draw)
}

fn crumbs() -> Vec<Crumb> {
    vec![Crumb::link("Govern", routes::WAITING), Crumb::here("Waiting for you")]
}

fn draw(shelf: Shelf<WaitingList>) -> AnyView {
    let ids = shelf.part(|it| it.to_decide.iter().map(|it| it.row.id).collect::<Vec<_>>());
    let is_empty = Memo::new(move |_| ids.with(Vec::is_empty));
    view! {
        <Title text="Waiting for you"/>
        <TopBar crumbs=Signal::derive(crumbs)/>
        <main id="main" class="main" tabindex="-1">
            <div class="page-head">
                <div>
                    <h1>"Waiting for you"</h1>
                    <p class="page-sub">{move || shelf.data.with(summary)}</p>
                </div>
            </div>
            <div class="grid grid-cols-1 items-start gap-4 xl:grid-cols-[minmax(0,1fr)_22rem]">
                <div class="grid min-w-0 grid-cols-1 gap-4">
                    <For each=move || ids.get() key=|id| *id let:id>
                        <ToDecide shelf id/>
                    </For>
                    {move || is_empty.get().then(|| view! { <NothingWaits/> })}
                    <p class="text-small text-mute">
                        "An approval binds to the hash of the plan. If the plan changes, it is dropped and you are asked again. Your own changes never wait for you."
                    </p>
                </div>
                <div class="grid min-w-0 grid-cols-1 items-start gap-4 md:grid-cols-2 xl:grid-cols-1">
                    <AskedCard shelf/>
                    <DecidedCard shelf/>
                </div>
            </div>
        </main>
    }
    .into_any()
}

#[component]
fn NothingWaits() -> impl IntoView {
    view! {
        <div class="card">
            <Empty
                icon="check"
                title="Nothing waits for you"
                why="Changes that need approvals, and that you may give one to, appear here by themselves."
            >
                <a class="btn" href=routes::CHANGES>
                    {glyph("promote", "")}
                    "See all changes"
                </a>
            </Empty>
        </div>
    }
}

fn summary(list: &WaitingList) -> String {
    let Some(first) = list.to_decide.iter().map(|it| it.expires_at).min() else {
        return "None needs your decision. What you may not approve is not listed here.".into();
    };
    let first = first.clock(list.now);
    let need = match list.to_decide.len() {
        1 => format!("1 change needs your decision, by {first}"),
        count => format!("{count} changes need your decision, the first by {first}"),
    };
    format!("{need}. What you may not approve is not listed here.")
}

/// The actor's own changes that wait for others, or need attention.
#[component]
fn AskedCard(shelf: Shelf<WaitingList>) -> impl IntoView {
    let asked = shelf.part(|it| it.asked.clone());
    let count = move || match asked.with(Vec::len) {
        0 => "none".to_owned(),
        count => count.to_string(),
    };
    let now = shelf.now;
    view! {
        <Card id="asked" title="Asked by you" count=Signal::derive(count)>
            <ul class="rows">
                <For each=move || asked.get() key=|row| row_key(&row.id, row) let:row>
                    {asked_row(row, now)}
                </For>
            </ul>
            {move || {
                asked
                    .with(Vec::is_empty)
                    .then(|| {
                        view! {
                            <p class="px-3.5 py-3 text-mute">"No change of yours waits for others or needs attention."</p>
                        }
                    })
            }}
        </Card>
    }
}

fn asked_row(row: ChangeRow, now: Signal<Timestamp>) -> impl IntoView {
    let why = row.why.clone();
    view! {
        <li class="px-3.5 py-2.5">
            <p class="flex flex-wrap items-center gap-x-2">
                <a class="min-w-0 font-medium wrap-anywhere hover:underline" href=routes::change(row.id)>
                    {heading(&row)}
                </a>
                <EnvironmentTag environment=row.environment.clone()/>
            </p>
            <p class="mt-0.5 flex items-baseline gap-2 text-small">
                <ChangeStatus state=row.state by=row.by/>
                <span class="ml-auto whitespace-nowrap text-mute">
                    <Age at=row.since now/>
                </span>
            </p>
            {(!why.is_empty()).then(|| view! { <p class="text-small text-soft wrap-anywhere">{visible(&why)}</p> })}
        </li>
    }
}

/// What the actor decided, the newest first.
#[component]
fn DecidedCard(shelf: Shelf<WaitingList>) -> impl IntoView {
    let decided = shelf.part(|it| it.decided.clone());
    let now = shelf.now;
    view! {
        <Card id="decided" title="You decided lately">
            <ul class="rows text-small">
                <For each=move || decided.get() key=|it| (it.change, it.at, it.void.is_some()) let:decision>
                    {decided_row(decision, now)}
                </For>
            </ul>
            {move || {
                decided
                    .with(Vec::is_empty)
                    .then(|| view! { <p class="px-3.5 py-3 text-mute">"You have not decided anything yet."</p> })
            }}
        </Card>
    }
}

fn decided_row(decision: Decided, now: Signal<Timestamp>) -> impl IntoView {
    let Decided { change, title, verdict, at, comment, void } = decision;
    let (class, icon, word) = match (verdict, &void) {
        (Verdict::Approve, None) => ("s-healthy", "healthy", "Approved"),
        (Verdict::Approve, Some(_)) => ("s-stale", "stale", "Dropped"),
        (Verdict::Decline, _) => ("s-drift", "stop", "Declined"),
        (Verdict::TakeBack, _) => ("s-unknown", "rollback", "Taken back"),
    };
    let comment = (!comment.is_empty()).then(|| {
        view! {
            ", “"
            <bdi>{visible(&comment)}</bdi>
            "”"
        }
    });
    view! {
        <li class="grid grid-cols-[5.75rem_minmax(0,1fr)_auto] gap-x-2 px-3.5 py-2">
            <span class=format!("status self-start {class}")>{glyph(icon, "")} {word}</span>
            <span class="min-w-0 text-soft wrap-anywhere">
                <a class="hover:underline" href=routes::change(change)>{title}</a>
                {comment}
                {void.map(|why| format!(": {}", visible(&why)))}
            </span>
            <span class="whitespace-nowrap text-mute">
                <Age at now/>
            </span>
        </li>
    }
}
