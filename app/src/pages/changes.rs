//! The list of changes: those that are open first, then the newest. Its query is the URL, and the server does all work
//! on it.

mod filters;
mod rows;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};
use model::{
    change::{ChangeGroup, ChangeList, ListChanges},
    view::View,
};

use self::{
    filters::{Groups, Search, Toolbar},
    rows::Rows,
};
use super::{Shelf, live_page, overview::counted};
use crate::{
    api::list_changes,
    change_query, routes,
    ui::{
        empty::Empty,
        icon::Icon,
        pager::{Pager, Place},
        shell::{Crumb, TopBar},
    },
};

/// The page of the list.
#[component]
pub(crate) fn ChangesPage() -> impl IntoView {
    let map = use_query_map();
    let query = Memo::new(move |_| {
        map.with(|map| change_query::from_values(|key| map.get_all(key).unwrap_or_default()))
    });
    live_page(
        move || View::Changes(query.get()),
        crumbs,
        |view| async move {
            let query = if let View::Changes(query) = view { query } else { ListChanges::default() };
            list_changes(query).await
        },
        move |shelf| draw(shelf, query),
    )
}

fn crumbs() -> Vec<Crumb> {
    vec![Crumb::link("Fleet", routes::OVERVIEW), Crumb::here("Changes")]
}

fn draw(shelf: Shelf<ChangeList>, query: Memo<ListChanges>) -> AnyView {
    view! {
        <Title text="Changes"/>
        <TopBar crumbs=Signal::derive(crumbs)/>
        <main id="main" class="main" tabindex="-1">
            <div class="page-head">
                <div class="min-w-0">
                    <h1>"Changes"</h1>
                    <p class="page-sub">{move || shelf.data.with(summary)}</p>
                </div>
                <div class="btn-row md:ml-auto">
                    <a class="btn btn-primary" href=routes::PLANS>
                        <Icon name="promote"/>
                        "Promote…"
                    </a>
                </div>
            </div>
            <Search shelf query/>
            <Toolbar shelf query/>
            <Groups shelf query/>
            <section class="card overflow-hidden" aria-labelledby="list">
                <h2 id="list" class="sr-only">"List of changes"</h2>
                <Rows shelf/>
                <Nothing shelf query/>
                <Pages shelf query/>
            </section>
            <p class="mt-3 flex flex-wrap gap-x-4 gap-y-1 text-small text-mute">
                <span>"Steps: planned, approved, committed, synced, Healthy, soaked."</span>
                <span>"Took counts from the click to the end."</span>
            </p>
        </main>
    }
    .into_any()
}

fn summary(list: &ChangeList) -> String {
    let all = counted(list.total, "change", "changes");
    let waits =
        list.groups.iter().find(|(group, _)| *group == ChangeGroup::ForPerson).map_or(0, |(_, count)| *count);
    let waits = match waits {
        0 => "None waits for a person".to_owned(),
        1 => "1 waits for a person".to_owned(),
        many => format!("{many} wait for a person"),
    };
    format!("Promotions and rollbacks, each one commit. {all}. {waits}.")
}

/// Goes to the list that a query asks for; whether in the place of this page in the browser's history.
fn go() -> impl Fn(&ListChanges, bool) + Clone + Send + Sync + 'static {
    let navigate = use_navigate();
    move |query: &ListChanges, replace: bool| {
        let options = NavigateOptions { replace, scroll: false, ..Default::default() };
        navigate(&routes::changes(query), options);
    }
}

/// Why the list is empty: there are none, they are hidden, or the page lies behind the end.
#[component]
fn Nothing(shelf: Shelf<ChangeList>, query: Memo<ListChanges>) -> impl IntoView {
    #[derive(Clone, Copy, PartialEq)]
    enum Why {
        None,
        Hidden(u32),
        PastTheEnd,
    }
    let why = shelf.part(|it| match (it.rows.is_empty(), it.matching, it.total) {
        (false, ..) => None,
        (true, 0, 0) => Some(Why::None),
        (true, 0, total) => Some(Why::Hidden(total)),
        (true, ..) => Some(Why::PastTheEnd),
    });
    move || {
        let query = query.get();
        Some(match why.get()? {
            Why::None => view! {
                <Empty
                    icon="promote"
                    title="No change yet"
                    why="A promotion or a rollback stands here from the click on. You see those of Applications that you may see."
                >
                    <a class="btn" href=routes::PLANS>
                        <Icon name="promote"/>
                        "Promote…"
                    </a>
                </Empty>
            }
            .into_any(),
            Why::Hidden(total) => {
                let verb = if total == 1 { "is" } else { "are" };
                let by = change_query::words(&query).join(" and ");
                let why = format!("{} {verb} hidden by {by}.", counted(total, "change", "changes"));
                view! {
                    <Empty icon="filter" title="No change matches" why>
                        <a class="btn" href=routes::changes(&change_query::cleared(&query))>
                            <Icon name="x"/>
                            "Clear the filters"
                        </a>
                    </Empty>
                }
                .into_any()
            }
            Why::PastTheEnd => {
                let first = routes::changes(&ListChanges { page: 0, ..query });
                view! {
                    <Empty icon="rows" title="Nothing on this page" why="The list is shorter than this page.">
                        <a class="btn" href=first>"Go to the first page"</a>
                    </Empty>
                }
                .into_any()
            }
        })
    }
}

#[component]
fn Pages(shelf: Shelf<ChangeList>, query: Memo<ListChanges>) -> impl IntoView {
    let place = shelf.part(|it| Place {
        page: it.page,
        per_page: it.per_page,
        matching: it.matching,
        shown: it.rows.len() as u32,
    });
    let to = move |page: u32| routes::changes(&ListChanges { page, ..query.get() });
    let more = Signal::derive(move || {
        let Place { per_page, matching, .. } = place.get();
        let query = ListChanges { page: 0, per_page: 200, ..query.get() };
        (per_page < 200 && matching > per_page).then(|| ("Show 200 per page", routes::changes(&query)))
    });
    view! { <Pager place to more/> }
}
