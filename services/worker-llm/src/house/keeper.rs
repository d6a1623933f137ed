//! The keeper of a model: starts its llama-server when somebody needs it, and ends it when nobody does.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use contract::job::Failure;
use process::Backoff;
use queue::memory::Holding;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Desk, Mode, Settings};
use crate::{
    library::Found,
    llama::{
        Launch, measure,
        server::{Server, Stillborn},
    },
    metrics,
    trouble::{crash, refusal},
};

/// The first wait after a death; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait after a death.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// After so long without a death, the next one counts as the first.
const QUIET: Duration = Duration::from_secs(300);
/// After so many deaths it is started in the safe mode.
const DEATHS_UNTIL_SAFE: u32 = 2;
/// After so many deaths in a row those who wait are told that it does not come up.
const DEATHS_UNTIL_GIVEN_UP: u32 = 3;

/// Somebody who needs the model.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) reply: oneshot::Sender<Result<Arc<Desk>, Failure>>,
}

/// What others see of a model.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    /// Why it is not there yet, in a sentence.
    pub(super) reason: Option<String>,
    /// What it holds in memory, where it is there and that is known.
    pub(super) resident: Option<Option<u64>>,
    /// How many requests it takes at once, once that is known.
    pub(super) slots: Option<u32>,
    /// What went wrong last.
    pub(super) problem: Option<(Instant, String)>,
    pub(super) process_id: Option<u32>,
}

/// The keeper of a model, as the house sees him.
#[derive(Debug)]
pub(super) struct Keeper {
    asks: mpsc::UnboundedSender<Ask>,
    view: watch::Receiver<View>,
    life: JoinHandle<()>,
}

impl Keeper {
    /// Starts the keeper of a model that is not in memory.
    pub(super) fn start(
        model: &str,
        mode: Mode,
        settings: Arc<Settings>,
        changed: watch::Sender<()>,
        stop: CancellationToken,
    ) -> Self {
        let (asks, asked) = mpsc::unbounded_channel();
        let (view_sender, view) = watch::channel(View::default());
        let life = Life {
            model: model.to_owned(),
            mode,
            settings,
            asks: asked,
            waiting: Vec::new(),
            view: view_sender,
            changed,
            stop,
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT, QUIET),
            deaths: 0,
            died_at: None,
            load: Duration::ZERO,
        };
        Self { asks, view, life: tokio::spawn(life.live()) }
    }

    /// Asks for the desk; the view says meanwhile why that takes long.
    pub(super) fn ask(&self, ask: Ask) -> watch::Receiver<View> {
        // A keeper that is gone drops the ask, and whoever asked hears of that.
        let _ = self.asks.send(ask);
        self.view.clone()
    }

    pub(super) fn view(&self) -> View {
        self.view.borrow().clone()
    }

    /// Waits until the keeper is gone, with the model.
    pub(super) async fn ended(self) {
        let _ = self.life.await;
    }
}

/// Everybody must go.
struct Stopped;

/// What a keeper knows and does.
struct Life {
    model: String,
    mode: Mode,
    settings: Arc<Settings>,
    asks: mpsc::UnboundedReceiver<Ask>,
    /// Those who wait for the desk.
    waiting: Vec<Ask>,
    view: watch::Sender<View>,
    changed: watch::Sender<()>,
    stop: CancellationToken,
    backoff: Backoff,
    /// How often it died since it was last quiet.
    deaths: u32,
    died_at: Option<Instant>,
    /// How long it took to load.
    load: Duration,
}

/// A model that has just come into memory.
struct Arrived {
    server: Server,
    holding: Holding,
    desk: Arc<Desk>,
}

/// Why a model leaves.
enum Leave {
    Idle,
    Asked,
    Died(String),
}

impl Life {
    async fn live(mut self) {
        let mut comes_back = false;
        loop {
            if self.waiting.is_empty() && !comes_back {
                tokio::select! {
                    () = self.stop.cancelled() => return,
                    ask = self.asks.recv() => match ask {
                        Some(ask) => self.waiting.push(ask),
                        None => return,
                    },
                }
            }
            let Ok(brought) = self.bring().await else { return };
            let arrived = match brought {
                Ok(arrived) => arrived,
                Err(failure) => {
                    comes_back = false;
                    self.change(|view| view.reason = None);
                    for ask in self.waiting.drain(..) {
                        let _ = ask.reply.send(Err(failure.clone()));
                    }
                    continue;
                }
            };
            for ask in self.waiting.drain(..) {
                let _ = ask.reply.send(Ok(Arc::clone(&arrived.desk)));
            }
            let Ok(leave) = self.attend(arrived).await else { return };
            comes_back = match leave {
                Leave::Died(_) => true,
                Leave::Idle | Leave::Asked => false,
            };
        }
    }

    /// Brings the model into memory; the inner error is for those who wait.
    async fn bring(&mut self) -> Result<Result<Arrived, Failure>, Stopped> {
        let mut deaths_now = 0;
        loop {
            let wait = self.backoff.remaining(Instant::now());
            if !wait.is_zero() {
                let seconds = wait.as_secs_f64().ceil();
                self.say(format!("the engine of {} died; it is started again in {seconds} s", self.model));
                self.meanwhile(sleep(wait)).await?;
            }
            let found = match self.meanwhile(self.find()).await? {
                Ok(found) => found,
                Err(failure) => return Ok(Err(failure)),
            };
            let is_safe = self.is_in_trouble();
            let launch = if is_safe { found.launch.in_safe_mode() } else { found.launch.clone() };
            let mib = found.needed_mib(&launch);
            let holding = match self.reserve(mib).await? {
                Some(Ok(holding)) => holding,
                Some(Err(failure)) => return Ok(Err(failure)),
                // Nobody waits any more.
                None => return Ok(Err(crash("nobody waits for the model any more", None))),
            };
            if is_safe {
                self.warn_of_safe_mode(&launch);
            }
            self.say(format!("{} is being loaded, about {mib} MiB", self.model));
            let settings = Arc::clone(&self.settings);
            let started = self.meanwhile(Server::start(&launch, &settings.llama)).await?;
            match started {
                Ok(server) => return Ok(Ok(self.settle(server, holding, &launch, &found, mib).await)),
                Err(Stillborn::Refused(message)) => {
                    self.note_problem(&message);
                    let remedy = "check the file of the model, or load another one";
                    return Ok(Err(refusal(format!("the model {} cannot be loaded: {message}", self.model), remedy)));
                }
                Err(Stillborn::Died(message)) => {
                    drop(holding);
                    self.note_death(&message);
                    deaths_now += 1;
                    if deaths_now >= DEATHS_UNTIL_GIVEN_UP {
                        let message = format!("the model {} did not come up in {deaths_now} tries: {message}", self.model);
                        return Ok(Err(crash(message, Some("look at the log of the text worker"))));
                    }
                }
            }
        }
    }

    /// Looks up how the model is loaded.
    fn find(&self) -> impl Future<Output = Result<Found, Failure>> + use<> {
        let (shelf, model, mode) = (self.settings.shelf.clone(), self.model.clone(), self.mode);
        let comfortable_mib = self.settings.memory.comfortable_mib();
        async move {
            let finding = tokio::task::spawn_blocking(move || shelf.find(&model, mode, comfortable_mib)).await;
            finding.unwrap_or_else(|error| Err(crash(error.to_string(), None)))
        }
    }

    /// Waits for memory; none when nobody waits for the model any more.
    async fn reserve(&mut self, mib: u64) -> Result<Option<Result<Holding, Failure>>, Stopped> {
        let (memory, name, load) = (self.settings.memory.clone(), self.ledger_name(), self.load);
        let (view, changed) = (self.view.clone(), self.changed.clone());
        let reserving = memory.reserve(&name, mib, load, |reason| {
            view.send_modify(|view| view.reason = Some(reason));
            changed.send_replace(());
        });
        tokio::pin!(reserving);
        // Coming back after a death nobody may wait, and it need not wait long.
        let has_waited_for = !self.waiting.is_empty();
        loop {
            let first_gone = gone(&mut self.waiting);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Stopped),
                reserved = &mut reserving => return Ok(Some(reserved)),
                Some(ask) = self.asks.recv() => self.waiting.push(ask),
                () = first_gone => {}
            }
            self.waiting.retain(|ask| !ask.reply.is_closed());
            if has_waited_for && self.waiting.is_empty() {
                return Ok(None);
            }
        }
    }

    /// Makes the desk of a model that has come up.
    async fn settle(
        &mut self,
        server: Server,
        holding: Holding,
        launch: &Launch,
        found: &Found,
        mib: u64,
    ) -> Arrived {
        self.load = server.load;
        holding.loaded_in(server.load);
        let held_mib = self.measure(&server).await;
        // What it computes in is taken only when it computes: until then what was reserved counts.
        holding.idle(held_mib.unwrap_or_default().max(mib));
        let mut desk = Desk::new(server.endpoint.clone(), &self.model, launch.slots);
        desk.system_prompt.clone_from(&found.system_prompt);
        desk.only_vectors = launch.pooling.is_some();
        desk.has_vision = Some(server.properties.modalities.vision);
        let (load_ms, context, slots) = (server.load.as_millis() as u64, server.context(), launch.slots);
        metrics::model_loaded(server.load.as_secs_f64());
        info!(
            model.id = self.model,
            duration_ms = load_ms,
            "model {} is in memory after {load_ms} ms: {slots} slots of {context} tokens, {} MiB, {}",
            self.model,
            held_mib.unwrap_or(mib),
            server.properties.build_info
        );
        let process_id = server.process_id();
        self.change(|view| {
            view.reason = None;
            view.resident = Some(held_mib.or(Some(mib)));
            view.slots = Some(slots);
            view.process_id = process_id;
        });
        Arrived { server, holding, desk: Arc::new(desk) }
    }

    /// Looks after a model in memory until it leaves.
    async fn attend(&mut self, arrived: Arrived) -> Result<Leave, Stopped> {
        let Arrived { server, holding, desk } = arrived;
        let mut gate = desk.watch();
        let (name, memory) = (self.ledger_name(), self.settings.memory.clone());
        let (mut was_busy, mut most_mib) = (false, None);
        let leave = loop {
            let is_busy = gate.borrow_and_update().inside > 0;
            match (was_busy, is_busy) {
                (false, true) => holding.busy(),
                (true, false) => {
                    most_mib = most_mib.max(self.look_again(&server));
                    holding.idle(most_mib.unwrap_or_else(|| holding.mib()));
                }
                _ => {}
            }
            was_busy = is_busy;
            let idle = self.settings.idle.filter(|_| !is_busy);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    desk.close();
                    server.end().await;
                    return Err(Stopped);
                }
                reason = server.died() => break Leave::Died(reason),
                () = desk.hangs.cancelled() => {
                    server.kill();
                    break Leave::Died(format!("it said nothing for too long; {}", server.died().await));
                }
                () = memory.must_leave(&name) => {
                    desk.close();
                    if gate.borrow().inside == 0 {
                        break Leave::Asked;
                    }
                    self.say(format!("{} leaves its memory to others when it is done, and comes back afterwards", self.model));
                    tokio::select! {
                        biased;
                        // What is still under way then has been drained, or is given up.
                        () = self.stop.cancelled() => {
                            server.end().await;
                            return Err(Stopped);
                        }
                        reason = server.died() => break Leave::Died(reason),
                        () = desk.hangs.cancelled() => {
                            server.kill();
                            break Leave::Died(format!("it said nothing for too long; {}", server.died().await));
                        }
                        () = desk.empty() => break Leave::Asked,
                    }
                }
                // The head of the loop looks who came or went.
                _ = gate.changed() => {}
                ask = self.asks.recv() => match ask {
                    Some(ask) => drop(ask.reply.send(Ok(Arc::clone(&desk)))),
                    None => {
                        server.end().await;
                        return Err(Stopped);
                    }
                },
                () = sleep(idle.unwrap_or_default()), if idle.is_some() => {
                    if desk.close_if_empty() {
                        break Leave::Idle;
                    }
                }
            }
        };
        desk.close();
        match &leave {
            Leave::Died(reason) => {
                desk.epitaph.send_replace(Some(reason.clone()));
                self.note_death(reason);
            }
            Leave::Idle => info!(model.id = self.model, "model {} was idle and leaves the memory", self.model),
            Leave::Asked => {
                metrics::model_evicted();
                info!(model.id = self.model, "model {} leaves its memory to others", self.model);
            }
        }
        server.end().await;
        drop(holding);
        self.change(|view| (view.resident, view.process_id) = (None, None));
        Ok(leave)
    }

    /// Waits for something, and lets those wait who ask meanwhile.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Stopped),
                done = &mut work => return Ok(done),
                Some(ask) = self.asks.recv() => self.waiting.push(ask),
            }
        }
    }

    /// Returns the name in the ledger. One that makes vectors is in memory beside one that writes.
    fn ledger_name(&self) -> String {
        match self.mode {
            Mode::Text => self.model.clone(),
            Mode::Vectors => format!("{} (vectors)", self.model),
        }
    }

    async fn measure(&self, server: &Server) -> Option<u64> {
        measure::held_mib(server.process_id()?, &self.settings.llama.device).await
    }

    /// Measures again where that takes no time: the driver of a card is not asked while somebody may wait.
    fn look_again(&self, server: &Server) -> Option<u64> {
        let is_machine = self.settings.llama.device == "cpu";
        is_machine.then(|| measure::of_machine_mib(server.process_id()?)).flatten()
    }

    fn is_in_trouble(&self) -> bool {
        let is_quiet = self.died_at.is_none_or(|at| at.elapsed() >= QUIET);
        !is_quiet && self.deaths >= DEATHS_UNTIL_SAFE
    }

    fn note_death(&mut self, reason: &str) {
        if self.died_at.is_none_or(|at| at.elapsed() >= QUIET) {
            self.deaths = 0;
        }
        self.deaths += 1;
        self.died_at = Some(Instant::now());
        let wait = self.backoff.fail(Instant::now());
        metrics::engine_restarted();
        warn!(
            model.id = self.model,
            "the engine of {} died, and is started again in {} s: {reason}",
            self.model,
            wait.as_secs()
        );
        self.note_problem(reason);
    }

    fn note_problem(&self, problem: &str) {
        let problem = format!("{}: {problem}", self.model);
        self.change(|view| view.problem = Some((Instant::now(), problem)));
    }

    fn warn_of_safe_mode(&self, launch: &Launch) {
        warn!(
            model.id = self.model,
            "the engine of {} died {} times, so it starts in its safe mode: no layers on the GPU, a cache of 16 bits, \
             {} slot of {} tokens",
            self.model,
            self.deaths,
            launch.slots,
            launch.context
        );
    }

    fn say(&self, reason: String) {
        self.change(|view| view.reason = Some(reason));
    }

    fn change(&self, change: impl FnOnce(&mut View)) {
        self.view.send_modify(change);
        self.changed.send_replace(());
    }
}

/// Waits until one of those who wait has gone away.
async fn gone(waiting: &mut [Ask]) {
    if waiting.is_empty() {
        return std::future::pending().await;
    }
    std::future::poll_fn(|context| {
        let is_gone = waiting.iter_mut().any(|ask| ask.reply.poll_closed(context).is_ready());
        if is_gone { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
