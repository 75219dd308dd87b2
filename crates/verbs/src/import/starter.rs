//! `init`: looks at what lies in a directory, and writes the file to begin with.

use std::path::Path;

use environments::import::{Dockerfile, Starter};
use serde::Serialize;

use super::{compose, directory_name, text};
use crate::file::NAME;
use crate::{Error, Result};

/// How deep Dockerfiles are looked for.
const DEEPEST: usize = 3;
/// More than this are no components of one project.
const MOST: usize = 30;

/// What was begun with.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Begun {
    /// The file that was written; none: there is a better beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(flatten)]
    pub starter: Starter,
    /// Files that were looked at.
    pub dockerfiles: Vec<String>,
    /// Commands that make more of what is there.
    pub suggestions: Vec<String>,
}

/// Writes a file to begin with, never over one. Where something lies that can be imported, that is said instead, unless the
/// file is wanted all the same.
pub fn begin(directory: &Path, all_the_same: bool) -> Result<Begun> {
    let file = directory.join(NAME);
    if file.exists() {
        return Err(Error::Begun { file: file.display().to_string() });
    }
    if !directory.is_dir() {
        let source = std::io::Error::new(std::io::ErrorKind::NotFound, "there is no such directory");
        return Err(Error::FileUnreadable { file: directory.display().to_string(), source });
    }
    let suggestions = suggestions(directory);
    let mut found = Vec::new();
    look(directory, "", DEEPEST, &mut found);
    let mut dockerfiles = Vec::new();
    for (place, path) in &found {
        dockerfiles.push(Dockerfile { directory: place.clone(), text: text(path)? });
    }
    let starter = environments::import::starter(&directory_name(directory), &dockerfiles);
    let dockerfiles = found.iter().map(|(_, path)| path.display().to_string()).collect();
    if !suggestions.is_empty() && !all_the_same {
        return Ok(Begun { file: None, starter, dockerfiles, suggestions });
    }
    // Somebody else may begin at the same time.
    let written = std::fs::OpenOptions::new().write(true).create_new(true).open(&file);
    written
        .and_then(|mut file| std::io::Write::write_all(&mut file, starter.text.as_bytes()))
        .map_err(|source| Error::FileUnwritable { file: file.display().to_string(), source })?;
    Ok(Begun { file: Some(file.display().to_string()), starter, dockerfiles, suggestions })
}

fn suggestions(directory: &Path) -> Vec<String> {
    let shown = |name: &str| directory.join(name).display().to_string();
    let mut suggestions = Vec::new();
    if let Some(name) = compose::NAMES.iter().find(|name| directory.join(name).is_file()) {
        suggestions.push(format!("outboard import compose {}", shown(name)));
    }
    if directory.join("Chart.yaml").is_file() {
        suggestions.push(format!(
            "helm template RELEASE {} > rendered.yaml && outboard import manifests rendered.yaml",
            directory.display()
        ));
    }
    for name in ["k8s", "kubernetes", "manifests", "deploy"] {
        let inside = directory.join(name);
        if inside.join("kustomization.yaml").is_file() {
            suggestions.push(format!(
                "kubectl kustomize {} > rendered.yaml && outboard import manifests rendered.yaml",
                shown(name)
            ));
        } else if holds_objects(&inside) {
            suggestions.push(format!("outboard import manifests {}", shown(name)));
        }
    }
    suggestions
}

fn holds_objects(directory: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(directory) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        let yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        yaml && text(&path)
            .is_ok_and(|text| text.contains("\nkind: Deployment") || text.starts_with("kind: Deployment"))
    })
}

/// Dockerfiles in and below a directory, in a stable order.
fn look(directory: &Path, place: &str, depth: usize, found: &mut Vec<(String, std::path::PathBuf)>) {
    let path = directory.join("Dockerfile");
    if path.is_file() && found.len() < MOST {
        found.push((place.to_owned(), path));
    }
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    let mut inside: Vec<_> = entries.flatten().filter(|entry| entry.path().is_dir()).collect();
    inside.sort_by_key(std::fs::DirEntry::file_name);
    for entry in inside {
        let name = entry.file_name().to_string_lossy().into_owned();
        // What others made is not the team's.
        let skipped = name.starts_with('.')
            || matches!(name.as_str(), "node_modules" | "vendor" | "target" | "dist" | "build");
        if depth > 0 && !skipped {
            look(&entry.path(), &format!("{place}/{name}"), depth - 1, found);
        }
    }
}
