//! The Terraform modules as others read them: formatted as Terraform formats, and without what checkov finds. Needs no testbed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

fn modules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform")
}

#[test]
#[ignore = "needs Terraform or OpenTofu"]
fn modules_are_formatted_as_terraform_formats_them() -> Result<()> {
    let wrong = tempfile::tempdir()?;
    fs::write(wrong.path().join("main.tf"), "locals {\n  a = 1\n  long = 2\n}\n")?;
    let names = unformatted(wrong.path())?;
    ensure!(names == ["main.tf"], "what is not formatted is not found: {names:?}");
    let names = unformatted(&modules())?;
    ensure!(names.is_empty(), "`terraform fmt -recursive terraform` would change {names:?}");
    Ok(())
}

/// Names of files that would be written anew.
fn unformatted(folder: &Path) -> Result<Vec<String>> {
    let mut command = Command::new(stories::engine()?);
    command.args(["fmt", "-check", "-recursive", "-list=true"]).current_dir(folder);
    let output = command.env_remove("TF_CLI_CONFIG_FILE").output().context("failed to start the engine")?;
    // 3: something would change.
    ensure!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout)?;
    Ok(told.lines().map(str::trim).filter(|line| line.ends_with(".tf")).map(str::to_owned).collect())
}

#[test]
#[ignore = "needs checkov"]
fn checkov_finds_nothing_that_is_not_explained() -> Result<()> {
    let wrong = tempfile::tempdir()?;
    fs::write(wrong.path().join("main.tf"), "resource \"aws_ebs_volume\" \"a\" {\n  size = 1\n}\n")?;
    let found = checkov(wrong.path())?;
    ensure!(failed(&found).iter().any(|line| line.contains("CKV_AWS_3 ")), "checkov finds nothing: {found}");

    let found = checkov(&modules())?;
    let passed = found["summary"]["passed"].as_u64().unwrap_or_default();
    ensure!(passed > 200, "it looked at little: {}", found["summary"]);
    let failed = failed(&found);
    ensure!(failed.is_empty(), "{failed:#?}");
    for skipped in found["results"]["skipped_checks"].as_array().into_iter().flatten() {
        let why = skipped["check_result"]["suppress_comment"].as_str().unwrap_or_default();
        let said = !why.is_empty() && why != "No comment provided";
        ensure!(said, "{} is passed over without a reason", skipped["resource"]);
    }
    Ok(())
}

fn checkov(folder: &Path) -> Result<Value> {
    let mut command = Command::new(testbed::tool("checkov")?);
    // Asks nobody: neither for modules of others nor for rules of its makers.
    command.args(["--compact", "--skip-download", "--framework", "terraform", "-o", "json", "-d"]);
    let output = command.arg(folder).env("LOG_LEVEL", "ERROR").output().context("failed to start checkov")?;
    serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

fn failed(found: &Value) -> Vec<String> {
    let all = found["results"]["failed_checks"].as_array().into_iter().flatten();
    all.map(|check| {
        format!("{} {} {}", text(&check["check_id"]), text(&check["resource"]), text(&check["check_name"]))
    })
    .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
