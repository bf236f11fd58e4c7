//! Rolling back an app in an environment: its earlier states, what restoring one would do, what that means, and the form
//! that does it.
//!
//! What is chosen is the URL; without a choice it is the last good state.

mod meaning;
mod states;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};
use model::{
    AppResult,
    apps::CellId,
    plan::{EarlierStates, PlanDetail, RowOutcome},
    status::Environment,
};
use serde::{Deserialize, Serialize};

pub(super) use self::states::how_it_went;
use self::{
    meaning::Meaning,
    states::{States, last_good},
};
use super::{
    Bar,
    overview::counted,
    plan::{
        Brings, ConfirmCard, Fields, Gates, NoiseLinks, Rendered, SourceDifference, Stays, Warnings,
        act_words, asked_of, look,
    },
    still_page_under,
};
use crate::{
    api::{PlanRollback, RollBack, list_earlier_states, preview_rollback},
    routes,
    ui::{
        badge::{EnvironmentTag, short_revision},
        confirm::ConfirmFields,
        diff::visible,
        empty::Empty,
        form::SubmitButton,
        icon::Icon,
        notice::ErrorNote,
        shell::Crumb,
    },
};

/// What the URL chooses.
#[derive(Clone, Debug, Default, PartialEq)]
struct Chosen {
    cell: CellId,
    /// The commit whose state is wanted; empty where none is chosen.
    revision: String,
    whole_path: bool,
    noise: bool,
}

/// What the page shows.
#[derive(Clone, Deserialize, Serialize)]
struct Loaded {
    states: EarlierStates,
    /// What is previewed; empty where nothing is chosen, and nothing is known to have been good.
    revision: String,
    preview: Option<AppResult<PlanDetail>>,
}

/// What the page posts.
#[derive(Clone, Copy)]
struct Acts {
    roll_back: ServerAction<RollBack>,
    keep: ServerAction<PlanRollback>,
}

/// The page that rolls back.
#[component]
pub(crate) fn RollbackPage() -> impl IntoView {
    let (params, query) = (use_params_map(), use_query_map());
    let chosen = Memo::new(move |_| {
        let part = |key: &str| params.read().get(key).unwrap_or_default();
        let query = query.read();
        Chosen {
            cell: CellId { app: part("slug"), environment: part("environment") },
            revision: query.get("to").unwrap_or_default(),
            whole_path: query.get("whole").is_some(),
            noise: query.get("noise").is_some(),
        }
    });
    let acts = Acts { roll_back: ServerAction::new(), keep: ServerAction::new() };
    still_page_under(
        move || {
            let Chosen { cell, revision, whole_path, .. } = chosen.get();
            (cell, revision, whole_path)
        },
        bar,
        |(cell, revision, whole_path)| load(cell, revision, whole_path),
        move |loaded| draw(loaded, chosen.get(), acts),
    )
}

async fn load(cell: CellId, revision: String, whole_path: bool) -> AppResult<Loaded> {
    let states = list_earlier_states(cell.app.clone(), cell.environment.clone()).await?;
    let revision = if revision.is_empty() { last_good(&states.states).unwrap_or_default() } else { revision };
    let preview = match revision.as_str() {
        "" => None,
        _ => Some(preview_rollback(cell.app, cell.environment, revision.clone(), whole_path).await),
    };
    Ok(Loaded { states, revision, preview })
}

fn bar(loaded: Option<&Loaded>) -> Bar {
    let mut crumbs = vec![Crumb::link("Matrix", routes::MATRIX)];
    if let Some(Loaded { states, .. }) = loaded {
        crumbs.push(Crumb::link(states.name.clone(), routes::app(&states.slug)));
        crumbs.push(Crumb::here(format!("Roll back in {}", name_of(&states.environment))));
    } else {
        crumbs.push(Crumb::here("Roll back"));
    }
    Bar { crumbs, protected: loaded.is_some_and(|it| it.states.environment.is_protected()) }
}

fn name_of(environment: &Environment) -> String {
    environment.name().unwrap_or("an unknown environment").to_owned()
}

fn draw(loaded: Loaded, chosen: Chosen, acts: Acts) -> AnyView {
    let Loaded { states, revision, preview } = loaded;
    let is_offered = chosen.revision.is_empty() && !revision.is_empty();
    let chosen = Chosen { revision, ..chosen };
    let title = format!("Roll back {} in {}", states.name, name_of(&states.environment));
    let refused = Signal::derive(move || acts.roll_back.value().get().and_then(Result::err));
    let unkept = Signal::derive(move || acts.keep.value().get().and_then(Result::err));
    let clusters = clusters(&states);
    let (middle, rail) = match preview {
        None => {
            let why = "None is known to have been Healthy. Choose one: its difference to now is shown here, before anything happens.";
            (
                view! { <div class="card"><Empty icon="rollback" title="No revision chosen yet" why/></div> }
                    .into_any(),
                None,
            )
        }
        Some(Err(error)) => {
            let error = Signal::stored(Some(error));
            (view! { <ErrorNote what="What it would do cannot be told" error/> }.into_any(), None)
        }
        Some(Ok(detail)) => {
            let detail = PlanDetail { denied: states.denied.clone().or(detail.denied.clone()), ..detail };
            let rail = view! { <Rail detail=detail.clone() chosen=chosen.clone() acts/> };
            let states = states.clone();
            (view! { <Preview detail states chosen=chosen.clone()/> }.into_any(), Some(rail))
        }
    };
    view! {
        <Title text=title.clone()/>
        <main id="main" class="main" tabindex="-1">
            <div class="page-head">
                <div class="min-w-0">
                    <div class="flex flex-wrap items-center gap-2.5">
                        <h1 class="wrap-anywhere">{title}</h1>
                        <EnvironmentTag environment=states.environment.clone()/>
                    </div>
                    <p class="page-sub">
                        "Makes one new commit that gives it back an earlier state. Argo CD stays in charge. " {clusters}
                    </p>
                </div>
            </div>
            <ErrorNote what="It was not rolled back" error=refused/>
            <ErrorNote what="The plan was not kept" error=unkept/>
            <div class="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,1fr)_minmax(0,1.5fr)] xl:grid-cols-[22rem_minmax(0,1fr)_22rem]">
                <States states chosen=chosen.revision.clone() is_offered cell=chosen.cell.clone()/>
                <div class="grid min-w-0 grid-cols-1 gap-4">{middle}</div>
                {rail}
            </div>
        </main>
    }
    .into_any()
}

fn clusters(states: &EarlierStates) -> String {
    let mut names: Vec<_> = states.applications.iter().map(|row| row.cluster.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let count = counted(states.applications.len() as u32, "Application", "Applications");
    if names.is_empty() { format!("{count}.") } else { format!("{count} in {}.", names.join(", ")) }
}

/// What would change, and what that means.
#[component]
fn Preview(detail: PlanDetail, states: EarlierStates, chosen: Chosen) -> impl IntoView {
    let PlanDetail { now, plan, rendered, .. } = detail.clone();
    let row = plan.rows.first().cloned();
    let count = match &row {
        Some(row) if row.outcome == RowOutcome::Moves => format!(
            "{}, {} back to {}",
            counted(plan.files.len() as u32, "file", "files"),
            counted(row.moves.len() as u32, "field", "fields"),
            short_revision(&plan.from)
        ),
        _ => "nothing changes".to_owned(),
    };
    let body = row.map(|row| match &row.outcome {
        RowOutcome::Moves => {
            let version = |it: &Option<String>| it.as_deref().map_or_else(|| "none".to_owned(), visible);
            view! {
                <div class="flex flex-wrap items-center gap-x-6 gap-y-1 px-3.5 py-3">
                    <span class="flex flex-wrap items-center gap-3 text-lead">
                        <span class="ver text-lead text-mute wrap-anywhere">{version(&row.before)}</span>
                        <Icon name="arrow" class="text-mute"/>
                        <span class="sr-only">"to"</span>
                        <span class="ver text-lead wrap-anywhere">{version(&row.after)}</span>
                    </span>
                    {(!row.commits.is_empty())
                        .then(|| {
                            let commits = counted(row.commits.len() as u32, "commit", "commits");
                            view! {
                                <span class="text-small text-soft">
                                    "Takes back " <a class="link" href="#brings">{commits}</a>
                                </span>
                            }
                        })}
                </div>
                <Fields moves=row.moves.clone()/>
            }
            .into_any()
        }
        RowOutcome::NothingToDo => view! {
            <Empty icon="check" title="Nothing to do" why="It has now what it had then."/>
        }
        .into_any(),
        RowOutcome::Skipped { why } | RowOutcome::Stopped { why } => view! {
            <div class="flex gap-2.5 px-3.5 py-3">
                <Icon name="stop" class="mt-0.5 text-drift"/>
                <p class="min-w-0 wrap-anywhere">{why.clone()}</p>
            </div>
        }
        .into_any(),
    });
    let link = |noise| {
        let Chosen { cell, revision, whole_path, .. } = &chosen;
        routes::rollback_preview(cell, revision, *whole_path, noise)
    };
    let links = NoiseLinks { without: format!("{}#rendered", link(false)), with: link(true) };
    view! {
        <section class="card overflow-hidden" aria-labelledby="preview">
            <div class="card-head">
                <h2 id="preview">"2. Preview"</h2>
                <span class="count">{count}</span>
                <HowMuch chosen=chosen.clone()/>
            </div>
            {body}
        </section>
        <Warnings plan=plan.clone()/>
        <SourceDifference files=plan.files.clone()/>
        <Rendered rendered noise=chosen.noise links/>
        <Brings kind=plan.kind rows=plan.rows.clone() now/>
        <Meaning detail states/>
        <Stays plan/>
    }
}

/// Whether the promoted fields come back, or the whole folder.
#[component]
fn HowMuch(chosen: Chosen) -> impl IntoView {
    let Chosen { cell, revision, whole_path, .. } = chosen;
    let link = |whole_path| routes::rollback_preview(&cell, &revision, whole_path, false);
    view! {
        <span class="seg ml-auto" role="group" aria-label="What comes back">
            <a href=link(false) aria-current=(!whole_path).then_some("true")>"Promoted fields"</a>
            <a href=link(true) aria-current=whole_path.then_some("true")>"Whole folder"</a>
        </span>
    }
}

/// What stands beside the preview: the gates, and the form that rolls back.
#[component]
fn Rail(detail: PlanDetail, chosen: Chosen, acts: Acts) -> impl IntoView {
    let is_empty = detail.plan.is_empty();
    view! {
        <div class="grid min-w-0 grid-cols-1 gap-4 lg:col-span-2 xl:sticky xl:top-16 xl:col-span-1">
            <Gates gates=detail.gates.clone()/>
            <Confirm detail chosen=chosen.clone() acts/>
            {(!is_empty).then(|| view! { <Keep chosen acts/> })}
        </div>
    }
}

/// The form that rolls back.
#[component]
fn Confirm(detail: PlanDetail, chosen: Chosen, acts: Acts) -> impl IntoView {
    let (plan, asked) = (detail.plan.clone(), asked_of(&detail));
    let title = format!("4. Confirm for {}", name_of(&detail.target));
    let words = act_words(&plan);
    let (icon, reason) = look(plan.kind);
    view! {
        <ConfirmCard detail title>
            <ActionForm action=acts.roll_back attr:class="grid gap-3">
                <ChosenFields chosen/>
                <input type="hidden" name="plan" value=plan.hash/>
                <ConfirmFields asked reason holds=true icon words busy=acts.roll_back.pending()/>
            </ActionForm>
        </ConfirmCard>
    }
}

/// The form that only keeps the plan.
#[component]
fn Keep(chosen: Chosen, acts: Acts) -> impl IntoView {
    view! {
        <ActionForm action=acts.keep attr:class="flex flex-wrap items-center gap-x-3 gap-y-1">
            <ChosenFields chosen/>
            <SubmitButton class="btn btn-ghost" icon="bookmark" words="Keep this plan" busy=acts.keep.pending()/>
            <span class="text-small text-mute">"It gets a link, to show it to somebody first."</span>
        </ActionForm>
    }
}

/// The hidden fields that name what is restored.
#[component]
fn ChosenFields(chosen: Chosen) -> impl IntoView {
    let Chosen { cell: CellId { app, environment }, revision, whole_path, .. } = chosen;
    view! {
        <input type="hidden" name="app" value=app/>
        <input type="hidden" name="environment" value=environment/>
        <input type="hidden" name="revision" value=revision/>
        <input type="hidden" name="whole_path" value=whole_path.to_string()/>
    }
}
