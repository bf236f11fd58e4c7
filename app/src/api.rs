//! Server functions: each is one line over the [`Backend`](model::backend::Backend).
//!
//! Here alone a status or a header is set. The functions live under `/fn`, and are for browser sessions only.

mod access;
mod apps;
mod changes;
mod fleet;
mod gates;
mod operations;
mod plans;
mod record;
mod waiting;

pub use access::*;
pub use apps::*;
pub use changes::*;
pub use fleet::*;
pub use gates::*;
pub use operations::*;
pub use plans::*;
pub use record::*;
pub use waiting::*;

#[cfg(feature = "ssr")]
pub use server::{fail, set_content_policy, set_not_found};

#[cfg(feature = "ssr")]
mod server {
    use std::sync::Arc;

    use axum::{
        Extension,
        http::{HeaderValue, Method, StatusCode, header, request::Parts},
    };
    use leptos::{nonce::use_nonce, prelude::*};
    use leptos_axum::{ResponseOptions, extract};
    use model::{Actor, AppError, AppResult, backend::Backend};

    /// Returns who acts, as the session says.
    pub(crate) async fn actor() -> AppResult<Actor> {
        let actor = extract::<Extension<Actor>>().await.map_err(|_| fail(AppError::Unauthenticated))?;
        Ok(actor.0)
    }

    /// Returns the engine behind the face.
    pub(crate) fn backend() -> AppResult<Arc<dyn Backend>> {
        use_context::<Arc<dyn Backend>>().ok_or_else(|| {
            fail(AppError::Unavailable { what: "Quarterdeck".into(), why: "it is still starting".into() })
        })
    }

    /// Passes an answer on, and gives the response the status of its error.
    pub(crate) fn answer<T>(answer: AppResult<T>) -> AppResult<T> {
        answer.map_err(fail)
    }

    /// Gives the response the status of `error`.
    ///
    /// Not that of a plain form post: it is answered by a redirect back to its page, which carries the error.
    pub fn fail(error: AppError) -> AppError {
        if !is_form_post() {
            set_status(StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        }
        error
    }

    /// Gives the response the status of a page that does not exist.
    pub fn set_not_found() {
        set_status(StatusCode::NOT_FOUND);
    }

    /// Tells the browser what the page may load: what comes from here, and the scripts of this very response.
    pub fn set_content_policy() {
        let Some((response, nonce)) = use_context::<ResponseOptions>().zip(use_nonce()) else { return };
        let policy = format!(
            "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; \
             img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'"
        );
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
        }
    }

    fn is_form_post() -> bool {
        use_context::<Parts>().is_some_and(|parts| {
            let accept = parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
            parts.method == Method::POST && accept.is_some_and(|accept| accept.contains("text/html"))
        })
    }

    fn set_status(status: StatusCode) {
        if let Some(response) = use_context::<ResponseOptions>() {
            response.set_status(status);
        }
    }
}
