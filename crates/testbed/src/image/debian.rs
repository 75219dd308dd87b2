//! Debian packages as the base layer of an image: fetched and unpacked by `mmdebstrap`, trimmed by `rootfs`.

use std::fs::File;
use std::io;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::rootfs::{self, ALWAYS_WITHOUT, Rules};
use super::store::{Layer, Store};
use super::tree::hex;

const SUITE: &str = "bookworm";

/// Raised when the code that trims changes, so that layers made by the older are not taken for its own.
const TRIMMING: u32 = 1;

#[derive(Clone, Debug)]
pub(super) struct Debian {
    suite: &'static str,
    packages: Vec<String>,
    rules: Rules,
}

impl Debian {
    pub fn of(packages: &[&str]) -> Self {
        let mut packages: Vec<String> = packages.iter().map(|&name| name.to_owned()).collect();
        packages.sort();
        packages.dedup();
        Self { suite: SUITE, packages, rules: Rules::default() }
    }

    pub fn suite(mut self, suite: &'static str) -> Self {
        self.suite = suite;
        self
    }

    pub fn programs(mut self, names: &[&str]) -> Self {
        self.rules.programs = Some(names.iter().map(|&name| name.to_owned()).collect());
        self
    }

    pub fn without(mut self, patterns: &[&str]) -> Self {
        self.rules.without.extend(patterns.iter().map(|&pattern| pattern.to_owned()));
        self
    }

    /// Names the layer by what was asked for; what Debian publishes meanwhile is taken when the cache is cleared.
    pub fn key(&self) -> String {
        let (suite, arch, packages, rules) =
            (self.suite, std::env::consts::ARCH, &self.packages, &self.rules);
        let text = format!("debian {TRIMMING} {suite} {arch} {ALWAYS_WITHOUT:?} {packages:?} {rules:?}");
        hex(&Sha256::digest(text))
    }

    pub fn layer(&self, store: &Store) -> anyhow::Result<Layer> {
        let log = store.temporary("mmdebstrap.log")?;
        let mut child = Command::new("mmdebstrap")
            .args(["--variant=extract", "--components=main"])
            // What is not released yet is signed for a week, and a mirror may lag behind by more.
            .args((self.suite != SUITE).then_some("--aptopt=Acquire::Check-Valid-Until \"false\""))
            .arg(format!("--include={}", self.packages.join(",")))
            .args([self.suite, "-"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()
            .context("failed to start mmdebstrap; install the Debian package of that name")?;
        let mut output = child.stdout.take().context("mmdebstrap has no output")?;
        let tree = rootfs::trim(&mut output, &self.rules);
        // The padding after the last entry: unread, it would kill the writer.
        io::copy(&mut output, &mut io::sink())?;
        let status = child.wait().context("failed to wait for mmdebstrap")?;
        if !status.success() {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            let last: Vec<&str> = said.lines().rev().take(8).collect();
            bail!(
                "mmdebstrap ended with {status}:\n{}",
                last.into_iter().rev().collect::<Vec<_>>().join("\n")
            );
        }
        std::fs::remove_file(&log)?;
        let tree =
            tree.with_context(|| format!("failed to read the packages {}", self.packages.join(", ")))?;
        store.put_layer(&self.key(), &tree)
    }
}
