//! The text filter of a list: a plain form, which follows the typing where there is JavaScript.

use std::time::Duration;

use leptos::{ev::SubmitEvent, html, leptos_dom::helpers::debounce, prelude::*};

use super::{icon::Icon, shell::FILTER_FIELD};

/// How long typing rests before the list follows.
const TYPING: Duration = Duration::from_millis(250);

/// The form that all filters of a page belong to, wherever they stand, with the field of its text.
#[component]
pub(crate) fn SearchForm<Go>(
    /// The id that other fields name as their form.
    id: &'static str,
    label: &'static str,
    /// The page that the form asks for.
    action: &'static str,
    placeholder: &'static str,
    /// The text that the URL asks for.
    q: Memo<String>,
    /// How many match, in words.
    #[prop(into)]
    count: Signal<String>,
    /// The parts of the query that a filter leaves as they are.
    #[prop(into)]
    kept: Signal<Vec<(&'static str, String)>>,
    /// Goes to the list that has the text; whether in the place of this page in the browser's history.
    go: Go,
    /// What stands behind the button.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView
where
    Go: Fn(String, bool) + Clone + Send + 'static,
{
    let field = NodeRef::<html::Input>::new();
    let searched = StoredValue::new(q.get_untracked());
    // What was typed stays; what came by a link or by going back is put into the field.
    Effect::new(move |_| {
        let q = q.get();
        if let Some(field) = field.get().filter(|_| searched.get_value() != q) {
            field.set_value(&q);
            searched.set_value(q);
        }
    });
    let search = move |text: String, replace: bool| {
        let text = text.trim().to_owned();
        searched.set_value(text.clone());
        if q.with_untracked(|q| *q != text) {
            go(text, replace);
        }
    };
    let mut typed = debounce(TYPING, {
        let search = search.clone();
        move |text: String| search(text, true)
    });
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if let Some(field) = field.get() {
            search(field.value(), false);
        }
    };
    let kept = move || {
        kept.get()
            .into_iter()
            .map(|(key, value)| view! { <input type="hidden" name=key value=value/> })
            .collect_view()
    };
    view! {
        <form id=id role="search" aria-label=label method="get" action=action class="mb-3 flex gap-2" on:submit=submit>
            <div class="search min-w-0 flex-1">
                <Icon name="search"/>
                <input
                    id=FILTER_FIELD
                    class="input h-9"
                    type="search"
                    name="q"
                    aria-label=format!("Search {label}")
                    aria-keyshortcuts="/"
                    placeholder=placeholder
                    autocomplete="off"
                    spellcheck="false"
                    node_ref=field
                    value=q.get_untracked()
                    on:input:target=move |event| typed(event.target().value())
                />
                <span class="pointer-events-none absolute right-3 hidden items-center gap-1.5 text-small text-mute md:flex">
                    {count}
                    <kbd class="kbd">"/"</kbd>
                </span>
            </div>
            {kept}
            <button type="submit" class="btn h-9">"Show"</button>
            {children.map(|children| children())}
        </form>
    }
}
