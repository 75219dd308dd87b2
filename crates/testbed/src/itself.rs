//! This program as a daemon: from a copy, since a rebuilt or removed program must not change or end what runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::cache::Cache;

/// Where the copy of one daemon lies; made when it is first asked for.
pub fn copy(cache: &Cache, daemon: &str) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("failed to find this program")?;
    let state = cache.state();
    fs::create_dir_all(&state)?;
    let copy = state.join(format!("testbed-{daemon}"));
    made(&program, &copy)?;
    Ok(copy)
}

/// By a process of its own: a file that we had open for writing would, for a moment, be open in whatever another thread
/// starts just then, and a program that is open for writing cannot be run.
fn made(program: &Path, copy: &Path) -> anyhow::Result<()> {
    if copy.exists() {
        return Ok(());
    }
    // A kill may leave half a file.
    let half = copy.with_extension("half");
    let status = Command::new("cp").arg(program).arg(&half).status().context("failed to run cp")?;
    ensure!(status.success(), "cp of {} ended with {status}", program.display());
    fs::rename(&half, copy).with_context(|| format!("failed to write {}", copy.display()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn a_copy_runs_at_once_though_others_start_programs() {
        let folder = tempfile::tempdir().unwrap();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let others = || {
                while !done.load(Ordering::Relaxed) {
                    Command::new("/bin/true").status().unwrap();
                }
            };
            scope.spawn(others);
            scope.spawn(others);
            let ran = (0..100).map(|round| {
                let copy = folder.path().join(round.to_string());
                made(Path::new("/bin/true"), &copy).unwrap();
                Command::new(copy).status()
            });
            let ran: Vec<_> = ran.collect();
            done.store(true, Ordering::Relaxed);
            for status in ran {
                assert!(status.unwrap().success());
            }
        });
    }
}
