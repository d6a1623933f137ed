//! The front door: REST, SSE, WebSocket; the only writer of SQL; pump, projector, reconcile.

pub mod address;
mod assistant;
mod capabilities;
pub mod command;
pub mod config;
pub mod db;
pub mod dispatch;
pub mod failpoint;
mod groups;
mod http;
mod keys;
mod live;
mod llms;
mod models;
mod server;
mod submit;
pub mod tagging;
pub mod text;

pub use http::document::openapi_json;
pub use keys::create_key;
pub use server::Server;

use chassis::clock::Clock;
use config::Config;
use tokio_util::sync::CancellationToken;

/// Serves until `stop` fires.
pub async fn serve(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    Server::start(config, Clock::system(), stop).await?.finished().await
}
