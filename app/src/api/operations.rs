//! Acting on Applications. The arguments of what is posted are flat, so that plain forms can send them.

use leptos::{prelude::*, server_fn::codec::GetUrl};
use model::{
    AppResult,
    application::ApplicationId,
    operation::{Outcome, RefreshKind, SyncPreview},
};

#[cfg(feature = "ssr")]
use super::server::{actor, answer, backend};

/// Tells what a sync would do.
#[server(prefix = "/fn", endpoint = "preview_sync", input = GetUrl)]
pub async fn preview_sync(id: ApplicationId) -> AppResult<SyncPreview> {
    answer(backend()?.preview_sync(&actor().await?, id).await)
}

/// Syncs an Application, then leads to its page, away from the form.
#[server(prefix = "/fn", endpoint = "sync_application")]
pub async fn sync_application(
    control_plane: String,
    namespace: String,
    name: String,
    #[server(default)] resources: Vec<String>,
    #[server(default)] prune: bool,
    #[server(default)] dry_run: bool,
    #[server(default)] typed_environment: String,
) -> AppResult<Outcome> {
    let id = ApplicationId { control_plane, namespace, name };
    let page = crate::routes::application(&id);
    let request = model::operation::SyncApplication { id, resources, prune, dry_run, typed_environment };
    let outcome = answer(backend()?.sync_application(&actor().await?, request).await)?;
    leptos_axum::redirect(&page);
    Ok(outcome)
}

/// Compares an Application with Git again.
#[server(prefix = "/fn", endpoint = "refresh_application")]
pub async fn refresh_application(
    control_plane: String,
    namespace: String,
    name: String,
    #[server(default)] kind: RefreshKind,
) -> AppResult<Outcome> {
    let id = ApplicationId { control_plane, namespace, name };
    answer(backend()?.refresh_application(&actor().await?, id, kind).await)
}

/// Ends the running operation of an Application.
#[server(prefix = "/fn", endpoint = "terminate_operation")]
pub async fn terminate_operation(
    control_plane: String,
    namespace: String,
    name: String,
) -> AppResult<Outcome> {
    let id = ApplicationId { control_plane, namespace, name };
    answer(backend()?.terminate_operation(&actor().await?, id).await)
}
