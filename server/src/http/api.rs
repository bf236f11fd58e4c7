//! `/api/v1`: everything that can be read and done, in JSON, for programs.
//!
//! Each route is a line over the same engine calls as the pages have, with the same rights. A session's cookie or an API
//! token in `Authorization: Bearer` says who asks. Errors are RFC 9457 problems with the stable `code` of an
//! [`AppError`]. The description at `/api/v1/openapi.json` is made from these very routes.

mod changes;
mod gates;

use axum::{
    Extension, Json, Router,
    extract::{Path, Query, State, rejection::JsonRejection},
    routing::get,
};
use model::{
    Actor, AppError, AppResult,
    access::{AskPermission, CreateToken, CreatedToken, Permissions, SessionList, TokenList},
    application::{ApplicationDetail, ApplicationId, ApplicationRow, ListApplications},
    apps::{AppDetail, CellDetail, CellId, Comparison, GroupBy, ListApps, Matrix},
    cluster::{ClusterDetail, ClusterId, ClusterList},
    operation::{Outcome, RefreshKind, SyncApplication, SyncPreview},
    overview::Overview,
    plan::{AskPlan, EarlierStates, PlanDetail},
    record::{EventDetail, EventList, ListEvents},
    repository::RepositoryList,
};
use serde::{Deserialize, Serialize};
use utoipa::{
    IntoParams, Modify, OpenApi, ToSchema,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{HttpState, error_page::Failure};

/// What the paths of the API begin with.
pub(super) const PREFIX: &str = "/api/v1";

/// Returns the routes of the API, and what describes them.
pub(super) fn routes() -> Router<HttpState> {
    let (router, description) =
        OpenApiRouter::with_openapi(Description::openapi()).nest(PREFIX, all()).split_for_parts();
    let description = Json(description);
    router.route("/api/v1/openapi.json", get(move || async move { description }))
}

/// The one list of what the API has.
fn all() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(get_overview))
        .routes(routes!(list_applications))
        .routes(routes!(get_application))
        .routes(routes!(preview_sync))
        .routes(routes!(sync_application))
        .routes(routes!(refresh_application))
        .routes(routes!(terminate_operation))
        .routes(routes!(list_clusters))
        .routes(routes!(get_cluster))
        .routes(routes!(get_matrix))
        .routes(routes!(get_app))
        .routes(routes!(compare_environments))
        .routes(routes!(get_cell))
        .routes(routes!(list_earlier_states))
        .routes(routes!(make_plan))
        .routes(routes!(preview_plan))
        .routes(routes!(get_plan))
        .routes(routes!(changes::list_changes, changes::start_change))
        .routes(routes!(changes::get_change))
        .routes(routes!(changes::cancel_change))
        .routes(routes!(changes::decide_change))
        .routes(routes!(changes::list_waiting))
        .routes(routes!(gates::list_gates))
        .routes(routes!(gates::create_freeze))
        .routes(routes!(gates::end_freeze))
        .routes(routes!(gates::place_hold))
        .routes(routes!(gates::release_hold))
        .routes(routes!(list_repositories))
        .routes(routes!(fetch_repository))
        .routes(routes!(get_permissions))
        .routes(routes!(list_events))
        .routes(routes!(get_event))
        .routes(routes!(list_sessions))
        .routes(routes!(end_session))
        .routes(routes!(list_tokens, create_token))
        .routes(routes!(revoke_token))
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Quarterdeck", description = "What the pages show and do, for programs."),
    components(schemas(Problem)),
    modifiers(&Doors),
    security(("token" = []), ("session" = []))
)]
struct Description;

/// How a program or a browser says who it is.
struct Doors;

impl Modify for Doors {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let components = description.components.get_or_insert_default();
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API token."));
        components.add_security_scheme("token", SecurityScheme::Http(token.build()));
        let session = ApiKey::Cookie(ApiKeyValue::new("__Host-quarterdeck"));
        components.add_security_scheme("session", SecurityScheme::ApiKey(session));
    }
}

/// What an error looks like (RFC 9457).
#[derive(Serialize, ToSchema)]
#[allow(dead_code)] // It is written by `error_page`; here it is described.
struct Problem {
    /// Stable: `not_found`, `forbidden`, ….
    code: String,
    title: String,
    status: u16,
    /// What happened, to what, and what to do next.
    detail: String,
    /// As in the log and in the record.
    request_id: String,
}

/// Some of many: what follows is asked for with `next_cursor`.
#[derive(Serialize, ToSchema)]
struct Page<T> {
    items: Vec<T>,
    /// None at the end.
    next_cursor: Option<String>,
}

/// Which Applications; lists are parted by commas.
#[derive(Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
#[derive(Default)]
struct Wanted {
    /// Words that name, app, cluster, project, namespace, version or revision have.
    q: String,
    health: String,
    sync: String,
    operation: String,
    project: String,
    cluster: String,
    environment: String,
    /// 10 to 200.
    limit: u32,
    /// The `next_cursor` of the page before.
    cursor: String,
}

impl From<Wanted> for ListApplications {
    fn from(wanted: Wanted) -> Self {
        Self {
            q: wanted.q,
            health: parts(&wanted.health),
            sync: parts(&wanted.sync),
            operation: parts(&wanted.operation),
            project: parts(&wanted.project),
            cluster: parts(&wanted.cluster),
            environment: parts(&wanted.environment),
            per_page: wanted.limit,
            cursor: if wanted.cursor.is_empty() { "start".into() } else { wanted.cursor },
            ..Self::default()
        }
    }
}

/// Which apps; lists are parted by commas.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct WantedApps {
    /// Words that app, project, cluster or version have; `behind:>1` for apps that are more than one release behind.
    q: String,
    project: String,
    health: String,
    environment: String,
    /// 10 to 500.
    limit: u32,
    /// From 1.
    page: u32,
}

impl From<WantedApps> for ListApps {
    fn from(wanted: WantedApps) -> Self {
        Self {
            q: wanted.q,
            project: parts(&wanted.project),
            health: parts(&wanted.health),
            environment: parts(&wanted.environment),
            group: GroupBy::None,
            per_page: wanted.limit,
            page: wanted.page,
            ..Self::default()
        }
    }
}

/// The parts of a list in a query.
fn parts(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

/// Two environments of an app.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Pair {
    from: String,
    to: String,
}

/// A sync of an Application.
#[derive(Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Sync {
    /// `group/kind/namespace/name` of each resource; empty for the whole Application.
    resources: Vec<String>,
    prune: bool,
    dry_run: bool,
    /// The environment, where it is protected.
    typed_environment: String,
}

/// A comparison of an Application with Git.
#[derive(Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Refresh {
    kind: RefreshKind,
}

/// Whose sessions or tokens.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct Whose {
    /// Everybody's, for those who may see them.
    all: bool,
}

type Answer<T> = Result<Json<T>, Failure>;
type Who = Extension<Actor>;
type Engine = State<HttpState>;
/// A body that may be wrong; the error says where.
type Body<T> = Result<Json<T>, JsonRejection>;

fn answer<T>(answer: AppResult<T>) -> Answer<T> {
    Ok(Json(answer?))
}

fn body<T>(body: Body<T>) -> Result<T, Failure> {
    body.map(|Json(body)| body).map_err(|rejected| {
        Failure(AppError::Invalid { field: "The body".into(), why: format!("{}.", rejected.body_text()) })
    })
}

/// Reads the number of a change, a freeze or a hold; nothing has another one.
fn number(what: &str, id: &str) -> Result<u64, Failure> {
    id.parse().map_err(|_| Failure(AppError::NotFound { what: format!("{what} {id:.20}") }))
}

/// The first page.
#[utoipa::path(get, path = "/overview", responses((status = 200, body = Overview)))]
async fn get_overview(State(http): Engine, Extension(actor): Who) -> Answer<Overview> {
    answer(http.services.backend.get_overview(&actor).await)
}

/// Applications, in the order of their ids.
#[utoipa::path(get, path = "/applications", params(Wanted), responses((status = 200, body = Page<ApplicationRow>)))]
async fn list_applications(
    State(http): Engine,
    Extension(actor): Who,
    Query(wanted): Query<Wanted>,
) -> Answer<Page<ApplicationRow>> {
    let list = http.services.backend.list_applications(&actor, wanted.into()).await?;
    Ok(Json(Page { items: list.rows, next_cursor: list.next_cursor }))
}

/// One Application.
#[utoipa::path(
    get, path = "/applications/{control_plane}/{namespace}/{name}",
    params(("control_plane" = String, Path), ("namespace" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = ApplicationDetail), (status = 404, body = Problem))
)]
async fn get_application(
    State(http): Engine,
    Extension(actor): Who,
    Path(id): Path<ApplicationId>,
) -> Answer<ApplicationDetail> {
    answer(http.services.backend.get_application(&actor, id).await)
}

/// What a sync would do.
#[utoipa::path(
    get, path = "/applications/{control_plane}/{namespace}/{name}/sync",
    params(("control_plane" = String, Path), ("namespace" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = SyncPreview), (status = 404, body = Problem))
)]
async fn preview_sync(
    State(http): Engine,
    Extension(actor): Who,
    Path(id): Path<ApplicationId>,
) -> Answer<SyncPreview> {
    answer(http.services.backend.preview_sync(&actor, id).await)
}

/// Asks Argo CD to sync.
#[utoipa::path(
    post, path = "/applications/{control_plane}/{namespace}/{name}/sync", request_body = Sync,
    params(("control_plane" = String, Path), ("namespace" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = Outcome), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
async fn sync_application(
    State(http): Engine,
    Extension(actor): Who,
    Path(id): Path<ApplicationId>,
    sync: Body<Sync>,
) -> Answer<Outcome> {
    let Sync { resources, prune, dry_run, typed_environment } = body(sync)?;
    let request = SyncApplication { id, resources, prune, dry_run, typed_environment };
    answer(http.services.backend.sync_application(&actor, request).await)
}

/// Asks Argo CD to compare with Git.
#[utoipa::path(
    post, path = "/applications/{control_plane}/{namespace}/{name}/refresh", request_body = Refresh,
    params(("control_plane" = String, Path), ("namespace" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = Outcome), (status = 404, body = Problem))
)]
async fn refresh_application(
    State(http): Engine,
    Extension(actor): Who,
    Path(id): Path<ApplicationId>,
    refresh: Body<Refresh>,
) -> Answer<Outcome> {
    answer(http.services.backend.refresh_application(&actor, id, body(refresh)?.kind).await)
}

/// Ends the running operation.
#[utoipa::path(
    post, path = "/applications/{control_plane}/{namespace}/{name}/terminate",
    params(("control_plane" = String, Path), ("namespace" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = Outcome), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
async fn terminate_operation(
    State(http): Engine,
    Extension(actor): Who,
    Path(id): Path<ApplicationId>,
) -> Answer<Outcome> {
    answer(http.services.backend.terminate_operation(&actor, id).await)
}

/// All clusters.
#[utoipa::path(get, path = "/clusters", responses((status = 200, body = ClusterList)))]
async fn list_clusters(State(http): Engine, Extension(actor): Who) -> Answer<ClusterList> {
    answer(http.services.backend.list_clusters(&actor).await)
}

/// One cluster.
#[utoipa::path(
    get, path = "/clusters/{control_plane}/{name}",
    params(("control_plane" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = ClusterDetail), (status = 404, body = Problem))
)]
async fn get_cluster(
    State(http): Engine,
    Extension(actor): Who,
    Path(id): Path<ClusterId>,
) -> Answer<ClusterDetail> {
    answer(http.services.backend.get_cluster(&actor, id).await)
}

/// Apps over their environments.
#[utoipa::path(get, path = "/matrix", params(WantedApps), responses((status = 200, body = Matrix)))]
async fn get_matrix(
    State(http): Engine,
    Extension(actor): Who,
    Query(wanted): Query<WantedApps>,
) -> Answer<Matrix> {
    answer(http.services.backend.get_matrix(&actor, wanted.into()).await)
}

/// One app, with its releases.
#[utoipa::path(
    get, path = "/apps/{app}", params(("app" = String, Path)),
    responses((status = 200, body = AppDetail), (status = 404, body = Problem))
)]
async fn get_app(State(http): Engine, Extension(actor): Who, Path(app): Path<String>) -> Answer<AppDetail> {
    answer(http.services.backend.get_app(&actor, app).await)
}

/// What differs between two environments of an app.
#[utoipa::path(
    get, path = "/apps/{app}/comparison", params(("app" = String, Path), Pair),
    responses((status = 200, body = Comparison), (status = 404, body = Problem), (status = 503, body = Problem))
)]
async fn compare_environments(
    State(http): Engine,
    Extension(actor): Who,
    Path(app): Path<String>,
    Query(pair): Query<Pair>,
) -> Answer<Comparison> {
    answer(http.services.backend.compare_environments(&actor, app, pair.from, pair.to).await)
}

/// An app in one environment, and what may be done there.
#[utoipa::path(
    get, path = "/apps/{app}/environments/{environment}",
    params(("app" = String, Path), ("environment" = String, Path)),
    responses((status = 200, body = CellDetail), (status = 404, body = Problem))
)]
async fn get_cell(State(http): Engine, Extension(actor): Who, Path(id): Path<CellId>) -> Answer<CellDetail> {
    answer(http.services.backend.get_cell(&actor, id).await)
}

/// The states that an app had in an environment: what it can be rolled back to.
#[utoipa::path(
    get, path = "/apps/{app}/environments/{environment}/states",
    params(("app" = String, Path), ("environment" = String, Path)),
    responses((status = 200, body = EarlierStates), (status = 404, body = Problem), (status = 503, body = Problem))
)]
async fn list_earlier_states(
    State(http): Engine,
    Extension(actor): Who,
    Path(id): Path<CellId>,
) -> Answer<EarlierStates> {
    answer(http.services.backend.list_earlier_states(&actor, id).await)
}

/// Plans a promotion or a rollback, and keeps the plan; nothing else changes.
#[utoipa::path(
    post, path = "/plans", request_body = AskPlan,
    responses(
        (status = 200, body = PlanDetail), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem)
    )
)]
async fn make_plan(State(http): Engine, Extension(actor): Who, ask: Body<AskPlan>) -> Answer<PlanDetail> {
    answer(http.services.backend.make_plan(&actor, body(ask)?).await)
}

/// Plans a promotion or a rollback without keeping the plan.
#[utoipa::path(
    post, path = "/plans/preview", request_body = AskPlan,
    responses(
        (status = 200, body = PlanDetail), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem)
    )
)]
async fn preview_plan(State(http): Engine, Extension(actor): Who, ask: Body<AskPlan>) -> Answer<PlanDetail> {
    answer(http.services.backend.preview_plan(&actor, body(ask)?).await)
}

/// A kept plan, and whether it still holds.
#[utoipa::path(
    get, path = "/plans/{hash}", params(("hash" = String, Path)),
    responses((status = 200, body = PlanDetail), (status = 404, body = Problem))
)]
async fn get_plan(
    State(http): Engine,
    Extension(actor): Who,
    Path(hash): Path<String>,
) -> Answer<PlanDetail> {
    answer(http.services.backend.get_plan(&actor, hash).await)
}

/// The repositories that Applications come from, with what is wrong in them.
#[utoipa::path(get, path = "/repositories", responses((status = 200, body = RepositoryList)))]
async fn list_repositories(State(http): Engine, Extension(actor): Who) -> Answer<RepositoryList> {
    answer(http.services.backend.list_repositories(&actor).await)
}

/// Fetches a repository; returns once that is done.
#[utoipa::path(
    post, path = "/repositories/{id}/fetch", params(("id" = String, Path)),
    responses((status = 200, body = Outcome), (status = 404, body = Problem), (status = 503, body = Problem))
)]
async fn fetch_repository(
    State(http): Engine,
    Extension(actor): Who,
    Path(id): Path<String>,
) -> Answer<Outcome> {
    answer(http.services.backend.fetch_repository(&actor, id).await)
}

/// What the caller can do, and who can do what is asked.
#[utoipa::path(get, path = "/permissions", params(AskPermission), responses((status = 200, body = Permissions)))]
async fn get_permissions(
    State(http): Engine,
    Extension(actor): Who,
    Query(ask): Query<AskPermission>,
) -> Answer<Permissions> {
    answer(http.services.backend.get_permissions(&actor, ask).await)
}

/// The record, newest first.
#[utoipa::path(get, path = "/audit", params(ListEvents), responses((status = 200, body = EventList), (status = 404, body = Problem)))]
async fn list_events(
    State(http): Engine,
    Extension(actor): Who,
    Query(query): Query<ListEvents>,
) -> Answer<EventList> {
    answer(http.services.backend.list_events(&actor, query).await)
}

/// One act of the record.
#[utoipa::path(
    get, path = "/audit/{id}", params(("id" = String, Path)),
    responses((status = 200, body = EventDetail), (status = 404, body = Problem))
)]
async fn get_event(
    State(http): Engine,
    Extension(actor): Who,
    Path(id): Path<String>,
) -> Answer<EventDetail> {
    answer(http.services.backend.get_event(&actor, id).await)
}

/// Sessions that live.
#[utoipa::path(get, path = "/sessions", params(Whose), responses((status = 200, body = SessionList)))]
async fn list_sessions(
    State(http): Engine,
    Extension(actor): Who,
    Query(whose): Query<Whose>,
) -> Answer<SessionList> {
    answer(http.services.backend.list_sessions(&actor, whose.all).await)
}

/// Ends a session.
#[utoipa::path(
    delete, path = "/sessions/{id}", params(("id" = String, Path)),
    responses((status = 200, body = Outcome), (status = 404, body = Problem))
)]
async fn end_session(State(http): Engine, Extension(actor): Who, Path(id): Path<String>) -> Answer<Outcome> {
    answer(http.services.backend.end_session(&actor, id).await)
}

/// API tokens.
#[utoipa::path(get, path = "/tokens", params(Whose), responses((status = 200, body = TokenList)))]
async fn list_tokens(
    State(http): Engine,
    Extension(actor): Who,
    Query(whose): Query<Whose>,
) -> Answer<TokenList> {
    answer(http.services.backend.list_tokens(&actor, whose.all).await)
}

/// Makes an API token; sessions alone may.
#[utoipa::path(
    post, path = "/tokens", request_body = CreateToken,
    responses((status = 200, body = CreatedToken), (status = 409, body = Problem), (status = 422, body = Problem))
)]
async fn create_token(
    State(http): Engine,
    Extension(actor): Who,
    request: Body<CreateToken>,
) -> Answer<CreatedToken> {
    answer(http.services.backend.create_token(&actor, body(request)?).await)
}

/// Revokes an API token.
#[utoipa::path(
    delete, path = "/tokens/{id}", params(("id" = String, Path)),
    responses((status = 200, body = Outcome), (status = 404, body = Problem))
)]
async fn revoke_token(State(http): Engine, Extension(actor): Who, Path(id): Path<String>) -> Answer<Outcome> {
    answer(http.services.backend.revoke_token(&actor, id).await)
}
