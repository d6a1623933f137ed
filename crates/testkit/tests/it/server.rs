//! A llama-server of the test's own, on a socket in a folder of its own.

use std::{
    env,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;
use testkit::{spawner, tiny_models};

const KEY: &str = "a key of the test";

/// A running server with the tiny language model.
pub(crate) struct Server {
    child: Child,
    folder: TempDir,
}

impl Server {
    /// Starts the server and waits until it has loaded the model.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        tiny_models::write_llm(folder.path()).unwrap();
        let mut command = spawner::dying_with_us(program());
        command
            .arg("--model")
            .arg(folder.path().join("llm/smoke.gguf"))
            .arg("--host")
            .arg(folder.path().join("llama.sock"))
            .args(["--threads", "1", "--threads-http", "2", "--parallel", "1", "--cache-ram", "0", "--fit", "off"])
            .args(["--offline", "--no-ui"])
            .args(arguments)
            .env("LLAMA_API_KEY", KEY)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = spawner::spawn(command).unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let (mut said, mut line) = (String::new(), String::new());
        while !line.contains("listening on") {
            line.clear();
            let is_over = log.read_line(&mut line).unwrap() == 0;
            said.push_str(&line);
            assert!(!is_over, "llama-server ended:\n{said}");
        }
        // It would stop at a full pipe.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { child, folder }
    }

    /// Returns the folder of models.
    pub(crate) fn models_dir(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Sends a body and returns the status and the answer.
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, answer) = self.send(&format!("POST {path}"), &body.to_string());
        (status, serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}")))
    }

    /// Sends a body and returns the lines of the answer.
    pub(crate) fn stream(&self, path: &str, body: &Value) -> Vec<String> {
        let (status, answer) = self.send(&format!("POST {path}"), &body.to_string());
        assert_eq!(status, 200, "{answer}");
        answer.lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned).collect()
    }

    /// Returns what a path answers.
    pub(crate) fn get(&self, path: &str) -> Value {
        serde_json::from_str(&self.send(&format!("GET {path}"), "").1).unwrap()
    }

    fn send(&self, head: &str, body: &str) -> (u16, String) {
        let mut socket = UnixStream::connect(self.folder.path().join("llama.sock")).unwrap();
        let length = body.len();
        let request = format!(
            "{head} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {KEY}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the program llama-server: `ATELIER_LLAMA_SERVER`, else where `cargo xtask engines` leaves it.
fn program() -> PathBuf {
    let program = env::var_os("ATELIER_LLAMA_SERVER").map_or_else(
        // This program lies in target/<profile>/deps.
        || env::current_exe().unwrap().ancestors().nth(3).unwrap().join("llama-server"),
        PathBuf::from,
    );
    assert!(program.is_file(), "there is no {}: run `cargo xtask engines`, which builds it", program.display());
    program
}
