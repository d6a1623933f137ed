//! Who may do what on the server.

use contract::system::{Check, Verdict};
use redis::{Cmd, ConnectionAddr};

use crate::{Error, Queue, connection::command};

/// What no program of ours ever does, and what would cost most in wrong hands.
const DANGEROUS: &[&[&str]] = &[
    &["FLUSHALL"],
    &["CONFIG", "SET", "dir", "/"],
    &["EVAL", "return 1", "0"],
    &["SHUTDOWN"],
    &["MODULE", "LOAD", "x"],
];

/// What a worker does on the server: its own commands, and those of the functions that it calls.
const WORKER_COMMANDS: &[&str] = &[
    "fcall",
    // Connecting and waiting.
    "hello",
    "auth",
    "ping",
    "client|id",
    "client|unblock",
    "select",
    "xread",
    "subscribe",
    "unsubscribe",
    // Previews and presence.
    "set",
    "publish",
    "sadd",
    "srem",
    // Inside the functions.
    "xadd",
    "xack",
    "xdel",
    "xclaim",
    "xpending",
    "xrange",
    "xlen",
    "xreadgroup",
    "xinfo|groups",
    "hmget",
    "hset",
    "hdel",
    "zrange",
    "zadd",
    "zrem",
    "smembers",
    "exists",
    "xgroup|create",
    "del",
    "get",
    "time",
];

/// Returns the rights that a worker needs, as the rules of `ACL SETUSER` or of an ACL file:
/// `user worker on >password {these}`.
///
/// A worker can do harm to the jobs of this queue, and to nothing else: it runs no code on the server, reads no other
/// keys, changes no settings and deletes nothing wholesale.
#[must_use]
pub fn worker_acl_rules(prefix: &str) -> String {
    let mut rules = format!("resetkeys resetchannels ~{{{prefix}}}:* &{{{prefix}}}:* -@all");
    for allowed in WORKER_COMMANDS {
        rules.push_str(" +");
        rules.push_str(allowed);
    }
    rules
}

impl Queue {
    pub(super) async fn check_rights(&self) -> Check {
        let name = "valkey rights";
        let user: String = match self.query("ask Valkey who we are", &command("ACL", &["WHOAMI"])).await {
            Ok(user) => user,
            // A user that may not even ask may do little else.
            Err(_) => return super::check(name, Verdict::Good, "a user with few rights", None),
        };
        let info = self.client().get_connection_info();
        let is_remote = is_remote(info.addr()).await;
        let has_password = info.redis_settings().password().is_some();
        let allowed = self.dangerous_rights(&user).await;
        let address = self.address();
        if !has_password && is_remote {
            let finding = format!("Valkey at {address} lets everybody in who can reach it, without a password");
            let remedy = "Give the default user a password, use users of an ACL file, or listen on a Unix socket.";
            return super::check(name, Verdict::Warning, finding, Some(remedy));
        }
        if !allowed.is_empty() && is_remote {
            let finding = format!("the user {user} may also {}", allowed.join(", "));
            let remedy = "Make a user with fewer rights for this program; docs/operating.md has the rules.";
            return super::check(name, Verdict::Warning, finding, Some(remedy));
        }
        super::check(name, Verdict::Good, format!("user {user} at {address}"), None)
    }

    /// Returns which dangerous commands the server would run for this user. Nothing is run.
    async fn dangerous_rights(&self, user: &str) -> Vec<&'static str> {
        let mut allowed = Vec::new();
        for dangerous in DANGEROUS {
            let mut try_out: Cmd = command("ACL", &["DRYRUN", user]);
            try_out.arg(*dangerous);
            let answer: Result<String, Error> = self.query("try a right out", &try_out).await;
            if answer.is_ok_and(|answer| answer == "OK") {
                allowed.extend(dangerous.first());
            }
        }
        allowed
    }
}

/// Returns whether somebody else's machine could reach this address. A name that cannot be looked up counts as one.
async fn is_remote(address: &ConnectionAddr) -> bool {
    match address {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            match tokio::net::lookup_host((host.as_str(), *port)).await {
                Ok(mut addresses) => !addresses.all(|address| address.ip().is_loopback()),
                Err(_) => true,
            }
        }
        _ => false,
    }
}
