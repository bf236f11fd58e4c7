//! The commits that a plan brings or takes back, and the later ones that it leaves alone.

use leptos::prelude::*;
use model::{
    Timestamp,
    plan::{AskPlan, AskPromotion, Plan, PlanKind, PlanRow},
};

use super::{
    again::{Again, AgainForm},
    counted,
};
use crate::ui::{
    badge::short_revision,
    commits::{CommitList, CommitWords},
    icon::Icon,
};

/// The commits that each app brings or gives back.
#[component]
pub(in crate::pages) fn Brings(kind: PlanKind, rows: Vec<PlanRow>, now: Timestamp) -> impl IntoView {
    let rows: Vec<_> = rows.into_iter().filter(|row| !row.commits.is_empty()).collect();
    let title = if kind == PlanKind::Rollback { "What it takes back" } else { "What it brings" };
    let total = rows.iter().map(|row| row.commits.len()).sum::<usize>() as u32;
    let is_one = rows.len() == 1;
    (!rows.is_empty()).then(|| {
        let apps = rows
            .into_iter()
            .map(|row| {
                view! { <OfApp row open=is_one now/> }
            })
            .collect_view();
        view! {
            <section class="card overflow-hidden" aria-labelledby="brings">
                <div class="card-head">
                    <h2 id="brings">{title}</h2>
                    <span class="count">{counted(total, "commit", "commits")}</span>
                </div>
                {apps}
            </section>
        }
    })
}

#[component]
fn OfApp(row: PlanRow, open: bool, now: Timestamp) -> impl IntoView {
    let mut authors: Vec<_> = row.commits.iter().map(|commit| commit.author.as_str()).collect();
    authors.sort_unstable();
    authors.dedup();
    let count = format!(
        "{} by {}",
        counted(row.commits.len() as u32, "commit", "commits"),
        counted(authors.len() as u32, "person", "people")
    );
    view! {
        <details class="group/app border-t border-line first-of-type:border-t-0" open=open>
            <summary class="flex items-center gap-2 px-3.5 py-2 hover:bg-hover">
                <Icon name="right" class="icon-sm group-open/app:rotate-90"/>
                <span class="font-medium wrap-anywhere">{row.app}</span>
                <span class="count">{count}</span>
            </summary>
            <div class="border-t border-line">
                <CommitList commits=row.commits now/>
            </div>
        </details>
    }
}

/// The later commits of the source environment, which are offered and not taken.
#[component]
pub(super) fn LaterCommits(plan: Plan, ask: AskPlan, again: Again, now: Timestamp) -> impl IntoView {
    let AskPlan::Promote(ask) = ask else { return ().into_any() };
    let from = plan.from;
    let later: Vec<_> = plan.rows.into_iter().filter_map(|row| Some((row.later.clone()?, row))).collect();
    if later.is_empty() {
        return ().into_any();
    }
    let offers = later
        .into_iter()
        .map(|(commit, row)| {
            let words = format!("Plan {} with {}", row.app, short_revision(&commit.id));
            let form = row.slug.map(|slug| {
                let ask = AskPlan::Promote(taking(&ask, slug));
                view! { <AgainForm again ask class="btn btn-sm" icon="commit" words/> }
            });
            view! {
                <li class="flex flex-wrap items-center gap-x-4 gap-y-2 px-3.5 py-2.5">
                    <div class="min-w-0 flex-1 basis-72">
                        <p class="font-medium wrap-anywhere">{row.app}</p>
                        <p class="text-small text-soft">
                            <CommitWords commit now/>
                        </p>
                    </div>
                    {form}
                </li>
            }
        })
        .collect_view();
    view! {
        <section class="card overflow-hidden" aria-labelledby="later">
            <div class="card-head">
                <Icon name="info" class="text-accent"/>
                <h2 id="later">{format!("Later commits in {from}, not taken")}</h2>
                <span class="count">"not verified yet: they come along only if you say so"</span>
            </div>
            <ul class="rows">{offers}</ul>
        </section>
    }
    .into_any()
}

fn taking(ask: &AskPromotion, slug: String) -> AskPromotion {
    let mut ask = ask.clone();
    if !ask.take_latest.contains(&slug) {
        ask.take_latest.push(slug);
    }
    ask
}
