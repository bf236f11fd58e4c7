//! The frame around all pages but the sign-in: sidebar, top bar, bottom bar. It shows only what exists.

use leptos::{
    ev::{self, KeyboardEvent},
    prelude::*,
    web_sys::{HtmlElement, HtmlInputElement},
};
use leptos_router::{components::Outlet, hooks::use_location};
use model::overview::Navigation;
use wasm_bindgen::JsCast;

use super::{icon::Icon, theme::ThemeButton};
use crate::{
    api::get_navigation,
    live::{Link, use_live},
    routes,
};

/// The id of the field that the key `/` leads to.
pub(crate) const FILTER_FIELD: &str = "filter";

/// From how many seconds of silence on the page says so over all that it shows.
const SILENCE: u32 = 12;

/// A step of the breadcrumb: its words, and its link where it is not the page itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Crumb {
    pub(crate) words: String,
    pub(crate) href: Option<String>,
}

impl Crumb {
    /// Returns a step that leads to `href`.
    pub(crate) fn link(words: impl Into<String>, href: impl Into<String>) -> Self {
        Self { words: words.into(), href: Some(href.into()) }
    }

    /// Returns the page itself.
    pub(crate) fn here(words: impl Into<String>) -> Self {
        Self { words: words.into(), href: None }
    }
}

/// The frame with the page that the router chose.
#[component]
pub(crate) fn Shell() -> impl IntoView {
    view! {
        <Frame>
            <Outlet/>
        </Frame>
    }
}

/// The frame around a page.
#[component]
pub(crate) fn Frame(children: Children) -> impl IntoView {
    let location = use_location();
    let path = location.pathname;
    let navigation = Resource::new_blocking(
        move || path.get(),
        |_| async move { get_navigation().await.unwrap_or_default() },
    );
    let glass = move || {
        navigation.get().filter(|navigation| navigation.breaks_glass).map(|_| view! { <GlassBanner/> })
    };
    Effect::new(|_| {
        let _ = window_event_listener(ev::keydown, focus_filter);
    });
    view! {
        <a class="skip" href="#main">"Skip to content"</a>
        <div class="shell">
            <Transition>
                {move || navigation.get().map(|navigation| view! { <Sidebar navigation path/> })}
            </Transition>
            <div class="min-w-0">
                <Transition>{glass}</Transition>
                {children()}
            </div>
        </div>
        <nav class="tabbar" aria-label="Main, short">
            <Place href=routes::OVERVIEW icon="gauge" words="Overview" path/>
            <Place href=routes::MATRIX icon="grid" words="Matrix" path/>
            <Place href=routes::CHANGES icon="promote" words="Changes" path/>
            <Place href=routes::CLUSTERS icon="cluster" words="Clusters" path/>
            <Place href=routes::MENU icon="menu" words="More" path/>
        </nav>
    }
}

/// Tells the local administrator, on every page, that this is no everyday sign-in.
#[component]
fn GlassBanner() -> impl IntoView {
    view! {
        <section class="banner text-drift" role="status" aria-label="Break-glass">
            <Icon name="warn"/>
            <div class="txt">
                <b>"You broke glass."</b>
                " The local administrator stands above all policies; everything you do is on the record as theirs. Sign out when it is mended."
            </div>
        </section>
    }
}

/// The bar over a page: where it is, how live it is, and the theme.
#[component]
pub(crate) fn TopBar(
    #[prop(into)] crumbs: Signal<Vec<Crumb>>,
    /// Whether the page can write to a protected environment.
    #[prop(optional, into)]
    protected: Signal<bool>,
    /// Whether nothing on the page ever changes.
    #[prop(optional)]
    still: bool,
) -> impl IntoView {
    let steps = move || {
        let steps = crumbs.get().into_iter().enumerate();
        steps
            .map(|(place, crumb)| {
                let arrow = (place > 0).then(|| view! { <Icon name="right" class="icon-sm"/> });
                let step = match crumb.href {
                    Some(href) => view! { <a href=href>{crumb.words}</a> }.into_any(),
                    None => view! { <span aria-current="page">{crumb.words}</span> }.into_any(),
                };
                view! {
                    {arrow}
                    {step}
                }
            })
            .collect_view()
    };
    view! {
        <header class=move || if protected.get() { "top top-prod" } else { "top" }>
            <span class="md:hidden">
                <Icon name="mark" class="icon-lg"/>
            </span>
            <nav class="crumbs" aria-label="Breadcrumb">
                {steps}
            </nav>
            <span class="ml-auto flex">{(!still).then(|| view! { <LinkState/> })}</span>
            <span class="hidden md:block">
                <ThemeButton/>
            </span>
        </header>
        <LinkBanners/>
    }
}

#[component]
fn Sidebar(navigation: Navigation, #[prop(into)] path: Signal<String>) -> impl IntoView {
    let initials: String = navigation.actor.chars().take(2).flat_map(char::to_uppercase).collect();
    let name = navigation.actor.clone();
    view! {
        <nav class="side" aria-label="Main">
            <div class="side-brand">
                <Icon name="mark" class="icon-lg"/>
                "Quarterdeck"
            </div>
            <SideLink href=routes::OVERVIEW icon="gauge" words="Overview" path/>
            <SideLink href=routes::MATRIX icon="grid" words="Matrix" path/>
            <SideLink href=routes::APPLICATIONS icon="layers" words="Applications" path>
                <span class="side-count">{navigation.applications}</span>
            </SideLink>
            <SideLink href=routes::CHANGES icon="promote" words="Changes" path>
                <SideCount class="side-count" count=navigation.changes words="open"/>
            </SideLink>
            <SideLink href=routes::CLUSTERS icon="cluster" words="Clusters" path>
                <SideCount class="side-count is-bad" count=navigation.unreachable_clusters words="unreachable"/>
            </SideLink>
            <SideLink href=routes::REPOSITORIES icon="branch" words="Repositories" path/>
            <p class="side-group">"Govern"</p>
            <SideLink href=routes::WAITING icon="check" words="Waiting for you" path>
                <SideCount class="side-count is-you" count=navigation.waiting words="to decide"/>
            </SideLink>
            <SideLink href=routes::FREEZES icon="frozen" words="Freezes and holds" path>
                <SideCount class="side-count" count=navigation.gates words="in force"/>
            </SideLink>
            {navigation
                .may_read_record
                .then(|| view! { <SideLink href=routes::AUDIT icon="doc" words="Audit" path/> })}
            <SideLink href=routes::PERMISSIONS icon="shield" words="Permissions" path/>
            <SideLink href=routes::SESSIONS icon="user" words="Settings" path/>
            <div class="mt-auto flex items-center gap-2 border-t border-line px-2 pt-3">
                <span
                    class="flex size-6 items-center justify-center rounded-full bg-raised text-micro font-semibold ring-1 ring-edge"
                    aria-hidden="true"
                >
                    {initials}
                </span>
                <span class="min-w-0 flex-1 truncate font-medium" title=name.clone()>{name.clone()}</span>
                <SignOut class="btn btn-ghost btn-sm"/>
            </div>
        </nav>
    }
}

/// How many there are behind a link, with the word for those who point at it or cannot see it; none says nothing.
#[component]
fn SideCount(class: &'static str, count: u32, words: &'static str) -> impl IntoView {
    (count > 0).then(|| {
        view! {
            <span class=class title=format!("{count} {words}")>
                {count}
                <span class="sr-only">" " {words}</span>
            </span>
        }
    })
}

/// Returns the path of the page with its query.
pub(crate) fn use_path() -> Signal<String> {
    let location = use_location();
    Signal::derive(move || {
        let search = location.search.get();
        let search = search.trim_start_matches('?');
        let path = location.pathname.get();
        if search.is_empty() { path } else { format!("{path}?{search}") }
    })
}

/// The form that signs out.
#[component]
pub(crate) fn SignOut(class: &'static str) -> impl IntoView {
    view! {
        <form method="post" action=routes::SIGN_OUT>
            <button type="submit" class=class>"Sign out"</button>
        </form>
    }
}

#[component]
fn SideLink(
    href: &'static str,
    icon: &'static str,
    words: &'static str,
    #[prop(into)] path: Signal<String>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <a class="side-link" href=href aria-current=move || is_here(&path.get(), href).then_some("page")>
            <Icon name=icon/>
            {words}
            {children.map(|children| children())}
        </a>
    }
}

#[component]
fn Place(
    href: &'static str,
    icon: &'static str,
    words: &'static str,
    #[prop(into)] path: Signal<String>,
) -> impl IntoView {
    view! {
        <a href=href aria-current=move || is_here(&path.get(), href).then_some("page")>
            <Icon name=icon/>
            {words}
        </a>
    }
}

/// How live the page is, in a word.
#[component]
fn LinkState() -> impl IntoView {
    let link = move || use_live().map(|live| live.link.get()).unwrap_or_default();
    let state = Memo::new(move |_| match link() {
        Link::Loaded => ("stale", "icon-sm", "As loaded".to_owned(), "Reload to see what changed"),
        Link::Live => ("pulse", "icon-sm text-healthy", "Live".to_owned(), "Changes appear by themselves"),
        Link::Stale { seconds } => (
            "stale",
            "icon-sm",
            format!("Stale {}", silence(seconds)),
            "The stream broke; it is being opened again",
        ),
        Link::SignedOut => ("stale", "icon-sm", "Signed out".to_owned(), "The session ended"),
    });
    view! {
        <span class="live" title=move || state.get().3>
            <Icon name=Signal::derive(move || state.get().0) class=Signal::derive(move || state.get().1)/>
            <span>{move || state.get().2}</span>
        </span>
    }
}

/// Tells that nothing came for long, that the session ended, or that another build runs.
#[component]
fn LinkBanners() -> impl IntoView {
    let live = use_live();
    let path = use_path();
    let outdated = move || live.is_some_and(|live| live.outdated.get());
    let signed_out = Memo::new(move |_| live.is_some_and(|live| live.link.get() == Link::SignedOut));
    let silent = Memo::new(move |_| match live.map(|live| live.link.get()) {
        Some(Link::Stale { seconds }) if seconds > SILENCE => Some(seconds),
        _ => None,
    });
    let is_silent = Memo::new(move |_| silent.get().is_some());
    view! {
        {move || {
            is_silent
                .get()
                .then(|| {
                    view! {
                        <section class="banner text-stale" role="status" aria-label="Not live">
                            <Icon name="stale"/>
                            <div class="txt">
                                <b>"Quarterdeck has not been heard of for " {move || silent.get().map(silence)} "."</b>
                                " What is shown was true then, and may have changed. The page catches up by itself."
                            </div>
                        </section>
                    }
                })
        }}
        {move || {
            outdated()
                .then(|| {
                    view! {
                        <section class="banner text-accent" role="status" aria-label="New version">
                            <Icon name="info"/>
                            <div class="txt">
                                <b>"A new version runs."</b>
                                " This page is of the one before."
                            </div>
                            <a class="link" href=path rel="external">"Reload"</a>
                        </section>
                    }
                })
        }}
        {move || {
            signed_out
                .get()
                .then(|| {
                    view! {
                        <section class="banner text-degraded" role="alert" aria-label="Signed out">
                            <Icon name="shield"/>
                            <div class="txt">
                                <b>"Your session ended."</b>
                                " What is shown no longer changes."
                            </div>
                            <a class="link" href=move || routes::login(&path.get()) rel="external">
                                "Sign in again"
                            </a>
                        </section>
                    }
                })
        }}
    }
}

/// Leads the key `/` to the filter of the page, unless a field has the focus.
fn focus_filter(event: KeyboardEvent) {
    let typing = event
        .target()
        .and_then(|target| target.dyn_into::<HtmlElement>().ok())
        .is_some_and(|element| matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"));
    if event.key() != "/" || typing || event.ctrl_key() || event.meta_key() || event.alt_key() {
        return;
    }
    let field =
        document().get_element_by_id(FILTER_FIELD).and_then(|it| it.dyn_into::<HtmlInputElement>().ok());
    if let Some(field) = field {
        event.prevent_default();
        let _ = field.focus();
        field.select();
    }
}

fn is_here(path: &str, href: &str) -> bool {
    if href == routes::OVERVIEW {
        path == href
    } else {
        let under = |href: &str| path == href || path.starts_with(&format!("{href}/"));
        under(href) || (href == routes::MATRIX && under(routes::APPS))
    }
}

fn silence(seconds: u32) -> String {
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min", seconds / 60) }
}
