//! A job that somebody waits for: submitted like any other, and cancelled when its client goes away.

use std::{sync::Arc, time::Duration};

use axum::body::Bytes;
use contract::{
    AssetId, JobId,
    asset::AssetRef,
    job::{Failure, FailureCode, Job, JobState, Priority},
    problem::ProblemCode,
    spec::JobKind,
};
use serde_json::{Map, Value};
use tokio::sync::broadcast::Receiver;

use super::{
    attendance::{Attendance, Seat, Visitor},
    pictures::Picture,
};
use crate::{
    http::{Api, access::Caller, problem::Error, submission::refused},
    submit::{self, Asked, InlinePicture},
};

/// Longer than any job; the client or the server ends the wait.
const FOR_EVER: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A job in our words, without the pictures that it takes.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) kind: JobKind,
    pub(crate) fields: Map<String, Value>,
    /// Where each picture stands: `image`, `mask`, or `images` for each of several.
    pub(crate) pictures: Vec<(&'static str, Picture)>,
}

/// A job that somebody waits for.
pub(crate) struct Work {
    pub(crate) api: Arc<Api>,
    pub(crate) job: Job,
    ends: Option<Receiver<JobId>>,
    seat: Seat,
}

/// A file that a job made.
pub(crate) struct Made {
    pub(crate) file: AssetRef,
    pub(crate) bytes: Bytes,
}

/// How a job ended.
pub(crate) enum Outcome {
    Made(Vec<Made>),
    Cancelled,
}

impl Order {
    /// Reads the job. Its pictures stand beside it, as those that come within a request of ours.
    fn read(self, api: &Api) -> Result<Asked, Error> {
        let Self { kind, mut fields, pictures } = self;
        let mut beside = Vec::with_capacity(pictures.len());
        for (field, Picture { name, bytes }) in pictures {
            let placeholder = AssetId::new();
            if field == "images" {
                let list = fields.entry(field).or_insert_with(|| Value::Array(Vec::new()));
                list.as_array_mut().into_iter().for_each(|list| list.push(placeholder.to_string().into()));
            } else {
                fields.insert(field.to_owned(), placeholder.to_string().into());
            }
            // What is wrong with a picture is told under the client's name for it.
            beside.push(InlinePicture { pointer: format!("/{name}"), placeholder, bytes });
        }
        let mut asked = api.schemas.ask(kind, Value::Object(fields))?;
        asked.pictures.extend(beside);
        Ok(asked)
    }
}

impl Work {
    /// Submits a job, whose pictures are examined and stored like those of any other request.
    pub(crate) async fn submit(api: &Arc<Api>, caller: &Caller, order: Order, visitor: Visitor) -> Result<Self, Error> {
        let asked = order.read(api)?;
        // From here on the client may go away at any moment, so somebody must know the job already.
        let (id, ends) = (JobId::new(), api.reception.ends());
        let seat = Attendance::enter(api, id, visitor);
        let owner = caller.owner.clone();
        let request =
            submit::Request { id: Some(id), asked, priority: Priority::Interactive, owner, idempotency_key: None };
        let job = api.reception.submit(request).await.map_err(|error| refused(error, false))?;
        Ok(Self { api: Arc::clone(api), job, ends: Some(ends), seat })
    }

    /// Joins the job of an earlier request, unless it went wrong: then it is worth another try.
    pub(crate) async fn join(api: &Arc<Api>, id: JobId, visitor: Visitor) -> Result<Option<Self>, Error> {
        let ends = api.reception.ends();
        let seat = Attendance::enter(api, id, visitor);
        let job = api.db.find_job(id).await?;
        let job = job.filter(|job| !job.cancel_requested && (!job.state.is_end() || job.state == JobState::Succeeded));
        Ok(job.map(|job| Self { api: Arc::clone(api), job, ends: Some(ends), seat }))
    }

    /// Waits until the job has ended.
    pub(crate) async fn end(&mut self) -> Result<Outcome, Error> {
        let ends = self.ends.take().unwrap_or_else(|| self.api.reception.ends());
        self.job = self.api.reception.wait_for_end(self.job.clone(), ends, FOR_EVER).await?;
        self.outcome().await
    }

    /// Returns how the job ended, once it has.
    pub(crate) async fn outcome(&mut self) -> Result<Outcome, Error> {
        if !self.job.state.is_end() {
            let detail = "the server is stopping; the job goes on: repeat the request in a few seconds";
            return Err(Error::new(ProblemCode::Unavailable, detail).retry_after());
        }
        self.seat.note_end();
        match (&self.job.result, &self.job.failure) {
            (Some(result), _) if self.job.state == JobState::Succeeded => {
                let mut made = Vec::with_capacity(result.assets.len());
                for file in &result.assets {
                    made.push(Made { bytes: self.api.assets.read(&file.blake3).await?, file: file.clone() });
                }
                Ok(Outcome::Made(made))
            }
            (_, Some(failure)) if self.job.state != JobState::Cancelled => Err(failed(failure)),
            _ => Ok(Outcome::Cancelled),
        }
    }
}

/// Returns the problem that a job went wrong. All its attempts are over, so that nobody need repeat it.
fn failed(failure: &Failure) -> Error {
    let code = match failure.code {
        FailureCode::Rejected | FailureCode::TooLarge => ProblemCode::InvalidField,
        _ => ProblemCode::Internal,
    };
    let detail = match &failure.remedy {
        Some(remedy) => format!("{}; {remedy}", failure.message),
        None => failure.message.clone(),
    };
    Error::new(code, detail)
}

/// Returns the problem that somebody else ended the job.
pub(crate) fn cancelled() -> Error {
    Error::conflict("the job was cancelled")
}
