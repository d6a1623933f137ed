//! The tool box: `cargo xtask <command>`.
fn main() {}
