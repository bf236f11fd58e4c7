//! What a change writes: its message with the trailers, and the difference.

use leptos::prelude::*;
use model::{change::ChangeDetail, plan::FileChange};

use crate::{
    pages::{Shelf, overview::counted},
    ui::{
        badge::Revision,
        card::Card,
        copy::CopyButton,
        diff::{FoldedDiff, balance, visible},
    },
};

/// So many files are open at once; the others are folded.
const OPEN_FILES: usize = 3;

/// The commit, or what it will hold.
#[component]
pub(super) fn Commit(shelf: Shelf<ChangeDetail>) -> impl IntoView {
    let commit = shelf.part(|it| it.row.commit.clone());
    let message = shelf.part(|it| it.message.clone());
    let files = shelf.part(|it| it.files.clone());
    let is_open = shelf.part(|it| it.row.state.is_open());
    let count = Signal::derive(move || {
        files.with(|files| {
            let lines = balance(files.iter().map(|file| file.patch.as_str()));
            format!("{}, {lines}", counted(files.len() as u32, "file", "files"))
        })
    });
    let place = shelf.part(|it| format!("{} on {}", visible(&it.branch), visible(&it.repository)));
    let more = move || view! { <span class="ml-auto text-small wrap-anywhere text-mute">{place}</span> };
    view! {
        <Card id="commit" title="Commit" count more>
            <div class="card-body">
                {move || match commit.get() {
                    Some(revision) => view! { <Made revision message=message.get()/> }.into_any(),
                    None if is_open.get() => {
                        view! { <p class="text-mute">"Not made yet. It will change these lines."</p> }.into_any()
                    }
                    None => view! { <p class="text-mute">"It was not made. It would have changed these lines."</p> }.into_any(),
                }}
            </div>
            {move || differences(files.get())}
        </Card>
    }
}

#[component]
fn Made(revision: String, message: Option<String>) -> impl IntoView {
    let message = message.unwrap_or_default();
    let (subject, rest) = message.split_once('\n').unwrap_or((&message, ""));
    let rest: Vec<String> = rest.trim().lines().map(visible).collect();
    let subject = visible(subject);
    view! {
        <p class="flex flex-wrap items-baseline gap-x-2">
            <Revision revision=revision.clone()/>
            <CopyButton text=revision label="Copy the commit"/>
            <bdi class="min-w-0 font-medium wrap-anywhere">{subject}</bdi>
        </p>
        {(!rest.is_empty())
            .then(|| {
                view! {
                    <pre
                        class="mt-2 overflow-x-auto font-mono text-small leading-5 text-mute"
                        tabindex="0"
                        role="region"
                        aria-label="The rest of the message, with its trailers"
                    >
                        {rest.join("\n")}
                    </pre>
                }
            })}
    }
}

fn differences(files: Vec<FileChange>) -> impl IntoView {
    files
        .into_iter()
        .enumerate()
        .map(|(place, FileChange { path, patch })| {
            let label = format!("Difference of {}", visible(&path));
            let balance = balance([patch.as_str()]);
            view! {
                <FoldedDiff label patch open=place < OPEN_FILES>
                    <bdi class="min-w-0 wrap-anywhere">{visible(&path)}</bdi>
                    <span class="ml-auto text-mute">{balance}</span>
                </FoldedDiff>
            }
        })
        .collect_view()
}
