//! A change at a glance: its state, its steps, and what it moves.

use leptos::prelude::*;
use model::change::{ChangeApp, ChangeRow, ChangeState, STEPS};

use super::{
    badge::short_revision,
    icon::{Icon, glyph},
};
use crate::routes;

/// The state of a change, with the change that took its place where there is one.
#[component]
pub(crate) fn ChangeStatus(state: ChangeState, #[prop(optional_no_strip)] by: Option<u64>) -> impl IntoView {
    let (class, icon) = look(state);
    let word = match by {
        Some(by) => format!("{} by {by}", state.label()),
        None => state.label().to_owned(),
    };
    view! {
        <span class=format!("status {class}")>
            {glyph(icon, if icon == "progressing" { "turn" } else { "" })}
            {word}
        </span>
    }
}

/// Returns the class of a state, and the name of its icon.
pub(crate) fn look(state: ChangeState) -> (&'static str, &'static str) {
    match state {
        ChangeState::AwaitingApproval => ("s-waiting", "user"),
        ChangeState::Waiting | ChangeState::Queued => ("s-waiting", "waiting"),
        ChangeState::Committing | ChangeState::RollingOut => ("s-progressing", "progressing"),
        ChangeState::Pushed => ("s-progressing", "commit"),
        ChangeState::NeedsAttention => ("s-degraded", "degraded"),
        ChangeState::Healthy | ChangeState::Done => ("s-healthy", "healthy"),
        ChangeState::Soaking => ("s-progressing", "soak"),
        ChangeState::Failed => ("s-failed", "failed"),
        ChangeState::Cancelled => ("s-unknown", "stop"),
        ChangeState::Superseded => ("s-stale", "stale"),
        ChangeState::RolledBack => ("s-failed", "rollback"),
    }
}

/// How a step of a change stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StepMark {
    Done,
    Now,
    /// It came to its end here, or does not go on by itself.
    Bad,
    ToCome,
}

/// Returns how each of the six steps stands, of which `done` are behind a change in `state`.
pub(crate) fn step_marks(state: ChangeState, done: u8) -> [StepMark; 6] {
    let last = STEPS.len() - 1;
    let place = usize::from(done).min(if state == ChangeState::RolledBack { last } else { STEPS.len() });
    let here = match state {
        ChangeState::NeedsAttention | ChangeState::Failed | ChangeState::RolledBack => StepMark::Bad,
        ChangeState::Waiting | ChangeState::Cancelled | ChangeState::Superseded | ChangeState::Done => {
            StepMark::ToCome
        }
        _ => StepMark::Now,
    };
    std::array::from_fn(|step| match step.cmp(&place) {
        std::cmp::Ordering::Less => StepMark::Done,
        std::cmp::Ordering::Equal => here,
        std::cmp::Ordering::Greater => StepMark::ToCome,
    })
}

/// The six steps as small marks.
#[component]
pub(crate) fn StepPips(state: ChangeState, done: u8) -> impl IntoView {
    let pips = step_marks(state, done)
        .map(|mark| {
            let class = match mark {
                StepMark::Done => "d",
                StepMark::Now => "c",
                StepMark::Bad => "f",
                StepMark::ToCome => "",
            };
            view! { <i class=class></i> }
        })
        .collect_view();
    let words = format!("{done} of {} steps done", STEPS.len());
    let title = words.clone();
    view! {
        <span class="pipsteps" title=title>
            {pips}
            <span class="sr-only">{words}</span>
        </span>
    }
}

/// From which version to which: of the first app; the others are told by their number.
#[component]
pub(crate) fn ChangeMove(row: ChangeRow) -> impl IntoView {
    let more = row.apps.len().saturating_sub(1);
    let href = routes::change(row.id);
    row.apps.into_iter().next().map(|app| {
        view! {
            <span class="whitespace-nowrap [&_.move]:flex-nowrap">
                <AppMove app/>
                {(more > 0)
                    .then(|| view! { <a class="link ml-1 text-small" href=href>{format!("and {more} more")}</a> })}
            </span>
        }
    })
}

/// The version of an app before and after; a commit is cut short.
#[component]
pub(crate) fn AppMove(app: ChangeApp) -> impl IntoView {
    let words = |value: Option<String>| {
        value.map_or_else(|| "none".to_owned(), |it| super::diff::visible(&short_revision(&it)))
    };
    view! {
        <span class="move">
            <span class="was wrap-anywhere">{words(app.before)}</span>
            <Icon name="arrow"/>
            <span class="sr-only">"to"</span>
            <span class="now wrap-anywhere">{words(app.after)}</span>
        </span>
    }
}

/// Returns what a change does, as its heading: `Promote web-app 1.4.2 to prod`.
pub(crate) fn heading(row: &ChangeRow) -> String {
    use model::plan::PlanKind;

    let environment = row.environment.name().unwrap_or("an unknown environment");
    let version = match row.apps.as_slice() {
        [app] => app.after.as_deref().map(short_revision),
        _ => None,
    };
    let title = &row.title;
    match (row.kind, version) {
        (PlanKind::Rollback, Some(version)) => format!("{title} to {version} in {environment}"),
        (PlanKind::Rollback, None) => format!("{title} in {environment}"),
        (_, Some(version)) => format!("{title} {version} to {environment}"),
        (_, None) => format!("{title} to {environment}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stands_where_a_change_is_and_turns_red_where_it_ended_badly() {
        use StepMark::{Bad, Done, Now, ToCome};

        let rolling = step_marks(ChangeState::RollingOut, 3);
        assert_eq!(rolling, [Done, Done, Done, Now, ToCome, ToCome]);
        assert_eq!(step_marks(ChangeState::Failed, 2), [Done, Done, Bad, ToCome, ToCome, ToCome]);
        assert_eq!(step_marks(ChangeState::RolledBack, 6), [Done, Done, Done, Done, Done, Bad]);
        assert_eq!(step_marks(ChangeState::Done, 6), [Done; 6]);
        assert_eq!(step_marks(ChangeState::Superseded, 1)[1], ToCome, "nothing went wrong");
    }
}
