//! Starts child programs that die with the test's process, however that ends.
//!
//! Linux ties "kill me when my parent dies" to the thread that started the child, not to the process, and every test has
//! a thread of its own that ends with it. So one thread, which never ends, starts all children.

use std::{
    ffi::OsStr,
    process::{Child, Command},
    sync::{Mutex, OnceLock, PoisonError, mpsc},
};

type Request = (Command, mpsc::Sender<std::io::Result<Child>>);

/// Returns a command for a program that is killed when the thread that starts it ends.
pub fn dying_with_us(program: impl AsRef<OsStr>) -> Command {
    // `setpriv` asks for it and then becomes the program; asking here would need unsafe code.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Starts a command from the thread that never ends.
pub fn spawn(command: Command) -> std::io::Result<Child> {
    static REQUESTS: OnceLock<Mutex<mpsc::Sender<Request>>> = OnceLock::new();
    let requests = REQUESTS.get_or_init(|| {
        let (sender, receiver) = mpsc::channel::<Request>();
        std::thread::spawn(move || {
            for (mut command, answer) in receiver {
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(sender)
    });
    let (sender, answer) = mpsc::channel();
    let gone = || std::io::Error::other("the thread that starts programs has ended");
    requests.lock().unwrap_or_else(PoisonError::into_inner).send((command, sender)).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}
