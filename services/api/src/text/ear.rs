//! The ear: takes what workers say, and hands it to whoever waits.

use std::sync::Arc;

use contract::{JobId, text::TextFrame};
use queue::{Reply, TextEnd};
use tokio::sync::mpsc::UnboundedReceiver;
use tracing::{debug, warn};

use super::{
    Shared,
    book::{Phase, Stray},
    words,
};

/// Listens until nobody speaks any more, which is never.
pub(super) async fn listen(shared: Arc<Shared>, mut replies: UnboundedReceiver<Reply>) {
    while let Some(reply) = replies.recv().await {
        match reply {
            Reply::Frame(frame) => pass_on(&shared, frame),
            Reply::End { id, end } => end_with(&shared, id, end).await,
            Reply::Interrupted => interrupt(&shared),
        }
    }
}

fn pass_on(shared: &Shared, frame: TextFrame) {
    let passed_on = shared.book().pass_on(frame);
    match passed_on {
        Ok(Some(waited)) => shared.metrics.count_wait(waited),
        Ok(None) => {}
        // Its cancel was lost, or its worker has not heard it yet.
        Err(Stray { id, is_new: true }) => shared.cancel(id),
        Err(_) => {}
    }
}

async fn end_with(shared: &Shared, id: JobId, end: TextEnd) {
    let failure = match end {
        TextEnd::Said(frame) => {
            let mut book = shared.book();
            // What a job says that nobody waits for is no news once that job has ended.
            if book.find(id).is_some()
                && let Ok(Some(waited)) = book.pass_on(frame)
            {
                shared.metrics.count_wait(waited);
            }
            return book.note_ended(id);
        }
        TextEnd::Cancelled if has_not_spoken(shared, id) => {
            // It was not us: its worker spoke while nobody heard it, and gave it up.
            return publish_again(shared, id).await;
        }
        TextEnd::Cancelled => words::given_up(),
        TextEnd::Dead => words::worker_lost(),
        TextEnd::Expired => words::waited_in_vain(shared.parts.settings.wait),
        TextEnd::Unreadable => words::unreadable(),
    };
    let mut book = shared.book();
    book.fail(id, failure);
    book.note_ended(id);
}

fn has_not_spoken(shared: &Shared, id: JobId) -> bool {
    shared.book().find(id).is_some_and(|ask| ask.waits())
}

/// Publishes a request anew that the queue has not got any more.
pub(super) async fn publish_again(shared: &Shared, id: JobId) {
    let renewed = shared.book().renew(id);
    let Some(new) = renewed else {
        let mut book = shared.book();
        book.fail(id, words::lost());
        return book.note_ended(id);
    };
    debug!(job.id = %new, "the request {id} was lost, and waits as {new}");
    if shared.is_paused().await {
        return;
    }
    if let Err(error) = shared.publish(new).await {
        debug!("the request {new} is published when Valkey is back: {:#}", anyhow::Error::from(error));
    }
}

/// Ends what was under way while nobody listened: it has gaps. What waits the rounds look after.
fn interrupt(shared: &Shared) {
    let mut book = shared.book();
    let under_way: Vec<_> = book.open().filter(|ask| ask.phase == Phase::Spoken).map(|ask| ask.job.id).collect();
    if !under_way.is_empty() {
        warn!(requests = under_way.len(), "the connection to Valkey broke under {} answers", under_way.len());
    }
    for id in under_way {
        // Its worker may go on, so it is still to be cancelled.
        book.fail(id, words::lost());
    }
}
