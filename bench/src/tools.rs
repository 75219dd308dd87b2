//! The programs that are measured, run to their end.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, anyhow, bail};

/// Runs a program and returns what it printed; its failure is ours.
pub fn run(program: &str, arguments: &[&str], input: Option<&str>) -> anyhow::Result<String> {
    start(Command::new(program).args(arguments), input)
}

/// The same as somebody else: with another kubeconfig.
pub fn run_as(
    kubeconfig: &Path,
    program: &str,
    arguments: &[&str],
    input: Option<&str>,
) -> anyhow::Result<String> {
    start(Command::new(program).args(arguments).env("KUBECONFIG", kubeconfig), input)
}

fn start(command: &mut Command, input: Option<&str>) -> anyhow::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("failed to start {program}"))?;
    if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
        stdin.write_all(text.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
        bail!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

pub fn kubectl(arguments: &[&str], input: Option<&str>) -> anyhow::Result<String> {
    run("kubectl", arguments, input)
}

pub fn outboard(arguments: &[&str]) -> anyhow::Result<String> {
    run(&outboard_program(), arguments, None)
}

pub fn outboard_program() -> String {
    std::env::var("OUTBOARD").unwrap_or_else(|_| "outboard".to_owned())
}

/// Does `work` for each number below `count`, `at_once` of them at a time; the first failure ends it.
pub fn side_by_side(
    count: usize,
    at_once: usize,
    work: impl Fn(usize) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let next = AtomicUsize::new(0);
    let worker = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok(());
            }
            work(number).inspect_err(|_| next.store(count, Ordering::Relaxed))?;
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once.min(count)).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            worker.join().unwrap_or_else(|_| Err(anyhow!("a worker panicked")))?;
        }
        Ok(())
    })
}
