//! Pictures as a stream: previews while they are painted, then the pictures.

use std::{collections::VecDeque, convert::Infallible};

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, header},
    response::{IntoResponse as _, Response},
};
use contract::{preview::Preview, socket::Watched};
use futures::stream::unfold;
use serde_json::{Value, json};

use super::{
    answer::{Manner, size, usage},
    errors,
};
use crate::{
    http::{
        access::{Caller, Visit},
        compat::{
            pictures::to_base64,
            work::{Made, Outcome, Work, cancelled},
        },
        problem::Error,
    },
    live::{Outgoing, Watch},
};

const SIGN_OF_LIFE: Bytes = Bytes::from_static(b": keep-alive\n\n");

struct Following {
    work: Work,
    watch: Watch,
    visit: Visit,
    manner: Manner,
    /// After which steps a partial picture is due.
    due: VecDeque<u32>,
    /// What is ready to be sent.
    ready: VecDeque<Bytes>,
    partial_index: u32,
    is_over: bool,
}

/// Answers with events. The status is 200 from here on; what goes wrong comes as an event.
pub(crate) async fn answer(work: Work, caller: Caller, manner: Manner, partial_images: u32) -> Result<Response, Error> {
    let mut watch = work.api.live.open();
    watch.want_previews(partial_images > 0).await;
    watch.follow(Watched::Jobs(vec![work.job.id])).await?;
    let steps = work.job.spec.painting().map_or(0, |painting| painting.steps);
    // Spread over the steps, none of them the last.
    let due = (1..=partial_images).map(|number| (steps * number / (partial_images + 1)).max(1)).collect();
    let visit = Visit::new(work.api.clone(), caller);
    let following = Following {
        work,
        watch,
        visit,
        manner,
        due,
        ready: VecDeque::from([SIGN_OF_LIFE]),
        partial_index: 0,
        is_over: false,
    };
    let frames = unfold(following, |mut following| async {
        let frame = following.next().await?;
        Some((Ok::<_, Infallible>(frame), following))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // nginx would collect the events otherwise.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(frames)).into_response())
}

impl Following {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(frame);
            }
            if self.is_over {
                return None;
            }
            let stop = self.work.api.stop.clone();
            let outgoing = tokio::select! {
                () = stop.cancelled() => None,
                may_stay = self.visit.look() => if may_stay { return Some(SIGN_OF_LIFE) } else { return None },
                outgoing = self.watch.next() => Some(outgoing),
            };
            match outgoing {
                Some(Ok(Outgoing::Preview(frame))) => self.take_preview(&frame),
                Some(Ok(Outgoing::Event(event))) if !event.is_end() => {}
                Some(Ok(Outgoing::CaughtUp(_) | Outgoing::Pulse(_) | Outgoing::Memory(_))) => {}
                // It has ended, or nothing more can be heard of it: then it is waited for without previews.
                _ => self.finish().await,
            }
        }
    }

    fn take_preview(&mut self, frame: &[u8]) {
        let Some(preview) = Preview::decode(frame) else { return };
        if self.due.front().is_none_or(|due| preview.step < *due) {
            return;
        }
        // One preview stands for all that were due up to here.
        while self.due.front().is_some_and(|due| preview.step >= *due) {
            self.due.pop_front();
        }
        let painting = &self.work.job.spec;
        let size = match painting {
            contract::spec::JobSpec::TextToImage(spec) => format!("{}x{}", spec.width, spec.height),
            _ => "auto".to_owned(),
        };
        let mut data = self.described("partial_image", preview.jpeg, &size, "jpeg");
        data["partial_image_index"] = self.partial_index.into();
        self.partial_index += 1;
        self.ready.push_back(event(&data));
    }

    async fn finish(&mut self) {
        self.is_over = true;
        let made = match self.work.end().await {
            Ok(Outcome::Made(made)) => made,
            Ok(Outcome::Cancelled) => return self.fail(&cancelled()),
            Err(error) => return self.fail(&error),
        };
        for one in &made {
            let event = event(&self.completed(one));
            self.ready.push_back(event);
        }
    }

    fn completed(&self, made: &Made) -> Value {
        let mut data = self.described("completed", &made.bytes, &size(made), self.manner.output_format);
        data["usage"] = usage();
        data
    }

    fn described(&self, what: &str, bytes: &[u8], size: &str, format: &str) -> Value {
        json!({
            "type": format!("{}.{what}", self.manner.event),
            "b64_json": to_base64(bytes),
            "created_at": self.work.job.submitted_at.unix_timestamp(),
            "size": size,
            "quality": self.manner.quality,
            "background": self.manner.background,
            "output_format": format,
        })
    }

    fn fail(&mut self, error: &Error) {
        let data = errors::late(error);
        self.ready.push_back(Bytes::from(format!("event: error\ndata: {data}\n\n")));
    }
}

fn event(data: &Value) -> Bytes {
    let name = data["type"].as_str().unwrap_or_default();
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}
