//! The peer llama-server: the engine itself, asked without a queue.

use std::{net::TcpListener, time::Duration};

use anyhow::Context;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{child::Child, programs::Programs, wait};

use super::STREAMS;

const START_LIMIT: Duration = Duration::from_secs(60);
/// Tokens of a slot, as the text worker gives it by itself.
const CONTEXT: usize = 4096;

/// A running llama-server with the tiny model.
pub(crate) struct LlamaServer {
    address: String,
    _child: Child,
    _folder: TempDir,
}

impl LlamaServer {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let program = Programs::find()?.llama_server()?;
        let folder = tempfile::tempdir()?;
        testkit::tiny_models::write_llm(folder.path())?;
        // It cannot choose a free port by itself.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let slots = STREAMS.iter().max().copied().unwrap_or(1);
        let model = folder.path().join("llm/smoke.gguf");
        let (port, slots, context) = (port.to_string(), slots.to_string(), (CONTEXT * slots).to_string());
        let arguments = [
            ["--port", &port],
            ["--alias", "smoke"],
            ["--parallel", &slots],
            ["--ctx-size", &context],
            ["--threads", "1"],
            ["--cache-ram", "0"],
        ];
        let mut arguments: Vec<_> = arguments.iter().flatten().map(Into::into).collect();
        arguments.extend(["--model".into(), model.into_os_string()]);
        let child = Child::start_with("llama-server", &program, &arguments, folder.path())?;
        let address = format!("http://127.0.0.1:{port}");
        let client = reqwest::Client::new();
        let ready = wait::until(START_LIMIT, "llama-server to be ready", || async {
            let answer = client.get(format!("{address}/health")).send().await;
            answer.is_ok_and(|answer| answer.status().is_success()).then_some(())
        });
        ready.await.with_context(|| child.log())?;
        Ok(Self { address, _child: child, _folder: folder })
    }

    /// Returns the number of the token with which the model ends its answers.
    pub(crate) async fn last_token(&self) -> anyhow::Result<u64> {
        let asked = json!({ "content": "<|im_end|>", "parse_special": true });
        let answer = reqwest::Client::new().post(format!("{}/tokenize", self.address)).json(&asked).send().await?;
        let answer: Value = answer.json().await?;
        answer["tokens"][0].as_u64().with_context(|| format!("no token ends an answer: {answer}"))
    }

    /// Returns where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}
