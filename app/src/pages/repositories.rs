//! The repositories that Applications come from: how fresh each is, what was understood, and what is wrong in it.

mod findings;
mod mirror;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::{
    Timestamp,
    repository::{Branch, FoundApp, MirrorState, NotUnderstood, RepositoryList, RepositoryRow, Severity},
};

use self::{
    findings::{Findings, SeverityFilter},
    mirror::{Fetch, MirrorNote, MirrorStatus},
};
use super::{cluster::bytes, overview::counted, still_page};
use crate::{
    api::{FetchRepository, list_repositories},
    routes,
    ui::{
        badge::Revision, card::Table, diff::visible, empty::Empty, icon::Icon, notice::ErrorNote,
        shell::Crumb, time::Age,
    },
};

/// The page of the repositories.
#[component]
pub(crate) fn RepositoriesPage() -> impl IntoView {
    let query = use_query_map();
    let severity = Memo::new(move |_| query.read().get("severity").as_deref().and_then(findings::parse));
    let fetch = ServerAction::<FetchRepository>::new();
    still_page(
        move || fetch.version().get(),
        crumbs,
        |_| list_repositories(),
        move |list| draw(list, severity.get(), fetch),
    )
}

fn crumbs() -> Vec<Crumb> {
    vec![Crumb::link("Fleet", routes::OVERVIEW), Crumb::here("Repositories")]
}

fn draw(list: RepositoryList, severity: Option<Severity>, fetch: ServerAction<FetchRepository>) -> AnyView {
    let RepositoryList { now, repositories } = list;
    let error = Signal::derive(move || fetch.value().get().and_then(Result::err));
    let failing = repositories.iter().filter(|it| matches!(it.mirror, MirrorState::Failing { .. })).count();
    let sub = match (repositories.len(), failing) {
        (0, _) => "What Applications come from, and what is wrong in it.".to_owned(),
        (count, 0) => format!("{}, all can be fetched.", counted(count as u32, "repository", "repositories")),
        (count, failing) => {
            format!("{}, {failing} cannot be fetched.", counted(count as u32, "repository", "repositories"))
        }
    };
    let filter = repositories.iter().any(|it| !it.findings.is_empty()).then(|| {
        let all: Vec<_> =
            repositories.iter().flat_map(|it| it.findings.iter().map(|it| it.severity)).collect();
        view! { <SeverityFilter severities=all chosen=severity/> }
    });
    let is_empty = repositories.is_empty();
    let cards = repositories
        .into_iter()
        .enumerate()
        .map(|(place, repository)| view! { <Repository place repository severity fetch now/> })
        .collect_view();
    view! {
        <Title text="Repositories"/>
        <main id="main" class="main" tabindex="-1">
            <div class="page-head">
                <div>
                    <h1>"Repositories"</h1>
                    <p class="page-sub">{sub}</p>
                </div>
            </div>
            <ErrorNote what="The repository was not fetched" error/>
            {filter}
            {is_empty
                .then(|| {
                    view! {
                        <div class="card">
                            <Empty
                                icon="branch"
                                title="No repository yet"
                                why="Repositories come from the sources of the Applications that you may see. None has one."
                            />
                        </div>
                    }
                })}
            <div class="grid grid-cols-1 gap-4">{cards}</div>
        </main>
    }
    .into_any()
}

#[component]
fn Repository(
    place: usize,
    repository: RepositoryRow,
    severity: Option<Severity>,
    fetch: ServerAction<FetchRepository>,
    now: Timestamp,
) -> impl IntoView {
    let RepositoryRow {
        id,
        url,
        control_plane,
        mirror,
        bytes: size,
        branches,
        applications,
        apps,
        not_understood,
        findings,
    } = repository;
    let is_known = !matches!(mirror, MirrorState::Never | MirrorState::Failing { fetched_at: None, .. });
    let heading = format!("repository-{place}");
    let size = if size == 0 { "nothing yet".to_owned() } else { bytes(size) };
    view! {
        <section class="card overflow-hidden" aria-labelledby=heading.clone()>
            <div class="card-head">
                <h2 id=heading.clone() class="min-w-0 wrap-anywhere">{url}</h2>
                <span class="count">{control_plane}</span>
                <span class="btn-row ml-auto">
                    <MirrorStatus mirror=mirror.clone() now/>
                    <Fetch id fetch/>
                </span>
            </div>
            <MirrorNote mirror now/>
            <dl class="grid grid-cols-2 gap-px border-b border-line bg-line text-small sm:grid-cols-4">
                <Figure label="Applications" value=applications.to_string()/>
                <Figure label="apps found" value=if is_known { apps.len().to_string() } else { "not known".into() }/>
                <Figure label="findings" value=if is_known { findings.len().to_string() } else { "not known".into() }/>
                <Figure label="on disk" value=size/>
            </dl>
            <Branches branches now/>
            <Findings findings severity/>
            <Misunderstood places=not_understood/>
            <Apps apps/>
        </section>
    }
}

#[component]
fn Figure(label: &'static str, value: String) -> impl IntoView {
    view! {
        <div class="flex flex-row-reverse items-baseline justify-end gap-2 bg-surface px-3.5 py-2">
            <dt class="text-mute">{label}</dt>
            <dd class="text-lead font-semibold">{value}</dd>
        </div>
    }
}

/// What Applications follow, with its newest commit.
#[component]
fn Branches(branches: Vec<Branch>, now: Timestamp) -> impl IntoView {
    let rows = branches
        .into_iter()
        .map(|branch| {
            let head = match branch.head {
                Some(head) => view! {
                    <td>
                        <Revision revision=head.id/>
                    </td>
                    <td class="w-full wrap-anywhere">
                        <bdi>{visible(&head.subject)}</bdi>
                        <span class="block text-small text-mute sm:hidden">
                            <bdi>{visible(&head.author)}</bdi>
                            ", "
                            <Age at=head.at now/>
                        </span>
                    </td>
                    <td class="hidden whitespace-nowrap text-mute sm:table-cell">
                        <bdi>{visible(&head.author)}</bdi>
                    </td>
                    <td class="num hidden text-mute sm:table-cell">
                        <Age at=head.at now/>
                    </td>
                }
                .into_any(),
                None => view! { <td colspan="4" class="text-mute">"its head is not known"</td> }.into_any(),
            };
            view! {
                <tr>
                    <th scope="row" class="text-left font-mono text-small font-normal whitespace-nowrap">
                        <Icon name="branch" class="icon-sm mr-1.5 text-mute"/>
                        {visible(&branch.name)}
                    </th>
                    {head}
                </tr>
            }
        })
        .collect::<Vec<_>>();
    (!rows.is_empty()).then(|| {
        view! {
            <Table caption="What Applications follow">
                <thead class="sr-only">
                    <tr>
                        <th scope="col">"Branch"</th>
                        <th scope="col">"Commit"</th>
                        <th scope="col">"Subject"</th>
                        <th scope="col">"Author"</th>
                        <th scope="col">"Age"</th>
                    </tr>
                </thead>
                <tbody>{rows.into_iter().collect_view()}</tbody>
            </Table>
        }
    })
}

/// What looks like an app and is none that we can read.
#[component]
fn Misunderstood(places: Vec<NotUnderstood>) -> impl IntoView {
    (!places.is_empty()).then(|| {
        let head = counted(places.len() as u32, "place is not understood", "places are not understood");
        let rows = places
            .into_iter()
            .map(|it| {
                view! {
                    <li class="px-3.5 py-2 text-small">
                        <code class="wrap-anywhere">{visible(&it.path)}</code>
                        <p class="wrap-anywhere text-soft">{it.why}</p>
                    </li>
                }
            })
            .collect_view();
        view! {
            <details class="group/odd border-t border-line" open=true>
                <summary class="flex items-center gap-2 px-3.5 py-2 hover:bg-hover">
                    <Icon name="right" class="icon-sm group-open/odd:rotate-90"/>
                    <Icon name="unknown" class="text-mute"/>
                    <span class="font-medium">{head}</span>
                </summary>
                <ul class="rows border-t border-line">{rows}</ul>
            </details>
        }
    })
}

/// The apps that were found, folded.
#[component]
fn Apps(apps: Vec<FoundApp>) -> impl IntoView {
    (!apps.is_empty()).then(|| {
        let head = counted(apps.len() as u32, "app found", "apps found");
        let names: Vec<_> = apps.iter().map(|app| visible(&app.name)).collect();
        let rows = apps
            .into_iter()
            .map(|app| {
                view! {
                    <tr>
                        <th scope="row" class="text-left font-medium wrap-anywhere">
                            {visible(&app.name)}
                            <span class="block font-mono text-small font-normal text-mute">{visible(&app.base_path)}</span>
                        </th>
                        <td class="hidden whitespace-nowrap text-soft sm:table-cell">{app.layout}</td>
                        <td class="text-soft wrap-anywhere">{visible(&app.environments.join(", "))}</td>
                    </tr>
                }
            })
            .collect_view();
        view! {
            <details class="group/apps border-t border-line">
                <summary class="flex items-center gap-2 px-3.5 py-2 hover:bg-hover">
                    <Icon name="right" class="icon-sm group-open/apps:rotate-90"/>
                    <span class="font-medium whitespace-nowrap">{head}</span>
                    <span class="truncate text-small text-mute">{names.join(", ")}</span>
                </summary>
                <div class="border-t border-line">
                    <Table caption="Apps found in the repository">
                        <thead>
                            <tr>
                                <th scope="col">"App"</th>
                                <th scope="col" class="hidden sm:table-cell">"Layout"</th>
                                <th scope="col" class="w-full">"Environments"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </Table>
                </div>
            </details>
        }
    })
}
