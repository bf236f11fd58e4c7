//! The form that asks for a plan: from where to where, and which apps. Plain forms; both lead to a URL.

use std::collections::BTreeSet;

use leptos::{either::Either, prelude::*};
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::{
    AppError,
    apps::{AppRow, Cell, GroupBy, Lag, ListApps, Matrix},
};

use super::{Bar, overview::counted, still_page_under};
use crate::{
    api::{PlanPromotion, get_matrix},
    routes,
    ui::{
        badge::{EnvironmentTag, Status, short_revision},
        card::Table,
        empty::Empty,
        form::SubmitButton,
        moved::Moved,
        notice::ErrorNote,
        shell::Crumb,
    },
};

/// How many apps the form lists; a filter finds the others.
const MOST_APPS: u32 = 500;

/// What the URL asks for.
#[derive(Clone, Debug, Default, PartialEq)]
struct Wanted {
    apps: BTreeSet<String>,
    from: String,
    to: String,
    q: String,
}

/// The page that asks for a plan.
#[component]
pub(crate) fn PromotePage() -> impl IntoView {
    let map = use_query_map();
    let wanted = Memo::new(move |_| {
        map.with(|map| {
            let last = |key: &str| map.get(key).unwrap_or_default();
            let apps = map.get_all("apps").unwrap_or_default();
            Wanted {
                apps: apps.into_iter().filter(|it| !it.is_empty()).collect(),
                from: last("from"),
                to: last("to"),
                q: last("q").trim().to_owned(),
            }
        })
    });
    let plan = ServerAction::<PlanPromotion>::new();
    let load = |q: String| {
        get_matrix(ListApps { q, per_page: MOST_APPS, group: GroupBy::None, ..ListApps::default() })
    };
    still_page_under(
        move || wanted.with(|it| it.q.clone()),
        bar,
        load,
        move |matrix| draw(matrix, wanted.get(), plan),
    )
}

fn bar(_: Option<&Matrix>) -> Bar {
    Bar {
        crumbs: vec![Crumb::link("Matrix", routes::MATRIX), Crumb::here("Plan a promotion")],
        protected: false,
    }
}

fn draw(matrix: Matrix, wanted: Wanted, plan: ServerAction<PlanPromotion>) -> AnyView {
    let wanted = settle(&matrix, wanted);
    let place = |name: &str| matrix.columns.iter().position(|column| column.environment == name);
    let error = Signal::derive(move || plan.value().get().and_then(Result::err));
    let body = match (place(&wanted.from), place(&wanted.to)) {
        _ if matrix.columns.len() < 2 => view! {
            <Empty
                icon="promote"
                title="Nothing to promote between"
                why="A promotion needs apps in two environments. Two are not known yet."
            />
        }
        .into_any(),
        (Some(from), Some(to)) if from != to => {
            view! { <Apps matrix=matrix.clone() wanted=wanted.clone() from to plan error/> }.into_any()
        }
        (Some(_), Some(_)) => view! {
            <Empty icon="promote" title="Choose two environments" why="An environment to itself is no promotion."/>
        }
        .into_any(),
        (from, _) => {
            let unknown = if from.is_none() { &wanted.from } else { &wanted.to };
            let why = format!("There is no environment {unknown}, or you may not see its apps.");
            view! { <Empty icon="search" title="Choose two environments" why/> }.into_any()
        }
    };
    view! {
        <Title text="Plan a promotion"/>
        <main id="main" class="main" tabindex="-1">
            <div class="page-head">
                <div>
                    <h1>"Plan a promotion"</h1>
                    <p class="page-sub">"A plan shows exactly what would change. Nothing does until you confirm it."</p>
                </div>
            </div>
            <ErrorNote what="The plan was not made" error/>
            <Route matrix=matrix.clone() wanted/>
            <div class="card overflow-hidden">{body}</div>
        </main>
    }
    .into_any()
}

/// Fills in the environments that the URL leaves out: the first one, and the one behind.
fn settle(matrix: &Matrix, mut wanted: Wanted) -> Wanted {
    let names: Vec<_> = matrix.columns.iter().map(|column| column.environment.as_str()).collect();
    if wanted.from.is_empty() {
        let before = names.iter().position(|name| *name == wanted.to).and_then(|at| at.checked_sub(1));
        wanted.from = names.get(before.unwrap_or(0)).copied().unwrap_or_default().to_owned();
    }
    if wanted.to.is_empty() {
        let behind = names.iter().position(|name| *name == wanted.from).map_or(1, |at| at + 1);
        wanted.to = names.get(behind).or(names.last()).copied().unwrap_or_default().to_owned();
    }
    wanted
}

/// From where to where, and which apps are listed; a form that leads back here.
#[component]
fn Route(matrix: Matrix, wanted: Wanted) -> impl IntoView {
    let Wanted { apps, from, to, q } = wanted;
    let choice = |name: &'static str, label: &'static str, chosen: String| {
        let options = matrix
            .columns
            .iter()
            .map(|column| {
                let name = column.environment.clone();
                let selected = name == chosen;
                view! { <option value=name.clone() selected=selected>{name.clone()}</option> }
            })
            .collect_view();
        view! {
            <div class="field min-w-0">
                <label for=format!("f-{name}")>{label}</label>
                <select id=format!("f-{name}") class="input" name=name>
                    {options}
                </select>
            </div>
        }
    };
    let kept =
        apps.into_iter().map(|app| view! { <input type="hidden" name="apps" value=app/> }).collect_view();
    view! {
        <form
            method="get"
            action=routes::PLANS
            role="search"
            aria-label="Environments and apps"
            class="mb-3 grid grid-cols-2 items-end gap-2 sm:grid-cols-[9rem_9rem_minmax(0,18rem)_auto] sm:justify-start"
        >
            {kept}
            {choice("from", "From", from)}
            {choice("to", "To", to)}
            <div class="field col-span-2 min-w-0 sm:col-span-1">
                <label for="filter">"Apps with"</label>
                <input
                    id="filter"
                    class="input"
                    type="search"
                    name="q"
                    value=q
                    placeholder="name, project, version"
                    autocomplete="off"
                    spellcheck="false"
                />
            </div>
            <button type="submit" class="btn">"Show"</button>
        </form>
    }
}

/// An app that can be ticked, with what is known of it.
#[derive(Clone)]
struct Candidate {
    row: AppRow,
    /// How it is where it comes from.
    source: Cell,
    /// How it is where it goes to; none where it is not there yet.
    target: Option<Cell>,
    /// How far behind the target is, in words.
    lag: String,
    /// Whether nothing is known to be brought.
    is_even: bool,
}

impl Candidate {
    fn of(row: &AppRow, from: usize, to: usize) -> Option<Self> {
        let cell = |at: usize| row.cells.get(at).cloned().flatten();
        let (source, target) = (cell(from)?, cell(to));
        let same =
            target.as_ref().is_some_and(|it| it.version == source.version && !it.mixed && !source.mixed);
        let lag = match &target {
            None => "not there yet: it would be introduced".to_owned(),
            Some(target) if to == from + 1 => lag_words(target.lag),
            Some(_) if same => "the same version".to_owned(),
            Some(_) => "another version".to_owned(),
        };
        let is_even = match &target {
            Some(target) if to == from + 1 => target.lag == Lag::Even,
            _ => same,
        };
        Some(Self { row: row.clone(), source, target, lag, is_even })
    }
}

fn lag_words(lag: Lag) -> String {
    match lag {
        Lag::First => String::new(),
        Lag::Even => "even".to_owned(),
        Lag::Behind(count) => format!("{} behind", counted(count, "release", "releases")),
        Lag::Ahead => "ahead".to_owned(),
        Lag::Differs => "differs".to_owned(),
    }
}

/// The form that posts.
#[component]
fn Apps(
    matrix: Matrix,
    wanted: Wanted,
    from: usize,
    to: usize,
    plan: ServerAction<PlanPromotion>,
    error: Signal<Option<AppError>>,
) -> impl IntoView {
    let target = matrix.columns[to].clone();
    let (total, shown) = (matrix.matching, matrix.rows.len() as u32);
    let candidates: Vec<_> = matrix.rows.iter().filter_map(|row| Candidate::of(row, from, to)).collect();
    let listed: BTreeSet<_> = candidates.iter().map(|it| it.row.slug.clone()).collect();
    let unlisted: Vec<_> = wanted.apps.difference(&listed).cloned().collect();
    let is_filtered = !wanted.q.is_empty();
    let is_empty = candidates.is_empty() && unlisted.is_empty();
    let ticked = RwSignal::new(wanted.apps.clone());
    let is_alive = RwSignal::new(false);
    Effect::new(move |_| is_alive.set(true));
    let words = {
        let to = wanted.to.clone();
        // Without JavaScript nobody counts the ticks.
        Signal::derive(move || match (is_alive.get(), ticked.with(BTreeSet::len) as u32) {
            (false, _) => format!("Plan the promotion to {to}"),
            (true, 0) => format!("Plan the promotion of all apps to {to}"),
            (true, count) => format!("Plan the promotion of {} to {to}", counted(count, "app", "apps")),
        })
    };
    let (even, behind): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|it| it.is_even);
    let groups = [("Would bring something", behind), ("Even", even)]
        .map(|(title, group)| view! { <Group title group ticked/> })
        .map(|group| group.into_any());
    let environment = model::status::Environment::Known {
        name: target.environment.clone(),
        rank: target.rank,
        protected: target.protected,
        why: "its place in the order".into(),
    };
    if is_empty {
        return Either::Left(if is_filtered {
            view! { <Empty icon="filter" title="No app matches" why="No app of the source environment matches the filter."/> }
        } else {
            view! {
                <Empty icon="layers" title="No apps there" why=format!("You see no app in {}.", wanted.from)/>
            }
        });
    }
    Either::Right(view! {
        <ActionForm action=plan>
            <input type="hidden" name="from" value=wanted.from.clone()/>
            <input type="hidden" name="to" value=wanted.to.clone()/>
            <div class="card-head">
                <h2>{format!("Apps in {}", wanted.from)}</h2>
                <span class="count">"tick those that shall move; with no tick, all are planned"</span>
            </div>
            <Table caption="Apps that can be promoted">
                <thead>
                    <tr>
                        <th scope="col">"App"</th>
                        <th scope="col">{format!("In {}, after", wanted.to)}</th>
                        <th scope="col" class="hidden sm:table-cell">{format!("{} is", wanted.to)}</th>
                        <th scope="col" class="hidden w-full md:table-cell">{format!("In {}", wanted.from)}</th>
                    </tr>
                </thead>
                {groups.into_iter().collect_view()}
            </Table>
            <Unlisted apps=unlisted ticked/>
            {(total > shown)
                .then(|| {
                    view! {
                        <p class="border-t border-line px-3.5 py-2 text-small text-mute">
                            {format!("{shown} of {total} apps are listed. Filter to find the others.")}
                        </p>
                    }
                })}
            <div class="flex flex-wrap items-center gap-x-4 gap-y-2 border-t border-line bg-sunken px-3.5 py-3">
                <SubmitButton class="btn btn-primary btn-lg" icon="promote" words busy=plan.pending()/>
                <EnvironmentTag environment/>
                <span class="text-small text-mute">
                    {move || match error.get() {
                        Some(_) => "It was not made; the reason is above.",
                        None => "It reads the repository and changes nothing.",
                    }}
                </span>
            </div>
        </ActionForm>
    })
}

/// Counts an app in or out as its box is ticked.
fn tick(slug: String, ticked: RwSignal<BTreeSet<String>>) -> impl Fn(leptos::ev::Event) + 'static {
    move |event| {
        let slug = slug.clone();
        ticked.update(|it| {
            if event_target_checked(&event) {
                it.insert(slug)
            } else {
                it.remove(&slug)
            };
        });
    }
}

/// The apps of the URL that the list does not show; they are planned all the same.
#[component]
fn Unlisted(apps: Vec<String>, ticked: RwSignal<BTreeSet<String>>) -> impl IntoView {
    (!apps.is_empty()).then(|| {
        let boxes = apps
            .into_iter()
            .map(|slug| {
                let tick = tick(slug.clone(), ticked);
                view! {
                    <label class="flex items-center gap-2">
                        <input type="checkbox" class="check" name="apps[]" value=slug.clone() checked=true on:change=tick/>
                        <span class="wrap-anywhere">{slug}</span>
                    </label>
                }
            })
            .collect_view();
        view! {
            <fieldset class="border-t border-line px-3.5 py-2 text-small">
                <legend class="sr-only">"Asked for, and not in the list"</legend>
                <p class="mb-1 text-mute">"Asked for, and not in this list:"</p>
                <div class="flex flex-wrap gap-x-4 gap-y-1">{boxes}</div>
            </fieldset>
        }
    })
}

#[component]
fn Group(title: &'static str, group: Vec<Candidate>, ticked: RwSignal<BTreeSet<String>>) -> impl IntoView {
    (!group.is_empty()).then(|| {
        let head = format!("{title}, {}", group.len());
        let rows = group.into_iter().map(|candidate| view! { <Row candidate ticked/> }).collect_view();
        view! {
            <tbody>
                <tr class="group">
                    <th scope="colgroup" colspan="4">{head}</th>
                </tr>
                {rows}
            </tbody>
        }
    })
}

#[component]
fn Row(candidate: Candidate, ticked: RwSignal<BTreeSet<String>>) -> impl IntoView {
    let Candidate { row, source, target, lag, is_even } = candidate;
    let slug = row.slug.clone();
    let is_ticked = ticked.with_untracked(|it| it.contains(&slug));
    let tick = tick(slug.clone(), ticked);
    let state = source.state;
    view! {
        <tr>
            <td>
                <label class="flex items-center gap-2.5 font-medium whitespace-nowrap">
                    <input type="checkbox" class="check" name="apps[]" value=slug checked=is_ticked on:change=tick/>
                    {row.name}
                </label>
                <span class="block pl-6.5 text-small text-mute sm:hidden">{lag.clone()}</span>
            </td>
            <td class="whitespace-nowrap [&_.move]:flex-nowrap">
                <Moved before=target.as_ref().and_then(version_of) after=version_of(&source) is_mute=is_even/>
            </td>
            <td class="hidden text-small whitespace-nowrap text-soft sm:table-cell">{lag}</td>
            <td class="hidden md:table-cell">
                <Status look=state word=state.word()/>
                {(!source.reason.is_empty())
                    .then(|| view! { <span class="ml-2 text-small wrap-anywhere text-mute">{source.reason}</span> })}
            </td>
        </tr>
    }
}

/// Returns the version as a table has room for it: a commit is cut short.
fn version_of(cell: &Cell) -> Option<String> {
    cell.version.as_deref().map(short_revision)
}
