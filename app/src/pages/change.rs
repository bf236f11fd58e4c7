//! A change: where it stands and why, who did what when, how far each Application is, what was written, and what can be
//! done about it.

mod acts;
mod approvals;
mod apps;
mod cause;
mod commit;
mod evidence;
mod rollout;
mod steps;
mod timeline;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};
use model::{
    change::{ChangeDetail, ChangeRow},
    view::View,
};

use self::{
    acts::{ActBar, ActErrors, Acts},
    approvals::Approvals,
    apps::Apps,
    cause::Cause,
    commit::Commit,
    evidence::Evidence,
    rollout::RolloutCard,
    steps::Steps,
    timeline::Timeline,
};
use super::{Shelf, live_page};
use crate::{
    api::get_change,
    routes,
    ui::{
        badge::EnvironmentTag,
        change::{ChangeStatus, heading},
        diff::visible,
        icon::Icon,
        shell::{Crumb, TopBar},
        time::Age,
    },
};

/// The page of a change.
#[component]
pub(crate) fn ChangePage() -> impl IntoView {
    let (params, query) = (use_params_map(), use_query_map());
    // No change has the number 0.
    let id = Memo::new(move |_| params.with(|params| params.get("id")?.parse().ok()).unwrap_or(0));
    let existed = Memo::new(move |_| query.read().get("existed").is_some());
    let crumbs = move || vec![Crumb::link("Changes", routes::CHANGES), Crumb::here(id.get().to_string())];
    let acts = Acts::new();
    live_page(
        move || View::Change { id: id.get() },
        crumbs,
        |view| async move {
            let id = if let View::Change { id } = view { id } else { 0 };
            get_change(id).await
        },
        move |shelf| draw(shelf, Signal::derive(crumbs), acts, existed),
    )
}

fn draw(shelf: Shelf<ChangeDetail>, crumbs: Signal<Vec<Crumb>>, acts: Acts, existed: Memo<bool>) -> AnyView {
    let title = shelf.part(|it| visible(&heading(&it.row)));
    let environment = shelf.part(|it| it.row.environment.clone());
    let protected = shelf.part(|it| it.row.environment.is_protected());
    view! {
        <Title text=title/>
        <TopBar crumbs protected/>
        <main id="main" class="main" tabindex="-1">
            <div class="page-head">
                <div class="min-w-0">
                    <div class="flex flex-wrap items-center gap-2.5">
                        <h1 class="wrap-anywhere">{title}</h1>
                        {move || view! { <EnvironmentTag environment=environment.get()/> }}
                    </div>
                    <Facts shelf/>
                </div>
                <ActBar shelf acts/>
            </div>
            <ActErrors acts/>
            {move || existed.get().then(|| view! { <Existed/> })}
            <Cause shelf/>
            <Steps shelf/>
            <div class="grid grid-cols-1 items-start gap-4 xl:grid-cols-[minmax(0,1fr)_minmax(0,1.35fr)]">
                <div class="grid min-w-0 grid-cols-1 gap-4">
                    <Timeline shelf/>
                    <Evidence shelf/>
                </div>
                <div class="grid min-w-0 grid-cols-1 gap-4">
                    <RolloutCard shelf/>
                    <Apps shelf/>
                    <Commit shelf/>
                    <Approvals shelf acts/>
                </div>
            </div>
        </main>
    }
    .into_any()
}

/// Its number, who asked for it, when and why, and its state.
#[component]
fn Facts(shelf: Shelf<ChangeDetail>) -> impl IntoView {
    let row = shelf.part(|it| it.row.clone());
    move || {
        let ChangeRow { id, who, reason, asked_at, state, by, .. } = row.get();
        let reason = (!reason.is_empty()).then(|| {
            view! {
                <p class="text-soft wrap-anywhere">
                    "Reason: “" <bdi>{visible(&reason)}</bdi> "”"
                </p>
            }
        });
        view! {
            <p class="page-sub">
                {format!("Change {id} by ")} <bdi>{visible(&who)}</bdi> ", began "
                <Age at=asked_at now=shelf.now suffix=" ago"/> ". "
                <span class="ml-1">
                    <ChangeStatus state by/>
                </span>
            </p>
            {reason}
        }
    }
}

/// Tells that what was just asked for had been asked for before.
#[component]
fn Existed() -> impl IntoView {
    view! {
        <section class="note mb-4 text-accent" role="status" aria-label="Asked for before">
            <Icon name="info"/>
            <div>
                <p class="font-semibold">"This had been asked for before"</p>
                <p class="text-soft">"There is one change of it, and this is it. Nothing new was made."</p>
            </div>
        </section>
    }
}
