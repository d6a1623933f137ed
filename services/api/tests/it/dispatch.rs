//! The dispatch, with a real Valkey.
