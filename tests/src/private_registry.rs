//! A registry that wants a password, on this machine for the time of a story: the testbed's program with accounts.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::{World, until};

/// The name by which projects know it.
pub const PRIVATE: &str = "private.testbed";
/// `ci:s3cret`, as a registry keeps it and as a request carries it.
const ACCOUNT: &str = "ci:$2b$04$EafFaDeQckfOT1LxtHu9h.T8CRdHaCA/Cq20TKESdpp3n4bJDCN/K";
const LOGIN: &str = "Basic Y2k6czNjcmV0";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
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
        let request = Request::put(self.url(&format!("{repository}/manifests/{tag}")));
        let request = request.header("Authorization", LOGIN).header("Content-Type", INDEX);
        let (status, digest) = ask(request.body(Full::from(empty))?).await?;
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
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let response = client.request(request).await?;
    let digest = response.headers().get("docker-content-digest").and_then(|value| value.to_str().ok());
    Ok((response.status(), digest.map(str::to_owned)))
}
