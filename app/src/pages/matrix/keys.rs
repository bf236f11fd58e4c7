//! The keyboard of the matrix: arrows and letters move through the cells, letters act on the one that has the focus.
//!
//! Letters work on the whole page, but never while a field has the focus.

use leptos::{
    ev::{self, KeyboardEvent},
    prelude::*,
    web_sys::{Element, HtmlElement},
};
use model::apps::{ActKind, Matrix};
use wasm_bindgen::JsCast;

use super::{
    board::{Board, FIRST, Spot, cell_of},
    peek::POPOVER,
};
use crate::pages::Shelf;

#[derive(Clone, Copy)]
enum Step {
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
}

/// Listens to the keyboard for as long as the page is open.
pub(super) fn listen(shelf: Shelf<Matrix>, board: Board) {
    Effect::new(move |_| {
        let handle = window_event_listener(ev::keydown, move |event| {
            if press(shelf, board, &event) {
                event.prevent_default();
            }
        });
        on_cleanup(move || handle.remove());
    });
}

/// Does what a key asks for; returns whether it did.
fn press(shelf: Shelf<Matrix>, board: Board, event: &KeyboardEvent) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let held = event.ctrl_key() || event.meta_key() || event.alt_key();
    if held || event.default_prevented() || target.as_ref().is_some_and(is_field) {
        return false;
    }
    let within =
        |selector: &str| target.as_ref().is_some_and(|it| matches!(it.closest(selector), Ok(Some(_))));
    if within(&format!("#{POPOVER}")) {
        return press_in_popover(event);
    }
    let spot = target.as_ref().and_then(Spot::of);
    let key = event.key();
    match (key.as_str(), &spot) {
        ("Escape", _) => return clear(board),
        ("ArrowUp", Some(spot)) => step(shelf, spot, Step::Up),
        ("ArrowDown", Some(spot)) => step(shelf, spot, Step::Down),
        ("ArrowLeft", Some(spot)) => step(shelf, spot, Step::Left),
        ("ArrowRight", Some(spot)) => step(shelf, spot, Step::Right),
        ("Home", Some(spot)) => step(shelf, spot, Step::Home),
        ("End", Some(spot)) => step(shelf, spot, Step::End),
        (" ", Some(spot)) if spot.place >= FIRST => return look(shelf, board, spot, None),
        ("k" | "j" | "h" | "l" | "x" | "p" | "r" | "s" | "f", _) => return letter(shelf, board, spot, &key),
        _ => return false,
    }
    true
}

/// Acts on the spot that has the focus; where none has, a letter that moves leads to where one was last.
fn letter(shelf: Shelf<Matrix>, board: Board, spot: Option<Spot>, key: &str) -> bool {
    let was_here = spot.is_some();
    let Some(spot) = spot.or_else(|| board.here()) else { return false };
    let direction = match key {
        "k" => Some(Step::Up),
        "j" => Some(Step::Down),
        "h" => Some(Step::Left),
        "l" => Some(Step::Right),
        _ => None,
    };
    match (direction, key) {
        (Some(direction), _) if was_here => step(shelf, &spot, direction),
        (Some(_), _) => return spot.focus(),
        (None, "x") => board.toggle(&spot.slug),
        (None, "p") => return look(shelf, board, &spot, Some(ActKind::Promote)),
        (None, "r") => return look(shelf, board, &spot, Some(ActKind::RollBack)),
        (None, "s") => return look(shelf, board, &spot, Some(ActKind::Sync)),
        _ => return look(shelf, board, &spot, Some(ActKind::Refresh)),
    }
    true
}

/// Moves the focus to the next spot in a direction that there is.
fn step(shelf: Shelf<Matrix>, from: &Spot, step: Step) {
    let (slugs, places) = shelf.data.with_untracked(|it| {
        let slugs: Vec<String> = it.rows.iter().map(|row| row.slug.clone()).collect();
        (slugs, FIRST + it.columns.len())
    });
    let Some(row) = slugs.iter().position(|slug| *slug == from.slug) else { return };
    let at = |place: usize| Spot { slug: from.slug.clone(), place };
    let under = |slug: &String| Spot { slug: slug.clone(), place: from.place };
    let ways: Vec<Spot> = match step {
        Step::Up => slugs.iter().take(row).rev().map(under).collect(),
        Step::Down => slugs.iter().skip(row + 1).map(under).collect(),
        Step::Left => (0..from.place).rev().map(at).collect(),
        Step::Right => (from.place + 1..places).map(at).collect(),
        Step::Home => (0..from.place).map(at).collect(),
        Step::End => (from.place + 1..places).rev().map(at).collect(),
    };
    let _ = ways.iter().any(Spot::focus);
}

/// Looks into the cell of a spot; returns whether there is one.
fn look(shelf: Shelf<Matrix>, board: Board, spot: &Spot, intent: Option<ActKind>) -> bool {
    let Some(id) = shelf.data.with_untracked(|it| cell_of(it, spot)) else { return false };
    board.look_into(id, intent);
    true
}

/// Drops the choice of apps; returns whether there was one.
fn clear(board: Board) -> bool {
    let any = board.chosen.with_untracked(|chosen| !chosen.is_empty());
    if any {
        board.chosen.update(|chosen| chosen.clear());
    }
    any
}

/// Moves through the acts of the popover, and does those that a letter names. Escape is the browser's.
fn press_in_popover(event: &KeyboardEvent) -> bool {
    let key = event.key();
    match key.as_str() {
        "ArrowDown" | "j" => move_in_popover(1),
        "ArrowUp" | "k" => move_in_popover(-1),
        "p" | "r" | "s" | "f" => click(&act_id(&key)),
        _ => false,
    }
}

/// Returns the id of the act in the popover that a key does.
pub(super) fn act_id(key: &str) -> String {
    format!("{POPOVER}-{key}")
}

/// Presses what has an id; returns whether there is such a thing.
pub(super) fn click(id: &str) -> bool {
    let element = document().get_element_by_id(id).and_then(|it| it.dyn_into::<HtmlElement>().ok());
    if let Some(element) = &element {
        element.click();
    }
    element.is_some()
}

fn move_in_popover(by: i32) -> bool {
    let selector = format!("#{POPOVER} .menu-item:not([aria-disabled])");
    let Ok(items) = document().query_selector_all(&selector) else { return false };
    let items: Vec<HtmlElement> =
        (0..items.length()).filter_map(|place| items.item(place)?.dyn_into().ok()).collect();
    let active = document().active_element();
    let at = items.iter().position(|item| active.as_ref().is_some_and(|it| it.is_same_node(Some(item))));
    let last = items.len().saturating_sub(1);
    let to = match (at, by) {
        (None, _) => 0,
        (Some(at), 1) => (at + 1).min(last),
        (Some(at), _) => at.saturating_sub(1),
    };
    items.get(to).is_some_and(|item| item.focus().is_ok())
}

/// Returns whether letters go into an element.
fn is_field(element: &Element) -> bool {
    match element.tag_name().as_str() {
        "INPUT" => !element.matches("[type=checkbox]").unwrap_or(false),
        "TEXTAREA" | "SELECT" => true,
        _ => false,
    }
}
