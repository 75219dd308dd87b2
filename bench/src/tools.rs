//! The programs that are measured, run to their end.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// Runs a program and returns what it printed; its failure is ours.
pub fn run(program: &str, arguments: &[&str], input: Option<&str>) -> anyhow::Result<String> {
    let mut child = Command::new(program)
        .args(arguments)
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
        bail!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

pub fn kubectl(arguments: &[&str], input: Option<&str>) -> anyhow::Result<String> {
    run("kubectl", arguments, input)
}

pub fn outboard(arguments: &[&str]) -> anyhow::Result<String> {
    let program = std::env::var("OUTBOARD").unwrap_or_else(|_| "outboard".to_owned());
    run(&program, arguments, None)
}
