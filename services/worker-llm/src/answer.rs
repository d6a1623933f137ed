//! Reads what an engine answers, and turns it into the events of the contract.

mod chunk;
mod lines;
pub(crate) mod refusal;
mod thoughts;
mod totals;
pub(crate) mod whole;

use std::time::{Duration, Instant};

use contract::text::TextEvent;
use reqwest::Response;
use tokio::{sync::mpsc, time::timeout};

pub(crate) use self::totals::Totals;
use self::{chunk::Chunk, lines::Lines};
use crate::{endpoint, trouble::Trouble};

/// What ends a stream.
const DONE: &str = "[DONE]";

/// Reads a stream of pieces to its end. The answers in it are numbered from `first_choice` on.
///
/// An engine that sends nothing for `stall` has hung; its signs that it is still there do not count.
pub(crate) async fn read_stream(
    mut answer: Response,
    first_choice: u32,
    stall: Duration,
    events: &mpsc::Sender<TextEvent>,
    totals: &mut Totals,
) -> Result<(), Trouble> {
    let mut lines = Lines::default();
    let mut deadline = Instant::now() + stall;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(piece) = timeout(left, answer.chunk()).await else { return Err(Trouble::Silent) };
        let Some(piece) = piece.map_err(endpoint::gone)? else {
            // OpenAI ends with a word; whoever says all and then hangs up has said all.
            return if totals.is_finished() { Ok(()) } else { Err(Trouble::Gone("the stream broke off".to_owned())) };
        };
        lines.push(&piece)?;
        while let Some(line) = lines.next() {
            // Comments are signs of life, and other fields have no meaning here.
            let Some(data) = line.strip_prefix("data:") else { continue };
            let data = data.trim();
            if data == DONE {
                return if totals.is_finished() {
                    Ok(())
                } else {
                    Err(Trouble::engine("the engine's answer has no end"))
                };
            }
            deadline = Instant::now() + stall;
            let chunk = Chunk::read(data)?;
            for event in totals.take_in(chunk, first_choice)? {
                // Nobody receives only once the job has ended.
                let _ = events.send(event).await;
            }
        }
    }
}
