//! The memory that models may use: what the ledger of the device grants.

use std::{sync::Arc, time::Duration};

use contract::job::{Failure, FailureCode};
use queue::memory::{Holding, Ledger, Want};
use tokio_util::task::AbortOnDropHandle;
use worker::Budget;

use crate::trouble::too_large;

/// The memory that models may use; cheap to clone.
#[derive(Debug, Clone)]
pub struct Memory {
    ledger: Ledger,
    budget: Budget,
    _measuring: Arc<AbortOnDropHandle<()>>,
}

impl Memory {
    /// Uses the ledger of a device with this budget, and tells it what is measured there. Must be called within a runtime.
    #[must_use]
    pub fn new(ledger: Ledger, budget: Budget, device: &str) -> Self {
        let measuring = Arc::new(worker::keep_measuring(&ledger, device));
        Self { ledger, budget, _measuring: measuring }
    }

    /// Returns what models may hold together.
    pub(crate) fn comfortable_mib(&self) -> u64 {
        self.budget.comfortable_mib
    }

    /// Returns what there is.
    pub(crate) fn whole_mib(&self) -> u64 {
        self.budget.whole_mib
    }

    /// Waits until a model may hold so much. `tell` hears why it must wait.
    pub(super) async fn reserve(
        &self,
        name: &str,
        mib: u64,
        load: Duration,
        mut tell: impl FnMut(String),
    ) -> Result<Holding, Failure> {
        let want = Want { model: name.to_owned(), mib, load, is_pinned: false };
        let granted = self.ledger.reserve(&want, |waiting| tell(waiting.to_string())).await;
        granted.map_err(|error| match error {
            error @ queue::Error::NoRoom { .. } => too_large(error.to_string()),
            error => Failure {
                code: FailureCode::Engine,
                message: format!("could not reserve memory for {name}: {:#}", anyhow::Error::from(error)),
                remedy: None,
            },
        })
    }

    /// Waits until a model is asked to leave.
    pub(super) async fn must_leave(&self, name: &str) {
        let mut leaving = self.ledger.watch_leaving();
        if leaving.wait_for(|models| models.contains(name)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
