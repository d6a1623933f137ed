//! The front door over HTTP, as clients see it: a real server, a real Valkey, a real database file.

mod a1111;
mod assets;
mod bad_input;
mod capabilities;
mod connections;
mod described;
mod ended;
mod events;
mod forms;
mod groups;
mod house;
mod inline_pictures;
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
mod text;
mod walk;
