//! What can be done: refresh, sync, terminate. Each is a plain form; what failed is told over the page.

use leptos::{html, prelude::*};
use model::{
    application::{ApplicationDetail, ApplicationId},
    apps::CellId,
    status::Environment,
};

use crate::{
    api::{RefreshApplication, SyncApplication, TerminateOperation},
    pages::Shelf,
    routes,
    ui::{
        form::{IdFields, SubmitButton},
        icon::Icon,
        notice::{ErrorNote, error_of},
        toast::tell,
    },
};

/// The acts of the page, with what came of them.
#[derive(Clone, Copy)]
pub(super) struct Acts {
    pub(super) sync: ServerAction<SyncApplication>,
    pub(super) refresh: ServerAction<RefreshApplication>,
    pub(super) terminate: ServerAction<TerminateOperation>,
}

impl Acts {
    /// Makes the acts, and tells what came of them.
    pub(super) fn new() -> Self {
        let acts =
            Self { sync: ServerAction::new(), refresh: ServerAction::new(), terminate: ServerAction::new() };
        tell(acts.sync.value());
        tell(acts.refresh.value());
        tell(acts.terminate.value());
        acts
    }
}

/// Returns why no act but a refresh is possible, where it is not.
pub(super) fn blocked(application: &ApplicationDetail) -> Option<String> {
    match &application.row.environment {
        Environment::Contradictory { .. } => Some("Its environment contradicts itself".into()),
        _ if application.row.deleting => Some("It is being deleted".into()),
        _ => application.sync_denied.clone(),
    }
}

/// The acts at the head of the page.
#[component]
pub(super) fn ActBar(shelf: Shelf<ApplicationDetail>, acts: Acts) -> impl IntoView {
    let id = shelf.part(|it| it.row.id.clone());
    let blocked = shelf.part(blocked);
    let sync = move || match blocked.get() {
        Some(why) => view! {
            <button type="button" class="btn" disabled title=why.clone()>
                <Icon name="sync"/>
                "Sync…"
            </button>
            <span class="text-small text-mute">{why}</span>
        }
        .into_any(),
        None => view! {
            <a class="btn btn-primary" href=move || routes::sync(&id.get())>
                <Icon name="sync"/>
                "Sync…"
            </a>
        }
        .into_any(),
    };
    let busy = acts.refresh.pending();
    let menu = NodeRef::<html::Details>::new();
    Effect::new(move |_| {
        if let Some(menu) = menu.get().filter(|_| busy.get()) {
            menu.set_open(false);
        }
    });
    view! {
        <div class="btn-row md:ml-auto">
            <ActionForm action=acts.refresh>
                <span class="btn-row gap-1">
                    <IdFields id/>
                    <SubmitButton class="btn" icon="refresh" words="Refresh" busy name="kind" value="normal"/>
                    <details node_ref=menu class="relative">
                        <summary class="btn btn-icon" aria-label="More ways to refresh">
                            <Icon name="down"/>
                        </summary>
                        <div class="pop menu absolute right-0 z-20 mt-1 w-64">
                            <button type="submit" class="menu-item" name="kind" value="hard">
                                <Icon name="refresh"/>
                                "Hard refresh"
                            </button>
                            <p class="px-2 pb-1 text-small text-mute">"Renders the manifests anew, without any cache."</p>
                        </div>
                    </details>
                </span>
            </ActionForm>
            <RollBack shelf/>
            {sync}
        </div>
    }
}

/// The way to the earlier states of its app in its environment.
#[component]
fn RollBack(shelf: Shelf<ApplicationDetail>) -> impl IntoView {
    let cell = shelf.part(|it| {
        let environment = it.row.environment.name()?.to_owned();
        Some(CellId { app: it.slug.clone(), environment })
    });
    move || {
        cell.get().map(|cell| {
            view! {
                <a class="btn" href=routes::rollback(&cell)>
                    <Icon name="rollback"/>
                    "Roll back…"
                </a>
            }
        })
    }
}

/// What went wrong with the acts whose forms have no place of their own.
#[component]
pub(super) fn ActErrors(acts: Acts) -> impl IntoView {
    view! {
        <ErrorNote what="The refresh was refused" error=error_of(acts.refresh.value())/>
        <ErrorNote what="The operation was not terminated" error=error_of(acts.terminate.value())/>
    }
}

/// The form that ends the running operation; it asks first.
#[component]
pub(super) fn TerminateForm(
    #[prop(into)] id: Signal<ApplicationId>,
    acts: Acts,
    #[prop(into)] blocked: Signal<Option<String>>,
) -> impl IntoView {
    let busy = acts.terminate.pending();
    view! {
        <details>
            <summary class="btn btn-sm btn-danger">
                <Icon name="stop"/>
                "Terminate operation…"
            </summary>
            <ActionForm action=acts.terminate>
                <IdFields id/>
                <p class="mt-2 text-small text-soft">
                    "Argo CD stops where it is. What was applied stays applied, and hooks that run are deleted."
                </p>
                <p class="btn-row mt-2">
                    <SubmitButton class="btn btn-sm btn-danger" icon="stop" words="Terminate the operation" busy disabled=Signal::derive(move || blocked.get().is_some())/>
                    <span class="text-small text-mute">{blocked}</span>
                </p>
            </ActionForm>
        </details>
    }
}
