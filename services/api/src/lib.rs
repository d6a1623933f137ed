//! The front door: REST, SSE, WebSocket; the only writer of SQL; pump, projector, reconcile.
