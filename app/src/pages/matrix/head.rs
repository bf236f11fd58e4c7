//! The head of the matrix: each environment with its clusters, and how many apps are in which state there.

use leptos::prelude::*;
use model::apps::{CellState, Column, Matrix};

use crate::{
    pages::Shelf,
    ui::{
        badge::{Look, StageTag},
        cell::cluster_words,
        icon::glyph,
    },
};

/// Returns the id of a column's head, which the jumps lead to.
pub(super) fn column_id(environment: &str) -> String {
    format!("column-{environment}")
}

/// The row of heads; it stays in sight.
#[component]
pub(super) fn Head(shelf: Shelf<Matrix>) -> impl IntoView {
    let columns = shelf.part(|it| it.columns.clone());
    view! {
        <thead>
            <tr>
                <th scope="col" class="w-40 md:w-48 xl:w-[15rem]">
                    <span class="text-micro text-mute">"App"</span>
                </th>
                {move || columns.get().into_iter().map(|column| view! { <ColumnHead column/> }).collect_view()}
            </tr>
        </thead>
    }
}

#[component]
fn ColumnHead(column: Column) -> impl IntoView {
    let healthy = count_of(&column, CellState::Healthy);
    let counts = column.counts.iter().filter(|(state, count)| *state != CellState::Healthy && *count > 0);
    let counts = counts.map(|(state, count)| view! { <Count state=*state count=*count/> }).collect_view();
    let class = if column.protected { "prod-col" } else { "" };
    view! {
        <th scope="col" id=column_id(&column.environment) class=class>
            <span class="flex items-center gap-2">
                <StageTag name=column.environment.clone() rank=column.rank protected=column.protected/>
                <span class="min-w-0 text-small font-normal text-mute">
                    {cluster_words(column.clusters, column.unreachable)}
                </span>
            </span>
            <span class="mt-1 flex flex-wrap items-center gap-x-3 text-small font-normal">
                {counts}
                <span class="text-mute max-md:sr-only">{format!("{healthy} healthy")}</span>
            </span>
        </th>
    }
}

/// How many apps are in a state: the icon with the number, and the word for those who point at it or cannot see it.
#[component]
fn Count(state: CellState, count: u32) -> impl IntoView {
    let look = Look::from(state);
    let word = state.word();
    view! {
        <span class=format!("status {}", look.class()) title=format!("{count} {word}")>
            {glyph(look.icon(), look.icon_class())}
            <span>
                {count}
                <span class="sr-only">{format!(" {word}")}</span>
            </span>
        </span>
    }
}

fn count_of(column: &Column, state: CellState) -> u32 {
    column.counts.iter().filter(|(it, _)| *it == state).map(|(_, count)| count).sum()
}
