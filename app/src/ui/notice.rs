//! Banners over a page: what is not live, and what is wrong with objects.

use leptos::prelude::*;
use model::{
    AppError, AppResult, Timestamp,
    operation::Outcome,
    status::{ControlPlane, Freshness, Warning},
};

use super::icon::Icon;

/// The banners of a page: control planes that are not live, and objects that cannot be read or do not do their work.
#[component]
pub(crate) fn Notices(
    #[prop(into)] control_planes: Signal<Vec<ControlPlane>>,
    #[prop(into)] warnings: Signal<Vec<Warning>>,
    #[prop(into)] now: Signal<Timestamp>,
) -> impl IntoView {
    let silent = move || {
        control_planes.get().into_iter().filter(|plane| !plane.freshness.is_live()).collect::<Vec<_>>()
    };
    view! {
        <For each=silent key=|plane| plane.clone() let:plane>
            <section class="banner text-stale" aria-label="Control plane">
                <Icon name="unreachable"/>
                <div class="txt">{move || sentence(&plane, now.get())}</div>
            </section>
        </For>
        {move || (!warnings.read().is_empty()).then(|| view! { <Warnings warnings=warnings.get()/> })}
    }
}

/// What went wrong with an act: what it was, why, and what to do.
#[component]
pub(crate) fn ErrorNote(what: &'static str, #[prop(into)] error: Signal<Option<AppError>>) -> impl IntoView {
    move || {
        error.get().map(|error| {
            view! {
                <div class="note mb-4 text-degraded" role="alert">
                    <Icon name="failed"/>
                    <div>
                        <p class="font-semibold">{what}</p>
                        <p class="text-soft wrap-anywhere">
                            {error.to_string()} " " <span class="text-mute">"Code " {error.code()} "."</span>
                        </p>
                    </div>
                </div>
            }
        })
    }
}

/// Returns the error of an act's answer.
pub(crate) fn error_of(
    value: impl Get<Value = Option<AppResult<Outcome>>> + Send + Sync + 'static,
) -> Signal<Option<AppError>> {
    Signal::derive(move || value.get().and_then(Result::err))
}

#[component]
fn Warnings(warnings: Vec<Warning>) -> impl IntoView {
    let head = match warnings.len() {
        1 => "1 object of Argo CD is not as it should be".to_owned(),
        many => format!("{many} objects of Argo CD are not as they should be"),
    };
    let rows = warnings
        .into_iter()
        .map(|warning| view! { <li><b>{warning.what}</b>": " <span class="text-soft">{warning.why}</span></li> })
        .collect_view();
    view! {
        <details class="border-b border-line bg-sunken px-4 py-2 md:px-6">
            <summary class="status s-drift">
                <Icon name="warn"/>
                {head}
            </summary>
            <ul class="mt-1.5 grid gap-1 text-small wrap-anywhere">{rows}</ul>
        </details>
    }
}

fn sentence(plane: &ControlPlane, now: Timestamp) -> String {
    let name = &plane.name;
    match &plane.freshness {
        Freshness::Live => String::new(),
        Freshness::Connecting => {
            format!("Control plane {name} is being connected. What it holds is not shown yet.")
        }
        Freshness::Stale { since, why } => {
            format!("Control plane {name} is behind: {why}. What is shown is {} old.", since.age(now))
        }
        Freshness::Unreachable { since, why } => {
            let age = since.age(now);
            format!(
                "Control plane {name} has not answered for {age}: {why}. What is shown is its last known state, {age} \
                 old, and may have changed."
            )
        }
    }
}
