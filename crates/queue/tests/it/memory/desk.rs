//! Speaks for workers with the functions of the ledger, and moves its time.

use std::collections::BTreeMap;

use redis::aio::MultiplexedConnection;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ground::{Ground, LIMIT, PREFIX};

pub(super) const DEVICE: &str = "host:cpu";
pub(super) const TOTAL_MIB: u64 = 1000;
pub(super) const COMFORTABLE_MIB: u64 = 750;
/// A lease that never runs out by itself within a test.
pub(super) const LEASE_MS: i64 = 60_000;

/// What a worker says of a model that it holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Held {
    pub(super) mib: u64,
    pub(super) state: &'static str,
    pub(super) load_ms: i64,
    pub(super) age_ms: i64,
    pub(super) state_ms: i64,
    pub(super) is_pinned: bool,
    pub(super) ask: u64,
}

/// What a worker asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub(super) mib: u64,
    pub(super) load_ms: i64,
    pub(super) is_pinned: bool,
    pub(super) ask: u64,
}

/// All that a worker says.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    pub(super) held: BTreeMap<String, Held>,
    pub(super) asked: BTreeMap<String, Asked>,
}

/// What a worker hears.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) granted: Vec<u64>,
    pub(super) leaving: Vec<String>,
    pub(super) waiting: Vec<Value>,
}

/// The ledger as it is kept.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Kept {
    pub(super) heard: i64,
    pub(super) closed_until: i64,
    pub(super) workers: BTreeMap<String, KeptWorker>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct KeptWorker {
    pub(super) holdings: BTreeMap<String, KeptHolding>,
    pub(super) requests: BTreeMap<String, KeptRequest>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct KeptHolding {
    pub(super) mib: u64,
    pub(super) state: String,
    pub(super) load_ms: i64,
    pub(super) loaded: i64,
    pub(super) pinned: bool,
    pub(super) evict: bool,
    pub(super) ask: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct KeptRequest {
    pub(super) mib: u64,
    pub(super) ask: u64,
}

/// A ledger, and a connection to it.
pub(super) struct Desk {
    _ground: Ground,
    raw: MultiplexedConnection,
}

impl Desk {
    pub(super) async fn new() -> Self {
        let ground = Ground::new().await;
        let mut raw = ground.raw().await;
        // The usual half second is too little for a machine that builds meanwhile.
        raw.set_response_timeout(LIMIT);
        Self { _ground: ground, raw }
    }

    /// Says all that a worker has to say, and returns the answer.
    pub(super) async fn sync(&mut self, worker: &str, told: &Told) -> Heard {
        let holdings: Vec<Value> = told.held.iter().map(|(model, held)| held.json(model)).collect();
        let requests: Vec<Value> = told.asked.iter().map(|(model, asked)| asked.json(model)).collect();
        let json = json!({
            "total": TOTAL_MIB, "comfortable": COMFORTABLE_MIB, "holdings": holdings, "requests": requests,
        });
        let mut call = redis::cmd("FCALL");
        call.arg("atelier_v1_memory_sync").arg(2).arg(key()).arg(format!("{{{PREFIX}}}:memories"));
        call.arg(DEVICE).arg(worker).arg(LEASE_MS).arg(format!("{{{PREFIX}}}:mem:")).arg(json.to_string());
        let (granted, leaving, waiting): (Vec<u64>, Vec<String>, Vec<String>) =
            call.query_async(&mut self.raw).await.unwrap();
        let waiting = waiting.iter().map(|reason| serde_json::from_str(reason).unwrap()).collect();
        Heard { granted, leaving, waiting }
    }

    /// Returns the ledger as it is kept.
    pub(super) async fn kept(&mut self) -> Option<Kept> {
        load(&mut self.raw).await.map(|ledger| serde_json::from_value(ledger).unwrap())
    }

    /// Lets this much time pass for everything in the ledger.
    pub(super) async fn pass(&mut self, ms: i64) {
        let Some(mut ledger) = load(&mut self.raw).await else { return };
        for field in ["heard", "closed_until"] {
            shift(&mut ledger[field], ms);
        }
        for worker in children(&mut ledger["workers"]) {
            shift(&mut worker["lapses"], ms);
            for holding in children(&mut worker["holdings"]) {
                shift(&mut holding["loaded"], ms);
                shift(&mut holding["changed"], ms);
            }
            for request in children(&mut worker["requests"]) {
                shift(&mut request["since"], ms);
            }
        }
        store(&mut self.raw, &ledger).await;
    }

    /// Makes a worker look as if it had been silent for longer than its lease, while others spoke.
    pub(super) async fn silence(&mut self, worker: &str) {
        let Some(mut ledger) = load(&mut self.raw).await else { return };
        if let Some(worker) = ledger["workers"].get_mut(worker) {
            worker["lapses"] = json!(0);
            store(&mut self.raw, &ledger).await;
        }
    }

    /// Lets a ledger that is new grant what it is asked for.
    pub(super) async fn open(&mut self) {
        open(&mut self.raw).await;
    }

    pub(super) async fn wipe(&mut self) {
        redis::cmd("DEL").arg(key()).exec_async(&mut self.raw).await.unwrap();
    }
}

/// Lets a ledger that is new grant what it is asked for.
pub(super) async fn open(raw: &mut MultiplexedConnection) {
    let Some(mut ledger) = load(raw).await else { return };
    ledger["closed_until"] = json!(0);
    store(raw, &ledger).await;
}

/// Makes everything that is held look as if it had been loaded so much earlier.
pub(super) async fn age(raw: &mut MultiplexedConnection, ms: i64) {
    let Some(mut ledger) = load(raw).await else { return };
    for worker in children(&mut ledger["workers"]) {
        for holding in children(&mut worker["holdings"]) {
            shift(&mut holding["loaded"], ms);
        }
    }
    store(raw, &ledger).await;
}

async fn load(raw: &mut MultiplexedConnection) -> Option<Value> {
    let text: Option<String> = redis::cmd("GET").arg(key()).query_async(raw).await.unwrap();
    text.map(|text| serde_json::from_str(&text).unwrap())
}

async fn store(raw: &mut MultiplexedConnection, ledger: &Value) {
    redis::cmd("SET").arg(key()).arg(ledger.to_string()).exec_async(raw).await.unwrap();
}

impl Held {
    fn json(&self, model: &str) -> Value {
        json!({
            "model": model, "mib": self.mib, "state": self.state, "load_ms": self.load_ms, "age_ms": self.age_ms,
            "state_ms": self.state_ms, "pinned": self.is_pinned, "ask": self.ask,
        })
    }
}

impl Asked {
    fn json(&self, model: &str) -> Value {
        json!({
            "model": model, "mib": self.mib, "load_ms": self.load_ms, "pinned": self.is_pinned, "ask": self.ask,
        })
    }
}

impl Kept {
    /// Returns everything that is held, with whose it is.
    pub(super) fn holdings(&self) -> impl Iterator<Item = (&String, &String, &KeptHolding)> {
        self.workers
            .iter()
            .flat_map(|(worker, kept)| kept.holdings.iter().map(move |(model, holding)| (worker, model, holding)))
    }

    /// Returns whether a worker's model is asked to leave.
    pub(super) fn is_asked(&self, worker: &str, model: &str) -> bool {
        let holding = self.workers.get(worker).and_then(|kept| kept.holdings.get(model));
        holding.is_some_and(|holding| holding.evict)
    }
}

fn key() -> String {
    format!("{{{PREFIX}}}:memory:{DEVICE}")
}

fn shift(time: &mut Value, ms: i64) {
    *time = json!(time.as_i64().unwrap() - ms);
}

fn children(object: &mut Value) -> impl Iterator<Item = &mut Value> {
    object.as_object_mut().into_iter().flat_map(|object| object.values_mut())
}
