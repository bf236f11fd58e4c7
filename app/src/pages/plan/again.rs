//! Asking for a plan again: as it was asked for, or with a choice made. Plain forms that lead to the new plan.

use leptos::prelude::*;
use model::{
    AppError,
    plan::{AskPlan, AskPromotion, AskRollback, AskUndo},
};

use crate::{
    api::{PlanPromotion, PlanRollback, UndoChange},
    ui::form::SubmitButton,
};

/// What asks for plans.
#[derive(Clone, Copy)]
pub(super) struct Again {
    promotion: ServerAction<PlanPromotion>,
    rollback: ServerAction<PlanRollback>,
    undo: ServerAction<UndoChange>,
}

impl Again {
    pub(super) fn new() -> Self {
        Self { promotion: ServerAction::new(), rollback: ServerAction::new(), undo: ServerAction::new() }
    }

    /// Changes with each answer, also where the new plan is the same one.
    pub(super) fn version(self) -> usize {
        self.promotion.version().get() + self.rollback.version().get() + self.undo.version().get()
    }

    /// Returns why the last plan was not made.
    pub(super) fn error(self) -> Signal<Option<AppError>> {
        Signal::derive(move || {
            let promotion = self.promotion.value().get().and_then(Result::err);
            let rollback = self.rollback.value().get().and_then(Result::err);
            promotion.or(rollback).or_else(|| self.undo.value().get().and_then(Result::err))
        })
    }
}

/// A form of one button that asks for a plan.
#[component]
pub(super) fn AgainForm(
    again: Again,
    ask: AskPlan,
    class: &'static str,
    icon: &'static str,
    #[prop(into)] words: Signal<String>,
) -> impl IntoView {
    match ask {
        AskPlan::Promote(ask) => view! {
            <ActionForm action=again.promotion>
                <PromotionFields ask/>
                <SubmitButton class icon words busy=again.promotion.pending()/>
            </ActionForm>
        }
        .into_any(),
        AskPlan::Rollback(ask) => view! {
            <ActionForm action=again.rollback>
                <RollbackFields ask/>
                <SubmitButton class icon words busy=again.rollback.pending()/>
            </ActionForm>
        }
        .into_any(),
        AskPlan::Undo(AskUndo { change }) => view! {
            <ActionForm action=again.undo>
                <input type="hidden" name="change" value=change/>
                <SubmitButton class icon words busy=again.undo.pending()/>
            </ActionForm>
        }
        .into_any(),
    }
}

#[component]
fn PromotionFields(ask: AskPromotion) -> impl IntoView {
    let AskPromotion { apps, from, to, take_latest, overwrite } = ask;
    let many = |name: &'static str, values: Vec<String>| {
        values.into_iter().map(|value| view! { <input type="hidden" name=name value=value/> }).collect_view()
    };
    view! {
        <input type="hidden" name="from" value=from/>
        <input type="hidden" name="to" value=to/>
        {many("apps[]", apps)}
        {many("take_latest[]", take_latest)}
        {many("overwrite[]", overwrite)}
    }
}

#[component]
fn RollbackFields(ask: AskRollback) -> impl IntoView {
    let AskRollback { app, environment, revision, whole_path } = ask;
    view! {
        <input type="hidden" name="app" value=app/>
        <input type="hidden" name="environment" value=environment/>
        <input type="hidden" name="revision" value=revision/>
        <input type="hidden" name="whole_path" value=whole_path.to_string()/>
    }
}
