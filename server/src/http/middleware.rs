//! The layers that every request passes, in their order and with the reason for it.
//!
//! From outside:
//! 1. `observe` gives the request its id and finds the caller's address, so that all below can name them; its log line
//!    and its measure cover everything.
//! 2. Compression is outside of the drawing of errors: error pages shrink, too. Event streams are left alone.
//! 3. `secure_headers` covers whatever answer leaves, errors included.
//! 4. [`error_page::draw`] is outside of all that can fail.
//! 5. A panic becomes an error as near as possible to the drawing, so that no layer below has to survive it.
//! 6. The timeout bounds an answer's beginning; the body of a stream may last.
//! 7. The refusal of requests from other sites comes before anything is read or looked up.
//! 8. The bound on bodies.
//! 9. [`auth::require_session`] is last: it may ask the database, and every handler may count on its word.

use std::{
    any::Any,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use model::AppError;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    csrf::{ConfigError, CsrfLayer, ProtectionError},
    limit::RequestBodyLimitLayer,
};
use tracing::Instrument;
use uuid::Uuid;

use super::{HttpState, auth, error_page};
use crate::{config::Network, http::error_page::Failure};

/// Longer than the slowest answer of the backend, a refresh that waits for Argo CD.
const TIMEOUT: Duration = Duration::from_secs(45);
/// A sync of an Application with some thousand resources named one by one fits.
const BODY_LIMIT: usize = 1024 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// For answers without a policy of their own: they have no scripts. Pages set theirs with the nonce of the render.
const POLICY: &str = "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// Who is behind a request, as far as the connection tells.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The id of the request, in log, error page and record alike.
    pub request_id: String,
    /// The address of the person, not that of a trusted proxy between.
    pub address: Option<IpAddr>,
    /// What the browser calls itself.
    pub browser: String,
}

impl Caller {
    /// Returns the caller of a request.
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// Returns the address as the record has it.
    pub fn address_text(&self) -> Option<String> {
        self.address.map(|address| address.to_string())
    }
}

/// Puts the layers around the routes.
pub(super) fn wrap(routes: Router<HttpState>, state: &HttpState) -> Result<Router<HttpState>, ConfigError> {
    let csrf = CsrfLayer::new()
        .add_trusted_origin(state.settings.public_url.origin())?
        .with_rejection_response(refuse_other_site);
    // Each call wraps those before it, so this reads from inside.
    Ok(routes
        .layer(middleware::from_fn_with_state(state.clone(), auth::require_session))
        .layer(RequestBodyLimitLayer::new(BODY_LIMIT))
        .layer(csrf)
        .layer(middleware::from_fn(bound_time))
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(middleware::from_fn(error_page::draw))
        .layer(middleware::from_fn_with_state(state.clone(), secure_headers))
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(state.clone(), observe)))
}

async fn observe(State(http): State<HttpState>, mut request: Request, next: Next) -> Response {
    let caller = Caller {
        // Always our own: an id from outside could be made to collide in the record.
        request_id: Uuid::now_v7().to_string(),
        address: client_address(&request, &http.settings.trusted_proxies),
        browser: browser(request.headers()),
    };
    let begin = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", id = %caller.request_id);
    request.extensions_mut().insert(caller.clone());

    let mut response = next.run(request).instrument(span.clone()).await;

    let (status, took) = (response.status(), begin.elapsed());
    http.metrics.observe(&method, &route, status, took);
    span.in_scope(|| {
        let (code, duration_ms) = (status.as_u16(), took.as_millis());
        let address = caller.address_text().unwrap_or_default();
        if is_chatter(&route) {
            tracing::debug!(%method, path, status = code, duration_ms, address, "{method} {path} {code}");
        } else {
            tracing::info!(%method, path, status = code, duration_ms, address, "{method} {path} {code}");
        }
    });
    if let Ok(id) = HeaderValue::from_str(&caller.request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Returns whether the route is asked by machines again and again, and says nothing in the log.
fn is_chatter(route: &str) -> bool {
    let is_file = ["/pkg", "/fonts"].iter().any(|folder| route.starts_with(folder));
    is_file
        || ["/healthz", "/readyz", "/metrics"].contains(&route)
        || super::assets::ROOT_FILES.contains(&route)
}

/// Finds the person's address: the peer's, or, behind trusted proxies, the last one that no trusted proxy vouches for.
fn client_address(request: &Request, trusted: &[Network]) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>()?.0.ip().to_canonical();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(*address));
    if !is_trusted(&peer) {
        return Some(peer);
    }
    let mut client = peer;
    for address in forwarded_for(request.headers()).into_iter().rev() {
        // A proxy that writes anything but an address is as good as no proxy.
        let Ok(address) = address.parse::<IpAddr>() else { break };
        client = address.to_canonical();
        if !is_trusted(&client) {
            break;
        }
    }
    Some(client)
}

fn browser(headers: &HeaderMap) -> String {
    let text = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    text.unwrap_or_default().to_owned()
}

fn forwarded_for(headers: &HeaderMap) -> Vec<&str> {
    let lines = headers.get_all(FORWARDED_FOR).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).collect()
}

async fn secure_headers(State(http): State<HttpState>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    // Forms without JavaScript find their way back by the referer.
    set(header::REFERRER_POLICY, "same-origin");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=()",
    );
    // What the fleet looks like stays in no cache.
    set(header::CACHE_CONTROL, "no-store");
    if http.settings.public_url.is_secure() {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}

fn answer_panic(_: Box<dyn Any + Send>) -> Response {
    Failure(AppError::Internal { request_id: String::new() }).into_response()
}

async fn bound_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let why = format!("no answer within {} s", TIMEOUT.as_secs());
            Failure(AppError::Unavailable { what: "Quarterdeck".into(), why }).into_response()
        }
    }
}

fn refuse_other_site(_: ProtectionError) -> Response<Body> {
    let (verb, object) = ("do this".into(), "from another site".into());
    Failure(AppError::Forbidden { verb, object }).into_response()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::{
        body::Body,
        extract::{ConnectInfo, Request},
    };

    use super::client_address;

    fn seen(peer: &str, forwarded: &str, trusted: &[&str]) -> String {
        let mut request = Request::new(Body::empty());
        let peer = format!("{peer}:1").parse::<SocketAddr>().expect("an address");
        request.extensions_mut().insert(ConnectInfo(peer));
        if !forwarded.is_empty() {
            request.headers_mut().insert("x-forwarded-for", forwarded.parse().expect("a value"));
        }
        let trusted: Vec<_> = trusted.iter().map(|network| network.parse().expect("a network")).collect();
        client_address(&request, &trusted).expect("an address").to_string()
    }

    #[test]
    fn a_stranger_cannot_choose_an_address() {
        assert_eq!(seen("192.0.2.7", "10.0.0.1", &[]), "192.0.2.7");
        assert_eq!(seen("192.0.2.7", "10.0.0.1", &["10.0.0.0/8"]), "192.0.2.7");
    }

    #[test]
    fn a_trusted_proxy_names_the_person() {
        assert_eq!(seen("10.0.0.1", "192.0.2.7", &["10.0.0.0/8"]), "192.0.2.7");
        assert_eq!(seen("10.0.0.1", "203.0.113.9, 192.0.2.7, 10.0.0.2", &["10.0.0.0/8"]), "192.0.2.7");
        assert_eq!(seen("[::ffff:10.0.0.1]", "192.0.2.7", &["10.0.0.1"]), "192.0.2.7");
    }

    #[test]
    fn nonsense_from_a_proxy_stops_the_search() {
        assert_eq!(seen("10.0.0.1", "192.0.2.7, unknown", &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", "", &["10.0.0.0/8"]), "10.0.0.1");
    }
}
