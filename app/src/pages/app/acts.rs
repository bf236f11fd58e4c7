//! The next acts in an environment, as buttons; one that may not be done says why.

use leptos::prelude::*;
use model::{
    application::{ApplicationId, ApplicationRow},
    apps::{Act, ActKind, AppEnvironment, CellId},
};

use crate::{
    api::RefreshApplication,
    routes,
    ui::{
        act::{RefreshChoices, SyncChoices, act_href, act_icon, act_words},
        form::{IdFields, SubmitButton},
        icon::Icon,
    },
};

/// The acts at the foot of an environment's card.
#[component]
pub(super) fn ActButtons(
    #[prop(into)] id: Signal<CellId>,
    state: Memo<AppEnvironment>,
    /// Whether its first promotion is the button of the page.
    is_primary: Memo<bool>,
    refresh: ServerAction<RefreshApplication>,
) -> impl IntoView {
    let acts = Memo::new(move |_| state.with(|it| it.acts.clone()));
    let ids = Memo::new(move |_| state.with(|it| it.applications.clone()));
    let can_hold =
        Memo::new(move |_| state.with(|it| it.cell.as_ref().is_some_and(|cell| cell.held.is_none())));
    move || {
        let acts = acts.get();
        let hold = can_hold.get().then(|| {
            view! {
                <a class="btn btn-ghost" href=routes::place_hold(&id.get())>
                    <Icon name="held"/>
                    "Place a hold…"
                </a>
            }
        });
        (!acts.is_empty() || hold.is_some()).then(|| {
            let buttons = acts
                .into_iter()
                .map(|act| {
                    let primary = is_primary.get() && act.kind == ActKind::Promote;
                    button(&id.get(), act, &ids.get(), primary, refresh)
                })
                .collect_view();
            view! { <div class="btn-row border-t border-line px-3.5 py-2.5">{buttons} {hold}</div> }
        })
    }
}

fn button(
    id: &CellId,
    act: Act,
    applications: &[ApplicationRow],
    primary: bool,
    refresh: ServerAction<RefreshApplication>,
) -> AnyView {
    let (icon, words) = (act_icon(act.kind), act_words(&act));
    if let Some(why) = act.denied {
        return view! {
            <span class="inline-flex flex-wrap items-center gap-x-2 gap-y-1">
                <button type="button" class="btn" disabled title=why.clone()>
                    <Icon name=icon/>
                    {words}
                </button>
                <span class="text-small text-mute wrap-anywhere">{why}</span>
            </span>
        }
        .into_any();
    }
    if let Some(href) = act_href(id, &act, applications) {
        let class = if primary { "btn btn-primary" } else { "btn" };
        return view! {
            <a class=class href=href>
                <Icon name=icon/>
                {words}
            </a>
        }
        .into_any();
    }
    let mut ids: Vec<ApplicationId> = applications.iter().map(|row| row.id.clone()).collect();
    match act.kind {
        ActKind::Refresh if ids.len() == 1 => {
            let busy = refresh.pending();
            let id = ids.remove(0);
            view! {
                <ActionForm action=refresh>
                    <IdFields id/>
                    <SubmitButton class="btn" icon="refresh" words busy name="kind" value="normal"/>
                </ActionForm>
            }
            .into_any()
        }
        ActKind::Refresh => view! {
            <Menu icon words>
                <RefreshChoices ids refresh/>
            </Menu>
        }
        .into_any(),
        _ => view! {
            <Menu icon words>
                <SyncChoices ids/>
            </Menu>
        }
        .into_any(),
    }
}

/// An act of which one of several Applications is chosen.
#[component]
fn Menu(icon: &'static str, words: String, children: Children) -> impl IntoView {
    view! {
        <details class="relative">
            <summary class="btn">
                <Icon name=icon/>
                {words}
                <Icon name="down" class="icon-sm"/>
            </summary>
            <ul class="mt-1 w-64 max-w-full rounded-lg border border-line bg-raised p-1">{children()}</ul>
        </details>
    }
}
