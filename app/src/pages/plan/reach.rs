//! How far a plan reaches: Applications, clusters, namespaces and objects, and whom it touches unasked.

use std::collections::BTreeSet;

use leptos::prelude::*;
use model::{
    Timestamp,
    plan::{ChangeKind, RenderedApplication, Touched, TouchedApplication},
};

use super::counted;
use crate::{
    routes,
    ui::{
        badge::{EnvironmentTag, FreshnessStatus},
        icon::Icon,
    },
};

/// How many objects change, are added, and are removed, without noise; none where nothing is rendered.
pub(in crate::pages) fn objects_of(rendered: &[RenderedApplication]) -> Option<[usize; 3]> {
    let known = rendered.iter().any(|it| it.not_rendered.is_none());
    let of = |kind| {
        let changes = rendered.iter().flat_map(|it| &it.changes);
        changes.filter(|it| it.what == kind && !it.noise).count()
    };
    known.then(|| [ChangeKind::Changed, ChangeKind::Added, ChangeKind::Removed].map(of))
}

/// Whether a cluster that it reaches does not answer.
pub(in crate::pages) fn has_unreachable(touched: &Touched) -> bool {
    touched.applications.iter().any(|it| !it.freshness.is_live())
}

/// The blast radius.
#[component]
pub(super) fn Reach(
    touched: Touched,
    rendered: Vec<RenderedApplication>,
    protected: bool,
    now: Timestamp,
) -> impl IntoView {
    let Touched { applications, hidden } = touched;
    let clusters: BTreeSet<_> =
        applications.iter().map(|it| (it.id.control_plane.clone(), it.cluster.clone())).collect();
    let namespaces: BTreeSet<_> = applications
        .iter()
        .map(|it| (it.id.control_plane.clone(), it.cluster.clone(), it.namespace.clone()))
        .collect();
    let objects = objects_of(&rendered);
    let figure = |label: &'static str, value: Option<usize>| {
        view! {
            <div class="flex flex-col-reverse justify-end bg-surface px-3.5 py-2">
                <dt class="text-mute">{label}</dt>
                {match value {
                    Some(value) => view! { <dd class="text-lead font-semibold">{value}</dd> }.into_any(),
                    None => view! { <dd class="text-lead text-mute">"not known"</dd> }.into_any(),
                }}
            </div>
        }
    };
    let of_objects = |place: usize| objects.map(|counts| counts[place]);
    let unrendered = rendered.iter().filter(|it| it.not_rendered.is_some()).count() as u32;
    let total = applications.len() + hidden as usize;
    view! {
        <section
            class=if protected { "card prod-frame" } else { "card overflow-hidden" }
            aria-labelledby="reach"
        >
            {protected.then(|| view! { <div class="prod-edge"></div> })}
            <div class="card-head">
                <h2 id="reach">"Blast radius"</h2>
            </div>
            <dl class="grid grid-cols-3 gap-px bg-line text-small">
                {figure("Applications", Some(total))}
                {figure("clusters", Some(clusters.len()))}
                {figure("namespaces", Some(namespaces.len()))}
                {figure("objects change", of_objects(0))}
                {figure("added", of_objects(1))}
                {figure("removed", of_objects(2))}
            </dl>
            <Silent applications=applications.clone() now/>
            <Shared applications=applications.clone()/>
            <Unseen hidden unrendered/>
            <All applications now/>
        </section>
    }
}

/// The clusters that do not answer.
#[component]
fn Silent(applications: Vec<TouchedApplication>, now: Timestamp) -> impl IntoView {
    let mut seen = BTreeSet::new();
    let silent: Vec<_> = applications
        .into_iter()
        .filter(|it| !it.freshness.is_live())
        .filter(|it| seen.insert((it.id.control_plane.clone(), it.cluster.clone())))
        .collect();
    (!silent.is_empty()).then(|| {
        let rows = silent
            .into_iter()
            .map(|it| {
                view! {
                    <li class="flex flex-wrap items-center gap-x-2">
                        <span class="font-medium wrap-anywhere">{it.cluster}</span>
                        <FreshnessStatus freshness=it.freshness now/>
                    </li>
                }
            })
            .collect_view();
        view! {
            <div class="border-t border-line px-3.5 py-2 text-small">
                <ul class="grid gap-1">{rows}</ul>
                <p class="mt-0.5 text-mute">"What is shown of it was true once; it would take a change when it returns."</p>
            </div>
        }
    })
}

/// The Applications that nobody asked for, each with the file that it shares.
#[component]
fn Shared(applications: Vec<TouchedApplication>) -> impl IntoView {
    let shared: Vec<_> = applications.into_iter().filter_map(|it| Some((it.shares.clone()?, it))).collect();
    (!shared.is_empty()).then(|| {
        let head = counted(shared.len() as u32, "other Application is", "other Applications are");
        let rows = shared
            .into_iter()
            .map(|(file, it)| {
                view! {
                    <li class="min-w-0">
                        <p class="flex flex-wrap items-center gap-x-2">
                            <a class="link wrap-anywhere" href=routes::application(&it.id)>{it.id.name.clone()}</a>
                            <EnvironmentTag environment=it.environment/>
                            <span class="text-mute">{it.cluster}</span>
                        </p>
                        <p class="text-mute wrap-anywhere">"shares " <code>{file}</code></p>
                    </li>
                }
            })
            .collect_view();
        view! {
            <div class="border-t border-line px-3.5 py-2 text-small">
                <p class="status wrap s-drift mb-1 items-start">
                    <Icon name="warn"/>
                    {format!("{head} touched that nobody asked for")}
                </p>
                <ul class="grid gap-1.5">{rows}</ul>
            </div>
        }
    })
}

/// What is not counted, and what cannot be named.
#[component]
fn Unseen(hidden: u32, unrendered: u32) -> impl IntoView {
    let hidden = (hidden > 0).then(|| {
        let words = counted(hidden, "Application that you may not see", "Applications that you may not see");
        view! { <p>{format!("Among them {words}.")}</p> }
    });
    let unrendered = (unrendered > 0).then(|| {
        let words =
            counted(unrendered, "Application is not rendered: its", "Applications are not rendered: their");
        view! { <p>{format!("{words} objects are not counted.")}</p> }
    });
    (hidden.is_some() || unrendered.is_some()).then(|| {
        view! {
            <div class="grid gap-0.5 border-t border-line px-3.5 py-2 text-small text-soft">
                {hidden}
                {unrendered}
            </div>
        }
    })
}

/// All of them, folded.
#[component]
fn All(applications: Vec<TouchedApplication>, now: Timestamp) -> impl IntoView {
    (!applications.is_empty()).then(|| {
        let count = counted(applications.len() as u32, "Application", "Applications");
        let rows = applications
            .into_iter()
            .map(|it| {
                view! {
                    <li class="min-w-0 px-3.5 py-1.5">
                        <p class="flex flex-wrap items-center gap-x-2">
                            <a class="link wrap-anywhere" href=routes::application(&it.id)>{it.id.name.clone()}</a>
                            {(!it.freshness.is_live()).then(|| view! { <FreshnessStatus freshness=it.freshness now/> })}
                        </p>
                        <p class="text-mute wrap-anywhere">{format!("{} / {}", it.cluster, it.namespace)}</p>
                    </li>
                }
            })
            .collect_view();
        view! {
            <details class="group/all border-t border-line text-small">
                <summary class="flex items-center gap-2 px-3.5 py-2 hover:bg-hover">
                    <Icon name="right" class="icon-sm group-open/all:rotate-90"/>
                    {count}
                </summary>
                <ul class="rows border-t border-line">{rows}</ul>
            </details>
        }
    })
}
