//! Asks a route through the gateway, as a user's request would come.

use std::time::Duration;

use api::revision::RouteProbe;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::api::{Api, DynamicObject};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::Settings;
use crate::error::Error;

const TIMEOUT: Duration = Duration::from_secs(2);

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Good,
    /// Why it does not count as an answer yet.
    Bad(String),
}

/// Where routes are asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Door {
    address: String,
    tls: bool,
}

/// Where the gateway listens inside the cluster: its own status says so.
pub async fn door(client: &Client, settings: &Settings, host: &str) -> Result<Option<Door>, Error> {
    let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "Gateway");
    let resource = ApiResource::from_gvk_with_plural(&kind, "gateways");
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), &settings.gateway_namespace, &resource);
    let Some(gateway) = api.get_opt(&settings.gateway_name).await? else { return Ok(None) };
    Ok(read(&gateway.data, Some(host).filter(|_| settings.url_scheme == "https")))
}

/// By TLS where people come so to a host, which is given then, and the gateway, not a load balancer before it, ends it for
/// that host. Its listeners get a route one after the other.
fn read(gateway: &Value, secure: Option<&str>) -> Option<Door> {
    let host = gateway.pointer("/status/addresses/0/value").and_then(Value::as_str)?;
    let listeners = || gateway.pointer("/spec/listeners").and_then(Value::as_array).into_iter().flatten();
    let secure = secure.and_then(|asked| {
        listeners()
            .filter(|listener| listener["protocol"] == "HTTPS")
            .find(|listener| tls::speaks_for(listener["hostname"].as_str(), asked))
    });
    let plain = || listeners().find(|listener| listener["protocol"] == "HTTP");
    let port = secure.or_else(plain).and_then(|listener| listener["port"].as_u64()).unwrap_or(80);
    let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    Some(Door { address, tls: secure.is_some() })
}

/// Sends the probe to the gateway.
pub async fn ask(door: &Door, probe: &RouteProbe) -> Answer {
    let request = hyper::Request::get(&probe.path)
        .header(hyper::header::HOST, &probe.host)
        .header(hyper::header::USER_AGENT, "outboard")
        .body(Empty::<&[u8]>::new());
    let Ok(request) = request else {
        return Answer::Bad(format!("{} is not a path that can be asked", probe.path));
    };
    let address = &door.address;
    match tokio::time::timeout(TIMEOUT, send(door, &probe.host, request)).await {
        Err(_) => {
            Answer::Bad(format!("{}{} did not answer within {} s", probe.host, probe.path, TIMEOUT.as_secs()))
        }
        Ok(Err(error)) => Answer::Bad(format!("the gateway at {address} does not answer: {error}")),
        Ok(Ok(status)) => judge(status, probe),
    }
}

async fn send(door: &Door, host: &str, request: hyper::Request<Empty<&'static [u8]>>) -> Result<u16, String> {
    if door.tls {
        // Certificates are told beside: whoever is shown a bad one may still have to know that the route works.
        return exchange(tls::connect(&door.address, host).await?, request).await;
    }
    let stream = TcpStream::connect(&door.address).await.map_err(|error| error.to_string())?;
    exchange(stream, request).await
}

async fn exchange<S>(stream: S, request: hyper::Request<Empty<&'static [u8]>>) -> Result<u16, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let said = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(said)?;
    // Both in this task: what is given up is closed.
    let mut connection = std::pin::pin!(connection);
    let mut answer = std::pin::pin!(sender.send_request(request));
    tokio::select! {
        answered = &mut answer => Ok(answered.map_err(said)?.status().as_u16()),
        ended = &mut connection => {
            ended.map_err(said)?;
            // It closes after the last answer.
            Ok(answer.await.map_err(said)?.status().as_u16())
        }
    }
}

/// A health path must succeed; elsewhere anything but an error of the gateway or the server is an answer.
fn judge(status: u16, probe: &RouteProbe) -> Answer {
    let good = if probe.strict { (200..400).contains(&status) } else { status < 500 && status != 404 };
    if good { Answer::Good } else { Answer::Bad(format!("{}{} answers {status}", probe.host, probe.path)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_asked_as_people_come() {
        let gateway = |listeners: Value| {
            serde_json::json!({
                "status": {"addresses": [{"value": "2001:db8::1"}]},
                "spec": {"listeners": listeners},
            })
        };
        let both = gateway(serde_json::json!([
            {"protocol": "HTTP", "port": 8080}, {"protocol": "HTTPS", "port": 8443},
        ]));
        let door = |port, tls| Some(Door { address: format!("[2001:db8::1]:{port}"), tls });
        let host = Some("web-qa-shop.apps.example.com");
        assert_eq!(read(&both, host), door(8443, true));
        assert_eq!(read(&both, None), door(8080, false));
        // One that is for another host only.
        let other = gateway(serde_json::json!([
            {"protocol": "HTTP", "port": 8080},
            {"protocol": "HTTPS", "port": 8443, "hostname": "admin.example.com"},
        ]));
        assert_eq!(read(&other, host), door(8080, false));
        assert_eq!(read(&other, Some("admin.example.com")), door(8443, true));
        // A load balancer before it ends TLS.
        let plain = gateway(serde_json::json!([{"protocol": "HTTP", "port": 8080}]));
        assert_eq!(read(&plain, host), door(8080, false));
        assert_eq!(read(&serde_json::json!({}), host), None);
    }

    #[test]
    fn a_health_path_must_succeed_while_a_plain_path_may_ask_for_a_login() {
        let probe = |strict| RouteProbe { host: "h".into(), path: "/".into(), strict };
        assert_eq!(judge(200, &probe(true)), Answer::Good);
        assert_eq!(judge(401, &probe(false)), Answer::Good);
        assert_eq!(judge(401, &probe(true)), Answer::Bad("h/ answers 401".into()));
        assert_eq!(judge(404, &probe(false)), Answer::Bad("h/ answers 404".into()));
        assert_eq!(judge(503, &probe(false)), Answer::Bad("h/ answers 503".into()));
    }
}
