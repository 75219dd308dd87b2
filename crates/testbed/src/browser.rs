//! A browser that scripts drive: Debian's Chromium, and from npm what drives and examines it, each file one whose hash stands in
//! `node/package-lock.json`. The launcher runs a script that finds all of them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::cache::Cache;
use crate::command::run;
use crate::go::key;
use crate::packages;
use crate::step::Did;

pub const NAME: &str = "browser";

const PACKAGE: &str = include_str!("../node/package.json");
const LOCK: &str = include_str!("../node/package-lock.json");

const CHROMIUM: &str = "/usr/bin/chromium";

const LAUNCHER: &str = r#"#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
CHROMIUM=/usr/bin/chromium NODE_PATH="$here/node_modules" exec node "$@"
"#;

pub fn path(cache: &Cache) -> anyhow::Result<PathBuf> {
    let inputs = [
        ("package".to_owned(), PACKAGE.into()),
        ("lock".to_owned(), LOCK.into()),
        ("launcher".to_owned(), LAUNCHER.into()),
    ];
    Ok(cache.bin().join(NAME).join(key(&inputs)).join(NAME))
}

pub fn install(cache: &Cache) -> anyhow::Result<Did> {
    for program in ["node", "npm"] {
        if !packages::found(program) {
            bail!("{program} is missing: apt-get install nodejs npm");
        }
    }
    if !Path::new(CHROMIUM).exists() {
        packages::install_these(cache, &["chromium"])?;
    }
    let path = path(cache)?;
    let folder = path.parent().context("a program has a folder")?;
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder)?;
    fs::write(folder.join("package.json"), PACKAGE)?;
    fs::write(folder.join("package-lock.json"), LOCK)?;
    let log = cache.root().join("build-logs").join(format!("{NAME}.log"));
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
    run(&mut npm, &log)?;
    // Last: a program that is there is whole.
    let temporary = path.with_extension("new");
    fs::write(&temporary, LAUNCHER)?;
    fs::set_permissions(&temporary, fs::Permissions::from_mode(0o755))?;
    fs::rename(&temporary, &path)?;
    Ok(Did::Work)
}

/// Whether all of it is there: the machine's own browser may have gone.
pub fn is_whole(cache: &Cache) -> anyhow::Result<bool> {
    Ok(path(cache)?.exists() && Path::new(CHROMIUM).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_has_its_version_and_its_hash() {
        let lock: serde_json::Value = serde_json::from_str(LOCK).unwrap();
        let packages = lock["packages"].as_object().unwrap();
        let named: Vec<_> = packages.iter().filter(|(name, _)| !name.is_empty()).collect();
        assert!(named.iter().any(|(name, _)| name.ends_with("playwright-core")));
        for (name, package) in named {
            let hash = package["integrity"].as_str();
            assert!(hash.is_some_and(|hash| hash.starts_with("sha512-")), "{name}");
        }
    }
}
