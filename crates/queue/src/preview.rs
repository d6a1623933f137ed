//! Previews: pictures for those who watch now, and the last one for those who come later.

use std::time::Duration;

use bytes::Bytes;
use contract::JobId;
use futures::StreamExt;
use tokio::sync::mpsc;

use crate::{Error, Queue};

/// How long the last frame of a job is kept.
const KEPT: Duration = Duration::from_secs(600);
/// How many frames wait for a receiver before some are left out.
const FRAMES_WAITING: usize = 64;
/// How long to wait before subscribing again.
const PAUSE: Duration = Duration::from_millis(500);

impl Queue {
    /// Sends a frame (see `contract::preview`) to whoever watches, and keeps it for a while.
    pub async fn publish_preview(&self, id: JobId, frame: Bytes) -> Result<(), Error> {
        let mut send = redis::pipe();
        send.cmd("SET").arg(self.keys().last_preview(id)).arg(&frame[..]).arg("PX").arg(KEPT.as_millis() as u64);
        send.ignore().cmd("PUBLISH").arg(self.keys().previews()).arg(&frame[..]).ignore();
        self.query_all("publish a preview", &send).await
    }

    /// Returns the last frame of a job.
    pub async fn last_preview(&self, id: JobId) -> Result<Option<Bytes>, Error> {
        let mut load = redis::cmd("GET");
        load.arg(self.keys().last_preview(id));
        let frame: Option<Vec<u8>> = self.query("load a preview", &load).await?;
        Ok(frame.map(Bytes::from))
    }

    /// Follows the frames of all jobs, across lost connections, until the receiver is dropped.
    /// A receiver that is too slow misses frames.
    pub async fn subscribe_previews(&self) -> Result<mpsc::Receiver<Bytes>, Error> {
        let (sender, receiver) = mpsc::channel(FRAMES_WAITING);
        let mut frames = Box::pin(self.subscribe(self.keys().previews()).await?.into_on_message());
        let queue = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = sender.closed() => return,
                    frame = frames.next() => match frame {
                        // A full channel means a slow receiver: the next frame replaces this one anyway.
                        Some(frame) => drop(sender.try_send(Bytes::copy_from_slice(frame.get_payload_bytes()))),
                        None => match queue.subscribe_again(&sender).await {
                            Some(again) => frames = Box::pin(again.into_on_message()),
                            None => return,
                        },
                    },
                }
            }
        });
        Ok(receiver)
    }

    /// Subscribes until it works, or until nobody listens any more.
    async fn subscribe_again(&self, sender: &mpsc::Sender<Bytes>) -> Option<redis::aio::PubSub> {
        while !sender.is_closed() {
            match self.subscribe(self.keys().previews()).await {
                Ok(subscription) => return Some(subscription),
                Err(error) => tracing::debug!("previews are interrupted: {error:#}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    /// Subscribes to a channel, on a connection of its own.
    pub(crate) async fn subscribe(&self, channel: String) -> Result<redis::aio::PubSub, Error> {
        let action = "subscribe to a channel";
        let failed = |source| self.failed(action, source);
        let mut subscription = self.client().get_async_pubsub().await.map_err(failed)?;
        subscription.subscribe(channel).await.map_err(failed)?;
        Ok(subscription)
    }
}
