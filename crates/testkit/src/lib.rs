//! For tests only: own Valkey, own PostgreSQL, tiny models.

pub mod tiny_models;
