//! Where secrets lie, what a damaged record is, and hashes that stay what they were.

use serde_json::json;

use super::*;

#[test]
fn a_place_in_aws_has_the_region_that_it_names_or_its_arn_does() {
    let source = |place: Value| Source::from(&serde_json::from_value::<SecretPlace>(place).unwrap());
    let aws = |name: &str, region: Option<&str>| AwsPlace {
        name: name.to_owned(),
        region: region.map(str::to_owned),
    };
    let arn = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:shop/live-AbCdEf";
    assert_eq!(source(json!({"secretsmanager": arn})), Source::SecretsManager(aws(arn, Some("eu-west-2"))));
    assert_eq!(
        source(json!({"ssm": "/shop/live", "region": "us-east-1"})),
        Source::Ssm(aws("/shop/live", Some("us-east-1")))
    );
    assert_eq!(
        source(json!({"secretsmanager": "shop/live"})),
        Source::SecretsManager(aws("shop/live", None))
    );
    assert_eq!(source(json!({"kubernetes": "live"})), Source::Kubernetes("live".to_owned()));
}

#[test]
fn what_was_stored_before_classes_had_a_standard_is_hashed_and_written_as_it_was() {
    let mut revision: EnvironmentRevision = serde_json::from_value(json!({
        "project": "shop", "projectRevision": "p-1", "class": "qa", "requested": {}, "versions": {},
        "renderer": "0", "digests": {"r/web:1": "sha256:1"}, "urls": {"web": "https://web.example.com"}, "secrets": [],
        "parts": [{"name": "web", "role": "component", "replicas": 2, "objects": [
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}]}],
    }))
    .unwrap();
    // As outboard 0.1 has it: another hash would be another revision, and a rollout.
    assert_eq!(revision.content_hash(), "e612f5bf9ae760ba");
    assert!(serde_json::to_value(&revision).unwrap().get("podSecurity").is_none());
    revision.pod_security = PodSecurity::Restricted;
    assert_ne!(revision.content_hash(), "e612f5bf9ae760ba");
}

#[test]
fn a_record_with_one_object_that_is_none_is_no_revision() {
    let stored = |object: Value| ControllerRevision {
        data: Some(RawExtension(json!({
            "project": "shop", "projectRevision": "p-1", "class": "qa", "requested": {}, "versions": {},
            "renderer": "0", "urls": {}, "secrets": [],
            "parts": [{"name": "web", "role": "component", "objects": [object]}],
        }))),
        ..ControllerRevision::default()
    };
    let object = |metadata: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata});
    assert!(EnvironmentRevision::from_object(&stored(object(json!({"name": "web"})))).is_some());
    for damaged in [json!("?"), json!({}), object(json!("?")), object(json!({})), object(json!({"name": 1}))]
    {
        assert_eq!(EnvironmentRevision::from_object(&stored(damaged)), None);
    }
}
