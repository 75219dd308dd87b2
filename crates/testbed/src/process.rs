//! Daemons: started detached, found again, ended. A pid file is a hint; a process is ours only if it was started
//! when the file says and runs the program we started. Nothing is ever killed by its bare name.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cache::Cache;
use crate::command::with_log;
use crate::proc;

/// What our caller left open (the lock of a CI job, the pipe that somebody reads to its end) would stay open for as long as
/// the daemon lives.
const WITH_THREE_FILES: &str =
    r#"for fd in /proc/self/fd/*; do fd=${fd##*/}; ((fd > 2)) && exec {fd}>&-; done; exec "$@""#;

/// A large process on a busy machine may take so long to be gone after SIGKILL.
const KILLED: Duration = Duration::from_secs(30);

/// How to start one daemon. Nothing happens until [`Daemon::ensure`].
#[derive(Clone, Debug)]
pub struct Daemon {
    pub name: String,
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    pid_file: PathBuf,
    pub log: PathBuf,
}

impl Daemon {
    pub fn new(cache: &Cache, name: &str, program: impl Into<PathBuf>) -> Self {
        Self {
            name: name.to_owned(),
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            pid_file: cache.pids().join(name),
            log: cache.log(name),
        }
    }

    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    #[must_use]
    pub fn args<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn pid(&self) -> Option<i32> {
        running(&self.pid_file)
    }

    /// Starts it unless it runs. Says whether it had to.
    pub fn ensure(&self) -> anyhow::Result<bool> {
        if self.pid().is_some() {
            return Ok(false);
        }
        for folder in [self.pid_file.parent(), self.log.parent()].into_iter().flatten() {
            fs::create_dir_all(folder)?;
        }
        if let Some(pid) = self.find() {
            self.note(pid)?;
            return Ok(false);
        }
        let log = File::options().create(true).append(true).open(&self.log)?;
        // A session of its own: a closed terminal or Ctrl-C is no reason to end.
        let child = Command::new("setsid")
            .args(["bash", "-c", WITH_THREE_FILES, "bash"])
            .arg(&self.program)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("failed to start {}", self.program.display()))?;
        let pid = i32::try_from(child.id())?;
        self.note(pid)?;
        Ok(true)
    }

    /// The same program with the very same arguments: ours, started by a run that was killed before it could note it.
    fn find(&self) -> Option<i32> {
        proc::pids().into_iter().find(|&pid| {
            let arguments = proc::arguments(pid);
            arguments.first().is_some_and(|program| Path::new(program) == self.program)
                && arguments[1..] == self.arguments
                && proc::started(pid).is_some()
        })
    }

    fn note(&self, pid: i32) -> anyhow::Result<()> {
        let started = proc::started(pid).unwrap_or_default();
        let temporary = self.pid_file.with_extension("new");
        fs::write(&temporary, format!("{pid} {started} {}", self.program.display()))?;
        Ok(fs::rename(&temporary, &self.pid_file)?)
    }

    /// Waits until it is ready; if it ends meanwhile, that is the error, at once.
    pub fn wait(&self, limit: Duration, mut ready: impl FnMut() -> bool) -> anyhow::Result<()> {
        let start = Instant::now();
        while !ready() {
            if self.pid().is_none() {
                return Err(with_log(&format!("{} ended", self.name), &self.log));
            }
            if start.elapsed() > limit {
                let what = format!("{} is not ready after {} s", self.name, limit.as_secs());
                return Err(with_log(&what, &self.log));
            }
            std::thread::sleep(Duration::from_millis(40));
        }
        Ok(())
    }

    /// Asks it to end, and after the grace makes it.
    pub fn stop(&self, grace: Duration) {
        if let Some(pid) = self.pid() {
            end(pid, grace);
        }
        let _ = fs::remove_file(&self.pid_file);
    }
}

/// The pid in the file, if that very process still runs.
fn running(pid_file: &Path) -> Option<i32> {
    let text = fs::read_to_string(pid_file).ok()?;
    let (pid, started, program) = parse(&text)?;
    let arguments = proc::arguments(pid);
    // For a moment, between two programs, a process has none.
    let same = arguments.is_empty() || arguments.iter().any(|argument| argument == program);
    (proc::started(pid)? == started && same).then_some(pid)
}

fn parse(text: &str) -> Option<(i32, u64, &str)> {
    let mut parts = text.splitn(3, ' ');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?))
}

pub fn end(pid: i32, grace: Duration) {
    let start = Instant::now();
    let Some(started) = proc::started(pid) else { return };
    let mut signal = if grace.is_zero() { Signal::SIGKILL } else { Signal::SIGTERM };
    let _ = kill(Pid::from_raw(pid), signal);
    while proc::lives(pid, started) && start.elapsed() < grace + KILLED {
        if signal == Signal::SIGTERM && start.elapsed() > grace {
            signal = Signal::SIGKILL;
            let _ = kill(Pid::from_raw(pid), signal);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_is_pid_start_and_program() {
        assert_eq!(parse("12 345 /a b/etcd"), Some((12, 345, "/a b/etcd")));
        assert_eq!(parse("12"), None);
        assert_eq!(parse("x 1 y"), None);
    }

    #[test]
    fn a_daemon_keeps_nothing_open_of_what_its_caller_had() {
        let folder = tempfile::tempdir().unwrap();
        let (left_open, list) = (folder.path().join("left-open"), "ls -l /proc/self/fd");
        let caller = format!("exec 9>{}; exec \"$@\"", left_open.display());
        let listed = |command: &[&str]| {
            let output = Command::new("bash").args(["-c", &caller, "bash"]).args(command).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert!(listed(&["sh", "-c", list]).contains("left-open"));
        let daemon = listed(&["bash", "-c", WITH_THREE_FILES, "bash", "sh", "-c", list]);
        assert!(!daemon.contains("left-open") && daemon.contains("/dev/null"), "{daemon}");
    }

    #[test]
    fn a_reused_pid_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let me = i32::try_from(std::process::id()).unwrap();
        let started = proc::started(me).unwrap();
        let program = proc::arguments(me).remove(0);
        fs::write(&file, format!("{me} {started} {program}")).unwrap();
        assert_eq!(running(&file), Some(me));
        fs::write(&file, format!("{me} {} {program}", started + 1)).unwrap();
        assert_eq!(running(&file), None);
        fs::write(&file, format!("{me} {started} /another/program")).unwrap();
        assert_eq!(running(&file), None);
    }
}
