//! The rounds: every second, a look at what waits.

use std::{sync::Arc, time::Duration};

use contract::{JobId, job::Priority, spec::WorkerKind, worker::Worker};
use tokio::time::{MissedTickBehavior, interval};
use tracing::debug;

use super::{
    Shared,
    book::{Ask, Phase},
    ear::publish_again,
    words,
};

/// How often to look.
const EVERY: Duration = Duration::from_secs(1);
/// In how many rounds one after the other a request must be missing to count as lost: its end may be on the way.
const MISSED: u32 = 2;

/// Walks for ever.
pub(super) async fn walk(shared: Arc<Shared>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        shared.book().forget_strays();
        give_up_what_waits_too_long(&shared);
        if shared.book().open().next().is_none() {
            continue;
        }
        if let Err(error) = look(&shared).await {
            debug!("cannot look after the requests for text: {:#}", anyhow::Error::from(error));
            tell_all(&shared, |_, _| words::QUEUE_AWAY.to_owned());
        }
    }
}

async fn look(shared: &Shared) -> Result<(), queue::Error> {
    let is_paused = shared.is_paused().await;
    let mut workers = shared.parts.queue.workers().await?;
    workers.retain(|worker| worker.kind == WorkerKind::Llm);
    mend_what_is_lost(shared).await?;
    if is_paused {
        take_back(shared).await?;
        tell_all(shared, |_, _| words::PAUSED.to_owned());
    } else {
        publish_what_is_held(shared).await?;
        tell_all(shared, |ask, before| waits(ask, before, &workers));
    }
    Ok(())
}

fn waits(ask: &Ask, before: usize, workers: &[Worker]) -> String {
    words::waits(&ask.job.model, before, workers)
}

/// Tells each request that waits why, given how many are before it.
fn tell_all(shared: &Shared, reason: impl Fn(&Ask, usize) -> String) {
    let mut book = shared.book();
    let mut before: Vec<Priority> = Vec::new();
    let mut reasons = Vec::new();
    for ask in book.open().filter(|ask| ask.waits()) {
        let ahead = before.iter().filter(|other| **other <= ask.priority).count();
        reasons.push((ask.job.id, reason(ask, ahead)));
        before.push(ask.priority);
    }
    for (id, reason) in reasons {
        book.tell(id, reason);
    }
}

/// Ends what no worker has taken in time. Whoever waits hears it now; what is left in the queue it then cancels.
fn give_up_what_waits_too_long(shared: &Shared) {
    let wait = shared.parts.settings.wait;
    let mut book = shared.book();
    let late = book.open().filter(|ask| ask.waits());
    let late: Vec<JobId> = late.filter(|ask| ask.asked_at.elapsed() >= wait).map(|ask| ask.job.id).collect();
    for id in late {
        book.fail(id, words::waited_in_vain(wait));
    }
}

/// Finds out what Valkey has lost: who has heard nothing yet waits anew, and the others have lost their answer.
async fn mend_what_is_lost(shared: &Shared) -> Result<(), queue::Error> {
    let known: Vec<JobId> = {
        let mut book = shared.book();
        book.open().filter(|ask| ask.phase != Phase::Held).map(|ask| ask.job.id).collect()
    };
    let generations = shared.parts.queue.generations(&known).await?;
    let mut lost = Vec::new();
    for (id, generation) in known.into_iter().zip(generations) {
        let mut book = shared.book();
        let Some(ask) = book.find(id).filter(|ask| ask.phase != Phase::Ended) else { continue };
        ask.missed = if generation.is_some() { 0 } else { ask.missed + 1 };
        if ask.missed < MISSED {
            continue;
        }
        if ask.phase == Phase::Spoken {
            book.fail(id, words::lost());
            book.note_ended(id);
        } else {
            lost.push(id);
        }
    }
    for id in lost {
        publish_again(shared, id).await;
    }
    Ok(())
}

async fn publish_what_is_held(shared: &Shared) -> Result<(), queue::Error> {
    let held: Vec<JobId> = {
        let mut book = shared.book();
        book.open().filter(|ask| ask.phase == Phase::Held).map(|ask| ask.job.id).collect()
    };
    for id in held {
        shared.publish(id).await?;
    }
    Ok(())
}

/// Takes back out of the queue what no worker has taken.
async fn take_back(shared: &Shared) -> Result<(), queue::Error> {
    let waiting: Vec<JobId> = {
        let mut book = shared.book();
        book.open().filter(|ask| ask.phase == Phase::Waiting).map(|ask| ask.job.id).collect()
    };
    let taken_back = shared.parts.queue.recall(&waiting).await?;
    let mut book = shared.book();
    for id in waiting.into_iter().zip(taken_back).filter_map(|(id, is_back)| is_back.then_some(id)) {
        book.note_recalled(id);
    }
    Ok(())
}
