//! The face of Quarterdeck: pages, components and server functions.
//!
//! It draws what the [`model::backend`] traits answer and asks them for acts; it never reaches SQL, Kubernetes or Git.
//! Every page is whole without JavaScript; what `live` brings is a layer on top. A request runs
//! [`shell`] → [`App`] → a page of `routes` → a server function of [`api`] → the `Backend` in the context.

#![expect(unreachable_pub, reason = "the component macro makes the properties of each component public")]

pub mod api;
mod change_query;
mod filter;
mod live;
mod matrix_query;
mod pages;
pub mod routes;
mod ui;

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::Router;

use ui::{theme::provide_theme, toast::Toasts};

/// Renders the document around the application, and sets the policy on what it may load.
#[cfg(feature = "ssr")]
pub fn shell(options: LeptosOptions) -> impl IntoView {
    use leptos_meta::{HashedStylesheet, MetaTags};

    api::set_content_policy();
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=ui::theme::chosen().map(ui::theme::Theme::word)>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <HydrationScripts options=options.clone()/>
                <HashedStylesheet options id="leptos"/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// Returns the routes of all pages.
///
/// Listing them keeps every resource of the process from loading for that moment: it is done once, before any page is
/// drawn, or pages that are drawn meanwhile would wait for ever.
#[cfg(feature = "ssr")]
pub fn page_routes() -> Vec<leptos_axum::AxumRouteListing> {
    static ROUTES: std::sync::LazyLock<Vec<leptos_axum::AxumRouteListing>> =
        std::sync::LazyLock::new(|| leptos_axum::generate_route_list(App));
    ROUTES.clone()
}

/// The application: what all pages share, and the router.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_theme();
    live::provide_live();
    Toasts::provide();
    view! {
        <Title formatter=|title| format!("{title} · Quarterdeck")/>
        <Router>
            <routes::Pages/>
        </Router>
        <ui::toast::ToastRegion/>
    }
}
