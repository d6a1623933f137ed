//! Turns an Engine into a worker: lease, run, report, drain. Holds ScriptedEngine.
//!
//! One worker process serves one engine on one device and runs one job at a time:
//!
//! ```text
//! lease ─▶ an earlier attempt left its result? ─yes▶ finish
//!            │no
//!            ▼
//!       prepare ─▶ load ─▶ generate ─▶ complete ─▶ encode ─▶ store ─▶ result.json ─▶ finish
//! ```
//!
//! The result lies in the asset store before the queue hears of it, so a worker or a queue that dies in between loses nothing:
//! the next attempt adopts it. Whatever an engine does (fail, panic, hang), the worker lives and the job ends with a reason.

pub mod engine;
pub mod exhaustion;
mod order;
mod parts;
mod work;

mod attempt;
mod budget;
pub mod builds;
pub mod card;
mod complete;
mod connect;
mod darkroom;
mod drive;
mod font;
mod guard;
mod keep;
mod measured;
mod metrics;
mod name;
mod pace;
mod prepare;
mod presence;
mod preview;
mod progress;
mod residency;
pub mod scripted;
mod service;
mod watch;

pub use budget::Budget;
pub use connect::{connect, until_there};
pub use engine::{Engine, EngineDescription, EngineError, Picture, Run};
pub use measured::{keep_measuring, measure};
pub use name::device as device_name;
pub use order::Order;
pub use parts::{Parts, Settings};
pub use presence::{Presence, announce};
pub use scripted::ScriptedEngine;
pub use service::{open_parts, threads};
pub use work::{run, serve_metrics};
