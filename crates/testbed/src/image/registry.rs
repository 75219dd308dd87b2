//! Pushes images to a registry over plain HTTP: only what it does not have yet.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use anyhow::{Context, bail};
use ureq::http::Response;
use ureq::{Agent, Body};

use super::build::MANIFEST_TYPE;
use super::store::{ImageRecord, Store};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The tag already pointed at this very image.
    Already,
    Now {
        blobs: usize,
        bytes: u64,
    },
}

#[derive(Debug)]
pub struct Registry {
    base: String,
    agent: Agent,
}

impl Registry {
    /// The address to dial, `127.0.0.1:5000`.
    pub fn at(address: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // It is on this machine: a proxy from the environment would not find it.
            .proxy(None)
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_recv_response(Some(Duration::from_mins(1)))
            .build();
        Self { base: format!("http://{address}"), agent: Agent::new_with_config(config) }
    }

    pub fn push(&self, store: &Store, image: &ImageRecord) -> anyhow::Result<Pushed> {
        self.push_parts(store, image)
            .with_context(|| format!("failed to push {} to {}", image.name(), self.base))
    }

    /// The digest a tag points at, if there is such a tag.
    pub fn digest(&self, repository: &str, tag: &str) -> anyhow::Result<Option<String>> {
        let url = self.url(repository, &format!("manifests/{tag}"));
        let answer = self.agent.head(url).header("accept", MANIFEST_TYPE).call()?;
        if answer.status() != 200 {
            return Ok(None);
        }
        Ok(header(&answer, "docker-content-digest").map(str::to_owned))
    }

    fn push_parts(&self, store: &Store, image: &ImageRecord) -> anyhow::Result<Pushed> {
        if self.digest(&image.repository, &image.tag)?.as_ref() == Some(&image.digest) {
            return Ok(Pushed::Already);
        }
        let (mut blobs, mut bytes) = (0, 0);
        let layers = image.layers.iter().map(|layer| (&layer.digest, layer.size));
        for (digest, size) in layers.chain([(&image.config, image.config_size)]) {
            if self.push_blob(store, &image.repository, digest)? {
                blobs += 1;
                bytes += size;
            }
        }
        let manifest = std::fs::read(store.blob(&image.digest))?;
        let url = self.url(&image.repository, &format!("manifests/{}", image.tag));
        let answer = self.agent.put(url).header("content-type", MANIFEST_TYPE).send(&manifest[..])?;
        expect(answer, 201, "the manifest")?;
        Ok(Pushed::Now { blobs, bytes })
    }

    fn push_blob(&self, store: &Store, repository: &str, digest: &str) -> anyhow::Result<bool> {
        if self.agent.head(self.url(repository, &format!("blobs/{digest}"))).call()?.status() == 200 {
            return Ok(false);
        }
        let answer = self.agent.post(self.url(repository, "blobs/uploads/")).send_empty()?;
        let answer = expect(answer, 202, "an upload")?;
        let place = header(&answer, "location").context("the registry names no place for the upload")?;
        let file = File::open(store.blob(digest))?;
        let answer = self
            .agent
            .put(self.upload_url(place, digest))
            .header("content-type", "application/octet-stream")
            .send(file)?;
        expect(answer, 201, digest)?;
        Ok(true)
    }

    fn url(&self, repository: &str, rest: &str) -> String {
        format!("{}/v2/{repository}/{rest}", self.base)
    }

    /// The place the registry names may carry the name it knows itself by, which is not what we dial.
    fn upload_url(&self, place: &str, digest: &str) -> String {
        let path = match place.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
            None => place,
        };
        let mark = if path.contains('?') { '&' } else { '?' };
        format!("{}{path}{mark}digest={digest}", self.base)
    }
}

fn header<'a>(answer: &'a Response<Body>, name: &str) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

fn expect(mut answer: Response<Body>, status: u16, what: &str) -> anyhow::Result<Response<Body>> {
    if answer.status() == status {
        return Ok(answer);
    }
    let mut said = String::new();
    let _ = answer.body_mut().as_reader().take(500).read_to_string(&mut said);
    bail!("the registry answered {} to {what}: {}", answer.status(), said.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_go_to_the_address_dialled_whatever_the_registry_calls_itself() {
        let registry = Registry::at("127.0.0.1:5000");
        for place in
            ["http://registry.testbed:5000/v2/a/blobs/uploads/1?_state=x", "/v2/a/blobs/uploads/1?_state=x"]
        {
            assert_eq!(
                registry.upload_url(place, "sha256:1"),
                "http://127.0.0.1:5000/v2/a/blobs/uploads/1?_state=x&digest=sha256:1"
            );
        }
        assert!(registry.upload_url("/v2/a/blobs/uploads/1", "sha256:1").ends_with("/1?digest=sha256:1"));
    }

    #[test]
    fn no_registry_is_an_error_that_names_image_and_address() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let image = ImageRecord {
            repository: "a".to_owned(),
            tag: "1".to_owned(),
            digest: String::new(),
            manifest_size: 0,
            config: String::new(),
            config_size: 0,
            layers: Vec::new(),
        };
        let error = Registry::at("127.0.0.1:1").push(&store, &image).unwrap_err();
        assert_eq!(error.to_string(), "failed to push a:1 to http://127.0.0.1:1");
    }
}
