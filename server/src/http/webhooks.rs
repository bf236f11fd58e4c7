//! `POST /webhooks/{forge}`: a forge tells of a push, and the repository is fetched at once instead of on the timer.
//!
//! Open to everybody: what counts is the signature, which the engine checks before it looks at the body. The answer tells
//! nobody which repositories there are.

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use engine::git::webhook::WebhookError;

use super::HttpState;

/// Takes a delivery. The forge is told by its headers; the path only reads well in its settings.
pub(super) async fn receive(
    State(http): State<HttpState>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    match http.services.webhooks.receive(&headers, &body).await {
        Ok(()) => (StatusCode::ACCEPTED, "Taken.\n".to_owned()),
        Err(error) => (status_of(error), format!("The delivery is not taken: {error}.\n")),
    }
}

fn status_of(error: WebhookError) -> StatusCode {
    match error {
        WebhookError::Unknown | WebhookError::NoSecret | WebhookError::NotSigned => StatusCode::UNAUTHORIZED,
        WebhookError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        WebhookError::Malformed => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_signed_is_refused_alike_whatever_the_reason() {
        let refused = [WebhookError::Unknown, WebhookError::NoSecret, WebhookError::NotSigned];
        assert!(refused.into_iter().all(|error| status_of(error) == StatusCode::UNAUTHORIZED));
    }
}
