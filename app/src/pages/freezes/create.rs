//! The form that makes a freeze: once, or again and again.

use leptos::{prelude::*, web_sys::js_sys};
use model::{gate::GateList, status::Environment};
use wasm_bindgen::JsValue;

use super::place::made;
use crate::{
    api::CreateFreeze,
    pages::Shelf,
    routes,
    ui::{
        field::{FormError, SelectField, TextField, beyond_fields, is_about},
        form::SubmitButton,
        icon::Icon,
        notice::{ErrorNote, error_of},
    },
};

/// The fields that tell beside themselves what is wrong with them.
const FIELDS: [&str; 8] =
    ["environment", "project", "reason", "from", "until", "schedule", "duration", "zone"];

/// The card with the form; it says why where the actor may freeze nothing.
#[component]
pub(super) fn CreateForm(shelf: Shelf<GateList>, create: ServerAction<CreateFreeze>) -> impl IntoView {
    let error = error_of(create.value());
    let denied = shelf.part(|it| it.freeze_denied.clone());
    let environments = shelf.part(|it| it.environments.clone());
    let projects = shelf.part(|it| it.projects.clone());
    let made = made(create.value());
    let zone = RwSignal::new("UTC".to_owned());
    Effect::new(move |_| {
        if let Some(here) = zone_of_browser() {
            zone.set(here);
        }
    });
    let body = move || match denied.get() {
        Some(why) => view! { <Denied why/> }.into_any(),
        None => {
            made.track();
            view! { <Form create error environments projects zone/> }.into_any()
        }
    };
    view! {
        <section class="card scroll-mt-16" id="create" aria-labelledby="create-heading">
            <div class="card-head">
                <h2 id="create-heading">"Create a freeze"</h2>
            </div>
            <div class="card-body">
                <ErrorNote what="The freeze was not made" error=beyond_fields(error, &FIELDS)/>
                {body}
            </div>
        </section>
    }
}

#[component]
fn Denied(why: String) -> impl IntoView {
    view! {
        <p class="text-small text-mute">
            "You may not create a freeze: " <span class="wrap-anywhere">{why}</span> ". "
            <a class="link" href=routes::PERMISSIONS>"Who can?"</a>
        </p>
    }
}

#[component]
fn Form(
    create: ServerAction<CreateFreeze>,
    error: FormError,
    environments: Memo<Vec<Environment>>,
    projects: Memo<Vec<String>>,
    zone: RwSignal<String>,
) -> impl IntoView {
    let last = move || environments.with(|all| all.last().and_then(|it| it.name().map(str::to_owned)));
    let names = move || {
        let chosen = last();
        environments.with(|all| {
            let names = all.iter().rev().filter_map(|it| it.name().map(str::to_owned));
            names
                .map(|name| {
                    let selected = chosen.as_ref() == Some(&name);
                    view! { <option value=name.clone() selected=selected>{name.clone()}</option> }
                })
                .collect_view()
        })
    };
    let project_names = move || {
        let names = projects.get().into_iter();
        names.map(|name| view! { <option value=name.clone()>{name.clone()}</option> }).collect_view()
    };
    let repeats = Memo::new(move |_| error.with(|error| is_about(error.as_ref(), &["schedule", "duration"])));
    view! {
        <ActionForm action=create attr:class="grid gap-3">
            <div class="grid grid-cols-2 gap-3">
                <SelectField id="freeze-environment" name="environment" label="Environment" error>
                    {names}
                    <option value="">"all environments"</option>
                </SelectField>
                <SelectField id="freeze-project" name="project" label="Project" error>
                    <option value="">"all projects"</option>
                    {project_names}
                </SelectField>
            </div>
            <TextField id="freeze-from" name="from" label="From" kind="datetime-local" hint="Empty for now." error/>
            <TextField id="freeze-until" name="until" label="Until" kind="datetime-local" error/>
            <TextField
                id="freeze-zone"
                name="zone"
                label="Time zone"
                hint="An IANA name, e.g. Europe/Berlin."
                value=zone
                is_code=true
                error
            />
            <details class="group" open=repeats>
                <summary class="flex h-6.5 items-center gap-1.5 text-small font-medium text-soft hover:text-ink">
                    <Icon name="right" class="icon-sm group-open:rotate-90"/>
                    "It repeats instead"
                </summary>
                <div class="mt-2 grid gap-3">
                    <TextField
                        id="freeze-schedule"
                        name="schedule"
                        label="Begins"
                        placeholder="0 22 * * 5"
                        hint="As in cron: minute, hour, day of month, month, day of week. Leave from and until empty."
                        is_code=true
                        error
                    />
                    <TextField
                        id="freeze-duration"
                        name="duration"
                        label="Lasts"
                        placeholder="8h"
                        hint="E.g. 8h, 1h30m, 2d."
                        is_code=true
                        error
                    />
                </div>
            </details>
            <TextField id="freeze-reason" name="reason" label="Reason, shown to everyone" required=true error/>
            <p class="note text-frozen">
                <Icon name="frozen"/>
                <span class="min-w-0 text-small text-ink">
                    "Promotions to it wait, and trains leave its apps out. Rollbacks go on, and what is committed already finishes."
                </span>
            </p>
            <SubmitButton class="btn btn-primary" icon="frozen" words="Create the freeze" busy=create.pending()/>
        </ActionForm>
    }
}

/// Returns the time zone of the browser. Called in the browser only.
fn zone_of_browser() -> Option<String> {
    let format = js_sys::Intl::DateTimeFormat::new(&js_sys::Array::new(), &js_sys::Object::new());
    let zone = js_sys::Reflect::get(&format.resolved_options(), &JsValue::from_str("timeZone")).ok()?;
    zone.as_string().filter(|zone| !zone.is_empty())
}
