//! Imports: finds and reads what a team has, writes `outboard.yaml` and the files that have to lie beside it.
//!
//! What becomes of it is decided in `environments::import`. Writes nothing over what is there, unless that is asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use environments::import::{Found, LARGEST, Surroundings};
pub use environments::import::{Imported, Kind, Note};
use serde::Serialize;

use crate::file::{BrokenFile, FileProblem, NAME};
use crate::{Error, Result};

mod compose;
mod manifests;
mod namespace;
mod starter;

pub use compose::compose;
pub use manifests::manifests;
pub use namespace::namespace;
pub use starter::{Begun, begin};

/// A file for a component is at most so large.
const LARGEST_FILE: u64 = 512 * 1024;

/// Where the result goes.
#[derive(Clone, Debug)]
pub enum Destination {
    Stdout,
    File { path: PathBuf, force: bool },
}

/// What was written.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    /// Where the project stands now; none: it is in `text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What was written beside it.
    pub files: Vec<String>,
    #[serde(flatten)]
    pub imported: Imported,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A directory, as the importer looks at it.
struct Directory(PathBuf);

impl Surroundings for Directory {
    fn look(&self, path: &str) -> Found {
        let path = self.0.join(path);
        let unreadable = |why: &str| Found::Unreadable(why.to_owned());
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Found::Nothing,
            Err(error) => unreadable(&error.to_string()),
            Ok(found) if found.is_dir() => match std::fs::read_dir(&path) {
                Ok(entries) => {
                    let names =
                        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
                    let mut names: Vec<String> = names.take(1000).collect();
                    names.sort();
                    Found::Directory(names)
                }
                Err(error) => unreadable(&error.to_string()),
            },
            Ok(found) if !found.is_file() => unreadable("it is no file"),
            Ok(found) if found.len() > LARGEST_FILE => unreadable("it is larger than 512 KiB"),
            Ok(_) => match std::fs::read_to_string(&path) {
                Ok(text) => Found::Text(text),
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    unreadable("it is no text (UTF-8)")
                }
                Err(error) => unreadable(&error.to_string()),
            },
        }
    }
}

/// The text of a file that is read as a whole.
fn text(path: &Path) -> Result<String> {
    let unreadable = |source| Error::FileUnreadable { file: path.display().to_string(), source };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > LARGEST as u64 {
        return Err(unreadable(std::io::Error::other("it is larger than 4 MiB")));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

fn broken(file: &str, text: &str, problems: Vec<FileProblem>) -> Error {
    let included = BTreeMap::new();
    Error::File(Box::new(BrokenFile { file: file.to_owned(), text: text.to_owned(), included, problems }))
}

/// Writes everything, or nothing: what is there is told before the first file is written.
fn write(imported: Imported, read_in: &Path, destination: &Destination) -> Result<Written> {
    let Destination::File { path, force } = destination else {
        let (files, text) = (imported.files.keys().cloned().collect(), Some(imported.text.clone()));
        return Ok(Written { file: None, files, imported, text });
    };
    let path = if path.is_dir() { path.join(NAME) } else { path.clone() };
    let directory = path.parent().unwrap_or(Path::new("")).to_owned();
    let mut files: Vec<(PathBuf, String)> = vec![(path.clone(), imported.text.clone())];
    files.extend(imported.files.iter().map(|(name, text)| (directory.join(trimmed(name)), text.clone())));
    if !same_directory(read_in, &directory) {
        // What lies beside the file that was read is not beside this one.
        for name in imported.sources.iter().filter(|name| !imported.files.contains_key(*name)) {
            if let Found::Text(text) = Directory(read_in.to_owned()).look(name) {
                files.push((directory.join(trimmed(name)), text));
            }
        }
    }
    let there = files
        .iter()
        .filter(|(path, text)| std::fs::read_to_string(path).map_or(path.exists(), |old| old != *text));
    let there: Vec<String> = there.map(|(path, _)| path.display().to_string()).collect();
    if !there.is_empty() && !force {
        return Err(Error::FileExists { files: there });
    }
    for (path, text) in &files {
        let unwritable = |source| Error::FileUnwritable { file: path.display().to_string(), source };
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            std::fs::create_dir_all(directory).map_err(unwritable)?;
        }
        std::fs::write(path, text).map_err(unwritable)?;
    }
    let label = path.display().to_string();
    if !imported.problems.is_empty() {
        return Err(broken(&label, &imported.text, imported.problems));
    }
    let files = files[1..].iter().map(|(path, _)| path.display().to_string()).collect();
    Ok(Written { file: Some(label), files, imported, text: None })
}

fn trimmed(name: &str) -> &str {
    name.strip_prefix("./").unwrap_or(name)
}

fn same_directory(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        std::fs::canonicalize(path).ok()
    };
    whole(one).is_some_and(|one| Some(one) == whole(other))
}

/// The name of a directory, for a project that has none.
fn directory_name(directory: &Path) -> String {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let whole = std::fs::canonicalize(directory).unwrap_or_default();
    whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
