//! One app: its environments in order with the next act in each, where each release is, and what differs between two
//! environments.

mod acts;
mod differences;
mod environments;
mod releases;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use model::{
    apps::{AppDetail, ListApps},
    view::View,
};

use self::{
    differences::{Compared, DifferencesCard, comparison},
    environments::Environments,
    releases::ReleasesCard,
};
use super::{Shelf, live_page};
use crate::{
    api::{RefreshApplication, get_app},
    routes,
    ui::{
        icon::Icon,
        notice::{ErrorNote, Notices, error_of},
        shell::{Crumb, TopBar},
        toast::tell,
    },
};

/// The page of an app.
#[component]
pub(crate) fn AppPage() -> impl IntoView {
    let params = use_params_map();
    let slug = Memo::new(move |_| params.with(|params| params.get("slug").unwrap_or_default()));
    let compared = comparison(slug);
    let refresh = ServerAction::<RefreshApplication>::new();
    tell(refresh.value());
    live_page(
        move || View::App { slug: slug.get() },
        move || vec![Crumb::link("Matrix", routes::MATRIX), Crumb::here(slug.get())],
        |view| async move {
            let slug = if let View::App { slug } = view { slug } else { String::new() };
            get_app(slug).await
        },
        move |shelf| draw(shelf, compared, refresh),
    )
}

fn draw(shelf: Shelf<AppDetail>, compared: Compared, refresh: ServerAction<RefreshApplication>) -> AnyView {
    let name = shelf.part(|it| it.name.clone());
    let crumbs = shelf.part(|it| {
        let project = ListApps { project: vec![it.project.clone()], ..Default::default() };
        vec![
            Crumb::link("Matrix", routes::MATRIX),
            Crumb::link(it.project.clone(), routes::matrix(&project)),
            Crumb::here(it.name.clone()),
        ]
    });
    view! {
        <Title text=move || name.get()/>
        <TopBar crumbs/>
        <Notices
            control_planes=shelf.part(|it| it.control_planes.clone())
            warnings=Signal::stored(Vec::new())
            now=shelf.now
        />
        <main id="main" class="main" tabindex="-1">
            <div class="page-head">
                <div>
                    <h1 class="wrap-anywhere">{name}</h1>
                    <p class="page-sub">{move || shelf.data.with(summary)}</p>
                    <p class="page-sub wrap-anywhere">{move || shelf.data.with(reason)}</p>
                </div>
                <div class="btn-row md:ml-auto">
                    <a class="btn" href="#differences" rel="external">
                        <Icon name="filter"/>
                        "Compare environments"
                    </a>
                    <RepositoryLink shelf/>
                </div>
            </div>
            <ErrorNote what="The refresh was refused" error=error_of(refresh.value())/>
            <Environments shelf refresh/>
            <div class="mt-5 grid grid-cols-1 gap-4">
                <ReleasesCard shelf/>
                <DifferencesCard shelf comparison=compared/>
            </div>
        </main>
    }
    .into_any()
}

/// The repository, as a link where it is one that a browser can follow.
#[component]
fn RepositoryLink(shelf: Shelf<AppDetail>) -> impl IntoView {
    let url = shelf.part(|it| it.repository.clone());
    move || {
        let url = url.get().filter(|url| url.starts_with("https://") || url.starts_with("http://"))?;
        Some(view! {
            <a class="btn" href=url.clone() rel="external noreferrer" title=url>
                <Icon name="external"/>
                "Repository"
            </a>
        })
    }
}

fn summary(app: &AppDetail) -> String {
    let there = app.environments.iter().filter(|it| it.cell.is_some()).count();
    let applications: usize = app.environments.iter().map(|it| it.applications.len()).sum();
    let count = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    format!(
        "App of project {}, {} in {}.",
        app.project,
        count(applications, "Application"),
        count(there, "environment")
    )
}

/// Returns why these Applications are one app, as a sentence.
fn reason(app: &AppDetail) -> Option<String> {
    let why = app.why.trim().trim_end_matches('.');
    (!why.is_empty()).then(|| format!("Why they are one app: {why}."))
}
