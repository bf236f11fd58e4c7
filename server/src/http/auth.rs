//! Sign-in, sign-out, the session of a request, and the theme.
//!
//! What a session is, [`Sessions`](super::Sessions) knows; here live the cookie, the redirects and the rule that everything
//! but a short list asks for a session.

use axum::{
    Extension, Form,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware::Next,
    response::{Html, IntoResponse, Redirect, Response},
};
use engine::access::oidc::{Callback, SignInError};
use model::{Actor, AppError, AppResult};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{
    HttpState, assets, cookie,
    error_page::{self, Failure},
    middleware::Caller,
};

/// The session of a request, for those who have to ask again later whether it still lasts.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) token: String,
    pub(super) actor: Actor,
    pub(super) caller: Caller,
}

/// What the form of `/login` sends.
#[derive(Deserialize)]
pub(super) struct SignIn {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// Where to go after signing in.
#[derive(Deserialize)]
pub(super) struct ReturnTo {
    #[serde(default)]
    next: String,
}

/// What a provider sends a browser back with.
#[derive(Deserialize)]
pub(super) struct ProviderAnswer {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
}

/// What the theme button sends.
#[derive(Deserialize)]
pub(super) struct ChooseTheme {
    theme: Theme,
}

/// How pages look.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Theme {
    Dark,
    Light,
    System,
}

impl Theme {
    /// Returns what the person chose, by the cookie.
    pub(super) fn chosen(headers: &HeaderMap) -> Self {
        let word = cookie::read(headers, THEME);
        let known = [Self::Dark, Self::Light].into_iter().find(|theme| Some(theme.word()) == word);
        known.unwrap_or(Self::System)
    }

    /// Returns the word of the cookie and of `data-theme`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::System => "system",
        }
    }
}

const LOGIN: &str = "/login";
const THEME: &str = "theme";
/// What needs no session, beside the site's files. A form that is not understood still has to come to its handler.
const OPEN: [&str; 7] =
    [LOGIN, "/auth/login", "/auth/theme", "/fn/get_sign_in", "/healthz", "/readyz", "/metrics"];
/// As long as an attempt lives.
const ATTEMPT_AGE: &str = "; Max-Age=600";
const THEME_AGE: &str = "; Max-Age=31536000";
/// Everything but what a query takes as it stands.
const QUERY_VALUE: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Finds the session of a request and hands its [`Actor`] on; without one, people are sent to sign in and machines get
/// 401. A path is open by being listed, so that a new route is closed.
pub(super) async fn require_session(
    State(http): State<HttpState>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = Caller::of(request.extensions());
    if is_open(request.uri().path()) {
        let limited = if is_file(request.uri().path()) { Ok(()) } else { http.rates.stranger(&caller) };
        return match limited {
            Ok(()) => next.run(request).await,
            Err(error) => Failure(error).into_response(),
        };
    }
    if let Some(token) = bearer(&request) {
        return match http.services.sessions.actor_of_token(token, &caller).await {
            Ok(Some(actor)) => go_on(&http, actor, request, next).await,
            Ok(None) => {
                let limited = http.rates.stranger(&caller).err();
                Failure(limited.unwrap_or(AppError::Unauthenticated)).into_response()
            }
            Err(error) => Failure(error).into_response(),
        };
    }
    match find_session(&http, request.headers(), caller).await {
        Ok(Some(session)) => {
            let actor = session.actor.clone();
            request.extensions_mut().insert(session);
            go_on(&http, actor, request, next).await
        }
        Ok(None) => ask_to_sign_in(&request),
        Err(error) => Failure(error).into_response(),
    }
}

async fn go_on(http: &HttpState, actor: Actor, mut request: Request, next: Next) -> Response {
    if let Err(error) = http.rates.actor(&actor, request.method()) {
        return Failure(error).into_response();
    }
    request.extensions_mut().insert(actor);
    next.run(request).await
}

/// `POST /auth/login`: a new session and back to where the person wanted to go, or back to the form with the reason.
pub(super) async fn sign_in(
    State(http): State<HttpState>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    form: SignInForm,
) -> Response {
    let Ok(Form(form)) = form else {
        return back_to_login(
            &AppError::Invalid { field: "The form".into(), why: "it is incomplete.".into() },
            "",
        );
    };
    let password = SecretString::from(form.password);
    let before = session_token(&http, &headers);
    match http.services.sessions.sign_in(&form.name, password, &caller, before).await {
        Ok(token) => {
            let next = same_site_path(&form.next).unwrap_or("/");
            with_cookie(&session_cookie(&http, token.expose_secret(), ""), Redirect::to(next))
        }
        Err(error) => back_to_login(&error, &form.next),
    }
}

/// `GET /auth/{provider}/login`: sends the browser to the provider.
pub(super) async fn begin_at_provider(
    State(http): State<HttpState>,
    Path(provider): Path<String>,
    Query(ReturnTo { next }): Query<ReturnTo>,
) -> Response {
    let return_to = same_site_path(&next).unwrap_or("/");
    let redirect_uri = callback_uri(&http, &provider);
    match http.services.sessions.begin_sign_in(&provider, &redirect_uri, return_to).await {
        Ok(begun) => {
            let cookie = attempt_cookie(&http, begun.browser.expose(), ATTEMPT_AGE);
            with_cookie(&cookie, Redirect::to(&begun.url))
        }
        Err(error) => sign_in_failed(&error, &next),
    }
}

/// `GET /auth/{provider}/callback`: the browser comes back from the provider.
pub(super) async fn finish_at_provider(
    State(http): State<HttpState>,
    Path(provider): Path<String>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Query(answer): Query<ProviderAnswer>,
) -> Response {
    let callback = Callback {
        state: answer.state.as_deref(),
        code: answer.code.as_deref(),
        error: answer.error.as_deref(),
        browser: cookie::read(&headers, http.settings.public_url.attempt_cookie()),
    };
    let (redirect_uri, before) = (callback_uri(&http, &provider), session_token(&http, &headers));
    let finished =
        http.services.sessions.finish_sign_in(&provider, &redirect_uri, callback, &caller, before).await;
    let response = match finished {
        Ok((token, return_to)) => {
            let next = same_site_path(&return_to).unwrap_or("/");
            with_cookie(&session_cookie(&http, token.expose(), ""), Redirect::to(next))
        }
        Err(error) => sign_in_failed(&error, ""),
    };
    with_cookie(&attempt_cookie(&http, "", "; Max-Age=0"), response)
}

/// `POST /auth/logout`: ends the session here and at its provider, then shows the form.
pub(super) async fn sign_out(
    State(http): State<HttpState>,
    Extension(session): Extension<Session>,
) -> Result<Response, Failure> {
    let back_to = format!("{}{LOGIN}", http.settings.public_url.origin());
    let elsewhere = http.services.sessions.logout_url(&session.token, &back_to).await;
    http.services.sessions.sign_out(&session.actor, &session.token).await?;
    let next = elsewhere.map_or_else(|| Redirect::to(LOGIN).into_response(), |url| lead_away(&url));
    Ok(with_cookie(&session_cookie(&http, "", "; Max-Age=0"), next))
}

/// `POST /auth/theme`: remembers the choice in a cookie, then shows the page that it came from. A script, which has
/// changed the page already, gets no page.
pub(super) async fn choose_theme(
    State(http): State<HttpState>,
    headers: HeaderMap,
    Form(form): Form<ChooseTheme>,
) -> Response {
    let cookie = cookie::write(&http.settings.public_url, THEME, form.theme.word(), THEME_AGE);
    if error_page::accepts_html(&headers) {
        with_cookie(&cookie, Redirect::to(&referring_path(&headers).unwrap_or_else(|| "/".to_owned())))
    } else {
        with_cookie(&cookie, StatusCode::NO_CONTENT)
    }
}

/// Returns the path if it leads to a page of ours and nowhere else.
pub(super) fn same_site_path(path: &str) -> Option<&str> {
    let is_ours = path.starts_with('/') && !path.starts_with("//");
    // Browsers read a backslash as a slash, and drop tabs and line ends.
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let is_page =
        !["/auth/", "/fn/", "/api/", "/events", LOGIN].iter().any(|machine| path.starts_with(machine));
    (is_ours && is_plain && is_page).then_some(path)
}

type SignInForm = Result<Form<SignIn>, axum::extract::rejection::FormRejection>;

fn is_open(path: &str) -> bool {
    let is_provider = path.strip_prefix("/auth/").and_then(|rest| rest.split_once('/'));
    let is_sign_in = is_provider.is_some_and(|(_, step)| step == "login" || step == "callback");
    // What a forge sends is signed instead.
    let is_webhook = path.starts_with("/webhooks/");
    is_file(path) || is_sign_in || is_webhook || OPEN.contains(&path)
}

fn is_file(path: &str) -> bool {
    path.starts_with("/pkg/") || path.starts_with("/fonts/") || assets::ROOT_FILES.contains(&path)
}

async fn find_session(http: &HttpState, headers: &HeaderMap, caller: Caller) -> AppResult<Option<Session>> {
    let Some(token) = session_token(http, headers) else { return Ok(None) };
    let actor = http.services.sessions.actor_of(token, &caller).await?;
    Ok(actor.map(|actor| Session { token: token.to_owned(), actor, caller }))
}

/// Returns the API token of a request to the API; elsewhere tokens do not count.
fn bearer(request: &Request) -> Option<&str> {
    let is_api =
        request.uri().path().strip_prefix(super::api::PREFIX).is_some_and(|rest| rest.starts_with('/'));
    let value = request.headers().get(header::AUTHORIZATION).filter(|_| is_api)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn session_token<'a>(http: &HttpState, headers: &'a HeaderMap) -> Option<&'a str> {
    cookie::read(headers, http.settings.public_url.session_cookie())
}

/// Where a provider sends browsers back to; by the setting, for a header would be anybody's word.
fn callback_uri(http: &HttpState, provider: &str) -> String {
    format!("{}/auth/{provider}/callback", http.settings.public_url.origin())
}

/// Leads a browser that posted a form to another site. A redirect would be stopped: forms go to this site alone.
fn lead_away(url: &str) -> Response {
    let refresh = (HeaderName::from_static("refresh"), format!("0; url={url}"));
    ([refresh], Html("<!doctype html><title>Signing out</title><p>You are signed out here, and led on to your identity provider.")).into_response()
}

fn sign_in_failed(error: &SignInError, next: &str) -> Response {
    tracing::warn!(error = error as &dyn std::error::Error, "a sign-in at a provider failed");
    to_login(Some(error.code()), next)
}

fn attempt_cookie(http: &HttpState, secret: &str, attributes: &str) -> String {
    let url = &http.settings.public_url;
    cookie::write(url, url.attempt_cookie(), secret, &format!("; HttpOnly{attributes}"))
}

fn ask_to_sign_in(request: &Request) -> Response {
    let (path, headers) = (request.uri().path(), request.headers());
    let is_machine = ["/fn/", "/api/"].iter().any(|prefix| path.starts_with(prefix)) || path == "/events";
    if !is_machine {
        let next = request.uri().path_and_query().map_or("/", |path| path.as_str());
        return to_login(None, next);
    }
    if error_page::accepts_html(headers) && path.starts_with("/fn/") {
        // A form without JavaScript: back to its page after signing in.
        return to_login(None, &referring_path(headers).unwrap_or_default());
    }
    Failure(AppError::Unauthenticated).into_response()
}

fn back_to_login(error: &AppError, next: &str) -> Response {
    to_login(Some(error.code()), next)
}

fn to_login(error: Option<&str>, next: &str) -> Response {
    let next = same_site_path(next).filter(|next| *next != "/");
    let next = next.map(|next| format!("next={}", utf8_percent_encode(next, QUERY_VALUE)));
    let query: Vec<_> = error.map(|code| format!("error={code}")).into_iter().chain(next).collect();
    let question_mark = if query.is_empty() { "" } else { "?" };
    Redirect::to(&format!("{LOGIN}{question_mark}{}", query.join("&"))).into_response()
}

/// Returns the path of the page that sent the request. The host does not matter, for only the path is used.
fn referring_path(headers: &HeaderMap) -> Option<String> {
    let referer = headers.get(header::REFERER)?.to_str().ok()?.parse::<Uri>().ok()?;
    same_site_path(referer.path_and_query()?.as_str()).map(str::to_owned)
}

fn session_cookie(http: &HttpState, token: &str, attributes: &str) -> String {
    let url = &http.settings.public_url;
    cookie::write(url, url.session_cookie(), token, &format!("; HttpOnly{attributes}"))
}

fn with_cookie(cookie: &str, response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    // Tokens and themes are made of letters, digits, '-' and '_'.
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::same_site_path;

    #[test]
    fn only_pages_of_ours_are_gone_to() {
        for path in ["/", "/applications?q=web&page=2", "/clusters/lab/prod"] {
            assert_eq!(same_site_path(path), Some(path));
        }
        for path in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\nb",
            "/\t/evil.example",
            "/ä",
        ] {
            assert_eq!(same_site_path(path), None, "{path:?}");
        }
        for path in ["/login?next=/", "/auth/logout", "/fn/sync_application", "/events?view=1"] {
            assert_eq!(same_site_path(path), None, "{path:?}");
        }
    }
}
