//! Pages: each names what it loads, and draws it.
//!
//! A page loads with the request, and is redrawn by what the live stream brings for the same view; see [`live_page`].

mod app;
mod application;
mod applications;
mod audit;
mod change;
mod changes;
mod cluster;
mod clusters;
mod freezes;
mod login;
mod matrix;
mod menu;
mod not_found;
mod overview;
mod permissions;
mod plan;
mod promote;
mod repositories;
mod rollback;
mod sessions;
mod tokens;
mod waiting;

pub(crate) use app::AppPage;
pub(crate) use application::ApplicationPage;
pub(crate) use applications::ApplicationsPage;
pub(crate) use audit::AuditPage;
pub(crate) use change::ChangePage;
pub(crate) use changes::ChangesPage;
pub(crate) use cluster::ClusterPage;
pub(crate) use clusters::ClustersPage;
pub(crate) use freezes::FreezesPage;
pub(crate) use login::LoginPage;
pub(crate) use matrix::MatrixPage;
pub(crate) use menu::MenuPage;
pub(crate) use not_found::NotFoundPage;
pub(crate) use overview::OverviewPage;
pub(crate) use permissions::PermissionsPage;
pub(crate) use plan::PlanPage;
pub(crate) use promote::PromotePage;
pub(crate) use repositories::RepositoriesPage;
pub(crate) use rollback::RollbackPage;
pub(crate) use sessions::SessionsPage;
pub(crate) use tokens::TokensPage;
pub(crate) use waiting::WaitingPage;

use leptos::prelude::*;
use model::{
    AppError, AppResult, Timestamp,
    application::{ApplicationDetail, ApplicationList},
    apps::{AppDetail, Matrix},
    change::{ChangeDetail, ChangeList, WaitingList},
    cluster::{ClusterDetail, ClusterList},
    gate::GateList,
    overview::Overview,
    view::{Content, View},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    live::use_live,
    ui::{
        empty::{Failure, Skeleton},
        shell::{Crumb, TopBar, use_path},
    },
};

/// What a page shows.
trait Shown: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Makes it out of what a live stream brings.
    fn of(content: &Content) -> Option<Self>;
    /// The moment that its ages count against.
    fn now(&self) -> Timestamp;
}

/// What a page draws from: the newest that is known, and the moment that ages count against.
struct Shelf<T: Shown> {
    data: Memo<T>,
    now: Signal<Timestamp>,
}

impl<T: Shown> Clone for Shelf<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Shown> Copy for Shelf<T> {}

impl<T: Shown> Shelf<T> {
    /// Returns a part of the data, which is drawn again only when it changes.
    fn part<P>(self, take: impl Fn(&T) -> P + Send + Sync + 'static) -> Memo<P>
    where
        P: PartialEq + Send + Sync + 'static,
    {
        Memo::new(move |_| self.data.with(&take))
    }
}

#[derive(Clone, PartialEq)]
enum Phase {
    Loading,
    Failed(AppError),
    Ready,
}

/// Loads what `view` names, draws it, and follows it with the live stream.
///
/// The resource reloads when the view changes; what was drawn stays until then, and the document keeps what did not
/// change. `crumbs` stand over the page while it loads, and when it cannot be had.
fn live_page<T, Answer>(
    view: impl Fn() -> View + Clone + Send + Sync + 'static,
    crumbs: impl Fn() -> Vec<Crumb> + Clone + Send + Sync + 'static,
    load: impl Fn(View) -> Answer + Clone + Send + Sync + 'static,
    draw: impl Fn(Shelf<T>) -> AnyView + Clone + Send + Sync + 'static,
) -> AnyView
where
    T: Shown,
    Answer: Future<Output = AppResult<T>> + Send + 'static,
{
    let view = Memo::new(move |_| view());
    if let Some(live) = use_live() {
        live.follow(view.into());
    }
    let page = Resource::new_blocking(
        move || view.get(),
        move |view| {
            let answer = load(view.clone());
            async move { (view, answer.await) }
        },
    );
    let crumbs = Signal::derive(crumbs);
    let waiting = move || {
        view! {
            <TopBar crumbs/>
            <Skeleton/>
        }
    };
    view! { <Transition fallback=waiting>{move || shelf(page, crumbs, draw.clone())}</Transition> }.into_any()
}

/// Loads what `key` names and draws it; nothing on the page changes by itself.
fn still_page<K, T, Answer>(
    key: impl Fn() -> K + Send + Sync + 'static,
    crumbs: fn() -> Vec<Crumb>,
    load: impl Fn(K) -> Answer + Send + Sync + 'static,
    draw: impl Fn(T) -> AnyView + Clone + Send + Sync + 'static,
) -> AnyView
where
    K: Clone + PartialEq + Send + Sync + 'static,
    T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
    Answer: Future<Output = AppResult<T>> + Send + 'static,
{
    still_page_under(key, move |_| Bar { crumbs: crumbs(), protected: false }, load, draw)
}

/// The bar over a page.
struct Bar {
    crumbs: Vec<Crumb>,
    /// Whether it concerns a protected environment.
    protected: bool,
}

/// As [`still_page`], under a bar that tells what was loaded.
fn still_page_under<K, T, Answer>(
    key: impl Fn() -> K + Send + Sync + 'static,
    bar: impl Fn(Option<&T>) -> Bar + Clone + Send + Sync + 'static,
    load: impl Fn(K) -> Answer + Send + Sync + 'static,
    draw: impl Fn(T) -> AnyView + Clone + Send + Sync + 'static,
) -> AnyView
where
    K: Clone + PartialEq + Send + Sync + 'static,
    T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
    Answer: Future<Output = AppResult<T>> + Send + 'static,
{
    let page = Resource::new_blocking(key, load);
    let top = move |loaded: Option<&T>| {
        let Bar { crumbs, protected } = bar(loaded);
        view! { <TopBar crumbs=Signal::stored(crumbs) protected still=true/> }
    };
    let waiting = {
        let top = top.clone();
        move || {
            view! {
                {top(None)}
                <Skeleton/>
            }
        }
    };
    let draw = move || {
        let (draw, top) = (draw.clone(), top.clone());
        page.get().map(move |loaded| {
            let top = top(loaded.as_ref().ok());
            let body = match loaded {
                Ok(data) => draw(data),
                Err(error) => view! {
                    <main id="main" class="main" tabindex="-1">
                        <Failure error path=use_path()/>
                    </main>
                }
                .into_any(),
            };
            view! {
                {top}
                {body}
            }
        })
    };
    view! { <Transition fallback=waiting>{draw}</Transition> }.into_any()
}

/// Draws the page from what was loaded and what the stream brought, whichever is newer.
fn shelf<T: Shown>(
    page: Resource<(View, AppResult<T>)>,
    crumbs: Signal<Vec<Crumb>>,
    draw: impl Fn(Shelf<T>) -> AnyView + Clone + Send + Sync + 'static,
) -> impl IntoView {
    let live = use_live();
    let newest = Memo::new(move |_| {
        page.get().map(|(view, loaded)| {
            let streamed = live.and_then(|live| live.content_of(&view, T::of));
            match (streamed, loaded) {
                (Some(Ok(streamed)), Ok(loaded)) if loaded.now() > streamed.now() => Ok(loaded),
                (Some(streamed), _) => streamed,
                (None, loaded) => loaded,
            }
        })
    });
    let phase = Memo::new(move |_| {
        newest.with(|newest| match newest {
            None => Phase::Loading,
            Some(Err(error)) => Phase::Failed(error.clone()),
            Some(Ok(_)) => Phase::Ready,
        })
    });
    move || match (phase.get(), newest.get_untracked()) {
        (Phase::Ready, Some(Ok(first))) => {
            let data = Memo::new(move |before: Option<&T>| {
                let newest =
                    newest.with(|newest| newest.as_ref().and_then(|newest| newest.as_ref().ok().cloned()));
                newest.or_else(|| before.cloned()).unwrap_or_else(|| first.clone())
            });
            let now = Signal::derive(move || {
                let loaded = data.with(T::now);
                live.map_or(loaded, |live| live.moment(loaded))
            });
            draw(Shelf { data, now })
        }
        (Phase::Failed(error), _) => {
            let path = use_path();
            view! {
                <TopBar crumbs/>
                <main id="main" class="main" tabindex="-1">
                    <Failure error path/>
                </main>
            }
            .into_any()
        }
        _ => ().into_any(),
    }
}

impl Shown for Overview {
    fn of(content: &Content) -> Option<Self> {
        if let Content::Overview(it) = content { Some((**it).clone()) } else { None }
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

impl Shown for ApplicationList {
    fn of(content: &Content) -> Option<Self> {
        if let Content::Applications(it) = content { Some((**it).clone()) } else { None }
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

impl Shown for ApplicationDetail {
    fn of(content: &Content) -> Option<Self> {
        if let Content::Application(it) = content { Some((**it).clone()) } else { None }
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

impl Shown for ClusterList {
    fn of(content: &Content) -> Option<Self> {
        if let Content::Clusters(it) = content { Some((**it).clone()) } else { None }
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

impl Shown for ClusterDetail {
    fn of(content: &Content) -> Option<Self> {
        if let Content::Cluster(it) = content { Some((**it).clone()) } else { None }
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

impl Shown for Matrix {
    fn of(content: &Content) -> Option<Self> {
        if let Content::Matrix(it) = content { Some((**it).clone()) } else { None }
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

impl Shown for AppDetail {
    fn of(content: &Content) -> Option<Self> {
        if let Content::App(it) = content { Some((**it).clone()) } else { None }
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

impl Shown for ChangeList {
    fn of(content: &Content) -> Option<Self> {
        if let Content::Changes(it) = content { Some((**it).clone()) } else { None }
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

impl Shown for ChangeDetail {
    fn of(content: &Content) -> Option<Self> {
        if let Content::Change(it) = content { Some((**it).clone()) } else { None }
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

impl Shown for WaitingList {
    fn of(content: &Content) -> Option<Self> {
        if let Content::Waiting(it) = content { Some((**it).clone()) } else { None }
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

impl Shown for GateList {
    fn of(content: &Content) -> Option<Self> {
        if let Content::Gates(it) = content { Some((**it).clone()) } else { None }
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}
