//! The terminal: where somebody can be asked; raw while they work inside a container, and always as it was afterwards.

use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::{Arc, Mutex};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use verbs::inside::{Size, Streams, Trouble};

use crate::error::{Failure, Result};

/// What a command inside a container is connected with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Connection {
    /// It is given what we are given.
    pub stdin: bool,
    /// It has our terminal, keys and size included.
    pub terminal: bool,
}

impl Connection {
    /// A terminal on both sides is lent; other input only where it was asked for, so that a loop of commands keeps
    /// its own.
    pub fn wanted(stdin: bool) -> Self {
        let input = io::stdin().is_terminal();
        Self { stdin: stdin || input, terminal: input && io::stdout().is_terminal() }
    }

    /// Our streams. The terminal is lent when the other side is there, and given back when the loan is dropped.
    pub fn open(self) -> Result<(Streams, Loan)> {
        let loan = Loan::default();
        let lend = loan.clone();
        let streams = Streams {
            stdin: self.stdin.then(|| Box::new(tokio::io::stdin()) as _),
            stdout: Box::new(tokio::io::stdout()),
            stderr: Box::new(tokio::io::stderr()),
            sizes: if self.terminal { Some(sizes()?) } else { None },
            opened: self.terminal.then(|| Box::new(move || lend.begin()) as _),
        };
        Ok((streams, loan))
    }
}

/// Whether somebody sits there to type.
pub fn somebody_types() -> bool {
    io::stdin().is_terminal()
}

/// Whether there is somebody who can be asked something.
pub fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks, and answers in lower case. On a thread of its own, so that Ctrl-C works meanwhile.
pub async fn ask(question: String) -> Result<String> {
    let answer = tokio::task::spawn_blocking(move || -> io::Result<String> {
        let mut stderr = io::stderr().lock();
        stderr.write_all(question.as_bytes())?;
        stderr.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(answer)
    });
    let answer = answer.await.map_err(|error| Failure::Start(error.to_string()))?;
    let answer = answer.map_err(|error| Failure::Start(error.to_string()))?;
    Ok(answer.trim().to_lowercase())
}

/// A terminal that sends every key as it is, from when it is lent.
#[derive(Clone, Default)]
pub struct Loan(Arc<Mutex<Option<Raw>>>);

impl Loan {
    fn begin(&self) {
        match (Raw::begin(), self.0.lock()) {
            (Ok(raw), Ok(mut lent)) => *lent = Some(raw),
            // Without it keys come line by line: a nuisance, but no reason to stop.
            (raw, _) => tracing::debug!(error = ?raw.err(), "the terminal cannot be made raw"),
        }
    }
}

/// Dropped, the terminal is what it was before.
struct Raw(Termios);

impl Raw {
    fn begin() -> rustix::io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// The terminal's size, now and after every change.
fn sizes() -> Result<watch::Receiver<Size>> {
    let mut changes =
        signal(SignalKind::window_change()).map_err(|error| Failure::Start(error.to_string()))?;
    let (tell, sizes) = watch::channel(size());
    tokio::spawn(async move { while changes.recv().await.is_some() && tell.send(size()).is_ok() {} });
    Ok(sizes)
}

fn size() -> Size {
    tcgetwinsize(io::stdout())
        .map(|size| Size { width: size.ws_col, height: size.ws_row })
        .unwrap_or_default()
}

/// How outboard ends when a command inside an environment has ended.
pub fn ended(outcome: verbs::Result<i32>) -> Result<()> {
    match outcome {
        Ok(0) => Ok(()),
        // What does not fit an exit code must still not look like success.
        Ok(code) => Err(Failure::Ended(u8::try_from(code).unwrap_or(u8::MAX))),
        Err(verbs::Error::Inside(Trouble::Output(error))) if error.kind() == io::ErrorKind::BrokenPipe => {
            Err(Failure::ListenerLeft)
        }
        Err(verbs::Error::Inside(Trouble::Stopped)) => Err(Failure::Interrupted),
        Err(error) => Err(error.into()),
    }
}
