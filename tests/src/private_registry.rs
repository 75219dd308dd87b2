//! A registry that wants a password, on this machine for the time of a story: the testbed's program with accounts.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{World, until};

/// The name by which projects know it.
pub const PRIVATE: &str = "private.testbed";
/// `ci:s3cret`, as a registry keeps it and as a request carries it.
const ACCOUNT: &str = "ci:$2b$04$EafFaDeQckfOT1LxtHu9h.T8CRdHaCA/Cq20TKESdpp3n4bJDCN/K";
const LOGIN: &str = "Basic Y2k6czNjcmV0";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const START: Duration = Duration::from_secs(20);

pub struct PrivateRegistry {
    child: Child,
    address: String,
}

impl PrivateRegistry {
    pub async fn begin(world: &World) -> Result<Self> {
        let data = json!({"filesystem": {"rootdirectory": world.directory().join("registry/data")}});
        Self::begin_with(world, &data).await
    }

    /// The same with every image of the testbed's registry, for nodes as well.
    pub async fn begin_with_images(world: &World) -> Result<Self> {
        let data = json!({
            "filesystem": {"rootdirectory": testbed::registry_folder()?},
            "maintenance": {"readonly": {"enabled": true}},
        });
        let registry = Self::begin_with(world, &data).await?;
        testbed::lead_registry(PRIVATE, &format!("http://{}", registry.address))?;
        Ok(registry)
    }

    async fn begin_with(world: &World, storage: &Value) -> Result<Self> {
        // A port that was free a moment ago.
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let folder = world.directory().join("registry");
        fs::create_dir_all(&folder)?;
        let (accounts, settings) = (folder.join("accounts"), folder.join("registry.yaml"));
        fs::write(&accounts, format!("{ACCOUNT}\n"))?;
        let text = json!({
            "version": 0.1,
            "log": {"level": "warn", "accesslog": {"disabled": true}},
            "storage": storage,
            "http": {"addr": address},
            "auth": {"htpasswd": {"realm": PRIVATE, "path": accounts}},
        });
        fs::write(&settings, text.to_string())?;
        let log = fs::File::create(folder.join("log"))?;
        let child = Command::new(testbed::binary("registry")?)
            .arg("serve")
            .arg(&settings)
            // Otherwise it tries to send traces to a collector that is not there.
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("failed to start the registry")?;
        let registry = Self { child, address };
        until("a registry that wants a password", START, async || {
            let request = Request::get(registry.url("")).body(Full::default())?;
            Ok((ask(request).await?.0 == StatusCode::UNAUTHORIZED).then_some(()))
        })
        .await?;
        Ok(registry)
    }

    /// Flags of an operator that reaches it.
    pub fn flag(&self) -> String {
        format!("{PRIVATE}=http://{}", self.address)
    }

    /// Pushes an image that has nothing in it: whoever only asks for its digest does not mind.
    pub async fn push(&self, repository: &str, tag: &str) -> Result<String> {
        let empty = format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[]}}"#);
        self.manifest(repository, tag, INDEX, empty).await
    }

    /// Pushes an image that has a configuration and no layers; answers with its digest.
    pub async fn push_image(&self, repository: &str, tag: &str, config: &Value) -> Result<String> {
        let bytes = config.to_string();
        let digest = format!("sha256:{}", hex(&Sha256::digest(&bytes)));
        let begin =
            Request::post(self.url(&format!("{repository}/blobs/uploads/"))).header("Authorization", LOGIN);
        let begun = send(begin.body(Full::default())?).await?;
        let place = begun.headers().get("location").context("an upload without a place")?.to_str()?;
        let joined = if place.contains('?') { '&' } else { '?' };
        let put = Request::put(format!("{place}{joined}digest={digest}")).header("Authorization", LOGIN);
        let put = put.header("Content-Type", "application/octet-stream");
        let stored = send(put.body(Full::from(bytes.clone()))?).await?.status();
        ensure!(stored.is_success(), "a configuration is answered with {stored}");
        let config = json!({"mediaType": CONFIG, "digest": digest, "size": bytes.len()});
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []});
        self.manifest(repository, tag, MANIFEST, manifest.to_string()).await
    }

    /// Gives what `from` stands for so many tags more.
    pub async fn tag(
        &self,
        repository: &str,
        from: &str,
        many: usize,
        name: impl Fn(usize) -> String,
    ) -> Result<()> {
        let request = Request::get(self.url(&format!("{repository}/manifests/{from}")));
        let request = request.header("Authorization", LOGIN).header("Accept", INDEX);
        let bytes = send(request.body(Full::default())?).await?.into_body().collect().await?.to_bytes();
        let text = String::from_utf8(bytes.to_vec())?;
        for number in 1..=many {
            self.manifest(repository, &name(number), INDEX, text.clone()).await?;
        }
        Ok(())
    }

    async fn manifest(&self, repository: &str, tag: &str, kind: &str, text: String) -> Result<String> {
        let request = Request::put(self.url(&format!("{repository}/manifests/{tag}")));
        let request = request.header("Authorization", LOGIN).header("Content-Type", kind);
        let (status, digest) = ask(request.body(Full::from(text))?).await?;
        ensure!(status.is_success(), "pushing {repository}:{tag} is answered with {status}");
        digest.context("a pushed manifest without digest")
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/v2/{path}", self.address)
    }
}

impl Drop for PrivateRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status, and the digest of what was asked about.
async fn ask(request: Request<Full<Bytes>>) -> Result<(StatusCode, Option<String>)> {
    let response = send(request).await?;
    let digest = response.headers().get("docker-content-digest").and_then(|value| value.to_str().ok());
    Ok((response.status(), digest.map(str::to_owned)))
}

async fn send(request: Request<Full<Bytes>>) -> Result<Response<Incoming>> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    Ok(client.request(request).await?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
