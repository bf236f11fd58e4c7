//! What becomes of each app of a train: its totals, and the apps in groups, each that does not move with its cause.

use leptos::prelude::*;
use model::{
    Timestamp,
    plan::{AskPlan, Plan, PlanRow, RowOutcome},
};

use super::{Choices, VerifiedStatus, counted};
use crate::{
    routes,
    ui::{card::Table, diff::visible, icon::Icon, moved::Moved, time::Age},
};

/// The groups, in the order of the page.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Group {
    Moves,
    Stopped,
    Skipped,
    Even,
}

impl Group {
    fn of(row: &PlanRow) -> Self {
        match row.outcome {
            RowOutcome::Moves => Self::Moves,
            RowOutcome::Stopped { .. } => Self::Stopped,
            RowOutcome::Skipped { .. } => Self::Skipped,
            RowOutcome::NothingToDo => Self::Even,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Moves => "Moves",
            Self::Stopped => "Stops for your decision",
            Self::Skipped => "Skipped",
            Self::Even => "Even",
        }
    }
}

fn of(rows: &[PlanRow], group: Group) -> Vec<PlanRow> {
    rows.iter().filter(|row| Group::of(row) == group).cloned().collect()
}

/// How many apps there are of each group.
#[component]
pub(super) fn Totals(rows: Vec<PlanRow>) -> impl IntoView {
    let total = |group, one: &'static str, many: &'static str| {
        let count = of(&rows, group).len();
        view! {
            <div class="flex flex-row-reverse items-baseline justify-end gap-2 bg-surface px-3.5 py-2.5">
                <dt class="text-small text-mute">{if count == 1 { one } else { many }}</dt>
                <dd class="text-title font-semibold">{count}</dd>
            </div>
        }
    };
    view! {
        <section aria-labelledby="totals">
            <h2 id="totals" class="sr-only">"Totals"</h2>
            <dl class="grid grid-cols-2 gap-px overflow-hidden rounded-lg border border-line bg-line sm:grid-cols-4">
                {total(Group::Moves, "moves", "move")}
                {total(Group::Stopped, "stops for your decision", "stop for your decision")}
                {total(Group::Skipped, "is skipped", "are skipped")}
                {total(Group::Even, "is even", "are even")}
            </dl>
        </section>
    }
}

/// The apps of a train.
#[component]
pub(super) fn Train(plan: Plan, ask: AskPlan, now: Timestamp) -> impl IntoView {
    let Plan { from, to, rows, .. } = plan;
    let moving = of(&rows, Group::Moves).len();
    let count = format!("{moving} of {} move", counted(rows.len() as u32, "app", "apps"));
    let groups = [Group::Moves, Group::Stopped, Group::Skipped]
        .map(|group| {
            let rows = of(&rows, group);
            let head = format!("{}, {}", group.title(), rows.len());
            let is_empty = rows.is_empty();
            let rows = rows.into_iter().map(|row| view! { <Row row ask=ask.clone() now/> }).collect_view();
            (!is_empty).then(|| {
                view! {
                    <tbody>
                        <tr class="group">
                            <th scope="colgroup" colspan="5">{head}</th>
                        </tr>
                        {rows}
                    </tbody>
                }
            })
        })
        .collect_view();
    let even = of(&rows, Group::Even);
    let only_even = even.len() == rows.len();
    view! {
        <section class="card overflow-hidden" aria-labelledby="apps">
            <div class="card-head">
                <h2 id="apps">"Apps"</h2>
                <span class="count">{count}</span>
            </div>
            {(!only_even)
                .then(|| {
                    view! {
                        <div class="table-top">
                            <Table caption="Apps of the train, with the reason for each that does not move">
                                <thead>
                                    <tr>
                                        <th scope="col">"App"</th>
                                        <th scope="col" class="hidden sm:table-cell">{format!("In {to}, after")}</th>
                                        <th scope="col" class="w-full">"State and cause"</th>
                                        <th scope="col" class="hidden lg:table-cell">{format!("In {from}")}</th>
                                        <th scope="col" class="hidden md:table-cell">"Brings"</th>
                                    </tr>
                                </thead>
                                {groups}
                            </Table>
                        </div>
                    }
                })}
            <Even rows=even open=only_even/>
        </section>
    }
}

#[component]
fn Row(row: PlanRow, ask: AskPlan, now: Timestamp) -> impl IntoView {
    let moves = row.outcome == RowOutcome::Moves;
    let name = match row.slug.clone() {
        Some(slug) => {
            view! { <a class="hover:underline" href=routes::app(&slug)>{row.app.clone()}</a> }.into_any()
        }
        None => row.app.clone().into_any(),
    };
    let version = {
        let (before, after) = (row.before.clone(), row.after.clone());
        move || view! { <Moved before=before.clone() after=after.clone() is_mute=!moves/> }
    };
    let count = row.commits.len() as u32;
    let brings = move || {
        (count > 0).then(|| {
            view! { <a class="link whitespace-nowrap" href="#brings">{counted(count, "commit", "commits")}</a> }
        })
    };
    let touched = row.last_touched.clone().filter(|_| moves).map(|commit| {
        view! {
            <span class="block pl-5.5 text-small text-mute">
                "last changed by "
                <bdi>{visible(&commit.author)}</bdi>
                ", "
                <Age at=commit.at now suffix=" ago"/>
            </span>
        }
    });
    view! {
        <tr>
            <th scope="row" class=if moves { "text-left font-medium" } else { "text-left font-normal text-mute" }>
                <span class="whitespace-nowrap">{name}</span>
                <span class="mt-0.5 block whitespace-nowrap sm:hidden [&_.move]:flex-nowrap">{version.clone()}</span>
            </th>
            <td class="hidden whitespace-nowrap sm:table-cell [&_.move]:flex-nowrap">{version}</td>
            <td>
                <State row=row.clone()/>
                {touched}
                <span class="flex flex-wrap gap-1">
                    <Choices ask row=row.clone()/>
                </span>
                <span class="mt-0.5 block text-small text-mute md:hidden">{brings}</span>
            </td>
            <td class="hidden lg:table-cell">
                <VerifiedStatus verified=row.verified now/>
            </td>
            <td class="hidden md:table-cell">{brings}</td>
        </tr>
    }
}

#[component]
fn State(row: PlanRow) -> impl IntoView {
    match row.outcome {
        RowOutcome::Moves => {
            let fields: Vec<_> = row.moves.iter().map(|it| visible(&it.field)).collect();
            view! {
                <span class="status wrap s-healthy">
                    <Icon name="arrow"/>
                    <span class="font-medium text-ink">
                        "Moves"
                        <span class="block font-mono text-small font-normal wrap-anywhere text-mute">{fields.join(", ")}</span>
                    </span>
                </span>
            }
            .into_any()
        }
        RowOutcome::Stopped { why } => view! {
            <span class="status wrap s-drift">
                <Icon name="stop"/>
                <span class="wrap-anywhere">
                    {why}
                    " "
                    <a class="link whitespace-nowrap" href="#foreign">"Decide"</a>
                </span>
            </span>
        }
        .into_any(),
        RowOutcome::Skipped { why } => view! {
            <span class="status wrap s-waiting">
                <Icon name="stop"/>
                <span class="wrap-anywhere text-soft">{why}</span>
            </span>
        }
        .into_any(),
        RowOutcome::NothingToDo => ().into_any(),
    }
}

/// The apps that have nothing to do, folded.
#[component]
fn Even(rows: Vec<PlanRow>, open: bool) -> impl IntoView {
    let names: Vec<_> = rows.iter().map(|row| row.app.clone()).collect();
    (!names.is_empty()).then(|| {
        let items = rows
            .into_iter()
            .map(|row| {
                view! {
                    <li class="flex gap-3 py-0.5">
                        <span class="min-w-0 wrap-anywhere">{row.app}</span>
                        <span class="ver ml-auto text-small text-mute">{row.before.unwrap_or_default()}</span>
                    </li>
                }
            })
            .collect_view();
        let class = if open { "group/even" } else { "group/even border-t border-line" };
        view! {
            <details class=class open=open>
                <summary class="flex items-center gap-2 px-3.5 py-2 text-small">
                    <Icon name="right" class="icon-sm group-open/even:rotate-90"/>
                    <span class="font-medium whitespace-nowrap">{format!("Even, {}", names.len())}</span>
                    <span class="truncate text-mute">{names.join(", ")}</span>
                </summary>
                <ul class="columns-1 gap-8 px-3.5 pb-2.5 pl-9 text-small sm:columns-2">{items}</ul>
            </details>
        }
    })
}
