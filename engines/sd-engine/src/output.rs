//! Lines and raw bytes on standard output, whole and in order.
//!
//! A slow reader must not slow the generation down: progress and log lines wait in a list, of previews only the latest
//! waits, and a thread writes them. Answers are written by whoever gives them, after everything that waits.

#![allow(unsafe_code, reason = "_exit is a function of the C library")]

use std::{
    collections::VecDeque,
    fs::File,
    io::Write as _,
    sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use contract::engine::Line;

/// How long a dying process waits for the pipe, to say why it dies.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The protocol's end of standard output.
#[derive(Debug)]
pub(crate) struct Output {
    pipe: Mutex<File>,
    waiting: Mutex<Waiting>,
    filled: Condvar,
}

/// What the thread has not written yet.
#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Line>,
    preview: Option<(Line, Vec<u8>)>,
}

impl Output {
    /// Keeps standard output for the protocol and points the descriptor itself at standard error:
    /// C++ prints to it now and then, and that must not get between the lines.
    pub(crate) fn open() -> anyhow::Result<&'static Self> {
        let pipe = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3).context("duplicating it")?;
        rustix::stdio::dup2_stdout(rustix::stdio::stderr()).context("pointing it at standard error")?;
        let output = Box::leak(Box::new(Self {
            pipe: Mutex::new(File::from(pipe)),
            waiting: Mutex::default(),
            filled: Condvar::new(),
        }));
        std::thread::Builder::new().name("output".to_owned()).spawn(|| output.write_waiting())?;
        Ok(output)
    }

    /// Writes a line, and the raw bytes that belong to it, after everything that waits.
    pub(crate) fn write(&self, line: &Line, bytes: &[u8]) {
        let mut pipe = lock(&self.pipe);
        self.drain(&mut pipe);
        write_frame(&mut pipe, line, bytes);
    }

    /// Hands a line to the thread that writes. Never waits.
    pub(crate) fn post(&self, line: Line) {
        lock(&self.waiting).lines.push_back(line);
        self.filled.notify_one();
    }

    /// Hands a preview to the thread that writes, in place of one that still waits. Never waits.
    pub(crate) fn post_preview(&self, line: Line, bytes: Vec<u8>) {
        lock(&self.waiting).preview = Some((line, bytes));
        self.filled.notify_one();
    }

    /// Writes a line as the process dies: not at all if the pipe stays blocked.
    pub(crate) fn write_last(&self, line: &Line) {
        let begun = Instant::now();
        let mut pipe = loop {
            match self.pipe.try_lock() {
                Ok(pipe) => break pipe,
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(TryLockError::WouldBlock) if begun.elapsed() > LAST_WORDS => return,
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        self.drain(&mut pipe);
        write_frame(&mut pipe, line, &[]);
    }

    /// Writes what waits, for as long as the process lives.
    fn write_waiting(&self) {
        loop {
            let mut waiting = lock(&self.waiting);
            while waiting.lines.is_empty() && waiting.preview.is_none() {
                waiting = self.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            // The pipe is locked first everywhere, so that nothing overtakes.
            drop(waiting);
            let mut pipe = lock(&self.pipe);
            self.drain(&mut pipe);
            let preview = lock(&self.waiting).preview.take();
            if let Some((line, bytes)) = preview {
                write_frame(&mut pipe, &line, &bytes);
            }
        }
    }

    /// Writes every line that waits.
    fn drain(&self, pipe: &mut File) {
        let lines = std::mem::take(&mut lock(&self.waiting).lines);
        for line in lines {
            write_frame(pipe, &line, &[]);
        }
    }
}

/// Writes one line and its bytes, or ends the process: without a reader there is nobody to work for.
fn write_frame(pipe: &mut File, line: &Line, bytes: &[u8]) {
    let written = serde_json::to_vec(line).map_err(std::io::Error::from).and_then(|mut text| {
        text.push(b'\n');
        pipe.write_all(&text)?;
        pipe.write_all(bytes)
    });
    if written.is_err() {
        end_process();
    }
}

/// Ends the process now, with all its threads, without the destructors of C++: they could wait for a generation.
pub(crate) fn end_process() -> ! {
    unsafe extern "C" {
        safe fn _exit(status: std::ffi::c_int) -> !;
    }
    _exit(0)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
