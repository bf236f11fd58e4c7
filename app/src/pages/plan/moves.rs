//! What moves of one app: its version, and each field before and after.

use leptos::prelude::*;
use model::{
    Timestamp,
    plan::{AskPlan, CommitRef, Move, Plan, PlanKind, PlanRow, RowOutcome},
};

use super::{Choices, VerifiedStatus, counted};
use crate::ui::{
    badge::Revision, card::Table, commits::CommitWords, diff::visible, empty::Empty, icon::Icon, moved::Moved,
};

/// What moves of the one app of a plan.
#[component]
pub(super) fn Moves(plan: Plan, ask: AskPlan, now: Timestamp) -> impl IntoView {
    let Plan { kind, from, to, rows, files, .. } = plan;
    rows.into_iter()
        .map(|row| {
            let body = match &row.outcome {
                RowOutcome::Moves => view! {
                    <Summary kind from=from.clone() row=row.clone() ask=ask.clone() now/>
                    <Fields moves=row.moves.clone()/>
                    <LastTouched to=to.clone() commit=row.last_touched.clone() now/>
                }
                .into_any(),
                RowOutcome::NothingToDo => {
                    let why = nothing(kind, &from, &to, &row);
                    view! { <Empty icon="check" title="Nothing to do" why/> }.into_any()
                }
                RowOutcome::Skipped { why } => {
                    view! { <Why title="It is left out" why=why.clone()/> }.into_any()
                }
                RowOutcome::Stopped { why } => {
                    view! { <Why title="It stops here, until you decide" why=why.clone()/> }.into_any()
                }
            };
            let count = match row.outcome {
                RowOutcome::Moves => format!(
                    "{}, {}",
                    counted(row.moves.len() as u32, "field", "fields"),
                    counted(files.len() as u32, "file", "files")
                ),
                _ => "nothing".to_owned(),
            };
            view! {
                <section class="card overflow-hidden" aria-labelledby="moves">
                    <div class="card-head">
                        <h2 id="moves">"What moves"</h2>
                        <span class="count">{count}</span>
                    </div>
                    {body}
                </section>
            }
        })
        .collect_view()
}

fn nothing(kind: PlanKind, from: &str, to: &str, row: &PlanRow) -> String {
    match kind {
        PlanKind::Rollback => format!("What moves of {} is in {to} already what it was then.", row.app),
        _ => format!("What moves of {} is the same in {from} and {to}.", row.app),
    }
}

/// The version before and after, what it brings, and whether it is verified.
#[component]
fn Summary(kind: PlanKind, from: String, row: PlanRow, ask: AskPlan, now: Timestamp) -> impl IntoView {
    let is_rollback = kind == PlanKind::Rollback;
    let brings = (!row.commits.is_empty()).then(|| {
        let verb = if is_rollback { "Takes back" } else { "Brings" };
        let commits = counted(row.commits.len() as u32, "commit", "commits");
        view! { <span class="text-small text-soft">{verb} " " <a class="link" href="#brings">{commits}</a></span> }
    });
    let verified = (!is_rollback).then(|| {
        view! {
            <span class="flex flex-wrap items-center gap-1.5 text-small text-soft">
                {format!("In {from} at")}
                <Revision revision=row.source_commit.clone()/>
                ": "
                <VerifiedStatus verified=row.verified.clone() now/>
            </span>
        }
    });
    view! {
        <div class="flex flex-wrap items-center gap-x-6 gap-y-1.5 px-3.5 py-3">
            <span class="flex flex-wrap items-center gap-x-3 gap-y-1 text-lead">
                <span class="ver text-lead text-mute wrap-anywhere">{version(row.before.clone())}</span>
                <Icon name="arrow" class="text-mute"/>
                <span class="sr-only">"to"</span>
                <span class="ver text-lead wrap-anywhere">{version(row.after.clone())}</span>
            </span>
            {brings}
            {verified}
            <Choices ask row/>
        </div>
    }
}

fn version(version: Option<String>) -> String {
    version.map_or_else(|| "none".to_owned(), |version| visible(&version))
}

/// Each field before and after.
#[component]
pub(in crate::pages) fn Fields(moves: Vec<Move>) -> impl IntoView {
    let rows = moves
        .into_iter()
        .map(|it| {
            view! {
                <tr>
                    <th scope="row" class="w-3/5 min-w-40 font-mono text-small font-normal wrap-anywhere">
                        {visible(&it.field)}
                        <span class="block text-mute">{visible(&it.file)}</span>
                    </th>
                    <td>
                        <Moved before=it.before after=it.after/>
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="border-t border-line">
            <Table caption="Fields that move">
                <thead>
                    <tr>
                        <th scope="col">"Field"</th>
                        <th scope="col">"Before, after"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </Table>
        </div>
    }
}

/// Who was there last: where nothing counts as a foreign edit, a person still wants to know (rule R5).
#[component]
fn LastTouched(to: String, commit: Option<CommitRef>, now: Timestamp) -> impl IntoView {
    commit.map(|commit| {
        view! {
            <p class="border-t border-line px-3.5 py-2 text-small text-mute">
                {format!("Last changed in {to}: ")}
                <CommitWords commit now/>
            </p>
        }
    })
}

#[component]
fn Why(title: &'static str, why: String) -> impl IntoView {
    view! {
        <div class="flex gap-2.5 px-3.5 py-3">
            <Icon name="stop" class="mt-0.5 text-drift"/>
            <div class="min-w-0">
                <p class="font-medium">{title}</p>
                <p class="text-soft wrap-anywhere">{why}</p>
            </div>
        </div>
    }
}
