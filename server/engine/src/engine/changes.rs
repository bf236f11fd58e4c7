//! Stub of the branch wt-doors: the lead and the gates helper write these.

use model::{
    Actor, AppError,
    backend::{Answer, Changes, Gates},
    change::{ChangeDetail, ChangeList, DecideChange, ListChanges, StartChange, Started, WaitingList},
    gate::{CreateFreeze, GateList, PlaceHold},
    operation::Outcome,
};

use super::Engine;

fn absent<'a, T>() -> Answer<'a, T> {
    Box::pin(async { Err(AppError::NotFound { what: "Change".into() }) })
}

impl Changes for Engine {
    fn start_change<'a>(&'a self, _: &'a Actor, _: StartChange) -> Answer<'a, Started> {
        absent()
    }
    fn get_change<'a>(&'a self, _: &'a Actor, _: u64) -> Answer<'a, ChangeDetail> {
        absent()
    }
    fn list_changes<'a>(&'a self, _: &'a Actor, _: ListChanges) -> Answer<'a, ChangeList> {
        absent()
    }
    fn cancel_change<'a>(&'a self, _: &'a Actor, _: u64) -> Answer<'a, Outcome> {
        absent()
    }
    fn decide_change<'a>(&'a self, _: &'a Actor, _: DecideChange) -> Answer<'a, Outcome> {
        absent()
    }
    fn list_waiting<'a>(&'a self, _: &'a Actor) -> Answer<'a, WaitingList> {
        absent()
    }
}

impl Gates for Engine {
    fn list_gates<'a>(&'a self, _: &'a Actor) -> Answer<'a, GateList> {
        absent()
    }
    fn create_freeze<'a>(&'a self, _: &'a Actor, _: CreateFreeze) -> Answer<'a, Outcome> {
        absent()
    }
    fn end_freeze<'a>(&'a self, _: &'a Actor, _: u64) -> Answer<'a, Outcome> {
        absent()
    }
    fn place_hold<'a>(&'a self, _: &'a Actor, _: PlaceHold) -> Answer<'a, Outcome> {
        absent()
    }
    fn release_hold<'a>(&'a self, _: &'a Actor, _: u64) -> Answer<'a, Outcome> {
        absent()
    }
}
