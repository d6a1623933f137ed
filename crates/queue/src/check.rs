//! Looks at the Valkey server before anybody relies on it, and says in words what to change.

mod rights;
mod version;

use std::collections::HashMap;

use contract::system::{Check, Verdict};

use crate::{
    Error, Queue,
    connection::command,
    library::{self, NAME},
};

pub use rights::worker_acl_rules;

impl Queue {
    /// Looks at reachability, version, persistence, eviction, rights and functions of the server.
    pub async fn check_server(&self) -> Vec<Check> {
        let info = match self.info().await {
            Ok(info) => info,
            Err(error) => {
                let finding = chain(&error);
                let remedy = "Start Valkey, or correct ATELIER_VALKEY_URL.";
                return vec![check("valkey", Verdict::Bad, finding, Some(remedy))];
            }
        };
        let get = |key: &str| info.get(key).map_or("", String::as_str);
        vec![
            version::check(get("server_name"), get("valkey_version"), get("redis_version")),
            self.check_persistence(get("aof_enabled"), get("aof_last_write_status")).await,
            check_eviction(get("maxmemory_policy"), get("maxmemory")),
            self.check_rights().await,
            self.check_functions().await,
        ]
    }

    async fn info(&self) -> Result<HashMap<String, String>, Error> {
        let text: String = self.query("ask Valkey about itself", &redis::cmd("INFO")).await?;
        let pair = |line: &str| line.trim().split_once(':').map(|(key, value)| (key.to_owned(), value.to_owned()));
        Ok(text.lines().filter_map(pair).collect())
    }

    async fn check_persistence(&self, aof_enabled: &str, last_write: &str) -> Check {
        let name = "valkey persistence";
        if aof_enabled != "1" {
            let finding = "Valkey does not keep an append-only file: a restart loses what runs, and jobs start again.";
            return check(name, Verdict::Warning, finding, Some("Set `appendonly yes` and `appendfsync everysec`."));
        }
        if last_write == "err" {
            let finding = "Valkey cannot write its append-only file: it refuses all changes.";
            return check(name, Verdict::Bad, finding, Some("Look at its log; most often the disk is full."));
        }
        let ask = command("CONFIG", &["GET", "appendfsync"]);
        let answer: Result<HashMap<String, String>, Error> = self.query("read the settings of Valkey", &ask).await;
        match answer.as_ref().ok().and_then(|settings| settings.get("appendfsync")).map(String::as_str) {
            Some("no") => {
                let finding = "The append-only file reaches the disk only when the system likes (`appendfsync no`).";
                check(name, Verdict::Warning, finding, Some("Set `appendfsync everysec`."))
            }
            Some(policy) => check(name, Verdict::Good, format!("append-only file, appendfsync {policy}"), None),
            None => check(name, Verdict::Good, "append-only file; how often it is synced may not be asked", None),
        }
    }

    async fn check_functions(&self) -> Check {
        let name = "valkey functions";
        match self.refuse_other_layouts().await {
            Err(error @ Error::OtherLayout { .. }) => {
                check(name, Verdict::Bad, error.to_string(), Some("Use one version of Atelier with one Valkey."))
            }
            Err(error) => check(name, Verdict::Warning, chain(&error), Some("Allow FUNCTION LIST to this user.")),
            Ok(false) => {
                let remedy = "Start the API: it loads them.";
                check(name, Verdict::Warning, format!("the library {NAME} is not loaded"), Some(remedy))
            }
            Ok(true) => check(name, Verdict::Good, format!("{NAME}, {} files", library::FILES.len()), None),
        }
    }
}

fn check_eviction(policy: &str, limit_bytes: &str) -> Check {
    let name = "valkey eviction";
    if policy == "noeviction" {
        return check(name, Verdict::Good, "noeviction", None);
    }
    let finding = format!("With maxmemory-policy {policy}, Valkey may throw jobs away when memory runs short.");
    // Without a limit nothing is ever thrown away, but somebody may set one tomorrow.
    let verdict = if limit_bytes == "0" { Verdict::Warning } else { Verdict::Bad };
    check(name, verdict, finding, Some("Set `maxmemory-policy noeviction`."))
}

fn check(name: &str, verdict: Verdict, finding: impl Into<String>, remedy: Option<&str>) -> Check {
    Check { name: name.to_owned(), verdict, finding: finding.into(), remedy: remedy.map(str::to_owned) }
}

/// Returns an error with its causes.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
