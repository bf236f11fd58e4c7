//! Every path of the face, and every builder of a link. Nothing else writes a path.

use leptos::prelude::*;
use leptos_router::{
    SsrMode,
    components::{ParentRoute, Route, Routes},
    path,
};
use model::{
    application::{ApplicationId, ListApplications},
    apps::{CellId, ListApps},
    change::ListChanges,
    cluster::ClusterId,
    record::{ExportFormat, ListEvents},
    view::View,
};

use crate::{
    change_query, filter, matrix_query,
    pages::{
        AppPage, ApplicationPage, ApplicationsPage, AuditPage, ChangePage, ChangesPage, ClusterPage,
        ClustersPage, FreezesPage, LoginPage, MatrixPage, MenuPage, NotFoundPage, OverviewPage,
        PermissionsPage, PlanPage, PromotePage, RepositoriesPage, RollbackPage, SessionsPage, TokensPage,
        WaitingPage,
    },
    ui::shell::{Frame, Shell},
};

pub const OVERVIEW: &str = "/";
pub const APPLICATIONS: &str = "/applications";
pub const CLUSTERS: &str = "/clusters";
pub const MATRIX: &str = "/matrix";
pub const APPS: &str = "/apps";
pub const PLANS: &str = "/plans";
pub const CHANGES: &str = "/changes";
pub const WAITING: &str = "/waiting";
pub const FREEZES: &str = "/freezes";
pub const REPOSITORIES: &str = "/repositories";
pub const PERMISSIONS: &str = "/permissions";
pub const SESSIONS: &str = "/settings/sessions";
pub const TOKENS: &str = "/settings/tokens";
pub const AUDIT: &str = "/audit";
/// Where the record is exported.
pub const AUDIT_EXPORT: &str = "/audit/export";
pub const LOGIN: &str = "/login";
pub const MENU: &str = "/menu";
/// Where the sign-in form posts to.
pub const SIGN_IN: &str = "/auth/login";
/// Where the sign-out form posts to.
pub const SIGN_OUT: &str = "/auth/logout";
/// Where the form with the theme posts to.
pub const THEME: &str = "/auth/theme";

/// All pages. Asynchronous, so that a page that is not found has its status, and is whole without JavaScript.
#[component]
pub fn Pages() -> impl IntoView {
    let not_found = || {
        view! {
            <Frame>
                <NotFoundPage/>
            </Frame>
        }
    };
    view! {
        <Routes fallback=not_found>
            <Route path=path!("/login") view=LoginPage ssr=SsrMode::Async/>
            <ParentRoute path=path!("") view=Shell ssr=SsrMode::Async>
                <Route path=path!("/") view=OverviewPage ssr=SsrMode::Async/>
                <Route path=path!("/applications") view=ApplicationsPage ssr=SsrMode::Async/>
                <Route
                    path=path!("/applications/:control_plane/:namespace/:name")
                    view=ApplicationPage
                    ssr=SsrMode::Async
                />
                <Route path=path!("/clusters") view=ClustersPage ssr=SsrMode::Async/>
                <Route path=path!("/clusters/:control_plane/:name") view=ClusterPage ssr=SsrMode::Async/>
                <Route path=path!("/matrix") view=MatrixPage ssr=SsrMode::Async/>
                <Route path=path!("/apps/:slug") view=AppPage ssr=SsrMode::Async/>
                <Route
                    path=path!("/apps/:slug/:environment/rollback")
                    view=RollbackPage
                    ssr=SsrMode::Async
                />
                <Route path=path!("/plans") view=PromotePage ssr=SsrMode::Async/>
                <Route path=path!("/plans/:hash") view=PlanPage ssr=SsrMode::Async/>
                <Route path=path!("/changes") view=ChangesPage ssr=SsrMode::Async/>
                <Route path=path!("/changes/:id") view=ChangePage ssr=SsrMode::Async/>
                <Route path=path!("/waiting") view=WaitingPage ssr=SsrMode::Async/>
                <Route path=path!("/freezes") view=FreezesPage ssr=SsrMode::Async/>
                <Route path=path!("/repositories") view=RepositoriesPage ssr=SsrMode::Async/>
                <Route path=path!("/permissions") view=PermissionsPage ssr=SsrMode::Async/>
                <Route path=path!("/settings/sessions") view=SessionsPage ssr=SsrMode::Async/>
                <Route path=path!("/settings/tokens") view=TokensPage ssr=SsrMode::Async/>
                <Route path=path!("/audit") view=AuditPage ssr=SsrMode::Async/>
                <Route path=path!("/menu") view=MenuPage ssr=SsrMode::Async/>
            </ParentRoute>
        </Routes>
    }
}

/// Returns the link to the list of Applications that `query` asks for.
pub fn applications(query: &ListApplications) -> String {
    with_query(APPLICATIONS, filter::to_pairs(query))
}

/// Returns the link to an Application.
pub fn application(id: &ApplicationId) -> String {
    let [control_plane, namespace, name] =
        [&id.control_plane, &id.namespace, &id.name].map(|part| encode(part));
    format!("{APPLICATIONS}/{control_plane}/{namespace}/{name}")
}

/// Returns the link to an Application with the form of the sync open.
pub fn sync(id: &ApplicationId) -> String {
    format!("{}?sync=1", application(id))
}

/// Returns the link to an Application's last operation.
pub fn operation(id: &ApplicationId) -> String {
    format!("{}#operation", application(id))
}

/// Returns the link to the part of the matrix that `query` asks for.
pub fn matrix(query: &ListApps) -> String {
    with_query(MATRIX, matrix_query::to_pairs(query))
}

/// Returns the link to an app.
pub fn app(slug: &str) -> String {
    format!("{APPS}/{}", encode(slug))
}

/// Returns the link to an app's part about one environment.
pub fn app_environment(id: &CellId) -> String {
    format!("{}#{}", app(&id.app), encode(&id.environment))
}

/// Returns the link to an app with the releases that `sought` matches: a commit, a version or an author.
pub fn app_releases(slug: &str, sought: &str) -> String {
    let pairs = if sought.is_empty() { Vec::new() } else { vec![("commit", sought.to_owned())] };
    with_query(&app(slug), pairs)
}

/// Returns the link to what differs between two environments of an app.
pub fn comparison(slug: &str, from: &str, to: &str) -> String {
    format!("{}?from={}&to={}#differences", app(slug), encode(from), encode(to))
}

/// Returns the link to the earlier states of an app in an environment.
pub fn rollback(id: &CellId) -> String {
    format!("{}/{}/rollback", app(&id.app), encode(&id.environment))
}

/// Returns the link to the earlier states of an app in an environment, with one of them chosen.
pub fn rollback_to(id: &CellId, revision: &str) -> String {
    format!("{}?to={}", rollback(id), encode(revision))
}

/// As [`rollback_to`]; also whether the whole folder is meant, and whether objects that change in noise are shown.
pub fn rollback_preview(id: &CellId, revision: &str, whole_path: bool, noise: bool) -> String {
    let whole_path = if whole_path { "&whole=1" } else { "" };
    let noise = if noise { "&noise=1#rendered" } else { "" };
    format!("{}{whole_path}{noise}", rollback_to(id, revision))
}

/// Returns the link to the form that plans to bring apps from one environment to another; the apps are chosen there
/// where none is given.
pub fn promote(apps: &[String], from: &str, to: &str) -> String {
    let mut pairs: Vec<_> = apps.iter().map(|app| ("apps", app.clone())).collect();
    pairs.extend([("from", from.to_owned()), ("to", to.to_owned())]);
    with_query(PLANS, pairs)
}

/// Returns the link to a kept plan.
pub fn plan(hash: &str) -> String {
    format!("{PLANS}/{}", encode(hash))
}

/// Returns the link to the part of the list of changes that `query` asks for.
pub fn changes(query: &ListChanges) -> String {
    with_query(CHANGES, change_query::to_pairs(query))
}

/// Returns the link to a change.
pub fn change(id: u64) -> String {
    format!("{CHANGES}/{id}")
}

/// Returns the link to the decisions about a change.
pub fn approvals(id: u64) -> String {
    format!("{}#approvals", change(id))
}

/// Returns the link to a change that was just asked for; where it had been asked for before, the page says so.
pub fn started(id: u64, existed: bool) -> String {
    format!("{}{}", change(id), if existed { "?existed=1" } else { "" })
}

/// Returns the link to what a kept plan changes in the objects, with those that change in nothing but noise or without.
pub fn plan_objects(hash: &str, noise: bool) -> String {
    format!("{}{}#rendered", plan(hash), if noise { "?noise=1" } else { "" })
}

/// Returns the link to the holds.
pub fn holds() -> String {
    format!("{FREEZES}#holds")
}

/// Returns the link to the form that places a hold, ready for an app in an environment.
pub fn place_hold(id: &CellId) -> String {
    let pairs = vec![("hold", id.app.clone()), ("environment", id.environment.clone())];
    format!("{}#hold", with_query(FREEZES, pairs))
}

/// Returns the link to the repositories, with the findings of one severity alone where one is given.
pub fn repositories(severity: Option<&str>) -> String {
    with_query(REPOSITORIES, severity.map(|it| ("severity", it.to_owned())).into_iter().collect())
}

/// Returns the link to a cluster.
pub fn cluster(id: &ClusterId) -> String {
    format!("{CLUSTERS}/{}/{}", encode(&id.control_plane), encode(&id.name))
}

/// Returns the link to the acts that `query` asks for.
pub fn audit(query: &ListEvents) -> String {
    with_query(AUDIT, query.to_pairs())
}

/// Returns the link to the acts that `query` asks for, with one of them open.
pub fn audit_event(query: &ListEvents, id: &str) -> String {
    let mut pairs = query.to_pairs();
    pairs.push(("event", id.to_owned()));
    format!("{}#event", with_query(AUDIT, pairs))
}

/// Returns the link to the export of all events that the filters of `query` take.
pub fn audit_export(query: &ListEvents, format: ExportFormat) -> String {
    let format = match format {
        ExportFormat::Ndjson => "ndjson",
        ExportFormat::Csv => "csv",
    };
    let mut pairs = vec![("format", format.to_owned())];
    pairs.extend(query.filters());
    with_query(AUDIT_EXPORT, pairs)
}

/// Returns the address of the live stream of a view.
pub(crate) fn events(view: &View) -> Result<String, serde_json::Error> {
    Ok(format!("/events?view={}", encode(&serde_json::to_string(view)?)))
}

/// Returns the link that signs in at a provider and comes back to `next`.
pub fn sign_in_at(provider: &str, next: &str) -> String {
    format!("/auth/{}/login?next={}", encode(provider), encode(next))
}

/// Returns the link to the sign-in that comes back to `next`.
pub fn login(next: &str) -> String {
    format!("{LOGIN}?next={}", encode(next))
}

fn with_query(path: &str, pairs: Vec<(&'static str, String)>) -> String {
    let pairs: Vec<String> =
        pairs.into_iter().map(|(key, value)| format!("{key}={}", encode(&value))).collect();
    if pairs.is_empty() { path.into() } else { format!("{path}?{}", pairs.join("&")) }
}

/// Percent-encodes a path segment or a value of a query; the same on the server and in the browser.
fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_segment() {
        let id = ApplicationId { control_plane: "a/b".into(), namespace: "..?".into(), name: "ü&#".into() };
        assert_eq!(application(&id), "/applications/a%2Fb/..%3F/%C3%BC%26%23");
    }

    #[test]
    fn an_app_is_named_in_its_links_alone() {
        let id = CellId { app: "web/app?".into(), environment: "prod eu".into() };
        assert_eq!(app_environment(&id), "/apps/web%2Fapp%3F#prod%20eu");
        assert_eq!(app_releases(&id.app, ""), "/apps/web%2Fapp%3F");
        assert_eq!(app_releases("api", "a41f&b"), "/apps/api?commit=a41f%26b");
    }

    #[test]
    fn a_plain_list_has_a_plain_link() {
        assert_eq!(applications(&ListApplications::default()), "/applications");
        let query = ListApplications {
            q: "web app".into(),
            health: vec!["Degraded".into(), "Missing".into()],
            ..Default::default()
        };
        assert_eq!(applications(&query), "/applications?q=web%20app&health=Degraded&health=Missing");
    }
}
