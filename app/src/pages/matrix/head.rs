//! The head of the matrix: each environment with its clusters, and how many apps are in which state there.

use std::collections::BTreeSet;

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
    let columns = shelf.part(|it| {
        let columns = it.columns.iter().cloned().enumerate();
        columns.map(|(place, column)| (column, Stopped::of(it, place))).collect::<Vec<_>>()
    });
    view! {
        <thead>
            <tr>
                <th scope="col" class="w-40 md:w-48 xl:w-[15rem]">
                    <span class="text-micro text-mute">"App"</span>
                </th>
                {move || {
                    let columns = columns.get().into_iter();
                    columns.map(|(column, stopped)| view! { <ColumnHead column stopped/> }).collect_view()
                }}
            </tr>
        </thead>
    }
}

/// The apps of the page that take no promotions in an environment, and why: each cause once.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Stopped {
    frozen: u32,
    freezes: BTreeSet<String>,
    held: u32,
}

impl Stopped {
    fn of(matrix: &Matrix, column: usize) -> Self {
        let cells = matrix.rows.iter().filter_map(|row| row.cells.get(column).and_then(Option::as_ref));
        cells.fold(Self::default(), |mut stopped, cell| {
            stopped.held += u32::from(cell.held.is_some());
            if let Some(why) = &cell.frozen {
                stopped.frozen += 1;
                stopped.freezes.insert(why.clone());
            }
            stopped
        })
    }
}

#[component]
fn ColumnHead(column: Column, stopped: Stopped) -> impl IntoView {
    let Stopped { frozen, freezes, held } = stopped;
    let freezes = freezes.into_iter().collect::<Vec<_>>().join("; ");
    let healthy = count_of(&column, CellState::Healthy);
    let counts = column.counts.iter().filter(|(state, count)| *state != CellState::Healthy && *count > 0);
    let counts = counts
        .map(|(state, count)| view! { <Tally look=*state count=*count word=state.word()/> })
        .collect_view();
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
                {(frozen > 0).then(|| view! { <Tally look=Look::Frozen count=frozen word="frozen" why=freezes/> })}
                {(held > 0).then(|| view! { <Tally look=Look::Held count=held word="held"/> })}
                <span class="text-mute max-md:sr-only">{format!("{healthy} healthy")}</span>
            </span>
        </th>
    }
}

/// How many apps are in a state: the icon with the number, and the word for those who point at it or cannot see it.
#[component]
fn Tally(
    #[prop(into)] look: Look,
    count: u32,
    word: &'static str,
    /// The cause, where there is one to tell.
    #[prop(optional)]
    why: String,
) -> impl IntoView {
    let title = if why.is_empty() { format!("{count} {word}") } else { format!("{count} {word}: {why}") };
    view! {
        <span class=format!("status {}", look.class()) title=title>
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
