//! How much memory models take, and whether they fit: before anything is loaded, by sizes, by headers, and by what earlier
//! jobs took.
//!
//! Workers plan their runs with it, and the API says with the same figures what will fit. Language models have their own
//! arithmetic in [`crate::llm::memory`].

mod estimate;
mod fit;
mod ladder;
mod plan;

pub use estimate::{Parts, Work};
pub use fit::{of_language_model, of_picture_model};
pub use ladder::{Ladder, Tiles, tiles};
pub use plan::{Circumstances, Lessons, Plan, Room, TooLarge};
