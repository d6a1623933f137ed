//! The text worker: drives llama-server, or any server that speaks as OpenAI does.
//!
//! ```text
//! lease ─▶ seat at the model (it comes into memory if it must) ─▶ request, rebuilt field by field ─▶ answer, piece by piece
//! ```
//!
//! Many jobs run at once: as many of each model as it has slots. A job's answer leaves in numbered frames while it comes in;
//! its end goes with the last of them. Nothing is written down: whoever asked gets an answer or a reason.

mod work;

pub mod config;
pub mod engine;
pub mod house;
pub mod library;
pub mod llama;

mod answer;
mod endpoint;
mod metrics;
mod outbox;
mod request;
mod talk;
mod trouble;

pub use work::run;
