//! The apps of a change that moves several, or that was taken back in part.

use leptos::prelude::*;
use model::change::{ChangeApp, ChangeDetail};

use crate::{
    pages::{Shelf, overview::counted},
    routes,
    ui::{card::Card, change::AppMove, diff::visible},
};

/// What moves, app by app.
#[component]
pub(super) fn Apps(shelf: Shelf<ChangeDetail>) -> impl IntoView {
    let apps = shelf.part(|it| it.row.apps.clone());
    let count = Signal::derive(move || counted(apps.with(Vec::len) as u32, "app", "apps"));
    move || {
        let apps = apps.get();
        let is_telling = apps.len() > 1 || apps.iter().any(|app| app.by.is_some());
        is_telling.then(|| {
            let rows = apps.into_iter().map(line).collect_view();
            view! {
                <Card id="apps" title="What moves" count>
                    <ul class="rows">{rows}</ul>
                </Card>
            }
        })
    }
}

fn line(app: ChangeApp) -> impl IntoView {
    let by = app.by.map(|by| {
        view! {
            <span class="text-small text-mute">
                "since then changed by " <a class="link" href=routes::change(by)>{format!("change {by}")}</a>
            </span>
        }
    });
    view! {
        <li class="flex flex-wrap items-baseline gap-x-4 gap-y-0.5 px-3.5 py-1.5">
            <a class="min-w-32 font-medium wrap-anywhere hover:underline" href=routes::app(&app.slug)>
                {visible(&app.name)}
            </a>
            <AppMove app/>
            {by}
        </li>
    }
}
