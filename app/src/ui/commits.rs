//! Commits, as anybody may have written them.

use leptos::prelude::*;
use model::{Timestamp, plan::CommitRef};

use super::{badge::Revision, diff::visible, time::Age};

/// Commits, one a line.
#[component]
pub(crate) fn CommitList(commits: Vec<CommitRef>, now: Timestamp) -> impl IntoView {
    let rows = commits
        .into_iter()
        .map(|commit| {
            view! {
                <li class="grid grid-cols-[4.5rem_minmax(0,1fr)] gap-x-3 px-3.5 py-1.5 sm:grid-cols-[4.5rem_minmax(0,1fr)_auto]">
                    <Revision revision=commit.id/>
                    <bdi class="min-w-0 wrap-anywhere">{visible(&commit.subject)}</bdi>
                    <span class="col-start-2 text-mute sm:col-start-3 sm:text-right">
                        <bdi>{visible(&commit.author)}</bdi>
                        ", "
                        <Age at=commit.at now/>
                    </span>
                </li>
            }
        })
        .collect_view();
    view! { <ul class="rows text-small">{rows}</ul> }
}

/// A commit in a sentence.
#[component]
pub(crate) fn CommitWords(commit: CommitRef, now: Timestamp) -> impl IntoView {
    view! {
        <Revision revision=commit.id/>
        " “"
        <bdi class="wrap-anywhere">{visible(&commit.subject)}</bdi>
        "” by "
        <bdi>{visible(&commit.author)}</bdi>
        ", "
        <Age at=commit.at now suffix=" ago"/>
    }
}
