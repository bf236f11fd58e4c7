//! What can go wrong inside the engine, and how it crosses the border.

use model::{Actor, AppError};

/// The answer of everything inside the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong inside the engine. Sources are never repeated in the text.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An answer that people read as it stands.
    #[error(transparent)]
    Answer(#[from] AppError),
    /// PostgreSQL refused or did not answer.
    #[error("the database could not {what}")]
    Db {
        what: &'static str,
        #[source]
        source: sqlx::Error,
    },
    /// An API server refused or did not answer.
    #[error("{server} could not {what}")]
    Kube {
        /// E.g. "the API server of control plane lab".
        server: String,
        what: &'static str,
        #[source]
        source: Box<kube::Error>,
    },
    /// An API server did not answer in time.
    #[error("{server} did not {what} within {seconds} s")]
    Timeout { server: String, what: &'static str, seconds: u64 },
    /// A setting is wrong; the text names it and says what to do.
    #[error("{0}")]
    Setting(String),
    /// A file or a child process of ours failed.
    #[error("{what}")]
    Io {
        what: String,
        #[source]
        source: std::io::Error,
    },
    /// Something that cannot be, with its story for the log.
    #[error("{0}")]
    Bug(String),
}

impl Error {
    /// Turns the error into what the actor reads. Details of our own failures go to the log, once, with the request id.
    pub fn into_answer(self, actor: &Actor) -> AppError {
        match self {
            Self::Answer(answer) => answer,
            Self::Kube { server, what, source } => {
                tracing::warn!(request_id = %actor.request_id, error = &*source as &dyn std::error::Error, "{server} could not {what}");
                AppError::Unavailable { what: server, why: explain_kube(&source) }
            }
            Self::Timeout { server, what, seconds } => {
                tracing::warn!(request_id = %actor.request_id, "{server} did not {what} within {seconds} s");
                AppError::Unavailable { what: server, why: format!("no answer within {seconds} s") }
            }
            other => {
                tracing::error!(request_id = %actor.request_id, error = &other as &dyn std::error::Error, "a request failed");
                AppError::Internal { request_id: actor.request_id.clone() }
            }
        }
    }
}

/// Says in one line why an API server did not do what was asked: its own message, or the innermost cause.
pub fn explain_kube(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return match status.message.trim() {
            "" => format!("it answered {}", status.code),
            message => format!("it answered {}: {message}", status.code),
        };
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
