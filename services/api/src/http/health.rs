//! Whether the server lives, and whether it can be used. The only pages that never need a key.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::{Api, problem::Error};

/// How long each dependency may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A sign of life.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Alive {
    /// Always `ok`.
    status: &'static str,
}

const OK: Json<Alive> = Json(Alive { status: "ok" });

/// Says that the process lives. It looks at nothing else: restarting the process would not mend a database.
#[utoipa::path(get, path = "/livez", tag = "operation", security(()),
    responses((status = 200, description = "It lives.", body = Alive)))]
pub(crate) async fn livez() -> Json<Alive> {
    OK
}

/// Says whether jobs can be taken and run: database, queue and asset store answer.
#[utoipa::path(get, path = "/readyz", tag = "operation", security(()),
    responses((status = 200, description = "It is ready.", body = Alive)))]
pub(crate) async fn readyz(State(api): State<Arc<Api>>) -> Result<Json<Alive>, Error> {
    if api.stop.is_cancelled() {
        return Err(Error::unavailable("this server, which is stopping,", anyhow::anyhow!("it was told to stop")));
    }
    within("the database", api.db.ping()).await?;
    within("the queue", api.queue.ping()).await?;
    within("the asset store", api.assets.probe()).await?;
    Ok(OK)
}

async fn within<E: Into<anyhow::Error>>(what: &str, look: impl Future<Output = Result<(), E>>) -> Result<(), Error> {
    match timeout(PATIENCE, look).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Error::unavailable(what, error)),
        Err(late) => Err(Error::unavailable(what, late)),
    }
}
