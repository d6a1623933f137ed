//! sd-engine.
fn main() {}
