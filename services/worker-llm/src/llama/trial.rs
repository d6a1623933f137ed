//! Tries a build of llama-server out: it loads a model that is nothing but noise, and writes a few words with it.

mod model;

use serde::Deserialize;
use serde_json::json;
use worker::builds::Depth;

use super::{
    Launch, Settings, inquiry,
    server::{Server, Stillborn},
};
use crate::trouble::Trouble;

/// How much it is to write.
const TOKENS: u32 = 4;
/// The context of the model.
const CONTEXT: u32 = 256;

/// What came of it.
#[derive(Debug, Deserialize)]
struct Written {
    tokens_predicted: u32,
}

/// Starts a build, makes it compute where that is asked for, and returns what it computes on.
pub(crate) async fn try_out(settings: &Settings, depth: Depth) -> Result<String, String> {
    let device = inquiry::device(settings).await?;
    if depth == Depth::Computation {
        compute(settings).await?;
    }
    Ok(device)
}

async fn compute(settings: &Settings) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| format!("could not make a folder: {error}"))?;
    let path = folder.path().join("trial.gguf");
    model::write(&path, CONTEXT).map_err(|error| format!("could not write {}: {error}", path.display()))?;
    let server = Server::start(&Launch::plain(path, CONTEXT), settings).await.map_err(|error| match error {
        Stillborn::Refused(why) | Stillborn::OutOfMemory(why) | Stillborn::Died(why) => why,
    })?;
    let body = json!({ "prompt": "a", "n_predict": TOKENS, "ignore_eos": true });
    let written: Result<Written, Trouble> = server.endpoint.ask("/completion", &body).await;
    let outcome = match written {
        Ok(Written { tokens_predicted: TOKENS }) => Ok(()),
        Ok(Written { tokens_predicted }) => Err(format!("writes {tokens_predicted} tokens in place of {TOKENS}")),
        Err(Trouble::Failed(failure)) => Err(failure.message),
        Err(Trouble::Gone(_)) => Err(server.died().await),
        Err(Trouble::Silent) => Err("says nothing".to_owned()),
    };
    server.end().await;
    outcome
}
