//! The list of Applications: its query is the URL, and all work on it is done on the server.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};
use model::{
    application::{ApplicationList, ListApplications, SortBy},
    status::{Environment, Freshness, Health, Phase, Sync},
    view::View,
};

use super::{Shelf, live_page};
use crate::{
    api::list_applications,
    filter::{self, Facet},
    routes,
    ui::{
        badge::{EnvironmentTag, Look, RowHealth, RowSync, Status, Version},
        card::Table,
        empty::Empty,
        icon::Icon,
        notice::Notices,
        pager::{Pager, Place},
        rows::{row_class, row_key},
        search::SearchForm,
        shell::{Crumb, TopBar},
        time::Age,
    },
};

/// The form that all filters belong to, wherever they stand.
const FORM: &str = "filters";

/// The page of the list.
#[component]
pub(crate) fn ApplicationsPage() -> impl IntoView {
    let map = use_query_map();
    let query =
        Memo::new(move |_| map.with(|map| filter::from_values(|key| map.get_all(key).unwrap_or_default())));
    live_page(
        move || View::Applications(query.get()),
        crumbs,
        |view| async move {
            let query =
                if let View::Applications(query) = view { query } else { ListApplications::default() };
            list_applications(query).await
        },
        move |shelf| draw(shelf, query),
    )
}

fn crumbs() -> Vec<Crumb> {
    vec![Crumb::link("Fleet", routes::OVERVIEW), Crumb::here("Applications")]
}

fn draw(shelf: Shelf<ApplicationList>, query: Memo<ListApplications>) -> AnyView {
    view! {
        <Title text="Applications"/>
        <TopBar crumbs=Signal::derive(crumbs)/>
        <Notices
            control_planes=shelf.part(|it| it.control_planes.clone())
            warnings=shelf.part(|it| it.warnings.clone())
            now=shelf.now
        />
        <main id="main" class="main" tabindex="-1">
            <div class="page-head">
                <div class="min-w-0">
                    <h1>"Applications"</h1>
                    <p class="page-sub">{move || shelf.data.with(summary)}</p>
                </div>
            </div>
            <Search shelf query/>
            <ActiveFilters query/>
            <div class="grid grid-cols-1 items-start gap-4 lg:grid-cols-[12.5rem_minmax(0,1fr)]">
                <aside id="facets" aria-label="Filters" class="order-last min-w-0 lg:order-first">
                    <h2 class="sr-only">"Filters"</h2>
                    {Facet::ALL.map(|facet| view! { <FacetGroup facet shelf query/> })}
                </aside>
                <section class="card min-w-0 overflow-hidden" aria-labelledby="matches">
                    <h2 id="matches" class="sr-only">"Applications that match"</h2>
                    <Rows shelf query/>
                    <Nothing shelf query/>
                    <Pages shelf query/>
                </section>
            </div>
        </main>
    }
    .into_any()
}

fn summary(list: &ApplicationList) -> String {
    let planes = list.control_planes.len();
    let planes = if planes == 1 { "1 control plane".into() } else { format!("{planes} control planes") };
    format!("{} of {} in {planes}", list.matching, list.total)
}

/// Goes to the list that a query asks for; the browser's back leads past what was typed.
fn go(replace: bool) -> impl Fn(&ListApplications) + Clone + Send + std::marker::Sync + 'static {
    let navigate = use_navigate();
    move |query: &ListApplications| {
        let options = NavigateOptions { replace, scroll: false, ..Default::default() };
        navigate(&routes::applications(query), options);
    }
}

/// The search, and the form that carries all filters without JavaScript.
#[component]
fn Search(shelf: Shelf<ApplicationList>, query: Memo<ListApplications>) -> impl IntoView {
    let (type_to, submit_to) = (go(true), go(false));
    let search = move |q: String, replace: bool| {
        let query = ListApplications { q, page: 0, ..query.get_untracked() };
        if replace { type_to(&query) } else { submit_to(&query) }
    };
    view! {
        <SearchForm
            id=FORM
            label="Applications"
            action=routes::APPLICATIONS
            placeholder="Name, app, cluster, project, namespace, version or commit"
            q=Memo::new(move |_| query.with(|query| query.q.clone()))
            count=Signal::derive(move || shelf.data.with(|it| format!("{} of {}", it.matching, it.total)))
            kept=Signal::derive(move || query.with(filter::order_pairs))
            go=search
        >
            <a class="btn h-9 lg:hidden" href="#facets">
                <Icon name="filter"/>
                "Filters"
            </a>
        </SearchForm>
    }
}

/// The filters that are set; each link takes one back.
#[component]
fn ActiveFilters(query: Memo<ListApplications>) -> impl IntoView {
    move || {
        let query = query.get();
        let text = (!query.q.is_empty()).then(|| {
            let without = ListApplications { q: String::new(), page: 0, ..query.clone() };
            ("Text".to_owned(), query.q.clone(), routes::applications(&without))
        });
        let facets = Facet::ALL.into_iter().flat_map(|facet| {
            let query = query.clone();
            facet.chosen(&query.clone()).to_vec().into_iter().map(move |value| {
                let without = facet.toggled(&query, &value);
                (facet.title().to_owned(), value, routes::applications(&without))
            })
        });
        let chips = text
            .into_iter()
            .chain(facets)
            .map(|(title, value, href)| {
                view! {
                    <a class="chip chip-on" href=href title="Take this filter back">
                        {title}
                        ": "
                        <b>{label_of(&value)}</b>
                        <Icon name="x" class="icon-sm"/>
                    </a>
                }
            })
            .collect_view();
        query.is_filtered().then(|| {
            view! {
                <div class="toolbar">
                    {chips}
                    <a class="link text-small" href=routes::applications(&filter::cleared(&query))>
                        "Clear the filters"
                    </a>
                </div>
            }
        })
    }
}

/// The values of one filter with their counts.
#[component]
fn FacetGroup(facet: Facet, shelf: Shelf<ApplicationList>, query: Memo<ListApplications>) -> impl IntoView {
    let values =
        Memo::new(move |_| shelf.data.with(|it| query.with(|query| facet.values(&it.facets, query))));
    let go = go(false);
    let toggle =
        StoredValue::new(move |value: &str| go(&query.with_untracked(|it| facet.toggled(it, value))));
    // Closed by default, but for the filters that people reach for first and those that are set.
    let open =
        !matches!(facet, Facet::Operation) || query.with_untracked(|query| !facet.chosen(query).is_empty());
    view! {
        <details class="facet" open=open>
            <summary>
                <Icon name="right" class="icon-sm"/>
                {facet.title()}
            </summary>
            <ul>
                <For
                    each=move || values.get()
                    key=|value| value.value.clone()
                    children=move |value| {
                        let word = StoredValue::new(value.value);
                        let count = Memo::new(move |_| {
                            let word = word.get_value();
                            values.with(|values| values.iter().find(|it| it.value == word).map_or(0, |it| it.count))
                        });
                        let chosen = move || {
                            let word = word.get_value();
                            query.with(|query| facet.chosen(query).contains(&word))
                        };
                        view! {
                            <li>
                                <label>
                                    <input
                                        type="checkbox"
                                        class="check"
                                        form=FORM
                                        name=facet.key()
                                        value=word.get_value()
                                        checked=chosen
                                        prop:checked=chosen
                                        on:change=move |_| toggle.with_value(|toggle| toggle(&word.get_value()))
                                    />
                                    <span class=move || {
                                        if count.get() == 0 {
                                            "min-w-0 truncate text-mute [&_.icon]:text-mute [&_.status]:text-mute"
                                        } else {
                                            "min-w-0 truncate"
                                        }
                                    }>{facet_word(facet, &word.get_value(), shelf)}</span>
                                    <span class="n">{count}</span>
                                </label>
                            </li>
                        }
                    }
                />
            </ul>
            {move || values.read().is_empty().then(|| view! { <p class="px-1 text-small text-mute">"none"</p> })}
        </details>
    }
}

/// Draws the value of a filter as the list draws it.
fn facet_word(facet: Facet, value: &str, shelf: Shelf<ApplicationList>) -> AnyView {
    match facet {
        Facet::Health if value == "Stale" => view! { <Status look=Look::Stale word="Stale"/> }.into_any(),
        Facet::Health => {
            let health = Health::parse(value);
            view! { <Status look=health word=health.word()/> }.into_any()
        }
        Facet::Sync => {
            let sync = Sync::parse(value);
            view! { <Status look=sync word=sync.label()/> }.into_any()
        }
        Facet::Operation => match Phase::parse(value) {
            Some(phase) => view! { <Status look=phase word=phase.word()/> }.into_any(),
            None => value.to_owned().into_any(),
        },
        Facet::Environment => {
            let like = |row: &model::application::ApplicationRow| row.environment.name() == Some(value);
            let known = shelf
                .data
                .with_untracked(|it| it.rows.iter().find(|row| like(row)).map(|row| row.environment.clone()));
            match known {
                Some(environment @ Environment::Known { .. }) => {
                    view! { <EnvironmentTag environment/> }.into_any()
                }
                _ => value.to_owned().into_any(),
            }
        }
        Facet::Project | Facet::Cluster => value.to_owned().into_any(),
    }
}

fn label_of(value: &str) -> String {
    if value == Sync::OutOfSync.word() { Sync::OutOfSync.label().into() } else { value.into() }
}

#[component]
fn Rows(shelf: Shelf<ApplicationList>, query: Memo<ListApplications>) -> impl IntoView {
    let Shelf { data, now } = shelf;
    view! {
        <Table caption="Applications that match">
            <thead>
                <tr>
                    <SortHead sort=SortBy::Name words="Application" class="lead" query/>
                    <SortHead sort=SortBy::Health words="Health" query/>
                    <SortHead sort=SortBy::Sync words="Sync" class="hidden sm:table-cell" query/>
                    <SortHead sort=SortBy::Environment words="Environment" class="hidden md:table-cell" query/>
                    <SortHead sort=SortBy::Cluster words="Cluster" class="hidden lg:table-cell" query/>
                    <th scope="col" class="hidden md:table-cell">"Version"</th>
                    <SortHead sort=SortBy::Worst words="Reason" class="hidden w-full xl:table-cell" query/>
                    <SortHead sort=SortBy::Changed words="Changed" class="num hidden sm:table-cell" query/>
                </tr>
            </thead>
            <tbody>
                <For each=move || data.with(|it| it.rows.clone()) key=|row| row_key(&row.id, row) let:row>
                    {
                        let live = row.freshness.is_live();
                        let reason = reason_of(&row.freshness, &row.reason);
                        let name = if live {
                            "font-medium whitespace-nowrap hover:underline"
                        } else {
                            "font-medium whitespace-nowrap text-mute hover:underline"
                        };
                        view! {
                            <tr class=row_class(live)>
                                <td class="lead">
                                    <a href=routes::application(&row.id) class=name>{row.id.name.clone()}</a>
                                    {row.deleting.then(|| view! { <span class="badge badge-plain ml-2">"being deleted"</span> })}
                                    // What the columns say from a width of 832 px on.
                                    <span class="mt-0.5 flex items-center gap-2 md:hidden">
                                        <EnvironmentTag environment=row.environment.clone()/>
                                        <Version version=row.version.clone()/>
                                    </span>
                                    <span class="block text-small whitespace-normal text-mute wrap-anywhere xl:hidden">
                                        {reason.clone()}
                                    </span>
                                </td>
                                <td>
                                    <RowHealth row=row.clone() now/>
                                    <span class="block sm:hidden">
                                        {(live && row.sync == Sync::OutOfSync)
                                            .then(|| view! { <RowSync sync=row.sync live/> })}
                                    </span>
                                </td>
                                <td class="hidden sm:table-cell">
                                    <RowSync sync=row.sync live/>
                                </td>
                                <td class="hidden md:table-cell">
                                    <EnvironmentTag environment=row.environment/>
                                </td>
                                <td class="hidden whitespace-nowrap text-soft lg:table-cell">{row.cluster}</td>
                                <td class="hidden whitespace-nowrap md:table-cell">
                                    <Version version=row.version/>
                                </td>
                                <td class="hidden w-full min-w-56 text-soft xl:table-cell" title=reason.clone()>
                                    <span class="line-clamp-2 wrap-anywhere">{reason.clone()}</span>
                                </td>
                                <td class="num hidden text-mute sm:table-cell">
                                    {row.changed_at.map(|at| view! { <Age at now/> })}
                                </td>
                            </tr>
                        }
                    }
                </For>
            </tbody>
        </Table>
    }
}

/// Why a row is as it is: what Argo CD says, or why we cannot know.
fn reason_of(freshness: &Freshness, reason: &str) -> String {
    match freshness {
        Freshness::Stale { why, .. } | Freshness::Unreachable { why, .. } if reason.is_empty() => why.clone(),
        _ => reason.to_owned(),
    }
}

/// The head of a column that the list can be sorted by; a second time turns it round.
#[component]
fn SortHead(
    sort: SortBy,
    words: &'static str,
    #[prop(optional)] class: &'static str,
    query: Memo<ListApplications>,
) -> impl IntoView {
    let chosen = Memo::new(move |_| query.with(|query| (query.sort == sort).then_some(query.reverse)));
    let href = move || {
        let reverse = chosen.get() == Some(false);
        routes::applications(&ListApplications { sort, reverse, page: 0, ..query.get() })
    };
    // Names read from A on; the rest begins with the worst or the newest, which is their descending order.
    let natural = if matches!(sort, SortBy::Name | SortBy::Cluster | SortBy::Project | SortBy::Environment) {
        ["ascending", "descending"]
    } else {
        ["descending", "ascending"]
    };
    view! {
        <th scope="col" class=class aria-sort=move || chosen.get().map(|reverse| natural[usize::from(reverse)])>
            <a
                href=href
                class=move || {
                    if chosen.get().is_some() {
                        "inline-flex items-center gap-1 text-ink"
                    } else {
                        "inline-flex items-center gap-1 hover:text-ink"
                    }
                }
            >
                {words}
                {move || {
                    chosen
                        .get()
                        .map(|reverse| {
                            let class = if reverse { "icon-sm rotate-180" } else { "icon-sm" };
                            view! { <Icon name="down" class/> }
                        })
                }}
            </a>
        </th>
    }
}

/// Why the list is empty: there are none, they are hidden, or nobody answers.
#[component]
fn Nothing(shelf: Shelf<ApplicationList>, query: Memo<ListApplications>) -> impl IntoView {
    #[derive(Clone, PartialEq)]
    enum Why {
        Hidden(u32),
        PastTheEnd,
        NoAnswer,
        None(usize),
    }
    let why = shelf.part(|it| {
        let answers = it.control_planes.iter().filter(|plane| plane.freshness.is_live()).count();
        match (it.rows.is_empty(), it.matching, it.total) {
            (false, ..) => None,
            (true, 0, 0) if answers == 0 => Some(Why::NoAnswer),
            (true, 0, 0) => Some(Why::None(answers)),
            (true, 0, total) => Some(Why::Hidden(total)),
            (true, ..) => Some(Why::PastTheEnd),
        }
    });
    let hidden = move |total: u32| {
        let query = query.get();
        let by = filter::words(&query).join(" and ");
        let (noun, verb) = if total == 1 { ("Application", "is") } else { ("Applications", "are") };
        view! {
            <Empty icon="filter" title="No Application matches" why=format!("{total} {noun} {verb} hidden by {by}.")>
                <a class="btn" href=routes::applications(&filter::cleared(&query))>
                    <Icon name="x"/>
                    "Clear the filters"
                </a>
            </Empty>
        }
    };
    move || {
        match why.get()? {
        Why::Hidden(total) => Some(hidden(total).into_any()),
        Why::PastTheEnd => {
            let first = routes::applications(&ListApplications { page: 0, ..query.get() });
            Some(
                view! {
                    <Empty icon="rows" title="Nothing on this page" why="The list became shorter than this page.">
                        <a class="btn" href=first>"Go to the first page"</a>
                    </Empty>
                }
                .into_any(),
            )
        }
        Why::NoAnswer => Some(
            view! {
                <Empty
                    icon="unreachable"
                    title="No control plane answers"
                    why="Applications cannot be listed, so none are shown. They appear by themselves once one answers."
                />
            }
            .into_any(),
        ),
        Why::None(planes) => {
            let planes = if planes == 1 { "1 control plane is".into() } else { format!("{planes} control planes are") };
            Some(
                view! {
                    <Empty
                        icon="layers"
                        title="No Application yet"
                        why=format!("{planes} connected and hold none that you may see. A new one appears here by itself.")
                    />
                }
                .into_any(),
            )
        }
    }
    }
}

#[component]
fn Pages(shelf: Shelf<ApplicationList>, query: Memo<ListApplications>) -> impl IntoView {
    let place = shelf.part(|it| Place {
        page: it.page,
        per_page: it.per_page,
        matching: it.matching,
        shown: it.rows.len() as u32,
    });
    let to = move |page: u32| routes::applications(&ListApplications { page, ..query.get() });
    let more = Signal::derive(move || {
        let Place { per_page, matching, .. } = place.get();
        let query = ListApplications { page: 0, per_page: 200, ..query.get() };
        (per_page < 200 && matching > per_page).then(|| ("Show 200 per page", routes::applications(&query)))
    });
    view! { <Pager place to more/> }
}
