//! What is asked before something is written to an environment.

use leptos::prelude::*;
use model::gate::HoldFor;

use super::form::SubmitButton;

/// What was filled in so far. Without JavaScript nobody knows, and the server asks for what is missing.
#[derive(Clone, Copy)]
pub(crate) struct Filled {
    typed: RwSignal<String>,
    reason: RwSignal<String>,
    goes_on: RwSignal<bool>,
    is_alive: RwSignal<bool>,
}

impl Filled {
    /// Returns a form that nothing was filled in yet.
    pub(crate) fn new() -> Self {
        let is_alive = RwSignal::new(false);
        Effect::new(move |_| is_alive.set(true));
        Self {
            typed: RwSignal::new(String::new()),
            reason: RwSignal::new(String::new()),
            goes_on: RwSignal::new(false),
            is_alive,
        }
    }

    /// Returns what is missing, in words; none where all is there, and where nobody can tell.
    pub(crate) fn missing(self, asked: &Asked) -> Option<String> {
        if !self.is_alive.get() {
            return None;
        }
        let Asked { typed_environment, needs_reason, unrendered } = asked;
        if *needs_reason && self.reason.read().trim().is_empty() {
            return Some("Give a reason first.".into());
        }
        if !unrendered.is_empty() && !self.goes_on.get() {
            return Some("Tick first that you go on with what is not rendered.".into());
        }
        typed_environment
            .as_ref()
            .filter(|environment| self.typed.read().trim() != **environment)
            .map(|environment| format!("Type {environment} first."))
    }
}

/// What is asked for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Asked {
    /// The environment that has to be typed, where it is protected.
    pub(crate) typed_environment: Option<String>,
    pub(crate) needs_reason: bool,
    /// The Applications of which nobody knows what they become.
    pub(crate) unrendered: Vec<String>,
}

/// The button that is first in its form, and cannot be pressed: so that Enter in a field does not send the form, with
/// JavaScript and without.
#[component]
pub(crate) fn NoEnter() -> impl IntoView {
    view! { <button type="submit" disabled hidden></button> }
}

/// The reason, for the record.
#[component]
pub(crate) fn ReasonField(
    /// What it is for, e.g. "Reason, for the record".
    label: &'static str,
    filled: Filled,
    #[prop(into)] required: bool,
) -> impl IntoView {
    view! {
        <div class="field">
            <label for="reason">
                {label}
                {(!required).then(|| view! { <span class="font-normal text-mute">", if you like"</span> })}
            </label>
            <textarea
                id="reason"
                class="input"
                name="reason"
                rows="2"
                maxlength="500"
                required=required
                on:input:target=move |event| filled.reason.set(event.target().value())
            ></textarea>
        </div>
    }
}

/// How long the next promotions leave the app alone.
#[component]
pub(crate) fn HoldField() -> impl IntoView {
    let options = HoldFor::ALL
        .map(|hold| {
            let selected = hold == HoldFor::default();
            view! { <option value=hold.word() selected=selected>{hold.label()}</option> }
        })
        .collect_view();
    view! {
        <div class="field">
            <label for="hold">"Hold: the next promotions skip it"</label>
            <select id="hold" class="input" name="hold" aria-describedby="hold-hint">
                {options}
            </select>
            <p class="hint" id="hold-hint">"They name the hold as the cause. Anybody who may can release it earlier."</p>
        </div>
    }
}

/// The field that a protected environment asks for.
#[component]
pub(crate) fn TypedEnvironmentField(
    environment: String,
    /// What typing is for, e.g. "to confirm".
    purpose: &'static str,
    filled: Filled,
    #[prop(optional)] required: bool,
) -> impl IntoView {
    view! {
        <div class="field">
            <label for="typed_environment">"Type " <b>{environment}</b> " " {purpose}</label>
            <input
                type="text"
                id="typed_environment"
                name="typed_environment"
                class="input font-mono"
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                required=required
                aria-describedby="typed-hint"
                on:input:target=move |event| filled.typed.set(event.target().value())
            />
            <p class="hint" id="typed-hint">"Enter does not send this form."</p>
        </div>
    }
}

/// The tick without which nothing is done to what nobody could look at.
#[component]
pub(crate) fn UnrenderedField(applications: Vec<String>, filled: Filled) -> impl IntoView {
    (!applications.is_empty()).then(|| {
        let verb = if applications.len() == 1 { "becomes" } else { "become" };
        view! {
            <label class="flex items-start gap-2 text-small">
                <input
                    type="checkbox"
                    class="check mt-px"
                    name="confirm_unrendered"
                    value="true"
                    required=true
                    on:change:target=move |event| filled.goes_on.set(event.target().checked())
                />
                <span class="min-w-0 wrap-anywhere">
                    {format!("Go on, although nobody can tell what {} {verb}", applications.join(", "))}
                </span>
            </label>
        }
    })
}

/// All that is asked, and the button that names the act. It can be pressed once all is filled in.
#[component]
pub(crate) fn ConfirmFields(
    asked: Asked,
    reason: &'static str,
    /// Whether the act is a rollback, which can set a hold.
    holds: bool,
    icon: &'static str,
    #[prop(into)] words: String,
    #[prop(into)] busy: Signal<bool>,
) -> impl IntoView {
    let filled = Filled::new();
    let protected = asked.typed_environment.is_some();
    let class = if protected {
        "btn btn-prod btn-lg h-auto min-h-9 w-full py-1.5 whitespace-normal"
    } else {
        "btn btn-primary btn-lg h-auto min-h-9 w-full py-1.5 whitespace-normal"
    };
    let missing = {
        let asked = asked.clone();
        Memo::new(move |_| filled.missing(&asked))
    };
    let disabled = Signal::derive(move || missing.with(Option::is_some));
    view! {
        <NoEnter/>
        <ReasonField label=reason filled required=asked.needs_reason/>
        {holds.then(|| view! { <HoldField/> })}
        <UnrenderedField applications=asked.unrendered filled/>
        {asked
            .typed_environment
            .map(|environment| {
                view! { <TypedEnvironmentField environment purpose="to confirm" filled required=true/> }
            })}
        <SubmitButton class icon words busy disabled/>
        <p class="text-small text-mute empty:hidden" role="status">{missing}</p>
    }
}
