//! `import manifests`.

use std::path::{Path, PathBuf};

use environments::import::Source;

use super::{Destination, Written, broken, directory_name, text, write};
use crate::file::NAME;
use crate::{Error, Result};

/// How deep directories are looked into.
const DEEPEST: usize = 8;

/// Reads objects from files and directories, and writes a project from them; unless told otherwise, here.
pub fn manifests(paths: &[PathBuf], destination: Option<Destination>, force: bool) -> Result<Written> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            below(path, DEEPEST, &mut files)?;
        } else {
            files.push(path.clone());
        }
    }
    if files.is_empty() {
        let directory = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        return Err(Error::NothingToRead {
            what: "manifest",
            directory,
            names: vec!["*.yaml", "*.yml", "*.json"],
        });
    }
    let sources: Vec<Source> = files
        .iter()
        .map(|path| Ok(Source { name: path.display().to_string(), text: text(path)? }))
        .collect::<Result<_>>()?;
    let here = Path::new("");
    let of = paths.first().filter(|path| path.is_dir()).map_or(here, PathBuf::as_path);
    let imported = environments::import::manifests(&sources, &directory_name(of))
        .map_err(|(index, problems)| broken(&sources[index].name, &sources[index].text, problems))?;
    let beside = Destination::File { path: PathBuf::from(NAME), force };
    write(imported, here, &destination.unwrap_or(beside))
}

fn below(directory: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    let unreadable = |source| Error::FileUnreadable { file: directory.display().to_string(), source };
    let entries = std::fs::read_dir(directory).map_err(unreadable)?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let wanted = path.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json");
        if path.is_dir() && !hidden && depth > 0 {
            below(&path, depth - 1, files)?;
        } else if wanted && path.is_file() && path.file_name().is_none_or(|name| name != NAME) {
            files.push(path);
        }
    }
    Ok(())
}
