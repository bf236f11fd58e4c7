//! Reading the record.

use leptos::{prelude::*, server_fn::codec::GetUrl};
use model::{
    AppResult,
    record::{EventDetail, EventList},
};

#[cfg(feature = "ssr")]
use super::server::{actor, answer, backend};

/// Returns one page of acts.
#[server(prefix = "/fn", endpoint = "list_events", input = GetUrl)]
pub async fn list_events(#[server(default)] query: model::record::ListEvents) -> AppResult<EventList> {
    answer(backend()?.list_events(&actor().await?, query).await)
}

/// Returns all that the record has on one act.
#[server(prefix = "/fn", endpoint = "get_event", input = GetUrl)]
pub async fn get_event(id: String) -> AppResult<EventDetail> {
    answer(backend()?.get_event(&actor().await?, id).await)
}
