//! Answers a request: waits for the model, writes what the engine is asked, and reads what it says.

use std::time::Duration;

use contract::{
    job::{Failure, FailureCode},
    text::{TextAnswer, TextEvent, TextJob, TextRequest, reply::Delta},
};
use tokio::{sync::mpsc, time::timeout};
use worker::Parts;

use crate::{
    answer::{self, Totals, whole},
    endpoint::Dialect,
    house::{House, Inside, Mode},
    request::{self, Call, Plan, Terms, pictures::Pictures},
    trouble::{Trouble, crash},
};

/// Answers a job. The pieces of the answer go into `events`, its end comes back. A model that seems to need more memory than
/// there is is tried only by who dares.
pub(crate) async fn answer(
    job: &TextJob,
    house: &House,
    parts: &Parts,
    dares: bool,
    events: mpsc::Sender<TextEvent>,
) -> Result<TextAnswer, Failure> {
    // Pictures are read while the model may still be on its way.
    let pictures = async {
        Pictures::load(&parts.assets, &job.inputs).await.map_err(|trouble| match trouble {
            Trouble::Failed(failure) => failure,
            Trouble::Gone(message) => crash(message, None),
            Trouble::Silent => crash("the pictures could not be read", None),
        })
    };
    let mode = if matches!(job.request, TextRequest::Embedding(_)) { Mode::Vectors } else { Mode::Text };
    let desk = house.sit_down(&job.model, mode, dares, &events);
    let (pictures, desk) = tokio::try_join!(pictures, desk)?;
    let failure = match ask(job, &pictures, &desk, parts.settings.stall, &events).await {
        Ok(answer) => return Ok(answer),
        Err(Trouble::Failed(failure)) => failure,
        Err(Trouble::Silent) => {
            desk.give_up();
            let seconds = parts.settings.stall.as_secs();
            crash(format!("the engine said nothing for {seconds} s and was given up"), Some("ask again"))
        }
        Err(Trouble::Gone(message)) if desk.endpoint.dialect == Dialect::OpenAi => Failure {
            code: FailureCode::Engine,
            message: format!("the text engine elsewhere cannot be reached: {message}"),
            remedy: Some("check ATELIER_TEXT_ENGINE_URL, and that the engine runs".to_owned()),
        },
        Err(Trouble::Gone(message)) => match desk.last_words().await {
            Some(words) => crash(format!("the engine died while it answered: {words}"), Some("ask again")),
            None => crash(format!("the engine broke off: {message}"), Some("ask again")),
        },
    };
    Err(failure)
}

async fn ask(
    job: &TextJob,
    pictures: &Pictures,
    desk: &Inside,
    stall: Duration,
    events: &mpsc::Sender<TextEvent>,
) -> Result<TextAnswer, Trouble> {
    if desk.has_vision == Some(false) && !job.inputs.is_empty() {
        return Err(Trouble::refused(
            format!("the model {} cannot look at pictures", job.model),
            "take a model with a file that reads pictures (mmproj), or leave the pictures out",
        ));
    }
    let is_writing = matches!(job.request, TextRequest::Chat(_) | TextRequest::Completion(_));
    if desk.only_vectors && is_writing {
        return Err(Trouble::refused(
            format!("the model {} makes vectors and writes nothing", job.model),
            "take a model that writes",
        ));
    }
    let terms = Terms {
        dialect: desk.endpoint.dialect,
        model: &desk.model,
        most_answers: desk.slots,
        system_prompt: desk.system_prompt.as_deref(),
    };
    let plan = request::plan(&job.request, pictures, terms)?;
    let endpoint = &desk.endpoint;
    match plan {
        Plan::Stream { calls, echo, top } => stream(calls, echo, top, desk, stall, events).await,
        Plan::Vectors { call, count, dimensions } => {
            let vectors: whole::Vectors = within(stall, endpoint.ask(call.path, &call.body)).await?;
            vectors.answer(count, dimensions)
        }
        Plan::Tokens(call) => within(stall, endpoint.ask::<whole::Tokens>(call.path, &call.body)).await?.answer(),
        Plan::Detokenized(call) => {
            Ok(within(stall, endpoint.ask::<whole::Content>(call.path, &call.body)).await?.into())
        }
        Plan::Prompt(call) => Ok(within(stall, endpoint.ask::<whole::Prompt>(call.path, &call.body)).await?.into()),
    }
}

/// Gives an engine so long to answer.
async fn within<T>(limit: Duration, answer: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    timeout(limit, answer).await.unwrap_or(Err(Trouble::Silent))
}

/// Asks for answers that come piece by piece.
async fn stream(
    calls: Vec<Call>,
    echo: String,
    top: usize,
    desk: &Inside,
    stall: Duration,
    events: &mpsc::Sender<TextEvent>,
) -> Result<TextAnswer, Trouble> {
    let mut totals = Totals::new(top);
    let mut first_choice = 0;
    for call in calls {
        totals.expect(call.answers);
        let answer = within(stall, desk.endpoint.begin(call.path, &call.body)).await?;
        if !echo.is_empty() {
            for choice in first_choice..first_choice + call.answers {
                let text = echo.clone();
                let _ = events.send(TextEvent::Delta(Delta { choice, text, ..Delta::default() })).await;
            }
        }
        answer::read_stream(answer, first_choice, stall, events, &mut totals).await?;
        first_choice += call.answers;
    }
    Ok(totals.answer())
}
