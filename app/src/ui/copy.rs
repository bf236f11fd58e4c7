//! Copying: with JavaScript only, so the button comes with it.

use leptos::{prelude::*, wasm_bindgen::JsValue};

use super::icon::Icon;

/// A button that copies `text`.
#[component]
pub(crate) fn CopyButton(
    #[prop(into)] text: String,
    /// What is copied, e.g. "Copy the hash".
    label: &'static str,
) -> impl IntoView {
    let is_alive = RwSignal::new(false);
    let is_copied = RwSignal::new(false);
    Effect::new(move |_| is_alive.set(true));
    let copy = move |_| is_copied.set(write(&text));
    view! {
        <button
            type="button"
            class="btn btn-ghost btn-icon btn-sm align-middle"
            hidden=move || !is_alive.get()
            aria-label=move || if is_copied.get() { "Copied" } else { label }
            title=label
            on:click=copy
        >
            <Icon name=Signal::derive(move || if is_copied.get() { "check" } else { "copy" })/>
        </button>
    }
}

/// Asks the browser to copy; returns whether it has a clipboard: over plain http it has none.
fn write(text: &str) -> bool {
    let clipboard = window().navigator().clipboard();
    let has_clipboard = !AsRef::<JsValue>::as_ref(&clipboard).is_undefined();
    if has_clipboard {
        let _ = clipboard.write_text(text);
    }
    has_clipboard
}
