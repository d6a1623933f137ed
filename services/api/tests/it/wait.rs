//! Waiting for what must come, with a limit and with words for the case that it does not.

pub(crate) use testkit::wait::{PATIENCE, until, until_true};
