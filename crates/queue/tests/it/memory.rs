//! The memory ledger.

mod desk;
mod leaving;
mod ledger;
mod model;
mod shown;
mod turns;
