//! The testbed's registry, spoken to as `docker tag`, `docker push` and somebody who tidies up would.

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

const REGISTRY: &str = "http://registry.testbed:5000";
const KINDS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                     application/vnd.docker.distribution.manifest.v2+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DIGEST: &str = "docker-content-digest";

/// Gives what `from` stands for the tag `to`, wherever that pointed before.
pub async fn tag(repository: &str, from: &str, to: &str) -> Result<()> {
    let (kind, body) = manifest(repository, from).await?;
    push(repository, to, &kind, body).await.map(drop)
}

/// Pushes the same program as `from` under other bytes; answers with the digest.
pub async fn vary(repository: &str, from: &str, to: &str) -> Result<String> {
    let (kind, body) = manifest(repository, from).await?;
    let mut changed: Value = serde_json::from_slice(&body)?;
    changed["annotations"] = json!({"story": to});
    push(repository, to, &kind, changed.to_string().into()).await
}

/// Pushes an index that has `from` for another architecture only.
pub async fn only_for(repository: &str, from: &str, to: &str, architecture: &str) -> Result<String> {
    let (kind, body) = manifest(repository, from).await?;
    let mut entry = json!({"mediaType": kind.to_str()?, "size": body.len()});
    let digest = push(repository, &format!("{to}-own"), &kind, body).await?;
    entry["digest"] = json!(digest);
    entry["platform"] = json!({"os": "linux", "architecture": architecture});
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]});
    push(repository, to, &HeaderValue::from_static(INDEX), index.to_string().into()).await
}

/// Deletes a manifest, as a registry's tidying does.
pub async fn forget(repository: &str, digest: &str) -> Result<()> {
    let request = Request::delete(place(repository, digest)).body(Full::default())?;
    ask(request).await.map(drop)
}

fn place(repository: &str, reference: &str) -> String {
    format!("{REGISTRY}/v2/{repository}/manifests/{reference}")
}

async fn manifest(repository: &str, reference: &str) -> Result<(HeaderValue, Bytes)> {
    let request = Request::get(place(repository, reference)).header("Accept", KINDS).body(Full::default())?;
    let response = ask(request).await?;
    let kind = response.headers().get("content-type").context("a manifest without type")?.clone();
    Ok((kind, response.into_body().collect().await?.to_bytes()))
}

async fn push(repository: &str, reference: &str, kind: &HeaderValue, body: Bytes) -> Result<String> {
    let request = Request::builder().method(Method::PUT).uri(place(repository, reference));
    let response = ask(request.header("Content-Type", kind).body(Full::from(body))?).await?;
    let digest = response.headers().get(DIGEST).context("a pushed manifest without digest")?;
    Ok(digest.to_str()?.to_owned())
}

/// Whatever the registry refuses is an error.
async fn ask(request: Request<Full<Bytes>>) -> Result<Response<hyper::body::Incoming>> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let what = format!("{} {}", request.method(), request.uri());
    let response = client.request(request).await?;
    ensure!(response.status().is_success(), "{what} is answered with {}", response.status());
    Ok(response)
}
