//! How far each Application is with a change, and what is waited for.

use leptos::prelude::*;
use model::{
    Timestamp,
    change::{ChangeDetail, Rollout, RolloutStage},
};

use crate::{
    pages::{Shelf, overview::counted},
    routes,
    ui::{
        badge::{Look, Revision, Status},
        card::{Card, Table},
        diff::visible,
        rows::row_key,
        time::Age,
    },
};

/// The rollout, from the commit on.
#[component]
pub(super) fn RolloutCard(shelf: Shelf<ChangeDetail>) -> impl IntoView {
    let rollout = shelf.part(|it| it.rollout.clone());
    let is_empty = Memo::new(move |_| rollout.read().is_empty());
    let count = Signal::derive(move || {
        rollout.with(|all| {
            let well = all.iter().filter(|it| it.stage >= RolloutStage::Healthy).count();
            format!("{well} of {} Healthy with it", counted(all.len() as u32, "Application", "Applications"))
        })
    });
    let now = shelf.now;
    move || {
        (!is_empty.get()).then(|| {
            view! {
                <Card id="rollout" title="Rollout" count>
                    <div class="table-top">
                        <Table caption="Rollout of each Application">
                            <thead>
                                <tr>
                                    <th scope="col" class="w-full">"Application"</th>
                                    <th scope="col">"Stage"</th>
                                    <th scope="col" class="hidden sm:table-cell">"Health"</th>
                                    <th scope="col" class="hidden sm:table-cell">"At commit"</th>
                                    <th scope="col" class="num hidden sm:table-cell">"Took"</th>
                                </tr>
                            </thead>
                            <tbody>
                                <For
                                    each=move || rollout.get()
                                    key=|it| row_key(&it.application, it)
                                    let:row
                                >
                                    {line(row, now)}
                                </For>
                            </tbody>
                        </Table>
                    </div>
                </Card>
            }
        })
    }
}

fn line(row: Rollout, now: Signal<Timestamp>) -> impl IntoView {
    let Rollout { application, cluster, stage, health, revision, why, since, took_seconds } = row;
    let (look, word) = stage_words(stage);
    let why = (!why.is_empty())
        .then(|| view! { <span class="block text-small wrap-anywhere text-soft">{visible(&why)}</span> });
    let took = match took_seconds {
        Some(seconds) => Timestamp(0).took(Timestamp(0).plus_seconds(seconds.into())).into_any(),
        None => view! { "for " <Age at=since now/> }.into_any(),
    };
    view! {
        <tr>
            <th scope="row" class="text-left font-normal">
                <a class="font-medium wrap-anywhere hover:underline" href=routes::application(&application)>
                    {application.name.clone()}
                </a>
                <span class="block text-small wrap-anywhere text-mute">{cluster}</span>
                {why}
            </th>
            <td>
                <Status look word/>
                <span class="block sm:hidden">
                    <Status look=health word=health.word()/>
                </span>
            </td>
            <td class="hidden sm:table-cell">
                <Status look=health word=health.word()/>
            </td>
            <td class="hidden sm:table-cell">
                {match revision {
                    Some(revision) => view! { <Revision revision/> }.into_any(),
                    None => view! { <span class="text-mute">"not known"</span> }.into_any(),
                }}
            </td>
            <td class="num hidden text-mute sm:table-cell">{took}</td>
        </tr>
    }
}

/// Returns what a stage looks like, and its words.
fn stage_words(stage: RolloutStage) -> (Look, &'static str) {
    match stage {
        RolloutStage::Committed => (Look::Waiting, "Not seen yet"),
        RolloutStage::Seen => (Look::Progressing, "Seen"),
        RolloutStage::Syncing => (Look::Progressing, "Syncing"),
        RolloutStage::Synced => (Look::Synced, "Synced"),
        RolloutStage::Healthy => (Look::Healthy, "Healthy"),
        RolloutStage::Soaked => (Look::Healthy, "Soaked"),
    }
}
