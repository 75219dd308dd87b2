//! Whom a connection trusts, where that is not everybody's authorities: certificates in PEM, looked at before they are used.

use aws_sdk_s3::config::SharedHttpClient;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority(Vec<u8>);

impl Authority {
    /// An error says what is wrong with it: the transport would not say, it would fall.
    pub fn read(pem: &[u8]) -> Result<Self, String> {
        let mut trusted = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| format!("is no PEM: {error}"))?;
            trusted
                .add(certificate)
                .map_err(|error| format!("has a certificate that cannot be read: {error}"))?;
        }
        if trusted.is_empty() { Err("has no certificate in PEM".to_owned()) } else { Ok(Self(pem.to_vec())) }
    }

    /// Trusts nobody else.
    pub(crate) fn transport(&self) -> Result<SharedHttpClient, String> {
        let trusted = TrustStore::empty().with_pem_certificate(self.0.clone());
        let context =
            TlsContext::builder().with_trust_store(trusted).build().map_err(|error| error.to_string())?;
        let builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
        Ok(builder.tls_context(context).build_https())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_told_before_it_is_used() {
        let error = |pem: &str| Authority::read(pem.as_bytes()).unwrap_err();
        assert_eq!(error(""), "has no certificate in PEM");
        assert_eq!(error("no certificate"), "has no certificate in PEM");
        let pem =
            |content: &str| format!("-----BEGIN CERTIFICATE-----\n{content}\n-----END CERTIFICATE-----\n");
        assert!(error(&pem("!!!!")).starts_with("is no PEM: "));
        assert!(error(&pem("AAAA")).starts_with("has a certificate that cannot be read: "));
    }
}
