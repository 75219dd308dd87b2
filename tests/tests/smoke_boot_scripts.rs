//! What nodes of a kubeadm cluster boot from, as shellcheck reads it. Needs no testbed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

#[test]
#[ignore = "needs shellcheck"]
fn shellcheck_finds_nothing_in_what_nodes_boot_from() -> Result<()> {
    let boot = Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform/kubeadm/boot");
    let mut scripts = vec![];
    for entry in fs::read_dir(&boot)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sh") {
            scripts.push(path);
        }
    }
    scripts.sort();
    ensure!(scripts.len() >= 7, "only {scripts:?}");
    // What user data becomes: Terraform fills in what stands in braces.
    let folder = tempfile::tempdir()?;
    let stub = folder.path().join("stub.sh");
    fs::write(&stub, filled(&fs::read_to_string(boot.join("stub.sh.tftpl"))?)?)?;
    // One that is wrong is found: else nothing would be proved.
    let wrong = folder.path().join("wrong.sh");
    fs::write(&wrong, "#!/bin/sh\nrm -rf $1/x\n")?;
    let told = shellcheck(&boot, &[wrong])?;
    ensure!(told.contains("SC2086"), "shellcheck reads nothing: {told}");

    scripts.push(stub);
    let told = shellcheck(&boot, &scripts)?;
    ensure!(told.is_empty(), "{told}");
    Ok(())
}

fn shellcheck(folder: &Path, scripts: &[PathBuf]) -> Result<String> {
    let mut command = Command::new(testbed::tool("shellcheck")?);
    // Files that are sourced lie beside those that source them.
    command.args(["--external-sources", "--source-path=SCRIPTDIR", "--format=gcc"]).args(scripts);
    let output = command.current_dir(folder).output().context("failed to start shellcheck")?;
    ensure!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// A template with a word in each place.
fn filled(template: &str) -> Result<String> {
    let mut text = String::new();
    let mut rest = template;
    while let Some(begin) = rest.find("${") {
        let end = begin + rest[begin..].find('}').context("a place without an end")?;
        text.push_str(&rest[..begin]);
        text.push_str("word");
        rest = &rest[end + 1..];
    }
    text.push_str(rest);
    Ok(text)
}
