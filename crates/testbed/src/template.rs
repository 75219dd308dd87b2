//! Filling `${NAME}` in the files under `manifests/`, and writing them. A name without a value is a mistake, not an empty string.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

pub fn fill(text: &str, values: &[(&str, &str)]) -> anyhow::Result<String> {
    let mut filled = text.to_owned();
    for (name, value) in values {
        filled = filled.replace(&format!("${{{name}}}"), value);
    }
    if let Some((_, rest)) = filled.split_once("${") {
        bail!("nothing was given for ${{{}", rest.split_inclusive('}').next().unwrap_or_default());
    }
    Ok(filled)
}

/// Stands for texts: other ones have another.
pub fn mark(texts: &[&str]) -> String {
    let hash = Sha256::digest(texts.join("---\n"));
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a file unless it says this already: some daemons end when their configuration is touched.
pub fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if fs::read_to_string(path).is_ok_and(|now| now == text) {
        return Ok(());
    }
    fs::create_dir_all(path.parent().context("a file has a folder")?)?;
    fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_a_name_is_filled() {
        assert_eq!(fill("${A}-${B}-${A}", &[("A", "1"), ("B", "2")]).unwrap(), "1-2-1");
    }

    #[test]
    fn a_name_without_a_value_is_an_error_and_shell_variables_are_left_alone() {
        assert_eq!(fill("${A}", &[]).unwrap_err().to_string(), "nothing was given for ${A}");
        assert_eq!(fill("$(A) $B", &[]).unwrap(), "$(A) $B");
    }
}
