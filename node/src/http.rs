//! `/metrics` for Prometheus, `/healthz` (the process turns) and `/readyz` (it may be given calls).

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use prometheus::{Registry, TextEncoder};
use std::{net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, sync::watch};

/// What the HTTP listener shows.
#[derive(Clone)]
pub struct Windows {
    /// Everything that `/metrics` prints, role by role.
    pub registries: Vec<Registry>,
    /// True while the node may be given calls.
    pub ready: watch::Receiver<bool>,
}

/// Binds the listener, so that a taken port is an error at start and not a line in the log.
///
/// # Errors
/// When the address cannot be bound.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until the process ends.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, windows: Windows) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .with_state(Arc::new(windows));
    axum::serve(listener, routes).await
}

async fn metrics(State(windows): State<Arc<Windows>>) -> impl IntoResponse {
    let families: Vec<_> = windows.registries.iter().flat_map(Registry::gather).collect();
    match TextEncoder::new().encode_to_string(&families) {
        Ok(text) => (StatusCode::OK, [("content-type", prometheus::TEXT_FORMAT)], text),
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, [("content-type", "text/plain")], format!("{error}\n"))
        }
    }
}

async fn readyz(State(windows): State<Arc<Windows>>) -> impl IntoResponse {
    if *windows.ready.borrow() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}
