//! The peer sd-server: stable-diffusion.cpp's own server, which keeps its model in memory as we do, without a queue.

use std::{net::TcpListener, path::Path, time::Duration};

use anyhow::{Context, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{child::Child, usage, wait};

use crate::sd_peers;

const START_LIMIT: Duration = Duration::from_secs(60);

/// A running sd-server with the tiny model.
pub(crate) struct SdServer {
    child: Child,
    client: reqwest::Client,
    address: String,
    _folder: TempDir,
}

impl SdServer {
    /// Builds sd-server, unless it is there already, and starts it.
    pub(crate) async fn start(models: &Path) -> anyhow::Result<Self> {
        let program = sd_peers::install().await?.join("sd-server");
        let folder = tempfile::tempdir()?;
        // It cannot choose a free port by itself.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut arguments = sd_peers::tiny_model(models);
        arguments.extend(["--listen-port".into(), port.to_string().into()]);
        let child = Child::start_with("sd-server", &program, &arguments, folder.path())?;
        let server = Self {
            child,
            client: reqwest::Client::new(),
            address: format!("http://127.0.0.1:{port}/sdapi/v1"),
            _folder: folder,
        };
        let ready = wait::until(START_LIMIT, "sd-server to be ready", || async {
            let answer = server.client.get(format!("{}/options", server.address)).send().await;
            answer.is_ok_and(|answer| answer.status().is_success()).then_some(())
        });
        ready.await.with_context(|| server.child.log())?;
        Ok(server)
    }

    /// Makes a picture and returns how many bytes its file has.
    pub(crate) async fn make(&self, seed: u64) -> anyhow::Result<usize> {
        let body = json!({
            "prompt": "a lighthouse at dawn", "seed": seed, "width": 64, "height": 64, "steps": 4, "cfg_scale": 1.0,
        });
        let answer = self.client.post(format!("{}/txt2img", self.address)).json(&body).send().await?;
        let answer: Value = answer.error_for_status()?.json().await.context("reading the answer of sd-server")?;
        let picture = answer["images"][0].as_str().context("sd-server made no picture")?;
        let bytes = BASE64_STANDARD.decode(picture).context("reading the picture of sd-server")?;
        ensure!(bytes.starts_with(b"\x89PNG"), "sd-server answered with something else than a PNG");
        Ok(bytes.len())
    }

    /// Returns the processor time that it has used.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        usage::cpu_seconds(self.child.pid())
    }
}
