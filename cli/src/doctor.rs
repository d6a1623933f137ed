//! `atelier doctor`: looks at every part, and says how to mend what does not work. Needs no running server.

mod engine;
mod folders;
mod gpu;
mod network;
mod programs;
mod server;

use contract::system::{Check, Verdict};
use serde_json::json;

use crate::{
    client::{Client, Error},
    exit::Exit,
    output::Output,
};

pub(crate) async fn doctor(client: &Client, output: Output) -> Result<Exit, Error> {
    let mut checks = Vec::new();
    // Of a server elsewhere, this machine says nothing.
    if client.is_local() {
        checks.extend(programs::look());
        checks.extend(folders::look());
        checks.extend(engine::look());
        checks.extend(gpu::look());
        checks.extend(network::look(client.port()).await);
    }
    checks.extend(server::look(client).await);
    let is_bad = checks.iter().any(|check| check.verdict == Verdict::Bad);
    output.result(&json!({ "is_good": !is_bad, "checks": checks }), |_| describe(&checks));
    Ok(if is_bad { Exit::Failed } else { Exit::Done })
}

fn describe(checks: &[Check]) -> String {
    let mut lines = Vec::new();
    for check in checks {
        let mark = match check.verdict {
            Verdict::Good => "ok     ",
            Verdict::Warning => "warning",
            Verdict::Bad => "BAD    ",
        };
        lines.push(format!("{mark}  {:<14} {}", check.name, check.finding));
        lines.extend(check.remedy.iter().map(|remedy| format!("{:25}→ {remedy}", "")));
    }
    let count = |verdict| checks.iter().filter(|check| check.verdict == verdict).count();
    lines.push(match (count(Verdict::Bad), count(Verdict::Warning)) {
        (0, 0) => "everything works".into(),
        (0, warnings) => format!("everything works; {warnings} to improve"),
        (bad, _) => format!("{bad} to mend"),
    });
    lines.join("\n")
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
        let text = describe(&[good("disk", "77 GB free"), bad("valkey", "not found", "apt-get install valkey-server")]);
        assert!(text.contains("BAD      valkey         not found\n"), "{text}");
        assert!(text.contains("→ apt-get install valkey-server"), "{text}");
        assert!(text.ends_with("1 to mend"), "{text}");
    }
}
