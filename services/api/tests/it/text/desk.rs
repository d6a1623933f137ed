//! A reception of text without HTTP: a database, a Valkey, the dispatch, and whoever asks.

use std::time::Duration;

use api::{
    dispatch,
    text::{Answering, Asking, Parts, Settings, Texts},
};
use chassis::clock::Clock;
use contract::{
    JobId,
    job::{Failure, Priority},
    spec::WorkerKind,
    text::{Completion, TextAnswer, TextEvent, TextFrame, TextJob, TextRequest, TextSampling, reply::Delta},
    worker::{Worker, WorkerState},
};
use queue::{Accepted, Affinity, Consumer, Ending, Lease, Queue};
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    db::ground::Ground,
    dispatch::world::{self, PREFIX, World},
    wait::PATIENCE,
};

pub(crate) const SETTINGS: Settings =
    Settings { open: 256, wait: Duration::from_secs(300), lease: Duration::from_millis(600) };

/// All of it, which goes away with this value.
pub(crate) struct Desk {
    pub(crate) world: World,
    pub(crate) texts: Texts,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

impl Desk {
    pub(crate) async fn open() -> Self {
        Self::open_with(SETTINGS).await
    }

    pub(crate) async fn open_with(settings: Settings) -> Self {
        let dispatch = dispatch::Settings { lease: settings.lease, ..world::SETTINGS };
        let world = World::with(Ground::sqlite().await, dispatch).await;
        // What the server does before it takes anything in.
        world.queue().prepare().await.unwrap();
        let (texts, stop, task) = reception(&world, settings).await;
        Self { world, texts, stop, task }
    }

    /// Returns a worker: another process, with a connection of its own.
    pub(crate) async fn worker(&self, name: &str) -> Consumer<TextJob> {
        let queue = Queue::connect(&self.world.valkey.url(), PREFIX).await.unwrap();
        queue.text_consumer(name, SETTINGS.lease).await.unwrap()
    }

    /// Lets everybody know of a worker.
    pub(crate) async fn announce(&self, name: &str, state: WorkerState, problem: Option<&str>) {
        let worker = Worker {
            state,
            last_problem: problem.map(str::to_owned),
            ..Worker::idle(name, WorkerKind::Llm, "llama", "cpu", Clock::system().now())
        };
        self.world.queue().announce_worker(&worker, PATIENCE).await.unwrap();
    }

    pub(crate) async fn ask(&self) -> Answering {
        self.texts.ask(asking("tiny")).await.unwrap()
    }

    /// Waits until nothing is in Valkey and nobody waits.
    pub(crate) async fn until_empty(&self) {
        self.world.until_valkey_is_empty().await;
        assert_eq!(self.texts.count_open(), 0);
    }
}

/// Starts one more instance of the reception.
pub(crate) async fn reception(world: &World, settings: Settings) -> (Texts, CancellationToken, JoinHandle<()>) {
    let parts = Parts {
        db: world.db().clone(),
        queue: Queue::connect(&world.valkey.url(), PREFIX).await.unwrap(),
        clock: Clock::system(),
        settings,
    };
    let stop = CancellationToken::new();
    let (texts, task) = Texts::start(parts, stop.clone()).await.unwrap();
    (texts, stop, task)
}

pub(crate) fn asking(model: &str) -> Asking {
    let completion = Completion {
        prompt: "Once upon".to_owned(),
        suffix: None,
        count: 1,
        echo: false,
        sampling: TextSampling::default(),
    };
    Asking {
        model: model.to_owned(),
        request: TextRequest::Completion(Box::new(completion)),
        inputs: Vec::new(),
        priority: Priority::Interactive,
        owner: "somebody".to_owned(),
    }
}

pub(crate) async fn take(worker: &mut Consumer<TextJob>) -> Lease<TextJob> {
    let (affinity, stop) = (Affinity::default(), CancellationToken::new());
    timeout(PATIENCE, worker.next(&affinity, &stop)).await.expect("no request came").unwrap().expect("not stopped")
}

pub(crate) fn words(id: JobId, number: u64) -> TextFrame {
    let delta = Delta { text: format!("{number} "), ..Delta::default() };
    TextFrame { id, number, events: vec![TextEvent::Delta(delta)] }
}

pub(crate) fn last(id: JobId, number: u64) -> TextFrame {
    TextFrame { id, number, events: vec![end()] }
}

pub(crate) fn end() -> TextEvent {
    TextEvent::End { answer: TextAnswer::Text { text: "that is all".to_owned() } }
}

/// Answers with so many words.
pub(crate) async fn answer(lease: Lease<TextJob>, count: u64) {
    for number in 0..count {
        assert_eq!(lease.send(&words(lease.job.id, number)).await.unwrap(), 1);
    }
    let frame = last(lease.job.id, count);
    assert_eq!(lease.finish(Ending::Text(&frame)).await.unwrap(), Accepted::Yes);
}

pub(crate) async fn next(answering: &mut Answering) -> Option<TextEvent> {
    timeout(PATIENCE, answering.next()).await.expect("nothing was said")
}

/// Returns the next event that is no word about waiting.
pub(crate) async fn next_of_answer(answering: &mut Answering) -> Option<TextEvent> {
    loop {
        match next(answering).await {
            Some(TextEvent::Waiting { .. }) => {}
            event => return event,
        }
    }
}

/// Returns the next word about waiting.
pub(crate) async fn reason(answering: &mut Answering) -> String {
    match next(answering).await {
        Some(TextEvent::Waiting { reason }) => reason,
        event => panic!("it does not wait: {event:?}"),
    }
}

/// Reads an answer to its end. Returns its words, and why there are no more.
pub(crate) async fn read(answering: &mut Answering) -> (String, Option<Failure>) {
    let mut text = String::new();
    loop {
        match next_of_answer(answering).await.expect("an answer has an end") {
            TextEvent::Delta(delta) => text.push_str(&delta.text),
            TextEvent::Failed { failure } => {
                assert_eq!(next(answering).await, None);
                return (text, Some(failure));
            }
            event => {
                assert_eq!(event, end());
                assert_eq!(next(answering).await, None);
                return (text, None);
            }
        }
    }
}

/// Returns the words that [`answer`] says.
pub(crate) fn told(count: u64) -> String {
    (0..count).map(|number| format!("{number} ")).collect()
}
