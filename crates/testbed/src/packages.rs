//! Debian packages the node needs. Installs only what is missing, and says so when it may not.

use std::path::Path;
use std::process::Command;

use anyhow::bail;

use crate::cache::Cache;
use crate::command::run;
use crate::step::Did;

/// A file that is there once the package is.
const NEEDED: &[(&str, &str)] = &[
    ("/usr/bin/containerd", "containerd"),
    ("/usr/sbin/runc", "runc"),
    ("/usr/lib/cni/bridge", "containernetworking-plugins"),
    ("/usr/sbin/nft", "nftables"),
    ("/usr/sbin/conntrack", "conntrack"),
    ("/usr/bin/mmdebstrap", "mmdebstrap"),
    ("/etc/ssl/certs/ca-certificates.crt", "ca-certificates"),
];

/// Programs that may come from anywhere.
const PROGRAMS: &[(&str, &str)] =
    &[("ip", "iproute2"), ("mount", "mount"), ("setsid", "util-linux"), ("python3", "python3-pip")];

pub fn install(cache: &Cache) -> anyhow::Result<Did> {
    if !found("go") {
        bail!("Go is missing; install the version that crates/testbed/go/go.mod names (https://go.dev/dl)");
    }
    let files = NEEDED.iter().filter(|(file, _)| !Path::new(file).exists());
    let programs = PROGRAMS.iter().filter(|(program, _)| !found(program));
    let missing: Vec<&str> = files.chain(programs).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(Did::Nothing);
    }
    install_these(cache, &missing)?;
    Ok(Did::Work)
}

/// Packages that are known to be missing.
pub fn install_these(cache: &Cache, missing: &[&str]) -> anyhow::Result<()> {
    if !found("apt-get") {
        bail!("these Debian packages are missing, and there is no apt-get: {}", missing.join(", "));
    }
    let log = cache.root().join("build-logs/apt.log");
    run(Command::new("apt-get").arg("update"), &log)?;
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "-y", "--no-install-recommends"]);
    run(apt.args(missing), &log)
}

/// Whether there is such a program.
pub fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
