//! Waiting for what must come, with a limit and with words for the case that it does not.

use std::time::Duration;

use tokio::time::timeout;

/// How long anything in a test may take.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often a condition that nobody announces is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Looks every few milliseconds, because nobody announces it, until there is something to return.
///
/// # Panics
/// Where it does not come within [`PATIENCE`].
#[expect(clippy::panic, reason = "a test that waits in vain has failed")]
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Looks until it is so.
pub async fn until_true(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    until(what, async || is_so().await.then_some(())).await;
}
