//! Plans, of which this fleet has none.

use model::{
    Actor, AppError,
    apps::CellId,
    backend::{Answer, Plans},
    plan::{AskPlan, EarlierStates, PlanDetail},
};

use super::Fake;

impl Plans for Fake {
    fn preview_plan<'a>(&'a self, _: &'a Actor, _: AskPlan) -> Answer<'a, PlanDetail> {
        self.answer(Err(AppError::NotFound { what: "The plan".into() }))
    }

    fn make_plan<'a>(&'a self, _: &'a Actor, _: AskPlan) -> Answer<'a, PlanDetail> {
        self.answer(Err(AppError::NotFound { what: "The plan".into() }))
    }

    fn get_plan<'a>(&'a self, _: &'a Actor, _: String) -> Answer<'a, PlanDetail> {
        self.answer(Err(AppError::NotFound { what: "The plan".into() }))
    }

    fn list_earlier_states<'a>(&'a self, _: &'a Actor, _: CellId) -> Answer<'a, EarlierStates> {
        self.answer(Err(AppError::NotFound { what: "The app".into() }))
    }
}
