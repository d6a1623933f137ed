//! A whole answer, or the problem that there is none.

use contract::{
    job::{Failure, FailureCode},
    problem::ProblemCode,
};

pub(crate) use crate::text::whole::{Said, Whole, new_call_id};
use crate::{
    http::problem::Error,
    text::{Answering, whole},
};

/// Waits for the end of an answer. `count` answers are expected; each is there, even if nothing was said.
pub(crate) async fn gather(answering: &mut Answering, count: u32) -> Result<Whole, Error> {
    whole::gather(answering, count).await.map_err(|failure| failed(&failure))
}

/// Returns the problem that there will be no answer.
pub(crate) fn failed(failure: &Failure) -> Error {
    let detail = match &failure.remedy {
        Some(remedy) => format!("{}; {remedy}", failure.message),
        None => failure.message.clone(),
    };
    match failure.code {
        FailureCode::Rejected | FailureCode::TooLarge => Error::new(ProblemCode::InvalidField, detail),
        FailureCode::Engine => Error::new(ProblemCode::Internal, detail),
        // Nothing was kept, so that the same request again does no harm, and may find another worker.
        FailureCode::EngineCrashed | FailureCode::WorkerLost | FailureCode::Storage => {
            Error::new(ProblemCode::Unavailable, detail).retry_after()
        }
    }
}

/// Returns the problem that an answer came without its end.
pub(crate) fn broken_off() -> Error {
    Error::new(ProblemCode::Unavailable, "the answer broke off; ask again").retry_after()
}

/// Returns the problem that a worker answered something else than it was asked.
pub(crate) fn another_answer() -> Error {
    Error::internal(anyhow::anyhow!("a worker answered something else than it was asked: this is a bug"))
}
