//! A command that is fed, goes on, or is interrupted: what it says can be waited for.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::patience::until;
use crate::{Output, World, binary, cluster};

/// A command may take so long to say or do something.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Running {
    child: Child,
    line: String,
    begun: Instant,
    stdout: Said,
    stderr: Said,
    feeding: JoinHandle<()>,
}

/// What has been written to one of its streams so far.
struct Said {
    bytes: Arc<Mutex<Vec<u8>>>,
    reading: JoinHandle<()>,
}

impl Running {
    /// Starts `outboard -n <control namespace> …` with `stdin` as its input.
    pub fn begin(world: &World, arguments: &[&str], stdin: &[u8]) -> Result<Self> {
        Self::start(&binary::path()?, world, &[], arguments, stdin)
    }

    /// The same with these variables of the environment, too, and without input.
    pub fn begin_with(world: &World, variables: &[(&str, &str)], arguments: &[&str]) -> Result<Self> {
        Self::begin_by(&binary::path()?, world, variables, arguments)
    }

    /// The same by a program that runs `outboard`.
    pub fn begin_by(
        program: &Path,
        world: &World,
        variables: &[(&str, &str)],
        arguments: &[&str],
    ) -> Result<Self> {
        Self::start(program, world, variables, arguments, b"")
    }

    fn start(
        program: &Path,
        world: &World,
        variables: &[(&str, &str)],
        arguments: &[&str],
        stdin: &[u8],
    ) -> Result<Self> {
        let arguments = [&["-n", &world.name], arguments].concat();
        let mut child = Command::new(program)
            .args(&arguments)
            .current_dir(world.directory())
            .env("KUBECONFIG", cluster::kubeconfig_file()?)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("failed to start outboard")?;
        let (mut pipe, stdin) = (child.stdin.take().context("no stdin")?, stdin.to_vec());
        // A command need not read what it is given.
        let feeding = std::thread::spawn(move || drop(pipe.write_all(&stdin)));
        let stdout = Said::of(child.stdout.take().context("no stdout")?);
        let stderr = Said::of(child.stderr.take().context("no stderr")?);
        let line = format!("outboard {}", arguments.join(" "));
        Ok(Self { child, line, begun: Instant::now(), stdout, stderr, feeding })
    }

    /// Waits until `find` finds something in what it has written to stdout; answers with that.
    pub async fn says<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> Result<T> {
        until(what, PATIENCE, async || {
            let found = find(&self.stdout.text());
            let ended = found.is_none() && self.child.try_wait()?.is_some();
            ensure!(!ended, "it has ended: {}{}", self.stdout.text(), self.stderr.text());
            Ok(found)
        })
        .await
    }

    /// Sends it what Ctrl-C sends, or `kill`.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(i32::try_from(self.child.id())?), signal)?)
    }

    /// Waits until it has ended by itself.
    pub async fn ended(mut self) -> Result<Output> {
        let status =
            until(&format!("`{}` ends", self.line), PATIENCE, async || Ok(self.child.try_wait()?)).await;
        if status.is_err() {
            self.child.kill()?;
            self.child.wait()?;
        }
        let (stdout, stderr) = (self.stdout.whole(), self.stderr.whole());
        let code =
            status.with_context(|| format!("{stdout}{stderr}"))?.code().context("outboard was killed")?;
        let _ = self.feeding.join();
        println!("{} → {code} after {:.1} s", self.line, self.begun.elapsed().as_secs_f32());
        Ok(Output { line: self.line, code, stdout, stderr, took: self.begun.elapsed() })
    }
}

impl Said {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(vec![]));
        let so_far = bytes.clone();
        let reading = std::thread::spawn(move || {
            let mut chunk = vec![0; 64 * 1024];
            while let Ok(length @ 1..) = pipe.read(&mut chunk) {
                if let Ok(mut bytes) = so_far.lock() {
                    bytes.extend_from_slice(&chunk[..length]);
                }
            }
        });
        Self { bytes, reading }
    }

    fn text(&self) -> String {
        self.bytes.lock().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn whole(self) -> String {
        // What was read before an error is still worth showing.
        let _ = self.reading.join();
        self.bytes.lock().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }
}
