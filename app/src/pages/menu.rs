//! What the bottom bar's "More" opens on a phone: the theme and the sign-out.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    routes,
    ui::{
        icon::Icon,
        shell::{Crumb, SignOut, TopBar},
        theme::ThemeButton,
    },
};

/// The page of what does not fit into the bottom bar.
#[component]
pub(crate) fn MenuPage() -> impl IntoView {
    let place = |href: &'static str, icon: &'static str, words: &'static str| {
        view! {
            <li>
                <a class="row min-h-11" href=href>
                    <Icon name=icon class="text-mute"/>
                    <span class="font-medium">{words}</span>
                    <Icon name="right" class="icon-sm ml-auto text-mute"/>
                </a>
            </li>
        }
    };
    view! {
        <Title text="More"/>
        <TopBar crumbs=Signal::stored(vec![Crumb::link("Fleet", routes::OVERVIEW), Crumb::here("More")]) still=true/>
        <main id="main" class="main" tabindex="-1">
            <div class="page-head">
                <h1>"More"</h1>
                <div class="btn-row">
                    <ThemeButton wordy=true/>
                    <SignOut class="btn"/>
                </div>
            </div>
            <section class="card" aria-labelledby="places">
                <div class="card-head">
                    <h2 id="places">"Fleet"</h2>
                </div>
                <ul class="rows">
                    {place(routes::OVERVIEW, "gauge", "Overview")}
                    {place(routes::MATRIX, "grid", "Matrix")}
                    {place(routes::APPLICATIONS, "layers", "Applications")}
                    {place(routes::CLUSTERS, "cluster", "Clusters")}
                    {place(routes::REPOSITORIES, "branch", "Repositories")}
                    {place(routes::PERMISSIONS, "shield", "Permissions")}
                    {place(routes::SESSIONS, "user", "Sessions")}
                    {place(routes::TOKENS, "key", "API tokens")}
                    {place(routes::AUDIT, "doc", "Audit")}
                </ul>
            </section>
        </main>
    }
}
