//! For tests only: own Valkey, own PostgreSQL, tiny models.

pub mod postgres;
pub mod spawner;
pub mod tiny_models;
pub mod valkey;
