//! The rows of the list of changes, in sections: what moves, what waits for a person, and what ended.

use leptos::prelude::*;
use model::{
    Timestamp,
    apps::CellId,
    change::{ChangeGroup, ChangeList, ChangeRow, ChangeState},
};

use crate::{
    pages::Shelf,
    routes,
    ui::{
        badge::EnvironmentTag,
        card::Table,
        change::{ChangeMove, ChangeStatus, StepPips},
        diff::visible,
        rows::row_key,
        time::Age,
    },
};

/// A day, in milliseconds.
const DAY: i64 = 86_400_000;

/// The sections, in the order of the page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Section {
    InFlight,
    ForPerson,
    /// Ended, and asked for on the day that is now, in UTC.
    Today,
    Before,
}

impl Section {
    const ALL: [Self; 4] = [Self::InFlight, Self::ForPerson, Self::Today, Self::Before];

    fn of(row: &ChangeRow, now: Timestamp) -> Self {
        let is_today = row.asked_at.0.div_euclid(DAY) == now.0.div_euclid(DAY);
        match row.state.group() {
            ChangeGroup::ForPerson => Self::ForPerson,
            _ if row.state.is_open() => Self::InFlight,
            _ if is_today => Self::Today,
            _ => Self::Before,
        }
    }

    fn title(self, rows: usize) -> String {
        match self {
            Self::InFlight => format!("In flight, {rows}"),
            Self::ForPerson => format!("Waiting for a person, {rows}"),
            Self::Today => "Earlier today, UTC".to_owned(),
            Self::Before => "Before today, UTC".to_owned(),
        }
    }
}

/// The table of changes.
#[component]
pub(super) fn Rows(shelf: Shelf<ChangeList>) -> impl IntoView {
    view! {
        <div class="table-top">
            <Table caption="Changes, open first, then newest first">
                <thead>
                    <tr>
                        <th scope="col" class="w-full lg:w-auto">"What"</th>
                        <th scope="col" class="hidden md:table-cell">"Change"</th>
                        <th scope="col" class="hidden sm:table-cell">"To"</th>
                        <th scope="col" class="hidden lg:table-cell">"From, to"</th>
                        <th scope="col" class="lg:w-full">"State"</th>
                        <th scope="col" class="hidden xl:table-cell">"Steps"</th>
                        <th scope="col" class="hidden lg:table-cell">"Who"</th>
                        <th scope="col" class="num hidden sm:table-cell">"Began"</th>
                        <th scope="col" class="num hidden xl:table-cell">"Took"</th>
                        <th scope="col" class="num hidden md:table-cell">
                            <span class="sr-only">"Act"</span>
                        </th>
                    </tr>
                </thead>
                {Section::ALL.map(|section| view! { <SectionRows section shelf/> })}
            </Table>
        </div>
    }
}

#[component]
fn SectionRows(section: Section, shelf: Shelf<ChangeList>) -> impl IntoView {
    let rows = shelf.part(move |it| -> Vec<ChangeRow> {
        it.rows.iter().filter(|row| Section::of(row, it.now) == section).cloned().collect()
    });
    let count = Memo::new(move |_| rows.with(Vec::len));
    let is_empty = Memo::new(move |_| count.get() == 0);
    move || {
        (!is_empty.get()).then(|| {
            view! {
                <tbody>
                    <tr class="group">
                        <th scope="colgroup" colspan="10">{move || section.title(count.get())}</th>
                    </tr>
                    <For each=move || rows.get() key=|row| row_key(&row.id, row) let:row>
                        <Row row now=shelf.now/>
                    </For>
                </tbody>
            }
        })
    }
}

#[component]
fn Row(row: ChangeRow, now: Signal<Timestamp>) -> impl IntoView {
    let href = routes::change(row.id);
    let (asked_at, ended_at) = (row.asked_at, row.ended_at);
    let took = move || match ended_at {
        Some(end) => asked_at.took(end),
        None => asked_at.age(now.get()),
    };
    let why = visible(&row.why);
    let reason = (!row.reason.is_empty()).then(|| visible(&row.reason));
    let act = act(&row).map(|(words, href)| {
        let label = format!("{words} change {}", row.id);
        view! { <a class="btn btn-sm" href=href aria-label=label>{words}</a> }
    });
    view! {
        <tr>
            <th scope="row" class="text-left font-normal">
                <a class="font-medium hover:underline sm:whitespace-nowrap" href=href.clone() title=reason>
                    {visible(&row.title)}
                </a>
                // What the columns say from a width of 1088 px on.
                <span class="mt-0.5 flex flex-wrap items-center gap-x-2 text-small text-mute lg:hidden">
                    <span class="sm:hidden">
                        <EnvironmentTag environment=row.environment.clone()/>
                    </span>
                    <span class="wrap-anywhere">
                        {visible(&row.who)}
                        <span class="sm:hidden">", " <Age at=asked_at now/></span>
                    </span>
                </span>
                <span class="block text-small wrap-anywhere text-mute empty:hidden sm:hidden">{why.clone()}</span>
            </th>
            <td class="hidden md:table-cell">
                <a class="sha" href=href aria-label=format!("Change {}", row.id)>{row.id}</a>
            </td>
            <td class="hidden sm:table-cell">
                <EnvironmentTag environment=row.environment.clone()/>
            </td>
            <td class="hidden lg:table-cell">
                <ChangeMove row=row.clone()/>
            </td>
            <td>
                <ChangeStatus state=row.state by=row.by/>
                {(!why.is_empty())
                    .then(|| {
                        view! {
                            <span class="hidden text-small wrap-anywhere text-mute sm:block">{why.clone()}</span>
                        }
                    })}
            </td>
            <td class="hidden xl:table-cell">
                <StepPips state=row.state done=row.steps/>
            </td>
            <td class="hidden whitespace-nowrap text-soft lg:table-cell">{visible(&row.who)}</td>
            <td class="num hidden text-mute sm:table-cell">
                <Age at=asked_at now/>
            </td>
            <td class="num hidden text-mute xl:table-cell">{took}</td>
            <td class="num hidden md:table-cell">{act}</td>
        </tr>
    }
}

/// Returns what to do next with a change, in words, and where.
fn act(row: &ChangeRow) -> Option<(&'static str, String)> {
    let here = routes::change(row.id);
    match row.state {
        ChangeState::AwaitingApproval => Some(("Review", routes::approvals(row.id))),
        ChangeState::NeedsAttention => Some(match (row.apps.as_slice(), row.environment.name()) {
            ([app], Some(environment)) => {
                let cell = CellId { app: app.slug.clone(), environment: environment.to_owned() };
                ("Roll back…", routes::rollback(&cell))
            }
            _ => ("See why", here),
        }),
        ChangeState::Failed => Some(("See why", here)),
        state if state.is_open() => Some(("Follow", here)),
        _ => None,
    }
}
