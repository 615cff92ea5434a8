//! `/livez`, `/readyz`, `/metrics` and `/groups`.
//!
//! Open before anything else, so that a long recovery does not look like a dead process.
//! Absent: anything that changes state.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::routing::get;
use chronik_log::Progress;

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
    pub(crate) recovery: Arc<Progress>,
    pub(crate) node: Arc<OnceLock<Arc<Shared>>>,
}

/// The routes.
pub(crate) fn router(pages: Pages) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/groups", get(groups))
        .route("/groups/{group}", get(group))
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
        (Stage::Recovering, _) => format!(", {}", recovery_text(&pages.recovery)),
        (_, Some(node)) => format!(", metadata index {}", node.applied_text()),
        _ => String::new(),
    };
    (code, format!("{stage}{progress}\n"))
}

fn recovery_text(progress: &Progress) -> String {
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    format!(
        "{} bytes of the journal read, {} of {} logs done",
        of(&progress.journal_bytes),
        of(&progress.logs_done),
        of(&progress.logs_total)
    )
}

async fn metrics(State(pages): State<Pages>) -> (StatusCode, String) {
    match pages.node.get() {
        Some(node) => (StatusCode::OK, node.render_metrics().await),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("# {}\n", pages.health.stage()),
        ),
    }
}

/// All groups, with members, offsets and lag.
async fn groups(State(pages): State<Pages>) -> (StatusCode, JsonHeader, String) {
    groups_page(&pages, None).await
}

/// One group, with its events as well.
async fn group(
    State(pages): State<Pages>,
    Path(group): Path<String>,
) -> (StatusCode, JsonHeader, String) {
    groups_page(&pages, Some(&group)).await
}

type JsonHeader = [(HeaderName, &'static str); 1];

async fn groups_page(pages: &Pages, group: Option<&str>) -> (StatusCode, JsonHeader, String) {
    const JSON: JsonHeader = [(CONTENT_TYPE, "application/json")];
    match pages.node.get() {
        Some(node) => {
            let page = node.groups.page(&node.image(), group).await;
            (StatusCode::OK, JSON, format!("{page}\n"))
        }
        None => (StatusCode::SERVICE_UNAVAILABLE, JSON, "{}\n".to_owned()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn readyz_says_how_far_a_recovery_is() {
        let pages = Pages {
            health: Health::new(),
            recovery: Arc::default(),
            node: Arc::default(),
        };
        pages.health.enter(Stage::Recovering);
        pages.recovery.journal_bytes.store(4096, Ordering::Relaxed);
        pages.recovery.logs_total.store(7, Ordering::Relaxed);
        pages.recovery.logs_done.store(2, Ordering::Relaxed);
        let (code, body) = readyz(State(pages)).await;
        assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            body,
            "recovering logs, 4096 bytes of the journal read, 2 of 7 logs done\n"
        );
    }
}
