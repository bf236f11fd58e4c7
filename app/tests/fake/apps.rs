//! Apps and repositories of a test.

use model::{
    Actor, AppError,
    apps::{AppDetail, CellDetail, CellId, Comparison, ListApps, Matrix, SavedView},
    backend::{Answer, Apps},
    operation::Outcome,
    repository::RepositoryList,
};

use super::Fake;

impl Apps for Fake {
    fn get_matrix<'a>(&'a self, _: &'a Actor, query: ListApps) -> Answer<'a, Matrix> {
        self.answer(Ok(self.planned.matrix(&query)))
    }

    fn get_app<'a>(&'a self, _: &'a Actor, slug: String) -> Answer<'a, AppDetail> {
        self.answer(Err(AppError::NotFound { what: format!("App {slug}") }))
    }

    fn get_cell<'a>(&'a self, _: &'a Actor, id: CellId) -> Answer<'a, CellDetail> {
        self.answer(Err(AppError::NotFound { what: format!("App {}", id.app) }))
    }

    fn compare_environments<'a>(
        &'a self,
        _: &'a Actor,
        slug: String,
        _: String,
        _: String,
    ) -> Answer<'a, Comparison> {
        self.answer(Err(AppError::NotFound { what: format!("App {slug}") }))
    }

    fn save_view<'a>(&'a self, _: &'a Actor, _: SavedView) -> Answer<'a, Outcome> {
        self.act("The view is kept.")
    }

    fn delete_view<'a>(&'a self, _: &'a Actor, _: String) -> Answer<'a, Outcome> {
        self.act("The view is forgotten.")
    }

    fn list_repositories<'a>(&'a self, _: &'a Actor) -> Answer<'a, RepositoryList> {
        self.answer(Ok(self.planned.repositories()))
    }

    fn fetch_repository<'a>(&'a self, _: &'a Actor, id: String) -> Answer<'a, Outcome> {
        self.planned.fetched.lock().expect("unpoisoned").push(id);
        self.act("The repository was fetched.")
    }
}
