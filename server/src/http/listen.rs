//! The listener: connections with limits, and an end that lets answers under way come to theirs.

use std::{io, net::SocketAddr, time::Duration};

use axum::Router;
use axum_server::Handle;
use tokio_util::sync::CancellationToken;

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long the head of a request may take to come.
    pub head: Duration,
    /// How long requests that are being answered may take once the program stops.
    pub last_answers: Duration,
}

/// The most that the head of a request may measure: cookies of other programs on the host are in it, too.
const HEAD_BYTES: usize = 64 * 1024;
const MOST_HEADERS: usize = 128;

impl Default for Limits {
    fn default() -> Self {
        Self { head: Duration::from_secs(10), last_answers: Duration::from_secs(10) }
    }
}

/// Answers requests until `stop`, and then those that are under way.
///
/// # Errors
/// The listener cannot be used.
pub async fn answer(
    listener: std::net::TcpListener,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) -> io::Result<()> {
    tracing::info!("listening on http://{}", listener.local_addr()?);
    let handle = Handle::new();
    let server = axum_server::from_tcp(listener)?.handle(handle.clone());
    let mut server = server.first_request_timeout(limits.head);
    server
        .http_builder()
        .http1()
        .header_read_timeout(limits.head)
        .max_headers(MOST_HEADERS)
        .max_buf_size(HEAD_BYTES);
    let serving = server.serve(router.into_make_service_with_connect_info::<SocketAddr>());
    let stopping = async {
        stop.cancelled().await;
        handle.graceful_shutdown(Some(limits.last_answers));
        std::future::pending().await
    };
    tokio::select! {
        served = serving => served,
        never = stopping => never,
    }
}
