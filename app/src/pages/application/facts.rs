//! The facts at the head of the page, the conditions, and where it comes from and goes to.

use leptos::prelude::*;
use model::{
    Timestamp,
    application::{ApplicationDetail, Condition, Source, SyncPolicy},
    status::Sync,
};

use super::environment_sentence;
use crate::{
    pages::Shelf,
    ui::{
        badge::{Look, Revision, RowHealth, RowSync, Version},
        card::{Card, Fact},
        icon::Icon,
        rows::row_key,
        time::Age,
    },
};

/// Health, sync, revision and policy.
#[component]
pub(super) fn Facts(shelf: Shelf<ApplicationDetail>) -> impl IntoView {
    let Shelf { data, now } = shelf;
    let row = shelf.part(|it| it.row.clone());
    let policy = shelf.part(|it| (it.policy.clone(), it.window.clone()));
    let since = shelf.part(|it| it.health_since);
    let compared = shelf.part(|it| (it.compared_at, it.refresh_requested.clone()));
    view! {
        <div class="card mb-4 grid grid-cols-2 overflow-hidden lg:grid-cols-[1.1fr_1.1fr_1.4fr_1.4fr]">
            <Fact label="Health" class="border-r border-b border-line lg:border-b-0">
                <p class="mt-1 text-lead">{move || view! { <RowHealth row=row.get() now/> }}</p>
                <p class="mt-0.5 text-small text-mute">
                    {move || since.get().map(|at| view! { "for " <Age at now/> })}
                </p>
            </Fact>
            <Fact label="Sync" class="border-b border-line lg:border-r lg:border-b-0">
                <p class="mt-1 text-lead">
                    {move || row.with(|row| view! { <RowSync sync=row.sync live=row.freshness.is_live()/> })}
                </p>
                <p class="mt-0.5 text-small text-mute">
                    {move || data.with(out_of_sync)}
                    {move || compared_words(compared.get(), now)}
                </p>
            </Fact>
            <Fact label="Revision" class="border-r border-line">
                <p class="mt-1 flex flex-wrap items-center gap-x-2">
                    <span class="text-lead">{move || view! { <Version version=row.with(|row| row.version.clone())/> }}</span>
                    {move || row.with(|row| row.revision.clone()).map(|revision| view! { <Revision revision/> })}
                </p>
                <p class="mt-0.5 truncate text-small text-mute">{move || data.with(|it| target(&it.sources))}</p>
            </Fact>
            <Fact label="Sync policy">
                {move || {
                    let (policy, window) = policy.get();
                    view! {
                        <p class="mt-1 flex flex-wrap gap-1.5">{badges(&policy)}</p>
                        {window
                            .map(|window| {
                                let class = if window.allowed { "mt-1 text-small text-mute" } else { "mt-1 text-small text-frozen" };
                                view! { <p class=class>{window_words(window.allowed, &window.why)}</p> }
                            })}
                    }
                }}
            </Fact>
        </div>
    }
}

/// Returns what the sync windows say, in words.
pub(super) fn window_words(allowed: bool, why: &str) -> String {
    if allowed { format!("Sync window: allowed; {why}") } else { format!("Sync window: denied; {why}") }
}

fn out_of_sync(application: &ApplicationDetail) -> String {
    let total = application.resources.len();
    let out = application.resources.iter().filter(|it| it.sync == Some(Sync::OutOfSync)).count();
    if total == 0 { String::new() } else { format!("{out} of {total} differ, ") }
}

fn compared_words((at, refresh): (Option<Timestamp>, Option<String>), now: Signal<Timestamp>) -> AnyView {
    match (refresh, at) {
        (Some(_), _) => "a refresh is asked for".into_any(),
        (None, Some(at)) => view! { "compared " <Age at now suffix=" ago"/> }.into_any(),
        (None, None) => "not compared so far".into_any(),
    }
}

fn target(sources: &[Source]) -> String {
    match sources {
        [] => "no source".into(),
        [source] => format!("follows {}", target_of(source)),
        many => format!("follows {} sources", many.len()),
    }
}

fn target_of(source: &Source) -> &str {
    if source.target_revision.is_empty() { "HEAD" } else { &source.target_revision }
}

fn badges(policy: &SyncPolicy) -> impl IntoView + use<> {
    let badge = |on: bool, name: &'static str| {
        let (icon, word) = if on { ("check", "on") } else { ("x", "off") };
        view! {
            <span class="badge badge-plain">
                <Icon name=icon/>
                {format!("{name} {word}")}
            </span>
        }
    };
    view! {
        {badge(policy.auto_sync, "Auto-sync")}
        {badge(policy.prune, "Prune")}
        {badge(policy.self_heal, "Self-heal")}
    }
}

/// What Argo CD complains about.
#[component]
pub(super) fn ConditionsCard(shelf: Shelf<ApplicationDetail>) -> impl IntoView {
    let Shelf { data, now } = shelf;
    let count = shelf.part(|it| it.conditions.len());
    let conditions = move || data.with(|it| it.conditions.clone());
    move || {
        (count.get() > 0).then(|| {
            view! {
                <Card id="conditions" title="Conditions" count=Signal::derive(move || count.get().to_string())>
                    <ul class="rows text-small">
                        <For each=conditions key=|it| row_key(&it.kind, &it.message) let:condition>
                            {condition_row(condition, now)}
                        </For>
                    </ul>
                </Card>
            }
        })
    }
}

fn condition_row(condition: Condition, now: Signal<Timestamp>) -> impl IntoView {
    let is_error = condition.kind.ends_with("Error");
    let (look, icon) = if is_error { (Look::Failed, "failed") } else { (Look::Drift, "warn") };
    view! {
        <li class="px-3.5 py-2">
            <p class="flex items-baseline gap-2">
                <span class=format!("status font-medium {}", look.class())>
                    <Icon name=icon/>
                    {condition.kind}
                </span>
                <span class="ml-auto text-mute">{condition.at.map(|at| view! { <Age at now/> })}</span>
            </p>
            <p class="text-soft wrap-anywhere">{condition.message}</p>
        </li>
    }
}

/// Its environment with the reason, its sources and its destination.
#[component]
pub(super) fn AboutCard(shelf: Shelf<ApplicationDetail>) -> impl IntoView {
    let row = shelf.part(|it| it.row.clone());
    let sources = shelf.part(|it| it.sources.clone());
    let server = shelf.part(|it| it.server.clone());
    let options = shelf.part(|it| (it.policy.options.clone(), it.policy.retry_limit));
    view! {
        <Card id="about" title="From and to">
            <div class="card-body">
                <dl class="kv text-small">
                    <dt>"Environment"</dt>
                    <dd class="wrap-anywhere">{move || row.with(|row| environment_sentence(&row.environment))}</dd>
                    <dt>"App"</dt>
                    <dd class="wrap-anywhere">{move || row.with(|row| row.app.clone())}</dd>
                    {move || sources.get().into_iter().map(source).collect_view()}
                    <dt>"Destination"</dt>
                    <dd class="wrap-anywhere">
                        {move || row.with(|row| row.cluster.clone())}
                        <span class="block font-mono text-mute">{server}</span>
                    </dd>
                    {move || {
                        let (options, retries) = options.get();
                        (!options.is_empty() || retries.is_some())
                            .then(|| {
                                view! {
                                    <dt>"Options"</dt>
                                    <dd class="wrap-anywhere">{option_words(&options, retries)}</dd>
                                }
                            })
                    }}
                </dl>
            </div>
        </Card>
    }
}

fn source(source: Source) -> impl IntoView {
    let target = target_of(&source).to_owned();
    let kind = if source.is_chart { "Chart" } else { "Source" };
    view! {
        <dt>{kind}</dt>
        <dd class="wrap-anywhere">
            <span class="block font-mono">{source.repo_url}</span>
            <code>{source.path}</code>
            " at "
            <code>{target}</code>
            {source.revision.map(|revision| view! { ", compared with " <Revision revision/> })}
        </dd>
    }
}

fn option_words(options: &[String], retries: Option<i64>) -> String {
    let retries = retries.map(|limit| format!("up to {limit} retries"));
    options.iter().cloned().chain(retries).collect::<Vec<_>>().join(", ")
}
