//! Freezes and holds: what people put in the way of changes; and Argo CD's sync windows, which are only read here.

mod create;
mod frozen;
mod held;
mod place;
mod windows;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::{
    apps::CellId,
    gate::{Freeze, GateList},
    view::View,
};

use self::{
    create::CreateForm, frozen::FreezesCard, held::HoldsCard, place::PlaceForm, windows::WindowsCard,
};
use super::{Shelf, live_page, overview::counted};
use crate::{
    api::{CreateFreeze, EndFreeze, PlaceHold, ReleaseHold, list_gates},
    routes,
    ui::{
        icon::Icon,
        notice::{ErrorNote, error_of},
        shell::{Crumb, TopBar},
        toast::tell,
    },
};

/// What can be done on the page.
#[derive(Clone, Copy)]
struct Acts {
    create: ServerAction<CreateFreeze>,
    end: ServerAction<EndFreeze>,
    place: ServerAction<PlaceHold>,
    release: ServerAction<ReleaseHold>,
}

/// The page of freezes and holds.
#[component]
pub(crate) fn FreezesPage() -> impl IntoView {
    let acts = Acts {
        create: ServerAction::new(),
        end: ServerAction::new(),
        place: ServerAction::new(),
        release: ServerAction::new(),
    };
    tell(acts.create.value());
    tell(acts.end.value());
    tell(acts.place.value());
    tell(acts.release.value());
    // What another page asks to hold.
    let query = use_query_map();
    let wanted = Memo::new(move |_| {
        query.with(|query| {
            let last = |key: &str| query.get(key).unwrap_or_default();
            CellId { app: last("hold"), environment: last("environment") }
        })
    });
    live_page(|| View::Gates, crumbs, |_| list_gates(), move |shelf| draw(shelf, acts, wanted))
}

fn crumbs() -> Vec<Crumb> {
    vec![Crumb::link("Govern", routes::WAITING), Crumb::here("Freezes and holds")]
}

fn draw(shelf: Shelf<GateList>, acts: Acts, wanted: Memo<CellId>) -> AnyView {
    let may_freeze = shelf.part(|it| it.freeze_denied.is_none());
    view! {
        <Title text="Freezes and holds"/>
        <TopBar crumbs=Signal::derive(crumbs)/>
        <main id="main" class="main" tabindex="-1">
            <div class="page-head">
                <div>
                    <h1>"Freezes and holds"</h1>
                    <p class="page-sub">{move || shelf.data.with(summary)}</p>
                </div>
                <div class="btn-row md:ml-auto">
                    <a class="btn" href="#hold" rel="external">
                        <Icon name="held"/>
                        "Place a hold…"
                    </a>
                    {move || {
                        may_freeze
                            .get()
                            .then(|| {
                                view! {
                                    <a class="btn btn-primary" href="#create" rel="external">
                                        <Icon name="frozen"/>
                                        "Create a freeze…"
                                    </a>
                                }
                            })
                    }}
                </div>
            </div>
            <ErrorNote what="The freeze was not ended" error=error_of(acts.end.value())/>
            <ErrorNote what="The hold was not released" error=error_of(acts.release.value())/>
            <div class="grid grid-cols-1 items-start gap-4 xl:grid-cols-[minmax(0,1fr)_22rem]">
                <div class="grid min-w-0 grid-cols-1 gap-4">
                    <FreezesCard shelf end=acts.end/>
                    <HoldsCard shelf release=acts.release/>
                    <WindowsCard shelf/>
                </div>
                <div class="grid min-w-0 grid-cols-1 items-start gap-4 md:grid-cols-2 xl:grid-cols-1">
                    <CreateForm shelf create=acts.create/>
                    <PlaceForm shelf place=acts.place wanted/>
                </div>
            </div>
        </main>
    }
    .into_any()
}

fn summary(list: &GateList) -> String {
    let (now, planned) = now_and_planned(&list.freezes);
    format!(
        "{} now, {planned} planned, {}. A freeze stops an environment, a hold one app in it. Times are UTC.",
        counted(now, "freeze", "freezes"),
        counted(list.holds.len() as u32, "hold", "holds"),
    )
}

/// Counts the freezes that are now, and those to come.
fn now_and_planned(freezes: &[Freeze]) -> (u32, u32) {
    let now = freezes.iter().filter(|freeze| freeze.now.is_some()).count();
    (now as u32, (freezes.len() - now) as u32)
}

/// An act that asks first: what it means, and its button, behind the words that name it.
#[component]
fn AskFirst(
    icon: &'static str,
    words: &'static str,
    /// What it is done to, for those who cannot see the row.
    what: String,
    children: Children,
) -> impl IntoView {
    view! {
        <details>
            <summary class="btn btn-sm">
                <Icon name=icon/>
                {words}
                <span class="sr-only">{what}</span>
            </summary>
            <div class="mt-2 ml-auto grid w-56 justify-items-start gap-2 rounded-md border border-line bg-sunken px-3 py-2 text-left text-small whitespace-normal">
                {children()}
            </div>
        </details>
    }
}

/// The words of an act that may not be done, with the reason.
#[component]
fn Refused(icon: &'static str, words: &'static str, why: String) -> impl IntoView {
    view! {
        <button type="button" class="btn btn-sm" disabled title=why.clone()>
            <Icon name=icon/>
            {words}
        </button>
        <span class="mt-0.5 block max-w-40 text-small whitespace-normal text-mute">{why.clone()}</span>
    }
}
