//! TLS as a visitor begins it: connects to a server under a host's name, and tells which certificate is shown for it.
//!
//! Whoever issued that is not judged. Visitors inside a company trust authorities that nobody here knows; whether the
//! certificate is of that host and holds today is what can be said for everybody.

mod shown;
mod unjudged;

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub use shown::Shown;

const PATIENCE: Duration = Duration::from_secs(2);

/// A connection to `address`, a host and a port, under the name of `host`. An error says what a visitor would meet.
pub async fn connect(address: &str, host: &str) -> Result<TlsStream<TcpStream>, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| format!("{host} is no name for TLS"))?;
    let late = |_| format!("{address} does not answer within {} s", PATIENCE.as_secs());
    let stream = timeout(PATIENCE, TcpStream::connect(address)).await.map_err(late)?;
    let stream = stream.map_err(|error| format!("{address} cannot be reached: {error}"))?;
    let stream =
        timeout(PATIENCE, TlsConnector::from(config()?).connect(name, stream)).await.map_err(late)?;
    stream.map_err(|error| format!("TLS with {address} fails: {error}"))
}

/// The certificate that is shown for `host`.
pub async fn shown(address: &str, host: &str) -> Result<Shown, String> {
    let stream = connect(address, host).await?;
    let (_, session) = stream.get_ref();
    let first = session.peer_certificates().and_then(<[_]>::first);
    let first = first.ok_or_else(|| format!("{address} shows no certificate"))?;
    Shown::read(first).map_err(|error| format!("the certificate of {address} cannot be read: {error}"))
}

/// Whether a listener for `pattern` speaks for `host`: all hosts without one; a `*` stands for one name or several, as in the
/// Gateway API.
pub fn speaks_for(pattern: Option<&str>, host: &str) -> bool {
    pattern.is_none_or(|pattern| {
        pattern == host || pattern.strip_prefix('*').is_some_and(|parent| host.ends_with(parent))
    })
}

fn config() -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(unjudged::Unjudged(provider)))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests;
