//! The form that places a hold.

use leptos::prelude::*;
use model::{
    AppResult,
    apps::CellId,
    gate::{GateList, HoldFor},
    operation::Outcome,
};

use crate::{
    api::PlaceHold,
    pages::Shelf,
    ui::{
        field::{FormError, SelectField, TextField, beyond_fields},
        form::SubmitButton,
        icon::Icon,
        notice::{ErrorNote, error_of},
    },
};

/// The fields that tell beside themselves what is wrong with them.
const FIELDS: [&str; 4] = ["app", "environment", "reason", "lasts"];

/// The card with the form; it is filled in with what another page asks to hold.
#[component]
pub(super) fn PlaceForm(
    shelf: Shelf<GateList>,
    place: ServerAction<PlaceHold>,
    wanted: Memo<CellId>,
) -> impl IntoView {
    let error = error_of(place.value());
    let environments = shelf.part(|it| {
        let names = it.environments.iter().rev().filter_map(|it| it.name().map(str::to_owned));
        names.collect::<Vec<_>>()
    });
    let made = made(place.value());
    let form = move || {
        made.track();
        view! { <Form place error environments wanted/> }
    };
    view! {
        <section class="card scroll-mt-16" id="hold" aria-labelledby="hold-heading">
            <div class="card-head">
                <h2 id="hold-heading">"Place a hold"</h2>
            </div>
            <div class="card-body">
                <ErrorNote what="The hold was not placed" error=beyond_fields(error, &FIELDS)/>
                {form}
            </div>
        </section>
    }
}

#[component]
fn Form(
    place: ServerAction<PlaceHold>,
    error: FormError,
    environments: Memo<Vec<String>>,
    wanted: Memo<CellId>,
) -> impl IntoView {
    let names = move || {
        let chosen = wanted.with(|wanted| wanted.environment.clone());
        let names = environments.get().into_iter();
        names
            .map(|name| {
                let selected = name == chosen;
                view! { <option value=name.clone() selected=selected>{name.clone()}</option> }
            })
            .collect_view()
    };
    let lasts = HoldFor::ALL
        .into_iter()
        .filter(|choice| *choice != HoldFor::None)
        .map(|choice| {
            let selected = choice == HoldFor::default();
            view! { <option value=choice.word() selected=selected>{choice.label()}</option> }
        })
        .collect_view();
    let app = Signal::derive(move || wanted.with(|wanted| wanted.app.clone()));
    view! {
        <ActionForm action=place attr:class="grid gap-3">
            <TextField
                id="hold-app"
                name="app"
                label="App"
                hint="As in the address of its page, e.g. web-app."
                value=app
                required=true
                is_code=true
                error
            />
            <div class="grid grid-cols-2 gap-3">
                <SelectField id="hold-environment" name="environment" label="Environment" error>
                    {names}
                </SelectField>
                <SelectField id="hold-lasts" name="lasts" label="Lasts" error>
                    {lasts}
                </SelectField>
            </div>
            <TextField id="hold-reason" name="reason" label="Reason, shown to everyone" required=true error/>
            <p class="note text-held">
                <Icon name="held"/>
                <span class="min-w-0 text-small text-ink">
                    "Promotions leave the app out there, and name the hold as the cause. Rollbacks go on."
                </span>
            </p>
            <SubmitButton class="btn" icon="held" words="Place the hold" busy=place.pending()/>
        </ActionForm>
    }
}

/// Counts what was made, so that the form is drawn anew, empty, after each; after an error it stays as it was typed.
pub(super) fn made(
    value: impl Get<Value = Option<AppResult<Outcome>>> + Send + Sync + 'static,
) -> Memo<Option<String>> {
    Memo::new(move |before: Option<&Option<String>>| match value.get() {
        Some(Ok(outcome)) => Some(outcome.audit_id),
        _ => before.cloned().flatten(),
    })
}
