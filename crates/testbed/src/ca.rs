//! A certificate authority of this machine, and a certificate of it for every host that the gateway serves. Made once, and
//! gone with the cluster.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

use crate::cache::Cache;
use crate::dns::{DOMAIN, ZONE};

/// What whoever verifies has to trust.
pub fn authority(cache: &Cache) -> PathBuf {
    cache.state().join("ca.pem")
}

/// Certificate and key of the gateway, as PEM.
pub fn certificate(cache: &Cache) -> anyhow::Result<(String, String)> {
    let (certificate, key) = (cache.state().join("gateway.pem"), cache.state().join("gateway.key"));
    if let (Ok(certificate), Ok(key)) = (fs::read_to_string(&certificate), fs::read_to_string(&key)) {
        return Ok((certificate, key));
    }
    fs::create_dir_all(cache.state())?;
    let made = make()?;
    // The authority first: a certificate without one would never be verified.
    fs::write(authority(cache), &made.authority)?;
    fs::write(key, &made.key)?;
    fs::write(&certificate, &made.certificate)
        .with_context(|| format!("failed to write {}", certificate.display()))?;
    Ok((made.certificate, made.key))
}

struct Made {
    authority: String,
    certificate: String,
    key: String,
}

fn make() -> anyhow::Result<Made> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "outboard testbed");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let hosts = ["localhost", DOMAIN, ZONE].map(|domain| format!("*.{domain}"));
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(hosts.to_vec())?.signed_by(&key, &authority)?;
    Ok(Made { authority: authority.pem(), certificate: certificate.pem(), key: key.serialize_pem() })
}
