//! Programs of this workspace for images: one `cargo build` for all that are asked for, stripped copies.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use super::store::Store;
use super::tree::hash_file;

/// Package and program.
pub type Program = (&'static str, &'static str);

/// Builds the programs and says where the copies for images lie.
pub fn build(store: &Store, programs: &BTreeSet<Program>) -> anyhow::Result<BTreeMap<Program, PathBuf>> {
    if programs.is_empty() {
        return Ok(BTreeMap::new());
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The whole workspace, as everything else builds it: another selection would choose other features of
    // shared dependencies and compile them all once more.
    cargo.current_dir(&workspace).args(["build", "--quiet", "--workspace", "--bins"]);
    let status = cargo.status().context("failed to start cargo")?;
    ensure!(status.success(), "cargo build ended with {status}");

    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => std::env::current_dir()?.join(target),
        None => workspace.join("target"),
    };
    programs
        .iter()
        .map(|&program| Ok((program, stripped(store, &target.join("debug").join(program.1))?)))
        .collect()
}

/// Debug information makes most of a program and is of no use in a container.
fn stripped(store: &Store, program: &PathBuf) -> anyhow::Result<PathBuf> {
    let copy = store.stripped(&hash_file(program)?);
    if copy.exists() {
        return Ok(copy);
    }
    let temporary = store.temporary("stripped")?;
    match Command::new("strip").arg("-o").arg(&temporary).arg(program).status() {
        Ok(status) => ensure!(status.success(), "strip {} ended with {status}", program.display()),
        // No strip on this machine: a larger image, not a broken one.
        Err(_) => std::fs::copy(program, &temporary).map(drop)?,
    }
    std::fs::rename(&temporary, &copy)?;
    Ok(copy)
}
