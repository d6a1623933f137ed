//! A client that chats with a server of OpenAI's kind, and counts tokens.

use anyhow::{Context, ensure};
use bytes::BytesMut;
use futures::StreamExt as _;
use serde_json::{Value, json};

/// Where a client asks.
pub(crate) struct Door {
    client: reqwest::Client,
    url: String,
    key: Option<String>,
    last_token: u64,
}

/// An answer that comes piece by piece.
pub(crate) struct Answer {
    pieces: futures::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    buffer: BytesMut,
    tokens: Option<u32>,
}

impl Door {
    /// No answer will use `last_token`, so that each is as long as it may be.
    pub(crate) fn new(base: &str, key: Option<&str>, last_token: u64) -> Self {
        let url = format!("{base}/v1/chat/completions");
        Self { client: reqwest::Client::new(), url, key: key.map(str::to_owned), last_token }
    }

    /// Asks for an answer of so many tokens.
    pub(crate) async fn ask(&self, seed: u64, tokens: u32) -> anyhow::Result<Answer> {
        let body = json!({
            "model": "smoke", "messages": [{"role": "user", "content": "Tell me about the sea."}], "seed": seed,
            "max_tokens": tokens, "stream": true, "stream_options": {"include_usage": true},
            "logit_bias": {self.last_token.to_string(): -100},
        });
        let mut request = self.client.post(&self.url).json(&body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let answer = request.send().await?;
        ensure!(answer.status().is_success(), "{}: {}", answer.status(), answer.text().await?);
        Ok(Answer { pieces: answer.bytes_stream().boxed(), buffer: BytesMut::new(), tokens: None })
    }
}

impl Answer {
    /// Waits for the next words; none at the end.
    pub(crate) async fn token(&mut self) -> anyhow::Result<Option<String>> {
        loop {
            let Some(line) = self.line().await? else { return Ok(None) };
            let Some(data) = line.strip_prefix("data: ") else { continue };
            if data == "[DONE]" {
                return Ok(None);
            }
            let chunk: Value = serde_json::from_str(data).with_context(|| format!("reading {data}"))?;
            ensure!(chunk.get("error").is_none(), "the answer broke off: {}", chunk["error"]);
            if let Some(tokens) = chunk["usage"]["completion_tokens"].as_u64() {
                self.tokens = u32::try_from(tokens).ok();
            }
            if let Some(text) = chunk["choices"][0]["delta"]["content"].as_str().filter(|text| !text.is_empty()) {
                return Ok(Some(text.to_owned()));
            }
        }
    }

    /// Returns how many tokens the whole answer had.
    pub(crate) fn tokens(&self) -> anyhow::Result<u32> {
        self.tokens.context("the answer does not say how many tokens it has")
    }

    async fn line(&mut self) -> anyhow::Result<Option<String>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end + 1);
                return Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()));
            }
            match self.pieces.next().await {
                Some(piece) => self.buffer.extend_from_slice(&piece?),
                None => return Ok(None),
            }
        }
    }
}
