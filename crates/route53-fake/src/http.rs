//! The fake of Route 53 over HTTP: its own wire, and beside it, below `/fake`, what only a test may ask for.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

use super::{Asked, Refusal, Shared, Trouble, answers, lock, refusal};

/// Serves at a free port of this machine. Its time is moved by whoever asked for it.
pub async fn begin(fake: Shared) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router(fake)).await });
    Ok(address)
}

/// Serves until it fails; a second there is a second.
pub async fn serve(fake: Shared, listener: TcpListener) -> std::io::Result<()> {
    let begun = Instant::now();
    let passes = fake.clone();
    let clock = async {
        loop {
            tokio::time::sleep(Duration::from_millis(250)).await;
            lock(&passes).now = begun.elapsed().as_secs();
        }
    };
    tokio::select! {
        served = axum::serve(listener, router(fake)) => served,
        () = clock => Ok(()),
    }
}

fn router(fake: Shared) -> Router {
    Router::new().fallback(answer).with_state(fake)
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
        Err(refused) => {
            let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, answers::error(&refused))
        }
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
    let mut fake = lock(fake);
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
            let most = match of("maxitems").map(str::parse) {
                None => 300,
                Some(Ok(most)) => most,
                Some(Err(_)) => return Err(refusal(400, "InvalidInput", "maxitems is no number")),
            };
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
        ("PUT", ["fake", "zones", id]) => {
            fake.add_zone(id, of("name").unwrap_or_default(), of("private").is_some());
            Ok(String::new())
        }
        ("DELETE", ["fake", "zones", id]) => {
            fake.zones.remove(*id);
            Ok(String::new())
        }
        ("POST", ["fake", "trouble"]) => {
            let trouble = match of("trouble") {
                Some("Throttling") => Trouble::Throttling,
                Some("PriorRequestNotComplete") => Trouble::PriorRequestNotComplete,
                Some("AccessDenied") => Trouble::AccessDenied,
                Some("LosesAnswer") => Trouble::LosesAnswer,
                other => return Err(refusal(400, "UnknownTrouble", format!("{other:?}"))),
            };
            let times = of("times").and_then(|times| times.parse().ok()).unwrap_or(1);
            fake.trouble.extend(std::iter::repeat_n((Asked::Change, trouble), times));
            Ok(String::new())
        }
        _ => Err(refusal(404, "UnknownOperation", format!("{method} {path}"))),
    }
}
