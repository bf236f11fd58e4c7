//! The overview: counts that are filters, what needs a person, the clusters, the latest operations.

use leptos::prelude::*;
use leptos_meta::Title;
use model::{
    Timestamp,
    application::{ApplicationRow, ListApplications},
    change::ChangeRow,
    cluster::ClusterRow,
    history::{HistoryEntry, HistoryEvent},
    overview::{Attention, Counts, Overview},
    status::{Health, Phase, Sync},
    view::View,
};

use super::{Shelf, live_page};
use crate::{
    api::get_overview,
    routes,
    ui::{
        badge::{EnvironmentTag, FreshnessStatus, Look, Mark, Status, freshness_words},
        bar::{HealthStack, UsageBar},
        card::Card,
        change::ChangeStatus,
        diff::visible,
        empty::Empty,
        freeze::FreezeBanners,
        icon::Icon,
        notice::Notices,
        rows::row_key,
        shell::{Crumb, TopBar},
        time::Age,
    },
};

/// The first page.
#[component]
pub(crate) fn OverviewPage() -> impl IntoView {
    live_page(|| View::Overview, crumbs, |_| get_overview(), draw)
}

fn crumbs() -> Vec<Crumb> {
    vec![Crumb::link("Fleet", routes::OVERVIEW), Crumb::here("Overview")]
}

fn draw(shelf: Shelf<Overview>) -> AnyView {
    let Shelf { data, now } = shelf;
    let counts = shelf.part(|it| it.counts.clone());
    view! {
        <Title text="Overview"/>
        <TopBar crumbs=Signal::derive(crumbs)/>
        <Notices
            control_planes=shelf.part(|it| it.control_planes.clone())
            warnings=shelf.part(|it| it.warnings.clone())
            now
        />
        <FreezeBanners freezes=shelf.part(|it| it.freezes.clone()) now/>
        <main id="main" class="main" tabindex="-1">
            <div class="page-head">
                <div>
                    <h1>"Overview"</h1>
                    <p class="page-sub">{move || data.with(summary)}</p>
                </div>
            </div>
            <h2 class="sr-only">"Counts"</h2>
            {move || figures(&counts.get())}
            <HealthLine counts/>
            <div class="grid grid-cols-1 items-start gap-4 xl:grid-cols-[minmax(0,1.75fr)_minmax(20rem,1fr)]">
                <AttentionCard shelf/>
                <div class="grid min-w-0 grid-cols-1 gap-4">
                    <ChangesCard shelf/>
                    <OperationsCard shelf/>
                </div>
            </div>
            <ClusterCards shelf/>
        </main>
    }
    .into_any()
}

fn summary(overview: &Overview) -> String {
    format!(
        "{}, {}, {}, {}",
        counted(overview.apps, "app", "apps"),
        counted(overview.applications, "Application", "Applications"),
        counted(overview.clusters.len() as u32, "cluster", "clusters"),
        counted(overview.control_planes.len() as u32, "control plane", "control planes"),
    )
}

pub(super) fn counted(count: u32, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn by_health(health: Health) -> String {
    routes::applications(&ListApplications { health: vec![health.word().into()], ..Default::default() })
}

fn by_operation(phases: &[Phase]) -> String {
    let operation = phases.iter().map(|phase| phase.word().to_owned()).collect();
    routes::applications(&ListApplications { operation, ..Default::default() })
}

fn stale() -> String {
    routes::applications(&ListApplications { health: vec!["Stale".into()], ..Default::default() })
}

fn out_of_sync() -> String {
    routes::applications(&ListApplications {
        sync: vec![Sync::OutOfSync.word().into()],
        ..Default::default()
    })
}

fn of(counts: &Counts, health: Health) -> u32 {
    counts.health.iter().find(|(it, _)| *it == health).map_or(0, |(_, count)| *count)
}

fn figures(counts: &Counts) -> impl IntoView + use<> {
    let detail =
        |count: u32, words: &str| if count == 0 { String::new() } else { format!("{count} {words}") };
    let figure = |href: String, look: Look, label: &'static str, n: u32, detail: String| {
        let colour = if n == 0 { "text-mute" } else { look.class() };
        view! {
            <a class="figure" href=href>
                <span class="l">
                    <span class=colour>
                        <Icon name=look.icon() class="icon-sm"/>
                    </span>
                    {label}
                </span>
                <span class="n">{n}</span>
                <span class="d" title=detail.clone()>{detail.clone()}</span>
            </a>
        }
    };
    let health = |health: Health, detail: String| {
        figure(by_health(health), health.into(), health.word(), of(counts, health), detail)
    };
    let running = by_operation(&[Phase::Running, Phase::Terminating, Phase::Requested]);
    let failed = by_operation(&[Phase::Failed, Phase::Error]);
    let by_hand = detail(counts.out_of_sync_manual, "with auto-sync off");
    let unreachable = counts.unreachable_clusters;
    view! {
        <div class="figures">
            {health(Health::Degraded, detail(counts.degraded_protected, "in a protected environment"))}
            {health(Health::Missing, String::new())}
            {figure(out_of_sync(), Look::Drift, Sync::OutOfSync.label(), counts.out_of_sync, by_hand)}
            {figure(failed, Look::Failed, "Failed", counts.failed_operations, "operations".into())}
            {figure(running, Look::Progressing, "Running", counts.running_operations, "operations".into())}
            {health(Health::Progressing, String::new())}
            {figure(stale(), Look::Stale, "Stale", counts.stale, "last known state".into())}
            {figure(routes::CLUSTERS.into(), Look::Unreachable, "Unreachable", unreachable, "clusters".into())}
        </div>
    }
}

/// The share of each health, and the words for it.
#[component]
fn HealthLine(#[prop(into)] counts: Signal<Counts>) -> impl IntoView {
    move || {
        let counts = counts.get();
        let present = counts.health.iter().filter(|(_, count)| *count > 0);
        let words = present
            .map(|(health, count)| {
                let word = format!("{count} {}", health.word().to_lowercase());
                view! {
                    <a href=by_health(*health) class="hover:text-ink">
                        <Status look=*health word/>
                    </a>
                }
            })
            .collect_view();
        let stale = (counts.stale > 0).then(|| {
            view! {
                <a href=stale() class="hover:text-ink">
                    <Status look=Look::Stale word=format!("{} stale", counts.stale)/>
                </a>
            }
        });
        view! {
            <div class="mt-3 mb-5">
                <HealthStack counts=counts.health.clone() stale=counts.stale/>
                <p class="mt-2 flex flex-wrap gap-x-4 gap-y-1 text-small text-mute">{words} {stale}</p>
            </div>
        }
    }
}

#[component]
fn AttentionCard(shelf: Shelf<Overview>) -> impl IntoView {
    let Shelf { data, now } = shelf;
    let count = move || {
        data.with(|it| match (it.attention.len() as u32, it.attention_total) {
            (_, 0) => "none".to_owned(),
            (shown, total) if shown < total => format!("the worst {shown} of {total}"),
            (_, total) => format!("{total}, worst first"),
        })
    };
    let total = shelf.part(|it| it.attention_total);
    view! {
        <Card id="attention" title="Needs attention" count=Signal::derive(count)>
            <ul class="rows">
                <For each=move || data.with(|it| it.attention.clone()) key=attention_key let:attention>
                    {attention_row(attention, now)}
                </For>
            </ul>
            {move || {
                (total.get() == 0)
                    .then(|| {
                        view! {
                            <Empty
                                icon="healthy"
                                title="Nothing needs you"
                                why="No Application is degraded, missing, out of sync or failed, and every cluster answers."
                            />
                        }
                    })
            }}
        </Card>
    }
}

fn attention_key(attention: &Attention) -> (String, u64) {
    match attention {
        Attention::Application(row) => row_key(&routes::application(&row.id), &**row),
        Attention::Cluster(row) => row_key(&routes::cluster(&row.id), &**row),
    }
}

fn attention_row(attention: Attention, now: Signal<Timestamp>) -> AnyView {
    match attention {
        Attention::Application(row) => application_row(*row, now).into_any(),
        Attention::Cluster(row) => cluster_row(*row, now).into_any(),
    }
}

/// What is wrong with an Application, in a word.
fn trouble(row: &ApplicationRow) -> (Look, &'static str) {
    let failed = row.operation.as_ref().is_some_and(|it| matches!(it.phase, Phase::Failed | Phase::Error));
    match row.health {
        _ if !row.freshness.is_live() => (Look::from(&row.freshness), row.freshness.word()),
        Health::Degraded | Health::Missing => (row.health.into(), row.health.word()),
        _ if failed => (Look::Failed, "Operation failed"),
        _ if row.sync == Sync::OutOfSync => (Look::Drift, Sync::OutOfSync.label()),
        health => (health.into(), health.word()),
    }
}

fn application_row(row: ApplicationRow, now: Signal<Timestamp>) -> impl IntoView {
    let (look, word) = trouble(&row);
    let act = match look {
        Look::Failed => {
            view! { <a class="btn btn-sm" href=routes::operation(&row.id)>"See operation"</a> }.into_any()
        }
        Look::Drift => view! {
            <a class="btn btn-sm" href=routes::sync(&row.id)>
                <Icon name="sync"/>
                "Sync…"
            </a>
        }
        .into_any(),
        _ => view! { <a class="btn btn-sm" href=routes::application(&row.id)>"Open"</a> }.into_any(),
    };
    let since = row.changed_at;
    let head = view! {
        <a href=routes::application(&row.id) class="font-medium hover:underline">{row.id.name.clone()}</a>
        <EnvironmentTag environment=row.environment/>
        <span class="text-small text-mute">{row.cluster}</span>
        <span class=format!("text-small {}", look.class())>{word}</span>
    };
    attention_line(look, head, row.reason, since, act, now)
}

fn cluster_row(row: ClusterRow, now: Signal<Timestamp>) -> impl IntoView {
    let look = cluster_look(&row);
    let word = if row.freshness.is_live() { "Not well" } else { row.freshness.word() };
    let since = row.last_contact.filter(|_| !row.freshness.is_live());
    let act = view! { <a class="btn btn-sm" href=routes::cluster(&row.id)>"Open"</a> }.into_any();
    let head = view! {
        <a href=routes::cluster(&row.id) class="font-medium hover:underline">{row.id.name.clone()}</a>
        <EnvironmentTag environment=row.environment/>
        <span class="text-small text-mute">{format!("cluster of {}", row.id.control_plane)}</span>
        <span class=format!("text-small {}", look.class())>{word}</span>
    };
    attention_line(look, head, row.reason, since, act, now)
}

fn attention_line(
    look: Look,
    head: impl IntoView + 'static,
    reason: String,
    since: Option<Timestamp>,
    act: AnyView,
    now: Signal<Timestamp>,
) -> impl IntoView {
    view! {
        <li class="grid grid-cols-[1.25rem_minmax(0,1fr)] gap-x-2 px-3.5 py-2.5 hover:bg-hover md:grid-cols-[1.25rem_minmax(0,1fr)_3.25rem_7.75rem] md:items-center md:gap-x-3">
            <Mark look/>
            <div class="min-w-0">
                <p class="flex flex-wrap items-center gap-x-2">{head}</p>
                <p class="text-soft wrap-anywhere">{reason}</p>
            </div>
            <div class="col-start-2 mt-1.5 flex items-center justify-between md:contents">
                <span class="text-small whitespace-nowrap text-mute md:text-right">
                    {since.map(|at| view! { <Age at now/> })}
                </span>
                <span class="md:text-right">{act}</span>
            </div>
        </li>
    }
}

/// The changes that are on their way, the newest first.
#[component]
fn ChangesCard(shelf: Shelf<Overview>) -> impl IntoView {
    let Shelf { data, now } = shelf;
    let none = shelf.part(|it| it.changes.is_empty());
    let count = move || {
        data.with(|it| if it.changes.is_empty() { "none".into() } else { it.changes.len().to_string() })
    };
    let all = || view! { <a class="more" href=routes::CHANGES>"All changes"</a> };
    view! {
        <Card id="changes" title="Changes in flight" count=Signal::derive(count) more=all>
            <ul class="rows">
                <For each=move || data.with(|it| it.changes.clone()) key=|row| row_key(&row.id, row) let:row>
                    {change_row(row, now)}
                </For>
            </ul>
            {move || {
                none.get()
                    .then(|| {
                        view! {
                            <Empty
                                icon="promote"
                                title="No change is in flight"
                                why="A promotion or a rollback that is on its way is shown here."
                            />
                        }
                    })
            }}
        </Card>
    }
}

fn change_row(row: ChangeRow, now: Signal<Timestamp>) -> impl IntoView {
    let why = visible(&row.why);
    view! {
        <li>
            <a href=routes::change(row.id) class="block px-3.5 py-2.5 hover:bg-hover">
                <span class="flex items-center gap-2">
                    <span class="min-w-0 truncate font-medium" title=row.title.clone()>{row.title.clone()}</span>
                    <Icon name="arrow" class="icon-sm text-mute"/>
                    <span class="sr-only">"to"</span>
                    <EnvironmentTag environment=row.environment/>
                    <span class="ml-auto text-small text-mute">{row.id}</span>
                </span>
                <span class="mt-1 flex items-baseline gap-2 text-small">
                    <ChangeStatus state=row.state by=row.by/>
                    <span class="ml-auto min-w-0 truncate text-mute">
                        <bdi>{visible(&row.who)}</bdi>
                        ", "
                        <Age at=row.asked_at now/>
                    </span>
                </span>
                {(!why.is_empty()).then(|| view! { <span class="block text-small text-soft wrap-anywhere">{why.clone()}</span> })}
            </a>
        </li>
    }
}

#[component]
fn OperationsCard(shelf: Shelf<Overview>) -> impl IntoView {
    let Shelf { data, now } = shelf;
    let none = shelf.part(|it| it.operations.is_empty());
    view! {
        <Card id="operations" title="Latest operations">
            <ul class="rows">
                <For
                    each=move || data.with(|it| it.operations.clone())
                    key=|entry| row_key(&entry.at, entry)
                    let:entry
                >
                    {operation_row(entry, now)}
                </For>
            </ul>
            {move || {
                none.get()
                    .then(|| {
                        view! { <Empty icon="sync" title="No operation yet" why="Nothing was synced since Quarterdeck began to watch."/> }
                    })
            }}
        </Card>
    }
}

fn operation_row(entry: HistoryEntry, now: Signal<Timestamp>) -> AnyView {
    let HistoryEvent::Operation { phase, finished_at, started_by, message, .. } = entry.what else {
        return ().into_any();
    };
    let took = finished_at.map(|end| format!(" in {}", entry.at.took(end))).unwrap_or_default();
    let who = started_by.unwrap_or_else(|| "Argo CD".into());
    view! {
        <li>
            <a href=routes::operation(&entry.application) class="block px-3.5 py-2.5 hover:bg-hover" title=message>
                <span class="flex items-center gap-2">
                    <span class="truncate font-medium">{entry.application.name.clone()}</span>
                    <span class="ml-auto text-small whitespace-nowrap text-mute">
                        <Age at=entry.at now/>
                    </span>
                </span>
                <span class="mt-1 flex items-center gap-2 text-small">
                    <Status look=phase word=format!("{}{took}", phase.word())/>
                    <span class="ml-auto truncate text-mute">{who}</span>
                </span>
            </a>
        </li>
    }
    .into_any()
}

#[component]
fn ClusterCards(shelf: Shelf<Overview>) -> impl IntoView {
    let Shelf { data, now } = shelf;
    let count = move || data.with(|it| counted(it.clusters.len() as u32, "cluster", "clusters"));
    let none = shelf.part(|it| it.clusters.is_empty());
    view! {
        <section class="mt-6" aria-labelledby="clusters">
            <div class="mb-2 flex items-center gap-2">
                <h2 id="clusters">"Clusters"</h2>
                <span class="count">{count}</span>
            </div>
            <div class="grid gap-3 sm:grid-cols-2 lg:grid-cols-3 xl:grid-cols-4">
                <For each=move || data.with(|it| it.clusters.clone()) key=|row| row_key(&row.id, row) let:row>
                    {cluster_card(row, now)}
                </For>
            </div>
            {move || {
                none.get()
                    .then(|| {
                        view! {
                            <div class="card">
                                <Empty
                                    icon="cluster"
                                    title="No cluster yet"
                                    why="Argo CD has no cluster registered, or its control plane does not answer."
                                />
                            </div>
                        }
                    })
            }}
        </section>
    }
}

fn cluster_card(row: ClusterRow, now: Signal<Timestamp>) -> impl IntoView {
    let live = row.freshness.is_live();
    let nodes =
        row.nodes.map(|nodes| format!(" · {} of {} nodes", nodes.ready, nodes.total)).unwrap_or_default();
    let version = row.version.clone().map(|version| format!("{version} · ")).unwrap_or_default();
    let facts = format!("{version}{}{nodes}", counted(row.applications, "Application", "Applications"));
    let state = if live && row.reason.is_empty() {
        view! { <Status look=Look::Healthy word="Live"/> }.into_any()
    } else if live {
        view! { <Status look=Look::Degraded word="Not well"/> }.into_any()
    } else {
        view! { <FreshnessStatus freshness=row.freshness.clone() now/> }.into_any()
    };
    let pods = match row.pods_not_ready {
        _ if !row.reason.is_empty() => row.reason.clone(),
        None => "pods: not known".into(),
        Some(0) => "all pods ready".into(),
        Some(count) => format!("{} not ready", counted(count, "pod", "pods")),
    };
    let foot = if live {
        view! {
            <span class="mt-2 grid grid-cols-[auto_1fr_auto_1fr] items-center gap-x-2 text-small text-mute">
                <span>"CPU"</span>
                <UsageBar label="CPU" usage=row.cpu/>
                <span class="ml-1">"Mem"</span>
                <UsageBar label="Memory" usage=row.memory/>
            </span>
        }
        .into_any()
    } else {
        view! {
            <span class="mt-2 block text-small text-mute">
                {match row.last_contact {
                    Some(at) => view! { "Last contact " <Age at now suffix=" ago"/> }.into_any(),
                    None => "It has not answered so far".into_any(),
                }}
            </span>
        }
        .into_any()
    };
    let card = if live {
        "card block px-3 py-2.5 hover:border-edge"
    } else {
        "card block border-dashed px-3 py-2.5 hover:border-edge"
    };
    view! {
        <a href=routes::cluster(&row.id) class=card>
            <span class="flex items-center gap-2">
                <span class="truncate font-medium">{row.id.name.clone()}</span>
                <EnvironmentTag environment=row.environment/>
                <span class="ml-auto text-small">{state}</span>
            </span>
            <span class="mt-1 block truncate text-small text-mute">{facts}</span>
            <span class="mt-0.5 block truncate text-small text-soft" title=pods.clone()>{pods.clone()}</span>
            {foot}
        </a>
    }
}

/// How a cluster looks: not live, not well, or well.
pub(super) fn cluster_look(row: &ClusterRow) -> Look {
    match (&row.freshness, row.reason.is_empty()) {
        (freshness, _) if !freshness.is_live() => freshness.into(),
        (_, true) => Look::Healthy,
        (_, false) => Look::Degraded,
    }
}

/// The state of a cluster in words.
pub(super) fn cluster_words(row: &ClusterRow, now: Timestamp) -> String {
    if row.freshness.is_live() && !row.reason.is_empty() {
        "Not well".into()
    } else {
        freshness_words(&row.freshness, now)
    }
}
