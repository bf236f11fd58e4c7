//! Dialogs: a native `<dialog>` that is a part of the page until the browser lifts it over the page.

use leptos::{ev::Event, html, prelude::*};

/// A dialog that is open as long as it is drawn.
///
/// Without JavaScript it stands in the page; with it, it is lifted over it, keeps the focus inside, and Escape closes
/// it.
#[component]
pub(crate) fn Dialog(
    /// The id of its heading.
    label: &'static str,
    /// Whether it writes to a protected environment.
    #[prop(into)]
    protected: Signal<bool>,
    /// Called when the person closes it.
    on_close: impl Fn() + Clone + 'static,
    children: Children,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        if let Some(dialog) = dialog.get() {
            // It cannot be lifted while it is open in the page.
            dialog.set_open(false);
            let _ = dialog.show_modal();
        }
    });
    let cancel = move |event: Event| {
        event.prevent_default();
        on_close();
    };
    view! {
        <dialog
            node_ref=dialog
            class="dialog max-w-xl [&:not(:modal)]:static [&:not(:modal)]:mx-0 [&:not(:modal)]:mb-4 [&:not(:modal)]:max-w-none"
            class=("border-prod/70", protected)
            aria-labelledby=label
            open=true
            on:cancel=cancel
        >
            {children()}
        </dialog>
    }
}
