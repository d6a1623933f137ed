//! Answers as streams of events: begun once it is known that there will be one, with signs of life while a model loads.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, header},
    response::{IntoResponse as _, Response},
};
use contract::{
    problem::ProblemCode,
    text::{TextAnswer, TextEvent, reply::Delta},
};
use futures::stream::unfold;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    http::{
        Api,
        access::{Caller, Visit},
        llm::whole::{broken_off, failed},
        problem::Error,
    },
    text::Answering,
};

/// For how long a failure may have its own status. After that the stream begins, and what goes wrong comes as an event.
const HOLD_FOR: Duration = Duration::from_secs(2);

/// How a stream tells of an answer.
pub(crate) trait Tell: Send + 'static {
    /// Tells that the answer begins.
    fn begin(&mut self) -> Vec<Bytes>;
    /// Tells a piece of the answer to the question at this place.
    fn piece(&mut self, place: usize, piece: Delta) -> Vec<Bytes>;
    /// Tells that all answers are whole.
    fn end(&mut self, answers: &[TextAnswer]) -> Vec<Bytes>;
    /// Tells that there will be no (more) answer.
    fn fail(&mut self, error: &Error) -> Vec<Bytes>;
}

/// Where an answer comes from.
pub(crate) enum Source {
    /// It was asked for.
    Answering(Answering),
    /// It will be asked for once something else is known.
    Coming(AbortOnDropHandle<Result<Answering, Error>>),
}

struct Telling<T> {
    api: Arc<Api>,
    visit: Visit,
    /// The answers that are still to be told, and the place of the first of them.
    sources: VecDeque<Source>,
    place: usize,
    answers: Vec<TextAnswer>,
    teller: T,
    ready: VecDeque<Bytes>,
    /// What came before the stream began.
    early: VecDeque<TextEvent>,
    /// Why nothing comes, as far as that is known.
    reason: Option<String>,
    is_over: bool,
}

/// Answers with events, one question after the other. What goes wrong at once has its own status.
pub(crate) async fn answer(
    api: &Arc<Api>,
    caller: Caller,
    mut sources: Vec<Source>,
    teller: impl Tell,
) -> Result<Response, Error> {
    let mut early = VecDeque::new();
    if let Some(first) = sources.first_mut() {
        hold(first, &mut early).await?;
    }
    let mut telling = Telling {
        api: Arc::clone(api),
        visit: Visit::new(Arc::clone(api), caller),
        sources: sources.into(),
        place: 0,
        answers: Vec::new(),
        teller,
        ready: VecDeque::new(),
        early,
        reason: None,
        is_over: false,
    };
    telling.ready.extend(telling.teller.begin());
    let frames = unfold(telling, |mut telling| async {
        let frame = telling.next().await?;
        Some((Ok::<_, Infallible>(frame), telling))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // nginx would collect the events otherwise.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(frames)).into_response())
}

/// Waits a moment for the first word. A failure until then is the whole answer.
async fn hold(source: &mut Source, early: &mut VecDeque<TextEvent>) -> Result<(), Error> {
    let until = Instant::now() + HOLD_FOR;
    while let Ok(event) = timeout_at(until, source.next()).await {
        match event? {
            Some(TextEvent::Failed { failure }) => return Err(failed(&failure)),
            Some(event @ TextEvent::Waiting { .. }) => early.push_back(event),
            Some(event) => {
                early.push_back(event);
                return Ok(());
            }
            None => return Err(broken_off()),
        }
    }
    Ok(())
}

impl Source {
    /// Waits until the answer was asked for.
    pub(crate) async fn asked(self) -> Result<Answering, Error> {
        match self {
            Self::Answering(answering) => Ok(answering),
            Self::Coming(coming) => coming.await.map_err(Error::internal)?,
        }
    }

    /// Waits for what happens next. Dropping the future loses nothing.
    async fn next(&mut self) -> Result<Option<TextEvent>, Error> {
        loop {
            match self {
                Self::Answering(answering) => return Ok(answering.next().await),
                Self::Coming(coming) => *self = Self::Answering(coming.await.map_err(Error::internal)??),
            }
        }
    }
}

impl<T: Tell> Telling<T> {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(frame);
            }
            if self.is_over {
                return None;
            }
            if let Some(event) = self.early.pop_front() {
                self.take(Some(event));
                continue;
            }
            let Some(source) = self.sources.front_mut() else {
                self.is_over = true;
                self.ready.extend(self.teller.end(&self.answers));
                continue;
            };
            let stop = self.api.stop.clone();
            tokio::select! {
                // What is ready is told before anything else.
                biased;
                event = source.next() => match event {
                    Ok(event) => self.take(event),
                    Err(error) => self.fail(&error),
                },
                may_stay = self.visit.look() => {
                    if !may_stay {
                        return None;
                    }
                    let reason = self.reason.as_deref();
                    return Some(sign_of_life(reason));
                }
                () = stop.cancelled() => {
                    let detail = "the server is stopping; repeat the request in a few seconds";
                    self.fail(&Error::new(ProblemCode::Unavailable, detail));
                }
            }
        }
    }

    fn take(&mut self, event: Option<TextEvent>) {
        match event {
            Some(TextEvent::Waiting { reason }) => {
                if self.reason.as_ref() != Some(&reason) {
                    self.ready.push_back(sign_of_life(Some(&reason)));
                }
                self.reason = Some(reason);
            }
            Some(TextEvent::Delta(piece)) => {
                self.reason = None;
                self.ready.extend(self.teller.piece(self.place, piece));
            }
            Some(TextEvent::End { answer }) => {
                self.answers.push(answer);
                self.sources.pop_front();
                self.place += 1;
            }
            Some(TextEvent::Failed { failure }) => self.fail(&failed(&failure)),
            None => self.fail(&broken_off()),
        }
    }

    fn fail(&mut self, error: &Error) {
        self.is_over = true;
        // Nobody waits for the others any more.
        self.sources.clear();
        self.ready.extend(self.teller.fail(error));
    }
}

/// Returns a comment, which every reader of events passes over.
fn sign_of_life(reason: Option<&str>) -> Bytes {
    let line = |reason: &str| reason.replace(['\r', '\n'], " ");
    match reason {
        Some(reason) => Bytes::from(format!(": waiting: {}\n\n", line(reason))),
        None => Bytes::from_static(b": keep-alive\n\n"),
    }
}

/// Returns an event without a name.
pub(crate) fn data(value: &Value) -> Bytes {
    Bytes::from(format!("data: {value}\n\n"))
}

/// Returns the line that ends most streams.
pub(crate) fn done() -> Bytes {
    Bytes::from_static(b"data: [DONE]\n\n")
}

/// Returns an event whose name is the type of its data.
pub(crate) fn event(value: &Value) -> Bytes {
    let name = value["type"].as_str().unwrap_or_default();
    Bytes::from(format!("event: {name}\ndata: {value}\n\n"))
}
