//! For tests and the tool box only: own Valkey, own PostgreSQL, tiny models, sources from PyPI, waiting, a driver for a card.

pub mod broken_programs;
pub mod driver;
pub mod postgres;
pub mod pypi;
pub mod spawner;
pub mod tiny_models;
pub mod valkey;
pub mod wait;
