//! Whole-system tests over HTTP and WebSocket, and the fault run.
