//! The whole API as one thing that starts, serves and stops.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use assets::AssetStore;
use chassis::{clock::Clock, lifecycle::finish_within};
use queue::Queue;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use crate::{
    address,
    assistant::Assistant,
    config::{Config, refused_by_queue},
    db::Db,
    dispatch::{self, Dispatch},
    http::{self, Api, connections},
    live::{self, Live},
    models::Models,
    submit::Reception,
    tagging,
    text::{self, Texts},
};

/// How long requests and conversations may take to end once the server was told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// A running API.
pub struct Server {
    address: SocketAddr,
    work: JoinHandle<anyhow::Result<()>>,
}

impl Server {
    /// Opens database, queue and store, and starts to serve. `stop` ends it in order.
    pub async fn start(config: Config, clock: Clock, stop: CancellationToken) -> anyhow::Result<Self> {
        make_folder(&config.data_dir)?;
        let db = Db::open(config.database_url.expose()).await?;
        config.check_access(db.count_keys().await?)?;
        let queue = Queue::connect(config.valkey_url.expose(), &config.queue_prefix).await.map_err(refused_by_queue)?;
        queue.prepare().await?;
        let assets = AssetStore::open(&config.assets_url).context("could not open the store of files")?;
        let listener = TcpListener::bind((config.host.as_str(), config.port)).await;
        let listener = listener.with_context(|| format!("could not listen on {} port {}", config.host, config.port))?;
        let address = listener.local_addr().context("could not ask for the address of the listener")?;

        let written = address::write_down(&config.data_dir, address);
        written.with_context(|| format!("could not write into {}", config.data_dir.display()))?;

        // The dispatch stops last: until then, requests that are being answered need it.
        let stop_dispatch = CancellationToken::new();
        let parts = dispatch::Parts {
            db: db.clone(),
            queue: queue.clone(),
            assets: assets.clone(),
            clock: clock.clone(),
            settings: config.dispatch(),
        };
        let (dispatch, dispatching) = Dispatch::start(parts, stop_dispatch.clone());
        let parts =
            text::Parts { db: db.clone(), queue: queue.clone(), clock: clock.clone(), settings: config.texts() };
        let (texts, hearing) = Texts::start(parts, stop_dispatch.clone()).await?;
        let tasks = TaskTracker::new();
        let live =
            Live::start(live::Parts { db: db.clone(), queue: queue.clone(), clock: clock.clone() }, &tasks, &stop);
        let models = Models::open(&config);
        let reception = Reception {
            db: db.clone(),
            queue: queue.clone(),
            dispatch: dispatch.clone(),
            models: models.clone(),
            assets: assets.clone(),
            clock: clock.clone(),
            stop: stop.clone(),
            max_picture_pixels: config.max_picture_pixels,
            max_attempts: config.max_attempts,
            queue_limit: config.queue_limit,
        };
        let assistant =
            Assistant { texts: texts.clone(), models: models.clone(), queue: queue.clone(), roles: config.roles() };
        let parts = tagging::Parts {
            db: db.clone(),
            texts: texts.clone(),
            dispatch: dispatch.clone(),
            assistant: assistant.clone(),
            clock: clock.clone(),
            settings: config.tagging(),
        };
        let tagging = tagging::start(parts, stop.clone());
        let head_timeout = Duration::from_secs(config.head_timeout_s);
        let api = Api::new(http::Parts {
            config,
            db: db.clone(),
            queue,
            assets,
            models,
            dispatch,
            reception,
            texts,
            assistant,
            live,
            clock,
            tasks: tasks.clone(),
            stop: stop.clone(),
        })?;
        info!("listening on http://{address}");
        let router = http::router(Arc::new(api));
        let work = tokio::spawn(async move {
            serve_until(listener, router, head_timeout, &stop).await;
            tasks.close();
            if finish_within(&stop, GRACE, tasks.wait()).await.is_none() {
                warn!("some conversations did not end in time");
            }
            tagging.await.context("the tagging broke down: this is a bug")?;
            stop_dispatch.cancel();
            dispatching.await.context("the dispatch broke down: this is a bug")?;
            hearing.await.context("the reception of text broke down: this is a bug")?;
            db.close().await;
            Ok(())
        });
        Ok(Self { address, work })
    }

    /// Returns the address that the server listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the server has stopped.
    pub async fn finished(self) -> anyhow::Result<()> {
        self.work.await.context("the server broke down: this is a bug")?
    }
}

/// Makes the folder that the record lies in, unless the settings say otherwise.
pub(crate) fn make_folder(data_dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(data_dir).with_context(|| format!("could not make the folder {}", data_dir.display()))
}

/// Serves until `stop` fires and the last request is answered, or until the grace is over.
async fn serve_until(listener: TcpListener, router: axum::Router, head_timeout: Duration, stop: &CancellationToken) {
    let serve = connections::serve(listener, router, head_timeout, stop);
    if finish_within(stop, GRACE, serve).await.is_none() {
        warn!("some requests were not answered in time and are cut off");
    }
}
