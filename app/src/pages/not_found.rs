//! There is no such page.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    routes,
    ui::{
        icon::Icon,
        shell::{Crumb, TopBar},
    },
};

/// Tells that no page has this address; with status 404.
#[component]
pub(crate) fn NotFoundPage() -> impl IntoView {
    #[cfg(feature = "ssr")]
    crate::api::set_not_found();
    view! {
        <Title text="Not found"/>
        <TopBar crumbs=Signal::stored(vec![Crumb::link("Fleet", routes::OVERVIEW), Crumb::here("Not found")]) still=true/>
        <main id="main" class="main" tabindex="-1">
            <div class="card empty">
                <Icon name="search"/>
                <h1>"No such page"</h1>
                <p>"Nothing has this address. The link may be old, or mistyped."</p>
                <div class="btn-row">
                    <a class="btn" href=routes::OVERVIEW>"Go to the overview"</a>
                    <a class="btn" href=routes::APPLICATIONS>"Find an Application"</a>
                </div>
            </div>
        </main>
    }
}
