//! Looks at the Valkey server before anybody relies on it, and says in words what to change.

use contract::system::Check;

use crate::Queue;

impl Queue {
    /// Looks at version, persistence, eviction and rights of the server.
    pub async fn check_server(&self) -> Vec<Check> {
        todo!()
    }
}

/// Returns the rights that a worker needs, as the rules of `ACL SETUSER` or of an ACL file.
#[must_use]
pub fn worker_acl_rules(_prefix: &str) -> String {
    todo!()
}
