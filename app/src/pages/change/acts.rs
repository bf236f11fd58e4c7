//! What can be done about a change: read its plan, take it back, cancel it. Plain forms; what asks first is folded.

use leptos::prelude::*;
use model::{
    apps::CellId,
    change::{ChangeDetail, ChangeRow, ChangeState, May},
};

use crate::{
    api::{CancelChange, DecideChange, UndoChange},
    pages::Shelf,
    routes,
    ui::{
        form::SubmitButton,
        icon::Icon,
        notice::{ErrorNote, error_of},
        toast::tell,
    },
};

/// The acts of the page, with what came of them.
#[derive(Clone, Copy)]
pub(super) struct Acts {
    pub(super) cancel: ServerAction<CancelChange>,
    pub(super) decide: ServerAction<DecideChange>,
    pub(super) undo: ServerAction<UndoChange>,
}

impl Acts {
    /// Makes the acts, and tells what came of them.
    pub(super) fn new() -> Self {
        let acts =
            Self { cancel: ServerAction::new(), decide: ServerAction::new(), undo: ServerAction::new() };
        tell(acts.cancel.value());
        tell(acts.decide.value());
        acts
    }
}

/// The acts at the head of the page.
#[component]
pub(super) fn ActBar(shelf: Shelf<ChangeDetail>, acts: Acts) -> impl IntoView {
    let plan = shelf.part(|it| it.plan.clone());
    view! {
        <div class="btn-row md:ml-auto">
            <a class="btn" href=move || plan.with(|hash| routes::plan(hash))>
                <Icon name="doc"/>
                "Open plan"
            </a>
            <RollBack shelf/>
            <Undo shelf acts/>
            <Cancel shelf acts/>
        </div>
    }
}

/// What went wrong with the acts of the page.
#[component]
pub(super) fn ActErrors(acts: Acts) -> impl IntoView {
    let undo = Signal::derive(move || acts.undo.value().get().and_then(Result::err));
    view! {
        <ErrorNote what="The change was not cancelled" error=error_of(acts.cancel.value())/>
        <ErrorNote what="Your decision does not count" error=error_of(acts.decide.value())/>
        <ErrorNote what="The plan that takes it back was not made" error=undo/>
    }
}

/// Returns the one app of a change in its environment.
pub(super) fn cell_of(row: &ChangeRow) -> Option<CellId> {
    let ([app], Some(environment)) = (row.apps.as_slice(), row.environment.name()) else { return None };
    Some(CellId { app: app.slug.clone(), environment: environment.to_owned() })
}

/// The way to the earlier states of the one app of a change.
#[component]
fn RollBack(shelf: Shelf<ChangeDetail>) -> impl IntoView {
    let cell = shelf.part(|it| cell_of(&it.row).filter(|_| it.row.commit.is_some()));
    move || {
        cell.get().map(|cell| {
            view! {
                <a class="btn" href=routes::rollback(&cell) title="To any earlier state, which is previewed">
                    <Icon name="rollback"/>
                    "Roll back…"
                </a>
            }
        })
    }
}

/// The form that plans to give back what stood there before.
#[component]
fn Undo(shelf: Shelf<ChangeDetail>, acts: Acts) -> impl IntoView {
    let undo = shelf.part(|it| it.undo.clone().map(|may| (may, it.row.id, it.row.apps.len())));
    move || {
        undo.get().map(|(may, id, apps)| {
            let words = if apps == 1 { "Undo…".to_owned() } else { format!("Undo for {apps} apps…") };
            match may {
                May::Yes => view! {
                    <ActionForm action=acts.undo attr:title="Plans to give back what stood there before">
                        <input type="hidden" name="change" value=id/>
                        <SubmitButton class="btn" icon="rollback" words busy=acts.undo.pending()/>
                    </ActionForm>
                }
                .into_any(),
                May::No { why } => view! { <Denied icon="rollback" words why/> }.into_any(),
            }
        })
    }
}

/// The form that cancels, or ends what needs attention as it is; it asks first.
#[component]
fn Cancel(shelf: Shelf<ChangeDetail>, acts: Acts) -> impl IntoView {
    let cancel = shelf.part(|it| (it.cancel.clone(), it.row.id, it.row.state));
    move || {
        let (may, id, state) = cancel.get();
        let (words, what, button) = match state {
            ChangeState::NeedsAttention => (
                "Leave it so…",
                "It ends as it is, and is not followed any more. What it wrote stays in Git.",
                format!("End change {id} as it is"),
            ),
            _ => (
                "Cancel…",
                "Nothing of it is in Git yet, and nothing will be. Its plan stays, and can be carried out again while it holds.",
                format!("Cancel change {id}"),
            ),
        };
        match may {
            Some(May::Yes) => view! {
                <details class="relative">
                    <summary class="btn btn-danger">
                        <Icon name="x"/>
                        {words}
                    </summary>
                    <ActionForm
                        action=acts.cancel
                        attr:class="pop z-20 mt-1 grid w-72 max-w-full gap-2.5 p-3.5 md:absolute md:right-0 md:max-w-none"
                    >
                        <input type="hidden" name="change" value=id/>
                        <p class="text-small text-soft">{what}</p>
                        <SubmitButton
                            class="btn btn-danger"
                            icon="x"
                            words=button
                            busy=acts.cancel.pending()
                        />
                    </ActionForm>
                </details>
            }
            .into_any(),
            Some(May::No { why }) => view! { <Denied icon="x" words why/> }.into_any(),
            None if state.is_rolling_out() => {
                view! { <Denied icon="x" words why="It is in Git: roll back instead"/> }.into_any()
            }
            None => ().into_any(),
        }
    }
}

/// An act that may not be done, with the reason beside it.
#[component]
fn Denied(icon: &'static str, #[prop(into)] words: String, #[prop(into)] why: String) -> impl IntoView {
    view! {
        <span class="inline-flex flex-wrap items-center gap-x-2 gap-y-1">
            <button type="button" class="btn" disabled title=why.clone()>
                <Icon name=icon/>
                {words}
            </button>
            <span class="text-small text-mute wrap-anywhere">{why}</span>
        </span>
    }
}
