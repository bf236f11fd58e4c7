//! One Application: how it is and why, its resources by wave, its last operation, its history, and what can be done.

mod acts;
mod facts;
mod history;
mod operation;
mod resources;
mod sync;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};
use model::{
    application::{ApplicationDetail, ApplicationId},
    status::{Environment, Health, Phase, Sync},
    view::View,
};

use self::{
    acts::{ActBar, ActErrors, Acts},
    facts::{AboutCard, ConditionsCard, Facts},
    history::HistoryCard,
    operation::OperationCard,
    resources::ResourcesCard,
    sync::SyncDialog,
};
use super::{Shelf, live_page};
use crate::{
    api::get_application,
    routes,
    ui::{
        badge::{EnvironmentTag, Look, freshness_words},
        icon::Icon,
        shell::{Crumb, TopBar},
    },
};

/// The page of an Application.
#[component]
pub(crate) fn ApplicationPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| {
        params.with(|params| {
            let part = |key| params.get(key).unwrap_or_default();
            ApplicationId {
                control_plane: part("control_plane"),
                namespace: part("namespace"),
                name: part("name"),
            }
        })
    });
    let crumbs = move || {
        vec![
            Crumb::link("Fleet", routes::OVERVIEW),
            Crumb::link("Applications", routes::APPLICATIONS),
            Crumb::here(id.get().name),
        ]
    };
    let query = use_query_map();
    let syncing = Memo::new(move |_| query.read().get("sync").is_some());
    let acts = Acts::new();
    live_page(
        move || View::Application(id.get()),
        crumbs,
        |view| async move {
            let id = if let View::Application(id) = view { id } else { ApplicationId::default() };
            get_application(id).await
        },
        move |shelf| draw(shelf, Signal::derive(crumbs), acts, syncing),
    )
}

fn draw(
    shelf: Shelf<ApplicationDetail>,
    crumbs: Signal<Vec<Crumb>>,
    acts: Acts,
    syncing: Memo<bool>,
) -> AnyView {
    let Shelf { data, now } = shelf;
    let id = shelf.part(|it| it.row.id.clone());
    let environment = shelf.part(|it| it.row.environment.clone());
    let protected = shelf.part(|it| it.row.environment.is_protected());
    view! {
        <Title text=move || id.with(|id| id.name.clone())/>
        <TopBar crumbs protected/>
        <main id="main" class="main" tabindex="-1">
            <div class="mb-4 flex flex-wrap items-start gap-x-4 gap-y-3">
                <div class="min-w-0">
                    <div class="flex flex-wrap items-center gap-2.5">
                        <h1 class="break-all">{move || id.with(|id| id.name.clone())}</h1>
                        {move || view! { <EnvironmentTag environment=environment.get()/> }}
                        {move || {
                            data.with(|it| it.row.deleting)
                                .then(|| view! { <span class="badge text-degraded">"being deleted"</span> })
                        }}
                    </div>
                    <p class="page-sub">{move || data.with(place)}</p>
                </div>
                <ActBar shelf acts/>
            </div>
            <ActErrors acts/>
            {move || data.with(|it| unknowable(it, now.get()))}
            {move || environment.with(contradiction)}
            <Facts shelf/>
            {move || data.with(cause)}
            {move || syncing.get().then(|| view! { <SyncDialog id acts/> })}
            <div class="grid grid-cols-1 items-start gap-4 xl:grid-cols-[minmax(0,1fr)_22rem]">
                <div class="grid min-w-0 grid-cols-1 gap-4">
                    <ResourcesCard shelf/>
                    <HistoryCard shelf/>
                </div>
                <div class="grid grid-cols-1 gap-4 md:grid-cols-2 xl:grid-cols-1">
                    <OperationCard shelf acts/>
                    <ConditionsCard shelf/>
                    <AboutCard shelf/>
                </div>
            </div>
        </main>
    }
    .into_any()
}

fn place(application: &ApplicationDetail) -> String {
    let row = &application.row;
    format!(
        "Application in project {}, control plane {}. Deploys to {}, namespace {}.",
        row.project,
        row.id.control_plane,
        row.cluster,
        if row.namespace.is_empty() { "of its manifests" } else { &row.namespace },
    )
}

/// Returns the environment and why we say so, as one sentence.
pub(super) fn environment_sentence(environment: &Environment) -> String {
    match environment {
        Environment::Known { name, protected, why, .. } => {
            let guard = if *protected { " It is protected: acts ask for its name." } else { "" };
            format!("{name}, for {why}.{guard}")
        }
        Environment::Unknown { why } => format!("Not known: {why}"),
        Environment::Contradictory { why } => format!("Contradictory: {why}"),
    }
}

/// Tells that what is shown may no longer be true.
fn unknowable(application: &ApplicationDetail, now: model::Timestamp) -> Option<impl IntoView + use<>> {
    let row = &application.row;
    let (icon, why) = match &row.freshness {
        model::status::Freshness::Live => return None,
        model::status::Freshness::Connecting => ("stale", "the first contact is being made"),
        model::status::Freshness::Stale { why, .. } => ("stale", why.as_str()),
        model::status::Freshness::Unreachable { why, .. } => ("unreachable", why.as_str()),
    };
    let head = format!("{}: {why}", freshness_words(&row.freshness, now));
    let cluster = row.cluster.clone();
    Some(view! {
        <div class="note mb-4 text-stale">
            <Icon name=icon/>
            <div>
                <p class="font-semibold wrap-anywhere">{head}</p>
                <p class="text-soft">
                    "What is shown is the last known state. Argo CD may still call it Healthy; as long as "
                    <span class="name">{cluster}</span> " does not answer, nobody can tell."
                </p>
            </div>
        </div>
    })
}

/// Tells that the environment contradicts itself, and that acts are refused until it does not.
fn contradiction(environment: &Environment) -> Option<impl IntoView + use<>> {
    let Environment::Contradictory { why } = environment else { return None };
    let why = why.clone();
    Some(view! {
        <div class="note mb-4 text-degraded" role="alert">
            <Icon name="warn"/>
            <div>
                <p class="font-semibold">"The signs of its environment contradict each other, so acts are refused."</p>
                <p class="text-soft">{why} " Mend the destination, the path or the settings."</p>
            </div>
        </div>
    })
}

/// Says in words why it is not well, over everything else.
fn cause(application: &ApplicationDetail) -> Option<impl IntoView + use<>> {
    let row = &application.row;
    if row.reason.is_empty() || !row.freshness.is_live() {
        return None;
    }
    let failed = row.operation.as_ref().is_some_and(|it| matches!(it.phase, Phase::Failed | Phase::Error));
    let (class, look) = match row.health {
        Health::Degraded => ("note mb-4 text-degraded", Look::Degraded),
        Health::Missing => ("note mb-4 text-missing", Look::Missing),
        _ if failed => ("note mb-4 text-degraded", Look::Failed),
        Health::Progressing => ("note mb-4 text-progressing", Look::Progressing),
        _ if row.sync == Sync::OutOfSync => ("note mb-4 text-drift", Look::Drift),
        _ => ("note mb-4 text-unknown", Look::Unknown),
    };
    let waits = application.operation.as_ref().and_then(|it| it.waits_for.clone());
    let reason = row.reason.clone();
    Some(view! {
        <div class=class>
            <Icon name=look.icon()/>
            <div>
                <p class="font-semibold wrap-anywhere">{reason}</p>
                {waits.map(|waits| view! { <p class="text-soft">"The running sync waits for " {waits} "."</p> })}
            </div>
        </div>
    })
}
