//! The front door over HTTP, as clients see it: a real server, a real Valkey, a real database file.

mod a1111;
mod assets;
mod bad_input;
mod connections;
mod ended;
mod events;
mod forms;
mod groups;
mod house;
mod inspections;
mod keys;
mod lists;
mod openai;
mod operation;
mod pausing;
mod picture;
mod socket;
mod strangers;
mod submission;
mod walk;
