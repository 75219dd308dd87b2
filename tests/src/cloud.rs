//! AWS as far as a story needs it: moto's server on this machine for the time of the story, and what people do there.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::{World, until};

const REGION: &str = "eu-west-1";
const START: Duration = Duration::from_secs(60);
/// It ends by itself, should nobody end it.
const LONGEST: &str = "1200";

pub struct Cloud {
    child: Child,
    address: String,
}

impl Cloud {
    /// Where pods reach it, too.
    pub async fn begin(world: &World) -> Result<Self> {
        // A port that was free a moment ago.
        let port = std::net::TcpListener::bind((testbed::HOST, 0))?.local_addr()?.port();
        let log = fs::File::create(world.directory().join("moto.log"))?;
        let child = Command::new("timeout")
            .arg(LONGEST)
            .arg(testbed::tool("moto")?)
            .args(["--host", testbed::HOST, "--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("failed to start moto")?;
        let cloud = Self { child, address: format!("{}:{port}", testbed::HOST) };
        until("moto answering", START, async || {
            cloud.ask("secretsmanager", "secretsmanager.ListSecrets", &json!({})).await.map(Some)
        })
        .await?;
        Ok(cloud)
    }

    /// Flags of an installation that takes it for AWS. Who it is says the Secret `name`.
    pub fn flags(&self, secret: &str) -> Vec<String> {
        vec![
            format!("--env=AWS_ENDPOINT_URL=http://{}", self.address),
            format!("--env=AWS_REGION={REGION}"),
            format!("--env-from={secret}"),
        ]
    }

    pub async fn secrets_manager(&self, operation: &str, body: &Value) -> Result<Value> {
        self.ask("secretsmanager", &format!("secretsmanager.{operation}"), body).await
    }

    pub async fn parameter_store(&self, operation: &str, body: &Value) -> Result<Value> {
        self.ask("ssm", &format!("AmazonSSM.{operation}"), body).await
    }

    /// Where it is, for whoever is told.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub async fn make_bucket(&self, bucket: &str) -> Result<()> {
        let body = format!(
            "<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
        );
        self.put(&format!("/{bucket}"), body.into()).await
    }

    pub async fn put_object(&self, bucket: &str, key: &str, content: Vec<u8>) -> Result<()> {
        self.put(&format!("/{bucket}/{key}"), content).await
    }

    async fn put(&self, path: &str, body: Vec<u8>) -> Result<()> {
        let request = Request::put(format!("http://{}{path}", self.address))
            .header("Authorization", signed("s3"))
            .body(Full::<Bytes>::from(body))?;
        let response = Client::builder(TokioExecutor::new()).build_http().request(request).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        ensure!(
            status.is_success(),
            "PUT {path} is answered with {status}: {}",
            String::from_utf8_lossy(&answer)
        );
        Ok(())
    }

    /// Nobody checks the signature; by its scope moto knows the service.
    async fn ask(&self, service: &str, target: &str, body: &Value) -> Result<Value> {
        let request = Request::post(format!("http://{}/", self.address))
            .header("Content-Type", "application/x-amz-json-1.1")
            .header("X-Amz-Target", target)
            .header("Authorization", signed(service))
            .body(Full::<Bytes>::from(body.to_string()))?;
        let client = Client::builder(TokioExecutor::new()).build_http();
        let response = client.request(request).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        ensure!(
            status.is_success(),
            "{target} is answered with {status}: {}",
            String::from_utf8_lossy(&answer)
        );
        Ok(serde_json::from_slice(&answer).unwrap_or_default())
    }
}

fn signed(service: &str) -> String {
    let scope = format!("key/20260101/{REGION}/{service}/aws4_request");
    format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none")
}

impl Drop for Cloud {
    fn drop(&mut self) {
        // `timeout` hands it on; killed, it would leave moto behind.
        if let Ok(id) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        let _ = self.child.wait();
    }
}
