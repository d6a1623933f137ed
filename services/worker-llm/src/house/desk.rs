//! A model in memory, as those see it who work with it.

use std::{
    ops::Deref,
    sync::Arc,
    time::Duration,
};

use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::endpoint::Endpoint;

/// How long the reason of a death may take to be known.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A model in memory.
#[derive(Debug)]
pub(crate) struct Desk {
    /// How to ask it.
    pub(crate) endpoint: Endpoint,
    /// What the engine calls the model.
    pub(crate) model: String,
    /// How many requests it takes at once.
    pub(crate) slots: u32,
    /// What holds for conversations that do not say so themselves.
    pub(crate) system_prompt: Option<String>,
    /// Whether it can look at pictures; nobody knows of an engine elsewhere.
    pub(crate) has_vision: Option<bool>,
    /// Whether it makes vectors and writes nothing.
    pub(crate) only_vectors: bool,
    gate: watch::Sender<Gate>,
    /// Fires when whoever works here finds that it hangs.
    pub(super) hangs: CancellationToken,
    /// Why it died.
    pub(super) epitaph: watch::Sender<Option<String>>,
}

/// Who is inside, and whether somebody may come in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Gate {
    pub(super) inside: u32,
    is_closed: bool,
}

/// Somebody who works with a model. For as long as this lives, the model stays.
#[derive(Debug)]
pub(crate) struct Inside(Arc<Desk>);

impl Desk {
    pub(super) fn new(endpoint: Endpoint, model: &str, slots: u32) -> Self {
        Self {
            endpoint,
            model: model.to_owned(),
            slots,
            system_prompt: None,
            has_vision: None,
            only_vectors: false,
            gate: watch::Sender::new(Gate::default()),
            hangs: CancellationToken::new(),
            epitaph: watch::Sender::new(None),
        }
    }

    /// Makes the desk of a model elsewhere.
    pub(super) fn elsewhere(endpoint: Endpoint, model: &str, slots: u32) -> Self {
        Self::new(endpoint, model, slots)
    }

    /// Lets somebody in; none once it is closed.
    pub(super) fn enter(self: Arc<Self>) -> Option<Inside> {
        let is_open = self.gate.send_if_modified(|gate| {
            gate.inside += u32::from(!gate.is_closed);
            !gate.is_closed
        });
        is_open.then(|| Inside(self))
    }

    /// Lets nobody in any more, if nobody is inside.
    pub(super) fn close_if_empty(&self) -> bool {
        self.gate.send_if_modified(|gate| {
            let is_empty = gate.inside == 0;
            gate.is_closed |= is_empty;
            is_empty
        })
    }

    /// Lets nobody in any more.
    pub(super) fn close(&self) {
        self.gate.send_modify(|gate| gate.is_closed = true);
    }

    /// Follows who is inside.
    pub(super) fn watch(&self) -> watch::Receiver<Gate> {
        self.gate.subscribe()
    }

    /// Waits until nobody is inside.
    pub(super) async fn empty(&self) {
        // The sender lives in `self`, so this does not fail.
        let _ = self.gate.subscribe().wait_for(|gate| gate.inside == 0).await;
    }

    /// Says that it hangs: it is killed.
    pub(crate) fn give_up(&self) {
        self.hangs.cancel();
    }

    /// Returns why it is gone, as soon as that is known; none where it is not gone, or nobody knows.
    pub(crate) async fn last_words(&self) -> Option<String> {
        let mut epitaph = self.epitaph.subscribe();
        let words = timeout(LAST_WORDS, epitaph.wait_for(Option::is_some)).await.ok()?.ok()?;
        words.clone()
    }
}

impl Deref for Inside {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.0
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.gate.send_modify(|gate| gate.inside -= 1);
    }
}

#[cfg(test)]
mod tests {
    use chassis::Secret;

    use super::*;

    fn desk() -> Arc<Desk> {
        let url = url::Url::parse("http://127.0.0.1:1").unwrap();
        Arc::new(Desk::elsewhere(Endpoint::elsewhere(&url, Secret::default()).unwrap(), "m", 1))
    }

    #[tokio::test]
    async fn nobody_is_shut_in_and_nobody_comes_in_behind_a_closed_door() {
        let desk = desk();
        let inside = desk.clone().enter().unwrap();
        assert!(!desk.close_if_empty());
        let second = desk.clone().enter().unwrap();
        desk.close();
        assert!(desk.clone().enter().is_none());
        assert_eq!(desk.watch().borrow().inside, 2);
        drop((inside, second));
        assert_eq!(desk.watch().borrow().inside, 0);
        assert!(desk.close_if_empty());
    }
}
