//! The six steps of a change, and how far it is.

use leptos::prelude::*;
use model::{
    Timestamp,
    change::{ChangeDetail, ChangeState, STEPS},
};

use crate::{
    pages::Shelf,
    ui::{
        change::{StepMark, step_marks},
        time::Age,
    },
};

/// The bar of the six steps.
#[component]
pub(super) fn Steps(shelf: Shelf<ChangeDetail>) -> impl IntoView {
    let now = shelf.now;
    let steps = shelf.part(|it| {
        let marks = step_marks(it.row.state, it.row.steps);
        (marks, moments(it), it.row.state, it.row.since)
    });
    move || {
        let (marks, moments, state, since) = steps.get();
        let items = marks
            .into_iter()
            .zip(moments)
            .zip(STEPS)
            .map(|((mark, moment), name)| step(mark, moment, name, state, since, now))
            .collect_view();
        view! {
            <h2 class="sr-only">"Progress"</h2>
            <ol class="steps mb-5">{items}</ol>
        }
    }
}

fn step(
    mark: StepMark,
    moment: Option<Timestamp>,
    name: &'static str,
    state: ChangeState,
    since: Timestamp,
    now: Signal<Timestamp>,
) -> impl IntoView {
    let class = match mark {
        StepMark::Done => "is-done",
        StepMark::Now => "is-now",
        StepMark::Bad => "is-bad",
        StepMark::ToCome => "",
    };
    let is_here = matches!(mark, StepMark::Now | StepMark::Bad);
    let time = match (is_here, moment) {
        (true, _) => view! { "for " <Age at=since now/> }.into_any(),
        (false, Some(at)) => view! { <Age at now suffix=" ago"/> }.into_any(),
        (false, None) => ().into_any(),
    };
    view! {
        <li class=class aria-current=is_here.then_some("step")>
            <span class="t">
                {if is_here { state.label() } else { name }}
                {(mark == StepMark::Done).then(|| view! { <span class="sr-only">", done"</span> })}
            </span>
            <span class="hidden font-normal text-mute sm:block">{time}</span>
        </li>
    }
}

/// Returns when each step was behind it, where the timeline tells.
fn moments(detail: &ChangeDetail) -> [Option<Timestamp>; 6] {
    let first = |is_it: fn(ChangeState) -> bool| {
        detail.timeline.iter().find(|step| is_it(step.state)).map(|step| step.at)
    };
    let is_well = |state| matches!(state, ChangeState::Healthy | ChangeState::Soaking | ChangeState::Done);
    let done = usize::from(detail.row.steps);
    let moments = [
        Some(detail.row.asked_at),
        first(|state| state != ChangeState::AwaitingApproval),
        first(|state| state == ChangeState::Pushed),
        None,
        first(is_well),
        first(|state| state == ChangeState::Done),
    ];
    std::array::from_fn(|step| moments[step].filter(|_| step < done))
}
