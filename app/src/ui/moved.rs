//! A value before and after.

use leptos::prelude::*;

use super::{diff::visible, icon::Icon};

/// A value before and after; what is absent reads "none".
#[component]
pub(crate) fn Moved(
    before: Option<String>,
    after: Option<String>,
    /// Whether it does not come to that.
    #[prop(optional)]
    is_mute: bool,
) -> impl IntoView {
    let words = |value: Option<String>| value.map_or_else(|| "none".to_owned(), |value| visible(&value));
    view! {
        <span class="move">
            <span class="was wrap-anywhere">{words(before)}</span>
            <Icon name="arrow"/>
            <span class="sr-only">"to"</span>
            <span class=if is_mute { "was wrap-anywhere" } else { "now wrap-anywhere" }>{words(after)}</span>
        </span>
    }
}
