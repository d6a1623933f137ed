//! An answer, as whoever asked for it reads it.

use std::{collections::VecDeque, sync::Arc};

use contract::{
    JobId,
    job::Priority,
    text::{TextEvent, TextJob},
};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, timeout_at},
};

use super::{Error, Shared, book::Message, order::Order, words};

/// An answer on its way. Dropped before its end, it cancels the request.
pub struct Answering {
    shared: Arc<Shared>,
    number: u64,
    id: JobId,
    messages: UnboundedReceiver<Message>,
    order: Order,
    ready: VecDeque<TextEvent>,
    is_over: bool,
}

impl Answering {
    /// Enters a request into the book, if there is room.
    pub(super) fn open(shared: &Arc<Shared>, job: TextJob, priority: Priority) -> Result<Self, Error> {
        let id = job.id;
        let mut book = shared.book();
        // What nobody waits for takes no place from those who do.
        let taken = if priority < Priority::Batch { book.count_awaited() } else { book.len() };
        if taken >= shared.parts.settings.open {
            shared.metrics.count_end("refused");
            return Err(Error::Full(shared.parts.settings.open));
        }
        let (number, messages) = book.enter(job, priority);
        shared.metrics.show_open(book.len());
        drop(book);
        let (order, ready) = (Order::default(), VecDeque::new());
        Ok(Self { shared: shared.clone(), number, id, messages, order, ready, is_over: false })
    }

    /// Returns the name of this answer.
    #[must_use]
    pub fn id(&self) -> JobId {
        self.id
    }

    /// Waits for the next event; none after the end. The last one is an end or a failure, and there is always one.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<TextEvent> {
        while !self.is_over {
            if let Some(event) = self.ready.pop_front() {
                if is_last(&event) {
                    self.end(&event);
                }
                return Some(event);
            }
            let message = match self.order.deadline() {
                None => self.messages.recv().await,
                Some(deadline) => match timeout_at(deadline, self.messages.recv()).await {
                    Ok(message) => message,
                    Err(_) => Some(Message::Event(TextEvent::Failed { failure: words::lost() })),
                },
            };
            match message {
                Some(Message::Frame(frame)) => self.ready.extend(self.order.take(frame, Instant::now())),
                Some(Message::Event(event)) => self.ready.push_back(event),
                // The book holds the other end until this is struck out.
                None => self.ready.push_back(TextEvent::Failed { failure: words::lost() }),
            }
        }
        None
    }

    fn end(&mut self, event: &TextEvent) {
        self.is_over = true;
        self.shared.metrics.count_answer(event);
        self.close();
    }

    /// Strikes the request out, and cancels what is left of it.
    fn close(&self) {
        let mut book = self.shared.book();
        let left = book.strike_out(self.number);
        self.shared.metrics.show_open(book.len());
        drop(book);
        if let Some(id) = left {
            self.shared.cancel(id);
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if !self.is_over {
            self.shared.metrics.count_end("cancelled");
            self.close();
        }
    }
}

/// Returns whether nothing comes after this.
pub(super) fn is_last(event: &TextEvent) -> bool {
    match event {
        TextEvent::End { .. } | TextEvent::Failed { .. } => true,
        TextEvent::Waiting { .. } | TextEvent::Delta(_) => false,
    }
}
