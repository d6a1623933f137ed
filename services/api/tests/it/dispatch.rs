//! The dispatch, with a real Valkey and workers that the tests play themselves.

mod cancelling;
mod ends;
mod groups;
mod instances;
mod order;
mod outages;
mod pausing;
mod recovery;
mod sweeping;
pub(crate) mod world;
