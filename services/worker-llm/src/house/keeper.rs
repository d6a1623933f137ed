//! The keeper of a model: starts its llama-server when somebody needs it, and ends it when nobody does.

mod attend;
mod bring;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use contract::job::Failure;
use process::Backoff;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::attend::Leave;
use super::{Desk, Mode, Settings};
use crate::{
    llama::{measure, server::Server},
    metrics,
};

/// The first wait after a death; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait after a death.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// After so long without a death, the next one counts as the first.
const QUIET: Duration = Duration::from_secs(300);

/// Somebody who needs the model.
#[derive(Debug)]
pub(super) struct Ask {
    /// Whether it is tried although it seems to need more memory than there is.
    pub(super) dares: bool,
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
            needs_all: false,
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
    /// Memory ran out with it, so all others leave before it comes again.
    needs_all: bool,
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

    fn say(&self, reason: String) {
        self.change(|view| view.reason = Some(reason));
    }

    fn change(&self, change: impl FnOnce(&mut View)) {
        self.view.send_modify(change);
        self.changed.send_replace(());
    }
}
