//! The fake of Route 53 over HTTP on this machine.

use std::collections::HashMap;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

use super::{Refusal, Shared, answers, refusal};

/// Its address.
pub async fn serve(fake: Shared) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(fake);
    tokio::spawn(async move { axum::serve(listener, router).await });
    endpoint
}

async fn answer(
    State(fake): State<Shared>,
    method: Method,
    uri: Uri,
    Query(query): Query<HashMap<String, String>>,
    body: String,
) -> Response {
    let (status, text) = match told(&fake, &method, uri.path(), &query, &body) {
        Ok(text) => (StatusCode::OK, text),
        Err(refused) => (StatusCode::from_u16(refused.status).unwrap(), answers::error(&refused)),
    };
    (status, [("content-type", "text/xml")], text).into_response()
}

fn told(
    fake: &Shared,
    method: &Method,
    path: &str,
    query: &HashMap<String, String>,
    body: &str,
) -> Result<String, Refusal> {
    let mut fake = fake.lock().unwrap();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let of = |name: &str| query.get(name).map(String::as_str);
    match (method.as_str(), &parts[..]) {
        ("GET", ["2013-04-01", "hostedzone", id]) => {
            let (id, zone) = fake.zone(id)?;
            Ok(answers::got_zone(&id, &zone))
        }
        ("GET", ["2013-04-01", "hostedzonesbyname"]) => {
            let all = fake.zones_from(of("dnsname").unwrap_or_default())?;
            let begin = of("hostedzoneid").and_then(|id| all.iter().position(|(at, _)| at == id));
            let rest = &all[begin.unwrap_or_default()..];
            // Two at a time: there is a next page.
            let page = rest.len().min(2);
            Ok(answers::zones(&rest[..page], rest.get(page)))
        }
        ("GET", ["2013-04-01", "hostedzone", id, "rrset"]) => {
            let most = of("maxitems").map_or(300, |text| text.parse().unwrap());
            let start = (of("name"), of("type"), of("identifier"));
            Ok(answers::sets(&fake.list(id, start, most)?))
        }
        ("POST", ["2013-04-01", "hostedzone", id, "rrset"]) => {
            let changes = answers::changes(body)?;
            let change = fake.change("http", id, &changes)?;
            Ok(answers::change_info("ChangeResourceRecordSetsResponse", &change, false))
        }
        ("GET", ["2013-04-01", "change", id]) => {
            let in_sync = fake.is_in_sync(id)?;
            Ok(answers::change_info("GetChangeResponse", id, in_sync))
        }
        _ => Err(refusal(404, "UnknownOperation", format!("{method} {path}"))),
    }
}
