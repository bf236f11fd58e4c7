//! Argo CD's sync windows: read from its projects, changed in Git.

use leptos::prelude::*;
use model::gate::{GateList, SyncWindowRow};

use crate::{
    pages::Shelf,
    ui::{
        card::{Card, Table},
        empty::Empty,
        icon::Icon,
    },
};

/// The windows of the projects that the actor sees.
#[component]
pub(super) fn WindowsCard(shelf: Shelf<GateList>) -> impl IntoView {
    let windows = shelf.part(|it| it.windows.clone());
    let body = move || {
        let windows = windows.get();
        if windows.is_empty() {
            return view! {
                <Empty
                    icon="calendar"
                    title="No sync window"
                    why="None of the projects that you see Applications of has one."
                />
            }
            .into_any();
        }
        let rows = windows.into_iter().map(|window| view! { <Row window/> }).collect_view();
        view! {
            <Table caption="Argo CD sync windows">
                <thead>
                    <tr>
                        <th scope="col" class="lead">"Project"</th>
                        <th scope="col">"Kind"</th>
                        <th scope="col" class="hidden sm:table-cell">"When"</th>
                        <th scope="col" class="hidden w-full lg:table-cell">"Applies to"</th>
                        <th scope="col" class="hidden md:table-cell">"Manual sync"</th>
                        <th scope="col" class="num">"State"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </Table>
        }
        .into_any()
    };
    view! {
        <Card id="windows" title="Argo CD sync windows" count="read only, from AppProjects; changed in Git">
            {body}
        </Card>
    }
}

#[component]
fn Row(window: SyncWindowRow) -> impl IntoView {
    let (icon, word) = match window.kind.as_str() {
        "allow" => ("check", "Allow"),
        "deny" => ("stop", "Deny"),
        _ => ("unknown", "Not known"),
    };
    let state = state(&window);
    let zone = if window.zone.is_empty() { "UTC".to_owned() } else { window.zone };
    view! {
        <tr>
            <td class="lead">
                <span class="font-medium">{window.project}</span>
                <span class="block text-small text-mute">{window.control_plane}</span>
            </td>
            <td>
                <span class="status text-soft">
                    <Icon name=icon/>
                    {word}
                </span>
            </td>
            <td class="hidden sm:table-cell">
                <span class="block whitespace-nowrap text-soft">
                    <code>{window.schedule}</code>
                    {format!(", {}", window.duration)}
                </span>
                <span class="block text-small text-mute">{zone}</span>
            </td>
            <td class="hidden lg:table-cell">
                <span class="font-mono text-small wrap-anywhere">{window.applies_to}</span>
            </td>
            <td class="hidden md:table-cell">{if window.manual_sync { "allowed" } else { "denied" }}</td>
            <td class="num">{state}</td>
        </tr>
    }
}

/// What a window does now.
fn state(window: &SyncWindowRow) -> &'static str {
    match (window.is_open, window.kind.as_str()) {
        (Some(true), "deny") => "denies now",
        (Some(true), _) => "open now",
        (Some(false), "deny") => "not now",
        (Some(false), _) => "closed now",
        (None, _) => "not known",
    }
}
