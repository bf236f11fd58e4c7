//! What others changed in the target since the last promotion (rule R5): three values, and the choice to overwrite.

use leptos::prelude::*;
use model::{
    Timestamp,
    plan::{AskPlan, AskPromotion, CommitRef, ForeignEdit, Plan},
};

use super::{
    again::{Again, AgainForm},
    counted,
};
use crate::ui::{commits::CommitWords, diff::visible, icon::Icon};

/// The edits of others, app by app.
#[component]
pub(super) fn ForeignEdits(plan: Plan, ask: AskPlan, again: Again, now: Timestamp) -> impl IntoView {
    let (from, to) = (plan.from, plan.to);
    let rows: Vec<_> = plan.rows.into_iter().filter(|row| !row.foreign.is_empty()).collect();
    if rows.is_empty() {
        return ().into_any();
    }
    let count = counted(rows.iter().map(|row| row.foreign.len() as u32).sum(), "field", "fields");
    let apps = rows
        .into_iter()
        .map(|row| {
            let is_overwritten = match (&ask, &row.slug) {
                (AskPlan::Promote(ask), Some(slug)) => ask.overwrite.contains(slug),
                _ => false,
            };
            let choice = match (&ask, row.slug) {
                _ if is_overwritten => {
                    view! { <p class="text-small text-soft">"They are overwritten, as you asked."</p> }
                        .into_any()
                }
                (AskPlan::Promote(ask), Some(slug)) => {
                    let ask = AskPlan::Promote(overwriting(ask, slug));
                    let words = format!("Plan to overwrite {} in {to}", row.app);
                    view! { <AgainForm again ask class="btn btn-sm" icon="edit" words/> }.into_any()
                }
                _ => ().into_any(),
            };
            let edits = row
                .foreign
                .into_iter()
                .map(|edit| view! { <Edit edit from=from.clone() to=to.clone() now/> })
                .collect_view();
            view! {
                <li class="grid grid-cols-1 gap-3 px-3.5 py-3">
                    <div class="flex flex-wrap items-center gap-x-4 gap-y-2">
                        <h3 class="flex-1 text-base wrap-anywhere">{row.app}</h3>
                        {choice}
                    </div>
                    {edits}
                </li>
            }
        })
        .collect_view();
    view! {
        <section class="card overflow-hidden" aria-labelledby="foreign">
            <div class="card-head">
                <Icon name="warn" class="text-drift"/>
                <h2 id="foreign">{format!("Changed by others in {to}")}</h2>
                <span class="count">{format!("{count} since the last promotion")}</span>
            </div>
            <ul class="rows">{apps}</ul>
        </section>
    }
    .into_any()
}

#[component]
fn Edit(edit: ForeignEdit, from: String, to: String, now: Timestamp) -> impl IntoView {
    let ForeignEdit { file, field, base, promoted_by, ours, changed_by, theirs, source_changed_by } = edit;
    view! {
        <div class="min-w-0">
            <p class="mb-1.5 font-mono text-small wrap-anywhere">
                {visible(&field)} <span class="text-mute">" in " {visible(&file)}</span>
            </p>
            <dl class="grid grid-cols-1 gap-px overflow-hidden rounded-md border border-line bg-line md:grid-cols-3">
                <Side title="The last promotion left".into() value=base by=promoted_by now/>
                <Side title=format!("{to} has now") value=ours by=changed_by now/>
                <Side title=format!("{from} would bring") value=theirs by=source_changed_by now/>
            </dl>
        </div>
    }
}

#[component]
fn Side(title: String, value: Option<String>, by: Option<CommitRef>, now: Timestamp) -> impl IntoView {
    view! {
        <div class="min-w-0 bg-sunken px-3 py-2">
            <dt class="label">{title}</dt>
            <dd class="ver wrap-anywhere">{value.map_or_else(|| "none".to_owned(), |value| visible(&value))}</dd>
            <dd class="text-small text-mute">
                {match by {
                    Some(commit) => view! { <CommitWords commit now/> }.into_any(),
                    None => "by whom is not known".into_any(),
                }}
            </dd>
        </div>
    }
}

fn overwriting(ask: &AskPromotion, slug: String) -> AskPromotion {
    let mut ask = ask.clone();
    if !ask.overwrite.contains(&slug) {
        ask.overwrite.push(slug);
    }
    ask
}
