//! What happens now, for everybody who watches: one reader of the event stream, any number of clients.
//!
//! Each client has a bounded queue of its own. A slow client loses progress, never an end, and slows nobody else down.

mod encoded;
mod group;
mod hub;
mod memory;
mod outbox;
mod previews;
mod pulse;
mod states;
mod stream_id;
mod watch;

pub(crate) use encoded::Encoded;
pub(crate) use hub::{Live, Parts};
pub(crate) use outbox::Outgoing;
pub(crate) use pulse::memory;
pub(crate) use states::fill_in_progress;
pub(crate) use stream_id::{StreamId, UnreadableId};
pub(crate) use watch::{Error, Watch};
