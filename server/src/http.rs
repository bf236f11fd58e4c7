//! Everything that answers over HTTP; [`router`] lists every route there is.
//!
//! Handlers parse, call one method of the backend or of [`Sessions`], and convert. They know no Kubernetes and no SQL;
//! tests put fakes in the place of both.

mod api;
mod assets;
mod auth;
mod cookie;
mod error_page;
mod events;
mod export;
mod health;
mod listen;
mod metrics;
mod middleware;
mod rate_limit;
mod services;
mod webhooks;

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    extract::{FromRef, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use leptos::{config::LeptosOptions, context::provide_context};
use leptos_axum::{LeptosRoutes, generate_route_list, render_app_async_with_context};
use model::AppError;
use tokio_util::sync::CancellationToken;
use tower_http::csrf;

use error_page::Failure;
use events::Streams;
pub use listen::{Limits, answer};
use metrics::HttpMetrics;
pub use middleware::Caller;
use rate_limit::Rates;
pub use services::{Later, Readiness, Services, Sessions, SignInStep, Webhooks};

use crate::config::{Network, PublicUrl};

/// How the program is reached, and where the site's files lie.
#[derive(Clone, Debug)]
pub struct Settings {
    pub public_url: PublicUrl,
    /// The proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<Network>,
    /// The folder with `pkg/`, `fonts/` and the icons.
    pub site_root: PathBuf,
    /// How many requests one actor may make in a minute; a tenth of that are acts, and a fifth for strangers.
    pub requests_per_minute: u32,
}

/// The limit where nothing is set: far above what people do, far below what harms others.
pub const REQUESTS_PER_MINUTE: u32 = 3000;

/// What cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The files for the browser are not where they should be.
    #[error("the files for the browser are not in {}; build them, or name their folder with --site-root", folder.display())]
    NoSite {
        folder: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The public URL is no origin that a browser would send.
    #[error("the public URL cannot be used")]
    PublicUrl(#[source] csrf::ConfigError),
}

/// What every handler can reach.
#[derive(Clone)]
struct HttpState {
    services: Services,
    settings: Arc<Settings>,
    leptos: LeptosOptions,
    metrics: Arc<HttpMetrics>,
    streams: Streams,
    rates: Arc<Rates>,
    /// The id of the build; a page of another one asks for a reload.
    build: Arc<str>,
    /// Cancelled when the program stops.
    stop: CancellationToken,
}

impl FromRef<HttpState> for LeptosOptions {
    fn from_ref(state: &HttpState) -> Self {
        state.leptos.clone()
    }
}

/// Returns all routes with all layers. Live streams end when `stop` is cancelled.
pub fn router(services: Services, settings: Settings, stop: CancellationToken) -> Result<Router, Error> {
    let site_root = settings.site_root.clone();
    let build =
        assets::build_id(&site_root).map_err(|source| Error::NoSite { folder: site_root.clone(), source })?;
    let rates = Arc::new(Rates::new(settings.requests_per_minute));
    let state = HttpState {
        settings: Arc::new(settings),
        leptos: leptos_options(&site_root),
        metrics: Arc::default(),
        rates,
        streams: Streams::new(services.metrics.streams_open.clone()),
        services,
        build: build.into(),
        stop,
    };

    let machines = Router::new()
        .route("/events", get(events::events))
        .route("/audit/export", get(export::export))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/webhooks/{forge}", post(webhooks::receive))
        // A page of an older build may call what is gone.
        .route("/fn/{*name}", any(no_such_function));
    let forms = Router::new()
        .route("/auth/login", post(auth::sign_in))
        .route("/auth/{provider}/login", get(auth::begin_at_provider))
        .route("/auth/{provider}/callback", get(auth::finish_at_provider))
        .route("/auth/logout", post(auth::sign_out))
        .route("/auth/theme", post(auth::choose_theme));
    let routes =
        pages(&state).merge(machines).merge(api::routes()).merge(forms).merge(assets::routes(&site_root));

    let routes = middleware::wrap(routes, &state).map_err(Error::PublicUrl)?;
    Ok(routes.with_state(state))
}

/// Returns the pages and the server functions, as the app lists them.
fn pages(state: &HttpState) -> Router<HttpState> {
    let context = provide_backend(state);
    let shell = shell(state);
    Router::new()
        .leptos_routes_with_context(state, generate_route_list(app::App), context, shell)
        .fallback(draw_not_found)
}

/// Draws the app's page for what does not exist.
async fn draw_not_found(State(http): State<HttpState>, request: Request) -> Response {
    let mut response = render_app_async_with_context(provide_backend(&http), shell(&http))(request).await;
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response.into_response()
}

async fn no_such_function() -> Failure {
    let what = "What this page asked for is not part of the version that runs. Reload the page: it".into();
    Failure(AppError::NotFound { what })
}

/// Returns what gives the backend to server functions, both while rendering and when called.
fn provide_backend(state: &HttpState) -> impl Fn() + Clone + Send + Sync + 'static {
    let backend = Arc::clone(&state.services.backend);
    move || provide_context(Arc::clone(&backend))
}

fn shell(state: &HttpState) -> impl Fn() -> leptos::prelude::AnyView + Clone + Send + Sync + 'static {
    use leptos::prelude::IntoAny as _;
    let options = state.leptos.clone();
    move || app::shell(options.clone()).into_any()
}

fn leptos_options(site_root: &std::path::Path) -> LeptosOptions {
    LeptosOptions::builder().output_name("quarterdeck").site_root(site_root.to_string_lossy()).build()
}
