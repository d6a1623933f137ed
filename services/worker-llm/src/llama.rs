//! llama-server as a child: one for each model in memory.
//!
//! It listens on a socket in a folder of its own that nobody else can enter, takes no request without a key that it got
//! in its environment, and is started with everything it has that reads files or fetches addresses switched off.

pub(crate) mod epitaph;
mod flags;
pub(crate) mod inquiry;
pub(crate) mod measure;
pub(crate) mod server;
pub(crate) mod trial;

use std::path::PathBuf;

use process::Program;

pub use self::flags::Launch;

/// What every llama-server is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The program llama-server.
    pub program: PathBuf,
    /// CPU threads of each. More than there are idle cores makes it slower: the threads wait for each other in a spin.
    pub threads: u32,
    /// What to compute on: `cpu`, `cuda:1`, `vulkan:0`; empty for what llama.cpp finds first.
    pub device: String,
}

impl Settings {
    /// Returns the program, as every one of it is started.
    pub(crate) fn child(&self) -> Program {
        self.child_on(&self.device)
    }

    /// Returns the program, seeing nothing but this device.
    fn child_on(&self, device: &str) -> Program {
        // A trace would be made by a debugger, which takes seconds.
        let program = Program::new(&self.program).env("GGML_NO_BACKTRACE", "1");
        let variables = process::device::variables(device).into_iter();
        variables.fold(program, |program, (name, value)| program.env(name, value))
    }
}
