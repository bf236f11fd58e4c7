//! Ages against the `now` that came with the data, so that both sides draw the same.

use leptos::prelude::*;
use model::Timestamp;

/// How long ago `at` was; the moment itself is in its title.
#[component]
pub(crate) fn Age(
    at: Timestamp,
    #[prop(into)] now: Signal<Timestamp>,
    /// What stands behind the age, e.g. " ago".
    #[prop(optional)]
    suffix: &'static str,
) -> impl IntoView {
    view! {
        <time datetime=at.iso() title=stamp(at)>
            {move || format!("{}{suffix}", at.age(now.get()))}
        </time>
    }
}

/// Returns how long it is until `at`: `in 40 min`, `in 3 h`, `in 45 d`.
pub(crate) fn ahead(at: Timestamp, now: Timestamp) -> String {
    match (at.0 - now.0) / 86_400_000 {
        ..=30 => format!("in {}", now.age(at)),
        days => format!("in {days} d"),
    }
}

/// Returns the moment in words: `2026-11-25 14:20:03 UTC`.
pub(crate) fn stamp(at: Timestamp) -> String {
    at.iso().replace('T', " ").replace('Z', " UTC")
}
