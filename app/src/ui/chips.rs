//! Chips that open a menu of the values of a filter.

use leptos::{ev, prelude::*, web_sys::Node};
use wasm_bindgen::JsCast;

/// What marks a chip that opens.
const OPENS: &str = "details.chip-menu[open]";

/// Closes what a chip opened when one presses elsewhere, or Escape.
pub(crate) fn close_when_left() {
    Effect::new(move |_| {
        let pressed = window_event_listener(ev::click, move |event| {
            let target = event.target().and_then(|target| target.dyn_into::<Node>().ok());
            close(|menu| !menu.contains(target.as_ref()));
        });
        let escaped = window_event_listener(ev::keydown, move |event| {
            if event.key() == "Escape" && close(|_| true) {
                event.prevent_default();
            }
        });
        on_cleanup(move || {
            pressed.remove();
            escaped.remove();
        });
    });
}

/// Closes the open menus that `which` takes; returns whether there was one. The focus goes back to the chip.
fn close(which: impl Fn(&Node) -> bool) -> bool {
    let Ok(open) = document().query_selector_all(OPENS) else { return false };
    let menus = (0..open.length()).filter_map(|place| open.item(place)).filter(|menu| which(menu));
    let mut any = false;
    for menu in menus {
        if let Some(menu) = menu.dyn_ref::<leptos::web_sys::HtmlElement>() {
            let held = menu.matches(":focus-within").unwrap_or(false);
            let _ = menu.remove_attribute("open");
            let summary = menu.query_selector("summary").ok().flatten();
            if let Some(summary) = summary.filter(|_| held)
                && let Some(summary) = summary.dyn_ref::<leptos::web_sys::HtmlElement>()
            {
                let _ = summary.focus();
            }
            any = true;
        }
    }
    any
}
