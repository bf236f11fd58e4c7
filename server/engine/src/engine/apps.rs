//! Apps over their environments, their repositories and plans, as the face asks for them.

use std::time::Duration;

use http::HeaderMap;
use model::{
    Actor, AppError,
    apps::{AppDetail, CellDetail, CellId, Comparison, ListApps, Matrix, SavedView},
    backend::{Answer, Apps, Plans},
    operation::Outcome,
    plan::{AskPlan, EarlierStates, PlanDetail},
    repository::RepositoryList,
};

use super::{Engine, now};
use crate::{
    Result,
    fleet::{
        app,
        matrix::{self, Books},
    },
    git::webhook::WebhookError,
    saved_views,
};

impl Engine {
    /// Checks what a forge tells, and has the repository fetched that it is about.
    ///
    /// # Errors
    /// A delivery that is not signed as `argocd-secret` says, or makes no sense.
    pub async fn receive_webhook(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), WebhookError> {
        self.webhooks.receive(headers, body).await
    }

    async fn matrix(&self, actor: &Actor, query: &ListApps) -> Result<Matrix> {
        let views = saved_views::of(&self.db, actor).await?;
        let (seen, book, gates) = (self.snapshot(actor), self.repositories.book(), self.gates.book());
        let books = Books { releases: &*book, gates: &gates };
        Ok(matrix::matrix(&seen, self.repositories.order(), books, query, views, now()))
    }

    fn app(&self, actor: &Actor, slug: &str) -> Result<AppDetail> {
        let (seen, book, order) = (self.snapshot(actor), self.repositories.book(), self.repositories.order());
        let found = matrix::find(&seen, order, slug).ok_or_else(|| no_app(slug))?;
        let (told, gates) = (book.told(&seen, &found), self.gates.book());
        let books = Books { releases: &*book, gates: &gates };
        Ok(app::app_detail(&seen, actor, order, books, &found, told, now()))
    }

    fn cell(&self, actor: &Actor, id: CellId) -> Result<CellDetail> {
        let (seen, book, order) = (self.snapshot(actor), self.repositories.book(), self.repositories.order());
        let found = matrix::find(&seen, order, &id.app).ok_or_else(|| no_app(&id.app))?;
        let absent = AppError::NotFound { what: format!("{} in {}", id.app, id.environment) };
        let gates = self.gates.book();
        let books = Books { releases: &*book, gates: &gates };
        let detail = app::cell_detail(&seen, actor, order, books, &found, id, now());
        Ok(detail.ok_or(absent)?)
    }
}

impl Apps for Engine {
    fn get_matrix<'a>(&'a self, actor: &'a Actor, query: ListApps) -> Answer<'a, Matrix> {
        Box::pin(async move { self.matrix(actor, &query).await.map_err(|error| error.into_answer(actor)) })
    }

    fn get_app<'a>(&'a self, actor: &'a Actor, slug: String) -> Answer<'a, AppDetail> {
        Box::pin(async move { self.app(actor, &slug).map_err(|error| error.into_answer(actor)) })
    }

    fn get_cell<'a>(&'a self, actor: &'a Actor, id: CellId) -> Answer<'a, CellDetail> {
        Box::pin(async move { self.cell(actor, id).map_err(|error| error.into_answer(actor)) })
    }

    fn compare_environments<'a>(
        &'a self,
        actor: &'a Actor,
        slug: String,
        from: String,
        to: String,
    ) -> Answer<'a, Comparison> {
        Box::pin(async move {
            let compared = self.planner.compare(actor, &slug, &from, &to).await;
            compared.map_err(|error| error.into_answer(actor))
        })
    }

    fn save_view<'a>(&'a self, actor: &'a Actor, view: SavedView) -> Answer<'a, Outcome> {
        Box::pin(async move {
            let saved = saved_views::save(&self.db, actor, &view).await;
            saved.map_err(|error| error.into_answer(actor))?;
            Ok(outcome(format!("The view {} is saved.", view.name.trim())))
        })
    }

    fn delete_view<'a>(&'a self, actor: &'a Actor, name: String) -> Answer<'a, Outcome> {
        Box::pin(async move {
            let deleted = saved_views::delete(&self.db, actor, &name).await;
            deleted.map_err(|error| error.into_answer(actor))?;
            Ok(outcome(format!("The view {name} is deleted.")))
        })
    }

    fn list_repositories<'a>(&'a self, actor: &'a Actor) -> Answer<'a, RepositoryList> {
        Box::pin(async move { Ok(self.repositories.list(&self.snapshot(actor), now()).await) })
    }

    fn fetch_repository<'a>(&'a self, actor: &'a Actor, id: String) -> Answer<'a, Outcome> {
        Box::pin(async move {
            let fetched = self.repositories.fetch(&self.snapshot(actor), &id, Duration::ZERO).await;
            let url = fetched.map_err(|error| error.into_answer(actor))?;
            Ok(outcome(format!("{url} is fetched.")))
        })
    }
}

impl Plans for Engine {
    fn preview_plan<'a>(&'a self, actor: &'a Actor, ask: AskPlan) -> Answer<'a, PlanDetail> {
        Box::pin(
            async move { self.planner.preview(actor, ask).await.map_err(|error| error.into_answer(actor)) },
        )
    }

    fn make_plan<'a>(&'a self, actor: &'a Actor, ask: AskPlan) -> Answer<'a, PlanDetail> {
        Box::pin(async move {
            self.planner.make_and_keep(actor, ask).await.map_err(|error| error.into_answer(actor))
        })
    }

    fn get_plan<'a>(&'a self, actor: &'a Actor, hash: String) -> Answer<'a, PlanDetail> {
        Box::pin(
            async move { self.planner.find(actor, &hash).await.map_err(|error| error.into_answer(actor)) },
        )
    }

    fn list_earlier_states<'a>(&'a self, actor: &'a Actor, id: CellId) -> Answer<'a, EarlierStates> {
        Box::pin(async move {
            self.planner.earlier_states(actor, &id).await.map_err(|error| error.into_answer(actor))
        })
    }
}

fn no_app(slug: &str) -> AppError {
    AppError::NotFound { what: format!("App {slug}") }
}

/// What is a person's own, or asks for no more than a look, is no act for the record.
fn outcome(sentence: String) -> Outcome {
    Outcome { audit_id: String::new(), sentence }
}
