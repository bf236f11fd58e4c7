//! Icons of `public/icons.svg`.

use leptos::prelude::*;

/// An icon by its name; a word always stands beside it.
#[component]
pub(crate) fn Icon(
    #[prop(into)] name: Signal<&'static str>,
    /// Classes beside `icon`.
    #[prop(optional, into)]
    class: Signal<&'static str>,
) -> impl IntoView {
    view! {
        <svg class=move || format!("icon {}", class.get()) aria-hidden="true">
            <use href=move || format!("/icons.svg#i-{}", name.get())></use>
        </svg>
    }
}

/// An icon that never changes by itself: it costs a long table no reaction.
pub(crate) fn glyph(name: &'static str, class: &'static str) -> impl IntoView {
    view! {
        <svg class=format!("icon {class}") aria-hidden="true">
            <use href=format!("/icons.svg#i-{name}")></use>
        </svg>
    }
}
