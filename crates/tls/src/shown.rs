//! A certificate as far as it concerns its visitors: for which hosts it is, since when and until when.

use jiff::Timestamp;
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// What a server shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shown {
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// The hosts that it is for; the first may have a `*`.
    pub hosts: Vec<String>,
    certificate: CertificateDer<'static>,
}

impl Shown {
    pub fn read(certificate: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, read) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
        // Certificates without an end have one that lies beyond all times.
        let time = |seconds: i64| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
        let names = read.subject_alternative_name().map_err(|error| error.to_string())?;
        let names = names.map(|extension| &extension.value.general_names[..]).unwrap_or_default();
        let host = |name: &GeneralName<'_>| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        };
        Ok(Self {
            not_before: time(read.validity().not_before.timestamp()),
            not_after: time(read.validity().not_after.timestamp()),
            hosts: names.iter().filter_map(host).collect(),
            certificate: certificate.clone().into_owned(),
        })
    }

    /// Whether visitors of `host` take it as that host's.
    pub fn is_for(&self, host: &str) -> bool {
        let parsed = ParsedCertificate::try_from(&self.certificate);
        match (parsed, ServerName::try_from(host)) {
            (Ok(parsed), Ok(name)) => verify_server_name(&parsed, &name).is_ok(),
            _ => false,
        }
    }
}
