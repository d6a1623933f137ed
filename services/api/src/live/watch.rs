//! One client's view on the events: the last states or a replay first, then what happens.

use std::{collections::VecDeque, sync::Arc};

use contract::{JobId, socket::Watched};
use tracing::debug;

use super::{
    Encoded, Live, StreamId,
    outbox::{Outbox, Outgoing},
    states::last_states,
};
use crate::db;

/// How many events one read of a replay asks for.
const PAGE: usize = 500;
/// A client that watches single jobs sees the last previews of this many of them at once.
const MOST_LATE_PREVIEWS: usize = 16;

/// One client's view on the events. It hears nothing more once it is dropped.
pub(crate) struct Watch {
    live: Live,
    client: u64,
    outbox: Arc<Outbox>,
    watched: Option<Watched>,
    /// What comes before everything else.
    first: VecDeque<Outgoing>,
    replay: Option<Replay>,
}

/// A replay on its way.
struct Replay {
    /// The last event that was replayed.
    after: StreamId,
    /// Whether live events are being collected already, so that the replay can end without a gap.
    is_registered: bool,
}

/// Why a client cannot follow.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Db(#[from] db::Error),
    #[error(transparent)]
    Queue(#[from] queue::Error),
}

impl Watch {
    pub(super) fn new(live: Live, client: u64) -> Self {
        Self { live, client, outbox: Arc::default(), watched: None, first: VecDeque::new(), replay: None }
    }

    /// Asks for the state of the whole, too.
    pub(crate) fn want_pulse(&self) {
        self.live.register_for_pulse(self.client, &self.outbox);
    }

    /// Lets the client hear who holds memory, from now on.
    pub(crate) fn want_memory(&self) {
        self.live.register_for_memory(self.client, &self.outbox);
    }

    /// Lets the client hear no more of who holds memory.
    pub(crate) fn refuse_memory(&self) {
        self.live.remove_memory(self.client);
        self.outbox.forget_memory();
    }

    /// Watches these jobs and no others: their last states first, then what happens.
    pub(crate) async fn follow(&mut self, watched: Watched) -> Result<(), Error> {
        self.first.clear();
        self.replay = None;
        self.outbox.clear();
        self.live.register(self.client, &watched, &self.outbox);
        // Whatever happened up to here is in the states; whatever happens behind it arrives in the outbox.
        let place = self.place_of_now().await?;
        let states = last_states(self.live.parts(), &watched).await?;
        self.outbox.forget_until(place);
        self.first.extend(states.into_iter().map(|state| Outgoing::Event(Arc::new(Encoded::new(state)))));
        self.first.push_back(Outgoing::CaughtUp(place));
        self.send_late_previews(&watched).await;
        self.watched = Some(watched);
        Ok(())
    }

    /// Watches these jobs and no others: what happened after this event first, then what happens.
    /// Where events have fallen out: a word about that, then the last states.
    pub(crate) async fn resume(&mut self, after: StreamId, watched: Watched) -> Result<(), Error> {
        let first = self.live.parts().queue.first_event_id().await?;
        let first: Option<StreamId> = first.and_then(|id| id.parse().ok());
        let is_there = first.is_some_and(|first| first <= after) && after <= self.place_of_now().await?;
        if !is_there {
            self.follow(watched).await?;
            self.first.push_front(Outgoing::Resync);
            return Ok(());
        }
        self.live.remove_jobs(self.client);
        self.outbox.clear();
        self.first.clear();
        self.replay = Some(Replay { after, is_registered: false });
        self.send_late_previews(&watched).await;
        self.watched = Some(watched);
        Ok(())
    }

    /// Switches previews on or off.
    pub(crate) async fn want_previews(&mut self, on: bool) {
        self.outbox.want_previews(on);
        if let Some(watched) = self.watched.clone() {
            self.send_late_previews(&watched).await;
        }
    }

    /// Waits for something to send. Nothing is lost when the call is dropped.
    pub(crate) async fn next(&mut self) -> Result<Outgoing, Error> {
        loop {
            if let Some(outgoing) = self.first.pop_front() {
                return Ok(outgoing);
            }
            if self.replay.is_none() {
                return Ok(self.outbox.next().await);
            }
            self.replay_a_page().await?;
        }
    }

    /// Returns something to send if it is there already.
    pub(crate) fn take(&mut self) -> Option<Outgoing> {
        self.first.pop_front().or_else(|| if self.replay.is_none() { self.outbox.take() } else { None })
    }

    async fn place_of_now(&self) -> Result<StreamId, Error> {
        Ok(self.live.parts().queue.last_event_id().await?.parse().unwrap_or_default())
    }

    async fn replay_a_page(&mut self) -> Result<(), Error> {
        let (Some(replay), Some(watched)) = (&mut self.replay, &self.watched) else { return Ok(()) };
        let page = self.live.parts().queue.events_after(&replay.after.to_string(), PAGE).await?;
        if let Some(last) = page.last() {
            replay.after = last.id.parse().unwrap_or(replay.after);
        }
        let is_last = page.len() < PAGE;
        let of_interest = page.into_iter().filter(|event| watches(watched, event.job_id));
        self.first.extend(of_interest.map(|event| Outgoing::Event(Arc::new(Encoded::new(event)))));
        match replay.is_registered {
            // One more page is read behind this: it has what happened before the registration.
            false if is_last => {
                self.live.register(self.client, watched, &self.outbox);
                replay.is_registered = true;
            }
            true if is_last => {
                self.outbox.forget_until(replay.after);
                self.first.push_back(Outgoing::CaughtUp(replay.after));
                self.replay = None;
            }
            _ => {}
        }
        Ok(())
    }

    async fn send_late_previews(&self, watched: &Watched) {
        let Watched::Jobs(ids) = watched else { return };
        if !self.outbox.wants_previews() {
            return;
        }
        for id in ids.iter().take(MOST_LATE_PREVIEWS) {
            match self.live.parts().queue.last_preview(*id).await {
                Ok(Some(frame)) => self.outbox.push_preview(*id, &frame),
                Ok(None) => {}
                Err(error) => debug!("a late client sees no preview: {:#}", anyhow::Error::from(error)),
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.live.remove(self.client);
    }
}

fn watches(watched: &Watched, job: JobId) -> bool {
    match watched {
        Watched::All => true,
        Watched::Jobs(ids) => ids.contains(&job),
    }
}
