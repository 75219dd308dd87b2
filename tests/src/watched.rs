//! What others on a machine, or whoever opens what a command leaves there, can see of it while it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use anyhow::{Result, ensure};

const LOOK: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub struct Watched {
    /// Of every process that there was meanwhile.
    pub arguments: BTreeSet<String>,
    /// Saved plans, unpacked: what they were last.
    pub plans: BTreeMap<PathBuf, Vec<u8>>,
}

impl Watched {
    /// Looks on until it ends. `folder`: below which it works.
    pub fn until_end(mut child: Child, folder: &Path) -> Result<(ExitStatus, Self)> {
        let mut watched = Self::default();
        let mut saved = BTreeMap::new();
        let status = loop {
            let ended = child.try_wait()?;
            watched.arguments.extend(arguments());
            plans(folder, &mut saved)?;
            if let Some(status) = ended {
                break status;
            }
            std::thread::sleep(LOOK);
        };
        for (path, bytes) in saved {
            for (name, content) in unpacked(&bytes)? {
                watched.plans.insert(path.join(name), content);
            }
        }
        Ok((status, watched))
    }
}

fn arguments() -> Vec<String> {
    let all = fs::read_dir("/proc").into_iter().flatten().filter_map(std::io::Result::ok);
    // One that ends meanwhile has none.
    let lines = all.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).collect()
}

fn plans(folder: &Path, saved: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    for path in files(folder)? {
        let is_plan = path.extension().is_some_and(|extension| extension == "bin");
        if is_plan && let Ok(bytes) = fs::read(&path) {
            saved.insert(path, bytes);
        }
    }
    Ok(())
}

/// Every file below a folder, of which some may go meanwhile.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut open) = (vec![], vec![folder.to_owned()]);
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten().filter_map(std::io::Result::ok) {
            let path = entry.path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    Ok(found)
}

/// What is in a zip; nothing in one that is not whole yet.
fn unpacked(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
    let folder = tempfile::tempdir()?;
    let (zip, into) = (folder.path().join("plan.zip"), folder.path().join("in"));
    fs::write(&zip, bytes)?;
    fs::create_dir(&into)?;
    let output = Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&zip).arg(&into).output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() || told.contains("BadZipFile"), "{told}");
    files(&into)?
        .into_iter()
        .map(|path| Ok((path.strip_prefix(&into)?.display().to_string(), fs::read(&path)?)))
        .collect()
}
