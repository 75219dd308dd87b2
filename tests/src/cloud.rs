//! AWS as far as a story needs it: moto's server on this machine for the time of the story, and what people do there.

use std::fs;
use std::path::Path;
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
        Self::listening(testbed::HOST, world.directory()).await
    }

    /// Where only this machine reaches it; needs no testbed.
    pub async fn alone(directory: &Path) -> Result<Self> {
        Self::listening("127.0.0.1", directory).await
    }

    /// The same, as a Terraform provider takes it for AWS.
    pub async fn for_terraform(directory: &Path) -> Result<Self> {
        let packages = testbed::tool("moto")?.with_file_name("packages");
        let script = directory.join("moto_fixed.py");
        fs::write(&script, include_str!("cloud/moto_fixed.py"))?;
        let mut python = Command::new("timeout");
        python.arg(LONGEST).arg("python3").arg(script).env("PYTHONPATH", packages);
        // Policies that AWS brings along, which roles of EKS are given.
        python.env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true");
        Self::started("127.0.0.1", directory, python).await
    }

    async fn listening(host: &str, directory: &Path) -> Result<Self> {
        let mut moto = Command::new("timeout");
        moto.arg(LONGEST).arg(testbed::tool("moto")?);
        Self::started(host, directory, moto).await
    }

    async fn started(host: &str, directory: &Path, mut moto: Command) -> Result<Self> {
        // A port that was free a moment ago.
        let port = std::net::TcpListener::bind((host, 0))?.local_addr()?.port();
        let log = fs::File::create(directory.join("moto.log"))?;
        let child = moto
            .args(["--host", host, "--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("failed to start moto")?;
        let cloud = Self { child, address: format!("{host}:{port}") };
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

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Makes a delivery stream that writes into a bucket of the same name.
    pub async fn stream(&self, name: &str) -> Result<()> {
        self.make_bucket(name).await?;
        let destination = json!({
            "RoleARN": "arn:aws:iam::123456789012:role/firehose",
            "BucketARN": format!("arn:aws:s3:::{name}"),
        });
        let body = json!({"DeliveryStreamName": name, "S3DestinationConfiguration": destination});
        self.ask("firehose", "Firehose_20150804.CreateDeliveryStream", &body).await?;
        Ok(())
    }

    /// The names of all objects of a bucket, in their order.
    pub async fn objects(&self, bucket: &str) -> Result<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        loop {
            let after = names.last().map_or("", String::as_str);
            let url = format!("http://{}/{bucket}?list-type=2&start-after={after}", self.address);
            let page = String::from_utf8(self.bucket(Request::get(url), Vec::new()).await?.to_vec())?;
            let found = page.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
            names.extend(found.map(|(name, _)| name.to_owned()));
            if !page.contains("<IsTruncated>true</IsTruncated>") {
                return Ok(names);
            }
        }
    }

    pub async fn object(&self, bucket: &str, name: &str) -> Result<Bytes> {
        self.bucket(Request::get(format!("http://{}/{bucket}/{name}", self.address)), Vec::new()).await
    }

    async fn bucket(&self, request: hyper::http::request::Builder, body: Vec<u8>) -> Result<Bytes> {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let request = request.header("Authorization", signature("s3")).body(Full::<Bytes>::from(body))?;
        let what = request.uri().to_string();
        let response = client.request(request).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        ensure!(
            status.is_success(),
            "{what} is answered with {status}: {}",
            String::from_utf8_lossy(&answer)
        );
        Ok(answer)
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
        let place = format!(
            "<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
        );
        self.put(&format!("/{bucket}"), place.into()).await
    }

    /// A hosted zone of its own; its id.
    pub async fn hosted_zone(&self, name: &str) -> Result<String> {
        let body = format!(
            "<CreateHostedZoneRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Name>{name}</Name>\
             <CallerReference>{name}</CallerReference></CreateHostedZoneRequest>"
        );
        let request = Request::post(format!("http://{}/2013-04-01/hostedzone", self.address))
            .header("Authorization", signature("route53"))
            .body(Full::<Bytes>::from(body))?;
        let client = Client::builder(TokioExecutor::new()).build_http();
        let answer = client.request(request).await?.into_body().collect().await?.to_bytes();
        let answer = String::from_utf8_lossy(&answer);
        let id = answer.split_once("<Id>/hostedzone/").and_then(|(_, rest)| rest.split_once("</Id>"));
        Ok(id.with_context(|| format!("no zone was made: {answer}"))?.0.to_owned())
    }

    pub async fn put_object(&self, bucket: &str, key: &str, content: Vec<u8>) -> Result<()> {
        self.put(&format!("/{bucket}/{key}"), content).await
    }

    async fn put(&self, path: &str, body: Vec<u8>) -> Result<()> {
        self.bucket(Request::put(format!("http://{}{path}", self.address)), body).await?;
        Ok(())
    }

    async fn ask(&self, service: &str, target: &str, body: &Value) -> Result<Value> {
        let request = Request::post(format!("http://{}/", self.address))
            .header("Content-Type", "application/x-amz-json-1.1")
            .header("X-Amz-Target", target)
            .header("Authorization", signature(service))
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

/// Nobody checks it; by its scope moto knows the service.
fn signature(service: &str) -> String {
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
