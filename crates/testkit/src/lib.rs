//! For tests only: own Valkey, own PostgreSQL, tiny models.
