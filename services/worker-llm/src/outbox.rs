//! Sends an answer on its way, frame by frame.
//!
//! While one frame is on its way, what happens meanwhile gathers for the next: a slow queue makes frames larger and does not
//! slow the engine. What gathers is bounded by the channel in front.

use contract::{
    JobId,
    text::{TextEvent, TextFrame, reply::Delta},
};
use tokio::sync::mpsc;

/// So many events may wait to be sent before the engine has to wait, too.
pub(crate) const EVENTS_WAITING: usize = 4096;

/// Why sending stopped before the end.
#[derive(Debug)]
pub(crate) enum Stopped<E> {
    /// Nobody waits for the answer any more.
    NobodyListens,
    /// It could not be sent.
    Failed(E),
}

/// Numbers the frames of a job.
#[derive(Debug)]
pub(crate) struct Outbox {
    id: JobId,
    next: u64,
    has_spoken: bool,
}

impl Outbox {
    pub(crate) fn new(id: JobId) -> Self {
        Self { id, next: 0, has_spoken: false }
    }

    /// Sends what comes in until the other end is dropped, and returns what is left for the last frame.
    ///
    /// `send` returns how many listen.
    pub(crate) async fn run<E, F: Future<Output = Result<u64, E>>>(
        &mut self,
        mut events: mpsc::Receiver<TextEvent>,
        mut send: impl FnMut(TextFrame) -> F,
    ) -> Result<Vec<TextEvent>, Stopped<E>> {
        while let Some(first) = events.recv().await {
            let mut gathered = vec![first];
            while let Ok(event) = events.try_recv() {
                add(&mut gathered, event);
            }
            if events.is_closed() && events.is_empty() {
                return Ok(gathered);
            }
            match send(self.frame(gathered)).await {
                Ok(0) => return Err(Stopped::NobodyListens),
                Ok(_) => {}
                Err(error) => return Err(Stopped::Failed(error)),
            }
        }
        Ok(Vec::new())
    }

    /// Returns whether no piece of the answer was sent yet: then another worker can begin again.
    pub(crate) fn is_fresh(&self) -> bool {
        !self.has_spoken
    }

    /// Returns the next frame.
    pub(crate) fn frame(&mut self, events: Vec<TextEvent>) -> TextFrame {
        let number = self.next;
        self.next += 1;
        self.has_spoken |= events.iter().any(|event| !matches!(event, TextEvent::Waiting { .. }));
        TextFrame { id: self.id, number, events }
    }
}

/// Adds an event to those before it: words to words and thoughts to thoughts of the same answer, and everything else behind.
fn add(gathered: &mut Vec<TextEvent>, event: TextEvent) {
    match (gathered.last_mut(), event) {
        // Only the last reason is of interest.
        (Some(TextEvent::Waiting { reason }), TextEvent::Waiting { reason: newer }) => *reason = newer,
        (Some(TextEvent::Delta(before)), TextEvent::Delta(delta)) if goes_on(before, &delta) => {
            before.text += &delta.text;
            before.reasoning += &delta.reasoning;
            before.logprobs.extend(delta.logprobs);
            before.finish = delta.finish;
        }
        (_, event) => gathered.push(event),
    }
}

/// Returns whether a piece can be read as the rest of the one before it.
fn goes_on(before: &Delta, delta: &Delta) -> bool {
    let has_calls = !before.tool_calls.is_empty() || !delta.tool_calls.is_empty();
    // Thoughts come before words.
    let is_in_order = before.text.is_empty() || delta.reasoning.is_empty();
    before.choice == delta.choice && before.finish.is_none() && !has_calls && is_in_order
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, convert::Infallible};

    use contract::text::reply::Finish;
    use tokio::sync::Semaphore;

    use super::*;

    fn words(text: &str) -> TextEvent {
        TextEvent::Delta(Delta { text: text.to_owned(), ..Delta::default() })
    }

    #[tokio::test]
    async fn while_a_frame_is_on_its_way_the_rest_gathers_and_nothing_is_lost() {
        let (sender, receiver) = mpsc::channel(EVENTS_WAITING);
        let (sent, way) = (RefCell::new(Vec::new()), Semaphore::new(0));
        let mut outbox = Outbox::new(JobId::new());
        let sending = outbox.run(receiver, |frame| {
            sent.borrow_mut().push(frame);
            async {
                way.acquire().await.unwrap().forget();
                Ok::<_, Infallible>(1)
            }
        });
        let writing = async {
            for number in 0..100 {
                sender.send(words(&format!("{number} "))).await.unwrap();
                if number == 0 {
                    while sent.borrow().is_empty() {
                        tokio::task::yield_now().await;
                    }
                }
            }
            way.add_permits(1);
            while sent.borrow().len() < 2 {
                tokio::task::yield_now().await;
            }
            sender.send(words("end")).await.unwrap();
            drop(sender);
            way.add_permits(1);
        };
        let (left, ()) = tokio::join!(sending, writing);
        let frames = sent.into_inner();
        assert_eq!(frames.iter().map(|frame| frame.number).collect::<Vec<_>>(), [0, 1]);
        let rest: String = (1..100).map(|number| format!("{number} ")).collect();
        assert_eq!((&frames[0].events, &frames[1].events), (&vec![words("0 ")], &vec![words(&rest)]));
        assert_eq!(left.unwrap(), [words("end")]);
        assert_eq!(outbox.frame(Vec::new()).number, 2);
    }

    #[tokio::test]
    async fn an_answer_that_nobody_waits_for_is_given_up() {
        let (sender, receiver) = mpsc::channel(EVENTS_WAITING);
        sender.send(words("a")).await.unwrap();
        let stopped = Outbox::new(JobId::new()).run(receiver, async |_| Ok::<_, Infallible>(0)).await;
        assert!(matches!(stopped, Err(Stopped::NobodyListens)));
    }

    #[test]
    fn only_what_belongs_together_is_put_together() {
        let thought = TextEvent::Delta(Delta { reasoning: "hm".to_owned(), ..Delta::default() });
        let other = TextEvent::Delta(Delta { choice: 1, text: "b".to_owned(), ..Delta::default() });
        let end = TextEvent::Delta(Delta { finish: Some(Finish::Stop), ..Delta::default() });
        let mut gathered = vec![thought.clone()];
        for event in [words("a"), thought.clone(), other.clone(), words("c"), end, words("d")] {
            add(&mut gathered, event);
        }
        let both = TextEvent::Delta(Delta { reasoning: "hm".to_owned(), text: "a".to_owned(), ..Delta::default() });
        let ended =
            TextEvent::Delta(Delta { text: "c".to_owned(), finish: Some(Finish::Stop), ..Delta::default() });
        assert_eq!(gathered, [both, thought, other, ended, words("d")]);
    }
}
