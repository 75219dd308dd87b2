//! DNS and TLS as a visitor sees them, and the testbed's hosted zone as whoever else has rights there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::gateway::Answer;
use crate::{World, installed_with};

const PATIENCE: Duration = Duration::from_secs(5);

/// The addresses of a host, from the zone's name server.
pub async fn resolve(host: &str) -> Result<Vec<Ipv4Addr>> {
    let host = host.to_owned();
    tokio::task::spawn_blocking(move || testbed::dns::resolve(&host)).await?
}

/// `GET https://host/path` as a browser does it that trusts the testbed's authority: resolved, and the certificate verified
/// for that very host.
pub async fn https(host: &str, path: &str) -> Result<Answer> {
    https_trusting(&std::fs::read(testbed::authority()?)?, host, path).await
}

/// The same for one that trusts this authority and no other.
pub async fn https_trusting(authority: &[u8], host: &str, path: &str) -> Result<Answer> {
    let stream = connect(authority, host).await?;
    let (mut connection, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(driver);
    let request = Request::get(path).header("host", host).body(Full::<Bytes>::default())?;
    let response =
        timeout(PATIENCE, connection.send_request(request)).await.context("no answer in time")??;
    let status = response.status().as_u16();
    let version = response.headers().get("x-shop-version").and_then(|value| value.to_str().ok());
    let version = version.map(str::to_owned);
    let body = response.into_body().collect().await?.to_bytes();
    Ok(Answer { status, version, body: String::from_utf8_lossy(&body).into_owned() })
}

/// A connection to a host as its name server says where it is, with its certificate verified for that very host.
pub(crate) async fn connect(authority: &[u8], host: &str) -> Result<TlsStream<TcpStream>> {
    let address = resolve(host).await?.first().copied().with_context(|| format!("{host} has no address"))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority) {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(SocketAddr::from((IpAddr::V4(address), 443)));
    let stream = timeout(PATIENCE, stream).await.context("no connection in time")??;
    let name = ServerName::try_from(host.to_owned())?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.context("TLS fails")
}

/// As whom the operator is known in the zone.
const IDENTITY: &str = "stories-dns";
const KEYS: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "stories"), ("AWS_SECRET_ACCESS_KEY", "stories"), ("AWS_REGION", "eu-west-1")];
/// What follows in a zone with a name server at hand takes no longer.
pub const SOON: Duration = Duration::from_secs(90);

/// The operator keeps the testbed's zone while this is told.
pub async fn with_zone(world: &World, more: &[&str], tell: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
    let mut flags = vec![
        format!("--domain={}", testbed::dns::DOMAIN),
        format!("--hosted-zone={}", testbed::dns::ZONE_ID),
        "--cluster=testbed".to_owned(),
        "--url-scheme=https".to_owned(),
        format!("--env=AWS_ENDPOINT_URL_ROUTE_53={}", testbed::dns::endpoint()),
        format!("--env-from={IDENTITY}"),
    ];
    flags.extend(more.iter().map(|&flag| flag.to_owned()));
    let keys: Value = KEYS.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    installed_with(world, &flags, (IDENTITY, keys), tell).await
}

/// `outboard hostname …` as somebody who may look at the zone.
pub async fn hostname(world: &World, arguments: &[&str]) -> Result<Value> {
    let endpoint = testbed::dns::endpoint();
    let variables = [&KEYS[..], &[("AWS_ENDPOINT_URL_ROUTE_53", endpoint.as_str())]].concat();
    let arguments = [&["hostname"], arguments, &["-o", "json"]].concat();
    Ok(serde_json::from_str(
        &world.outboard_with(&variables, &arguments).await?.ended(Exit::Success)?.stdout,
    )?)
}

/// A name of its own right in the zone, no other story's.
pub fn named(world: &World, label: &str) -> String {
    format!("{label}-{}.{}", world.name, testbed::dns::ZONE)
}

/// A record of the testbed's zone.
#[derive(Clone, Debug)]
pub struct Record {
    name: String,
    kind: &'static str,
    value: String,
    weight: Option<(String, u8)>,
}

impl Record {
    pub fn new(name: &str, kind: &'static str, value: &str) -> Self {
        Self { name: name.to_owned(), kind, value: value.to_owned(), weight: None }
    }

    /// One of several.
    pub fn weighted(self, identifier: &str, weight: u8) -> Self {
        Self { weight: Some((identifier.to_owned(), weight)), ..self }
    }

    fn change(&self, action: &str) -> String {
        let weight = self.weight.as_ref().map(|(identifier, weight)| {
            format!("<SetIdentifier>{identifier}</SetIdentifier><Weight>{weight}</Weight>")
        });
        let value = self.value.replace('"', "&quot;");
        let ttl = if self.kind == "TXT" { 300 } else { 60 };
        format!(
            "<Change><Action>{action}</Action><ResourceRecordSet><Name>{}.</Name><Type>{}</Type>{}<TTL>{ttl}</TTL>\
             <ResourceRecords><ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords>\
             </ResourceRecordSet></Change>",
            self.name,
            self.kind,
            weight.unwrap_or_default()
        )
    }
}

fn records_of(zone: &str) -> String {
    format!("{}/2013-04-01/hostedzone/{zone}/rrset", testbed::dns::endpoint())
}

pub async fn create(records: &[Record]) -> Result<()> {
    create_in(testbed::dns::ZONE_ID, records).await
}

pub async fn create_in(zone: &str, records: &[Record]) -> Result<()> {
    change(zone, "CREATE", records).await
}

pub async fn delete(records: &[Record]) -> Result<()> {
    delete_in(testbed::dns::ZONE_ID, records).await
}

pub async fn delete_in(zone: &str, records: &[Record]) -> Result<()> {
    change(zone, "DELETE", records).await
}

async fn change(zone: &str, action: &str, records: &[Record]) -> Result<()> {
    let changes: String = records.iter().map(|record| record.change(action)).collect();
    let body = format!(
        "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch>\
         <Changes>{changes}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
    );
    send(Request::post(records_of(zone)), body).await.map(|_| ())
}

/// Every record whose name holds `part`, as `name TYPE [identifier weight] values`.
pub async fn held(part: &str) -> Result<Vec<String>> {
    held_in(testbed::dns::ZONE_ID, part).await
}

/// The same of another zone.
pub async fn held_in(zone: &str, part: &str) -> Result<Vec<String>> {
    let mut found = vec![];
    let mut from = String::new();
    loop {
        let page = send(Request::get(format!("{}{from}", records_of(zone))), String::new()).await?;
        for set in page.split("<ResourceRecordSet>").skip(1) {
            let of = |element: &str| between(set, element).next().unwrap_or_default().to_owned();
            let name = of("Name").replace("\\052", "*");
            let weight = match of("SetIdentifier") {
                none if none.is_empty() => String::new(),
                identifier => format!(" [{identifier} {}]", of("Weight")),
            };
            let values: Vec<&str> = between(set, "Value").collect();
            if name.contains(part) {
                found.push(format!("{name} {}{weight} {}", of("Type"), values.join(" ")));
            }
        }
        match between(&page, "NextRecordName").next() {
            Some(next) => {
                let kind = between(&page, "NextRecordType").next().unwrap_or_default();
                from = format!("?name={}&type={kind}", next.replace('\\', "%5C"));
            }
            None => return Ok(found),
        }
    }
}

fn between<'a>(text: &'a str, element: &str) -> impl Iterator<Item = &'a str> {
    let (begin, end) = (format!("<{element}>"), format!("</{element}>"));
    let mut rest = text;
    std::iter::from_fn(move || {
        let (found, after) = rest.split_once(&begin)?.1.split_once(&end)?;
        rest = after;
        Some(found)
    })
}

async fn send(request: hyper::http::request::Builder, body: String) -> Result<String> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = request.body(Full::<Bytes>::from(body))?;
    let what = request.uri().to_string();
    let response = client.request(request).await?;
    let status = response.status();
    let text = String::from_utf8(response.into_body().collect().await?.to_bytes().to_vec())?;
    ensure!(status.is_success(), "{what} is answered with {status}: {text}");
    Ok(text)
}
