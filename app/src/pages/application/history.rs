//! What happened to the Application: operations, and changes of health and sync.

use leptos::prelude::*;
use model::{
    Timestamp,
    application::ApplicationDetail,
    history::{HistoryEntry, HistoryEvent},
};

use crate::{
    pages::Shelf,
    ui::{
        badge::{Revision, Status},
        card::{Card, Table},
        empty::Empty,
        rows::row_key,
        time::Age,
    },
};

/// The history, newest first.
#[component]
pub(super) fn HistoryCard(shelf: Shelf<ApplicationDetail>) -> impl IntoView {
    let Shelf { data, now } = shelf;
    let none = shelf.part(|it| it.history.is_empty());
    view! {
        <Card
            id="history"
            title="History"
            count=Signal::stored("every operation and change, also those that Argo CD has forgotten".to_owned())
        >
            <Table caption="What happened, newest first">
                <thead>
                    <tr>
                        <th scope="col">"What"</th>
                        <th scope="col" class="hidden sm:table-cell">"Revision"</th>
                        <th scope="col" class="hidden w-full md:table-cell">"Message"</th>
                        <th scope="col" class="hidden lg:table-cell">"Who"</th>
                        <th scope="col" class="num hidden md:table-cell">"Took"</th>
                        <th scope="col" class="num">"When"</th>
                    </tr>
                </thead>
                <tbody>
                    <For
                        each=move || data.with(|it| it.history.clone())
                        key=|entry| row_key(&entry.at, entry)
                        let:entry
                    >
                        {line(entry, now)}
                    </For>
                </tbody>
            </Table>
            {move || {
                none.get()
                    .then(|| {
                        view! { <Empty icon="commit" title="No history yet" why="Nothing happened since Quarterdeck began to watch."/> }
                    })
            }}
        </Card>
    }
}

fn line(entry: HistoryEntry, now: Signal<Timestamp>) -> impl IntoView {
    let at = entry.at;
    let backfilled = entry
        .backfilled
        .then(|| view! { <span class="ml-2 text-small text-mute" title="Quarterdeck was not there">"from Argo CD"</span> });
    let mut revision = None;
    let message;
    let mut who = String::new();
    let mut took = String::new();
    let what = match entry.what {
        HistoryEvent::Operation { phase, finished_at, revision: synced, started_by, message: said } => {
            revision = synced;
            message = said;
            who = started_by.unwrap_or_else(|| "Argo CD".into());
            took = match finished_at {
                Some(end) => at.took(end),
                None if phase.is_over() => String::new(),
                None => "running".into(),
            };
            view! { <Status look=phase word=format!("Sync {}", phase.word().to_lowercase())/> }.into_any()
        }
        HistoryEvent::HealthChanged { from, to } => {
            message = from.map(|from| format!("was {}", from.word())).unwrap_or_default();
            view! { <Status look=to word=to.word()/> }.into_any()
        }
        HistoryEvent::SyncChanged { from, to } => {
            message = from.map(|from| format!("was {}", from.label())).unwrap_or_default();
            view! { <Status look=to word=to.label()/> }.into_any()
        }
    };
    view! {
        <tr>
            <td class="whitespace-nowrap">
                {what} {backfilled}
                <span class="block text-small whitespace-normal text-mute wrap-anywhere md:hidden">
                    {message.clone()}
                </span>
            </td>
            <td class="hidden sm:table-cell">{revision.map(|revision| view! { <Revision revision/> })}</td>
            <td class="fill hidden text-soft md:table-cell" title=message.clone()>{message.clone()}</td>
            <td class="hidden whitespace-nowrap text-soft lg:table-cell">{who}</td>
            <td class="num hidden text-mute md:table-cell">{took}</td>
            <td class="num text-mute">
                <Age at now/>
            </td>
        </tr>
    }
}
