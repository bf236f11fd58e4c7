//! The form of a sync: what differs, what a prune would delete, what the windows say, and for a protected environment
//! its name to be typed.
//!
//! It is open while the URL says `?sync=1`: as a part of the page without JavaScript, else as a dialog over it.

use leptos::{html, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};
use model::{
    application::ApplicationId,
    operation::{ResourceRef, SyncPreview},
};

use super::{acts::Acts, facts::window_words};
use crate::{
    api::preview_sync,
    routes,
    ui::{
        confirm::{Asked, Filled, NoEnter, TypedEnvironmentField},
        dialog::Dialog,
        empty::Failure,
        form::{IdFields, SubmitButton},
        icon::Icon,
        notice::{ErrorNote, error_of},
    },
};

/// The dialog of a sync.
#[component]
pub(super) fn SyncDialog(#[prop(into)] id: Signal<ApplicationId>, acts: Acts) -> impl IntoView {
    let preview = Resource::new_blocking(move || id.get(), preview_sync);
    let close = {
        let navigate = use_navigate();
        move || {
            let options = NavigateOptions { scroll: false, ..Default::default() };
            navigate(&routes::application(&id.get_untracked()), options);
        }
    };
    let body = move || {
        preview.get().map(|preview| match preview {
            Ok(preview) => view! { <SyncForm id preview acts/> }.into_any(),
            Err(error) => {
                view! { <Failure error path=Signal::derive(move || routes::sync(&id.get()))/> }.into_any()
            }
        })
    };
    let protected = Memo::new(move |_| {
        preview.with(|preview| matches!(preview, Some(Ok(SyncPreview { typed_environment: Some(_), .. }))))
    });
    view! {
        <Dialog label="sync-head" protected on_close=close>
            <Transition fallback=|| view! { <p class="px-4 py-4 text-mute">"Asking what a sync would do…"</p> }>
                {move || protected.get().then(|| view! { <div class="prod-edge"></div> })}
                {body}
            </Transition>
        </Dialog>
    }
}

#[component]
fn SyncForm(#[prop(into)] id: Signal<ApplicationId>, preview: SyncPreview, acts: Acts) -> impl IntoView {
    let SyncPreview { typed_environment, cluster, out_of_sync, pruned, window, refused } = preview;
    let name = move || id.with(|id| id.name.clone());
    let filled = Filled::new();
    let safe = NodeRef::<html::A>::new();
    Effect::new(move |_| {
        if let Some(safe) = safe.get() {
            let _ = safe.focus();
        }
    });
    let asked = Asked { typed_environment: typed_environment.clone(), ..Asked::default() };
    let protected = typed_environment.is_some();
    let is_refused = refused.is_some();
    // Without JavaScript the button is enabled, and the server compares what was typed.
    let disabled = Signal::derive(move || is_refused || filled.missing(&asked).is_some());
    let busy = acts.sync.pending();
    let button = Signal::derive(move || format!("Sync {}", name()));
    view! {
        <ActionForm action=acts.sync>
            <NoEnter/>
            <IdFields id/>
            <div class="grid gap-3.5 px-4 py-4">
                <h2 id="sync-head" class="text-lead">
                    {move || format!("Sync {} on {cluster}?", name())}
                </h2>
                <ErrorNote what="The sync was refused" error=error_of(acts.sync.value())/>
                {refused
                    .map(|why| {
                        view! {
                            <div class="note text-degraded">
                                <Icon name="stop"/>
                                <div>
                                    <p class="font-semibold">"It would be refused now"</p>
                                    <p class="text-soft">{why}</p>
                                </div>
                            </div>
                        }
                    })}
                {window
                    .filter(|window| window.allowed || !is_refused)
                    .map(|window| {
                        let class = if window.allowed { "text-small text-mute" } else { "text-small text-frozen" };
                        view! { <p class=class>{window_words(window.allowed, &window.why)}</p> }
                    })}
                <Selection resources=out_of_sync/>
                <Pruning resources=pruned/>
                <label class="flex items-center gap-2">
                    <input type="checkbox" class="check" name="dry_run" value="true"/>
                    "Dry run: ask the cluster, change nothing"
                </label>
                {typed_environment
                    .map(|environment| {
                        view! {
                            <TypedEnvironmentField
                                environment
                                purpose="to sync this protected environment"
                                filled
                            />
                        }
                    })}
            </div>
            <div class="dialog-foot">
                <a node_ref=safe class="btn" href=move || routes::application(&id.get())>
                    "Leave it as it is"
                </a>
                <SubmitButton
                    class=if protected { "btn btn-prod" } else { "btn btn-primary" }
                    icon="sync"
                    words=button
                    busy
                    disabled
                />
            </div>
        </ActionForm>
    }
}

/// What differs from Git; ticked ones are synced alone.
#[component]
fn Selection(resources: Vec<ResourceRef>) -> impl IntoView {
    if resources.is_empty() {
        return view! { <p class="text-soft">"Nothing differs from Git. A sync applies everything again."</p> }.into_any();
    }
    let count = resources.len();
    let head = if count == 1 {
        "1 resource differs from Git".into()
    } else {
        format!("{count} resources differ from Git")
    };
    let rows = resources
        .into_iter()
        .map(|resource| {
            view! {
                <li>
                    <label class="flex items-center gap-2 px-3 py-1">
                        <input type="checkbox" class="check" name="resources[]" value=resource.key()/>
                        <span class="min-w-0 truncate font-mono text-small" title=resource.key()>
                            {words_of(&resource)}
                        </span>
                    </label>
                </li>
            }
        })
        .collect_view();
    view! {
        <fieldset>
            <legend class="label">{head}</legend>
            <ul class="mt-1 max-h-52 overflow-y-auto rounded-md border border-line bg-sunken py-1">{rows}</ul>
            <p class="hint mt-1">
                "With none ticked the whole Application is synced, its hooks included. Ticked ones are synced alone, without hooks."
            </p>
        </fieldset>
    }
    .into_any()
}

/// What a prune would delete, before it is done.
#[component]
fn Pruning(resources: Vec<ResourceRef>) -> impl IntoView {
    if resources.is_empty() {
        return view! { <p class="text-small text-mute">"Nothing would be deleted: all that is live is in Git."</p> }
            .into_any();
    }
    let count = resources.len();
    let rows = resources
        .iter()
        .map(|resource| view! { <li class="truncate">{words_of(resource)}</li> })
        .collect_view();
    let (head, label) = if count == 1 {
        ("1 resource is live and no longer in Git".to_owned(), "Prune: delete it".to_owned())
    } else {
        (format!("{count} resources are live and no longer in Git"), format!("Prune: delete these {count}"))
    };
    view! {
        <fieldset>
            <legend class="label">{head}</legend>
            <ul class="mt-1 max-h-40 overflow-y-auto rounded-md border border-degraded/50 bg-sunken px-3 py-2 font-mono text-small">
                {rows}
            </ul>
            <label class="mt-1.5 flex items-center gap-2">
                <input type="checkbox" class="check" name="prune" value="true"/>
                {label}
            </label>
        </fieldset>
    }
    .into_any()
}

fn words_of(resource: &ResourceRef) -> String {
    format!("{}/{}", resource.kind, resource.name)
}
