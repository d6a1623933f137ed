//! Waiting for the services to be ready, with a line that says what is still missing.

use std::{
    io::{IsTerminal, Read, Write},
    net::{Ipv4Addr, TcpStream},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::Value;

use super::Stack;
use crate::{repository, signals::Signals};

/// The logs that say why something takes too long.
const ALL: [&str; 5] = ["start", "valkey", "api", "worker-sd", "worker-llm"];

const PAUSE: Duration = Duration::from_millis(100);

/// How often supervisord is asked whether it has given something up; asking starts a Python.
const LOOK_EVERY: u32 = 20;

pub(super) fn wait(stack: &mut Stack, signals: &Signals, limit: Duration) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut shown = Shown::default();
    for round in 1_u32.. {
        let missing = missing(stack.port);
        let Some(missing) = missing else {
            shown.end(&format!("ready after {:.1} s", begun.elapsed().as_secs_f64()));
            return Ok(());
        };
        shown.update(&format!("{missing} ({:.0} s)", begun.elapsed().as_secs_f64()));
        if signals.wait(PAUSE) {
            shown.end("stopped");
            bail!("stopped by a signal before everything was ready");
        }
        if let Some(status) = stack.ended()? {
            bail!("supervisord ended with {status}:{}", stack.last_words(&["start"]));
        }
        if round % LOOK_EVERY == 0
            && let Some(given_up) = given_up(&stack.data_dir)
        {
            bail!("{given_up} does not start:{}", stack.last_words(&[&given_up]));
        }
        if begun.elapsed() > limit {
            bail!("not ready within {} s: {missing}:{}", limit.as_secs(), stack.last_words(&ALL));
        }
    }
    Ok(())
}

/// Returns what is missing, or none if all is there.
fn missing(port: u16) -> Option<String> {
    match get(port, "/readyz") {
        Err(_) => return Some("starting Valkey and the API".into()),
        Ok((200, _)) => {}
        Ok((_, body)) => return Some(reason(&body).unwrap_or_else(|| "the API waits for Valkey".into())),
    }
    match get(port, "/api/workers") {
        // A server that wants a key is up; its workers are its owner's business.
        Ok((401 | 403, _)) => None,
        Ok((200, body)) => match count(&body) {
            Some(0) | None => Some("waiting for a worker".into()),
            Some(_) => None,
        },
        _ => Some("the API does not answer yet".into()),
    }
}

/// What is not ready, in the words of the API.
fn reason(body: &str) -> Option<String> {
    let problem: Value = serde_json::from_str(body).ok()?;
    Some(problem.get("detail")?.as_str()?.to_owned())
}

/// How many things are on a page.
fn count(body: &str) -> Option<usize> {
    let page: Value = serde_json::from_str(body).ok()?;
    Some(page.get("data")?.as_array()?.len())
}

/// One request over HTTP/1.0, which needs no library: the answer ends where the connection does.
pub(super) fn get(port: u16, path: &str) -> anyhow::Result<(u16, String)> {
    let address = (Ipv4Addr::LOCALHOST, port).into();
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).context("could not connect")?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).context("could not set a limit")?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n").context("could not ask")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).context("could not read the answer")?;
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).context("this is no HTTP")?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned();
    Ok((status, body))
}

/// Returns the service that supervisord no longer tries to start.
fn given_up(data_dir: &Path) -> Option<String> {
    let output = Command::new("supervisorctl")
        .arg("--configuration")
        .arg(repository::root().join("supervisord.conf"))
        .arg("status")
        .env("ATELIER_DATA_DIR", data_dir)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.lines()
        .find(|line| line.contains(" FATAL ") || line.contains(" EXITED "))
        .and_then(|line| line.split_whitespace().next())
        .map(str::to_owned)
}

/// One line that changes in place; without a terminal, a line for each change of words.
#[derive(Default)]
struct Shown {
    last: String,
}

impl Shown {
    fn update(&mut self, text: &str) {
        let words = text.split(" (").next().unwrap_or(text);
        if std::io::stdout().is_terminal() {
            print!("\r\x1b[K  {text}");
            let _ = std::io::stdout().flush();
        } else if self.last != words {
            println!("  {words}");
        }
        words.clone_into(&mut self.last);
    }

    fn end(&self, text: &str) {
        let clear = if std::io::stdout().is_terminal() { "\r\x1b[K" } else { "" };
        println!("{clear}  {text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ready_is_said_in_the_words_of_the_api() {
        assert_eq!(
            reason(r#"{"status":503,"detail":"the queue does not answer"}"#).as_deref(),
            Some("the queue does not answer")
        );
        assert_eq!(reason("{}"), None);
    }

    #[test]
    fn what_is_on_a_page_is_counted() {
        assert_eq!(count(r#"{"data":[1,2]}"#), Some(2));
        assert_eq!(count(r#"{"data":[]}"#), Some(0));
        assert_eq!(count("no"), None);
    }
}
