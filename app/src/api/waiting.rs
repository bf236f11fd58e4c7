//! What waits for a person.

use leptos::{prelude::*, server_fn::codec::GetUrl};
use model::{AppResult, change::WaitingList};

#[cfg(feature = "ssr")]
use super::server::{actor, answer, backend};

/// Returns what waits for the actor.
#[server(prefix = "/fn", endpoint = "list_waiting", input = GetUrl)]
pub async fn list_waiting() -> AppResult<WaitingList> {
    answer(backend()?.list_waiting(&actor().await?).await)
}
