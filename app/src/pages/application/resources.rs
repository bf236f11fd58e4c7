//! The resources by wave, with the wave that a running sync waits in.

use std::collections::BTreeMap;

use leptos::prelude::*;
use model::{
    Timestamp,
    application::{ApplicationDetail, HealthSource, Resource},
    status::{Health, Sync},
};

use crate::{
    pages::Shelf,
    ui::{
        badge::{Look, Status},
        card::{Card, Table},
        empty::Empty,
        icon::Icon,
        rows::row_key,
        time::Age,
    },
};

/// The part of a sync that a resource belongs to, in order.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Part {
    Before,
    Sync,
    After,
}

/// Resources of one part and wave.
#[derive(Clone, Debug, Hash, PartialEq)]
struct Wave {
    part: Part,
    wave: i64,
    /// Where it stands in a running sync.
    place: Place,
    hooks: Vec<String>,
    resources: Vec<Resource>,
    /// Whether the whole Application's state is live.
    live: bool,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Place {
    /// No sync waits, or this wave is behind it.
    Free,
    /// The sync waits in this wave.
    Waiting,
    /// The sync has not come to it.
    NotReached,
}

/// All resources.
#[component]
pub(super) fn ResourcesCard(shelf: Shelf<ApplicationDetail>) -> impl IntoView {
    let Shelf { data, now } = shelf;
    let none = shelf.part(|it| it.resources.is_empty());
    let note = shelf.part(|it| it.resources_note.clone());
    view! {
        <Card id="resources" title="Resources by wave" count=Signal::derive(move || data.with(summary))>
            {move || {
                note.get()
                    .map(|note| {
                        view! {
                            <p class="border-b border-line bg-sunken px-3.5 py-2 text-small text-soft">
                                <Icon name="info" class="icon-sm"/>
                                " "
                                {note}
                            </p>
                        }
                    })
            }}
            <Table caption="Resources by sync wave">
                <thead>
                    <tr>
                        <th scope="col">"Resource"</th>
                        <th scope="col">"Health"</th>
                        <th scope="col" class="hidden sm:table-cell">"Sync"</th>
                        <th scope="col" class="hidden lg:table-cell">"Reason"</th>
                        <th scope="col" class="num hidden sm:table-cell">"Age"</th>
                    </tr>
                </thead>
                <For each=move || data.with(waves) key=|wave| row_key(&(wave.part, wave.wave), wave) let:wave>
                    {wave_body(wave, now)}
                </For>
            </Table>
            {move || {
                none.get()
                    .then(|| {
                        view! {
                            <Empty
                                icon="layers"
                                title="No resource"
                                why="Argo CD has not rendered this Application, or its source holds no manifest. The conditions say more."
                            />
                        }
                    })
            }}
        </Card>
    }
}

fn summary(application: &ApplicationDetail) -> String {
    let resources = &application.resources;
    let out = resources.iter().filter(|it| it.sync == Some(Sync::OutOfSync)).count();
    let health = |health| resources.iter().filter(|it| it.health == Some(health)).count();
    [
        (health(Health::Degraded), "Degraded"),
        (health(Health::Missing), "Missing"),
        (health(Health::Progressing), "Progressing"),
        (out, "out of sync"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} {word}"))
    .fold(format!("{} in all", resources.len()), |words, next| format!("{words}, {next}"))
}

fn waves(application: &ApplicationDetail) -> Vec<Wave> {
    let mut groups = BTreeMap::<(Part, i64), Vec<Resource>>::new();
    for resource in &application.resources {
        groups.entry((part_of(resource), resource.wave)).or_default().push(resource.clone());
    }
    let waiting =
        application.operation.as_ref().filter(|it| !it.phase.is_over()).and_then(|it| it.waits_in_wave);
    let live = application.row.freshness.is_live();
    groups
        .into_iter()
        .map(|((part, wave), resources)| {
            let mut hooks: Vec<String> = resources.iter().filter_map(|it| it.hook.clone()).collect();
            hooks.sort();
            hooks.dedup();
            Wave { part, wave, place: place(part, wave, waiting), hooks, resources, live }
        })
        .collect()
}

fn part_of(resource: &Resource) -> Part {
    match resource.hook.as_deref() {
        Some("PreSync") => Part::Before,
        None | Some("Sync") => Part::Sync,
        Some(_) => Part::After,
    }
}

fn place(part: Part, wave: i64, waiting: Option<i64>) -> Place {
    match (part, waiting) {
        (_, None) | (Part::Before, _) => Place::Free,
        (Part::After, Some(_)) => Place::NotReached,
        (Part::Sync, Some(waiting)) if wave == waiting => Place::Waiting,
        (Part::Sync, Some(waiting)) if wave > waiting => Place::NotReached,
        (Part::Sync, Some(_)) => Place::Free,
    }
}

fn wave_body(wave: Wave, now: Signal<Timestamp>) -> impl IntoView {
    let place = match wave.place {
        Place::Free => ().into_any(),
        Place::Waiting => view! {
            <span class="font-normal s-progressing">
                <Icon name="soak" class="icon-sm"/>
                " waiting here"
            </span>
        }
        .into_any(),
        Place::NotReached => view! { <span class="font-normal text-mute">"not reached"</span> }.into_any(),
    };
    let hooks = (!wave.hooks.is_empty()).then(
        || view! { <span class="font-normal text-mute">{format!("hook, {}", wave.hooks.join(", "))}</span> },
    );
    let live = wave.live;
    let rows = wave.resources.into_iter().map(|resource| resource_row(resource, live, now)).collect_view();
    view! {
        <tbody>
            <tr class="group">
                <th scope="colgroup" colspan="5">
                    <span class="flex items-center gap-2">
                        {format!("Wave {}", wave.wave).replace('-', "−")} {hooks} {place}
                    </span>
                </th>
            </tr>
            {rows}
        </tbody>
    }
}

fn resource_row(resource: Resource, live: bool, now: Signal<Timestamp>) -> impl IntoView {
    let kind = if resource.group.is_empty() {
        resource.kind.clone()
    } else {
        format!("{}.{}", resource.kind, resource.group)
    };
    let full = format!("{kind} {} {}", resource.namespace, resource.name);
    let pruned = resource
        .requires_pruning
        .then(|| view! { <span class="badge text-drift ml-2">"no longer in Git"</span> });
    let sync = match resource.sync {
        Some(sync) if live => view! { <Status look=sync word=sync.label()/> }.into_any(),
        Some(_) => view! { <Status look=Look::Unknown word="Unknown"/> }.into_any(),
        None => ().into_any(),
    };
    view! {
        <tr>
            <td class="whitespace-nowrap max-lg:w-full max-lg:max-w-0 lg:max-w-[19rem]" title=full>
                <span class="block truncate">
                    <span class="text-mute">{resource.kind.clone()}</span>
                    " "
                    <span class="font-medium">{resource.name.clone()}</span>
                    {pruned}
                </span>
                <span class="block text-small whitespace-normal text-mute wrap-anywhere lg:hidden">
                    {resource.reason.clone()}
                </span>
            </td>
            <td>
                {resource_health(&resource, live)}
                <span class="block sm:hidden">
                    {(live && resource.sync == Some(Sync::OutOfSync))
                        .then(|| view! { <Status look=Sync::OutOfSync word=Sync::OutOfSync.label()/> })}
                </span>
            </td>
            <td class="hidden sm:table-cell">{sync}</td>
            <td class="hidden w-full text-soft wrap-anywhere lg:table-cell">{resource.reason.clone()}</td>
            <td class="num hidden text-mute sm:table-cell">{resource.created_at.map(|at| view! { <Age at now/> })}</td>
        </tr>
    }
}

fn resource_health(resource: &Resource, live: bool) -> AnyView {
    let Some(health) = resource.health else {
        return view! { <span class="text-mute">"none"</span> }.into_any();
    };
    if !live {
        return view! { <Status look=Look::Stale word=format!("was {}", health.word())/> }.into_any();
    }
    let ours = (resource.health_source == HealthSource::Quarterdeck).then(|| {
        view! {
            <span class="block text-micro whitespace-nowrap text-mute" title="From the live object, by Argo CD's rules">
                "computed by Quarterdeck"
            </span>
        }
    });
    view! {
        <Status look=health word=health.word()/>
        {ours}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_waits_in_one_wave_and_has_not_come_to_the_next() {
        assert_eq!(place(Part::Before, -1, Some(1)), Place::Free);
        assert_eq!(place(Part::Sync, 0, Some(1)), Place::Free);
        assert_eq!(place(Part::Sync, 1, Some(1)), Place::Waiting);
        assert_eq!(place(Part::Sync, 2, Some(1)), Place::NotReached);
        assert_eq!(place(Part::After, 0, Some(1)), Place::NotReached);
        assert_eq!(place(Part::Sync, 1, None), Place::Free, "no sync runs");
    }
}
