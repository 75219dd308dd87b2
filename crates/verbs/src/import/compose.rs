//! `import compose`.

use std::path::{Path, PathBuf};

use super::{Destination, Directory, Written, broken, directory_name, text, write};
use crate::file::NAME;
use crate::{Error, Result};

/// The names that Docker Compose looks for, in its order.
pub(super) const NAMES: [&str; 4] =
    ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

/// Reads a Compose file, or the one in a directory, and writes a project from it; unless told otherwise, beside it.
pub fn compose(path: &Path, destination: Option<Destination>, force: bool) -> Result<Written> {
    let file = if path.is_dir() { found(path)? } else { path.to_owned() };
    let directory = file.parent().unwrap_or(Path::new("")).to_owned();
    let text = text(&file)?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let around = Directory(directory.clone());
    let imported = environments::import::compose(&text, &name, &directory_name(&directory), &around)
        .map_err(|problems| broken(&file.display().to_string(), &text, problems))?;
    let beside = Destination::File { path: directory.join(NAME), force };
    write(imported, &directory, &destination.unwrap_or(beside))
}

fn found(directory: &Path) -> Result<PathBuf> {
    let candidates = NAMES.map(|name| directory.join(name));
    candidates.into_iter().find(|path| path.is_file()).ok_or_else(|| Error::NothingToRead {
        what: "Compose file",
        directory: directory.display().to_string(),
        names: NAMES.to_vec(),
    })
}
