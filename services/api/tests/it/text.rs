//! The reception of text, with a real Valkey and workers that the tests play themselves.

mod answers;
mod desk;
mod limits;
mod losses;
