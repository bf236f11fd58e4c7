//! What would become of the objects, Application by Application. Not rendered is an answer, with its reason.

use leptos::prelude::*;
use model::plan::{ChangeKind, ObjectChange, RenderedApplication};

use super::counted;
use crate::{
    routes,
    ui::{
        diff::{FoldedDiff, balance, visible},
        icon::Icon,
    },
};

/// The links that hide and show what changes in nothing but noise.
#[derive(Clone)]
pub(in crate::pages) struct NoiseLinks {
    pub(in crate::pages) without: String,
    pub(in crate::pages) with: String,
}

/// The rendered difference.
#[component]
pub(in crate::pages) fn Rendered(
    rendered: Vec<RenderedApplication>,
    /// Whether objects are shown that change in nothing but noise.
    noise: bool,
    links: NoiseLinks,
) -> impl IntoView {
    if rendered.is_empty() {
        return ().into_any();
    }
    let known: Vec<_> = rendered.iter().filter(|it| it.not_rendered.is_none()).collect();
    let changes = known.iter().flat_map(|it| &it.changes);
    let (hidden, real): (Vec<_>, Vec<_>) = changes.partition(|change| change.noise);
    let (hidden, real) = (hidden.len() as u32, real.len() as u32);
    let objects: u32 = known.iter().map(|it| it.objects).sum();
    let known = known.len() as u32;
    let count = match known {
        0 => format!("not known: {}", unrendered(rendered.len() as u32)),
        _ => format!(
            "{real} of {} of {} change",
            counted(objects, "object", "objects"),
            counted(known, "Application", "Applications")
        ),
    };
    let toggle = (hidden > 0).then(|| view! { <NoiseToggle hidden noise links/> });
    let applications = rendered
        .into_iter()
        .enumerate()
        .map(|(place, it)| view! { <OfApplication rendered=it noise open=place == 0/> })
        .collect_view();
    view! {
        <section class="card overflow-hidden" aria-labelledby="rendered">
            <div class="card-head">
                <h2 id="rendered">"Rendered difference"</h2>
                <span class="count">{count}</span>
                {toggle}
            </div>
            {applications}
        </section>
    }
    .into_any()
}

fn unrendered(count: u32) -> String {
    format!("{} not rendered", if count == 1 { "1 is".to_owned() } else { format!("{count} are") })
}

#[component]
fn NoiseToggle(hidden: u32, noise: bool, links: NoiseLinks) -> impl IntoView {
    view! {
        <span class="seg ml-auto" role="group" aria-label="Noise: generated names and labels of charts">
            <a href=links.without aria-current=(!noise).then_some("true")>"Only what matters"</a>
            <a href=links.with aria-current=noise.then_some("true")>{format!("With noise, {hidden}")}</a>
        </span>
    }
}

#[component]
fn OfApplication(rendered: RenderedApplication, noise: bool, open: bool) -> impl IntoView {
    let RenderedApplication { application, cluster, not_rendered, objects, changes, findings } = rendered;
    let warned = !findings.is_empty() || not_rendered.is_some();
    let summary = match &not_rendered {
        Some(_) => "not rendered".to_owned(),
        None => words(&changes, objects),
    };
    let href = routes::application(&application);
    let findings = (!findings.is_empty()).then(|| {
        let lines =
            findings.into_iter().map(|it| view! { <li class="wrap-anywhere">{it}</li> }).collect_view();
        view! {
            <div class="note m-3.5 text-drift">
                <Icon name="warn"/>
                <ul class="grid min-w-0 gap-1 text-ink">{lines}</ul>
            </div>
        }
    });
    let body = match not_rendered {
        Some(why) => view! {
            <div class="note m-3.5 text-drift">
                <Icon name="unknown"/>
                <div>
                    <p class="font-semibold">"What its objects would become is not known"</p>
                    <p class="text-soft wrap-anywhere">{why}</p>
                </div>
            </div>
        }
        .into_any(),
        None => objects_view(changes, &application.name, noise),
    };
    view! {
        <details class="group/application border-t border-line first-of-type:border-t-0" open=open>
            <summary class="flex flex-wrap items-center gap-x-2 gap-y-0.5 px-3.5 py-2 hover:bg-hover">
                <Icon name="right" class="icon-sm group-open/application:rotate-90"/>
                <span class="font-medium wrap-anywhere">{application.name}</span>
                <span class="text-mute">{cluster}</span>
                <span class="count ml-auto">
                    {warned.then(|| view! { <Icon name="warn" class="icon-sm mr-1 text-drift"/> })}
                    {summary}
                </span>
            </summary>
            <div class="border-t border-line">
                {findings}
                {body}
                <p class="border-t border-line px-3.5 py-1.5 text-small">
                    <a class="link" href=href>"Open the Application"</a>
                </p>
            </div>
        </details>
    }
}

fn objects_view(changes: Vec<ObjectChange>, application: &str, noise: bool) -> AnyView {
    let hidden = if noise { 0 } else { changes.iter().filter(|it| it.noise).count() };
    let shown: Vec<_> = changes.into_iter().filter(|it| noise || !it.noise).collect();
    let is_empty = shown.is_empty();
    let rows = shown
        .into_iter()
        .enumerate()
        .map(|(place, change)| view! { <Object change application=application.to_owned() open=place == 0/> })
        .collect_view();
    let hidden = (hidden > 0).then(|| {
        let objects = counted(hidden as u32, "object", "objects");
        let verb = if hidden == 1 { "changes" } else { "change" };
        view! {
            <p class="px-3.5 py-1.5 text-small text-mute">
                {format!("{objects} {verb} in noise alone (generated names, labels of charts), and not shown.")}
            </p>
        }
    });
    view! {
        {rows}
        {(is_empty && hidden.is_none())
            .then(|| view! { <p class="px-3.5 py-2 text-small text-mute">"No object changes."</p> })}
        {hidden}
    }
    .into_any()
}

#[component]
fn Object(change: ObjectChange, application: String, open: bool) -> impl IntoView {
    let ObjectChange { what, api_version, kind, namespace, name, noise, patch } = change;
    let (class, word) = match what {
        ChangeKind::Added => ("badge text-healthy", "added"),
        ChangeKind::Changed => ("badge badge-plain", "changed"),
        ChangeKind::Removed => ("badge text-degraded", "removed"),
    };
    let place = if namespace.is_empty() { name } else { format!("{namespace}/{name}") };
    let label = format!("Rendered difference of {kind} {place} in {application}");
    let balance = balance([patch.as_str()]);
    view! {
        <FoldedDiff label patch open>
            <span class="text-mute" title=api_version>{visible(&kind)}</span>
            <bdi class="min-w-0 wrap-anywhere">{visible(&place)}</bdi>
            <span class=class>{word}</span>
            {noise.then(|| view! { <span class="badge badge-plain">"noise"</span> })}
            <span class="ml-auto text-mute">{balance}</span>
        </FoldedDiff>
    }
}

/// Returns how many objects are added, changed and removed, without noise.
fn words(changes: &[ObjectChange], objects: u32) -> String {
    let of = |kind| changes.iter().filter(|it| it.what == kind && !it.noise).count();
    let parts: Vec<_> =
        [(ChangeKind::Added, "added"), (ChangeKind::Changed, "changed"), (ChangeKind::Removed, "removed")]
            .into_iter()
            .map(|(kind, word)| (of(kind), word))
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
    let parts = if parts.is_empty() { "none changes".to_owned() } else { parts.join(", ") };
    format!("{}: {parts}", counted(objects, "object", "objects"))
}
