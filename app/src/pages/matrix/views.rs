//! Saved views: queries of the matrix that a person keeps, as links; and the plain forms that keep and forget them.

use leptos::{prelude::*, server_fn::ServerFn};
use model::apps::{ListApps, Matrix, SavedView};

use crate::{
    api::{DeleteView, SaveView},
    pages::Shelf,
    routes,
    ui::icon::Icon,
};

/// What can be done with views. Their forms are plain ones, so that the page is loaded with what came of them.
#[derive(Clone, Copy)]
pub(super) struct ViewActs {
    pub(super) save: ServerAction<SaveView>,
    pub(super) delete: ServerAction<DeleteView>,
}

impl ViewActs {
    /// Makes the acts; what was refused comes back by the URL.
    pub(super) fn new() -> Self {
        Self { save: ServerAction::new(), delete: ServerAction::new() }
    }
}

/// The views, and the forms.
#[component]
pub(super) fn ViewLinks(shelf: Shelf<Matrix>, query: Memo<ListApps>) -> impl IntoView {
    let views = shelf.part(|it| it.views.clone());
    let here = Memo::new(move |_| query.with(kept));
    let current = move |kept: &ListApps| here.with(|here| here == kept).then_some("true");
    let links = move || {
        views
            .get()
            .into_iter()
            .map(|view| {
                let href = routes::matrix(&view.query);
                let kept = kept(&view.query);
                view! { <a href=href aria-current=move || current(&kept)>{view.name}</a> }
            })
            .collect_view()
    };
    view! {
        <div class="relative flex min-w-0 items-center gap-2 max-md:w-full md:ml-auto">
            <nav class="seg min-w-0 overflow-x-auto *:whitespace-nowrap" aria-label="Saved views">
                <a href=routes::MATRIX aria-current=move || current(&ListApps::default())>"All apps"</a>
                {links}
            </nav>
            <details class="chip-menu md:relative" name="chip-menus">
                <summary class="btn btn-icon" aria-label="Save or delete a view" title="Save or delete a view">
                    <Icon name="bookmark"/>
                </summary>
                <div class="pop absolute inset-x-0 z-30 mt-1 p-3 md:left-auto md:w-72">
                    <SaveForm here/>
                    {move || view! { <Kept views=views.get()/> }}
                </div>
            </details>
        </div>
    }
}

/// The form that keeps what the page shows.
#[component]
fn SaveForm(here: Memo<ListApps>) -> impl IntoView {
    let query = move || here.with(|here| serde_json::to_string(here).unwrap_or_default());
    view! {
        <form method="post" action=SaveView::url() class="field">
            <label for="view-name">"Save this view as"</label>
            <input type="hidden" name="query" value=query/>
            <span class="flex gap-2">
                <input
                    id="view-name"
                    class="input"
                    type="text"
                    name="name"
                    required
                    maxlength="60"
                    autocomplete="off"
                    aria-describedby="view-hint"
                />
                <button type="submit" class="btn">"Save the view"</button>
            </span>
            <p id="view-hint" class="hint">"Yours alone. One of that name is replaced."</p>
        </form>
    }
}

/// The views that are kept, each with the form that forgets it.
#[component]
fn Kept(views: Vec<SavedView>) -> impl IntoView {
    let rows = views
        .into_iter()
        .map(|view| {
            view! {
                <li>
                    <form method="post" action=DeleteView::url() class="flex items-center gap-2">
                        <input type="hidden" name="name" value=view.name.clone()/>
                        <span class="min-w-0 flex-1 truncate" title=view.name.clone()>{view.name.clone()}</span>
                        <button type="submit" class="btn btn-ghost btn-sm" aria-label=format!("Delete the view {}", view.name)>
                            <Icon name="trash"/>
                            "Delete"
                        </button>
                    </form>
                </li>
            }
        })
        .collect_view();
    view! { <ul class="mt-2 grid gap-1 border-t border-line pt-2 text-small empty:hidden">{rows}</ul> }
}

/// Returns the part of a query that a view keeps: all but the page.
fn kept(query: &ListApps) -> ListApps {
    ListApps { page: 0, ..query.clone() }
}
