//! Server-sent events: what happens to one job or to all, with replay by `Last-Event-ID`.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use contract::{JobId, socket::Watched};
use futures::stream::unfold;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{
    Api,
    access::{Caller, Visit},
    id::Id,
    jobs::no_job,
    problem::Error,
};
use crate::live::{self, Outgoing, StreamId, Watch};

const LAST_EVENT_ID: &str = "Last-Event-ID";
/// How long a browser waits before it connects again.
pub(crate) const BEGINNING: Bytes = Bytes::from_static(b"retry: 2000\n\n");
const RESYNC: Bytes = Bytes::from_static(b"event: resync\ndata: {}\n\n");
/// Comes every ten seconds, because proxies cut silent connections.
pub(crate) const SIGN_OF_LIFE: Bytes = Bytes::from_static(b": keep-alive\n\n");

/// Follows a job: its last state first, then what happens, until it has ended.
///
/// Each event is a `JobEvent`. With `Last-Event-ID`, what happened since comes in place of the last state; if that has been
/// forgotten, an event `resync` and then the last state. 204 says that there is nothing more to come.
#[utoipa::path(get, path = "/api/jobs/{id}/events", tag = "events",
    params(
        ("id" = JobId, Path, description = "Which job."),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that the client has seen."),
    ),
    responses(
        (status = 200, description = "The stream.", content_type = "text/event-stream", body = String),
        (status = 204, description = "The job has ended, and the client knows it."),
    ))]
pub(crate) async fn follow_job(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Id(id): Id<JobId>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let job = api.db.find_job(id).await?.ok_or_else(|| no_job(id))?;
    let after = last_event_id(&headers)?;
    let watch = open(&api, after, Watched::Jobs(vec![id])).await?;
    if after.is_some() && job.state.is_end() {
        return the_rest(watch).await;
    }
    Ok(stream(watch, Visit::new(Arc::clone(&api), caller), api.stop.clone(), Until::End))
}

/// Follows all jobs: the last states of the open ones first, then what happens.
///
/// Each event is a `JobEvent`. With `Last-Event-ID`, what happened since comes in place of the last states; if that has been
/// forgotten, an event `resync` and then the last states.
#[utoipa::path(get, path = "/api/events", tag = "events",
    params(("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that the client has seen.")),
    responses((status = 200, description = "The stream.", content_type = "text/event-stream", body = String)))]
pub(crate) async fn follow_all(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let watch = open(&api, last_event_id(&headers)?, Watched::All).await?;
    Ok(stream(watch, Visit::new(Arc::clone(&api), caller), api.stop.clone(), Until::Disconnect))
}

impl From<live::Error> for Error {
    fn from(error: live::Error) -> Self {
        match error {
            live::Error::Db(error) => error.into(),
            live::Error::Queue(error) => error.into(),
        }
    }
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<StreamId>, Error> {
    let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    match value.to_str().unwrap_or("?").trim() {
        "" => Ok(None),
        id => id
            .parse()
            .map(Some)
            .map_err(|error: live::UnreadableId| Error::invalid_field(LAST_EVENT_ID, error.to_string())),
    }
}

async fn open(api: &Api, after: Option<StreamId>, watched: Watched) -> Result<Watch, Error> {
    let mut watch = api.live.open();
    match after {
        Some(after) => watch.resume(after, watched).await?,
        None => watch.follow(watched).await?,
    }
    Ok(watch)
}

/// Answers with what the client has missed of a job that has ended; 204 keeps a browser from coming back for ever.
async fn the_rest(mut watch: Watch) -> Result<Response, Error> {
    let mut missed = Vec::new();
    loop {
        match watch.next().await? {
            Outgoing::CaughtUp(_) => break,
            outgoing => missed.extend(frame(&outgoing)),
        }
    }
    if missed.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(answer(Body::from(missed.concat())))
}

/// When a stream is over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    End,
    Disconnect,
}

struct Following {
    watch: Watch,
    visit: Visit,
    stop: CancellationToken,
    until: Until,
    has_begun: bool,
    is_over: bool,
}

fn stream(watch: Watch, visit: Visit, stop: CancellationToken, until: Until) -> Response {
    let following = Following { watch, visit, stop, until, has_begun: false, is_over: false };
    let frames = unfold(following, |mut following| async {
        let frame = following.next().await?;
        Some((Ok::<_, Infallible>(frame), following))
    });
    answer(Body::from_stream(frames))
}

/// Answers with a stream of events.
pub(crate) fn answer(body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // nginx would collect the events otherwise.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, body).into_response()
}

impl Following {
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.has_begun, true) {
            return Some(BEGINNING);
        }
        loop {
            if self.is_over {
                return None;
            }
            let outgoing = tokio::select! {
                () = self.stop.cancelled() => return None,
                may_stay = self.visit.look() => return may_stay.then_some(SIGN_OF_LIFE),
                outgoing = self.watch.next() => outgoing,
            };
            match outgoing {
                // The client connects again and goes on where it was.
                Ok(Outgoing::TooSlow) => return None,
                Err(error) => {
                    debug!("a stream of events broke off: {:#}", anyhow::Error::from(error));
                    return None;
                }
                Ok(outgoing) => {
                    if let Outgoing::Event(event) = &outgoing {
                        self.is_over = self.until == Until::End && event.is_end();
                    }
                    if let Some(frame) = frame(&outgoing) {
                        return Some(frame);
                    }
                }
            }
        }
    }
}

fn frame(outgoing: &Outgoing) -> Option<Bytes> {
    match outgoing {
        Outgoing::Event(event) => Some(event.for_sse()),
        Outgoing::Resync => Some(RESYNC),
        // An id without data is no event, but from here on the browser knows where it would resume.
        Outgoing::CaughtUp(place) => Some(Bytes::from(format!("id: {place}\n\n"))),
        Outgoing::Pulse(_) | Outgoing::Memory(_) | Outgoing::Preview(_) | Outgoing::TooSlow => None,
    }
}
