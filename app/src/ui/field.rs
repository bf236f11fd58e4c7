//! Fields of forms, each with what it is for, or with what is wrong, beside it.

use leptos::prelude::*;
use model::AppError;

use super::icon::Icon;

/// What was wrong with the form that was sent last.
pub(crate) type FormError = Signal<Option<AppError>>;

/// Returns the error of a form, unless it is about one of its `fields`, where it is read beside the field.
pub(crate) fn beyond_fields(error: FormError, fields: &'static [&'static str]) -> FormError {
    Signal::derive(move || {
        error.get().filter(|error| !fields.iter().any(|field| complaint(error, field).is_some()))
    })
}

/// Returns whether the error of a form is about one of `fields`.
pub(crate) fn is_about(error: Option<&AppError>, fields: &[&str]) -> bool {
    error.is_some_and(|error| fields.iter().any(|field| complaint(error, field).is_some()))
}

/// A field that is typed into.
#[component]
pub(crate) fn TextField(
    /// Its id, unique on the page; that of its hint ends in `-hint`.
    id: &'static str,
    name: &'static str,
    label: &'static str,
    error: FormError,
    #[prop(default = "text")] kind: &'static str,
    /// What it begins with; it does not replace what was typed.
    #[prop(optional, into)]
    value: Signal<String>,
    /// What it is for; empty where the label says it.
    #[prop(optional)]
    hint: &'static str,
    #[prop(optional)] placeholder: &'static str,
    #[prop(optional)] required: bool,
    /// Whether a machine reads it: an expression, a slug.
    #[prop(optional)]
    is_code: bool,
) -> impl IntoView {
    let wrong = wrong_with(error, name);
    let class = if is_code { "input font-mono" } else { "input" };
    let is_noted = move || wrong.with(Option::is_some) || !hint.is_empty();
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <input
                type=kind
                id=id
                class=class
                name=name
                value=value
                placeholder=(!placeholder.is_empty()).then_some(placeholder)
                autocomplete="off"
                spellcheck=is_code.then_some("false")
                autocapitalize=is_code.then_some("none")
                maxlength=(kind == "text").then_some("500")
                required=required
                aria-invalid=move || wrong.with(Option::is_some).then_some("true")
                aria-describedby=move || is_noted().then(|| format!("{id}-hint"))
            />
            <FieldNote id wrong hint/>
        </div>
    }
}

/// A field that offers a choice.
#[component]
pub(crate) fn SelectField(
    id: &'static str,
    name: &'static str,
    label: &'static str,
    error: FormError,
    #[prop(optional)] hint: &'static str,
    /// Its options.
    children: Children,
) -> impl IntoView {
    let wrong = wrong_with(error, name);
    let is_noted = move || wrong.with(Option::is_some) || !hint.is_empty();
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <select
                id=id
                class="input"
                name=name
                aria-invalid=move || wrong.with(Option::is_some).then_some("true")
                aria-describedby=move || is_noted().then(|| format!("{id}-hint"))
            >
                {children()}
            </select>
            <FieldNote id wrong hint/>
        </div>
    }
}

#[component]
fn FieldNote(id: &'static str, wrong: Memo<Option<String>>, hint: &'static str) -> impl IntoView {
    move || match wrong.get() {
        Some(why) => view! {
            <p class="err" id=format!("{id}-hint") role="alert">
                <Icon name="warn" class="icon-sm mt-0.5"/>
                <span class="min-w-0 wrap-anywhere">{why}</span>
            </p>
        }
        .into_any(),
        None if hint.is_empty() => ().into_any(),
        None => view! { <p class="hint" id=format!("{id}-hint")>{hint}</p> }.into_any(),
    }
}

fn wrong_with(error: FormError, field: &'static str) -> Memo<Option<String>> {
    Memo::new(move |_| error.with(|error| error.as_ref().and_then(|error| complaint(error, field))))
}

/// Returns what is wrong with a field, as a sentence; none where the error is about something else.
fn complaint(error: &AppError, field: &str) -> Option<String> {
    match error {
        AppError::Invalid { field: about, why } if about.eq_ignore_ascii_case(field) => {
            let mut letters = why.trim().chars();
            let first = letters.next()?;
            let end = if why.trim_end().ends_with('.') { "" } else { "." };
            Some(format!("{}{}{end}", first.to_uppercase(), letters.as_str()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use model::AppError;

    use super::complaint;

    #[test]
    fn a_complaint_is_a_sentence_at_its_field() {
        let invalid = |field: &str, why: &str| AppError::Invalid { field: field.into(), why: why.into() };
        let at = |error: &AppError| complaint(error, "until");
        assert_eq!(at(&invalid("until", "it is over")), Some("It is over.".into()));
        assert_eq!(at(&invalid("Until", "It is over.")), Some("It is over.".into()));
        assert_eq!(at(&invalid("from", "it is over")), None);
        assert_eq!(at(&AppError::Unauthenticated), None);
    }
}
