//! Sessions, tokens and rights. The arguments of what is posted are flat, so that plain forms can send them.

use leptos::{prelude::*, server_fn::codec::GetUrl};
use model::{
    AppResult,
    access::{AskPermission, CreatedToken, Permissions, SessionList, SignInOptions, TokenList},
    operation::Outcome,
};

#[cfg(feature = "ssr")]
use super::server::{actor, answer, backend};

/// Returns how one may sign in; the one function for those who have no session.
#[server(prefix = "/fn", endpoint = "get_sign_in", input = GetUrl)]
pub async fn get_sign_in() -> AppResult<SignInOptions> {
    Ok(backend()?.sign_in_options())
}

/// Returns the sessions that live.
#[server(prefix = "/fn", endpoint = "list_sessions", input = GetUrl)]
pub async fn list_sessions(#[server(default)] of_all: bool) -> AppResult<SessionList> {
    answer(backend()?.list_sessions(&actor().await?, of_all).await)
}

/// Ends a session.
#[server(prefix = "/fn", endpoint = "end_session")]
pub async fn end_session(id: String) -> AppResult<Outcome> {
    answer(backend()?.end_session(&actor().await?, id).await)
}

/// Returns API tokens.
#[server(prefix = "/fn", endpoint = "list_tokens", input = GetUrl)]
pub async fn list_tokens(#[server(default)] of_all: bool) -> AppResult<TokenList> {
    answer(backend()?.list_tokens(&actor().await?, of_all).await)
}

/// Makes an API token. Its secret is in this answer alone.
#[server(prefix = "/fn", endpoint = "create_token")]
pub async fn create_token(name: String, scope: String, days: u32) -> AppResult<CreatedToken> {
    let scopes = scope.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    let request = model::access::CreateToken { name: name.trim().to_owned(), scopes, days };
    answer(backend()?.create_token(&actor().await?, request).await)
}

/// Ends an API token.
#[server(prefix = "/fn", endpoint = "revoke_token")]
pub async fn revoke_token(id: String) -> AppResult<Outcome> {
    answer(backend()?.revoke_token(&actor().await?, id).await)
}

/// Tells what the actor can do, and who can do what is asked.
#[server(prefix = "/fn", endpoint = "get_permissions", input = GetUrl)]
pub async fn get_permissions(#[server(default)] ask: AskPermission) -> AppResult<Permissions> {
    answer(backend()?.get_permissions(&actor().await?, ask).await)
}
