//! `/livez`, `/readyz` and `/metrics`.
//!
//! Open before anything else, so that a long recovery does not look like a dead process.
//! Absent: anything that changes state.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use tokio::task::JoinSet;

use crate::health::{Health, Stage};
use crate::net::listener::bind_http;
use crate::node::StartError;
use crate::settings::Endpoint;
use crate::shared::Shared;

/// What the pages are made from; the node is there once it is constructed.
#[derive(Clone)]
pub(crate) struct Pages {
    pub(crate) health: Health,
    pub(crate) node: Arc<OnceLock<Arc<Shared>>>,
}

/// The routes.
pub(crate) fn router(pages: Pages) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(pages)
}

async fn livez() -> &'static str {
    "alive\n"
}

async fn readyz(State(pages): State<Pages>) -> (StatusCode, String) {
    let stage = pages.health.stage();
    let code = if stage == Stage::Ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let progress = match (stage, pages.node.get()) {
        (_, Some(node)) => format!(", metadata index {}", node.applied_text()),
        _ => String::new(),
    };
    (code, format!("{stage}{progress}\n"))
}

async fn metrics(State(pages): State<Pages>) -> (StatusCode, String) {
    match pages.node.get() {
        Some(node) => (StatusCode::OK, node.render_metrics()),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("# {}\n", pages.health.stage()),
        ),
    }
}

/// Listens and serves the pages until the tasks are stopped.
pub(crate) async fn serve(
    endpoint: &Endpoint,
    pages: Pages,
    tasks: &mut JoinSet<()>,
) -> Result<SocketAddr, StartError> {
    let (listener, address) = bind_http(endpoint).await.map_err(StartError::Bind)?;
    tasks.spawn(async move {
        if let Err(error) = axum::serve(listener, router(pages)).await {
            tracing::error!(event = "http_ended", %error, "health pages are gone");
        }
    });
    Ok(address)
}
