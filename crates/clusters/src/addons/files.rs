//! Files of other projects: fetched by URL, or taken from a folder, and used only if they are what they have to be.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::folder::home;
use crate::plan::addons::versions::Pinned;
use crate::{Error, Result};

const LONGEST: Duration = Duration::from_secs(60);

/// What it holds. Once fetched it is kept on this machine, and checked again each time.
pub async fn read(pinned: &Pinned, from: Option<&Path>) -> Result<String> {
    if let Some(folder) = from {
        let path = folder.join(pinned.name());
        let content = fs::read(&path).map_err(|error| Error::Unreadable {
            what: path.display().to_string(),
            why: format!("{error}; it is {}", pinned.url),
        })?;
        return checked(pinned, &path.display().to_string(), content);
    }
    let kept = kept(pinned);
    if let Ok(content) = fs::read(&kept)
        && let Ok(text) = checked(pinned, &kept.display().to_string(), content)
    {
        return Ok(text);
    }
    let text = checked(pinned, &pinned.url, fetched(&pinned.url).await?)?;
    keep(&kept, &text).map_err(|source| Error::Folder { path: kept, source })?;
    Ok(text)
}

fn kept(pinned: &Pinned) -> PathBuf {
    home().with_file_name("files").join(&pinned.sha256)
}

/// Whole or not at all.
fn keep(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = path.with_extension(format!("{}.new", std::process::id()));
    fs::write(&new, text)?;
    fs::rename(new, path)
}

async fn fetched(url: &str) -> Result<Vec<u8>> {
    let failed = |error: reqwest::Error| Error::NotFetched {
        url: url.to_owned(),
        why: error.without_url().to_string(),
    };
    // reqwest takes the one of the process; that somebody has installed one already is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(LONGEST).build().map_err(failed)?;
    let answer =
        client.get(url).send().await.and_then(reqwest::Response::error_for_status).map_err(failed)?;
    Ok(answer.bytes().await.map_err(failed)?.to_vec())
}

fn checked(pinned: &Pinned, place: &str, content: Vec<u8>) -> Result<String> {
    let found: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
    if found != pinned.sha256 {
        return Err(Error::OtherFile { place: place.to_owned(), wanted: pinned.sha256.clone(), found });
    }
    String::from_utf8(content)
        .map_err(|error| Error::Unreadable { what: place.to_owned(), why: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_from_a_folder_is_used_only_if_it_is_the_one() {
        let folder = tempfile::tempdir().unwrap();
        let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824".to_owned();
        let pinned = Pinned { url: "https://example.org/v1/crds.yaml".into(), sha256 };
        let read = async || read(&pinned, Some(folder.path())).await;
        assert!(matches!(read().await, Err(Error::Unreadable { .. })), "there is none");
        fs::write(folder.path().join("crds.yaml"), "hello").unwrap();
        assert_eq!(read().await.unwrap(), "hello");
        fs::write(folder.path().join("crds.yaml"), "hello!").unwrap();
        assert!(matches!(read().await, Err(Error::OtherFile { .. })));
    }
}
