//! A program that runs.

use std::{
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::Signal;
use tokio::{
    process::{ChildStdin, ChildStdout, Command},
    sync::watch,
    time::timeout,
};

use crate::{
    Error, Exit, LogRing, Program,
    guard::{Guard, SHELL},
    program::INHERITED,
};

/// How long the last words of a dead program may take to arrive.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A program that runs, with everything that it starts itself. Dropping this kills all of it.
#[derive(Debug)]
pub struct Child {
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    process_id: Option<u32>,
    log: LogRing,
    state: watch::Sender<State>,
    guard: Arc<Mutex<Option<Guard>>>,
}

/// Where a program is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It runs; nobody knows yet whether it is of use.
    Starting,
    /// Its owner found it of use.
    Ready,
    /// It was told to go.
    Stopping,
    /// It is gone, with everything that it had started.
    Exited(Exit),
}

impl Child {
    /// Starts a program in a group of its own.
    pub(crate) fn start(program: &Program) -> Result<Self, Error> {
        let guard = Guard::start(&program.name()).map_err(|source| Error::Guard {
            guard: SHELL,
            program: program.path.clone(),
            source,
        })?;
        let mut command = Command::new(&program.path);
        command
            .args(&program.arguments)
            .env_clear()
            .envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .envs(program.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(guard.group().as_raw_nonzero().get())
            .kill_on_drop(true);
        if let Some(folder) = &program.folder {
            command.current_dir(folder);
        }
        let mut process = command.spawn().map_err(|source| Error::Start { program: program.path.clone(), source })?;

        let log = LogRing::new(program.log_lines);
        let stderr = process.stderr.take();
        let filled = log.clone();
        let last_words = tokio::spawn(async move {
            if let Some(stderr) = stderr {
                filled.fill(stderr).await;
            }
        });
        let child = Self {
            stdin: process.stdin.take(),
            stdout: process.stdout.take(),
            process_id: process.id(),
            log,
            state: watch::Sender::new(State::Starting),
            guard: Arc::new(Mutex::new(Some(guard))),
        };
        let (state, guard) = (child.state.clone(), Arc::clone(&child.guard));
        tokio::spawn(async move {
            let exit = process.wait().await.map_or(Exit { code: None, signal: None }, Exit::from);
            let guard = guard.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(guard) = guard {
                guard.end().await;
            }
            let _ = timeout(LAST_WORDS, last_words).await;
            state.send_replace(State::Exited(exit));
        });
        Ok(child)
    }

    /// Returns the number of the process, for people.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process_id
    }

    /// Hands out its standard input, once. Without that, it ends with [`Child::stop`] or the drop of this.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.stdin.take()
    }

    /// Hands out its standard output, once. Somebody must read it, or the program stands still when the pipe is full.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.stdout.take()
    }

    /// Returns the last lines of its standard error.
    #[must_use]
    pub fn log(&self) -> &LogRing {
        &self.log
    }

    /// Returns where it is in its life.
    #[must_use]
    pub fn state(&self) -> State {
        *self.state.borrow()
    }

    /// Says that it is of use now.
    pub fn set_ready(&self) {
        self.state.send_if_modified(|state| {
            let is_new = *state == State::Starting;
            if is_new {
                *state = State::Ready;
            }
            is_new
        });
    }

    /// Waits until it is gone. Does not end it.
    pub async fn exited(&self) -> Exit {
        let mut states = self.state.subscribe();
        let gone = states.wait_for(|state| matches!(state, State::Exited(_))).await.map(|state| *state);
        match gone {
            Ok(State::Exited(exit)) => exit,
            // The sender lives in `self`.
            _ => Exit { code: None, signal: None },
        }
    }

    /// Asks it to go (end of its input, then SIGTERM to its group), and kills what is left of the group after `grace`.
    pub async fn stop(&mut self, grace: Duration) -> Exit {
        self.set_stopping();
        self.stdin = None;
        self.signal(Signal::TERM);
        match timeout(grace, self.exited()).await {
            Ok(exit) => exit,
            Err(_) => {
                self.kill();
                self.exited().await
            }
        }
    }

    /// Kills the whole group now. [`Child::exited`] says when it is gone.
    pub fn kill(&self) {
        self.set_stopping();
        self.signal(Signal::KILL);
    }

    fn set_stopping(&self) {
        self.state.send_if_modified(|state| {
            let is_new = matches!(state, State::Starting | State::Ready);
            if is_new {
                *state = State::Stopping;
            }
            is_new
        });
    }

    fn signal(&self, signal: Signal) {
        // The lock keeps the guard from being taken out of the list of processes meanwhile.
        if let Some(guard) = self.guard.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            guard.signal(signal);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
