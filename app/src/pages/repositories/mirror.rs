//! Where the mirror of a repository stands, in words, and the form that fetches it.

use leptos::prelude::*;
use model::{Timestamp, repository::MirrorState};

use crate::{
    api::FetchRepository,
    ui::{
        badge::{Look, Status},
        form::SubmitButton,
        icon::Icon,
        time::stamp,
    },
};

/// The state in a few words.
#[component]
pub(super) fn MirrorStatus(mirror: MirrorState, now: Timestamp) -> impl IntoView {
    let (look, word, at) = match mirror {
        MirrorState::Never => (Look::Waiting, "Not fetched yet".to_owned(), None),
        MirrorState::Fetching { since } => {
            (Look::Progressing, format!("Fetching for {}", since.age(now)), Some(since))
        }
        MirrorState::Fresh { fetched_at } => {
            (Look::Healthy, format!("Fetched {} ago", fetched_at.age(now)), Some(fetched_at))
        }
        MirrorState::Failing { since, .. } => {
            (Look::Failed, format!("Failing for {}", since.age(now)), Some(since))
        }
    };
    view! {
        <span class="text-small" title=at.map(stamp)>
            <Status look word/>
        </span>
    }
}

/// Why it cannot be fetched, and what is still used.
#[component]
pub(super) fn MirrorNote(mirror: MirrorState, now: Timestamp) -> impl IntoView {
    match mirror {
        MirrorState::Failing { why, fetched_at, .. } => {
            let known = match fetched_at {
                Some(at) => {
                    format!("What was fetched {} ago is still used, and may be out of date.", at.age(now))
                }
                None => "Nothing of it is known: its apps have no plans, and their commits no subjects."
                    .to_owned(),
            };
            view! {
                <div class="border-b border-line p-3.5">
                    <div class="note text-degraded" role="status">
                        <Icon name="failed"/>
                        <div>
                            <p class="font-semibold wrap-anywhere">{why}</p>
                            <p class="text-soft">{known}</p>
                        </div>
                    </div>
                </div>
            }
            .into_any()
        }
        MirrorState::Never => view! {
            <p class="border-b border-line px-3.5 py-2 text-small text-mute">
                "It is fetched when somebody first needs it, on a push, and from time to time."
            </p>
        }
        .into_any(),
        _ => ().into_any(),
    }
}

/// The form that fetches it now.
#[component]
pub(super) fn Fetch(id: String, fetch: ServerAction<FetchRepository>) -> impl IntoView {
    let busy = {
        let id = id.clone();
        let (pending, input) = (fetch.pending(), fetch.input());
        Signal::derive(move || {
            pending.get() && input.with(|input| input.as_ref().is_some_and(|input| input.id == id))
        })
    };
    view! {
        <ActionForm action=fetch>
            <input type="hidden" name="id" value=id/>
            <SubmitButton class="btn btn-sm" icon="refresh" words="Fetch now" busy/>
        </ActionForm>
    }
}
