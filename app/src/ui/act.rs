//! What may be done with an app in an environment: the words, the icon, the key and the place of each act.

use leptos::prelude::*;
use model::{
    application::{ApplicationId, ApplicationRow},
    apps::{Act, ActKind, CellId},
};

use super::{
    form::{IdFields, SubmitButton},
    icon::Icon,
};
use crate::{api::RefreshApplication, routes};

/// Returns the act in words; those that ask first end in an ellipsis.
pub(crate) fn act_words(act: &Act) -> String {
    let to = act.to.as_deref().unwrap_or("the next environment");
    match act.kind {
        ActKind::Promote => format!("Promote to {to}…"),
        ActKind::Introduce => format!("Introduce to {to}…"),
        ActKind::RollBack => "Roll back…".into(),
        ActKind::Sync => "Sync…".into(),
        ActKind::Refresh => "Refresh".into(),
    }
}

/// Returns the name of the icon of an act.
pub(crate) fn act_icon(kind: ActKind) -> &'static str {
    match kind {
        ActKind::Promote | ActKind::Introduce => "promote",
        ActKind::RollBack => "rollback",
        ActKind::Sync => "sync",
        ActKind::Refresh => "refresh",
    }
}

/// Returns the key that does an act.
pub(crate) fn act_key(kind: ActKind) -> &'static str {
    match kind {
        ActKind::Promote | ActKind::Introduce => "p",
        ActKind::RollBack => "r",
        ActKind::Sync => "s",
        ActKind::Refresh => "f",
    }
}

/// Returns where an act begins, if that is one place: a sync of several Applications, and a refresh, have none.
pub(crate) fn act_href(id: &CellId, act: &Act, applications: &[ApplicationRow]) -> Option<String> {
    match (act.kind, applications) {
        (ActKind::Promote | ActKind::Introduce, _) => {
            let to = act.to.as_deref()?;
            Some(routes::promote(std::slice::from_ref(&id.app), &id.environment, to))
        }
        (ActKind::RollBack, _) => Some(routes::rollback(id)),
        (ActKind::Sync, [one]) => Some(routes::sync(&one.id)),
        (ActKind::Sync | ActKind::Refresh, _) => None,
    }
}

/// The Applications of which one is chosen to be synced, as links to their forms.
#[component]
pub(crate) fn SyncChoices(ids: Vec<ApplicationId>) -> impl IntoView {
    ids.into_iter()
        .map(|id| {
            view! {
                <li>
                    <a class="menu-item" href=routes::sync(&id)>
                        <Icon name="sync"/>
                        <span class="min-w-0 truncate">{format!("Sync {}…", id.name)}</span>
                    </a>
                </li>
            }
        })
        .collect_view()
}

/// The Applications of which one is chosen to be compared with Git again, as forms.
#[component]
pub(crate) fn RefreshChoices(
    ids: Vec<ApplicationId>,
    refresh: ServerAction<RefreshApplication>,
) -> impl IntoView {
    ids.into_iter()
        .map(|id| {
            let words = format!("Refresh {}", id.name);
            let busy = refresh.pending();
            view! {
                <li>
                    <ActionForm action=refresh>
                        <IdFields id/>
                        <SubmitButton class="menu-item" icon="refresh" words busy name="kind" value="normal"/>
                    </ActionForm>
                </li>
            }
        })
        .collect_view()
}
