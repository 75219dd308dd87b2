//! The Terraform modules as tests look at them: against the schema of the provider they are written for, and made fit for an
//! older one, which is the newest that can be had without its registry.

mod check;
mod older;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use hcl_edit::structure::Body;
use serde_json::Value;

pub use check::check;

/// Every `.tf` below a folder: its path within it, and what it says.
pub fn modules(folder: &Path) -> Result<Vec<(PathBuf, Body)>> {
    let mut found = vec![];
    for path in files(folder)? {
        if path.extension().is_some_and(|extension| extension == "tf") {
            let text = fs::read_to_string(&path)?;
            let body = text.parse::<Body>().with_context(|| format!("{} is no HCL", path.display()))?;
            found.push((path.strip_prefix(folder)?.to_owned(), body));
        }
    }
    Ok(found)
}

/// Writes the modules of `from` to `to` so that the provider of this schema takes them; what was dropped or renamed, each
/// with its place.
pub fn fit(from: &Path, to: &Path, schema: &Value) -> Result<BTreeSet<String>> {
    let mut lost = BTreeSet::new();
    let schemas = schema["provider_schemas"].as_object().context("a provider's schemas")?;
    let known = schemas.values().next().context("a provider")?;
    for path in files(from)? {
        let target = to.join(path.strip_prefix(from)?);
        fs::create_dir_all(target.parent().context("a folder")?)?;
        if path.extension().is_none_or(|extension| extension != "tf") {
            fs::copy(&path, &target)?;
            continue;
        }
        let body: Body = fs::read_to_string(&path)?.parse()?;
        fs::write(&target, older::fit(body, known, &mut lost))?;
    }
    Ok(lost)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut open) = (vec![], vec![folder.to_owned()]);
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next)? {
            let path = entry?.path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}
