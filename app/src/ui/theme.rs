//! Dark or light: by default as the system has it, else as the cookie `theme` says.
//!
//! The choice is posted, so that it works without JavaScript; with it, the page turns at once.

use leptos::{
    ev::MouseEvent,
    prelude::*,
    web_sys::{RequestInit, UrlSearchParams},
};

use super::icon::Icon;
use crate::routes;

/// A choice against the system's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Theme {
    Dark,
    Light,
}

impl Theme {
    /// Returns the word of the cookie and of `data-theme`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Dark, Self::Light].into_iter().find(|theme| theme.word() == word)
    }
}

/// Gives all components the theme as chosen.
pub(crate) fn provide_theme() {
    provide_context(RwSignal::new(chosen()));
}

/// Returns what the person chose, by the cookie of the request.
#[cfg(feature = "ssr")]
pub(crate) fn chosen() -> Option<Theme> {
    let parts = use_context::<axum::http::request::Parts>()?;
    let cookies = parts.headers.get_all(axum::http::header::COOKIE).into_iter();
    cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix("theme=").and_then(Theme::parse))
}

/// Returns what the person chose, by the document that the server rendered.
#[cfg(not(feature = "ssr"))]
pub(crate) fn chosen() -> Option<Theme> {
    Theme::parse(&document().document_element()?.get_attribute("data-theme")?)
}

/// The button that turns the theme over. Both ways are in the page, for the server does not know the system's choice.
#[component]
pub(crate) fn ThemeButton(
    /// Whether the words stand beside the icon.
    #[prop(optional)]
    wordy: bool,
) -> impl IntoView {
    let theme = use_context::<RwSignal<Option<Theme>>>().unwrap_or_else(|| RwSignal::new(None));
    let turn = move |to: Theme| {
        move |event: MouseEvent| {
            event.prevent_default();
            remember(to);
            theme.set(Some(to));
        }
    };
    let base = if wordy { "btn" } else { "btn btn-ghost btn-icon" };
    let words_class = if wordy { "" } else { "sr-only" };
    let dark = move || match theme.get() {
        Some(Theme::Light) => base.to_owned(),
        Some(Theme::Dark) => "hidden".to_owned(),
        None => format!("{base} dark:hidden"),
    };
    let light = move || match theme.get() {
        Some(Theme::Dark) => base.to_owned(),
        Some(Theme::Light) => "hidden".to_owned(),
        None => format!("{base} hidden dark:inline-flex"),
    };
    view! {
        <form method="post" action=routes::THEME>
            <button type="submit" name="theme" value="dark" class=dark on:click=turn(Theme::Dark)>
                <Icon name="theme"/>
                <span class=words_class>"Switch to dark"</span>
            </button>
            <button type="submit" name="theme" value="light" class=light on:click=turn(Theme::Light)>
                <Icon name="theme"/>
                <span class=words_class>"Switch to light"</span>
            </button>
        </form>
    }
}

/// Turns the document, and has the server remember the choice. If that fails, the choice lasts as long as the page.
fn remember(theme: Theme) {
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("data-theme", theme.word());
    }
    let Ok(form) = UrlSearchParams::new() else { return };
    form.append("theme", theme.word());
    let request = RequestInit::new();
    request.set_method("POST");
    request.set_body(&form);
    let _ = window().fetch_with_str_and_init(routes::THEME, &request);
}
