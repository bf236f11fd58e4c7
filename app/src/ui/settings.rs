//! What the pages of settings share.

use leptos::prelude::*;

use crate::routes;

/// The head of the settings, with the pages beside it.
#[component]
pub(crate) fn SettingsFrame(here: &'static str, children: Children) -> impl IntoView {
    let place = |href: &'static str, words: &'static str| {
        view! { <a href=href aria-current=(href == here).then_some("true")>{words}</a> }
    };
    view! {
        <main id="main" class="main" tabindex="-1">
            <div class="page-head">
                <div>
                    <h1>"Settings"</h1>
                    <p class="page-sub">"Yours. Every change here is on the record."</p>
                </div>
            </div>
            <div class="grid grid-cols-1 items-start gap-4 lg:grid-cols-[11rem_minmax(0,1fr)]">
                <nav class="toc" aria-label="Settings">
                    {place(routes::SESSIONS, "Sessions")}
                    {place(routes::TOKENS, "API tokens")}
                </nav>
                <div class="grid min-w-0 grid-cols-1 gap-4">{children()}</div>
            </div>
        </main>
    }
}

/// The links between one's own and everybody's, for those who may see everybody's.
#[component]
pub(crate) fn WhoseLinks(path: &'static str, of_all: bool, may_see_all: bool) -> impl IntoView {
    may_see_all.then(|| {
        let (href, words) =
            if of_all { (path.to_owned(), "Yours") } else { (format!("{path}?of=all"), "Everybody's") };
        view! {
            <span class="more">
                <a class="link" href=href>
                    {words}
                </a>
            </span>
        }
    })
}
