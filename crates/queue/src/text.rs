//! Text jobs: no row in SQL stands behind them, and their answer goes to the API instance that waits for it.
//!
//! A text job stands in the lanes like every job, and whatever can happen to a lease can happen to its lease. But its hash
//! names a channel, `reply:<instance>`, and whoever ends it says so there and deletes the hash, in one step. So nothing of
//! it is ever in the done stream or among the events, and a job that ends twice is not there the second time.
//!
//! Two kinds of messages come over the channel: `frame <TextFrame>`, and `end <id> <outcome> [<TextFrame>]`.

use std::time::Duration;

use contract::{
    JobId,
    job::Priority,
    spec::WorkerKind,
    text::{TextEvent, TextFrame, TextJob},
};
use futures::StreamExt;
use redis::Msg;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{
    Error, Lease, Outcome, Queue,
    connection::{command, function},
    keys::lane_name,
    publisher::{milliseconds, to_json},
};

/// How large the JSON of a text job may be: a conversation that fills a large context, several times over.
pub const MAX_TEXT_JOB_BYTES: usize = 4 << 20;
/// How large the JSON of a frame may be: thousands of vectors come in one.
pub const MAX_FRAME_BYTES: usize = 24 << 20;
/// How long to wait before subscribing again.
const PAUSE: Duration = Duration::from_millis(100);
/// A job that is not on record cannot be tried again by anybody but whoever asked for it.
const ATTEMPTS: u32 = 1;

/// What comes back from the workers.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Pieces of an answer.
    Frame(TextFrame),
    /// A job has ended: the last that is heard of it.
    End {
        /// Which job.
        id: JobId,
        /// How it ended.
        end: TextEnd,
    },
    /// The connection was lost and is back. What was said meanwhile nobody heard: frames and ends may be missing.
    Interrupted,
}

/// How a text job ended.
#[derive(Debug, Clone, PartialEq)]
pub enum TextEnd {
    /// Its worker said so, in its last frame.
    Said(TextFrame),
    /// Somebody asked for its end.
    Cancelled,
    /// Its worker disappeared.
    Dead,
    /// No worker took it in time.
    Expired,
    /// A worker could not read the job, or said something that cannot be read here.
    Unreadable,
}

impl Queue {
    /// Publishes a text job; no other publication of it may come. `wait` is how long it may wait for a worker before
    /// [`reap`](Self::reap) ends it, and `lease` how long its worker may be silent.
    pub async fn publish_text(
        &self,
        job: &TextJob,
        priority: Priority,
        wait: Duration,
        lease: Duration,
    ) -> Result<(), Error> {
        let (kind, rank) = (WorkerKind::Llm, priority.rank());
        let lane = lane_name(kind, rank, &job.model);
        let json = to_json("a request for text", job, MAX_TEXT_JOB_BYTES)?;
        let keys = self.keys();
        let keys = [keys.job(job.id), keys.lane(&lane), keys.lanes(kind), keys.wake(kind)];
        let mut call = function("atelier_v1_publish", &keys);
        call.arg(job.id.to_string()).arg(1).arg(lane).arg(rank).arg(json);
        call.arg(0).arg(ATTEMPTS).arg(milliseconds(lease)).arg(0);
        call.arg(&job.reply_to).arg(milliseconds(wait));
        self.query::<bool>("publish a request for text", &call).await.map(drop)
    }

    /// Follows what workers say to this instance of the API, across lost connections, until the receiver is dropped.
    ///
    /// Nothing is left out for a slow receiver. `instance` must be a fresh name at every start: then a job that an earlier
    /// start left behind finds nobody who listens, and ends.
    pub async fn subscribe_replies(&self, instance: &str) -> Result<UnboundedReceiver<Reply>, Error> {
        let (sender, receiver) = unbounded_channel();
        let channel = self.keys().reply(instance);
        let mut messages = Box::pin(self.subscribe(channel.clone()).await?.into_on_message());
        let queue = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = sender.closed() => return,
                    message = messages.next() => match message {
                        Some(message) => tell(&sender, read(&message)),
                        None => match queue.listen_again(&channel, &sender).await {
                            Some(again) => {
                                messages = Box::pin(again.into_on_message());
                                tell(&sender, Some(Reply::Interrupted));
                            }
                            None => return,
                        },
                    },
                }
            }
        });
        Ok(receiver)
    }

    /// Subscribes until it works, or until nobody listens any more.
    async fn listen_again(&self, channel: &str, sender: &UnboundedSender<Reply>) -> Option<redis::aio::PubSub> {
        while !sender.is_closed() {
            match self.subscribe(channel.to_owned()).await {
                Ok(subscription) => return Some(subscription),
                Err(error) => tracing::debug!("answers of text workers are interrupted: {error:#}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }
}

impl Lease<TextJob> {
    /// Sends a frame to whoever waits for the answer, and returns how many there are: where there is nobody, cancel the job.
    ///
    /// Tries until Valkey answers. Frames arrive in the order in which they are sent, one after the other; one that was sent
    /// twice because an answer was lost does no harm, for frames have numbers.
    pub async fn send(&self, frame: &TextFrame) -> Result<u64, Error> {
        let json = to_json("a frame", frame, MAX_FRAME_BYTES)?;
        let channel = self.queue().keys().reply(&self.job.reply_to);
        self.ask("send a frame", &command("PUBLISH", &[&channel, &format!("frame {json}")])).await
    }
}

/// Returns how a job ends with this frame, and the frame as JSON.
pub(crate) fn last_words(frame: &TextFrame) -> Result<(Outcome, String), Error> {
    let outcome = match frame.events.last() {
        Some(TextEvent::End { .. }) => Outcome::Succeeded,
        Some(TextEvent::Failed { .. }) => Outcome::Failed,
        _ => return Err(Error::NoEnd),
    };
    Ok((outcome, to_json("a frame", frame, MAX_FRAME_BYTES)?))
}

fn tell(sender: &UnboundedSender<Reply>, reply: Option<Reply>) {
    if let Some(reply) = reply {
        // Who no longer listens is noticed at the head of the loop.
        let _ = sender.send(reply);
    }
}

/// Reads a message. One that cannot be read leaves a gap, which whoever counts the frames notices.
fn read(message: &Msg) -> Option<Reply> {
    let bytes = message.get_payload_bytes();
    let reply = std::str::from_utf8(bytes).ok().and_then(parse);
    if reply.is_none() {
        tracing::warn!("cannot read a message of {} bytes from a text worker", bytes.len());
    }
    reply
}

fn parse(text: &str) -> Option<Reply> {
    if let Some(json) = text.strip_prefix("frame ") {
        return serde_json::from_str(json).ok().map(Reply::Frame);
    }
    let (id, rest) = text.strip_prefix("end ")?.split_once(' ')?;
    let (outcome, json) = rest.split_once(' ')?;
    let end = match outcome {
        "cancelled" => TextEnd::Cancelled,
        "dead" => TextEnd::Dead,
        "expired" => TextEnd::Expired,
        _ => serde_json::from_str(json).map_or(TextEnd::Unreadable, TextEnd::Said),
    };
    Some(Reply::End { id: id.parse().ok()?, end })
}
