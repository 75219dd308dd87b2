//! `talk` on this machine: asks in protocols that a story does not speak itself.

use std::process::Command;

use anyhow::{Result, ensure};
use tokio::task::spawn_blocking;

/// Runs it and answers with what it was told.
pub async fn talk(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(testbed::tool("talk")?);
    command.args(arguments);
    let line = format!("talk {}", arguments.join(" "));
    let output = spawn_blocking(move || command.output()).await??;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{line}` ended with {}: {said}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
