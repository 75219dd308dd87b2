//! Keeps the cold build short: programs and tests share every dependency they have in common.
//!
//! Reads manifests only; needs no cluster.
#![expect(clippy::unwrap_used, reason = "a test file: a panic is how its functions fail")]

use std::collections::BTreeSet;
use std::process::Command;

/// Packages with their features, as cargo would build them for the whole workspace.
fn resolved(edges: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--prefix=none", "--format={p} {f}", "--locked", "--offline"])
        .args(["--edges", edges])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| line.trim_end_matches(" (*)").to_owned())
        .collect()
}

#[test]
fn tests_ask_no_other_features_of_what_programs_use() {
    let programs = resolved("normal,build");
    let tests = resolved("normal,build,dev");
    let twice: Vec<&String> = programs.difference(&tests).collect();
    assert!(
        twice.is_empty(),
        "built twice, with and without what a dev-dependency asks of it: {twice:#?}\n\
         Let tests/Cargo.toml ask for the same among its ordinary dependencies."
    );
}
