//! Which server a service is, and what is told when that cannot be known.

use serde_json::json;

use super::*;

const PEM: &str = "\
-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIULRwyWJA5/GFw1eboQiDMxH7lwS4wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJYXV0aG9yaXR5MCAXDTI2MTEyNjA5MDgwNFoYDzIxMjYxMTAy
MDkwODA0WjAUMRIwEAYDVQQDDAlhdXRob3JpdHkwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAS5NY6lN8YF3aTFC/EreJQZ1lfW8gKV9H6zNG6CwTMfwzcgp0xDOi88
DPnwPWHCSLsb930q8Bd7g7SPMWI8Yg/Do1MwUTAdBgNVHQ4EFgQUSDALJTGzNfdo
XWbcZJJL/gwmx4wwHwYDVR0jBBgwFoAUSDALJTGzNfdoXWbcZJJL/gwmx4wwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiBf7EmBdoDxfRrj6ulOn/V1
spZ3V0Setko5P7p10WSdCgIhAKXNEom7sdOjeSDTNw6M22qriU/UIP4/05VZL5Tt
mmGc
-----END CERTIFICATE-----
";

fn kept(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect()
}

fn settings(value: serde_json::Value) -> ServiceSettings {
    serde_json::from_value(value).unwrap()
}

#[test]
fn an_external_server_is_spoken_to_by_tls_unless_the_project_says_otherwise() {
    let secret = kept(&[("username", "admin"), ("password", "p"), ("dbname", "shop"), ("ca.crt", "PEM")]);
    let of = |project: serde_json::Value| {
        external(&settings(project), &secret, "db", CopyStore::Mariadb).ok().unwrap()
    };
    let server = of(json!({"host": "db.example.com"}));
    assert_eq!((server.user.as_deref(), server.port, server.tls), (Some("admin"), 3306, true));
    assert_eq!((server.database.as_deref(), server.authority), (Some("shop"), Some(b"PEM".to_vec())));
    assert!(!of(json!({"host": "db.example.com", "fields": {"tls": "off"}})).tls);
}

#[test]
fn who_shows_a_certificate_has_its_key_too() {
    let of = |pairs: &[(&str, &str)]| {
        external(&settings(json!({"host": "cache.example.com"})), &kept(pairs), "cache", CopyStore::Redis)
    };
    let whole = of(&[("tls.crt", "CERTIFICATE"), ("tls.key", "KEY")]).ok().unwrap();
    assert_eq!(whole.identity, Some((b"CERTIFICATE".to_vec(), b"KEY".to_vec())));
    let half = of(&[("tls.crt", "CERTIFICATE")]).err().unwrap();
    assert_eq!(half.message, "nothing says tls.key of the external service cache, which has tls.crt");
}

#[test]
fn a_redis_may_have_a_user_without_a_name() {
    let secret = kept(&[("port", "6379"), ("password", "p")]);
    let Some(End::Server(server)) = ours(&secret, "cache", "shop-qa", CopyStore::Redis, None) else {
        panic!("no server")
    };
    assert_eq!((server.host.as_str(), server.user), ("cache.shop-qa.svc", None));
    assert!(ours(&secret, "db", "shop-qa", CopyStore::Mariadb, None).is_none());
    let host = settings(json!({"host": "cache.example.com"}));
    let server = external(&host, &Values::new(), "cache", CopyStore::Redis).ok().unwrap();
    assert_eq!((server.port, server.password), (6379, None));
    let named = external(&host, &kept(&[("user", "copy")]), "cache", CopyStore::Redis).err().unwrap();
    assert_eq!(named.message, "nothing says password of the external service cache");
}

#[test]
fn a_bucket_of_an_environment_is_reached_through_its_service() {
    let pairs = [
        ("port", "7070"),
        ("bucket", "app"),
        ("region", "us-east-1"),
        ("access_key", "app"),
        ("password", "p"),
    ];
    let Some(End::Bucket(bucket)) = ours(&kept(&pairs), "uploads", "shop-qa", CopyStore::S3, None) else {
        panic!("no bucket")
    };
    assert_eq!(bucket.endpoint.as_deref(), Some("http://uploads.shop-qa.svc:7070"));
    assert_eq!((bucket.name.as_str(), bucket.secret_key), ("app", b"p".to_vec()));
    assert!(ours(&kept(&pairs[..4]), "uploads", "shop-qa", CopyStore::S3, None).is_none());
}

#[test]
fn a_bucket_of_aws_is_found_by_its_region_and_another_by_its_address() {
    let secret = kept(&[("access_key", "AKIA"), ("secret_key", "s")]);
    let of = |project: serde_json::Value| external_bucket(&settings(project), &secret, "uploads");
    let at = |project: serde_json::Value| of(project).ok().unwrap().endpoint;
    let fields = json!({"bucket": "b", "region": "eu-west-1"});
    assert_eq!(at(json!({"host": "s3.eu-west-1.amazonaws.com", "fields": fields})), None);
    assert_eq!(
        at(json!({"host": "minio.example.com", "port": 9000, "fields": {"bucket": "b", "tls": "off"}})),
        Some("http://minio.example.com:9000".to_owned())
    );
    let endpoint = json!({"bucket": "b", "endpoint": "https://s3.example.com"});
    assert_eq!(at(json!({"host": "x", "fields": endpoint})), Some("https://s3.example.com".to_owned()));
    let bare = json!({"host": "s3.eu-west-1.amazonaws.com"});
    let lacks = external_bucket(&settings(bare), &Values::new(), "uploads").err().unwrap();
    assert_eq!(
        lacks.message,
        "nothing says bucket, region, access_key, secret_key of the external service uploads"
    );
}

#[test]
fn a_bucket_of_others_is_trusted_by_the_certificates_in_its_secret() {
    let of = |pem: &str, endpoint: &str| {
        let secret = kept(&[("access_key", "AKIA"), ("secret_key", "s"), ("ca.crt", pem)]);
        let fields = json!({"host": "x", "fields": {"bucket": "b", "endpoint": endpoint}});
        external_bucket(&settings(fields), &secret, "uploads")
    };
    let bucket = of(PEM, "https://s3.example.com").ok().unwrap();
    assert_eq!(bucket.authority.as_deref(), Some(PEM.as_bytes()));
    let said = |pem: &str, endpoint: &str| of(pem, endpoint).err().unwrap().message;
    assert_eq!(
        said("no certificate", "https://s3.example.com"),
        "ca.crt in the Secret of the external service uploads has no certificate in PEM"
    );
    // Without TLS nobody shows a certificate.
    assert_eq!(of(PEM, "http://s3.example.com").ok().unwrap().authority, None);
}

#[test]
fn everything_that_is_lacking_of_one_is_told() {
    let bare = settings(json!({"port": 3307}));
    let verdict = external(&bare, &Values::new(), "db", CopyStore::Mariadb).err().unwrap();
    assert_eq!(verdict.message, "nothing says host, user, password of the external service db");
}
