//! One life of a llama-server: start, ready, end.

use std::time::{Duration, Instant};

use chassis::Secret;
use process::{Child, Exit};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::{io::copy, time::sleep};
use tracing::warn;
use worker::exhaustion::{Kills, is_out_of_memory};

use super::{Launch, Settings, epitaph};
use crate::{endpoint::Endpoint, trouble::Trouble};

/// A large model on a slow disk takes long; more than this no model takes.
const LOAD_LIMIT: Duration = Duration::from_secs(1800);
/// Between two looks whether it is ready: the first, and the longest.
const LOOKS: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(250));
/// How long one that is not needed any more may take to go.
const END_LIMIT: Duration = Duration::from_secs(3);
/// How many lines of its log are kept.
const LOG_LINES: usize = 200;

/// A llama-server with a model in memory.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// How to ask it.
    pub(crate) endpoint: Endpoint,
    /// What it says of itself.
    pub(crate) properties: Properties,
    /// How long it took to load.
    pub(crate) load: Duration,
    /// How often memory had run out on this machine when it was ready.
    kills: Kills,
    /// Where its socket is.
    _folder: TempDir,
}

/// What a llama-server says of itself once it has loaded.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Properties {
    #[serde(default)]
    default_generation_settings: Generation,
    #[serde(default)]
    pub(crate) total_slots: u32,
    #[serde(default)]
    pub(crate) modalities: Modalities,
    #[serde(default)]
    pub(crate) build_info: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Generation {
    #[serde(default)]
    n_ctx: u32,
}

/// What a model takes beside words.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Modalities {
    #[serde(default)]
    pub(crate) vision: bool,
}

/// Why no llama-server came up.
#[derive(Debug)]
pub(crate) enum Stillborn {
    /// The model can never be loaded like this.
    Refused(String),
    /// There was too little memory for it.
    OutOfMemory(String),
    /// It died, or could not even be started.
    Died(String),
}

impl Server {
    /// Starts a llama-server and waits until its model is in memory. Dropping the future ends it.
    pub(crate) async fn start(launch: &Launch, settings: &Settings) -> Result<Self, Stillborn> {
        let (began, kills) = (Instant::now(), Kills::now());
        let failed = |what: &str, error: anyhow::Error| Stillborn::Died(format!("could not {what}: {error:#}"));
        // For this user alone, and with a short path: the kernel allows 107 bytes for that of a socket.
        let folder = tempfile::Builder::new().prefix("atelier-llm-").tempdir();
        let folder = folder.map_err(|error| failed("make a folder for a socket", error.into()))?;
        let socket = folder.path().join("s.sock");
        let key = random_key().map_err(|error| failed("make a key for llama-server", error))?;
        let endpoint = Endpoint::on_socket(&socket, Secret::new(key.clone()));
        let endpoint = endpoint.map_err(|error| failed("make a client for llama-server", error.into()))?;
        let program = settings.child_on(if launch.avoids_gpu { "cpu" } else { &settings.device });
        let program = program.env("LLAMA_API_KEY", key).folder(folder.path()).log_lines(LOG_LINES);
        let program =
            launch.flags(&socket, settings).into_iter().fold(program, |program, argument| program.arg(argument));
        let mut child = program.start().map_err(|error| failed("start llama-server", error.into()))?;
        if let Some(mut stdout) = child.take_stdout() {
            // It must not stand still because nobody reads.
            tokio::spawn(async move { copy(&mut stdout, &mut tokio::io::sink()).await });
        }
        let properties = tokio::select! {
            properties = ready(&endpoint) => properties,
            exit = child.exited() => return Err(stillborn(exit, &child, kills)),
            () = sleep(LOAD_LIMIT) => {
                let minutes = LOAD_LIMIT.as_secs() / 60;
                return Err(Stillborn::Died(format!("llama-server was not ready within {minutes} minutes")));
            }
        };
        child.set_ready();
        let kills = Kills::now();
        let server = Self { child, endpoint, properties, load: began.elapsed(), kills, _folder: folder };
        server.verify(launch)?;
        Ok(server)
    }

    /// Returns the number of the process.
    pub(crate) fn process_id(&self) -> Option<u32> {
        self.child.process_id()
    }

    /// Returns how many tokens each slot has.
    pub(crate) fn context(&self) -> u32 {
        self.properties.default_generation_settings.n_ctx
    }

    /// Waits until it is gone by itself, and returns why.
    pub(crate) async fn died(&self) -> String {
        epitaph::sentence(self.child.exited().await, self.child.log())
    }

    /// Returns whether it is gone because memory ran out, by why it is gone.
    pub(crate) fn ran_out_of_memory(&self, reason: &str) -> bool {
        is_out_of_memory(reason, self.kills, Kills::now())
    }

    /// Kills it at once.
    pub(crate) fn kill(&self) {
        self.child.kill();
    }

    /// Ends it; when this returns, its memory is free.
    pub(crate) async fn end(mut self) {
        self.child.stop(END_LIMIT).await;
    }

    /// Fails where it has loaded something else than was planned, rather than surprise whoever relies on it.
    fn verify(&self, launch: &Launch) -> Result<(), Stillborn> {
        let properties = &self.properties;
        if launch.mmproj.is_some() && !properties.modalities.vision {
            return Err(Stillborn::Refused("the file that should read pictures for it reads none".to_owned()));
        }
        if properties.total_slots != launch.slots {
            let (wanted, found) = (launch.slots, properties.total_slots);
            return Err(Stillborn::Refused(format!("llama-server has {found} slots in place of {wanted}")));
        }
        // It rounds up to whole blocks, and down to what the model knows.
        if self.context() < launch.context {
            let (wanted, found) = (launch.context, self.context());
            warn!("{} came up for {found} tokens in place of {wanted}", launch.model.display());
        }
        Ok(())
    }
}

/// Waits until the model is in memory, and returns what the server says of itself.
async fn ready(endpoint: &Endpoint) -> Properties {
    let mut pause = LOOKS.0;
    loop {
        // The socket is not there yet, or the model is not.
        let loaded: Result<Properties, Trouble> = endpoint.load("/props").await;
        if let Ok(properties) = loaded {
            return properties;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LOOKS.1);
    }
}

fn stillborn(exit: Exit, child: &Child, kills: Kills) -> Stillborn {
    let sentence = epitaph::sentence(exit, child.log());
    if is_out_of_memory(&sentence, kills, Kills::now()) {
        return Stillborn::OutOfMemory(sentence);
    }
    // It ends with 1 where it cannot read a file or a flag; what kills it may be over at the next try.
    if exit.code == Some(1) { Stillborn::Refused(sentence) } else { Stillborn::Died(sentence) }
}

/// Returns 256 bits that nobody can guess, in hex.
fn random_key() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
