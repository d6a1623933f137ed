//! A pacer: hands everything on to llama-server, and holds each stream of an answer to the pace of a real model.

use std::{convert::Infallible, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _, stream};
use tokio::{net::TcpListener, sync::watch, task::AbortHandle, time::Instant};

/// The most bytes of a request.
const MOST_BYTES: usize = 1024 * 1024;
const LEAVE_LIMIT: Duration = Duration::from_secs(10);

/// A running pacer. It ends when this is dropped.
pub(crate) struct Pacer {
    address: String,
    left: watch::Receiver<u64>,
    serving: AbortHandle,
}

#[derive(Clone)]
struct Post {
    client: reqwest::Client,
    engine: Arc<str>,
    pace: Duration,
    left: watch::Sender<u64>,
}

/// Counts a client that went away in the middle of a stream.
struct Seat(Option<watch::Sender<u64>>);

impl Pacer {
    /// Starts a pacer in front of this address.
    pub(crate) async fn start(engine: &str, pace: Duration) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = format!("http://{}", listener.local_addr()?);
        let (left, left_seen) = watch::channel(0);
        let post = Post { client: reqwest::Client::new(), engine: engine.into(), pace, left };
        let router = Router::new().fallback(hand_on).with_state(post);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Ok(Self { address, left: left_seen, serving })
    }

    /// Returns where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Returns how many clients went away in the middle of a stream.
    pub(crate) fn left(&self) -> u64 {
        *self.left.borrow()
    }

    /// Waits until so many clients have gone away.
    pub(crate) async fn until_left(&self, count: u64) -> anyhow::Result<()> {
        let mut left = self.left.clone();
        let waiting = tokio::time::timeout(LEAVE_LIMIT, left.wait_for(|left| *left >= count));
        waiting.await.context("the engine never heard that nobody listens")??;
        Ok(())
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Seat {
    fn leave_in_order(mut self) {
        self.0 = None;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(left) = &self.0 {
            left.send_modify(|left| *left += 1);
        }
    }
}

async fn hand_on(State(post): State<Post>, request: Request) -> Response {
    match forward(post, request).await {
        Ok(response) => response,
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}

async fn forward(post: Post, request: Request) -> anyhow::Result<Response> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut forwarded = post.client.request(parts.method, format!("{}{path}", post.engine));
    if let Some(media_type) = parts.headers.get(header::CONTENT_TYPE) {
        forwarded = forwarded.header(header::CONTENT_TYPE, media_type);
    }
    let answer = forwarded.body(axum::body::to_bytes(body, MOST_BYTES).await?).send().await?;
    let mut response = Response::builder().status(answer.status());
    let media_type = answer.headers().get(header::CONTENT_TYPE).cloned();
    let is_stream =
        media_type.as_ref().is_some_and(|media_type| media_type.as_bytes().starts_with(b"text/event-stream"));
    if let Some(media_type) = media_type {
        response = response.header(header::CONTENT_TYPE, media_type);
    }
    let body = if is_stream {
        Body::from_stream(paced(answer, post.pace, post.left))
    } else {
        Body::from(answer.bytes().await?)
    };
    Ok(response.body(body)?)
}

/// Returns the events of an answer, each no sooner than its turn.
fn paced(
    answer: reqwest::Response,
    pace: Duration,
    left: watch::Sender<u64>,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let state = (answer.bytes_stream().boxed(), BytesMut::new(), Instant::now(), Seat(Some(left)));
    stream::unfold(state, move |(mut pieces, mut buffer, turn, seat)| async move {
        loop {
            if let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
                let event = buffer.split_to(end + 2).freeze();
                tokio::time::sleep_until(turn).await;
                let next = turn.max(Instant::now() - pace) + pace;
                return Some((Ok(event), (pieces, buffer, next, seat)));
            }
            match pieces.next().await {
                Some(Ok(piece)) => buffer.extend_from_slice(&piece),
                Some(Err(_)) | None => {
                    seat.leave_in_order();
                    return None;
                }
            }
        }
    })
}
