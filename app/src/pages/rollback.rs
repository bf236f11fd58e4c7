//! Rolling back an app in an environment: its earlier states, what restoring one would do, and what that means.
//!
//! What is chosen is the URL. Nothing here changes anything: what is kept is a plan.

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

use self::{meaning::Meaning, states::States};
use super::{
    Bar,
    overview::counted,
    plan::{Brings, Denied, Fields, NoiseLinks, Rendered, SourceDifference, Stays, Warnings},
    still_page_under,
};
use crate::{
    api::{PlanRollback, list_earlier_states, preview_rollback},
    routes,
    ui::{
        badge::{EnvironmentTag, short_revision},
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
type Loaded = (EarlierStates, Option<AppResult<PlanDetail>>);

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
    let keep = ServerAction::<PlanRollback>::new();
    still_page_under(
        move || {
            let Chosen { cell, revision, whole_path, .. } = chosen.get();
            (cell, revision, whole_path)
        },
        bar,
        |(cell, revision, whole_path)| load(cell, revision, whole_path),
        move |loaded| draw(loaded, chosen.get(), keep),
    )
}

async fn load(cell: CellId, revision: String, whole_path: bool) -> AppResult<Loaded> {
    let states = list_earlier_states(cell.app.clone(), cell.environment.clone()).await?;
    let preview = match revision.as_str() {
        "" => None,
        _ => Some(preview_rollback(cell.app, cell.environment, revision, whole_path).await),
    };
    Ok((states, preview))
}

fn bar(loaded: Option<&Loaded>) -> Bar {
    let mut crumbs = vec![Crumb::link("Matrix", routes::MATRIX)];
    if let Some((states, _)) = loaded {
        crumbs.push(Crumb::link(states.name.clone(), routes::app(&states.slug)));
        crumbs.push(Crumb::here(format!("Roll back in {}", name_of(&states.environment))));
    } else {
        crumbs.push(Crumb::here("Roll back"));
    }
    Bar { crumbs, protected: loaded.is_some_and(|(states, _)| states.environment.is_protected()) }
}

fn name_of(environment: &Environment) -> String {
    environment.name().unwrap_or("an unknown environment").to_owned()
}

fn draw((states, preview): Loaded, chosen: Chosen, keep: ServerAction<PlanRollback>) -> AnyView {
    let title = format!("Roll back {} in {}", states.name, name_of(&states.environment));
    let error = Signal::derive(move || keep.value().get().and_then(Result::err));
    let clusters = clusters(&states);
    let (middle, rail) = match preview {
        None => {
            let why = "Choose one: its difference to now is shown here, before anything happens.";
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
            let rail = view! { <Keep detail=detail.clone() denied=states.denied.clone() chosen=chosen.clone() keep/> };
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
                        "Shows what it takes to give it an earlier state, in Git, with Argo CD in charge. " {clusters}
                    </p>
                </div>
            </div>
            <ErrorNote what="The plan was not kept" error/>
            <div class="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,1fr)_minmax(0,1.5fr)] xl:grid-cols-[22rem_minmax(0,1fr)_22rem]">
                <States states chosen=chosen.revision.clone() cell=chosen.cell.clone()/>
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

/// The form that keeps the plan.
#[component]
fn Keep(
    detail: PlanDetail,
    denied: Option<String>,
    chosen: Chosen,
    keep: ServerAction<PlanRollback>,
) -> impl IntoView {
    let protected = detail.target.is_protected();
    let is_empty = detail.plan.is_empty();
    let Chosen { cell: CellId { app, environment }, revision, whole_path, .. } = chosen;
    let what = if whole_path { "the whole folder" } else { "the promoted fields" };
    let sub = format!("It gets a link and a hash, restores {what}, and changes nothing.");
    view! {
        <div class="grid min-w-0 grid-cols-1 gap-4 lg:col-span-2 xl:sticky xl:top-16 xl:col-span-1">
            <section class=if protected { "card prod-frame" } else { "card" } aria-labelledby="keep">
                {protected.then(|| view! { <div class="prod-edge"></div> })}
                <ActionForm action=keep attr:class="grid gap-3 px-3.5 py-3.5">
                    <div>
                        <h2 id="keep" class="text-lead">"4. Keep this plan"</h2>
                        <p class="text-small text-soft">{sub}</p>
                    </div>
                    <input type="hidden" name="app" value=app/>
                    <input type="hidden" name="environment" value=environment/>
                    <input type="hidden" name="revision" value=revision/>
                    <input type="hidden" name="whole_path" value=whole_path.to_string()/>
                    <SubmitButton
                        class="btn btn-primary btn-lg w-full"
                        icon="bookmark"
                        words="Keep this plan"
                        busy=keep.pending()
                        disabled=is_empty
                    />
                    {is_empty
                        .then(|| {
                            view! { <p class="text-small text-mute">"There is nothing to keep: nothing would change."</p> }
                        })}
                </ActionForm>
            </section>
            <Denied denied=denied.or(detail.denied)/>
        </div>
    }
}
