//! Changes, as the face asks for them.

use model::{
    Actor,
    backend::{Answer, Changes},
    change::{ChangeDetail, ChangeList, DecideChange, ListChanges, StartChange, Started, WaitingList},
    operation::Outcome,
};

use super::Engine;

impl Changes for Engine {
    fn start_change<'a>(&'a self, actor: &'a Actor, request: StartChange) -> Answer<'a, Started> {
        Box::pin(async move {
            self.changes.start(actor, &request).await.map_err(|error| error.into_answer(actor))
        })
    }

    fn get_change<'a>(&'a self, actor: &'a Actor, id: u64) -> Answer<'a, ChangeDetail> {
        Box::pin(async move { self.changes.get(actor, id).await.map_err(|error| error.into_answer(actor)) })
    }

    fn list_changes<'a>(&'a self, actor: &'a Actor, query: ListChanges) -> Answer<'a, ChangeList> {
        Box::pin(
            async move { self.changes.list(actor, &query).await.map_err(|error| error.into_answer(actor)) },
        )
    }

    fn cancel_change<'a>(&'a self, actor: &'a Actor, id: u64) -> Answer<'a, Outcome> {
        Box::pin(
            async move { self.changes.cancel(actor, id).await.map_err(|error| error.into_answer(actor)) },
        )
    }

    fn decide_change<'a>(&'a self, actor: &'a Actor, request: DecideChange) -> Answer<'a, Outcome> {
        Box::pin(async move {
            self.changes.decide(actor, &request).await.map_err(|error| error.into_answer(actor))
        })
    }

    fn list_waiting<'a>(&'a self, actor: &'a Actor) -> Answer<'a, WaitingList> {
        Box::pin(async move { self.changes.waiting(actor).await.map_err(|error| error.into_answer(actor)) })
    }
}
