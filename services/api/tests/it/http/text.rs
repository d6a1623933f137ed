//! The doors for text: shapes, errors, pictures, and clients that go away. The test plays the worker, on the real queue.

mod chats;
mod house;
mod others;
mod prompt_fields;
mod prompts;
mod responses;
mod tagging;
mod words;
