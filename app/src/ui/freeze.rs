//! Freezes in words.

use leptos::prelude::*;
use model::{Timestamp, gate::Freeze};

use super::{diff::visible, icon::Icon, rows::row_key};
use crate::routes;

/// The banners of the freezes that are now: what takes no promotions, until when, and why.
#[component]
pub(crate) fn FreezeBanners(
    #[prop(into)] freezes: Signal<Vec<Freeze>>,
    #[prop(into)] now: Signal<Timestamp>,
) -> impl IntoView {
    view! {
        <For each=move || freezes.get() key=|freeze| row_key(&freeze.id, freeze) let:freeze>
            <Banner freeze now/>
        </For>
    }
}

#[component]
fn Banner(freeze: Freeze, now: Signal<Timestamp>) -> impl IntoView {
    let until = freeze.now.map(|span| format!(" until {}", span.until.clock(now.get_untracked())));
    view! {
        <section class="banner text-frozen" aria-label="Freeze">
            <Icon name="frozen"/>
            <div class="txt wrap-anywhere">
                <b>{is_frozen(&freeze)}</b>
                {until}
                ": "
                <bdi>{visible(freeze.reason.trim_end_matches('.'))}</bdi>
                ". "
                <span class="text-mute">"Set by " <bdi>{visible(&freeze.by)}</bdi> "."</span>
            </div>
            <a class="link" href=routes::FREEZES>"See the freeze"</a>
        </section>
    }
}

/// Returns what a freeze stops: `prod for project payments`, `all environments for all projects`.
pub(crate) fn scope(freeze: &Freeze) -> String {
    let environment = freeze.environment.as_deref().unwrap_or("all environments");
    format!("{environment} for {}", projects(freeze))
}

fn is_frozen(freeze: &Freeze) -> String {
    let projects = projects(freeze);
    match &freeze.environment {
        Some(environment) => format!("{environment} is frozen for {projects}"),
        None => format!("All environments are frozen for {projects}"),
    }
}

fn projects(freeze: &Freeze) -> String {
    freeze.project.as_ref().map_or_else(|| "all projects".into(), |project| format!("project {project}"))
}
