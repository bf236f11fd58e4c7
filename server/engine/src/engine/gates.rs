//! Freezes and holds, as the face asks for them.

use model::{
    Actor,
    backend::{Answer, Gates},
    gate::{CreateFreeze, GateList, PlaceHold},
    operation::Outcome,
};

use super::Engine;

impl Gates for Engine {
    fn list_gates<'a>(&'a self, actor: &'a Actor) -> Answer<'a, GateList> {
        Box::pin(async move { Ok(self.gates.list(actor)) })
    }

    fn create_freeze<'a>(&'a self, actor: &'a Actor, request: CreateFreeze) -> Answer<'a, Outcome> {
        Box::pin(async move {
            self.gates.create_freeze(actor, &request).await.map_err(|error| error.into_answer(actor))
        })
    }

    fn end_freeze<'a>(&'a self, actor: &'a Actor, id: u64) -> Answer<'a, Outcome> {
        Box::pin(
            async move { self.gates.end_freeze(actor, id).await.map_err(|error| error.into_answer(actor)) },
        )
    }

    fn place_hold<'a>(&'a self, actor: &'a Actor, request: PlaceHold) -> Answer<'a, Outcome> {
        Box::pin(async move {
            self.gates.place_hold(actor, &request).await.map_err(|error| error.into_answer(actor))
        })
    }

    fn release_hold<'a>(&'a self, actor: &'a Actor, id: u64) -> Answer<'a, Outcome> {
        Box::pin(
            async move { self.gates.release_hold(actor, id).await.map_err(|error| error.into_answer(actor)) },
        )
    }
}
