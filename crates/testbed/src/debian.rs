//! Programs out of Debian packages that only stories and benches run, outside of any cluster: unpacked into a folder of their
//! own with all libraries they need, so that nothing is installed on the machine and any distribution will do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use crate::cache::Cache;
use crate::command::run;
use crate::go::key;
use crate::step::Did;

#[derive(Clone, Copy, Debug)]
pub struct Programs {
    /// The first of them, by which all are asked for; the others lie beside it.
    pub name: &'static str,
    packages: &'static [&'static str],
    /// Paths below `/usr`.
    paths: &'static [&'static str],
}

/// Server and client, and their own tool for dumps. MariaDB 10.11, as Debian 12 has it.
pub const MARIADB: Programs = Programs {
    name: "mariadb",
    packages: &["mariadb-server-core", "mariadb-client-core", "mariadb-client"],
    paths: &["bin/mariadb", "bin/mariadb-dump", "sbin/mariadbd"],
};

/// What the copy is compared with.
pub const MYDUMPER: Programs =
    Programs { name: "mydumper", packages: &["mydumper"], paths: &["bin/mydumper", "bin/myloader"] };

const SUITE: &str = "bookworm";

/// Runs a program with the loader and the libraries of its own tree.
const LAUNCHER: &str = r#"#!/bin/sh
tree=$(dirname "$(readlink -f "$0")")/tree
machine=$(uname -m)
exec "$tree"/lib*/ld-linux-*.so.* --library-path "$tree/lib/$machine-linux-gnu:$tree/usr/lib/$machine-linux-gnu" \
    "$tree/usr/PROGRAM" "$@"
"#;

impl Programs {
    pub fn path(&self, cache: &Cache) -> anyhow::Result<PathBuf> {
        let inputs = [
            ("suite".to_owned(), SUITE.into()),
            ("packages".to_owned(), self.packages.join(",").into_bytes()),
            ("paths".to_owned(), self.paths.join(",").into_bytes()),
            ("launcher".to_owned(), LAUNCHER.into()),
        ];
        Ok(cache.bin().join(self.name).join(key(&inputs)).join(self.name))
    }

    pub fn install(&self, cache: &Cache) -> anyhow::Result<Did> {
        let path = self.path(cache)?;
        if path.exists() {
            return Ok(Did::Nothing);
        }
        let folder = path.parent().context("a program has a folder")?;
        let tree = folder.join("tree");
        let _ = fs::remove_dir_all(&tree);
        fs::create_dir_all(folder)?;
        let log = cache.root().join("build-logs").join(format!("{}.log", self.name));
        let mut unpack = Command::new("mmdebstrap");
        unpack
            .args(["--variant=extract", "--components=main"])
            .arg(format!("--include={}", self.packages.join(",")))
            .arg(SUITE)
            .arg(&tree);
        run(&mut unpack, &log)?;
        // The one it is asked for by comes last: a program that is there is whole.
        for program in self.paths.iter().rev() {
            let name = program.rsplit('/').next().unwrap_or(program);
            let launcher = folder.join(name);
            let temporary = launcher.with_extension("new");
            fs::write(&temporary, LAUNCHER.replace("PROGRAM", program))?;
            fs::set_permissions(&temporary, fs::Permissions::from_mode(0o755))?;
            fs::rename(&temporary, &launcher)?;
        }
        Ok(Did::Work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_that_is_asked_for_is_the_first() {
        for programs in [MARIADB, MYDUMPER] {
            assert_eq!(programs.paths[0], format!("bin/{}", programs.name));
        }
    }
}
