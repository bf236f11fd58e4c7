//! The operation that runs or ran last, and what it did to each resource.

use leptos::prelude::*;
use model::{
    Timestamp,
    application::{ApplicationDetail, OperationDetail, ResourceResult},
};

use super::acts::{Acts, TerminateForm};
use crate::{
    pages::Shelf,
    ui::{
        badge::{Look, Mark, Revision, Status},
        card::Card,
        empty::Empty,
        time::Age,
    },
};

/// The last operation.
#[component]
pub(super) fn OperationCard(shelf: Shelf<ApplicationDetail>, acts: Acts) -> impl IntoView {
    let Shelf { data, now } = shelf;
    let operation = shelf.part(|it| it.operation.clone());
    let id = shelf.part(|it| it.row.id.clone());
    let running = shelf.part(|it| it.operation.as_ref().is_some_and(|it| !it.phase.is_over()));
    let blocked = shelf.part(super::acts::blocked);
    let state = move || {
        data.with(|it| it.operation.as_ref().map(|it| it.phase))
            .map(|phase| view! { <span class="ml-auto"><Status look=phase word=phase.word()/></span> })
    };
    view! {
        <Card id="operation" title="Last operation" more=state>
            {move || match operation.get() {
                Some(operation) => detail(operation, now).into_any(),
                None => view! { <Empty icon="sync" title="No operation" why="Argo CD knows of no sync of this Application."/> }.into_any(),
            }}
            {move || {
                running.get()
                    .then(|| {
                        view! {
                            <div class="border-t border-line px-3.5 py-2.5">
                                <TerminateForm id acts blocked/>
                            </div>
                        }
                    })
            }}
        </Card>
    }
}

fn detail(operation: OperationDetail, now: Signal<Timestamp>) -> impl IntoView {
    let who = match (&operation.started_by, operation.automated) {
        (Some(name), _) => name.clone(),
        (None, true) => "Argo CD, for auto-sync is on".into(),
        (None, false) => "not known".into(),
    };
    let kind = [(operation.dry_run, "dry run"), (operation.prune, "with prune")];
    let kind: Vec<&str> = kind.into_iter().filter(|(on, _)| *on).map(|(_, word)| word).collect();
    let retries = match operation.retry_count {
        0 => String::new(),
        1 => ", 1 retry".to_owned(),
        many => format!(", {many} retries"),
    };
    let began = operation.started_at.map(|at| {
        view! {
            <dt>"Began"</dt>
            <dd>
                <Age at now suffix=" ago"/>
                {retries}
            </dd>
        }
    });
    let took = operation.started_at.zip(operation.finished_at).map(|(from, to)| {
        view! {
            <dt>"Took"</dt>
            <dd>{from.took(to)}</dd>
        }
    });
    let line = |term: &'static str, words: String| {
        (!words.is_empty()).then(|| {
            view! {
                <dt>{term}</dt>
                <dd class="wrap-anywhere">{words}</dd>
            }
        })
    };
    let results = operation.results.into_iter().map(result_row).collect_view();
    view! {
        <div class="card-body">
            <dl class="kv text-small">
                <dt>"Started by"</dt>
                <dd>{who}</dd>
                {operation
                    .revision
                    .map(|revision| {
                        view! {
                            <dt>"Revision"</dt>
                            <dd>
                                <Revision revision/>
                            </dd>
                        }
                    })}
                {began}
                {took}
                {line("Kind", kind.join(", "))}
                {line("Waits for", operation.waits_for.unwrap_or_default())}
                {line("Message", operation.message)}
            </dl>
        </div>
        <ul class="rows border-t border-line text-small">{results}</ul>
    }
}

fn result_row(result: ResourceResult) -> impl IntoView {
    let look = match result.status.as_str() {
        "Synced" | "Pruned" | "Succeeded" => Look::Healthy,
        "SyncFailed" | "Failed" | "Error" => Look::Failed,
        "Running" | "Terminating" => Look::Progressing,
        "PruneSkipped" => Look::Drift,
        _ => Look::Waiting,
    };
    let word = status_words(&result.status);
    let name = format!("{}/{}", result.kind, result.name);
    let hook = if result.hook { format!("{} hook, ", result.phase) } else { String::new() };
    let message = (!result.message.is_empty())
        .then(|| view! { <p class="ml-5.5 text-mute wrap-anywhere">{result.message}</p> });
    view! {
        <li class="px-3.5 py-1.5">
            <div class="flex items-center gap-2">
                <Mark look/>
                <span class="truncate" title=format!("{} {}", name, result.namespace)>{name.clone()}</span>
                <span class="ml-auto whitespace-nowrap text-mute">{format!("{hook}{word}")}</span>
            </div>
            {message}
        </li>
    }
}

fn status_words(status: &str) -> String {
    match status {
        "Synced" => "synced".into(),
        "SyncFailed" => "failed".into(),
        "Pruned" => "deleted".into(),
        "PruneSkipped" => "kept, though not in Git".into(),
        "" => "waiting".into(),
        // The phase of a hook.
        other => other.to_lowercase(),
    }
}
