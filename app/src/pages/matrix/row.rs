//! A row of the matrix: an app, and a cell for each environment.

use std::collections::HashMap;

use leptos::prelude::*;
use model::{
    Timestamp,
    apps::{AppRow, Cell, CellId, Matrix},
};

use super::board::{Board, CHECK, FIRST, NAME, Spot};
use crate::{
    pages::Shelf,
    routes,
    ui::{
        cell::{CellStatus, CellVersion, GateMarks, Marks, is_stale},
        icon::glyph,
        time::Age,
    },
};

/// An environment of the order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Stage {
    pub(super) name: String,
    pub(super) rank: u8,
    pub(super) protected: bool,
}

/// An app over its environments.
#[component]
pub(super) fn Row(
    shelf: Shelf<Matrix>,
    board: Board,
    slug: String,
    stages: StoredValue<Vec<Stage>>,
    places: Memo<HashMap<String, usize>>,
) -> impl IntoView {
    let row = {
        let slug = slug.clone();
        Memo::new(move |_| {
            let place = places.with(|places| places.get(&slug).copied())?;
            shelf.data.with(|it| it.rows.get(place).cloned())
        })
    };
    let name = row.with_untracked(|row| row.as_ref().map(|row| row.name.clone()).unwrap_or_default());
    let stages = stages.get_value();
    let cells = stages
        .iter()
        .enumerate()
        .map(|(column, stage)| {
            let before = column.checked_sub(1).and_then(|before| stages.get(before));
            // Only the very environment before it tells whether the app could be brought here.
            let before = before.filter(|before| before.rank.checked_add(1) == Some(stage.rank));
            let id = CellId { app: slug.clone(), environment: stage.name.clone() };
            let before = before.map(|before| before.name.clone());
            let now = shelf.now;
            view! { <Place row column id name=name.clone() before protected=stage.protected board now/> }
        })
        .collect_view();
    view! {
        <tr>
            <RowHead row slug name board/>
            {cells}
        </tr>
    }
}

#[component]
fn RowHead(row: Memo<Option<AppRow>>, slug: String, name: String, board: Board) -> impl IntoView {
    let summary = move || row.with(|row| row.as_ref().map(|row| row.summary.clone()));
    let check = Spot { slug: slug.clone(), place: CHECK };
    let link = Spot { slug: slug.clone(), place: NAME };
    let (check_id, link_id) = (check.id(), link.id());
    let is_chosen = {
        let slug = slug.clone();
        Memo::new(move |_| board.chosen.with(|chosen| chosen.contains(&slug)))
    };
    let href = routes::app(&slug);
    let value = slug.clone();
    view! {
        <th scope="row">
            <span class="flex items-start gap-2 md:gap-2.5">
                <input
                    type="checkbox"
                    class="check mt-0.5"
                    id=check_id
                    name="apps"
                    value=value
                    aria-label=format!("Select {name}")
                    tabindex=move || board.tabindex(&check)
                    prop:checked=is_chosen
                    on:change=move |_| board.toggle(&slug)
                />
                <span class="min-w-0">
                    <a
                        id=link_id
                        href=href
                        class="block font-medium break-words hover:underline md:truncate"
                        title=name.clone()
                        tabindex=move || board.tabindex(&link)
                    >
                        {name.clone()}
                    </a>
                    <span class="sub hidden truncate text-small font-normal text-mute md:block">{summary}</span>
                </span>
            </span>
        </th>
    }
}

/// The place of an app in an environment: its cell, the offer to bring it there, or nothing.
#[component]
fn Place(
    row: Memo<Option<AppRow>>,
    column: usize,
    id: CellId,
    name: String,
    before: Option<String>,
    protected: bool,
    board: Board,
    now: Signal<Timestamp>,
) -> impl IntoView {
    let has = move |column: usize| {
        row.with(|row| row.as_ref().is_some_and(|row| row.cells.get(column).is_some_and(Option::is_some)))
    };
    let is_there = Memo::new(move |_| has(column));
    let can_come = Memo::new(move |_| {
        row.with(|row| row.as_ref().is_some_and(|row| row.introducible.get(column).is_some_and(|it| *it)))
    });
    let cell = Memo::new(move |_| row.with(|row| row.as_ref()?.cells.get(column)?.clone()));
    let spot = Spot { slug: id.app.clone(), place: FIRST + column };
    let content = move || {
        let (id, name, spot) = (id.clone(), name.clone(), spot.clone());
        match &before {
            _ if is_there.get() => view! { <CellLink cell id name spot board now/> }.into_any(),
            Some(before) if can_come.get() => {
                let href = routes::promote(std::slice::from_ref(&id.app), before, &id.environment);
                view! {
                    <span class="cell-none">
                        <a class="link" id=spot.id() href=href tabindex=move || board.tabindex(&spot)>
                            {format!("Introduce to {}…", id.environment)}
                        </a>
                    </span>
                }
                .into_any()
            }
            _ => view! { <span class="sr-only">{format!("not in {}", id.environment)}</span> }.into_any(),
        }
    };
    view! { <td class=if protected { "prod-col" } else { "" }>{content}</td> }
}

/// One link with one state, and the button that tells more.
#[component]
fn CellLink(
    cell: Memo<Option<Cell>>,
    id: CellId,
    name: String,
    spot: Spot,
    board: Board,
    now: Signal<Timestamp>,
) -> impl IntoView {
    let href = routes::app_environment(&id);
    let label = format!("More of {name} in {}", id.environment);
    let stale = Memo::new(move |_| cell.with(|cell| cell.as_ref().is_some_and(is_stale)));
    let class = move || match (stale.get(), board.is_peeked(&id)) {
        (false, false) => "cell",
        (true, false) => "cell is-stale",
        (false, true) => "cell is-selected",
        (true, true) => "cell is-stale is-selected",
    };
    let reason =
        move || cell.with(|cell| cell.as_ref().map(|it| it.reason.clone()).filter(|it| !it.is_empty()));
    let element = spot.id();
    view! {
        <a id=element class=class href=href title=reason tabindex=move || board.tabindex(&spot)>
            {move || cell.get().map(|cell| view! { <Content cell now/> })}
        </a>
        <button type="button" class="cell-more noscript:hidden" tabindex="-1" aria-haspopup="dialog" aria-label=label>
            {glyph("more", "icon-sm")}
        </button>
    }
}

#[component]
fn Content(cell: Cell, now: Signal<Timestamp>) -> impl IntoView {
    view! {
        <span class="col-span-2 flex min-w-0 flex-wrap items-baseline gap-x-1.5 pr-5 md:gap-x-2">
            <CellVersion cell=cell.clone()/>
            <GateMarks cell=cell.clone()/>
        </span>
        <span class="flex min-w-0 items-center gap-2">
            <CellStatus cell=cell.clone() now/>
        </span>
        <span class="cell-age flex items-center justify-end gap-2">
            <Marks marks=cell.marks/>
            {cell.since.map(|at| view! { <Age at now/> })}
        </span>
    }
}
