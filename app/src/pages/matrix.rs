//! The matrix: apps over their environments. Its query is the URL, and all work on it is done on the server.
//!
//! Each cell is a link, and the whole table a form that plans promotions; keys and popovers are a layer on top.

mod board;
mod earlier;
mod filters;
mod head;
mod keys;
mod nothing;
mod peek;
mod row;
mod selection;
mod table;
mod views;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};
use model::{
    apps::{Density, ListApps, Matrix},
    view::View,
};

use self::{
    board::Board,
    filters::{Search, Toolbar},
    nothing::{Leftover, Nothing, Pages},
    peek::PeekPopover,
    selection::{Bar, submit},
    table::{Jumps, Table},
    views::{ViewActs, ViewLinks},
};
use super::{Shelf, live_page};
use crate::{
    api::get_matrix,
    matrix_query, routes,
    ui::{
        icon::Icon,
        notice::{ErrorNote, Notices, error_of},
        shell::{Crumb, TopBar},
        toast::tell,
    },
};

/// The page of the matrix.
#[component]
pub(crate) fn MatrixPage() -> impl IntoView {
    let map = use_query_map();
    let query = Memo::new(move |_| {
        map.with(|map| matrix_query::from_values(|key| map.get_all(key).unwrap_or_default()))
    });
    let board = Board::new();
    let views = ViewActs::new();
    tell(board.refresh.value());
    live_page(
        // The density changes nothing of what is loaded.
        move || View::Matrix(ListApps { density: Density::default(), ..query.get() }),
        crumbs,
        |view| async move {
            let query = if let View::Matrix(query) = view { query } else { ListApps::default() };
            get_matrix(query).await
        },
        move |shelf| draw(shelf, query, board, views),
    )
}

fn crumbs() -> Vec<Crumb> {
    vec![Crumb::link("Fleet", routes::OVERVIEW), Crumb::here("Matrix")]
}

fn draw(shelf: Shelf<Matrix>, query: Memo<ListApps>, board: Board, views: ViewActs) -> AnyView {
    board.follow(shelf);
    keys::listen(shelf, board);
    let submit = submit(shelf, board);
    let is_empty = shelf.part(|it| it.rows.is_empty());
    view! {
        <Title text="Matrix"/>
        <TopBar crumbs=Signal::derive(crumbs)/>
        <Notices
            control_planes=shelf.part(|it| it.control_planes.clone())
            warnings=Signal::stored(Vec::new())
            now=shelf.now
        />
        <Unreachable shelf/>
        <main id="main" class="main" tabindex="-1">
            <div class="page-head">
                <div>
                    <h1>"Matrix"</h1>
                    <p class="page-sub">{move || shelf.data.with(summary)}</p>
                </div>
                <ViewLinks shelf query/>
            </div>
            <ErrorNote what="The view was not saved" error=error_of(views.save.value())/>
            <ErrorNote what="The view was not deleted" error=error_of(views.delete.value())/>
            <ErrorNote what="The refresh was refused" error=error_of(board.refresh.value())/>
            <Search shelf query/>
            <Toolbar shelf query/>
            <Jumps shelf/>
            <form method="get" action=routes::PLANS aria-label="Promote apps" on:submit=submit>
                <section class="card overflow-clip" aria-labelledby="matches">
                    <h2 id="matches" class="sr-only">"Apps that match"</h2>
                    {move || (!is_empty.get()).then(|| view! { <Table shelf query board/> })}
                    <Nothing shelf query/>
                    <Pages shelf query/>
                </section>
                <Legend is_empty/>
                <Leftover shelf/>
                <Bar shelf board/>
            </form>
            <PeekPopover shelf board/>
        </main>
    }
    .into_any()
}

fn summary(matrix: &Matrix) -> String {
    let (apps, columns) = (matrix.total, matrix.columns.len());
    let apps = match (matrix.matching, apps) {
        (1, 1) => "1 app".to_owned(),
        (matching, total) if matching == total => format!("{total} apps"),
        (matching, total) => format!("{matching} of {total} apps"),
    };
    let noun = if columns == 1 { "environment" } else { "environments" };
    format!("{apps} in {columns} {noun}. What runs, not what Git asks for.")
}

/// Goes to the part of the matrix that a query asks for.
fn go() -> impl Fn(&ListApps, bool) + Clone + Send + Sync + 'static {
    let navigate = use_navigate();
    move |query: &ListApps, replace: bool| {
        let options = NavigateOptions { replace, scroll: false, ..Default::default() };
        navigate(&routes::matrix(query), options);
    }
}

/// Tells that clusters do not answer, so that not all that is shown is live.
#[component]
fn Unreachable(shelf: Shelf<Matrix>) -> impl IntoView {
    let silent = shelf.part(|it| {
        let silent = it.columns.iter().filter(|column| column.unreachable > 0);
        silent.map(|column| (column.environment.clone(), column.unreachable)).collect::<Vec<_>>()
    });
    move || {
        let silent = silent.get();
        (!silent.is_empty()).then(|| {
            let each: Vec<String> = silent.iter().map(|(name, count)| format!("{count} of {name}")).collect();
            let total: u32 = silent.iter().map(|(_, count)| count).sum();
            let (noun, verb, shown) = if total == 1 {
                ("cluster", "does", "of it is its last known state")
            } else {
                ("clusters", "do", "of them is their last known state")
            };
            view! {
                <section class="banner text-stale" aria-label="Partial data">
                    <Icon name="unreachable"/>
                    <div class="txt">
                        <b>{format!("{total} {noun} {verb} not answer: {}.", each.join(", "))}</b>
                        {format!(" What is shown {shown}: hatched, or not counted as healthy.")}
                    </div>
                </section>
            }
        })
    }
}

/// The keys, and what the marks are.
#[component]
fn Legend(is_empty: Memo<bool>) -> impl IntoView {
    let key = |key: &'static str, words: &'static str| {
        view! {
            <span>
                <kbd class="kbd">{key}</kbd>
                " "
                {words}
            </span>
        }
    };
    move || {
        (!is_empty.get()).then(|| {
            view! {
                <p class="mt-3 hidden flex-wrap items-center gap-x-4 gap-y-1 text-small text-mute md:flex noscript:hidden">
                    {key("Arrows", "move")}
                    {key("Enter", "open")}
                    {key("Space", "peek")}
                    {key("p", "promote")}
                    {key("r", "roll back")}
                    {key("s", "sync")}
                    {key("f", "refresh")}
                    {key("x", "select")}
                    {key("/", "filter")}
                    <span class="ml-auto">"Each mark beside the age is one Application, in the order of its clusters."</span>
                </p>
            }
        })
    }
}
