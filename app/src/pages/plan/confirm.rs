//! Carrying a plan out: what that means, what is asked first, and the button that names the act; or why it may not be.

use leptos::prelude::*;
use model::plan::{Plan, PlanChange, PlanDetail, PlanKind, RowOutcome, Standing};

use super::{Denied, counted, has_unreachable, objects_of};
use crate::{
    api::StartChange,
    routes,
    ui::{
        badge::short_revision,
        change::ChangeStatus,
        confirm::{Asked, ConfirmFields},
        diff::visible,
        gate::waits_for,
        icon::Icon,
    },
};

/// The form that carries a kept plan out.
#[component]
pub(super) fn Confirm(detail: PlanDetail, start: ServerAction<StartChange>) -> impl IntoView {
    let (plan, asked) = (detail.plan.clone(), asked_of(&detail));
    let title = format!("{} {}", plan.kind.word(), place(&plan));
    let words = act_words(&plan);
    let (icon, reason) = look(plan.kind);
    view! {
        <ConfirmCard detail title>
            <ActionForm action=start attr:class="grid gap-3">
                <input type="hidden" name="plan" value=plan.hash/>
                <ConfirmFields
                    asked
                    reason
                    holds=plan.kind == PlanKind::Rollback
                    icon
                    words
                    busy=start.pending()
                />
            </ActionForm>
        </ConfirmCard>
    }
}

/// The card around what is asked: what carrying out means; in the place of the form, why it may not be, or where it is
/// done already.
#[component]
pub(in crate::pages) fn ConfirmCard(detail: PlanDetail, title: String, children: Children) -> impl IntoView {
    let protected = detail.target.is_protected();
    let body = match (detail.change.clone(), refusal(&detail)) {
        (Some(change), _) => view! { <CarriedOut change/> }.into_any(),
        (None, Some(why)) => view! { <Refused detail=detail.clone() why/> }.into_any(),
        (None, None) => view! {
            <Consequences detail=detail.clone()/>
            {children()}
        }
        .into_any(),
    };
    view! {
        <section class=if protected { "card prod-frame" } else { "card" } aria-labelledby="confirm">
            {protected.then(|| view! { <div class="prod-edge"></div> })}
            <div class="grid grid-cols-1 gap-3 px-3.5 py-3.5">
                <h2 id="confirm" class="text-lead wrap-anywhere">{title}</h2>
                {body}
            </div>
        </section>
    }
}

/// Returns what is asked before a plan is carried out.
pub(in crate::pages) fn asked_of(detail: &PlanDetail) -> Asked {
    let unrendered = detail.rendered.iter().filter(|it| it.not_rendered.is_some());
    let mut unrendered: Vec<_> = unrendered.map(|it| it.application.name.clone()).collect();
    if detail.unseen_unrendered > 0 {
        let others = counted(detail.unseen_unrendered, "Application", "Applications");
        unrendered.push(format!("{others} that you may not see"));
    }
    Asked {
        typed_environment: detail.typed_environment.clone(),
        needs_reason: detail.needs_reason,
        unrendered,
    }
}

/// Returns the act in words, as its button names it: `Promote 3 apps to prod`.
pub(in crate::pages) fn act_words(plan: &Plan) -> String {
    let moving: Vec<_> = plan.rows.iter().filter(|row| row.outcome == RowOutcome::Moves).collect();
    let what = match moving.as_slice() {
        [row] => row.app.clone(),
        rows => counted(rows.len() as u32, "app", "apps"),
    };
    let version = match (plan.kind, moving.as_slice()) {
        (PlanKind::Rollback, [row]) => row.after.as_deref().map(short_revision),
        _ => None,
    };
    let version = version.map(|version| format!("to {version} ")).unwrap_or_default();
    visible(&format!("{} {what} {version}{}", plan.kind.word(), place(plan)))
}

/// Returns the icon of an act, and the label of its reason.
pub(in crate::pages) fn look(kind: PlanKind) -> (&'static str, &'static str) {
    match kind {
        PlanKind::Rollback => ("rollback", "Reason, for the record and the hold"),
        PlanKind::Promote | PlanKind::Introduce => ("promote", "Reason, for the record and the commit"),
    }
}

fn place(plan: &Plan) -> String {
    match plan.kind {
        PlanKind::Rollback => format!("in {}", plan.to),
        PlanKind::Promote | PlanKind::Introduce => format!("to {}", plan.to),
    }
}

/// Why a plan is not carried out now.
#[derive(Clone)]
enum Refusal {
    Denied(String),
    Stale,
    Nothing,
    Stopped,
}

fn refusal(detail: &PlanDetail) -> Option<Refusal> {
    let stops = |it: &RowOutcome| matches!(it, RowOutcome::Stopped { .. });
    match &detail.denied {
        Some(why) => Some(Refusal::Denied(why.clone())),
        None if matches!(detail.standing, Standing::Stale { .. }) => Some(Refusal::Stale),
        None if !detail.plan.is_empty() => None,
        None if detail.plan.rows.iter().any(|row| stops(&row.outcome)) => Some(Refusal::Stopped),
        None => Some(Refusal::Nothing),
    }
}

/// The button that cannot be pressed, and why.
#[component]
fn Refused(detail: PlanDetail, why: Refusal) -> impl IntoView {
    let (icon, _) = look(detail.plan.kind);
    let words = match why {
        Refusal::Nothing | Refusal::Stopped => detail.plan.kind.word().to_owned(),
        Refusal::Denied(_) | Refusal::Stale => act_words(&detail.plan),
    };
    let sentence = match &why {
        Refusal::Denied(_) => None,
        Refusal::Stale => Some("This plan is stale. Compute it again, and read the new one."),
        Refusal::Nothing => Some("Nothing moves, so there is nothing to carry out."),
        Refusal::Stopped => Some("It stops for your decision. Decide first; that makes another plan."),
    };
    let denied = if let Refusal::Denied(why) = why { Some(why) } else { None };
    view! {
        <button
            type="button"
            class="btn btn-lg h-auto min-h-9 w-full py-1.5 whitespace-normal"
            disabled
            title=denied.clone()
        >
            <Icon name=icon/>
            {words}
        </button>
        {sentence.map(|words| view! { <p class="text-small text-mute">{words}</p> })}
        <Denied denied/>
    }
}

/// The change that carries it out.
#[component]
fn CarriedOut(change: PlanChange) -> impl IntoView {
    let PlanChange { id, state } = change;
    let words =
        if state.is_open() { "This plan is being carried out." } else { "This plan was carried out." };
    view! {
        <p class="text-small text-soft">{words} " It is not carried out twice."</p>
        <p>
            <ChangeStatus state/>
        </p>
        <a class="btn btn-lg w-full" href=routes::change(id)>
            <Icon name="right"/>
            {format!("Open change {id}")}
        </a>
    }
}

/// What carrying it out means, in sentences; only what is known is said.
#[component]
fn Consequences(detail: PlanDetail) -> impl IntoView {
    let clusters: std::collections::BTreeSet<_> = detail
        .touched
        .applications
        .iter()
        .map(|it| (it.id.control_plane.clone(), it.cluster.clone()))
        .collect();
    let places = counted(clusters.len() as u32, "cluster", "clusters");
    let objects = match objects_of(&detail.rendered) {
        Some(counts) => {
            format!(
                "{} in {places} change.",
                counted(counts.iter().sum::<usize>() as u32, "object", "objects")
            )
        }
        None => format!("How many objects in {places} change is not known."),
    };
    let waits = waits_for(&detail.gates).map(|gates| {
        view! {
            <p class="flex items-start gap-1.5 text-small text-soft">
                <Icon name="waiting" class="icon-sm mt-0.5 text-mute"/>
                <span class="min-w-0">{format!("It can be asked for now, and then waits: {gates}.")}</span>
            </p>
        }
    });
    let silent = has_unreachable(&detail.touched).then(|| {
        let mut names: Vec<_> = detail
            .touched
            .applications
            .iter()
            .filter(|it| !it.freshness.is_live())
            .map(|it| it.cluster.clone())
            .collect();
        names.sort_unstable();
        names.dedup();
        view! {
            <p class="flex items-start gap-1.5 text-small text-soft">
                <Icon name="unreachable" class="icon-sm mt-0.5 text-stale"/>
                <span class="min-w-0 wrap-anywhere">
                    {format!("{} does not answer: it takes the commit when it returns.", names.join(", "))}
                </span>
            </p>
        }
    });
    view! {
        <p class="text-small text-soft">
            {objects} " It is one commit, and one new commit takes it back. Auto-sync stays as it is."
        </p>
        {waits}
        {silent}
    }
}
