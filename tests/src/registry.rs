//! The testbed's registry, spoken to as `docker tag` and `docker push` would.

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

const REGISTRY: &str = "http://registry.testbed:5000";
const KINDS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                     application/vnd.docker.distribution.manifest.v2+json";

/// Gives what `from` stands for the tag `to`, wherever that pointed before.
pub async fn tag(repository: &str, from: &str, to: &str) -> Result<()> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let manifest = |tag: &str| format!("{REGISTRY}/v2/{repository}/manifests/{tag}");
    let request = hyper::Request::get(manifest(from)).header("Accept", KINDS).body(Full::default())?;
    let response = client.request(request).await?;
    ensure!(response.status().is_success(), "{repository}:{from} is answered with {}", response.status());
    let kind = response.headers().get("content-type").context("a manifest without type")?.clone();
    let body = response.into_body().collect().await?.to_bytes();
    let request = hyper::Request::put(manifest(to)).header("Content-Type", kind).body(Full::from(body))?;
    let response = client.request(request).await?;
    ensure!(
        response.status().is_success(),
        "tagging {repository}:{to} is answered with {}",
        response.status()
    );
    Ok(())
}
