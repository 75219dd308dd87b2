//! Writes what was exported to disk. Nothing over what is there, unless that is asked for.

use std::path::{Path, PathBuf};

use crate::environment::{Exported, Form};
use crate::{Error, Result};

/// One file at `path`, or several in the directory of that name; what was written.
pub fn write(exported: &Exported, path: &Path, force: bool) -> Result<Vec<String>> {
    let directory = exported.form == Form::Kustomize || path.is_dir();
    let files: Vec<(PathBuf, &String)> = exported
        .files
        .iter()
        .map(|(name, text)| (if directory { path.join(name) } else { path.to_owned() }, text))
        .collect();
    let there: Vec<String> =
        files.iter().filter(|(path, _)| path.exists()).map(|(path, _)| path.display().to_string()).collect();
    if !there.is_empty() && !force {
        return Err(Error::FileExists { files: there });
    }
    for (path, text) in &files {
        let unwritable = |source| Error::FileUnwritable { file: path.display().to_string(), source };
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            std::fs::create_dir_all(directory).map_err(unwritable)?;
        }
        write_one(path, text, exported.with_secrets).map_err(unwritable)?;
    }
    Ok(files.iter().map(|(path, _)| path.display().to_string()).collect())
}

/// What holds secret values is for its owner's eyes alone.
fn write_one(path: &Path, text: &str, secret: bool) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let mode = if secret { 0o600 } else { 0o644 };
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
    if secret {
        // Of a file that was there, too.
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    file.write_all(text.as_bytes())
}
