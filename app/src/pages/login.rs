//! Signing in; a plain form, without the frame.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::access::SignInOptions;

use crate::{api::get_sign_in, routes, ui::icon::Icon};

/// The page that signs in.
#[component]
pub(crate) fn LoginPage() -> impl IntoView {
    let query = use_query_map();
    let error = move || query.read().get("error").map(|code| refusal(&code));
    let next = move || query.read().get("next").unwrap_or_else(|| routes::OVERVIEW.into());
    let options = Resource::new_blocking(|| (), |()| async { get_sign_in().await.unwrap_or_default() });
    let ways = move || options.get().map(|options| view! { <Ways options next=next()/> });
    view! {
        <Title text="Sign in"/>
        <main id="main" class="grid min-h-dvh lg:grid-cols-[minmax(0,1fr)_minmax(0,1fr)]" tabindex="-1">
            <div class="flex flex-col px-6 py-6 md:px-10">
                <p class="flex items-center gap-2 text-lead font-semibold tracking-[-0.02em]">
                    <Icon name="mark" class="icon-lg"/>
                    "Quarterdeck"
                </p>
                <div class="mx-auto my-auto w-full max-w-sm py-10">
                    <h1 class="text-figure">"Sign in"</h1>
                    <p class="mt-1 text-mute">"to see every cluster and Application of the fleet."</p>
                    {move || {
                        error()
                            .map(|(what, next)| {
                                view! {
                                    <div class="note mt-6 text-degraded" role="alert">
                                        <Icon name="degraded"/>
                                        <div>
                                            <p class="font-semibold">{what}</p>
                                            <p class="text-soft">{next}</p>
                                        </div>
                                    </div>
                                }
                            })
                    }}
                    <Suspense>{ways}</Suspense>
                </div>
            </div>
            <aside
                class="hidden border-l border-line bg-sunken lg:flex lg:flex-col lg:justify-center"
                aria-label="What you will see"
            >
                <div class="mx-auto w-full max-w-md px-8">
                    <Promise/>
                    <p class="mt-8 text-lead font-medium">"Every Application, every environment, every cluster."</p>
                    <p class="text-mute">
                        "See what runs where, as it happens. Sync by a click. All of it on the record."
                    </p>
                </div>
            </aside>
        </main>
    }
}

/// The ways to sign in: identity providers, and the local administrator, who breaks glass where there are any.
#[component]
fn Ways(options: SignInOptions, next: String) -> impl IntoView {
    let SignInOptions { providers, local_admin, notice } = options;
    let has_providers = !providers.is_empty();
    let links = providers
        .into_iter()
        .enumerate()
        .map(|(place, provider)| {
            let class = if place == 0 { "btn btn-primary btn-lg" } else { "btn btn-lg" };
            view! {
                <a class=class href=routes::sign_in_at(&provider.id, &next) rel="external">
                    <Icon name="key"/>
                    "Continue with "
                    {provider.name}
                </a>
            }
        })
        .collect_view();
    let form = || view! { <PasswordForm next is_break_glass=has_providers/> };
    view! {
        {has_providers.then(|| view! { <div class="mt-6 grid gap-2">{links}</div> })}
        {match (local_admin, has_providers) {
            (true, false) => form().into_any(),
            (true, true) => {
                view! {
                    <details class="mt-6 border-t border-line pt-4">
                        <summary class="flex items-center gap-1.5 text-small text-mute hover:text-ink">
                            <Icon name="right" class="icon-sm"/>
                            "Break-glass sign-in"
                        </summary>
                        <p class="mt-3 text-small text-soft">
                            "For when single sign-on is down. It is in the log and on the record."
                        </p>
                        {form()}
                    </details>
                }
                    .into_any()
            }
            (false, _) => ().into_any(),
        }}
        {(!notice.is_empty())
            .then(|| view! { <p class="mt-6 border-t border-line pt-4 text-small text-soft">{notice}</p> })}
        {(local_admin && !has_providers)
            .then(|| {
                view! {
                    <p class="mt-6 border-t border-line pt-4 text-small text-mute">
                        "The local administrator is " <code>"admin"</code>
                        ". Its password is in the settings; without one, the first start made one and printed it once."
                    </p>
                }
            })}
    }
}

#[component]
fn PasswordForm(next: String, is_break_glass: bool) -> impl IntoView {
    let words = if is_break_glass { "Sign in as break-glass admin" } else { "Sign in" };
    view! {
        <form class="mt-6 grid gap-4" method="post" action=routes::SIGN_IN>
            <input type="hidden" name="next" value=next/>
            <div class="field">
                <label for="name">"User"</label>
                <input
                    type="text"
                    id="name"
                    class="input h-9"
                    name="name"
                    autocomplete="username"
                    autocapitalize="none"
                    spellcheck="false"
                    required
                    autofocus=!is_break_glass
                />
            </div>
            <div class="field">
                <label for="password">"Password"</label>
                <input
                    type="password"
                    id="password"
                    class="input h-9"
                    name="password"
                    autocomplete="current-password"
                    required
                />
            </div>
            <button type="submit" class=if is_break_glass { "btn" } else { "btn btn-primary btn-lg" }>
                <Icon name="key"/>
                {words}
            </button>
        </form>
    }
}

/// A picture of apps over their environments; one is not well.
#[component]
fn Promise() -> impl IntoView {
    let column = |x: u32, head: &'static str, row: usize| {
        let y = 26 + row as u32 * 34;
        let unwell = head == "text-prod" && row == 2;
        let mark = if unwell {
            view! { <path class="fill-degraded" d=format!("M{} {}l6 6-6 6-6-6Z", x + 14, y + 7)></path> }
                .into_any()
        } else {
            view! {
                <circle class="fill-none stroke-healthy" stroke-width="1.5" cx=x + 14 cy=y + 13 r="5"></circle>
            }
            .into_any()
        };
        view! {
            <rect
                class=if unwell { "fill-surface stroke-degraded" } else { "fill-surface stroke-line" }
                x=x
                y=y
                width="82"
                height="26"
                rx="5"
            ></rect>
            {mark}
            <rect class="fill-edge" x=x + 27 y=y + 10 width=30 + (row as u32 * 7) % 14 height="6" rx="3"></rect>
        }
    };
    let rows = (0..7_usize)
        .map(|row| {
            view! {
                <rect class="fill-edge" x="0" y=36 + row * 34 width=48 + (row * 17) % 38 height="7" rx="3.5"></rect>
                {column(112, "text-dev", row)}
                {column(210, "text-staging", row)}
                {column(308, "text-prod", row)}
            }
        })
        .collect_view();
    view! {
        <svg viewBox="0 0 400 270" class="w-full" aria-hidden="true">
            <rect class="fill-dev" x="112" y="6" width="82" height="4" rx="2"></rect>
            <rect class="fill-staging" x="210" y="6" width="82" height="4" rx="2"></rect>
            <rect class="fill-prod-fill" x="308" y="6" width="82" height="4" rx="2"></rect>
            {rows}
        </svg>
    }
}

/// Returns what happened and what to do, for the code of a refused sign-in.
fn refusal(code: &str) -> (&'static str, &'static str) {
    match code {
        "invalid" | "unauthenticated" => {
            ("User or password is not right.", "Nobody was signed in. Check both, and try again.")
        }
        "rate_limited" => ("Too many attempts.", "Wait a minute, then try again. Nobody was signed in."),
        "attempt" => (
            "This sign-in could not be finished.",
            "It was begun in another browser, used already, or took longer than 10 min. Begin again.",
        ),
        "refused_there" => (
            "Your identity provider did not sign you in.",
            "You or it ended the sign-in. Begin again, or ask whoever runs it.",
        ),
        "provider" => (
            "The identity provider does not answer as it should.",
            "Nobody was signed in. Try again in a moment; the log says what it answered.",
        ),
        "token" => (
            "What the identity provider sent cannot be trusted.",
            "Nobody was signed in. Ask an administrator to look into the log: client, issuer or keys may be set wrongly.",
        ),
        "groups" => (
            "The identity provider did not send your groups as a list of names.",
            "Without it nobody can tell what you may do, so you were not signed in. Ask whoever runs it to mend the claim.",
        ),
        "subject" => (
            "The identity provider calls you by a name that cannot be used.",
            "It is empty, or the name of a role. Ask whoever runs it to mend that.",
        ),
        "no_provider" => ("There is no such identity provider.", "Choose one of those below."),
        "expired" => ("Your session ended.", "Sign in again to go on where you were."),
        "unavailable" => (
            "Quarterdeck cannot check passwords now.",
            "Its database does not answer. Try again in a moment.",
        ),
        _ => {
            ("You were not signed in.", "Try again; if it stays, ask an administrator to look into the log.")
        }
    }
}
