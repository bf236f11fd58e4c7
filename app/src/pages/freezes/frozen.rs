//! The freezes: what takes no promotions, from when until when, and why.

use leptos::prelude::*;
use model::{
    Timestamp,
    gate::{Freeze, FreezeTimes, GateList},
    status::Environment,
};

use super::{AskFirst, Refused, now_and_planned};
use crate::{
    api::EndFreeze,
    pages::Shelf,
    ui::{
        badge::{EnvironmentTag, Look, Status},
        card::{Card, Table},
        diff::visible,
        empty::Empty,
        form::SubmitButton,
        freeze::scope,
        rows::row_key,
        time::ahead,
    },
};

/// Those that are now, then those to come.
#[component]
pub(super) fn FreezesCard(shelf: Shelf<GateList>, end: ServerAction<EndFreeze>) -> impl IntoView {
    let freezes = shelf.part(|it| it.freezes.clone());
    let environments = shelf.part(|it| it.environments.clone());
    let count = move || {
        let (now, planned) = freezes.with(|freezes| now_and_planned(freezes));
        format!("{now} now, {planned} planned")
    };
    let is_empty = Memo::new(move |_| freezes.with(Vec::is_empty));
    let now = shelf.now;
    let body = move || {
        if is_empty.get() {
            return view! {
                <Empty
                    icon="frozen"
                    title="Nothing is frozen"
                    why="No freeze is planned either. A freeze stops promotions to an environment for a while; rollbacks go on."
                />
            }
            .into_any();
        }
        view! {
            <Table caption="Freezes">
                <thead>
                    <tr>
                        <th scope="col" class="w-full">"What"</th>
                        <th scope="col">"State"</th>
                        <th scope="col" class="hidden md:table-cell">"From, until"</th>
                        <th scope="col" class="hidden sm:table-cell">"By"</th>
                        <th scope="col" class="num">
                            <span class="sr-only">"Act"</span>
                        </th>
                    </tr>
                </thead>
                <tbody>
                    <For each=move || freezes.get() key=|freeze| row_key(&freeze.id, freeze) let:freeze>
                        <Row freeze environments end now/>
                    </For>
                </tbody>
            </Table>
        }
        .into_any()
    };
    view! {
        <Card id="freezes" title="Freezes" count=Signal::derive(count)>
            {body}
        </Card>
    }
}

#[component]
fn Row(
    freeze: Freeze,
    environments: Memo<Vec<Environment>>,
    end: ServerAction<EndFreeze>,
    now: Signal<Timestamp>,
) -> impl IntoView {
    let environment = environments.with_untracked(|all| tag(all, freeze.environment.as_deref()));
    let projects = freeze.project.clone().unwrap_or_else(|| "all projects".into());
    let when = when(&freeze, now.get_untracked());
    let repeats = repeats(&freeze.times);
    let act = match freeze.denied.clone() {
        Some(why) => view! { <Refused icon="x" words="End…" why/> }.into_any(),
        None => view! { <End freeze=freeze.clone() end/> }.into_any(),
    };
    view! {
        <tr>
            <td>
                <span class="flex flex-wrap items-center gap-x-2">
                    {environment} <span class="font-medium">{projects}</span>
                </span>
                <bdi class="mt-0.5 block text-small whitespace-normal text-soft wrap-anywhere">{visible(&freeze.reason)}</bdi>
                <span class="block text-small text-mute md:hidden">{when.clone()}</span>
                <span class="block text-small text-mute sm:hidden">"by " <bdi>{visible(&freeze.by)}</bdi></span>
            </td>
            <td>
                <State freeze=freeze.clone() now/>
            </td>
            <td class="hidden md:table-cell">
                <span class="whitespace-nowrap text-soft">{when}</span>
                {repeats}
            </td>
            <td class="hidden sm:table-cell">
                <bdi class="block max-w-40 truncate text-soft" title=visible(&freeze.by)>{visible(&freeze.by)}</bdi>
            </td>
            <td class="num">{act}</td>
        </tr>
    }
}

/// Whether it is now, or how long until it begins.
#[component]
fn State(freeze: Freeze, now: Signal<Timestamp>) -> impl IntoView {
    match (freeze.now, freeze.next) {
        (Some(_), _) => view! { <Status look=Look::Frozen word="Now"/> }.into_any(),
        (None, Some(next)) => {
            (move || view! { <Status look=Look::Waiting word=ahead(next.from, now.get())/> }).into_any()
        }
        (None, None) => view! { <Status look=Look::Unknown word="Over"/> }.into_any(),
    }
}

/// The form that ends a freeze, or calls it off before it begins.
#[component]
fn End(freeze: Freeze, end: ServerAction<EndFreeze>) -> impl IntoView {
    let scope = scope(&freeze);
    let (means, words) = if freeze.now.is_some() {
        (format!("Promotions to {scope} go on at once, those that wait for it too."), "End the freeze")
    } else {
        (format!("The freeze of {scope} never begins."), "Call off the freeze")
    };
    view! {
        <AskFirst icon="x" words="End…" what=format!(" the freeze of {scope}")>
            <p class="text-soft wrap-anywhere">{means}</p>
            <ActionForm action=end>
                <input type="hidden" name="id" value=freeze.id/>
                <SubmitButton class="btn btn-sm btn-danger" icon="x" words busy=end.pending()/>
            </ActionForm>
        </AskFirst>
    }
}

/// The tag of the environment; words where it is all of them, or one that is not of the order any more.
fn tag(environments: &[Environment], name: Option<&str>) -> AnyView {
    let Some(name) = name else {
        return view! { <span class="badge badge-plain">"all environments"</span> }.into_any();
    };
    match environments.iter().find(|it| it.name() == Some(name)) {
        Some(environment) => view! { <EnvironmentTag environment=environment.clone()/> }.into_any(),
        None => view! { <span class="badge badge-plain">{name.to_owned()}</span> }.into_any(),
    }
}

/// The time that is now, or the next one.
fn when(freeze: &Freeze, now: Timestamp) -> String {
    let span = freeze.now.or(freeze.next);
    let (from, until) = match (span, &freeze.times) {
        (Some(span), _) => (span.from, span.until),
        (None, FreezeTimes::Once { from, until, .. }) => (*from, *until),
        (None, FreezeTimes::Repeating { .. }) => return "no time is to come".into(),
    };
    from.clock_until(until, now)
}

/// How it repeats, and the time zone that it was written in.
fn repeats(times: &FreezeTimes) -> AnyView {
    match times {
        FreezeTimes::Once { zone, .. } if zone.is_empty() || zone == "UTC" => ().into_any(),
        FreezeTimes::Once { zone, .. } => {
            view! { <span class="block text-small text-mute">"written in " {zone.clone()}</span> }.into_any()
        }
        FreezeTimes::Repeating { schedule, seconds, zone } => {
            let length = Timestamp(0).took(Timestamp(i64::from(*seconds) * 1000));
            view! {
                <span class="block text-small text-mute">
                    "repeats " <code>{schedule.clone()}</code> {format!(" for {length}, {zone}")}
                </span>
            }
            .into_any()
        }
    }
}
