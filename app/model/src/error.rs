//! The one error that crosses the border between the halves.

use serde::{Deserialize, Serialize};
use server_fn::{
    codec::JsonEncoding,
    error::{FromServerFnError, ServerFnErrorErr},
};

/// The answer of everything that the face asks of the engine.
pub type AppResult<T> = Result<T, AppError>;

/// What can go wrong, in the words that a person reads: what happened, to what, and what to do next.
///
/// A closed set, always shown as text: without JavaScript it comes back through the URL, where anybody could craft one.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, thiserror::Error)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum AppError {
    /// Nobody is signed in, or the session ended.
    #[error("You are not signed in, or your session ended. Sign in and try again.")]
    Unauthenticated,
    /// The actor lacks a right on something that they may know of.
    #[error("You may not {verb} {object}. Ask an administrator for that right.")]
    Forbidden { verb: String, object: String },
    /// The thing does not exist, or the actor may not know of it.
    #[error("{what} was not found. It may have been deleted or renamed, or you may not see it.")]
    NotFound { what: String },
    /// The request itself is wrong.
    #[error("{field} is not valid: {why}")]
    Invalid { field: String, why: String },
    /// The state of the thing forbids the act; nothing was changed.
    #[error("{why} Nothing was changed.")]
    Conflict { why: String },
    /// Too many tries.
    #[error("Too many attempts. Wait {retry_seconds} s and try again.")]
    RateLimited { retry_seconds: u32 },
    /// Something that we depend on does not answer.
    #[error("{what} does not answer: {why}. Nothing was changed; try again in a moment.")]
    Unavailable { what: String, why: String },
    /// Our fault; the log has the details under the request id.
    #[error(
        "Something went wrong on our side. Try again; if it stays, give request id {request_id} to an administrator."
    )]
    Internal { request_id: String },
    /// The call did not reach the server, or its answer made no sense.
    #[error("The server could not be reached: {why}. Try again in a moment.")]
    Transport { why: String },
}

impl AppError {
    /// Returns the stable code of the error, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden { .. } => "forbidden",
            Self::NotFound { .. } => "not_found",
            Self::Invalid { .. } => "invalid",
            Self::Conflict { .. } => "conflict",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable { .. } => "unavailable",
            Self::Internal { .. } => "internal",
            Self::Transport { .. } => "transport",
        }
    }

    /// Returns the HTTP status that goes with the error.
    pub fn status(&self) -> u16 {
        match self {
            Self::Unauthenticated => 401,
            Self::Forbidden { .. } => 403,
            Self::NotFound { .. } => 404,
            Self::Invalid { .. } => 422,
            Self::Conflict { .. } => 409,
            Self::RateLimited { .. } => 429,
            Self::Unavailable { .. } | Self::Transport { .. } => 503,
            Self::Internal { .. } => 500,
        }
    }
}

impl FromServerFnError for AppError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Args(why) | ServerFnErrorErr::MissingArg(why) => {
                Self::Invalid { field: "request".into(), why }
            }
            other => Self::Transport { why: other.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::AppError;

    #[test]
    fn an_error_keeps_its_code_on_the_wire() {
        let error = AppError::NotFound { what: "Application web-app-prod".into() };
        let wire = serde_json::to_value(&error).expect("serializes");
        assert_eq!(wire["code"], error.code());
        assert_eq!(serde_json::from_value::<AppError>(wire).expect("parses"), error);
    }
}
