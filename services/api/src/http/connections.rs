//! Connections: how long a client may take to say what it wants, and how a connection ends when the server stops.

use std::{pin::pin, time::Duration};

use axum::{
    Router,
    serve::{Listener as _, ListenerExt as _},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

/// Serves until `stop` fires and the last request is answered.
///
/// A connection is closed when the head of its next request takes longer than `head_timeout`, be it that nothing comes at all.
pub(crate) async fn serve(listener: TcpListener, router: Router, head_timeout: Duration, stop: &CancellationToken) {
    let mut listener = listener.tap_io(|stream| {
        // Small frames must not wait for larger ones.
        if let Err(error) = stream.set_nodelay(true) {
            warn!("a connection may be slow: {error}");
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_timeout);
    let open = TaskTracker::new();
    while let Some((stream, _)) = stop.run_until_cancelled(listener.accept()).await {
        let service = TowerToHyperService::new(router.clone());
        let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let stop = stop.clone();
        open.spawn(async move {
            let mut connection = pin!(connection);
            let ended = match stop.run_until_cancelled(connection.as_mut()).await {
                Some(ended) => ended,
                None => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            // Clients come and go as they like.
            if let Err(error) = ended {
                debug!("a connection broke off: {:#}", anyhow::Error::from(error));
            }
        });
    }
    drop(listener);
    open.close();
    open.wait().await;
}
