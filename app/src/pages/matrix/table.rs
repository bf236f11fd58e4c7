//! The table of the matrix: its frame, its groups, and the jumps to its columns on a phone.

use std::collections::HashMap;

use leptos::{
    ev::{FocusEvent, MouseEvent},
    prelude::*,
    web_sys::Element,
};
use model::apps::{Density, GroupBy, ListApps, Matrix};
use wasm_bindgen::JsCast;

use super::{
    board::{Board, Spot, cell_of},
    head::{Head, column_id},
    row::{Row, Stage},
};
use crate::pages::Shelf;

/// Rows that stand under one heading.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Group {
    /// None where rows are not grouped.
    project: Option<String>,
    slugs: Vec<String>,
}

/// The table.
#[component]
pub(super) fn Table(shelf: Shelf<Matrix>, query: Memo<ListApps>, board: Board) -> impl IntoView {
    let stages = shelf.part(|it| {
        let stages = it.columns.iter();
        stages
            .map(|column| Stage {
                name: column.environment.clone(),
                rank: column.rank,
                protected: column.protected,
            })
            .collect::<Vec<_>>()
    });
    let groups = Memo::new(move |_| {
        let grouped = query.with(|query| query.group == GroupBy::Project);
        shelf.data.with(|it| groups_of(it, grouped))
    });
    let places = shelf.part(|it| {
        let places = it.rows.iter().enumerate();
        places.map(|(place, row)| (row.slug.clone(), place)).collect::<HashMap<_, _>>()
    });
    let compact = Memo::new(move |_| query.with(|query| query.density == Density::Compact));
    let focused = move |event: FocusEvent| {
        if let Some(spot) = element_of(&event).as_ref().and_then(Spot::of) {
            board.at.set(Some(spot));
        }
    };
    let clicked = move |event: MouseEvent| open_acts(shelf, board, &event);
    view! {
        <div
            class=move || frame_class(stages.with(Vec::len), compact.get())
            tabindex="0"
            role="region"
            aria-label="Apps by environment, scrolls"
            on:focusin=focused
            on:click=clicked
        >
            {move || {
                let stages = stages.get();
                let span = (stages.len() + 1).to_string();
                let stages = StoredValue::new(stages);
                view! {
                    <table class=table_class(stages.with_value(Vec::len))>
                        <caption>"Version, health and age of each app in each environment"</caption>
                        <Head shelf/>
                        <For each=move || groups.get() key=|group| group.project.clone() let:group>
                            <Body shelf board groups project=group.project stages places span=span.clone()/>
                        </For>
                    </table>
                }
            }}
        </div>
    }
}

/// The rows of a group, under its heading.
#[component]
fn Body(
    shelf: Shelf<Matrix>,
    board: Board,
    groups: Memo<Vec<Group>>,
    project: Option<String>,
    stages: StoredValue<Vec<Stage>>,
    places: Memo<HashMap<String, usize>>,
    span: String,
) -> impl IntoView {
    let name = project.clone();
    let slugs = Memo::new(move |_| {
        groups.with(|groups| {
            let group = groups.iter().find(|group| group.project == project);
            group.map(|group| group.slugs.clone()).unwrap_or_default()
        })
    });
    let heading = name.map(|name| {
        let words = move || {
            let count = slugs.with(Vec::len);
            let noun = if count == 1 { "app" } else { "apps" };
            let here =
                if shelf.data.with(|it| it.matching as usize > it.rows.len()) { " on this page" } else { "" };
            format!("{name}, {count} {noun}{here}")
        };
        view! {
            <tr class="group">
                <th colspan=span scope="rowgroup">
                    <span>{words}</span>
                </th>
            </tr>
        }
    });
    view! {
        <tbody>
            {heading}
            <For each=move || slugs.get() key=|slug| slug.clone() let:slug>
                <Row shelf board slug stages places/>
            </For>
        </tbody>
    }
}

/// The links that lead to a column, where the screen is too narrow for all of them.
#[component]
pub(super) fn Jumps(shelf: Shelf<Matrix>) -> impl IntoView {
    let names =
        shelf.part(|it| it.columns.iter().map(|column| column.environment.clone()).collect::<Vec<_>>());
    move || {
        let names = names.get();
        (names.len() > 1).then(|| {
            let links = names
                .into_iter()
                .map(|name| {
                    let href = format!("#{}", column_id(&name));
                    view! { <a href=href rel="external" class="flex-1 justify-center">{name}</a> }
                })
                .collect_view();
            view! {
                <nav class="seg mb-2 flex h-10 md:hidden" aria-label="Jump to an environment">
                    {links}
                </nav>
            }
        })
    }
}

/// Gathers the rows of the page, which come in the order of their projects.
fn groups_of(matrix: &Matrix, grouped: bool) -> Vec<Group> {
    if !grouped {
        let slugs = matrix.rows.iter().map(|row| row.slug.clone()).collect();
        return vec![Group { project: None, slugs }];
    }
    let mut groups: Vec<Group> = Vec::new();
    for row in &matrix.rows {
        match groups.iter_mut().find(|group| group.project.as_ref() == Some(&row.project)) {
            Some(group) => group.slugs.push(row.slug.clone()),
            None => groups.push(Group { project: Some(row.project.clone()), slugs: vec![row.slug.clone()] }),
        }
    }
    groups
}

/// Opens the acts of the cell whose button was pressed.
fn open_acts(shelf: Shelf<Matrix>, board: Board, event: &MouseEvent) {
    let Some(element) = element_of(event) else { return };
    let Some(button) = element.closest(".cell-more").ok().flatten() else { return };
    let link = button.previous_element_sibling();
    let Some(spot) = link.as_ref().and_then(Spot::of) else { return };
    if let Some(id) = shelf.data.with_untracked(|it| cell_of(it, &spot)) {
        // The popover gives the focus back to where it was.
        spot.focus();
        board.look_into(id, None);
    }
}

fn element_of(event: &impl AsRef<leptos::web_sys::Event>) -> Option<Element> {
    event.as_ref().target().and_then(|target| target.dyn_into::<Element>().ok())
}

/// Few columns let the page scroll, under heads that stay; many scroll in a frame of their own.
fn frame_class(columns: usize, compact: bool) -> &'static str {
    match (columns, compact) {
        (..=3, false) => "scroll matrix-scroll matrix-free",
        (..=3, true) => "scroll matrix-scroll matrix-free is-compact",
        (4, false) => "scroll matrix-scroll matrix-free-wide",
        (4, true) => "scroll matrix-scroll matrix-free-wide is-compact",
        (_, false) => "scroll matrix-scroll",
        (_, true) => "scroll matrix-scroll is-compact",
    }
}

fn table_class(columns: usize) -> &'static str {
    match columns {
        ..=1 => "matrix table-fixed",
        2 => "matrix min-w-[34rem] table-fixed",
        3 => "matrix min-w-[45.5rem] table-fixed",
        4 => "matrix min-w-[58.5rem] table-fixed",
        5 => "matrix min-w-[71.5rem] table-fixed",
        _ => "matrix min-w-[97.5rem] table-fixed",
    }
}
