//! What narrows the matrix: the text, the facets, how rows are gathered, and how much room they take.

use leptos::prelude::*;
use model::apps::{CellState, Density, GroupBy, ListApps, Matrix};

use super::go;
use crate::{
    matrix_query::{self, AppFacet},
    pages::Shelf,
    routes,
    ui::{
        badge::{StageTag, Status},
        chips::close_when_left,
        icon::Icon,
        search::SearchForm,
    },
};

/// The form that all filters belong to, wherever they stand.
const FORM: &str = "filters";

/// The text filter, and the form that carries all filters without JavaScript.
#[component]
pub(super) fn Search(shelf: Shelf<Matrix>, query: Memo<ListApps>) -> impl IntoView {
    let go = go();
    let search = move |q: String, replace: bool| {
        go(&ListApps { q, page: 0, ..query.get_untracked() }, replace);
    };
    view! {
        <SearchForm
            id=FORM
            label="apps"
            action=routes::MATRIX
            placeholder="App, project, version or cluster; behind:>1"
            q=Memo::new(move |_| query.with(|query| query.q.clone()))
            count=Signal::derive(move || shelf.data.with(|it| format!("{} of {}", it.matching, it.total)))
            kept=Signal::derive(move || query.with(matrix_query::look_pairs))
            go=search
        />
    }
}

/// Facets, groups and density. Facets belong to the form of the text; the rest are links.
#[component]
pub(super) fn Toolbar(shelf: Shelf<Matrix>, query: Memo<ListApps>) -> impl IntoView {
    close_when_left();
    let density = move |density: Density, icon: &'static str, words: &'static str| {
        let href = move || routes::matrix(&ListApps { density, ..query.get() });
        let current = move || query.with(|query| query.density == density).then_some("true");
        view! {
            <a href=href aria-current=current>
                <Icon name=icon class="icon-sm"/>
                {words}
            </a>
        }
    };
    view! {
        <div class="toolbar relative">
            {AppFacet::ALL.map(|facet| view! { <FacetMenu facet shelf query/> })}
            <Clear query/>
            <span class="hidden items-center gap-2 md:ml-auto md:flex">
                <GroupMenu query/>
                <span class="seg" role="group" aria-label="Density">
                    {density(Density::Regular, "menu", "Regular")}
                    {density(Density::Compact, "rows", "Compact")}
                </span>
            </span>
        </div>
    }
}

/// The link that drops all filters, where one is set.
#[component]
fn Clear(query: Memo<ListApps>) -> impl IntoView {
    move || {
        let query = query.get();
        let any = query.is_filtered() || !query.environment.is_empty();
        any.then(|| {
            let cleared = ListApps { environment: Vec::new(), ..matrix_query::cleared(&query) };
            view! { <a class="link text-small" href=routes::matrix(&cleared)>"Clear the filters"</a> }
        })
    }
}

/// The values of one filter with their counts, behind a chip.
#[component]
fn FacetMenu(facet: AppFacet, shelf: Shelf<Matrix>, query: Memo<ListApps>) -> impl IntoView {
    let values =
        Memo::new(move |_| shelf.data.with(|it| query.with(|query| facet.values(&it.facets, query))));
    let go = go();
    let toggle =
        StoredValue::new(move |value: &str| go(&query.with_untracked(|it| facet.toggled(it, value)), false));
    let chosen = move || query.with(|query| facet.chosen(query).join(", "));
    let class = move || if chosen().is_empty() { "chip" } else { "chip chip-on" };
    let words = move || {
        let chosen = chosen();
        if chosen.is_empty() { facet.any().to_owned() } else { chosen }
    };
    view! {
        <details class="chip-menu md:relative" name="chip-menus">
            <summary class=class>
                {facet.title()}
                ": "
                <b class="max-w-48 truncate">{words}</b>
                <Icon name="down" class="icon-sm"/>
            </summary>
            <div class="pop chip-pop" role="group" aria-label=facet.title()>
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
                            let class = move || {
                                if count.get() == 0 {
                                    "min-w-0 truncate text-mute [&_.icon]:text-mute [&_.status]:text-mute"
                                } else {
                                    "min-w-0 truncate"
                                }
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
                                        <span class=class>{facet_word(facet, &word.get_value(), shelf)}</span>
                                        <span class="n">{count}</span>
                                    </label>
                                </li>
                            }
                        }
                    />
                </ul>
                {move || values.read().is_empty().then(|| view! { <p class="px-1 text-small text-mute">"none"</p> })}
                <button type="submit" form=FORM class="btn btn-sm mt-1.5 w-full">
                    "Show"
                </button>
            </div>
        </details>
    }
}

/// Draws the value of a filter as the table draws it.
fn facet_word(facet: AppFacet, value: &str, shelf: Shelf<Matrix>) -> AnyView {
    match facet {
        AppFacet::Health => match CellState::ALL.into_iter().find(|state| state.word() == value) {
            Some(state) => view! { <Status look=state word=state.word()/> }.into_any(),
            None => value.to_owned().into_any(),
        },
        AppFacet::Environment => {
            let known = shelf.data.with_untracked(|it| {
                let column = it.columns.iter().find(|column| column.environment == value);
                column.map(|column| (column.rank, column.protected))
            });
            match known {
                Some((rank, protected)) => view! { <StageTag name=value rank protected/> }.into_any(),
                None => value.to_owned().into_any(),
            }
        }
        AppFacet::Project => value.to_owned().into_any(),
    }
}

#[component]
fn GroupMenu(query: Memo<ListApps>) -> impl IntoView {
    let by = move |group: GroupBy, words: &'static str| {
        let href = move || routes::matrix(&ListApps { group, page: 0, ..query.get() });
        let current = move || query.with(|query| query.group == group).then_some("true");
        view! {
            <li>
                <a class="menu-item" href=href aria-current=current>
                    {words}
                    {move || current().map(|_| view! { <Icon name="check" class="icon-sm ml-auto"/> })}
                </a>
            </li>
        }
    };
    view! {
        <details class="chip-menu relative" name="chip-menus">
            <summary class="chip">
                "Group: "
                <b>{move || if query.with(|query| query.group == GroupBy::Project) { "project" } else { "none" }}</b>
                <Icon name="down" class="icon-sm"/>
            </summary>
            <ul class="pop menu absolute right-0 z-30 mt-1 w-44">
                {by(GroupBy::Project, "project")}
                {by(GroupBy::None, "none")}
            </ul>
        </details>
    }
}
