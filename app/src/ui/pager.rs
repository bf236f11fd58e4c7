//! The way through the pages of a list.

use leptos::prelude::*;

/// Where a page stands in its list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    /// From 1.
    pub(crate) page: u32,
    pub(crate) per_page: u32,
    /// How many rows the list has on all pages.
    pub(crate) matching: u32,
    /// How many this page has.
    pub(crate) shown: u32,
}

/// Links to the page before and the next one; nothing where no row is shown.
#[component]
pub(crate) fn Pager<To>(
    #[prop(into)] place: Signal<Place>,
    /// Returns the link to a page.
    to: To,
    /// The link that shows more rows at once, with its words.
    #[prop(into)]
    more: Signal<Option<(&'static str, String)>>,
) -> impl IntoView
where
    To: Fn(u32) -> String + Clone + Send + Sync + 'static,
{
    let step = move |words: String, href: Option<String>| match href {
        Some(href) => view! { <a class="btn btn-sm" href=href>{words}</a> }.into_any(),
        None => view! { <span class="btn btn-sm" aria-disabled="true">{words}</span> }.into_any(),
    };
    move || {
        let Place { page, per_page, matching, shown } = place.get();
        let (page, per_page) = (page.max(1), per_page.max(1));
        let first = (page - 1).saturating_mul(per_page) + 1;
        let last = (first + shown).saturating_sub(1);
        let left = matching.saturating_sub(last);
        let before = (page > 1).then(|| to(page - 1));
        let next = (left > 0).then(|| to(page + 1));
        let more = more.get().map(|(words, href)| view! { <a class="link ml-2" href=href>{words}</a> });
        (shown > 0).then(|| {
            view! {
                <nav
                    class="flex flex-wrap items-center gap-2 border-t border-line px-3.5 py-2 text-small text-mute"
                    aria-label="Pages"
                >
                    <span>{format!("{first} to {last} of {matching}")} {more}</span>
                    <span class="btn-row ml-auto">
                        {step("Before".into(), before)}
                        {step(if left > 0 { format!("Next {}", left.min(per_page)) } else { "Next".into() }, next)}
                    </span>
                </nav>
            }
        })
    }
}
