//! The names of all keys.
