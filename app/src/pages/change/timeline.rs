//! What happened to a change, by whom and when, with its evidence; and what is still to come.

use leptos::prelude::*;
use model::{
    Timestamp,
    change::{ChangeDetail, ChangeState, STEPS, Step},
};

use crate::{
    pages::{Shelf, overview::counted},
    ui::{card::Card, change::look, diff::visible, icon::Icon, rows::row_key, time::stamp},
};

/// The timeline.
#[component]
pub(super) fn Timeline(shelf: Shelf<ChangeDetail>) -> impl IntoView {
    let entries = shelf.part(entries);
    let to_come = shelf.part(to_come);
    let count = Signal::derive(move || shelf.data.with(took));
    view! {
        <Card id="timeline" title="Timeline" count>
            <ol class="line px-3.5 py-4">
                <For each=move || entries.get() key=|it| row_key(&it.place, it) let:entry>
                    {happened(entry)}
                </For>
                {move || to_come.get().into_iter().map(comes).collect_view()}
            </ol>
        </Card>
    }
}

/// Something that happened, and how it is shown.
#[derive(Clone, Hash, PartialEq)]
struct Entry {
    place: usize,
    step: Step,
    /// Whether it is where the change stands, and goes on from.
    is_now: bool,
    /// Whether the one before it was on another day.
    is_other_day: bool,
}

fn entries(detail: &ChangeDetail) -> Vec<Entry> {
    let last = detail.timeline.len().saturating_sub(1);
    let mut day = String::new();
    let steps = detail.timeline.iter().cloned().enumerate();
    steps
        .map(|(place, step)| {
            let today = stamp(step.at).chars().take(10).collect::<String>();
            let is_other_day = today != day;
            day = today;
            Entry { place, step, is_now: place == last && detail.row.state.is_open(), is_other_day }
        })
        .collect()
}

fn took(detail: &ChangeDetail) -> String {
    let asked = detail.row.asked_at;
    let pushed = detail.timeline.iter().find(|step| step.state == ChangeState::Pushed);
    let pushed = pushed.map(|step| format!(", {} from the click to the commit", asked.took(step.at)));
    format!("in UTC{}", pushed.unwrap_or_default())
}

fn happened(entry: Entry) -> impl IntoView {
    let Entry { step: Step { at, state, who, text }, is_now, is_other_day, .. } = entry;
    let (icon, class) = mark(state, is_now);
    let moment = stamp(at);
    let clock = moment.trim_end_matches(" UTC");
    let clock = if is_other_day { clock } else { clock.get(11..).unwrap_or(clock) }.to_owned();
    view! {
        <li class=if is_now { "is-now" } else { "" }>
            <Icon name=icon class/>
            <div class="min-w-0">
                <p class="flex flex-wrap items-baseline gap-x-2">
                    <span class="font-medium text-ink">{state.label()}</span>
                    <bdi class="text-small wrap-anywhere text-mute">{visible(&who)}</bdi>
                    <time class="ml-auto text-small text-mute" datetime=at.iso() title=moment>
                        {clock}
                    </time>
                </p>
                <p class="wrap-anywhere text-soft">{visible(&text)}</p>
            </div>
        </li>
    }
}

/// Returns the icon of an entry with its colour: what went well is behind, where it does not go on it stays visible.
fn mark(state: ChangeState, is_now: bool) -> (&'static str, &'static str) {
    let is_bad = matches!(state, ChangeState::NeedsAttention | ChangeState::Failed | ChangeState::RolledBack);
    let icon = look(state).1;
    match (is_bad, is_now) {
        (true, _) => (icon, "text-degraded"),
        (false, false) if matches!(state, ChangeState::Cancelled | ChangeState::Superseded) => {
            (icon, "text-mute")
        }
        (false, false) => ("healthy", "text-healthy"),
        (false, true) if icon == "progressing" => (icon, "turn text-progressing"),
        (false, true) if icon == "healthy" => (icon, "text-healthy"),
        (false, true) if icon == "soak" || icon == "commit" => (icon, "text-progressing"),
        (false, true) => (icon, "text-mute"),
    }
}

/// Returns the steps that are still to come behind the one that a change is at, each with what it takes.
fn to_come(detail: &ChangeDetail) -> Vec<(&'static str, String)> {
    if !detail.row.state.is_open() {
        return Vec::new();
    }
    let soak = match detail.soak_seconds {
        0 => "No soak is asked. Then the change is done.".to_owned(),
        seconds => {
            let length = Timestamp(0).took(Timestamp(0).plus_seconds(seconds.into()));
            format!("{length} after all are Healthy. Then the change is done.")
        }
    };
    let words = [
        String::new(),
        format!("{} asked.", counted(detail.quorum, "approval is", "approvals are")),
        "One commit on the branch that Argo CD follows.".to_owned(),
        "Argo CD compares with that commit, or a later one, and syncs to it.".to_owned(),
        "All its Applications run it and are Healthy.".to_owned(),
        soak,
    ];
    STEPS.into_iter().zip(words).skip(usize::from(detail.row.steps) + 1).collect()
}

fn comes((name, words): (&'static str, String)) -> impl IntoView {
    let icon = if name == "Soaked" { "soak" } else { "waiting" };
    view! {
        <li class="is-todo">
            <Icon name=icon class="text-mute"/>
            <div class="min-w-0">
                <p class="flex flex-wrap items-baseline gap-x-2">
                    <span class="font-medium">{name}</span>
                    <span class="ml-auto text-small">"to come"</span>
                </p>
                <p class="text-mute">{words}</p>
            </div>
        </li>
    }
}
