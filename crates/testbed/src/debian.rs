//! Programs out of Debian packages that only stories and benches run, outside of any cluster: unpacked into a folder of their
//! own with all libraries they need, so that nothing is installed on the machine and any distribution will do.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use crate::cache::Cache;
use crate::command::run;
use crate::go::key;
use crate::step::Did;

#[derive(Clone, Copy, Debug)]
pub struct Programs {
    pub name: &'static str,
    /// Debian's release.
    suite: &'static str,
    packages: &'static [&'static str],
    /// Paths below `/usr`. The first is the one that all are asked for by; the others lie beside it.
    paths: &'static [&'static str],
}

/// Server and client, and their own tool for dumps. MariaDB 10.11, as Debian 12 has it.
pub const MARIADB: Programs = Programs {
    name: "mariadb",
    suite: SUITE,
    packages: &["mariadb-server-core", "mariadb-client-core", "mariadb-client"],
    paths: &["bin/mariadb", "bin/mariadb-dump", "sbin/mariadbd"],
};

/// What the copy is compared with.
pub const MYDUMPER: Programs = Programs {
    name: "mydumper",
    suite: SUITE,
    packages: &["mydumper"],
    paths: &["bin/mydumper", "bin/myloader"],
};

/// Redis 7.0, as Debian 12 has it, and what makes certificates for it.
pub const REDIS: Programs = Programs {
    name: "redis",
    suite: SUITE,
    packages: &["redis-server", "redis-tools", "openssl"],
    paths: &["bin/redis-server", "bin/redis-cli", "bin/openssl"],
};

/// Redis 8, as Debian 13 has it: what it writes, 7.0 does not read.
pub const REDIS8: Programs = Programs {
    name: "redis8",
    suite: "trixie",
    packages: &["redis-server", "redis-tools"],
    paths: &["bin/redis-server", "bin/redis-cli"],
};

/// Prometheus 2.42, as Debian 12 has it.
pub const PROMETHEUS: Programs = Programs {
    name: "prometheus",
    suite: SUITE,
    packages: &["prometheus"],
    paths: &["bin/prometheus", "bin/promtool"],
};

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
            ("suite".to_owned(), self.suite.into()),
            ("packages".to_owned(), self.packages.join(",").into_bytes()),
            ("paths".to_owned(), self.paths.join(",").into_bytes()),
            ("launcher".to_owned(), LAUNCHER.into()),
        ];
        Ok(cache.bin().join(self.name).join(key(&inputs)).join(self.first()))
    }

    fn first(&self) -> &'static str {
        self.paths.first().map_or(self.name, |path| path.rsplit('/').next().unwrap_or(path))
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
            .arg(self.suite)
            .arg(&tree);
        run(&mut unpack, &log)?;
        // Debian 13's packages have everything below usr, and leave the way there to an installer.
        for folder in ["lib", "lib64"] {
            if !tree.join(folder).exists() && tree.join("usr").join(folder).exists() {
                symlink(format!("usr/{folder}"), tree.join(folder))?;
            }
        }
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
    fn programs_are_asked_for_by_the_first_of_them() {
        for programs in [MARIADB, MYDUMPER] {
            assert_eq!(programs.first(), programs.name);
        }
        assert_eq!((REDIS.first(), REDIS8.first()), ("redis-server", "redis-server"));
    }
}
