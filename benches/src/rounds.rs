//! Fair comparisons: the same machine, the same Valkey, one after the other, again and again.

use std::{future::Future, time::Duration};

use crate::figures::median;

/// How often each side is measured. The median of an odd number is one of the figures.
pub(crate) const ROUNDS: usize = 5;

/// What a side of a comparison does in one round.
pub(crate) trait Side: AsyncFnMut() -> anyhow::Result<f64> {}
impl<F: AsyncFnMut() -> anyhow::Result<f64>> Side for F {}

/// Measures two sides in turns, so that a slow minute of the machine hits both, and returns the median of each.
/// A first round that nobody counts warms caches and files.
pub(crate) async fn alternate(rounds: usize, mut ours: impl Side, mut peer: impl Side) -> anyhow::Result<(f64, f64)> {
    ours().await?;
    peer().await?;
    let (mut our_figures, mut peer_figures) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        our_figures.push(ours().await?);
        peer_figures.push(peer().await?);
    }
    Ok((median(&our_figures), median(&peer_figures)))
}

/// Waits until what the last job set off has died away: a low load is one job at a time with rests between.
pub(crate) async fn settle_down() {
    tokio::time::sleep(Duration::from_millis(3)).await;
}

/// Runs a part of the bench that may take this long at most.
pub(crate) async fn within<T>(
    limit: Duration,
    what: &str,
    part: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    tokio::time::timeout(limit, part).await.map_err(|_| anyhow::anyhow!("{what} took longer than {limit:?}"))?
}
