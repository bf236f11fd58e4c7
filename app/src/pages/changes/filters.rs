//! What narrows the list of changes: the text, the filters behind chips, and the groups of states.

use leptos::prelude::*;
use model::{
    change::{ChangeGroup, ChangeList, ListChanges},
    status::Environment,
};

use super::go;
use crate::{
    change_query::{self, ChangeFilter, KINDS},
    pages::Shelf,
    routes,
    ui::{badge::EnvironmentTag, chips::close_when_left, icon::Icon, search::SearchForm},
};

/// The form that all filters belong to, wherever they stand.
const FORM: &str = "filters";

/// The text filter, and the form that carries all filters without JavaScript.
#[component]
pub(super) fn Search(shelf: Shelf<ChangeList>, query: Memo<ListChanges>) -> impl IntoView {
    let go = go();
    let search = move |q: String, replace: bool| {
        go(&ListChanges { q, page: 0, ..query.get_untracked() }, replace);
    };
    view! {
        <SearchForm
            id=FORM
            label="changes"
            action=routes::CHANGES
            placeholder="App, version, person, commit or number"
            q=Memo::new(move |_| query.with(|query| query.q.clone()))
            count=Signal::derive(move || shelf.data.with(|it| format!("{} of {}", it.matching, it.total)))
            kept=Signal::derive(move || query.with(change_query::kept_pairs))
            go=search
        />
    }
}

/// The filters behind chips.
#[component]
pub(super) fn Toolbar(shelf: Shelf<ChangeList>, query: Memo<ListChanges>) -> impl IntoView {
    close_when_left();
    let clear = move || {
        let query = query.get();
        (!change_query::words(&query).is_empty()).then(|| {
            let href = routes::changes(&change_query::cleared(&query));
            view! { <a class="link text-small" href=href>"Clear the filters"</a> }
        })
    };
    view! {
        <div class="toolbar relative">
            {ChangeFilter::ALL.map(|filter| view! { <FilterMenu filter shelf query/> })}
            {clear}
        </div>
    }
}

/// Returns the values to offer: all that there are, and those asked for that nothing has.
fn values(filter: ChangeFilter, list: &ChangeList, query: &ListChanges) -> Vec<String> {
    let mut offered: Vec<String> = match filter {
        ChangeFilter::Environment => {
            list.environments.iter().filter_map(Environment::name).map(str::to_owned).collect()
        }
        ChangeFilter::Kind => KINDS.map(|(word, _)| word.to_owned()).to_vec(),
        ChangeFilter::Who => list.people.clone(),
    };
    let missing: Vec<_> = filter.chosen(query).iter().filter(|it| !offered.contains(it)).cloned().collect();
    offered.extend(missing);
    offered
}

#[component]
fn FilterMenu(filter: ChangeFilter, shelf: Shelf<ChangeList>, query: Memo<ListChanges>) -> impl IntoView {
    let values = Memo::new(move |_| shelf.data.with(|it| query.with(|query| values(filter, it, query))));
    let go = go();
    let toggle =
        StoredValue::new(move |value: &str| go(&query.with_untracked(|it| filter.toggled(it, value)), false));
    let chosen = move || {
        let labels = |query: &ListChanges| -> Vec<_> {
            filter.chosen(query).iter().map(|value| filter.label(value)).collect()
        };
        query.with(labels).join(", ")
    };
    let class = move || if chosen().is_empty() { "chip" } else { "chip chip-on" };
    let words = move || Some(chosen()).filter(|it| !it.is_empty()).unwrap_or_else(|| filter.any().to_owned());
    view! {
        <details class="chip-menu md:relative" name="chip-menus">
            <summary class=class>
                {filter.title()}
                ": "
                <b class="max-w-48 truncate">{words}</b>
                <Icon name="down" class="icon-sm"/>
            </summary>
            <div class="pop chip-pop" role="group" aria-label=filter.title()>
                <ul>
                    <For
                        each=move || values.get()
                        key=|value| value.clone()
                        children=move |value| {
                            let word = StoredValue::new(value.clone());
                            let chosen = move || query.with(|query| filter.chosen(query).contains(&word.get_value()));
                            view! {
                                <li>
                                    <label>
                                        <input
                                            type="checkbox"
                                            class="check"
                                            form=FORM
                                            name=filter.key()
                                            value=word.get_value()
                                            checked=chosen
                                            prop:checked=chosen
                                            on:change=move |_| toggle.with_value(|toggle| toggle(&word.get_value()))
                                        />
                                        <span class="min-w-0 truncate">{word_of(filter, &value, shelf)}</span>
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

/// Draws the value of a filter as the list draws it.
fn word_of(filter: ChangeFilter, value: &str, shelf: Shelf<ChangeList>) -> AnyView {
    let environment = shelf.data.with_untracked(|it| {
        let known = it.environments.iter().find(|environment| environment.name() == Some(value));
        known.cloned().filter(|_| filter == ChangeFilter::Environment)
    });
    match environment {
        Some(environment) => view! { <EnvironmentTag environment/> }.into_any(),
        None => filter.label(value).into_any(),
    }
}

/// The groups of states with their counts, as links.
#[component]
pub(super) fn Groups(shelf: Shelf<ChangeList>, query: Memo<ListChanges>) -> impl IntoView {
    let chip = move |group: Option<ChangeGroup>| {
        let count = shelf.part(move |it| {
            let counted = it.groups.iter().filter(|(it, _)| group.is_none_or(|group| group == *it));
            counted.map(|(_, count)| *count).sum::<u32>()
        });
        let is_on = move || {
            query.with(|query| match group {
                None => query.state.is_empty(),
                Some(group) => query.state.iter().any(|word| word == group.word()),
            })
        };
        let href = move || query.with(|query| routes::changes(&change_query::of_group(query, group)));
        view! {
            <a
                class=move || if is_on() { "chip chip-on" } else { "chip" }
                href=href
                aria-current=move || is_on().then_some("true")
            >
                {group.map_or("All", ChangeGroup::label)}
                <b>{count}</b>
            </a>
        }
    };
    view! {
        <div class="scroll mb-3">
            <nav class="flex gap-2" aria-label="State">
                {chip(None)}
                {ChangeGroup::ALL.map(|group| chip(Some(group)))}
            </nav>
        </div>
    }
}
