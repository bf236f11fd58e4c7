//! Reading the fleet.

use leptos::{prelude::*, server_fn::codec::GetUrl};
use model::{
    AppResult,
    application::{ApplicationDetail, ApplicationId, ApplicationList},
    cluster::{ClusterDetail, ClusterId, ClusterList},
    overview::{Navigation, Overview},
};

#[cfg(feature = "ssr")]
use super::server::{actor, answer, backend};

/// Returns the first page.
#[server(prefix = "/fn", endpoint = "get_overview", input = GetUrl)]
pub async fn get_overview() -> AppResult<Overview> {
    answer(backend()?.get_overview(&actor().await?).await)
}

/// Returns the counts in the sidebar.
#[server(prefix = "/fn", endpoint = "get_navigation", input = GetUrl)]
pub async fn get_navigation() -> AppResult<Navigation> {
    answer(backend()?.get_navigation(&actor().await?).await)
}

/// Returns one page of Applications.
#[server(prefix = "/fn", endpoint = "list_applications", input = GetUrl)]
pub async fn list_applications(
    #[server(default)] query: model::application::ListApplications,
) -> AppResult<ApplicationList> {
    answer(backend()?.list_applications(&actor().await?, query).await)
}

/// Returns one Application.
#[server(prefix = "/fn", endpoint = "get_application", input = GetUrl)]
pub async fn get_application(id: ApplicationId) -> AppResult<ApplicationDetail> {
    answer(backend()?.get_application(&actor().await?, id).await)
}

/// Returns all clusters.
#[server(prefix = "/fn", endpoint = "list_clusters", input = GetUrl)]
pub async fn list_clusters() -> AppResult<ClusterList> {
    answer(backend()?.list_clusters(&actor().await?).await)
}

/// Returns one cluster.
#[server(prefix = "/fn", endpoint = "get_cluster", input = GetUrl)]
pub async fn get_cluster(id: ClusterId) -> AppResult<ClusterDetail> {
    answer(backend()?.get_cluster(&actor().await?, id).await)
}
