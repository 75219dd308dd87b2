//! A cluster's keys: drawn once, kept in Parameter Store under a key of AWS, and from there given to nodes by their roles and
//! to people as kubeconfigs that end within hours. They never touch a state, user data or this machine's disk.

use aws::OwnParameters;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use serde_json::{Value, json};

use crate::plan::names::Identity;
use crate::plan::root::TAG;
use crate::{Error, Result};

/// Of certificate authorities: longer than any cluster lives that is made anew for each version.
const YEARS: i64 = 10;
/// Clocks differ.
const BEFORE: i64 = 300;
/// Those who may do everything, as kubeadm binds them.
const ADMINS: &str = "kubeadm:cluster-admins";
const CLUSTER_CA: &str = "kubernetes";

/// Names below the cluster's path, and what they are called.
const AUTHORITIES: [(&str, &str); 3] =
    [("ca", CLUSTER_CA), ("front-proxy-ca", "front-proxy-ca"), ("etcd/ca", "etcd-ca")];

pub fn path(identity: &Identity) -> String {
    format!("/outboard/{}", identity.id)
}

/// Draws what is not there yet. Of two who do that at once, what the first one wrote holds: each pair is one value until it is
/// whole. Of a cluster that has nodes nothing is drawn: they would trust the old key, and nobody the new one.
pub async fn keep(
    store: &OwnParameters,
    identity: &Identity,
    kms: Option<&str>,
    has_nodes: bool,
) -> Result<()> {
    let failed = |failure| Error::Aws { doing: "keep the cluster's keys", failure };
    let at = |name: &str| format!("{}/pki/{name}", path(identity));
    let draw = || Ok(KeyPair::generate()?.serialize_pem());
    let tag = (TAG, identity.id.as_str());
    if has_nodes {
        let names = AUTHORITIES.iter().map(|(name, _)| format!("{name}.key"));
        for name in names.chain(["sa.key".to_owned(), "encryption".to_owned()]) {
            if store.get(&at(&name)).await.map_err(failed)?.is_none() {
                return Err(Error::LostKey { parameter: at(&name) });
            }
        }
    }
    for (name, common) in AUTHORITIES {
        // The key first, and the certificate from the one that is kept: a kill between the two leaves a pair that fits.
        let key = kept(store, &at(&format!("{name}.key")), draw, kms, tag).await?;
        let key = KeyPair::from_pem(&key).map_err(drawing)?;
        let certificate = authority(common).self_signed(&key).map_err(drawing)?.pem();
        store.put_new(&at(&format!("{name}.crt")), &certificate, kms, tag).await.map_err(failed)?;
    }
    let key = kept(store, &at("sa.key"), draw, kms, tag).await?;
    let public = KeyPair::from_pem(&key).map_err(drawing)?.public_key_pem();
    store.put_new(&at("sa.pub"), &public, kms, tag).await.map_err(failed)?;
    let encryption = || Ok(encryption(&rand::random::<[u8; 32]>()));
    kept(store, &at("encryption"), encryption, kms, tag).await?;
    Ok(())
}

/// What is kept under a name, else what `draw` draws for it.
async fn kept(
    store: &OwnParameters,
    name: &str,
    draw: impl FnOnce() -> Result<String, rcgen::Error>,
    kms: Option<&str>,
    tag: (&str, &str),
) -> Result<String> {
    let failed = |failure| Error::Aws { doing: "keep the cluster's keys", failure };
    if let Some(value) = store.get(name).await.map_err(failed)? {
        return Ok(value);
    }
    let drawn = draw().map_err(drawing)?;
    if store.put_new(name, &drawn, kms, tag).await.map_err(failed)? {
        return Ok(drawn);
    }
    // Somebody was quicker.
    store
        .get(name)
        .await
        .map_err(failed)?
        .ok_or(Error::Aws { doing: "read the cluster's keys", failure: aws::Failure::Missing })
}

/// A kubeconfig of an administrator, for so many hours.
pub async fn kubeconfig(
    store: &OwnParameters,
    identity: &Identity,
    endpoint: &str,
    hours: u32,
) -> Result<Value> {
    let failed = |failure| Error::Aws { doing: "read the cluster's keys", failure };
    let read = async |name: &str| {
        let found = store.get(&format!("{}/pki/{name}", path(identity))).await.map_err(failed)?;
        found.ok_or(Error::Aws { doing: "read the cluster's keys", failure: aws::Failure::Missing })
    };
    let (certificate, key) = (read("ca.crt").await?, read("ca.key").await?);
    let authority_key = KeyPair::from_pem(&key).map_err(drawing)?;
    let (client, client_key) = client(&authority_key, hours).map_err(drawing)?;
    let user = format!("outboard@{}", identity.name);
    let encode = |text: &str| BASE64_STANDARD.encode(text);
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": identity.name,
        "clusters": [{"name": identity.name, "cluster": {
            "server": endpoint, "certificate-authority-data": encode(&certificate)}}],
        "users": [{"name": user, "user": {
            "client-certificate-data": encode(&client), "client-key-data": encode(&client_key)}}],
        "contexts": [{"name": identity.name, "context": {"cluster": identity.name, "user": user}}],
    }))
}

/// Certificate and key of an administrator.
fn client(authority_key: &KeyPair, hours: u32) -> Result<(String, String), rcgen::Error> {
    let mut params = named("outboard");
    params.distinguished_name.push(DnType::OrganizationName, ADMINS);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + after_epoch(i64::from(hours) * 3600);
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let issuer = Issuer::new(authority(CLUSTER_CA), authority_key);
    let certificate = params.signed_by(&key, &issuer)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn authority(common: &str) -> CertificateParams {
    let mut params = named(common);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
        KeyUsagePurpose::KeyCertSign,
    ];
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + after_epoch(YEARS * 365 * 86_400);
    params
}

/// The moment so many seconds from now, from the beginning of 1970.
fn after_epoch(seconds: i64) -> std::time::Duration {
    let since = jiff::Timestamp::now().as_second() + seconds;
    std::time::Duration::from_secs(since.unsigned_abs())
}

fn named(common: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    params.distinguished_name = name;
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + after_epoch(-BEFORE);
    params
}

/// Secrets are encrypted in etcd; what was written in clear before can still be read.
fn encryption(key: &[u8; 32]) -> String {
    let key = BASE64_STANDARD.encode(key);
    json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{
            "resources": ["secrets"],
            "providers": [{"secretbox": {"keys": [{"name": "first", "secret": key}]}}, {"identity": {}}],
        }],
    })
    .to_string()
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
fn drawing(error: rcgen::Error) -> Error {
    Error::Keys(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_administrator_is_signed_by_the_clusters_authority() {
        let key = KeyPair::generate().unwrap();
        let (certificate, secret) = client(&key, 1).unwrap();
        assert!(
            certificate.starts_with("-----BEGIN CERTIFICATE") && secret.starts_with("-----BEGIN PRIVATE KEY")
        );
        assert!(authority(CLUSTER_CA).self_signed(&key).is_ok());
    }

    #[test]
    fn secrets_are_encrypted_in_etcd_with_a_key_of_32_bytes() {
        let text = encryption(&[7; 32]);
        let value: Value = serde_json::from_str(&text).unwrap();
        let secret =
            value["resources"][0]["providers"][0]["secretbox"]["keys"][0]["secret"].as_str().unwrap();
        assert_eq!(BASE64_STANDARD.decode(secret).unwrap().len(), 32);
    }
}
