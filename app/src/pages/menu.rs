//! What the bottom bar's "More" opens on a phone: all places, the theme and the sign-out.

use leptos::prelude::*;
use leptos_meta::Title;
use model::overview::Navigation;

use crate::{
    api::get_navigation,
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
    let navigation = Resource::new_blocking(|| (), |()| async { get_navigation().await.unwrap_or_default() });
    let places = move || navigation.get().map(|navigation| view! { <Places navigation/> });
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
            <Suspense>{places}</Suspense>
        </main>
    }
}

/// The places, with how much there is behind each.
#[component]
fn Places(navigation: Navigation) -> impl IntoView {
    let some = |count: u32, words: &str| if count == 0 { String::new() } else { format!("{count} {words}") };
    let audit = navigation.may_read_record.then(|| place(routes::AUDIT, "doc", "Audit", String::new()));
    view! {
        <div class="grid grid-cols-1 gap-4 md:grid-cols-3">
            <Group id="fleet" title="Fleet">
                {place(routes::OVERVIEW, "gauge", "Overview", String::new())}
                {place(routes::MATRIX, "grid", "Matrix", String::new())}
                {place(routes::APPLICATIONS, "layers", "Applications", navigation.applications.to_string())}
                {place(routes::CHANGES, "promote", "Changes", some(navigation.changes, "open"))}
                {place(
                    routes::CLUSTERS,
                    "cluster",
                    "Clusters",
                    some(navigation.unreachable_clusters, "unreachable"),
                )}
                {place(routes::REPOSITORIES, "branch", "Repositories", String::new())}
            </Group>
            <Group id="govern" title="Govern">
                {place(routes::WAITING, "check", "Waiting for you", some(navigation.waiting, "to decide"))}
                {place(routes::FREEZES, "frozen", "Freezes and holds", some(navigation.gates, "in force"))}
                {audit}
                {place(routes::PERMISSIONS, "shield", "Permissions", String::new())}
            </Group>
            <Group id="settings" title="Settings">
                {place(routes::SESSIONS, "user", "Sessions", String::new())}
                {place(routes::TOKENS, "key", "API tokens", String::new())}
            </Group>
        </div>
    }
}

#[component]
fn Group(id: &'static str, title: &'static str, children: Children) -> impl IntoView {
    view! {
        <section class="card" aria-labelledby=id>
            <div class="card-head">
                <h2 id=id>{title}</h2>
            </div>
            <ul class="rows">{children()}</ul>
        </section>
    }
}

fn place(href: &'static str, icon: &'static str, words: &'static str, count: String) -> impl IntoView {
    view! {
        <li>
            <a class="row min-h-11" href=href>
                <Icon name=icon class="text-mute"/>
                <span class="font-medium">{words}</span>
                <span class="ml-auto text-small text-mute">{count}</span>
                <Icon name="right" class="icon-sm text-mute"/>
            </a>
        </li>
    }
}
