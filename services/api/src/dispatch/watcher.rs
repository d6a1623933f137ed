//! The watcher: notes in SQL which worker took which job, as the events tell it.
//!
//! Attempts are counted in Valkey. With this they stay counted when Valkey loses its data, so that a job which kills its
//! workers cannot begin from zero for ever. It also tells the pump that a place in the window is free.

use std::{sync::Arc, time::Duration};

use contract::{JobId, event::JobChange, event::JobEvent};
use queue::EventReader;

use super::{
    outage::{Pause, Trouble},
    shared::{Shared, is_end},
};
use crate::db::{
    micros,
    sightings::{Seen, Sighting},
};

/// How many events are applied at a time.
const BATCH: usize = 500;
/// How long a read waits, which bounds the time to stop.
const BLOCK: Duration = Duration::from_millis(250);
/// Before the first event.
const BEGINNING: &str = "0-0";

/// How far the events are applied.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// As SQL has it, once it was read.
    recorded: Option<String>,
    /// Beyond it, where nothing was to be recorded.
    read: Option<String>,
    is_known: bool,
}

/// Watches until the dispatch stops.
pub(super) async fn run(shared: Arc<Shared>) {
    shared.until_prepared().await;
    let mut pause = Pause::new();
    while !shared.stop.is_cancelled() {
        if let Err(error) = follow(&shared, &mut pause).await {
            shared.trouble("following the events", error);
        }
        shared.rest(&mut pause).await;
    }
}

async fn follow(shared: &Shared, pause: &mut Pause) -> Result<(), Trouble> {
    let from = shared.parts.queue.last_event_id().await?;
    let mut reader: EventReader = shared.parts.queue.event_reader(from).await?;
    catch_up(shared).await?;
    while !shared.stop.is_cancelled() {
        let events = reader.next(BLOCK).await?;
        if events.iter().any(is_sighting) {
            catch_up(shared).await?;
            shared.nudge.notify_one();
        }
        for event in events.iter().filter(|event| is_end(&event.change)) {
            // Another instance may have recorded it. Without a receiver nobody waits.
            let _ = shared.ended.send(event.job_id);
        }
        pause.reset();
    }
    Ok(())
}

/// Applies all events up to now.
pub(super) async fn catch_up(shared: &Shared) -> Result<(), Trouble> {
    let mut place = shared.place.lock().await;
    loop {
        if !place.is_known {
            let recorded = shared.parts.db.event_position().await?;
            *place = Place { read: recorded.clone(), recorded, is_known: true };
        }
        let from = place.read.as_deref().unwrap_or(BEGINNING);
        let events = shared.parts.queue.events_after(from, BATCH).await?;
        let Some(last) = events.last().map(|event| event.id.clone()) else { return Ok(()) };
        let sightings = sightings(shared, &events).await?;
        if !sightings.is_empty() {
            if !shared.parts.db.apply_events(place.recorded.as_deref(), &last, &sightings).await? {
                // Another instance was faster: go on from where it is.
                place.is_known = false;
                continue;
            }
            place.recorded = Some(last.clone());
        }
        place.read = Some(last);
        if events.len() < BATCH {
            return Ok(());
        }
    }
}

/// Goes back to the end of the stream if the place lies beyond it: Valkey has lost its data, and the clock of its host went back.
pub(super) async fn check_place(shared: &Shared) -> Result<(), Trouble> {
    catch_up(shared).await?;
    let last = shared.parts.queue.last_event_id().await?;
    let mut place = shared.place.lock().await;
    let is_beyond = place.read.as_deref().and_then(parse_id) > parse_id(&last);
    if is_beyond {
        shared.parts.db.apply_events(place.recorded.as_deref(), &last, &[]).await?;
        place.is_known = false;
    }
    Ok(())
}

fn parse_id(id: &str) -> Option<(u64, u64)> {
    let (ms, sequence) = id.split_once('-')?;
    Some((ms.parse().ok()?, sequence.parse().ok()?))
}

fn is_sighting(event: &JobEvent) -> bool {
    matches!(event.change, JobChange::Running { .. } | JobChange::Queued)
}

async fn sightings(shared: &Shared, events: &[JobEvent]) -> Result<Vec<Sighting>, Trouble> {
    let given_back = really_given_back(shared, events).await?;
    let sightings = events.iter().filter_map(|event| {
        let seen = match &event.change {
            JobChange::Running { worker, attempt } => Seen::Taken { worker: worker.clone(), attempt: *attempt },
            JobChange::Queued if given_back.contains(&event.job_id) => Seen::Released,
            _ => return None,
        };
        Some(Sighting { job_id: event.job_id, at: micros(event.at), seen })
    });
    Ok(sightings.collect())
}

/// Returns which of the jobs that are said to wait were given back. The same event also tells of submissions and retries,
/// and such news may even come after the news that a worker has the job already.
async fn really_given_back(shared: &Shared, events: &[JobEvent]) -> Result<Vec<JobId>, Trouble> {
    let queued = events.iter().filter(|event| matches!(event.change, JobChange::Queued));
    let ids: Vec<JobId> = queued.map(|event| event.job_id).collect();
    if ids.is_empty() {
        return Ok(ids);
    }
    let running = shared.parts.db.list_running(&ids).await?;
    let was_taken = |id: &JobId| {
        let begins = |event: &JobEvent| event.job_id == *id && matches!(event.change, JobChange::Running { .. });
        running.contains(id) || events.iter().any(begins)
    };
    let ids: Vec<JobId> = ids.into_iter().filter(was_taken).collect();
    let snapshots = shared.parts.queue.snapshots(&ids).await?;
    let waiting =
        ids.into_iter().zip(snapshots).filter(|(_, known)| known.as_ref().is_some_and(|known| !known.is_running));
    Ok(waiting.map(|(id, _)| id).collect())
}
