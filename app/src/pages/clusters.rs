//! All clusters by control plane: what the last probe of each one found.

use leptos::prelude::*;
use leptos_meta::Title;
use model::{
    Timestamp,
    cluster::{ClusterList, ClusterRow},
    status::ControlPlane,
    view::View,
};

use super::{
    Shelf, live_page,
    overview::{cluster_look, cluster_words, counted},
};
use crate::{
    api::list_clusters,
    routes,
    ui::{
        badge::{EnvironmentTag, FreshnessStatus},
        bar::UsageBar,
        card::Table,
        empty::Empty,
        icon::Icon,
        notice::Notices,
        rows::{row_class, row_key},
        shell::{Crumb, TopBar},
        time::Age,
    },
};

/// The page of all clusters.
#[component]
pub(crate) fn ClustersPage() -> impl IntoView {
    live_page(|| View::Clusters, crumbs, |_| list_clusters(), draw)
}

fn crumbs() -> Vec<Crumb> {
    vec![Crumb::link("Fleet", routes::OVERVIEW), Crumb::here("Clusters")]
}

fn draw(shelf: Shelf<ClusterList>) -> AnyView {
    let Shelf { data, now } = shelf;
    let silent = move || {
        data.with(|it| it.rows.iter().filter(|row| !row.freshness.is_live()).cloned().collect::<Vec<_>>())
    };
    let none = shelf.part(|it| it.rows.is_empty());
    view! {
        <Title text="Clusters"/>
        <TopBar crumbs=Signal::derive(crumbs)/>
        <Notices
            control_planes=shelf.part(|it| it.control_planes.clone())
            warnings=shelf.part(|it| it.warnings.clone())
            now
        />
        <main id="main" class="main" tabindex="-1">
            <div class="page-head">
                <div>
                    <h1>"Clusters"</h1>
                    <p class="page-sub">{move || data.with(summary)}</p>
                </div>
                <p class="text-small text-mute">{move || data.with(versions)}</p>
            </div>
            <For each=silent key=|row| row_key(&row.id, row) let:row>
                <Silent row now/>
            </For>
            <div class="card overflow-hidden">
                <Rows shelf/>
                {move || {
                    none.get()
                        .then(|| {
                            view! {
                                <Empty
                                    icon="cluster"
                                    title="No cluster yet"
                                    why="Argo CD has no cluster registered that you may see, or its control plane does not answer."
                                />
                            }
                        })
                }}
            </div>
            <p class="mt-3 text-small text-mute">
                "Pods not ready leaves out those that completed. CPU and memory are in use against allocatable, from the metrics of the nodes."
            </p>
        </main>
    }
    .into_any()
}

fn summary(list: &ClusterList) -> String {
    let clusters = list.rows.len();
    let planes = list.control_planes.len();
    format!(
        "{clusters} {} in {planes} {}. Each is probed on its own: a dead one delays no other.",
        if clusters == 1 { "cluster" } else { "clusters" },
        if planes == 1 { "control plane" } else { "control planes" },
    )
}

/// Returns which versions of Kubernetes run on how many clusters.
fn versions(list: &ClusterList) -> String {
    let mut counts = std::collections::BTreeMap::<String, u32>::new();
    for version in list.rows.iter().filter_map(|row| row.version.as_deref()) {
        let minor: Vec<&str> = version.trim_start_matches('v').splitn(3, '.').take(2).collect();
        *counts.entry(minor.join(".")).or_default() += 1;
    }
    if counts.is_empty() {
        return String::new();
    }
    let words: Vec<String> =
        counts.iter().rev().map(|(version, count)| format!("{version} on {count}")).collect();
    format!("Kubernetes {}", words.join(", "))
}

/// A cluster that does not answer, and what that means for what is shown.
#[component]
fn Silent(row: ClusterRow, now: Signal<Timestamp>) -> impl IntoView {
    let href = routes::cluster(&row.id);
    let name = row.id.name.clone();
    let head = {
        let row = row.clone();
        move || format!("{name}: {}. {}", cluster_words(&row, now.get()), row.reason)
    };
    let meaning = match row.applications {
        0 => "No Application deploys to it.".to_owned(),
        1 => "Its 1 Application shows its last known state, marked stale, never green.".to_owned(),
        many => format!("Its {many} Applications show their last known state, marked stale, never green."),
    };
    view! {
        <div class="note mb-4 flex-wrap text-stale">
            <Icon name="unreachable"/>
            <div class="min-w-0 flex-1 basis-72">
                <p class="font-semibold wrap-anywhere">{head}</p>
                <p class="text-soft">{meaning} " Argo CD itself may still report them Healthy."</p>
            </div>
            <a class="btn btn-sm self-center" href=href>"Open"</a>
        </div>
    }
}

#[component]
fn Rows(shelf: Shelf<ClusterList>) -> impl IntoView {
    let Shelf { data, now } = shelf;
    let planes = move || data.with(|it| it.control_planes.clone());
    view! {
        <Table caption="Clusters by control plane">
            <thead>
                <tr>
                    <th scope="col" class="lead">"Cluster"</th>
                    <th scope="col">"State"</th>
                    <th scope="col" class="hidden sm:table-cell">"Kubernetes"</th>
                    <th scope="col" class="num hidden xl:table-cell">"Applications"</th>
                    <th scope="col" class="num hidden md:table-cell">"Nodes ready"</th>
                    <th scope="col" class="num hidden lg:table-cell">"Pods not ready"</th>
                    <th scope="col" class="hidden xl:table-cell">"CPU"</th>
                    <th scope="col" class="hidden xl:table-cell">"Memory"</th>
                    <th scope="col" class="num hidden sm:table-cell">"Last contact"</th>
                </tr>
            </thead>
            <For each=planes key=|plane| plane.clone() let:plane>
                <tbody>
                    <PlaneRow plane=plane.clone() now/>
                    <For
                        each=move || {
                            let of_plane = |row: &&ClusterRow| row.id.control_plane == plane.name;
                            data.with(|it| it.rows.iter().filter(of_plane).cloned().collect::<Vec<_>>())
                        }
                        key=|row| row_key(&row.id, row)
                        let:row
                    >
                        {cluster_line(row, now)}
                    </For>
                </tbody>
            </For>
        </Table>
    }
}

#[component]
fn PlaneRow(plane: ControlPlane, now: Signal<Timestamp>) -> impl IntoView {
    view! {
        <tr class="group">
            <th scope="colgroup" colspan="9">
                <span class="flex flex-wrap items-baseline gap-x-3">
                    {format!("Control plane {}", plane.name)}
                    <span class="text-small font-normal">
                        <FreshnessStatus freshness=plane.freshness now/>
                    </span>
                    <span class="font-normal text-mute">{format!("{}, namespace {}", plane.server, plane.namespace)}</span>
                </span>
            </th>
        </tr>
    }
}

fn cluster_line(row: ClusterRow, now: Signal<Timestamp>) -> impl IntoView {
    let live = row.freshness.is_live();
    let look = cluster_look(&row);
    let words = {
        let row = row.clone();
        move || cluster_words(&row, now.get())
    };
    let known = if live { "" } else { "text-mute" };
    let nodes =
        row.nodes.map(|nodes| (format!("{} of {}", nodes.ready, nodes.total), nodes.ready < nodes.total));
    let nodes = match nodes {
        Some((words, true)) => view! { <span class="font-medium text-degraded">{words}</span> }.into_any(),
        Some((words, false)) => words.into_any(),
        None => not_known(),
    };
    let facts = narrow_facts(&row);
    view! {
        <tr class=row_class(live)>
            <td class="lead">
                <span class="flex items-center gap-2">
                    <a href=routes::cluster(&row.id) class=format!("font-medium hover:underline {known}")>
                        {row.id.name.clone()}
                    </a>
                    <EnvironmentTag environment=row.environment/>
                </span>
                <span class="block text-small whitespace-normal text-mute md:hidden">{facts}</span>
                <span class="block max-w-96 text-small whitespace-normal text-mute wrap-anywhere">
                    {row.reason.clone()}
                </span>
            </td>
            <td>
                <span class=format!("status {}", look.class())>
                    <Icon name=look.icon()/>
                    {words}
                </span>
            </td>
            <td class="hidden sm:table-cell">
                {match row.version {
                    Some(version) => view! { <span class=format!("font-mono text-small {known}")>{version}</span> }.into_any(),
                    None => not_known(),
                }}
            </td>
            <td class="num hidden xl:table-cell">{row.applications}</td>
            <td class="num hidden md:table-cell">{nodes}</td>
            <td class="num hidden lg:table-cell">
                {match row.pods_not_ready {
                    Some(0) => view! { <span class="text-mute">"0"</span> }.into_any(),
                    Some(count) => count.into_any(),
                    None => not_known(),
                }}
            </td>
            <td class="hidden xl:table-cell">
                <UsageBar label="CPU" usage=row.cpu/>
            </td>
            <td class="hidden xl:table-cell">
                <UsageBar label="Memory" usage=row.memory/>
            </td>
            <td class="num hidden text-mute sm:table-cell">
                {match row.last_contact {
                    Some(at) => view! { <Age at now suffix=" ago"/> }.into_any(),
                    None => "never".into_any(),
                }}
            </td>
        </tr>
    }
}

/// What the columns say from a width of 832 px on, in one line; empty where nothing is known.
fn narrow_facts(row: &ClusterRow) -> String {
    let nodes = row.nodes.map(|nodes| format!("{} of {} nodes ready", nodes.ready, nodes.total));
    let pods = row.pods_not_ready.map(|count| match count {
        0 => "all pods ready".to_owned(),
        count => format!("{} not ready", counted(count, "pod", "pods")),
    });
    [row.version.clone(), nodes, pods].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn not_known() -> AnyView {
    view! { <span class="text-mute">"not known"</span> }.into_any()
}
