//! A server that tags at once when nobody needs the machine, a worker that paints and one that writes.

use std::time::Duration;

use chassis::clock::Clock;
use contract::{
    AssetId, JobId,
    asset::Asset,
    job::Job,
    spec::WorkerKind,
    tag::Tagging,
    text::TextJob,
    worker::{Worker, WorkerState},
};
use queue::{Affinity, Consumer, Lease};
use reqwest::{
    Method, StatusCode,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::super::house::{MODEL, answer, next_job};
use crate::{
    http::{
        house::{self, House, send, succeed},
        picture::png,
    },
    sample::{file, noon, result},
    wait::{PATIENCE, until, until_true},
};

/// For a server that waits for nothing.
pub(super) const AT_ONCE: &[(&str, &str)] = &[("ATELIER_TAGGING_IDLE_S", "0"), ("ATELIER_TAGGING_LOAD_IDLE_S", "0")];

/// How long it takes until nothing has come: the server looks every second.
const A_WHILE: Duration = Duration::from_millis(2500);

pub(super) struct Studio {
    pub(super) house: House,
    pub(super) clock: Clock,
    pub(super) writer: Consumer<TextJob>,
    painter: Consumer,
}

impl Studio {
    /// Opens a server that tags at once, with a text worker that has the model in memory.
    pub(super) async fn open() -> Self {
        let studio = Self::open_with(AT_ONCE).await;
        studio.announce(WorkerState::Idle, &[MODEL]).await;
        studio
    }

    /// Opens a server with the tiny language model, whose clock stands still. No text worker has announced itself.
    pub(super) async fn open_with(settings: &[(&str, &str)]) -> Self {
        let clock = Clock::fixed(noon());
        let house = House::open_at(clock.clone(), settings).await;
        testkit::tiny_models::write_llm(&house.folder.path().join("models")).unwrap();
        let writer = house.queue.text_consumer("test-writer", Duration::from_secs(15)).await.unwrap();
        let painter = house.worker().await;
        Self { house, clock, writer, painter }
    }

    /// Lets the server know of a text worker, and what it has in memory.
    pub(super) async fn announce(&self, state: WorkerState, models: &[&str]) {
        self.announce_engine("llama", state, models).await;
    }

    pub(super) async fn announce_engine(&self, engine: &str, state: WorkerState, models: &[&str]) {
        let worker = Worker {
            state,
            resident_models: models.iter().map(|model| (*model).to_owned()).collect(),
            ..Worker::idle("test-writer", WorkerKind::Llm, engine, "cpu", noon())
        };
        self.house.queue.announce_worker(&worker, 4 * PATIENCE).await.unwrap();
    }

    /// Paints a picture.
    pub(super) async fn paint(&mut self, prompt: &str) -> (JobId, AssetId) {
        let job = self.house.submit(prompt).await.id;
        (job, self.finish(job).await)
    }

    /// Makes a picture that has no prompt.
    pub(super) async fn enlarge(&mut self) -> AssetId {
        let upload = self.upload().await;
        self.make("upscale", &json!({ "image": upload, "factor": 2 })).await
    }

    /// Makes what a job of any kind makes.
    pub(super) async fn make(&mut self, kind: &str, spec: &Value) -> AssetId {
        let answer = self.house.post(&format!("/api/workflows/{kind}"), spec).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
        self.finish(answer.json::<Job>().id).await
    }

    pub(super) async fn upload(&self) -> AssetId {
        let form = Form::new().part("file", Part::bytes(png(16, 16)));
        send(self.house.request(Method::POST, "/api/assets").multipart(form)).await.json::<Asset>().file.id
    }

    /// Takes the next job of a picture.
    pub(super) async fn begin_to_paint(&mut self) -> Lease {
        house::next_job(&mut self.painter).await
    }

    async fn finish(&mut self, job: JobId) -> AssetId {
        let picture = file('a');
        succeed(self.begin_to_paint().await, &result(vec![picture.clone()])).await;
        self.house.wait_for(&format!("/api/jobs/{job}"), "state", "succeeded").await;
        picture.id
    }

    /// Waits until the model is asked for tags.
    pub(super) async fn asked(&mut self) -> Lease<TextJob> {
        next_job(&mut self.writer).await
    }

    /// Waits until the model is asked for tags, while time goes by: so much every few milliseconds.
    pub(super) async fn asked_while(&mut self, step: Duration) -> Lease<TextJob> {
        let clock = self.clock.clone();
        let goes_by = until("the model to be asked", async || {
            clock.advance(step);
            None::<()>
        });
        tokio::select! {
            lease = next_job(&mut self.writer) => lease,
            () = goes_by => unreachable!(),
        }
    }

    /// Asserts that the model is not asked, however long nobody seems to need the machine.
    pub(super) async fn assert_not_asked(&mut self) {
        self.clock.advance(Duration::from_secs(60 * 60 * 24));
        self.assert_not_asked_now().await;
    }

    /// Asserts that the model is not asked at this time of the clock.
    pub(super) async fn assert_not_asked_now(&mut self) {
        let stop = CancellationToken::new();
        let stopper = stop.clone();
        tokio::spawn(async move {
            // That nothing comes can only be seen by waiting for it.
            let _ = tokio::time::timeout(A_WHILE, stopper.cancelled()).await;
            stopper.cancel();
        });
        assert!(self.writer.next(&Affinity::default(), &stop).await.unwrap().is_none(), "the model was asked");
    }

    pub(super) async fn tagging(&self, id: AssetId) -> Tagging {
        self.house.get(&format!("/api/assets/{id}/tags")).await.json()
    }

    /// Waits until the tagging of a picture is as it should be.
    pub(super) async fn until(&self, id: AssetId, is_so: impl Fn(&Tagging) -> bool) -> Tagging {
        until("a tagging", async || Some(self.tagging(id).await).filter(&is_so)).await
    }

    /// Waits until nobody asks for anything.
    pub(super) async fn until_empty(&self) {
        until_true("an empty queue", async || self.house.queue.open_jobs().await.unwrap().is_empty()).await;
    }
}

/// Returns words for an answer: ten of them, with two more that are the same but for their form.
pub(super) fn words() -> Value {
    let tags = |words: &[(&str, u8)]| -> Value {
        words.iter().map(|(tag, confidence)| json!({ "tag": tag, "confidence": confidence })).collect()
    };
    json!({
        "subject": tags(&[("Lighthouse", 95), ("sea", 90), ("rocks", 70), ("LIGHTHOUSE ", 10), ("dawn", 65), ("gulls", 40)]),
        "style": tags(&[("oil_painting", 85), ("impasto", 55), ("oil  painting", 50)]),
        "mood": tags(&[("calm", 80), ("lonely", 30), ("hopeful", 5)]),
    })
}

/// Answers with ten tags.
pub(super) async fn tag(lease: Lease<TextJob>) {
    answer(lease, &words().to_string()).await;
}
