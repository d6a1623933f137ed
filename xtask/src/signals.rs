//! The wish of a person, or of the machine, that this program should end.

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

/// Ctrl-C, a closed terminal, or a polite `kill`.
pub(crate) struct Signals {
    arrived: Receiver<()>,
}

impl Signals {
    /// Listens from now on. Without this, a signal would end this program at once and leave the rest to the kernel.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .context("could not listen for signals")?;
        let (sender, arrived) = mpsc::channel();
        thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                runtime.block_on(async {
                    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hang_up)) = (
                        signal(SignalKind::interrupt()),
                        signal(SignalKind::terminate()),
                        signal(SignalKind::hangup()),
                    ) else {
                        return;
                    };
                    loop {
                        tokio::select! {
                            _ = interrupt.recv() => {}
                            _ = terminate.recv() => {}
                            _ = hang_up.recv() => {}
                        }
                        if sender.send(()).is_err() {
                            return;
                        }
                    }
                });
            })
            .context("could not listen for signals")?;
        Ok(Self { arrived })
    }

    /// Waits, and returns whether a signal arrived in this time.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        match self.arrived.recv_timeout(limit) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout) => false,
            // Nobody can tell us to stop any more: better to stop now than never.
            Err(RecvTimeoutError::Disconnected) => true,
        }
    }
}
