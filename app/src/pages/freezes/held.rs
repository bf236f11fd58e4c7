//! The holds: which app is locked where, by whom, why and until when; and what went against one from outside.

use leptos::prelude::*;
use model::{
    Timestamp,
    gate::{GateList, Hold},
    plan::CommitRef,
};

use super::{AskFirst, Refused};
use crate::{
    api::ReleaseHold,
    pages::{Shelf, overview::counted},
    routes,
    ui::{
        badge::{EnvironmentTag, Revision, short_revision},
        card::{Card, Table},
        diff::visible,
        empty::Empty,
        form::SubmitButton,
        icon::Icon,
        rows::row_key,
        time::{Age, ahead},
    },
};

/// From how many days on a hold without an end is one to look at.
const OLD_DAYS: i64 = 7;

/// The first to expire first.
#[component]
pub(super) fn HoldsCard(shelf: Shelf<GateList>, release: ServerAction<ReleaseHold>) -> impl IntoView {
    let holds = shelf.part(|it| it.holds.clone());
    let count = move || match holds.with(Vec::len) {
        0 => "none".to_owned(),
        count => format!("{count}, in the order of expiry"),
    };
    let is_empty = Memo::new(move |_| holds.with(Vec::is_empty));
    let now = shelf.now;
    let body = move || {
        if is_empty.get() {
            return view! {
                <Empty
                    icon="held"
                    title="Nothing is held"
                    why="A rollback sets a hold, so that the next promotion does not bring the same version again. Anybody with the right can place one."
                />
            }
            .into_any();
        }
        view! {
            <Table caption="Holds">
                <thead>
                    <tr>
                        <th scope="col" class="w-full">"App"</th>
                        <th scope="col">"Held at"</th>
                        <th scope="col" class="hidden sm:table-cell">"By"</th>
                        <th scope="col" class="hidden md:table-cell">"Expires"</th>
                        <th scope="col" class="num">
                            <span class="sr-only">"Act"</span>
                        </th>
                    </tr>
                </thead>
                <tbody>
                    <For each=move || holds.get() key=|hold| row_key(&hold.id, hold) let:hold>
                        <Row hold release now/>
                    </For>
                </tbody>
            </Table>
        }
        .into_any()
    };
    view! {
        <Card id="holds" title="Holds" count=Signal::derive(count)>
            {body}
        </Card>
    }
}

#[component]
fn Row(hold: Hold, release: ServerAction<ReleaseHold>, now: Signal<Timestamp>) -> impl IntoView {
    let version = match hold.version.as_deref().map(short_revision) {
        Some(version) => view! { <span class="ver" title=hold.version.clone()>{version}</span> }.into_any(),
        None => view! { <span class="whitespace-nowrap text-mute">"not known"</span> }.into_any(),
    };
    let set_by = hold.change.map(|change| {
        view! {
            ", set by the rollback of "
            <a class="link" href=routes::change(change)>{format!("change {change}")}</a>
        }
    });
    let act = match hold.denied.clone() {
        Some(why) => view! { <Refused icon="release" words="Release…" why/> }.into_any(),
        None => view! { <Release hold=hold.clone() release/> }.into_any(),
    };
    view! {
        <tr>
            <td>
                <span class="flex flex-wrap items-center gap-x-2">
                    <a class="font-medium hover:underline" href=routes::app(&hold.slug)>{hold.app.clone()}</a>
                    <EnvironmentTag environment=hold.environment.clone()/>
                    <span class="text-small text-mute">{hold.project.clone()}</span>
                </span>
                <span class="mt-0.5 block text-small whitespace-normal text-soft wrap-anywhere">
                    <bdi>{visible(&hold.reason)}</bdi>
                    {set_by}
                </span>
                {hold.broken_by.clone().map(|commit| view! { <BrokenBy commit now/> })}
                <span class="block text-small text-mute sm:hidden">
                    "by " <bdi>{visible(&hold.owner)}</bdi> ", " <Age at=hold.placed_at now/>
                </span>
                <span class="block text-small text-mute md:hidden">
                    <Expiry hold=hold.clone() now/>
                </span>
            </td>
            <td>{version}</td>
            <td class="hidden sm:table-cell">
                <bdi class="block max-w-40 truncate" title=visible(&hold.owner)>{visible(&hold.owner)}</bdi>
                <span class="block text-small whitespace-nowrap text-mute">
                    <Age at=hold.placed_at now suffix=" ago"/>
                </span>
            </td>
            <td class="hidden md:table-cell">
                <Expiry hold=hold.clone() now/>
            </td>
            <td class="num">{act}</td>
        </tr>
    }
}

/// The commit from outside that changed what is held.
#[component]
fn BrokenBy(commit: CommitRef, now: Signal<Timestamp>) -> impl IntoView {
    view! {
        <p class="mt-0.5 flex gap-1.5 text-small whitespace-normal text-drift">
            <Icon name="warn" class="icon-sm mt-0.5"/>
            <span class="min-w-0 wrap-anywhere">
                "Changed from outside all the same: " <Revision revision=commit.id/> " “"
                <bdi>{visible(&commit.subject)}</bdi> "” by " <bdi>{visible(&commit.author)}</bdi> ", "
                <Age at=commit.at now suffix=" ago"/>
            </span>
        </p>
    }
}

/// When it ends by itself; one without an end tells that it is old.
#[component]
fn Expiry(hold: Hold, now: Signal<Timestamp>) -> impl IntoView {
    match hold.expires_at {
        Some(at) => view! {
            <span class="whitespace-nowrap">{at.clock(now.get_untracked())}</span>
            " "
            <span class="text-small text-mute md:block">{move || ahead(at, now.get())}</span>
        }
        .into_any(),
        None => {
            let is_old = move || hold.placed_at.plus_seconds(OLD_DAYS * 86_400) < now.get();
            view! {
                <span class="whitespace-nowrap">"until released"</span>
                " "
                {move || {
                    is_old()
                        .then(|| {
                            view! {
                                <span class="text-small text-drift md:block">
                                    {format!("older than {}", counted(OLD_DAYS as u32, "day", "days"))}
                                </span>
                            }
                        })
                }}
            }
            .into_any()
        }
    }
}

/// The form that releases a hold.
#[component]
fn Release(hold: Hold, release: ServerAction<ReleaseHold>) -> impl IntoView {
    let environment = hold.environment.name().unwrap_or("its environment").to_owned();
    let what = format!("{} in {environment}", hold.app);
    view! {
        <AskFirst icon="release" words="Release…" what=format!(" the hold on {what}")>
            <p class="text-soft wrap-anywhere">{format!("The next promotion moves {what} again.")}</p>
            <ActionForm action=release>
                <input type="hidden" name="id" value=hold.id/>
                <SubmitButton class="btn btn-sm" icon="release" words="Release the hold" busy=release.pending()/>
            </ActionForm>
        </AskFirst>
    }
}
