//! Asks a route through the gateway, as a user's request would come.

use std::time::Duration;

use api::revision::RouteProbe;
use http_body_util::Empty;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::Client;
use kube::api::{Api, DynamicObject};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;

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

/// Where the gateway listens inside the cluster: its own status says so.
pub async fn address(client: &Client, settings: &Settings) -> Result<Option<String>, Error> {
    let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "Gateway");
    let resource = ApiResource::from_gvk_with_plural(&kind, "gateways");
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), &settings.gateway_namespace, &resource);
    let Some(gateway) = api.get_opt(&settings.gateway_name).await? else { return Ok(None) };
    let host = gateway.data.pointer("/status/addresses/0/value").and_then(Value::as_str);
    let listeners = gateway.data.pointer("/spec/listeners").and_then(Value::as_array);
    let port = listeners
        .into_iter()
        .flatten()
        .find(|listener| listener["protocol"] == "HTTP")
        .and_then(|listener| listener["port"].as_u64())
        .unwrap_or(80);
    Ok(host
        .map(|host| if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }))
}

/// Sends the probe to the gateway at `address`.
pub async fn ask(address: &str, probe: &RouteProbe) -> Answer {
    let client = HttpClient::builder(TokioExecutor::new()).build::<_, Empty<&[u8]>>(HttpConnector::new());
    let request = hyper::Request::get(format!("http://{address}{}", probe.path))
        .header(hyper::header::HOST, &probe.host)
        .header(hyper::header::USER_AGENT, "outboard")
        .body(Empty::new());
    let Ok(request) = request else {
        return Answer::Bad(format!("{} is not a path that can be asked", probe.path));
    };
    match tokio::time::timeout(TIMEOUT, client.request(request)).await {
        Err(_) => {
            Answer::Bad(format!("{}{} did not answer within {} s", probe.host, probe.path, TIMEOUT.as_secs()))
        }
        Ok(Err(error)) => Answer::Bad(format!("the gateway at {address} does not answer: {error}")),
        Ok(Ok(response)) => judge(response.status().as_u16(), probe),
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
    fn a_health_path_must_succeed_while_a_plain_path_may_ask_for_a_login() {
        let probe = |strict| RouteProbe { host: "h".into(), path: "/".into(), strict };
        assert_eq!(judge(200, &probe(true)), Answer::Good);
        assert_eq!(judge(401, &probe(false)), Answer::Good);
        assert_eq!(judge(401, &probe(true)), Answer::Bad("h/ answers 401".into()));
        assert_eq!(judge(404, &probe(false)), Answer::Bad("h/ answers 404".into()));
        assert_eq!(judge(503, &probe(false)), Answer::Bad("h/ answers 503".into()));
    }
}
