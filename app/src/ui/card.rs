//! Cards, and tables in them.

use leptos::prelude::*;

/// A card with a heading.
#[component]
pub(crate) fn Card(
    /// The id of its heading; unique on the page.
    id: &'static str,
    title: &'static str,
    /// What stands beside the title.
    #[prop(optional, into)]
    count: Signal<String>,
    /// What stands at the right end of the head.
    #[prop(optional, into)]
    more: ViewFn,
    children: Children,
) -> impl IntoView {
    view! {
        <section class="card overflow-hidden" aria-labelledby=id>
            <div class="card-head">
                <h2 id=id>{title}</h2>
                <span class="count">{count}</span>
                {move || more.run()}
            </div>
            {children()}
        </section>
    }
}

/// The frame of a table, which scrolls sideways where it has to.
#[component]
pub(crate) fn Table(
    /// What the table lists, in words.
    caption: &'static str,
    children: Children,
) -> impl IntoView {
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label=format!("{caption}, scrolls")>
            <table class="table">
                <caption>{caption}</caption>
                {children()}
            </table>
        </div>
    }
}

/// One of the facts at the head of a page.
#[component]
pub(crate) fn Fact(
    label: &'static str,
    #[prop(optional)] class: &'static str,
    children: Children,
) -> impl IntoView {
    view! {
        <div class=format!("min-w-0 px-3.5 py-3 {class}")>
            <p class="label">{label}</p>
            {children()}
        </div>
    }
}
