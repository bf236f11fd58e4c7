//! What the routes call: traits, so that tests can put fakes in the place of the engine.

use std::{pin::Pin, sync::Arc};

use engine::{Engine, metrics::Metrics};
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
            metrics: engine.metrics().clone(),
        }
    }
}

/// Keeps the sessions.
pub trait Sessions: Send + Sync + 'static {
    /// Checks name and password; returns the token of a new session.
    fn sign_in<'a>(
        &'a self,
        name: &'a str,
        password: SecretString,
        caller: &'a Caller,
    ) -> Answer<'a, SecretString>;
    /// Returns who a token stands for; none where the session is unknown or over.
    fn actor_of<'a>(&'a self, token: &'a str, caller: &'a Caller) -> Answer<'a, Option<Actor>>;
    /// Ends a session.
    fn sign_out<'a>(&'a self, actor: &'a Actor, token: &'a str) -> Answer<'a, ()>;
}

/// Tells whether requests can be served.
pub trait Readiness: Send + Sync + 'static {
    /// Returns what is waited for, in one sentence, where something is.
    fn readiness(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>>;
}

impl Sessions for Engine {
    fn sign_in<'a>(
        &'a self,
        name: &'a str,
        password: SecretString,
        caller: &'a Caller,
    ) -> Answer<'a, SecretString> {
        Box::pin(async move {
            let address = caller.address_text();
            let token = self.access().sign_in(name, password, &caller.request_id, address.as_deref()).await?;
            Ok(token.expose().into())
        })
    }

    fn actor_of<'a>(&'a self, token: &'a str, caller: &'a Caller) -> Answer<'a, Option<Actor>> {
        Box::pin(async move {
            self.access().actor_of(token, &caller.request_id, caller.address_text().as_deref()).await
        })
    }

    fn sign_out<'a>(&'a self, actor: &'a Actor, token: &'a str) -> Answer<'a, ()> {
        Box::pin(self.access().sign_out(actor, token))
    }
}

impl Readiness for Engine {
    fn readiness(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(Self::readiness(self))
    }
}
