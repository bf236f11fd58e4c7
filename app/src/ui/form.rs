//! Parts of forms.

use leptos::prelude::*;
use model::application::ApplicationId;

use super::icon::Icon;

/// The hidden fields that name an Application.
#[component]
pub(crate) fn IdFields(#[prop(into)] id: Signal<ApplicationId>) -> impl IntoView {
    view! {
        <input type="hidden" name="control_plane" value=move || id.with(|id| id.control_plane.clone())/>
        <input type="hidden" name="namespace" value=move || id.with(|id| id.namespace.clone())/>
        <input type="hidden" name="name" value=move || id.with(|id| id.name.clone())/>
    }
}

/// A button that sends its form, and says so while it does.
#[component]
pub(crate) fn SubmitButton(
    class: &'static str,
    icon: &'static str,
    #[prop(into)] words: Signal<String>,
    #[prop(into)] busy: Signal<bool>,
    #[prop(optional, into)] disabled: Signal<bool>,
    /// The field that the button itself sends.
    #[prop(optional)]
    name: Option<&'static str>,
    #[prop(optional)] value: Option<&'static str>,
) -> impl IntoView {
    let icon_name = Signal::derive(move || if busy.get() { "progressing" } else { icon });
    let icon_class = Signal::derive(move || if busy.get() { "turn" } else { "" });
    view! {
        <button
            type="submit"
            class=class
            name=name
            value=value
            disabled=move || disabled.get() || busy.get()
            aria-busy=move || busy.get().then_some("true")
        >
            <Icon name=icon_name class=icon_class/>
            {move || if busy.get() { "Sending…".to_owned() } else { words.get() }}
        </button>
    }
}
