//! Waiting for what must come, with a limit and with words for the case that it does not.

use std::{future::Future, time::Duration};

use anyhow::bail;

/// How often a condition that nobody announces is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(15);

/// Looks until there is something to return. The error names what was waited for.
pub async fn until<T, F>(limit: Duration, what: &str, mut look: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = Option<T>>,
{
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    match tokio::time::timeout(limit, looking).await {
        Ok(found) => Ok(found),
        Err(_) => bail!("waited {limit:?} in vain for {what}"),
    }
}
