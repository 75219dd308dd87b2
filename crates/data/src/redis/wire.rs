//! A connection on which we speak as a replica does, which no client library can: plain or by TLS. What a server sends
//! on it is not looked at.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::link::{CONNECTING, End};
use crate::error::Result;
use crate::job::Tls;

pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

pub async fn connect(end: &End) -> Result<Box<dyn Wire>> {
    let (host, port) = end.place();
    let failed = |error: std::io::Error| end.unreachable(error.to_string());
    let late = |_| end.unreachable("it does not answer".into());
    let plain = timeout(CONNECTING, TcpStream::connect((host, port))).await.map_err(late)?.map_err(failed)?;
    let Some(tls) = end.tls() else { return Ok(Box::new(plain)) };
    let name = ServerName::try_from(host.to_owned()).map_err(|error| end.unreachable(error.to_string()))?;
    let config = config(tls).map_err(|reason| end.unreachable(reason))?;
    let connect = TlsConnector::from(config).connect(name, plain);
    Ok(Box::new(timeout(CONNECTING, connect).await.map_err(late)?.map_err(failed)?))
}

/// Trusts those that the job names, or else those that everybody trusts.
fn config(tls: &Tls) -> Result<Arc<ClientConfig>, String> {
    let mut trusted = RootCertStore::empty();
    match &tls.ca_file {
        Some(file) => {
            let certificates = CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| error.to_string())?;
                trusted.add(certificate).map_err(|error| error.to_string())?;
            }
        }
        None => drop(trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?.with_root_certificates(trusted);
    let Some((certificate, key)) = tls.identity() else { return Ok(Arc::new(config.with_no_client_auth())) };
    let chain = CertificateDer::pem_file_iter(certificate).map_err(|error| error.to_string())?;
    let chain = chain.collect::<std::result::Result<_, _>>().map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| error.to_string())?;
    config.with_client_auth_cert(chain, key).map(Arc::new).map_err(|error| error.to_string())
}
