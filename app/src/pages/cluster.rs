//! One cluster: whether it answers, its nodes, its pods that are not ready, and what runs there.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use model::{
    Timestamp,
    application::{ApplicationRow, ListApplications},
    cluster::{ClusterDetail, ClusterId, Node, Pod, Usage},
    status::Freshness,
    view::View,
};

use super::{
    Shelf, live_page,
    overview::{cluster_look, cluster_words},
};
use crate::{
    api::get_cluster,
    routes,
    ui::{
        badge::{EnvironmentTag, Look, RowHealth, RowSync, Status, Version},
        bar::UsageBar,
        card::{Card, Fact, Table},
        empty::Empty,
        icon::Icon,
        rows::{row_class, row_key},
        shell::{Crumb, TopBar},
        time::Age,
    },
};

/// The page of a cluster.
#[component]
pub(crate) fn ClusterPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| {
        params.with(|params| ClusterId {
            control_plane: params.get("control_plane").unwrap_or_default(),
            name: params.get("name").unwrap_or_default(),
        })
    });
    let crumbs = move || {
        vec![
            Crumb::link("Fleet", routes::OVERVIEW),
            Crumb::link("Clusters", routes::CLUSTERS),
            Crumb::here(id.get().name),
        ]
    };
    live_page(
        move || View::Cluster(id.get()),
        crumbs,
        |view| async move {
            let id = if let View::Cluster(id) = view { id } else { ClusterId::default() };
            get_cluster(id).await
        },
        move |shelf| draw(shelf, Signal::derive(crumbs)),
    )
}

fn draw(shelf: Shelf<ClusterDetail>, crumbs: Signal<Vec<Crumb>>) -> AnyView {
    let Shelf { data, now } = shelf;
    let environment = shelf.part(|it| it.row.environment.clone());
    let protected = shelf.part(|it| it.row.environment.is_protected());
    view! {
        <Title text=move || data.with(|it| it.row.id.name.clone())/>
        <TopBar crumbs protected/>
        <main id="main" class="main" tabindex="-1">
            <div class="page-head">
                <div class="min-w-0">
                    <div class="flex flex-wrap items-center gap-2.5">
                        <h1 class="break-all">{move || data.with(|it| it.row.id.name.clone())}</h1>
                        {move || view! { <EnvironmentTag environment=environment.get()/> }}
                    </div>
                    <p class="page-sub wrap-anywhere">
                        {move || {
                            data.with(|it| format!("Cluster of control plane {}. {}", it.row.id.control_plane, it.row.server))
                        }}
                    </p>
                </div>
            </div>
            <Facts shelf/>
            {move || data.with(trouble)}
            <div class="grid grid-cols-1 items-start gap-4 xl:grid-cols-[minmax(0,1fr)_22rem]">
                <div class="grid min-w-0 grid-cols-1 gap-4">
                    <PodsCard shelf/>
                    <NodesCard shelf/>
                    <ApplicationsCard shelf/>
                </div>
                <div class="grid grid-cols-1 gap-4 md:grid-cols-2 xl:grid-cols-1">
                    <CapacityCard shelf/>
                    <AccessCard shelf now/>
                </div>
            </div>
        </main>
    }
    .into_any()
}

#[component]
fn Facts(shelf: Shelf<ClusterDetail>) -> impl IntoView {
    let Shelf { now, .. } = shelf;
    let row = shelf.part(|it| it.row.clone());
    let state = move || {
        row.with(|row| {
            let look = cluster_look(row);
            view! {
                <span class=format!("status {}", look.class())>
                    <Icon name=look.icon()/>
                    {cluster_words(row, now.get())}
                </span>
            }
        })
    };
    let nodes = move || match row.with(|row| row.nodes) {
        Some(nodes) => (format!("{} of {}", nodes.ready, nodes.total), pressure(nodes.pressure)),
        None => ("not known".into(), String::new()),
    };
    view! {
        <div class="card mb-4 grid grid-cols-2 overflow-hidden lg:grid-cols-5">
            <Fact label="State" class="border-r border-b border-line lg:border-b-0">
                <p class="mt-1 text-lead font-medium">{state}</p>
            </Fact>
            <Fact label="Last contact" class="border-b border-line lg:border-r lg:border-b-0">
                <p class="mt-1 text-lead font-medium">
                    {move || match row.with(|row| row.last_contact) {
                        Some(at) => view! { <Age at now suffix=" ago"/> }.into_any(),
                        None => "never".into_any(),
                    }}
                </p>
                <p class="mt-0.5 text-small text-mute">
                    {move || row.with(|row| row.latency_ms.map(|ms| format!("answered in {ms} ms")))}
                </p>
            </Fact>
            <Fact label="Kubernetes" class="border-r border-b border-line lg:border-b-0">
                <p class="mt-1 text-lead font-medium">
                    <span class="ver text-lead">
                        {move || row.with(|row| row.version.clone().unwrap_or_else(|| "not known".into()))}
                    </span>
                </p>
            </Fact>
            <Fact label="Nodes ready" class="border-b border-line lg:border-r lg:border-b-0">
                <p class="mt-1 text-lead font-medium">{move || nodes().0}</p>
                <p class="mt-0.5 text-small text-mute">{move || nodes().1}</p>
            </Fact>
            <Fact label="Pods not ready" class="col-span-2 lg:col-span-1">
                <p class="mt-1 text-lead font-medium">
                    {move || {
                        row.with(|row| row.pods_not_ready.map_or_else(|| "not known".into(), |count| count.to_string()))
                    }}
                </p>
                <p class="mt-0.5 text-small text-mute">"without those that completed"</p>
            </Fact>
        </div>
    }
}

fn pressure(count: u32) -> String {
    if count == 0 { String::new() } else { format!("{count} under pressure") }
}

/// What is wrong, over everything else.
fn trouble(cluster: &ClusterDetail) -> Option<impl IntoView + use<>> {
    let row = &cluster.row;
    if row.freshness.is_live() && row.reason.is_empty() {
        return None;
    }
    let (class, icon) = match &row.freshness {
        Freshness::Live => ("note mb-4 text-degraded", "degraded"),
        _ => ("note mb-4 text-stale", "unreachable"),
    };
    let meaning = (!row.freshness.is_live()).then(|| {
        format!(
            "What is not known is not shown. {} Applications deploy here and show their last known state; Argo CD \
             itself may still report them Healthy.",
            row.applications
        )
    });
    let reason = row.reason.clone();
    Some(view! {
        <div class=class>
            <Icon name=icon/>
            <div>
                <p class="font-semibold wrap-anywhere">{reason}</p>
                <p class="text-soft">{meaning}</p>
            </div>
        </div>
    })
}

#[component]
fn NodesCard(shelf: Shelf<ClusterDetail>) -> impl IntoView {
    let Shelf { data, now } = shelf;
    let empty = shelf.part(|it| it.nodes.is_empty().then(|| it.row.freshness.is_live()));
    let count = move || data.with(|it| format!("{}, worst first", it.nodes.len()));
    view! {
        <Card id="nodes" title="Nodes" count=Signal::derive(count)>
            <Table caption="Nodes, worst first">
                <thead>
                    <tr>
                        <th scope="col" class="lead">"Node"</th>
                        <th scope="col">"State"</th>
                        <th scope="col" class="hidden md:table-cell">"Kubelet"</th>
                        <th scope="col" class="hidden lg:table-cell">"CPU"</th>
                        <th scope="col" class="hidden sm:table-cell sm:w-36">"Memory"</th>
                        <th scope="col" class="num hidden lg:table-cell">"Age"</th>
                    </tr>
                </thead>
                <tbody>
                    <For each=move || data.with(|it| it.nodes.clone()) key=|node| row_key(&node.name, node) let:node>
                        {node_line(node, now)}
                    </For>
                </tbody>
            </Table>
            {move || empty.get().map(|live| nothing(live, "node", "No node", "The cluster has no node."))}
        </Card>
    }
}

fn node_line(node: Node, now: Signal<Timestamp>) -> impl IntoView {
    let (look, word) = match (node.ready, node.reason.is_empty()) {
        (true, true) => (Look::Healthy, "Ready"),
        (true, false) => (Look::Degraded, "Ready"),
        (false, _) => (Look::Degraded, "NotReady"),
    };
    view! {
        <tr>
            <td class="lead">
                <span class="font-medium">{node.name}</span>
                <span class="block text-small whitespace-normal text-mute wrap-anywhere">{node.reason.clone()}</span>
            </td>
            <td>
                <Status look word/>
            </td>
            <td class="hidden font-mono text-small md:table-cell">{node.kubelet}</td>
            <td class="hidden lg:table-cell">
                <UsageBar label="CPU" usage=node.cpu/>
            </td>
            <td class="hidden sm:table-cell">
                <UsageBar label="Memory" usage=node.memory/>
            </td>
            <td class="num hidden text-mute lg:table-cell">{node.created_at.map(|at| view! { <Age at now/> })}</td>
        </tr>
    }
}

#[component]
fn PodsCard(shelf: Shelf<ClusterDetail>) -> impl IntoView {
    let Shelf { data, now } = shelf;
    let empty = shelf.part(|it| it.pods.is_empty().then(|| it.row.freshness.is_live()));
    let count = move || {
        data.with(|it| match it.row.pods_not_ready {
            Some(count) if count as usize > it.pods.len() => {
                format!("the first {} of {count}", it.pods.len())
            }
            Some(count) => format!("{count}, by reason"),
            None => "not known".into(),
        })
    };
    view! {
        <Card id="pods" title="Pods not ready" count=Signal::derive(count)>
            <Table caption="Pods that are not ready">
                <thead>
                    <tr>
                        <th scope="col" class="lead">"Pod"</th>
                        <th scope="col">"Reason"</th>
                        <th scope="col" class="hidden w-full lg:table-cell">"Why"</th>
                        <th scope="col" class="num hidden md:table-cell">"Restarts"</th>
                        <th scope="col" class="hidden md:table-cell">"Application"</th>
                        <th scope="col" class="num hidden sm:table-cell">"Since"</th>
                    </tr>
                </thead>
                <tbody>
                    <For
                        each=move || data.with(|it| it.pods.clone())
                        key=|pod| row_key(&(pod.namespace.clone(), pod.name.clone()), pod)
                        let:pod
                    >
                        {pod_line(pod, now)}
                    </For>
                </tbody>
            </Table>
            {move || empty.get().map(|live| nothing(live, "healthy", "All pods are ready", "Those that completed do not count."))}
        </Card>
    }
}

fn pod_line(pod: Pod, now: Signal<Timestamp>) -> impl IntoView {
    let look = match pod.reason.as_str() {
        "Pending" | "ContainerCreating" | "PodInitializing" => Look::Waiting,
        "Unknown" => Look::Unknown,
        _ => Look::Failed,
    };
    let application = match &pod.application {
        Some(id) => {
            view! { <a class="link whitespace-nowrap" href=routes::application(id)>{id.name.clone()}</a> }
                .into_any()
        }
        None => view! { <span class="text-mute">"none"</span> }.into_any(),
    };
    view! {
        <tr>
            <td class="lead">
                <span class="font-medium wrap-anywhere lg:whitespace-nowrap" title=format!("{}/{}", pod.namespace, pod.name)>
                    {pod.name.clone()}
                </span>
                <span class="block text-small text-mute">{pod.namespace.clone()}</span>
                <span class="block text-small whitespace-normal text-mute wrap-anywhere lg:hidden">{pod.why.clone()}</span>
            </td>
            <td>
                <Status look word=pod.reason/>
            </td>
            <td class="hidden w-full text-soft lg:table-cell" title=pod.why.clone()>
                <span class="line-clamp-3 wrap-anywhere">{pod.why.clone()}</span>
            </td>
            <td class="num hidden md:table-cell">{pod.restarts}</td>
            <td class="hidden md:table-cell">{application}</td>
            <td class="num hidden text-mute sm:table-cell">{pod.since.map(|at| view! { <Age at now/> })}</td>
        </tr>
    }
}

#[component]
fn ApplicationsCard(shelf: Shelf<ClusterDetail>) -> impl IntoView {
    let Shelf { data, now } = shelf;
    let none = shelf.part(|it| it.applications.is_empty());
    let count = move || {
        data.with(|it| {
            let total = it.row.applications;
            let well = total.saturating_sub(it.row.applications_unwell);
            if it.row.freshness.is_live() {
                format!("{well} of {total} Healthy")
            } else {
                format!("{total}, last known state")
            }
        })
    };
    let list = move || {
        let cluster = data.with(|it| it.row.id.name.clone());
        routes::applications(&ListApplications { cluster: vec![cluster], ..Default::default() })
    };
    view! {
        <Card
            id="applications"
            title="Applications here"
            count=Signal::derive(count)
            more=move || view! { <a class="more" href=list>"Open as a list"</a> }
        >
            <Table caption="Applications on this cluster">
                <thead>
                    <tr>
                        <th scope="col" class="lead">"Application"</th>
                        <th scope="col">"Health"</th>
                        <th scope="col" class="hidden sm:table-cell">"Sync"</th>
                        <th scope="col" class="hidden md:table-cell">"Version"</th>
                        <th scope="col" class="hidden lg:table-cell">"Namespace"</th>
                        <th scope="col" class="num hidden sm:table-cell">"Changed"</th>
                    </tr>
                </thead>
                <tbody>
                    <For each=move || data.with(|it| it.applications.clone()) key=|row| row_key(&row.id, row) let:row>
                        {application_line(row, now)}
                    </For>
                </tbody>
            </Table>
            {move || {
                none.get()
                    .then(|| view! { <Empty icon="layers" title="No Application" why="None deploys to this cluster that you may see."/> })
            }}
        </Card>
    }
}

fn application_line(row: ApplicationRow, now: Signal<Timestamp>) -> impl IntoView {
    let live = row.freshness.is_live();
    view! {
        <tr class=row_class(live)>
            <td class="lead">
                <a href=routes::application(&row.id) class="font-medium whitespace-nowrap hover:underline">
                    {row.id.name.clone()}
                </a>
                <span class="block text-small whitespace-normal text-mute wrap-anywhere">{row.reason.clone()}</span>
            </td>
            <td>
                <RowHealth row=row.clone() now/>
            </td>
            <td class="hidden sm:table-cell">
                <RowSync sync=row.sync live/>
            </td>
            <td class="hidden whitespace-nowrap md:table-cell">
                <Version version=row.version/>
            </td>
            <td class="hidden text-soft lg:table-cell">{row.namespace}</td>
            <td class="num hidden text-mute sm:table-cell">{row.changed_at.map(|at| view! { <Age at now/> })}</td>
        </tr>
    }
}

#[component]
fn CapacityCard(shelf: Shelf<ClusterDetail>) -> impl IntoView {
    let usage = shelf.part(|it| (it.row.cpu, it.row.memory));
    let note = shelf.part(|it| it.metrics_note.clone());
    view! {
        <Card id="capacity" title="Capacity">
            <div class="card-body grid gap-3.5">
                {move || {
                    let (cpu, memory) = usage.get();
                    view! {
                        {capacity("CPU", cpu, cores)}
                        {capacity("Memory", memory, bytes)}
                    }
                }}
                {move || note.get().map(|note| view! { <p class="text-small text-mute">{note}</p> })}
            </div>
        </Card>
    }
}

fn capacity(label: &'static str, usage: Option<Usage>, unit: fn(u64) -> String) -> impl IntoView {
    let words = match usage {
        Some(usage) => format!("{} of {}", unit(usage.used), unit(usage.allocatable)),
        None => String::new(),
    };
    view! {
        <div>
            <p class="flex items-baseline gap-2 text-small">
                <span class="font-medium">{label}</span>
                <span class="text-mute">{words}</span>
            </p>
            <div class="mt-1">
                <UsageBar label usage/>
            </div>
        </div>
    }
}

#[component]
fn AccessCard(shelf: Shelf<ClusterDetail>, now: Signal<Timestamp>) -> impl IntoView {
    let row = shelf.part(|it| it.row.clone());
    let credentials = shelf.part(|it| it.credentials.clone());
    view! {
        <Card id="access" title="Access">
            <div class="card-body">
                <dl class="kv text-small">
                    <dt>"API server"</dt>
                    <dd class="font-mono wrap-anywhere">{move || row.with(|row| row.server.clone())}</dd>
                    <dt>"Credentials"</dt>
                    <dd>{credentials}</dd>
                    <dt>"Knowledge"</dt>
                    <dd class="wrap-anywhere">{move || row.with(|row| knowledge(&row.freshness, now.get()))}</dd>
                    <dt>"Environment"</dt>
                    <dd>{move || row.with(environment_why)}</dd>
                </dl>
            </div>
        </Card>
    }
}

fn environment_why(row: &model::cluster::ClusterRow) -> String {
    super::application::environment_sentence(&row.environment)
}

fn knowledge(freshness: &Freshness, now: Timestamp) -> String {
    match freshness {
        Freshness::Connecting => "The first contact is being made".into(),
        Freshness::Live => "Live".into(),
        Freshness::Stale { since, why } => format!("Stale for {}: {why}", since.age(now)),
        Freshness::Unreachable { since, why } => format!("No answer for {}: {why}", since.age(now)),
    }
}

/// Nothing to list: there is nothing, or the cluster does not answer.
fn nothing(live: bool, icon: &'static str, title: &'static str, why: &'static str) -> AnyView {
    if live {
        view! { <Empty icon title why/> }.into_any()
    } else {
        view! {
            <Empty
                icon="unreachable"
                title="The cluster does not answer"
                why="This cannot be listed now, so nothing old is shown as new."
            />
        }
        .into_any()
    }
}

fn cores(millicores: u64) -> String {
    if millicores < 10_000 {
        format!("{:.1} cores", millicores as f64 / 1000.0)
    } else {
        format!("{} cores", millicores / 1000)
    }
}

pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value < 10.0 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}
