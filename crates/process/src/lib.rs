//! A child program under control: start, readiness, log ring, stop of the whole group, no orphans.
