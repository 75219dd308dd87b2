//! What the image of a tag says about itself: from its index, or manifest, to its configuration. Bytes are believed by their digest.

use std::sync::Arc;

use oci_client::manifest::{
    IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE, IMAGE_MANIFEST_LIST_MEDIA_TYPE,
    IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Failure;
use super::repository::Repository;
use super::shelf::{Asker, Shelf};
use crate::plan::versions::{ImageConfig, Says};

/// Manifests and configurations are a few dozen kilobytes. What is larger says no more here.
const BOUND: usize = 512 * 1024;
const DIGEST: &str = "docker-content-digest";

/// An index or a manifest: whichever of both it has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(default)]
    manifests: Vec<Entry>,
    config: Option<Config>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default)]
    media_type: String,
    digest: String,
}

#[derive(Deserialize)]
struct Entry {
    digest: String,
    #[serde(default)]
    platform: Platform,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Platform {
    os: String,
    architecture: String,
}

/// The digest that a tag stands for now; none: there is no such tag any more.
pub async fn digest(repository: &Repository<'_>, tag: &str) -> Result<Option<String>, Failure> {
    let path = format!("manifests/{tag}");
    match repository.head(&path, &kinds()).await {
        Ok(headers) => {
            let said = headers.get(DIGEST).and_then(|said| said.to_str().ok()).filter(|said| is_digest(said));
            match said {
                Some(digest) => Ok(Some(digest.to_owned())),
                // Not every registry says it; then it is that of the bytes.
                None => Ok(Some(of(&repository.get(&path, "", &kinds(), BOUND).await?.body))),
            }
        }
        Err(Failure::Missing) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// What the image of that digest says. It is the same for ever, so it is asked for once by each asker: what others were told of a
/// digest need not be what this one may see.
pub async fn says(
    repository: &Repository<'_>,
    digest: &str,
    asker: &Arc<Asker>,
    shelf: &Shelf,
) -> Result<Says, Failure> {
    if let Some(known) = shelf.says(asker, digest) {
        return Ok(known);
    }
    // What is no image, or lacks a part, says nothing.
    let said = match config(repository, digest).await {
        Ok(config) => config.map(|config| Says::of(&config)).unwrap_or_default(),
        Err(Failure::Missing) => return Ok(Says::default()),
        Err(failure) => return Err(failure),
    };
    shelf.keep(asker, digest, &said);
    Ok(said)
}

async fn config(repository: &Repository<'_>, digest: &str) -> Result<Option<ImageConfig>, Failure> {
    let Some(mut manifest) = manifest(repository, digest).await? else { return Ok(None) };
    if manifest.config.is_none() {
        let Some(entry) = chosen(&manifest.manifests) else { return Ok(None) };
        let inner = entry.digest.clone();
        // An index may be long, and is not needed while its image is fetched.
        drop(manifest);
        match self::manifest(repository, &inner).await? {
            Some(inner) => manifest = inner,
            None => return Ok(None),
        }
    }
    let kinds = [IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE];
    let Some(config) = manifest.config.filter(|config| kinds.contains(&config.media_type.as_str())) else {
        return Ok(None);
    };
    fetch(repository, "blobs", &config.digest, "*/*").await
}

/// The image that speaks for all of an index: they were built from one source. What is kept beside images runs nowhere.
fn chosen(entries: &[Entry]) -> Option<&Entry> {
    let runs = |entry: &&Entry| entry.platform.architecture != "unknown";
    let usual = |entry: &&Entry| entry.platform.os == "linux" && entry.platform.architecture == "amd64";
    entries.iter().find(usual).or_else(|| entries.iter().find(runs))
}

async fn manifest(repository: &Repository<'_>, digest: &str) -> Result<Option<Manifest>, Failure> {
    fetch(repository, "manifests", digest, &kinds()).await
}

/// What lies under a digest, if it is what it should be.
async fn fetch<T: serde::de::DeserializeOwned>(
    repository: &Repository<'_>,
    folder: &str,
    digest: &str,
    accept: &str,
) -> Result<Option<T>, Failure> {
    // It is part of an address, too.
    if !is_digest(digest) {
        return Ok(None);
    }
    let body = repository.get(&format!("{folder}/{digest}"), "", accept, BOUND).await?.body;
    if of(&body) != digest {
        return Err(Failure::Unreachable(format!("what it gives for {digest} is something else")));
    }
    Ok(serde_json::from_slice(&body).ok())
}

fn kinds() -> String {
    [
        OCI_IMAGE_INDEX_MEDIA_TYPE,
        IMAGE_MANIFEST_LIST_MEDIA_TYPE,
        OCI_IMAGE_MEDIA_TYPE,
        IMAGE_MANIFEST_MEDIA_TYPE,
    ]
    .join(", ")
}

fn of(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_index_an_image_speaks_and_no_attestation() {
        let entry = |os: &str, architecture: &str| Entry {
            digest: format!("{os}/{architecture}"),
            platform: Platform { os: os.into(), architecture: architecture.into() },
        };
        let of = |entries: &[Entry]| chosen(entries).map(|entry| entry.digest.clone());
        let attested = [entry("unknown", "unknown"), entry("linux", "arm64"), entry("linux", "amd64")];
        assert_eq!(of(&attested).as_deref(), Some("linux/amd64"));
        assert_eq!(of(&attested[..2]).as_deref(), Some("linux/arm64"));
        assert_eq!(of(&attested[..1]), None);
        assert_eq!(of(&[entry("", "")]).as_deref(), Some("/"));
    }

    #[test]
    fn what_is_no_digest_becomes_no_address() {
        assert!(is_digest(&of(b"")));
        for other in ["", "sha256:", "sha256:../../x", &format!("sha256:{}", "A".repeat(64)), "sha512:aa"] {
            assert!(!is_digest(other), "{other}");
        }
    }
}
