//! The load of a fault run: jobs of all manners and groups of them, some sent twice, some cancelled.

mod group;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use contract::{JobId, group::GroupView, job::Job};
use fastrand::Rng;
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};

pub use self::group::GroupSubmission;

use super::Options;
use crate::{client::Client, plan::Engine};

/// How long a client tries to be heard by an API that is killed again and again.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);
/// The share of the requests that are sent twice, and of those that somebody takes back.
const REPEATED: f64 = 0.10;
const CANCELLED: f64 = 0.08;

/// How a job behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Manner {
    /// Nothing is wrong with it.
    Plain,
    /// Many steps.
    Long,
    /// The model takes its time.
    SlowLoad,
    /// Many pictures, so that storing takes a while.
    ManyPictures,
    /// Fails once.
    Flaky,
    /// Is refused by the engine.
    Refused,
    /// Takes its worker down, each time.
    Poison,
}

/// What a client sent, and what it was promised.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Its prompt, which no other job has.
    pub prompt: String,
    /// How it behaves.
    pub manner: Manner,
    /// How many pictures it should make.
    pub pictures: usize,
    /// The id in the API's answer.
    pub id: JobId,
    /// Whether a client asked for its end.
    pub is_cancelled: bool,
}

/// All that was accepted.
#[derive(Debug, Default)]
pub struct Accepted {
    /// One for each idempotency key.
    pub submissions: Vec<Submission>,
    /// The same for groups.
    pub groups: Vec<GroupSubmission>,
    /// Repetitions under the same key.
    pub repetitions: usize,
    /// Repetitions that made another job or group.
    pub doubled: Vec<String>,
}

/// A client that submits.
pub struct Load {
    task: JoinHandle<anyhow::Result<Accepted>>,
    is_done: Arc<AtomicBool>,
}

impl Load {
    /// Begins to submit, evenly over the time of the run.
    pub fn start(client: Client, options: Options, chance: Rng) -> Self {
        let is_done = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_done);
        let task = tokio::spawn(async move {
            let accepted = submit_all(client, options, chance).await;
            flag.store(true, Ordering::Release);
            accepted
        });
        Self { task, is_done }
    }

    /// Returns whether everything was submitted.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Acquire)
    }

    /// Waits until everything was submitted.
    pub async fn finish(self) -> anyhow::Result<Accepted> {
        self.task.await.context("the load panicked")?
    }
}

async fn submit_all(client: Client, options: Options, mut chance: Rng) -> anyhow::Result<Accepted> {
    let models: Vec<String> = models(&client).await?;
    let run = chance.u32(..);
    let accepted = Arc::new(Mutex::new(Accepted::default()));
    let mut cancels = JoinSet::new();
    let begun = Instant::now();
    for number in 0..options.jobs {
        let due = options.time.mul_f64((number as f64 + chance.f64()) / options.jobs as f64);
        tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;

        let manner = Manner::choose(options.engine, &mut chance);
        let (prompt, picture) = manner.picture(&format!("job {number} of run {run:08x}"), &models, &mut chance);
        let pictures = picture["batch_count"].as_u64().map_or(1, |count| count as usize);
        let is_repeated = chance.f64() < REPEATED;
        let cancel_after = change_of_mind(&mut chance);

        let key = format!("{run:08x}-{number}");
        let priority = chance.choice(["interactive", "normal", "normal", "batch"]).unwrap_or("normal");
        let request = Request { path: format!("/api/workflows/text_to_image?priority={priority}"), key, body: picture };
        let id = submit::<Job>(&client, &request).await?.id;
        let submission = Submission { prompt, manner, pictures, id, is_cancelled: cancel_after.is_some() };
        with(&accepted, |accepted| accepted.submissions.push(submission));
        if is_repeated {
            let again = submit::<Job>(&client, &request).await?.id;
            with(&accepted, |accepted| {
                accepted.repetitions += 1;
                if again != id {
                    accepted.doubled.push(format!("the key {} led to {id} and then to {again}", request.key));
                }
            });
        }
        if let Some(after) = cancel_after {
            cancels.spawn(cancel(client.clone(), format!("/api/jobs/{id}"), after));
        }

        if chance.f64() >= group::likelihood(options.engine) {
            continue;
        }
        let (body, cells) =
            group::draw(&format!("group {number} of run {run:08x}"), options.engine, &models, &mut chance);
        let is_repeated = chance.f64() < REPEATED;
        let cancel_after = change_of_mind(&mut chance);
        let request = Request { path: "/api/groups".to_owned(), key: format!("{run:08x}-group-{number}"), body };
        let id = submit::<GroupView>(&client, &request).await?.group.id;
        let submission = GroupSubmission { id, cells, is_cancelled: cancel_after.is_some() };
        with(&accepted, |accepted| accepted.groups.push(submission));
        if is_repeated {
            let again = submit::<GroupView>(&client, &request).await?.group.id;
            with(&accepted, |accepted| {
                accepted.repetitions += 1;
                if again != id {
                    accepted.doubled.push(format!("the key {} led to {id} and then to {again}", request.key));
                }
            });
        }
        if let Some(after) = cancel_after {
            cancels.spawn(cancel(client.clone(), format!("/api/groups/{id}"), after));
        }
    }
    while let Some(cancelled) = cancels.join_next().await {
        cancelled??;
    }
    Ok(std::mem::take(&mut *accepted.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// Returns after which time a client changes its mind, if it does.
fn change_of_mind(chance: &mut Rng) -> Option<Duration> {
    (chance.f64() < CANCELLED).then(|| Duration::from_millis(chance.u64(0..400)))
}

fn with(accepted: &Mutex<Accepted>, change: impl FnOnce(&mut Accepted)) {
    change(&mut accepted.lock().unwrap_or_else(PoisonError::into_inner));
}

async fn models(client: &Client) -> anyhow::Result<Vec<String>> {
    let page: Value = client.get_json("/api/models").await?;
    let models = page["data"].as_array().context("a page without rows")?;
    let ids: Vec<_> = models.iter().filter_map(|model| model["id"].as_str()).map(str::to_owned).collect();
    ensure!(!ids.is_empty(), "the API knows no model");
    Ok(ids)
}

/// A submission as it is sent, once or more often.
struct Request {
    path: String,
    key: String,
    body: Value,
}

/// Submits until the API answers, as a careful client does: always under the same key.
async fn submit<T: DeserializeOwned>(client: &Client, Request { path, key, body }: &Request) -> anyhow::Result<T> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let request = client.request(Method::POST, path);
        let answer = match request {
            Ok(request) => request.header("Idempotency-Key", key).json(body).send().await,
            // There is no address while the API starts.
            Err(_) => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        if let Ok(answer) = answer {
            let status = answer.status();
            if status.is_success()
                && let Ok(accepted) = answer.json::<T>().await
            {
                return Ok(accepted);
            }
            let may_try_again = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
            ensure!(status.is_success() || may_try_again, "the API refused a good job with {status}");
        }
        tokio::time::sleep(PAUSE).await;
    }
    bail!("nobody took a job for {PATIENCE:?}")
}

/// Asks for the end of a job or group, after a while, until the API answers.
async fn cancel(client: Client, path: String, after: Duration) -> anyhow::Result<()> {
    tokio::time::sleep(after).await;
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Ok(answer) = client.delete(&path).await {
            let status = answer.status();
            // 409: it has ended meanwhile.
            if status.is_success() || status == StatusCode::CONFLICT {
                return Ok(());
            }
            ensure!(status.is_server_error(), "a cancel was answered with {status}");
        }
        tokio::time::sleep(PAUSE).await;
    }
    bail!("nobody heard a cancel for {PATIENCE:?}")
}

impl Manner {
    fn choose(engine: Engine, chance: &mut Rng) -> Self {
        if engine == Engine::StableDiffusion {
            return if chance.f64() < 0.3 { Self::Long } else { Self::Plain };
        }
        match chance.f64() {
            x if x < 0.02 => Self::Poison,
            x if x < 0.07 => Self::Flaky,
            x if x < 0.10 => Self::Refused,
            x if x < 0.18 => Self::Long,
            x if x < 0.28 => Self::SlowLoad,
            x if x < 0.36 => Self::ManyPictures,
            _ => Self::Plain,
        }
    }

    /// Returns what the prompt of a job of this manner ends with.
    pub(super) fn directive(self) -> &'static str {
        match self {
            Self::Plain | Self::Long | Self::ManyPictures => "",
            Self::SlowLoad => " [scripted: load_ms=600]",
            Self::Flaky => " [scripted: flaky]",
            Self::Refused => " [scripted: reject]",
            Self::Poison => " [scripted: kill]",
        }
    }

    /// Returns the prompt and the request of a job of this manner.
    fn picture(self, name: &str, models: &[String], chance: &mut Rng) -> (String, Value) {
        let prompt = format!("{name}{}", self.directive());
        let (steps, pictures, side_px) = match self {
            Self::Long => (40, 1, 64),
            Self::ManyPictures => (1, 6, 512),
            _ => (chance.choice([2, 5, 5, 10]).unwrap_or(5), 1, 64),
        };
        let model = &models[chance.usize(..models.len())];
        let picture = json!({
            "prompt": prompt, "model": model, "seed": chance.u32(..), "cfg_scale": 1.0,
            "steps": steps, "batch_count": pictures, "width": side_px, "height": side_px,
        });
        (prompt, picture)
    }
}
