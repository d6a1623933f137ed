//! Pictures that are tagged while nobody needs the machine. The test plays both workers, and moves the clock.

mod interruptions;
mod models;
mod shown;
mod studio;
mod tries;
