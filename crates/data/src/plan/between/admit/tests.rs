//! What is admitted, and what is refused with which words.

use api::DataCopySpec;
use serde_json::json;

use super::world::{environment, judged};
use super::*;

fn project(masks: &serde_json::Value) -> ProjectSpec {
    serde_json::from_value(json!({
        "components": {},
        "services": {"db": {"type": "mariadb"}, "cache": {"type": "container", "image": "cache"}, "old": {"type": "mysql"}},
        "masks": masks,
        "classes": {
            "qa": {},
            "data": {"services": {"db": {"from": "qa-data"}}},
            "production": {"protected": true, "services": {"db": {"type": "external", "host": "db.example.com"}}},
        },
    }))
    .unwrap()
}

#[test]
fn every_mariadb_that_both_have_is_copied_and_what_is_left_out_is_told() {
    let (from, to) = (environment("qa-1", "qa"), environment("qa-2", "qa"));
    let spec = DataCopySpec::between("qa-1", "qa-2");
    let admitted = judged(&spec, &project(&json!({})), (Some(&from), Some(&to)), &[]).unwrap();
    let ours = |environment: &str| Place::Ours {
        environment: environment.into(),
        namespace: format!("shop-{environment}"),
        memory: None,
    };
    let pair = Pair { service: "db".into(), store: CopyStore::Mariadb, from: ours("qa-1"), to: ours("qa-2") };
    assert_eq!(admitted.pairs, [pair]);
    assert_eq!(admitted.notes, ["left out: old of qa-1 is mysql, which cannot be copied yet"]);
}

/// The same with a Redis.
fn with_redis(masks: &serde_json::Value) -> ProjectSpec {
    let mut project = project(masks);
    project.services.insert("hot".into(), serde_json::from_value(json!({"type": "redis"})).unwrap());
    project
}

#[test]
fn a_redis_is_copied_beside_databases_and_out_of_a_protected_class_only_masked() {
    let (one, qa) = (environment("qa-2", "qa"), environment("qa-1", "qa"));
    let spec = DataCopySpec::between("qa-2", "qa-1");
    let project = with_redis(&json!({}));
    let pairs = judged(&spec, &project, (Some(&one), Some(&qa)), &[]).unwrap().pairs;
    let stores: Vec<_> = pairs.iter().map(|pair| (pair.service.as_str(), pair.store)).collect();
    assert_eq!(stores, [("db", CopyStore::Mariadb), ("hot", CopyStore::Redis)]);

    let live = environment("live", "production");
    let out = DataCopySpec::between("live", "qa-1");
    let judge = |masks| judged(&out, &with_redis(&masks), (Some(&live), Some(&qa)), &[]);
    let verdict = judge(json!({"db": {"deny": true}})).unwrap_err();
    assert_eq!(verdict.cause, Cause::MasksInvalid);
    assert!(verdict.message.contains("its hot") && verdict.fix.contains("`values`"), "{verdict:?}");
    let rules = json!([{"keys": "user:*", "field": "email", "mask": "email"}]);
    assert!(judge(json!({"db": {"deny": true}, "hot": {"values": rules}})).is_ok());
    assert!(judge(json!({"db": {"deny": true}, "hot": {"deny": true}})).is_ok());

    // Masks are proposed for columns only.
    let scan = DataCopySpec { scan: true, ..DataCopySpec::between("qa-2", "qa-2") };
    let scanned = judged(&scan, &project, (Some(&one), Some(&one)), &[]).unwrap().pairs;
    assert_eq!(scanned.len(), 1, "{scanned:?}");
}

/// The same with a Redis and an S3.
fn with_s3(masks: &serde_json::Value) -> ProjectSpec {
    let mut project = with_redis(masks);
    project.services.insert("uploads".into(), serde_json::from_value(json!({"type": "s3"})).unwrap());
    project
}

#[test]
fn a_bucket_is_copied_beside_databases_and_out_of_a_protected_class_only_masked() {
    let (one, qa) = (environment("qa-2", "qa"), environment("qa-1", "qa"));
    let spec = DataCopySpec::between("qa-2", "qa-1");
    let pairs = judged(&spec, &with_s3(&json!({})), (Some(&one), Some(&qa)), &[]).unwrap().pairs;
    let stores: Vec<_> = pairs.iter().map(|pair| (pair.service.as_str(), pair.store)).collect();
    assert_eq!(stores, [("db", CopyStore::Mariadb), ("hot", CopyStore::Redis), ("uploads", CopyStore::S3)]);

    let live = environment("live", "production");
    let out = DataCopySpec { services: vec!["uploads".into()], ..DataCopySpec::between("live", "qa-1") };
    let judge = |masks| judged(&out, &with_s3(&masks), (Some(&live), Some(&qa)), &[]);
    let verdict = judge(json!({})).unwrap_err();
    assert_eq!(verdict.cause, Cause::MasksInvalid);
    assert!(verdict.fix.contains("`prefixes`"), "{verdict:?}");
    assert!(judge(json!({"uploads": {"deny": true}})).is_ok());
    assert!(judge(json!({"uploads": {"prefixes": {"avatars/": "placeholder"}}})).is_ok());

    let services = vec!["uploads".to_owned()];
    let scan = DataCopySpec { scan: true, services, ..DataCopySpec::between("qa-2", "qa-2") };
    let verdict = judged(&scan, &with_s3(&json!({})), (Some(&one), Some(&one)), &[]).unwrap_err();
    assert_eq!(verdict.message, "uploads is s3, for which no masks are proposed");
}

#[test]
fn what_only_a_bucket_of_others_has_stays_there_unless_its_removal_is_asked_for() {
    let ours = Place::Ours { environment: "qa".into(), namespace: "shop-qa".into(), memory: None };
    let external = Place::External { class: "qa".into(), settings: Box::default() };
    let pair = |to| Pair { service: "uploads".into(), store: CopyStore::S3, from: ours.clone(), to };
    let spec = DataCopySpec::between("live", "qa");
    assert_eq!(pair(ours.clone()).delete_up_to(&spec), Some(100_000));
    assert_eq!(pair(external.clone()).delete_up_to(&spec), None);
    let asked = |most| DataCopySpec { delete_up_to: Some(most), ..spec.clone() };
    assert_eq!(pair(external).delete_up_to(&asked(5)), Some(5));
    assert_eq!(pair(ours.clone()).delete_up_to(&asked(0)), None);
}

#[test]
fn all_that_is_wrong_with_the_choice_of_keys_is_told_at_once() {
    let (one, qa) = (environment("qa-2", "qa"), environment("qa-1", "qa"));
    let between = || DataCopySpec::between("qa-2", "qa-1");
    let keys = |value: serde_json::Value| serde_json::from_value(value).unwrap();
    let judge = |spec: &DataCopySpec| judged(spec, &with_s3(&json!({})), (Some(&one), Some(&qa)), &[]);
    let good = json!({
        "hot": {"include": ["user:*"], "rename": {"prod:": "qa:"}},
        "uploads": {"include": ["a/"], "exclude": ["a/tmp/"], "rename": {"a/": "b/"}},
    });
    assert!(judge(&DataCopySpec { keys: keys(good), ..between() }).is_ok());
    let wrong = json!({
        "db": {"include": ["a"]},
        "hot": {"rename": {"a": "x", "b": "x"}},
        "uploads": {"include": ["a/"], "rename": {"b/": "c/", "a/x/": ".outboard-copy/"}},
    });
    let databases = [("uploads".to_owned(), vec!["app".to_owned()])].into();
    let verdict = judge(&DataCopySpec { keys: keys(wrong), databases, ..between() }).unwrap_err();
    insta::assert_snapshot!(
        [vec![format!("{}: {}", verdict.message, verdict.fix)], verdict.evidence].concat().join("\n")
    );
    let other = DataCopySpec { keys: keys(json!({"queue": {}})), ..between() };
    assert_eq!(judge(&other).unwrap_err().message, "keys of queue are named, which is not copied");
}

#[test]
fn services_of_two_types_and_databases_without_a_number_are_refused() {
    let (one, live) = (environment("qa-2", "qa"), environment("qa-1", "other"));
    let mut project = with_redis(&json!({}));
    let other = json!({"services": {"hot": {"type": "mariadb"}}});
    project.classes.insert("other".into(), serde_json::from_value(other).unwrap());
    let spec = DataCopySpec { services: vec!["hot".into()], ..DataCopySpec::between("qa-2", "qa-1") };
    let verdict = judged(&spec, &project, (Some(&one), Some(&live)), &[]).unwrap_err();
    assert_eq!(verdict.message, "hot is redis in qa-2 and mariadb in qa-1");

    let qa = environment("qa-3", "qa");
    let databases = [("hot".to_owned(), vec!["0".to_owned(), "shop".to_owned()])].into();
    let spec = DataCopySpec { databases, ..DataCopySpec::between("qa-2", "qa-3") };
    let verdict = judged(&spec, &project, (Some(&one), Some(&qa)), &[]).unwrap_err();
    assert_eq!(verdict.message, "database shop of hot is named, whose databases have numbers");
}

#[test]
fn what_others_run_on_both_sides_is_what_the_project_runs_itself() {
    let (live, load) = (environment("live", "live"), environment("load", "load"));
    let mut project = with_redis(&json!({}));
    for class in ["live", "load"] {
        let external = json!({"services": {"hot": {"type": "external", "host": "cache.example.com"}}});
        project.classes.insert(class.into(), serde_json::from_value(external).unwrap());
    }
    let spec = DataCopySpec { services: vec!["hot".into()], ..DataCopySpec::between("live", "load") };
    let pairs = judged(&spec, &project, (Some(&live), Some(&load)), &[]).unwrap().pairs;
    assert_eq!(pairs[0].store, CopyStore::Redis);
}

#[test]
fn a_protected_class_is_no_target_and_no_source_without_masks() {
    let (live, qa) = (environment("live", "production"), environment("qa-1", "qa"));
    let (bare, masked) = (project(&json!({})), project(&json!({"db": {"deny": true}})));
    let into = DataCopySpec::between("qa-1", "live");
    let out = DataCopySpec::between("live", "qa-1");
    let cause = |spec: &DataCopySpec, project: &ProjectSpec, ends| {
        judged(spec, project, ends, &[]).map_err(|verdict| verdict.cause).map(drop)
    };
    let (inward, outward) = ((Some(&qa), Some(&live)), (Some(&live), Some(&qa)));
    assert_eq!(cause(&into, &masked, inward), Err(Cause::Protected));
    assert_eq!(cause(&out, &bare, outward), Err(Cause::MasksInvalid));
    assert_eq!(cause(&out, &masked, outward), Ok(()));
    let unmasked = DataCopySpec { masks: MaskChoice::None, ..out.clone() };
    assert_eq!(cause(&unmasked, &masked, outward), Err(Cause::Protected));
    for spec in [into, unmasked] {
        let allowed = DataCopySpec { protected: true, ..spec };
        let ends = if allowed.to.environment == "live" { inward } else { outward };
        assert_eq!(cause(&allowed, &masked, ends), Ok(()));
    }
    let shown = DataCopySpec { dry_run: true, ..DataCopySpec::between("live", "qa-1") };
    assert_eq!(cause(&shown, &bare, outward), Ok(()));
}

#[test]
fn an_old_revision_opens_no_door_that_the_project_has_closed_since() {
    let (from, to) = (environment("qa-1", "qa"), environment("qa-2", "qa"));
    let old = project(&json!({}));
    let mut now = old.clone();
    now.classes.insert("qa".into(), api::project::Class { protected: true, ..Default::default() });
    let spec = DataCopySpec::between("qa-1", "qa-2");
    let side = |name, environment| Side { name, environment, revision: Some(&old) };
    let ask = Ask {
        name: "c1",
        spec: &spec,
        project: Some(&now),
        from: side("qa-1", Some(&from)),
        to: side("qa-2", Some(&to)),
        before: &[],
        record: None,
        install: "outboard",
        uid: "uid-1",
        control_namespace: "shop",
    };
    let verdict = admit(&ask).unwrap_err();
    assert_eq!(verdict.cause, Cause::Protected);
    assert_eq!(verdict.evidence.len(), 1, "{verdict:?}");
}

#[test]
fn data_is_copied_from_the_environment_that_it_lies_in_whose_class_protects_it() {
    let (live, qa) = (environment("qa-data", "production"), environment("qa-1", "qa"));
    let through = environment("qa-3", "data");
    let project = project(&json!({}));
    let spec = DataCopySpec::between("qa-3", "qa-1");
    for services in [vec![], vec!["db".to_owned()]] {
        let spec = DataCopySpec { services, ..spec.clone() };
        let verdict = judged(&spec, &project, (Some(&through), Some(&qa)), &[]).unwrap_err();
        assert_eq!(
            (verdict.message.as_str(), verdict.fix.as_str()),
            ("db of qa-3 is that of qa-data", "copy from qa-data")
        );
        assert!(verdict.terminal);
    }
    let direct = DataCopySpec::between("qa-data", "qa-1");
    let verdict = judged(&direct, &project, (Some(&live), Some(&qa)), &[]).unwrap_err();
    assert_eq!(verdict.cause, Cause::MasksInvalid);
}

#[test]
fn everything_that_speaks_against_it_is_told_at_once() {
    let (from, to) = (environment("qa-1", "qa"), environment("qa-2", "data"));
    let services = ["cache", "old", "db", "queue"].map(str::to_owned).to_vec();
    let spec = DataCopySpec { services, ..DataCopySpec::between("qa-1", "qa-2") };
    let verdict = judged(&spec, &project(&json!({})), (Some(&from), Some(&to)), &[]).unwrap_err();
    insta::assert_snapshot!(
        [vec![format!("{}: {}", verdict.message, verdict.fix)], verdict.evidence].concat().join("\n")
    );
}

#[test]
fn an_environment_that_goes_ends_it_and_one_that_is_not_ready_is_waited_for() {
    let (from, mut to) = (environment("qa-1", "qa"), environment("qa-2", "qa"));
    let spec = DataCopySpec::between("qa-1", "qa-2");
    let project = project(&json!({}));
    let missing = judged(&spec, &project, (Some(&from), None), &[]).unwrap_err();
    assert_eq!((missing.cause, missing.terminal), (Cause::EnvironmentNotFound, true));
    to.status = None;
    let waits = judged(&spec, &project, (Some(&from), Some(&to)), &[]).unwrap_err();
    assert_eq!((waits.cause, waits.terminal), (Cause::ServiceNotReady, false));
    to.metadata.deletion_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH));
    assert!(
        judged(&spec, &project, (Some(&from), Some(&to)), &[]).unwrap_err().message.contains("destroyed")
    );
}

#[test]
fn copies_that_meet_are_made_one_after_the_other() {
    let (from, to) = (environment("qa-1", "qa"), environment("qa-2", "qa"));
    let spec = DataCopySpec::between("qa-1", "qa-2");
    let other = |from: &str, to: &str| DataCopy::new("c0", DataCopySpec::between(from, to));
    let judge = |other| judged(&spec, &project(&json!({})), (Some(&from), Some(&to)), &[other]);
    for meets in [other("qa-3", "qa-2"), other("qa-3", "qa-1"), other("qa-2", "qa-3")] {
        let verdict = judge(meets).unwrap_err();
        assert_eq!((verdict.cause, verdict.terminal), (Cause::CopyUnderWay, false));
    }
    assert!(judge(other("qa-1", "qa-3")).is_ok());
}
