//! Why there is nothing to see: waiting, none, hidden, failed. Never one for the other.

use leptos::prelude::*;
use model::AppError;

use super::icon::Icon;
use crate::routes;

/// There is nothing, and why.
#[component]
pub(crate) fn Empty(
    icon: &'static str,
    title: &'static str,
    #[prop(into)] why: String,
    /// What can be done about it.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <Icon name=icon/>
            <h3>{title}</h3>
            <p>{why}</p>
            {children.map(|children| view! { <div class="btn-row">{children()}</div> })}
        </div>
    }
}

/// The page could not be had: what happened, its code, and what to do next.
#[component]
pub(crate) fn Failure(
    error: AppError,
    /// The path of the page, to try again.
    #[prop(into)]
    path: Signal<String>,
) -> impl IntoView {
    let title = match &error {
        AppError::Unauthenticated => "Sign in to see this",
        AppError::Forbidden { .. } => "Nothing here for your role",
        AppError::NotFound { .. } => "Not found",
        AppError::Unavailable { .. } | AppError::Transport { .. } => "No answer",
        _ => "This could not be read",
    };
    let icon = match &error {
        AppError::Unauthenticated | AppError::Forbidden { .. } => "shield",
        AppError::NotFound { .. } => "search",
        AppError::Unavailable { .. } | AppError::Transport { .. } => "unreachable",
        _ => "failed",
    };
    let signed_out = error == AppError::Unauthenticated;
    view! {
        <div class="card empty" role="alert">
            <Icon name=icon/>
            <h1>{title}</h1>
            <p>{error.to_string()}</p>
            <p class="text-small">"Code " <code>{error.code()}</code></p>
            <div class="btn-row">
                {if signed_out {
                    view! { <a class="btn" href=move || routes::login(&path.get()) rel="external">"Sign in"</a> }
                        .into_any()
                } else {
                    view! {
                        <a class="btn" href=path rel="external">
                            <Icon name="refresh"/>
                            "Try again"
                        </a>
                    }
                        .into_any()
                }}
                <a class="btn btn-ghost" href=routes::OVERVIEW>"Go to the overview"</a>
            </div>
        </div>
    }
}

/// What stands in a page's place while it loads; as high as its rows, so that nothing jumps.
#[component]
pub(crate) fn Skeleton() -> impl IntoView {
    let row = |class: &'static str| {
        view! {
            <span class="flex h-5 items-center gap-3">
                <span class="skel size-3.5 rounded-full"></span>
                <span class=class></span>
                <span class="skel ml-auto w-12"></span>
            </span>
        }
    };
    view! {
        <main id="main" class="main" tabindex="-1">
            <div class="page-head">
                <span class="skel h-7 w-48"></span>
            </div>
            <div class="card grid gap-3.5 px-3.5 py-4" role="status" aria-label="Loading">
                {row("skel w-40")}
                {row("skel w-56")}
                {row("skel w-32")}
                {row("skel w-48")}
                {row("skel w-36")}
            </div>
        </main>
    }
}
