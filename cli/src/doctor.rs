//! `atelier doctor`: looks at every part, and says how to mend what does not work. Needs no running server.

mod engine;
mod folders;
mod gpu;
mod network;
mod programs;
mod server;

use contract::system::{Check, Verdict};
use serde::Serialize;

use crate::{
    client::{Client, Error},
    exit::Exit,
    output::Output,
};

/// What was looked at. Also the document of `--json`.
#[derive(Serialize)]
struct Diagnosis {
    /// Whether everything works.
    is_good: bool,
    /// This machine. Empty for a server elsewhere, of which this machine says nothing.
    machine: Vec<Check>,
    /// The server, as it describes itself.
    server: Vec<Check>,
}

pub(crate) async fn doctor(client: &Client, output: Output) -> Result<Exit, Error> {
    let mut machine = Vec::new();
    if client.is_local() {
        machine.extend(programs::look());
        machine.extend(folders::look());
        machine.extend(engine::look());
        machine.extend(gpu::look());
        machine.extend(network::look(client.port()).await);
    }
    let server = server::look(client).await;
    let is_good = machine.iter().chain(&server).all(|check| check.verdict != Verdict::Bad);
    output.result(&Diagnosis { is_good, machine, server }, describe);
    Ok(if is_good { Exit::Done } else { Exit::Failed })
}

fn describe(diagnosis: &Diagnosis) -> String {
    let mut lines = Vec::new();
    for (heading, checks) in [("this machine", &diagnosis.machine), ("the server", &diagnosis.server)] {
        if !checks.is_empty() {
            lines.push(format!("— {heading}"));
            lines.extend(checks.iter().flat_map(lines_of));
        }
    }
    let count =
        |verdict| diagnosis.machine.iter().chain(&diagnosis.server).filter(|check| check.verdict == verdict).count();
    lines.push(match (count(Verdict::Bad), count(Verdict::Warning)) {
        (0, 0) => "everything works".into(),
        (0, warnings) => format!("everything works; {warnings} to improve"),
        (bad, _) => format!("{bad} to mend"),
    });
    lines.join("\n")
}

fn lines_of(check: &Check) -> Vec<String> {
    let mark = match check.verdict {
        Verdict::Good => "ok     ",
        Verdict::Warning => "warning",
        Verdict::Bad => "BAD    ",
    };
    let mut lines = vec![format!("{mark}  {:<18} {}", check.name, check.finding)];
    lines.extend(check.remedy.iter().map(|remedy| format!("{:29}→ {remedy}", "")));
    lines
}

/// It is as it should be.
fn good(name: &str, finding: impl Into<String>) -> Check {
    Check { name: name.into(), verdict: Verdict::Good, finding: finding.into(), remedy: None }
}

/// It works, but should be changed.
fn warning(name: &str, finding: impl Into<String>, remedy: impl Into<String>) -> Check {
    Check { name: name.into(), verdict: Verdict::Warning, finding: finding.into(), remedy: Some(remedy.into()) }
}

/// It does not work.
fn bad(name: &str, finding: impl Into<String>, remedy: impl Into<String>) -> Check {
    Check { name: name.into(), verdict: Verdict::Bad, finding: finding.into(), remedy: Some(remedy.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bad_comes_with_its_remedy_and_is_counted() {
        let machine = vec![good("disk", "77 GB free"), bad("valkey", "not found", "apt-get install valkey-server")];
        let text = describe(&Diagnosis { is_good: false, machine, server: vec![] });
        assert!(text.contains("BAD      valkey             not found\n"), "{text}");
        assert!(text.contains("→ apt-get install valkey-server"), "{text}");
        assert!(text.ends_with("1 to mend"), "{text}");
        assert!(!text.contains("the server"), "{text}");
    }
}
