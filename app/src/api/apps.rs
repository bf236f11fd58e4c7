//! Apps over their environments, and the repositories that they come from.

use leptos::{prelude::*, server_fn::codec::GetUrl};
#[cfg(feature = "ssr")]
use model::{AppError, apps::CellId};
use model::{
    AppResult,
    apps::{AppDetail, CellDetail, Comparison, ListApps, Matrix},
    operation::Outcome,
    repository::RepositoryList,
};

#[cfg(feature = "ssr")]
use super::server::{actor, answer, backend, fail};

/// Returns one page of the matrix.
#[server(prefix = "/fn", endpoint = "get_matrix", input = GetUrl)]
pub async fn get_matrix(#[server(default)] query: ListApps) -> AppResult<Matrix> {
    answer(backend()?.get_matrix(&actor().await?, query).await)
}

/// Returns one app.
#[server(prefix = "/fn", endpoint = "get_app", input = GetUrl)]
pub async fn get_app(slug: String) -> AppResult<AppDetail> {
    answer(backend()?.get_app(&actor().await?, slug).await)
}

/// Returns an app in one environment.
#[server(prefix = "/fn", endpoint = "get_cell", input = GetUrl)]
pub async fn get_cell(app: String, environment: String) -> AppResult<CellDetail> {
    answer(backend()?.get_cell(&actor().await?, CellId { app, environment }).await)
}

/// Tells what differs between two environments of an app.
#[server(prefix = "/fn", endpoint = "compare_environments", input = GetUrl)]
pub async fn compare_environments(slug: String, from: String, to: String) -> AppResult<Comparison> {
    answer(backend()?.compare_environments(&actor().await?, slug, from, to).await)
}

/// Keeps a query of the matrix, given as JSON, and leads to it.
#[server(prefix = "/fn", endpoint = "save_view")]
pub async fn save_view(name: String, query: String) -> AppResult<Outcome> {
    let query: ListApps = serde_json::from_str(&query)
        .map_err(|error| fail(AppError::Invalid { field: "query".into(), why: error.to_string() }))?;
    let page = crate::routes::matrix(&query);
    let view = model::apps::SavedView { name, query };
    let outcome = answer(backend()?.save_view(&actor().await?, view).await)?;
    leptos_axum::redirect(&page);
    Ok(outcome)
}

/// Forgets a kept query.
#[server(prefix = "/fn", endpoint = "delete_view")]
pub async fn delete_view(name: String) -> AppResult<Outcome> {
    answer(backend()?.delete_view(&actor().await?, name).await)
}

/// Returns the repositories.
#[server(prefix = "/fn", endpoint = "list_repositories", input = GetUrl)]
pub async fn list_repositories() -> AppResult<RepositoryList> {
    answer(backend()?.list_repositories(&actor().await?).await)
}

/// Fetches a repository.
#[server(prefix = "/fn", endpoint = "fetch_repository")]
pub async fn fetch_repository(id: String) -> AppResult<Outcome> {
    answer(backend()?.fetch_repository(&actor().await?, id).await)
}
