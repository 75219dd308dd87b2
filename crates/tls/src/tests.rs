//! Against servers of this machine, with certificates that nobody has a reason to trust.

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// A server with a certificate for `hosts` that has expired; where it listens.
async fn served(hosts: &[&str]) -> String {
    let mut params =
        CertificateParams::new(hosts.iter().map(|&host| host.to_owned()).collect::<Vec<_>>()).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 2, 3));
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(certificate)], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let _ = acceptor.accept(stream).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn a_certificate_is_told_as_it_is_shown_whoever_issued_it() {
    let address = served(&["*.apps.example.com", "www.example.com"]).await;
    let shown = shown(&address, "web.apps.example.com").await.unwrap();
    assert_eq!(shown.hosts, ["*.apps.example.com", "www.example.com"]);
    assert_eq!(shown.not_after.to_string(), "2021-02-03T00:00:00Z");
    assert!(shown.is_for("web.apps.example.com") && shown.is_for("www.example.com"));
    assert!(!shown.is_for("a.web.apps.example.com") && !shown.is_for("example.com"));
}

#[tokio::test]
async fn what_stands_in_the_way_is_said_with_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let speaks_no_tls = tokio::spawn(async move { drop(listener.accept().await) });
    let told = shown(&address, "www.example.com").await.unwrap_err();
    assert!(told.starts_with(&format!("TLS with {address} fails")), "{told}");
    speaks_no_tls.await.unwrap();
    let told = shown(&address, "www.example.com").await.unwrap_err();
    assert!(told.starts_with(&format!("{address} cannot be reached")), "{told}");
    assert!(shown(&address, "not a name").await.unwrap_err().contains("no name for TLS"));
}
