//! Where is my commit? Each release in each environment, newest first.
//!
//! What is sought is in the URL, as the form without JavaScript asks for it; with it, rows follow the typing.

use leptos::{ev::SubmitEvent, prelude::*};
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};
use model::{
    Timestamp,
    apps::{AppDetail, CellState, Release, Station},
};

use crate::{
    pages::Shelf,
    routes,
    ui::{
        badge::{Look, Revision, StageTag, Status, short_revision},
        card::Table,
        empty::Empty,
        icon::Icon,
        shell::FILTER_FIELD,
        time::{Age, stamp},
    },
};

/// The releases of the app.
#[component]
pub(super) fn ReleasesCard(shelf: Shelf<AppDetail>) -> impl IntoView {
    let map = use_query_map();
    let asked = Memo::new(move |_| map.with(|map| map.get("commit").unwrap_or_default()));
    let sought = RwSignal::new(asked.get_untracked());
    Effect::new(move |_| sought.set(asked.get()));
    let releases = shelf.part(|it| it.releases.clone());
    let found = Memo::new(move |_| {
        let sought = sought.get().trim().to_lowercase();
        releases
            .with(|all| all.iter().filter(|release| matches(release, &sought)).cloned().collect::<Vec<_>>())
    });
    let note = shelf.part(|it| it.releases_note.clone());
    let any = shelf.part(|it| !it.releases.is_empty());
    let shown = Memo::new(move |_| (any.get(), found.with(Vec::is_empty)));
    view! {
        <section class="card overflow-hidden" aria-labelledby="releases">
            <div class="card-head">
                <h2 id="releases">"Where is my commit?"</h2>
                <span class="count">"each release in each environment, newest first"</span>
                {move || any.get().then(|| view! { <Seek shelf sought/> })}
            </div>
            {move || {
                note.get()
                    .filter(|_| any.get())
                    .map(|note| {
                        view! {
                            <p class="flex items-start gap-2 border-b border-line px-3.5 py-2 text-small text-soft wrap-anywhere">
                                <Icon name="info" class="mt-0.5 text-mute"/>
                                {note}
                            </p>
                        }
                    })
            }}
            {move || match shown.get() {
                (true, false) => view! { <Rows shelf found/> }.into_any(),
                (true, true) => {
                    let (total, sought) = (releases.with(Vec::len), sought.get());
                    let why = format!("None of the {total} releases that are listed has “{sought}” in its version, commit, subject or author.");
                    view! {
                        <Empty icon="search" title="No release matches" why=why>
                            <a class="btn" href=move || routes::app_releases(&shelf.data.with(|it| it.slug.clone()), "")>
                                <Icon name="x"/>
                                "Show all releases"
                            </a>
                        </Empty>
                    }
                        .into_any()
                }
                (false, _) => {
                    let why = note.get().unwrap_or_else(|| "No environment has run a release yet.".into());
                    view! { <Empty icon="commit" title="No release is known" why=why/> }.into_any()
                }
            }}
        </section>
    }
}

/// The field that is sought with.
#[component]
fn Seek(shelf: Shelf<AppDetail>, sought: RwSignal<String>) -> impl IntoView {
    let navigate = use_navigate();
    let slug = shelf.part(|it| it.slug.clone());
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let options = NavigateOptions { scroll: false, ..Default::default() };
        let sought = sought.get_untracked();
        navigate(&routes::app_releases(&slug.get_untracked(), sought.trim()), options);
    };
    view! {
        <form
            method="get"
            action=move || routes::app(&slug.get())
            role="search"
            aria-label="Releases"
            class="ml-auto flex w-full gap-2 sm:w-80"
            on:submit=submit
        >
            <span class="search min-w-0 flex-1">
                <Icon name="search"/>
                <input
                    id=FILTER_FIELD
                    type="search"
                    class="input"
                    name="commit"
                    aria-label="Find a commit or a release"
                    aria-keyshortcuts="/"
                    placeholder="Commit, version, author"
                    autocomplete="off"
                    spellcheck="false"
                    value=sought.get_untracked()
                    prop:value=sought
                    on:input:target=move |event| sought.set(event.target().value())
                />
            </span>
            <button type="submit" class="btn">"Find"</button>
        </form>
    }
}

#[component]
fn Rows(shelf: Shelf<AppDetail>, found: Memo<Vec<Release>>) -> impl IntoView {
    let stages = shelf.part(|it| {
        let stages = it.environments.iter();
        stages.map(|it| (it.environment.clone(), it.rank, it.protected)).collect::<Vec<_>>()
    });
    let heads = move || {
        stages
            .get()
            .into_iter()
            .map(|(name, rank, protected)| {
                view! {
                    <th scope="col" class="md:w-[15%]">
                        <StageTag name rank protected/>
                    </th>
                }
            })
            .collect_view()
    };
    let now = shelf.now;
    let rows = move || {
        let names: Vec<String> = stages.with(|stages| stages.iter().map(|(name, ..)| name.clone()).collect());
        found.get().into_iter().map(|release| view! { <Row release names=names.clone() now/> }).collect_view()
    };
    view! {
        <Table caption="Releases by environment">
            <thead>
                <tr>
                    <th scope="col">"Release"</th>
                    <th scope="col" class="hidden w-[34%] md:table-cell">"What"</th>
                    {heads}
                </tr>
            </thead>
            <tbody class="[&_td]:align-top [&_th]:align-top">{rows}</tbody>
        </Table>
    }
}

#[component]
fn Row(release: Release, names: Vec<String>, now: Signal<Timestamp>) -> impl IntoView {
    let Release { release, stations } = release;
    let (subject, author, at) = (release.subject.clone(), release.author.clone(), release.at);
    let stations = names
        .into_iter()
        .enumerate()
        .map(|(place, name)| {
            let station = stations.get(place).cloned().unwrap_or(Station::None);
            view! {
                <td>
                    <StationStatus station name now/>
                </td>
            }
        })
        .collect_view();
    let version = short_revision(&release.version);
    view! {
        <tr>
            <th scope="row" class="max-md:min-w-36">
                <span class="ver wrap-anywhere" title=release.version>{version}</span>
                <span class="block font-normal">
                    <Revision revision=release.commit/>
                </span>
                <span class="block text-small font-normal wrap-anywhere text-mute md:hidden">
                    {format!("{subject}, {author}")}
                </span>
            </th>
            <td class="hidden md:table-cell">
                <span class="block wrap-anywhere">{subject}</span>
                <span class="block text-small text-mute wrap-anywhere">
                    {author}
                    ", "
                    <Age at now suffix=" ago"/>
                </span>
            </td>
            {stations}
        </tr>
    }
}

/// What became of a release in an environment.
#[component]
fn StationStatus(station: Station, name: String, now: Signal<Timestamp>) -> impl IntoView {
    match station {
        Station::None => view! { <span class="sr-only">{format!("Not in {name}")}</span> }.into_any(),
        Station::Live { since } => view! {
            <Status look=Look::Healthy word="Live"/>
            <span class="block text-small text-mute">
                <Age at=since now/>
            </span>
        }
        .into_any(),
        Station::OnTheWay { since, state } => {
            let look = match state {
                CellState::Healthy | CellState::OutOfSync | CellState::Suspended => Look::Progressing,
                state => Look::from(state),
            };
            let how = if state == CellState::Healthy { String::new() } else { format!("{}, ", state.word()) };
            view! {
                <Status look word="On the way"/>
                <span class="block text-small text-mute">
                    {how}
                    "asked for "
                    <Age at=since now suffix=" ago"/>
                </span>
            }
            .into_any()
        }
        Station::WasLive { from, to } => view! {
            <Past icon="check" words="Was live"/>
            <Lasted words=format!("for {}", from.took(to)) from to/>
        }
        .into_any(),
        Station::RolledBack { from, to } => view! {
            <Status look=Look::Failed word="Rolled back"/>
            <Lasted words=format!("after {}", from.took(to)) from to/>
        }
        .into_any(),
        Station::Skipped { version } => view! {
            <Past icon="x" words="Skipped"/>
            <span class="block text-small text-mute wrap-anywhere">{format!("{} came first", short_revision(&version))}</span>
        }
        .into_any(),
    }
}

#[component]
fn Past(icon: &'static str, words: &'static str) -> impl IntoView {
    view! {
        <span class="status whitespace-nowrap text-mute">
            <Icon name=icon/>
            {words}
        </span>
    }
}

#[component]
fn Lasted(words: String, from: Timestamp, to: Timestamp) -> impl IntoView {
    let title = format!("{} to {}", stamp(from), stamp(to));
    view! {
        <span class="block text-small text-mute" title=title>
            {words}
        </span>
    }
}

/// Returns whether a release has the text; a longer form of its commit counts, too.
fn matches(release: &Release, sought: &str) -> bool {
    let release = &release.release;
    let commit = release.commit.to_lowercase();
    sought.is_empty()
        || [&release.version, &release.subject, &release.author]
            .iter()
            .any(|it| it.to_lowercase().contains(sought))
        || commit.contains(sought)
        || (commit.len() >= 7 && sought.starts_with(&commit))
}
