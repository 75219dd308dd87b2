//! What a pod of a backup is to do, as a file beside its job says: which bucket and folder, and which service.

use std::path::{Path, PathBuf};

use api::Problem;
use aws::Authority;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::job::{Secret, Store, lookup};
use crate::plan::backup::manifest::About;
use crate::redis::job::Endpoint;
use crate::s3;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Said {
    pub shelf: s3::job::Bucket,
    /// What keys of all objects of the backup begin with.
    pub folder: String,
    pub service: String,
    pub store: Store,
    /// All that the backup is of.
    pub services: Vec<String>,
    pub about: About,
    /// Of MariaDB.
    pub database: Option<String>,
    /// The Redis whose keys are stored.
    pub source: Option<Endpoint>,
    /// The folder that is shared with the server's own image, which runs beside.
    pub exchange: PathBuf,
}

/// An errand with its secrets.
#[derive(Clone, Debug)]
pub struct Errand {
    pub said: Said,
    pub bucket: Place,
    pub password: Option<Secret>,
}

/// A bucket, and who asks it.
#[derive(Clone, Debug)]
pub struct Place {
    pub bucket: s3::job::Bucket,
    pub secret: Option<Secret>,
    pub authority: Option<Authority>,
}

pub fn read(file: &Path) -> Result<Errand> {
    let wrong = |at: &str, error: String| Error::Job(vec![Problem::new(at.to_owned(), error)]);
    let text = std::fs::read_to_string(file)
        .map_err(|error| wrong(&file.display().to_string(), error.to_string()))?;
    let said: Said =
        serde_json::from_str(&text).map_err(|error| wrong(&file.display().to_string(), error.to_string()))?;
    let shelf = &said.shelf;
    let secret = lookup(shelf.secret_key_file.as_deref(), shelf.secret_key_env.as_deref());
    let authority = match shelf.tls.as_ref().and_then(|tls| tls.ca_file.as_ref()) {
        None => None,
        Some(file) => {
            let pem = std::fs::read(file).map_err(|error| wrong("/shelf/tls/caFile", error.to_string()))?;
            Some(Authority::read(&pem).map_err(|problem| wrong("/shelf/tls/caFile", problem.to_string()))?)
        }
    };
    let password = match &said.source {
        None => None,
        Some(end) => lookup(end.password_file.as_deref(), end.password_env.as_deref())
            .map_err(|problem| wrong("/source", problem))?,
    };
    let bucket = Place {
        bucket: shelf.clone(),
        secret: secret.map_err(|problem| wrong("/shelf", problem))?,
        authority,
    };
    Ok(Errand { bucket, password, said })
}
