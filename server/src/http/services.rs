//! What the routes call: traits, so that tests can put fakes in the place of the engine.

use std::{pin::Pin, sync::Arc};

use axum::http::HeaderMap;
use engine::{
    Engine,
    access::{
        Origin, SecretToken,
        oidc::{Begun, Callback, SignInError},
    },
    git::webhook::WebhookError,
    metrics::Metrics,
};
use model::{
    Actor,
    backend::{Answer, Backend},
};
use secrecy::SecretString;

use super::Caller;

/// What the routes call.
#[derive(Clone)]
pub struct Services {
    /// Reads the fleet and acts on it.
    pub backend: Arc<dyn Backend>,
    /// Keeps the sessions.
    pub sessions: Arc<dyn Sessions>,
    /// Tells whether requests can be served.
    pub readiness: Arc<dyn Readiness>,
    /// Takes what forges tell.
    pub webhooks: Arc<dyn Webhooks>,
    /// The engine's figures, among them the count of open streams.
    pub metrics: Metrics,
}

impl Services {
    /// Returns the services of a running engine.
    pub fn of(engine: &Arc<Engine>) -> Self {
        Self {
            backend: engine.clone(),
            sessions: engine.clone(),
            readiness: engine.clone(),
            webhooks: engine.clone(),
            metrics: engine.metrics().clone(),
        }
    }
}

/// Knows who comes: by sessions of browsers and by API tokens.
pub trait Sessions: Send + Sync + 'static {
    /// Checks name and password; returns the token of a new session. `before` is the session that the browser had.
    fn sign_in<'a>(
        &'a self,
        name: &'a str,
        password: SecretString,
        caller: &'a Caller,
        before: Option<&'a str>,
    ) -> Answer<'a, SecretString>;
    /// Begins a sign-in at a provider, which sends the browser back to `redirect_uri`.
    fn begin_sign_in<'a>(
        &'a self,
        provider: &'a str,
        redirect_uri: &'a str,
        return_to: &'a str,
    ) -> SignInStep<'a, Begun>;
    /// Ends a sign-in at a provider; returns the token of a new session, and where the person wanted to go.
    fn finish_sign_in<'a>(
        &'a self,
        provider: &'a str,
        redirect_uri: &'a str,
        callback: Callback<'a>,
        caller: &'a Caller,
        before: Option<&'a str>,
    ) -> SignInStep<'a, (SecretToken, String)>;
    /// Returns who a session's token stands for; none where the session is unknown or over.
    fn actor_of<'a>(&'a self, token: &'a str, caller: &'a Caller) -> Answer<'a, Option<Actor>>;
    /// Returns who an API token stands for; none where it is unknown or over.
    fn actor_of_token<'a>(&'a self, token: &'a str, caller: &'a Caller) -> Answer<'a, Option<Actor>>;
    /// Ends a session.
    fn sign_out<'a>(&'a self, actor: &'a Actor, token: &'a str) -> Answer<'a, ()>;
    /// Returns where the session of a token ends at its provider, where that has such a place.
    fn logout_url<'a>(&'a self, token: &'a str, back_to: &'a str) -> Later<'a, Option<String>>;
}

/// Something that comes later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What comes of a step of a sign-in at a provider.
pub type SignInStep<'a, T> = Later<'a, Result<T, SignInError>>;

/// Tells whether requests can be served.
pub trait Readiness: Send + Sync + 'static {
    /// Returns what is waited for, in one sentence, where something is.
    fn readiness(&self) -> Later<'_, Result<(), String>>;
}

/// Takes what forges tell of pushes.
pub trait Webhooks: Send + Sync + 'static {
    /// Checks a delivery and has the repository fetched that it is about, if there is one.
    fn receive<'a>(&'a self, headers: &'a HeaderMap, body: &'a [u8]) -> Later<'a, Result<(), WebhookError>>;
}

impl Webhooks for Engine {
    fn receive<'a>(&'a self, headers: &'a HeaderMap, body: &'a [u8]) -> Later<'a, Result<(), WebhookError>> {
        Box::pin(self.receive_webhook(headers, body))
    }
}

impl Sessions for Engine {
    fn sign_in<'a>(
        &'a self,
        name: &'a str,
        password: SecretString,
        caller: &'a Caller,
        before: Option<&'a str>,
    ) -> Answer<'a, SecretString> {
        Box::pin(async move {
            let address = caller.address_text();
            let token = self.access().sign_in(name, password, origin(caller, &address, before)).await?;
            Ok(token.expose().into())
        })
    }

    fn begin_sign_in<'a>(
        &'a self,
        provider: &'a str,
        redirect_uri: &'a str,
        return_to: &'a str,
    ) -> SignInStep<'a, Begun> {
        Box::pin(self.access().begin_sign_in(provider, redirect_uri, return_to))
    }

    fn finish_sign_in<'a>(
        &'a self,
        provider: &'a str,
        redirect_uri: &'a str,
        callback: Callback<'a>,
        caller: &'a Caller,
        before: Option<&'a str>,
    ) -> SignInStep<'a, (SecretToken, String)> {
        Box::pin(async move {
            let address = caller.address_text();
            let origin = origin(caller, &address, before);
            self.access().finish_sign_in(provider, redirect_uri, callback, origin).await
        })
    }

    fn actor_of<'a>(&'a self, token: &'a str, caller: &'a Caller) -> Answer<'a, Option<Actor>> {
        Box::pin(
            async move { self.access().actor_of(token, origin(caller, &caller.address_text(), None)).await },
        )
    }

    fn actor_of_token<'a>(&'a self, token: &'a str, caller: &'a Caller) -> Answer<'a, Option<Actor>> {
        Box::pin(async move {
            self.access().actor_of_token(token, origin(caller, &caller.address_text(), None)).await
        })
    }

    fn sign_out<'a>(&'a self, actor: &'a Actor, token: &'a str) -> Answer<'a, ()> {
        Box::pin(self.access().sign_out(actor, token))
    }

    fn logout_url<'a>(&'a self, token: &'a str, back_to: &'a str) -> Later<'a, Option<String>> {
        Box::pin(self.access().logout_url(token, back_to))
    }
}

fn origin<'a>(
    caller: &'a Caller,
    address: &'a Option<String>,
    session_before: Option<&'a str>,
) -> Origin<'a> {
    let (request_id, browser) = (caller.request_id.as_str(), caller.browser.as_str());
    Origin { request_id, browser, address: address.as_deref(), session_before }
}

impl Readiness for Engine {
    fn readiness(&self) -> Later<'_, Result<(), String>> {
        Box::pin(Self::readiness(self))
    }
}
